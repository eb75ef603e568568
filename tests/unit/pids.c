/* The table of processes, and stacks: what is held does not end; nobody is found after the end; a stack has one owner at
 * a time, whichever worker gives it back. */
#include "src/pids.h"

#include <pthread.h>
#include <stdlib.h>

#include "src/stack.h"
#include "tests/unit/test.h"

#define IDS 200u
#define ROUNDS 20000u

typedef struct thing { _Atomic u64 id; } thing; /* id 0: ended */

static rl_pids table;
static thing things[IDS];
static _Atomic bool over;
static _Atomic u64 held, wrong;

/* Holds at random; what is found must be what was asked for, as long as it is held. */
static void *holder(void *arg) {
    rl_shared = true;
    u32 seed = (u32)(uintptr_t)arg;
    while (!atomic_load(&over)) {
        seed = seed * 1664525u + 1013904223u;
        u64 id = 1 + (seed >> 8) % (IDS * 2);
        thing *t = (thing *)rl_pid_hold(&table, id);
        for (u32 i = 0; t && i < 4; i++) atomic_fetch_add(&wrong, atomic_load(&t->id) != id);
        atomic_fetch_add(&held, t != NULL);
        rl_pid_release(&table, id);
    }
    return NULL;
}

static void ends_only_when_free(void **state) {
    (void)state;
    pthread_t thread[2];
    rl_shared = true;
    for (uintptr_t i = 0; i < RL_LEN(thread); i++) assert_int_equal(pthread_create(&thread[i], NULL, holder, (void *)(i + 1)), 0);
    u32 seed = 9;
    for (u32 i = 0; i < ROUNDS || !atomic_load(&held); i++) {
        seed = seed * 1664525u + 1013904223u;
        thing *t = &things[(seed >> 8) % IDS];
        u64 id = atomic_load(&t->id);
        if (id) {
            rl_pid_remove(&table, id);
            atomic_store(&t->id, 0);
            continue;
        }
        id = (u64)(t - things) + 1 + (seed >> 31) * IDS;
        atomic_store(&t->id, id);
        assert_int_equal(rl_pid_add(&table, id, (struct rl_proc *)t), RL_OK);
    }
    atomic_store(&over, true);
    for (u32 i = 0; i < RL_LEN(thread); i++) pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
    u32 left = 0;
    for (thing *t; (t = (thing *)rl_pid_any(&table)); left++) rl_pid_remove(&table, atomic_exchange(&t->id, 0));
    for (u32 i = 0; i < IDS; i++) assert_int_equal(atomic_load(&things[i].id), 0);
    assert_true(left <= IDS);
    rl_pids_fini(&table);
}

static void stacks_change_workers(void **state) {
    (void)state;
    enum { COUNT = 3000 };
    static u8 *mine[COUNT];
    rl_stacks all;
    rl_stacks_init(&all, 65536);
    rl_stack_cache a = { .all = &all }, b = { .all = &all };
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < COUNT; i++) {
            assert_non_null(mine[i] = rl_stack_get(&a));
            *(u32 *)(mine[i] + all.size - 64) = i + 1;
        }
        for (u32 i = 0; i < COUNT; i++) { /* nobody else was given it */
            assert_int_equal(*(u32 *)(mine[i] + all.size - 64), i + 1);
            rl_stack_put(i % 3 ? &b : &a, mine[i]);
        }
    }
    /* used again, not new ones each round: only what lay in b's cache was not at hand */
    assert_in_range(all.nfree + a.n + b.n, COUNT, COUNT + RL_STACK_CACHE);
    rl_stacks_fini(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_only_when_free),
        cmocka_unit_test(stacks_change_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
