/* Mailbox and messages: order under concurrent senders, one waker per park, selective taking, resources. */
#include "src/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/test.h"

static rl_msg *tagged(i64 tag, u64 pid) { return rl_msg_new(RL_SIG_DATA, tag, pid); }

static void save_arrivals(rl_mailbox *b) {
    for (rl_msg *m = rl_mailbox_arrivals(b), *next; m; m = next) {
        next = m->next;
        rl_mailbox_save(b, m);
    }
}

/* Takes with the given tags from the beginning; the pid of what came, 0 for nothing. */
static u64 take(rl_mailbox *b, const i64 *tags, u32 n) {
    rl_msg **from = b->first ? &b->first : b->last;
    rl_msg *m = rl_mailbox_take(b, &from, tags, n);
    u64 pid = m ? m->pid : 0;
    rl_msg_free(m);
    return pid;
}

static void selective(void **state) {
    (void)state;
    rl_mailbox b;
    static const i64 tags[] = { 0, 5, -1, 6, 5 };
    rl_mailbox_init(&b);
    for (u32 i = 0; i < 5; i++) assert_false(rl_mailbox_push(&b, tagged(tags[i], i + 1)));
    save_arrivals(&b);
    assert_int_equal(b.count, 5);
    assert_int_equal(take(&b, (i64[]){ 0 }, 1), 0);
    assert_int_equal(take(&b, (i64[]){ 6, 5 }, 2), 2);
    assert_int_equal(take(&b, (i64[]){ 6, 5 }, 2), 4);
    assert_int_equal(take(&b, NULL, 0), 1);
    assert_int_equal(take(&b, (i64[]){ 5 }, 1), 5);
    rl_mailbox_save(&b, tagged(1, 9)); /* behind a removed last one */
    assert_int_equal(take(&b, NULL, 0), 3);
    assert_int_equal(take(&b, NULL, 0), 9);
    assert_int_equal(take(&b, NULL, 0), 0);
    assert_int_equal(b.count, 0);
    rl_mailbox_fini(&b);
}

static void search_goes_on(void **state) {
    (void)state;
    rl_mailbox b;
    i64 tag = 7;
    rl_mailbox_init(&b);
    rl_mailbox_save(&b, tagged(7, 1));
    rl_msg **from = b.last; /* what is there does not count */
    assert_null(rl_mailbox_take(&b, &from, &tag, 1));
    rl_mailbox_save(&b, tagged(8, 2));
    assert_null(rl_mailbox_take(&b, &from, &tag, 1));
    rl_mailbox_save(&b, tagged(7, 3));
    rl_msg *m = rl_mailbox_take(&b, &from, &tag, 1);
    assert_int_equal(m->pid, 3);
    rl_msg_free(m);
    rl_mailbox_fini(&b);
}

static void park_and_wake(void **state) {
    (void)state;
    rl_mailbox b;
    rl_mailbox_init(&b);
    assert_true(rl_mailbox_park(&b));
    assert_null(rl_mailbox_arrivals(&b));
    assert_true(rl_mailbox_push(&b, tagged(1, 1)));  /* the first wakes */
    assert_false(rl_mailbox_push(&b, tagged(1, 2))); /* the second does not */
    assert_false(rl_mailbox_unpark(&b));
    assert_false(rl_mailbox_park(&b)); /* something is there */
    save_arrivals(&b);
    assert_true(rl_mailbox_park(&b));
    assert_true(rl_mailbox_unpark(&b));
    assert_false(rl_mailbox_unpark(&b));
    rl_mailbox_fini(&b);
}

#define SENDERS 3
#define EACH 20000
static rl_mailbox shared;
static _Atomic u64 wakes;

static void *sender(void *arg) {
    rl_shared = true;
    u64 me = (u64)(uintptr_t)arg;
    for (u64 i = 0; i < EACH; i++)
        if (rl_mailbox_push(&shared, tagged((i64)me + 1, i))) atomic_fetch_add(&wakes, 1);
    rl_msg_thread_fini();
    return NULL;
}

/* Each sender's messages arrive in order, none is lost, and every park is ended by exactly one wake. */
static void concurrent(void **state) {
    (void)state;
    pthread_t thread[SENDERS];
    u64 next[SENDERS] = { 0 }, got = 0, parks = 0;
    rl_mailbox_init(&shared);
    rl_shared = true;
    for (u64 i = 0; i < SENDERS; i++) pthread_create(&thread[i], NULL, sender, (void *)(uintptr_t)i);
    while (got < SENDERS * EACH) {
        if (rl_mailbox_park(&shared)) {
            parks++;
            while (atomic_load(&wakes) < parks) sched_yield();
        }
        for (rl_msg *m = rl_mailbox_arrivals(&shared), *after; m; m = after, got++) {
            after = m->next;
            assert_int_equal(m->pid, next[m->tag - 1]++);
            rl_msg_free(m);
        }
    }
    for (u32 i = 0; i < SENDERS; i++) pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&wakes), parks);
    rl_mailbox_fini(&shared);
}

static u32 dropped;
static void drop(void *object) { dropped += object != NULL; }
static const struct rl_carried_type a_type = { "a", drop }, b_type = { "b", drop };

static void messages(void **state) {
    (void)state;
    rl_msg *m = tagged(0, 0);
    u8 bytes[100];
    u64 index;
    for (u32 i = 0; i < sizeof bytes; i++) bytes[i] = (u8)i;
    for (u32 i = 0; i < 1000; i++) assert_int_equal(rl_msg_append(m, bytes, 1 + i % 100), RL_OK);
    assert_int_equal(m->size, 50500);
    for (u64 i = 0, at = 0; i < 1000; at += 1 + i++ % 100) assert_memory_equal(m->data + at, bytes, 1 + i % 100);
    assert_int_equal(rl_msg_append_more(m, bytes, RL_MSG_MAX), RL_ERR_LIMIT);
    for (u64 i = 0; i < 5; i++) {
        assert_int_equal(rl_msg_push(m, i % 2 ? &b_type : &a_type, &bytes[i], &index), RL_OK);
        assert_int_equal(index, i);
    }
    assert_null(rl_msg_take(m, 1, &a_type)); /* wrong type: stays */
    assert_ptr_equal(rl_msg_take(m, 1, &b_type), &bytes[1]);
    assert_null(rl_msg_take(m, 1, &b_type));
    assert_null(rl_msg_take(m, 5, &a_type));
    rl_msg_free(m);
    assert_int_equal(dropped, 4);
}

/* Hints of every size, and data that outgrows them; the mailbox knows what everything weighs. */
static void sizes(void **state) {
    (void)state;
    rl_mailbox b;
    static const u64 hints[] = { 0, 1, 8, 9, 72, 73, 200, 201, 968, 969, 5000, UINT64_MAX };
    u8 bytes[1000];
    memset(bytes, 7, sizeof bytes);
    rl_mailbox_init(&b);
    for (u32 i = 0; i < RL_LEN(hints); i++)
        for (u64 n = 0; n <= sizeof bytes; n += 50) {
            rl_msg *m = rl_msg_new_data(3, hints[i]);
            assert_true(hints[i] > sizeof bytes || m->capacity >= hints[i]);
            assert_int_equal(rl_msg_append(m, bytes, n / 2), RL_OK);
            assert_int_equal(rl_msg_append(m, bytes, n - n / 2), RL_OK);
            assert_memory_equal(m->data, bytes, n);
            assert_true(rl_msg_weight(m) >= 56 + n);
            rl_mailbox_push(&b, m);
        }
    assert_true(rl_mailbox_bytes(&b) > RL_LEN(hints) * 20 * 500);
    save_arrivals(&b);
    while (take(&b, NULL, 0), b.count) {}
    assert_int_equal(rl_mailbox_bytes(&b), 0);
    rl_mailbox_fini(&b);
}

/* The remembered place of a search survives what is taken around it. */
static void marks(void **state) {
    (void)state;
    rl_mailbox b;
    rl_mailbox_init(&b);
    u64 at = 1;
    for (; at <= 10; at++) rl_mailbox_save(&b, tagged(1, at));
    assert_int_equal(take(&b, (i64[]){ 2 }, 1), 0); /* marks the end */
    rl_mailbox_save(&b, tagged(2, at++));
    rl_mailbox_save(&b, tagged(1, at++));
    rl_mailbox_save(&b, tagged(2, at++));
    assert_int_equal(take(&b, (i64[]){ 1, 9 }, 2), 1);
    for (u64 i = 2; i <= 9; i++) assert_int_equal(take(&b, NULL, 0), i);
    assert_int_equal(take(&b, NULL, 0), 10); /* the mark hung on it */
    assert_int_equal(take(&b, (i64[]){ 2 }, 1), 11);
    assert_int_equal(take(&b, (i64[]){ 1 }, 1), 12); /* another tag starts at the front */
    assert_int_equal(take(&b, (i64[]){ 2 }, 1), 13);
    assert_int_equal(take(&b, (i64[]){ 2 }, 1), 0);
    assert_int_equal(b.count, 0);
    rl_mailbox_fini(&b);
}

/* The only thread's way keeps the order of what is pushed and what is saved at once. */
static void alone(void **state) {
    (void)state;
    rl_mailbox b;
    rl_mailbox_init(&b);
    assert_true(rl_alone());
    assert_true(rl_mailbox_park(&b));
    assert_true(rl_mailbox_save_alone(&b, tagged(1, 1)));
    assert_true(rl_mailbox_unpark_alone(&b));
    assert_false(rl_mailbox_unpark_alone(&b));
    assert_false(rl_mailbox_push(&b, tagged(1, 2)));
    rl_msg *m = tagged(1, 3);
    assert_false(rl_mailbox_save_alone(&b, m)); /* one is waiting before it */
    rl_mailbox_push(&b, m);
    save_arrivals(&b);
    for (u64 i = 1; i <= 3; i++) assert_int_equal(take(&b, NULL, 0), i);
    assert_int_equal(rl_mailbox_bytes(&b), 0);
    rl_mailbox_fini(&b);
}

static int finish(void **state) {
    (void)state;
    rl_msg_thread_fini();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(selective), cmocka_unit_test(search_goes_on),
                                        cmocka_unit_test(park_and_wake), cmocka_unit_test(messages),
                                        cmocka_unit_test(sizes), cmocka_unit_test(marks), cmocka_unit_test(alone),
                                        cmocka_unit_test(concurrent) }; /* last: no longer alone */
    return cmocka_run_group_tests(tests, NULL, finish);
}
