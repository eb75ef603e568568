/* Health: workers that get on, and one that does not. What the exporter prints is tested in tests/net with a real client. */
#include "src/host/metrics.h"

#include <stdlib.h>

#include "src/base/os.h"
#include "src/sched.h"
#include "tests/unit/test.h"

static rl_rt *rt;
static _Atomic bool over;

static void *busy(void *unused) {
    (void)unused;
    while (!atomic_load(&over)) {
        __atomic_fetch_add(&rt->workers[0].stats.slices, 1, __ATOMIC_RELAXED);
        rl_os_relax();
    }
    return NULL;
}

/* Gets on only when it is woken, as an idle worker. */
static void *idle(void *unused) {
    (void)unused;
    while (!atomic_load(&over)) {
        rl_io_found found;
        rl_io_sleep(&rl_rt_worker(rt, 1)->io, 10000000000, &found);
        rl_io_tell(&rl_rt_worker(rt, 1)->io, &found, NULL, NULL, NULL);
        __atomic_fetch_add(&rl_rt_worker(rt, 1)->stats.polls, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void health(void **state) {
    (void)state;
    char why[100] = "";
    pthread_t a, b;
    rt = aligned_alloc(_Alignof(rl_rt), rl_align(sizeof *rt, _Alignof(rl_rt)));
    memset(rt, 0, sizeof *rt);
    rt->workers = aligned_alloc(_Alignof(rl_worker), 2 * sizeof *rt->workers);
    memset(rt->workers, 0, 2 * sizeof *rt->workers);
    rt->more_workers = rt->workers + 1;
    for (u32 i = 0; i < 2; i++) assert_int_equal(rl_io_init(&rt->workers[i].io), RL_OK);
    atomic_store(&rt->started, 2);
    pthread_create(&a, NULL, busy, NULL);
    assert_false(rl_metrics_healthy(rt, why, sizeof why));
    assert_string_equal(why, "worker 1 got nothing done for two seconds");
    pthread_create(&b, NULL, idle, NULL);
    assert_true(rl_metrics_healthy(rt, why, sizeof why));
    atomic_store(&over, true);
    rl_io_wake(&rl_rt_worker(rt, 1)->io);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    for (u32 i = 0; i < 2; i++) rl_io_fini(&rt->workers[i].io);
    free(rt->workers);
    free(rt);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(health) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
