/* The run queue: first in, first out past the ring's size, newborns last in, first out, and nothing lost or doubled while
 * thieves steal. */
#include "src/runq.h"

#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/test.h"

#define N 100000u

typedef struct item {
    rl_run run;
    _Atomic u32 seen;
    u32 number;
} item;

static item items[N];

static void first_in_first_out(void **state) {
    (void)state;
    static rl_runq q;
    u32 in = 0, out = 0;
    rl_runq_init(&q);
    srand(3);
    while (out < 5000) {
        for (u32 n = (u32)rand() % 700; n && in < 5000; n--) {
            items[in].number = in;
            rl_runq_push(&q, RL_TURN_RAN, &items[in++].run);
        }
        for (u32 n = (u32)rand() % 700; n; n--) {
            rl_run *r = rl_runq_pop(&q, RL_TURN_RAN);
            if (!r) {
                assert_int_equal(in, out);
                break;
            }
            assert_int_equal(((item *)r)->number, out++);
        }
    }
    assert_null(rl_runq_pop(&q, RL_TURN_RAN));
    rl_runq_fini(&q);
}

static u32 taken_from(rl_runq *q, rl_turn kind) {
    rl_run *r = rl_runq_pop(q, kind);
    assert_non_null(r);
    return ((item *)r)->number;
}

static void youngest_first(void **state) {
    (void)state;
    static rl_runq q, loot;
    rl_runq_init(&q);
    rl_runq_init(&loot);
    for (u32 i = 0; i < 8; i++) {
        items[i].number = i;
        rl_runq_push(&q, i == 3 ? RL_TURN_WOKEN : i == 4 ? RL_TURN_RAN : RL_TURN_NEWBORN, &items[i].run);
    }
    assert_int_equal(rl_runq_length(&q), 8);
    assert_int_equal(rl_runq_newborns(&q), 6);
    assert_int_equal(taken_from(&q, RL_TURN_NEWBORN), 7);
    assert_int_equal(((item *)rl_runq_pop_eldest(&q))->number, 0);
    assert_int_equal(rl_runq_steal(&q, &loot), 2); /* of 1 2 5 6 the elder ones */
    assert_int_equal(taken_from(&loot, RL_TURN_NEWBORN), 2);
    assert_int_equal(taken_from(&loot, RL_TURN_NEWBORN), 1);
    assert_null(rl_runq_pop(&loot, RL_TURN_NEWBORN));
    assert_int_equal(taken_from(&q, RL_TURN_NEWBORN), 6);
    assert_int_equal(taken_from(&q, RL_TURN_NEWBORN), 5);
    assert_null(rl_runq_pop(&q, RL_TURN_NEWBORN));
    assert_null(rl_runq_pop_eldest(&q));
    assert_int_equal(rl_runq_steal(&q, &loot), 1); /* one that ran, rather than one just woken */
    assert_int_equal(taken_from(&loot, RL_TURN_RAN), 4);
    assert_int_equal(rl_runq_steal(&q, &loot), 1);
    assert_int_equal(taken_from(&loot, RL_TURN_WOKEN), 3);
    assert_int_equal(rl_runq_length(&q), 0);
    rl_runq_fini(&q);
    rl_runq_fini(&loot);
}

static rl_runq victim;
static _Atomic bool over;

static rl_run *pop_any(rl_runq *q) {
    rl_run *r = NULL;
    for (u32 kind = 0; !r && kind < RL_TURN_COUNT; kind++) r = rl_runq_pop(q, kind);
    return r;
}

static void *thief(void *arg) {
    rl_shared = true;
    static _Thread_local rl_runq mine;
    (void)arg;
    rl_runq_init(&mine);
    while (!atomic_load(&over)) {
        rl_runq_steal(&victim, &mine);
        for (rl_run *r; (r = pop_any(&mine));) atomic_fetch_add(&((item *)r)->seen, 1);
    }
    rl_runq_fini(&mine);
    return NULL;
}

static void stealing(void **state) {
    (void)state;
    pthread_t thread[2];
    rl_runq_init(&victim);
    rl_shared = true;
    for (u32 i = 0; i < 2; i++) pthread_create(&thread[i], NULL, thief, NULL);
    for (u32 i = 0; i < N; i++) {
        rl_runq_push(&victim, i / 7 % RL_TURN_COUNT, &items[i].run);
        if (i % 3) continue;
        rl_run *r = i % 2 ? rl_runq_pop(&victim, i % RL_TURN_COUNT) : rl_runq_pop_eldest(&victim);
        if (r) atomic_fetch_add(&((item *)r)->seen, 1);
    }
    for (rl_run *r; (r = pop_any(&victim));) atomic_fetch_add(&((item *)r)->seen, 1);
    atomic_store(&over, true);
    for (u32 i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    for (u32 i = 0; i < N; i++) assert_int_equal(atomic_load(&items[i].seen), 1);
    rl_runq_fini(&victim);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(first_in_first_out), cmocka_unit_test(youngest_first), cmocka_unit_test(stealing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
