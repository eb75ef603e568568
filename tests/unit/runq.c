/* The run queue: first in, first out past the ring's size, and nothing lost or doubled while thieves steal. */
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
            rl_runq_push(&q, &items[in++].run);
        }
        for (u32 n = (u32)rand() % 700; n; n--) {
            rl_run *r = rl_runq_pop(&q);
            if (!r) {
                assert_int_equal(in, out);
                break;
            }
            assert_int_equal(((item *)r)->number, out++);
        }
    }
    assert_null(rl_runq_pop(&q));
    rl_runq_fini(&q);
}

static rl_runq victim;
static _Atomic bool over;

static void *thief(void *arg) {
    static _Thread_local rl_runq mine;
    (void)arg;
    rl_runq_init(&mine);
    while (!atomic_load(&over)) {
        rl_runq_steal(&victim, &mine);
        for (rl_run *r; (r = rl_runq_pop(&mine));) atomic_fetch_add(&((item *)r)->seen, 1);
    }
    rl_runq_fini(&mine);
    return NULL;
}

static void stealing(void **state) {
    (void)state;
    pthread_t thread[2];
    rl_runq_init(&victim);
    for (u32 i = 0; i < 2; i++) pthread_create(&thread[i], NULL, thief, NULL);
    for (u32 i = 0; i < N; i++) {
        rl_runq_push(&victim, &items[i].run);
        if (i % 3) continue;
        rl_run *r = rl_runq_pop(&victim);
        if (r) atomic_fetch_add(&((item *)r)->seen, 1);
    }
    for (rl_run *r; (r = rl_runq_pop(&victim));) atomic_fetch_add(&((item *)r)->seen, 1);
    atomic_store(&over, true);
    for (u32 i = 0; i < 2; i++) pthread_join(thread[i], NULL);
    for (u32 i = 0; i < N; i++) assert_int_equal(atomic_load(&items[i].seen), 1);
    rl_runq_fini(&victim);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(first_in_first_out), cmocka_unit_test(stealing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
