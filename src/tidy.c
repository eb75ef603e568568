/* Tidying up. Shells, memories and stacks of processes that ended keep their pages, so that the next ones take no faults; a
 * crowd would leave gigabytes behind. Invariant: what was in use at any time of a period stays, and a few of each; the
 * rest goes back to the system, a little at a time, when a worker finds nothing to run. So a program that makes crowds
 * again and again keeps what it needs for one, a busy worker never does this, and one that sleeps is not woken for it once
 * all has been given back. A worker tidies its own shells, and the pools of all. Giving back at the end of each process,
 * above some number, was not taken as the only means: below it all would stay for ever, and a number that is good for a
 * program is bad for another. */
#include "src/tidy.h"

#include <malloc.h>

#include "src/base/os.h"
#include "src/sched.h"

#define PERIOD_NS 500000000

/* Whether the pools are w's to tidy up, as long as it is at it. */
static bool own_pools(rl_worker *w) {
    struct rl_worker *nobody = NULL;
    /* relaxed: the pools have locks */
    return atomic_compare_exchange_strong_explicit(&w->rt->tidier, &nobody, w, memory_order_relaxed, memory_order_relaxed) || nobody == w;
}

static bool anything(rl_worker *w) {
    rl_rt *rt = w->rt;
    bool any = rl_spares_full(&w->spares);
    if (any || !own_pools(w)) return any;
    for (u32 i = 0; i < rl_rt_started(rt) && !any; i++) any = rl_slots_full(&rl_rt_worker(rt, i)->slots);
    return any || rl_stacks_full(&rt->stacks) || rl_stacks_full(&rt->deep_stacks);
}

/* Some of what was not in use throughout the period. True: there is more. */
static bool give_back(rl_worker *w) {
    rl_rt *rt = w->rt;
    if (rl_spares_trim(&w->spares, w->stats.processes - w->tidy.processes)) return true;
    if (!own_pools(w)) return false;
    for (u32 i = 0; i < rl_rt_started(rt); i++)
        if (rl_slots_trim(&rl_rt_worker(rt, i)->slots)) return true;
    return rl_stacks_trim(&rt->stacks) || rl_stacks_trim(&rt->deep_stacks);
}

/* A period begins. */
static void begin(rl_worker *w, i64 now) {
    rl_rt *rt = w->rt;
    w->tidy.began = now;
    w->tidy.processes = w->stats.processes;
    if (!own_pools(w)) return;
    for (u32 i = 0; i < rl_rt_started(rt); i++) rl_slots_mark(&rl_rt_worker(rt, i)->slots);
    rl_stacks_mark(&rt->stacks);
    rl_stacks_mark(&rt->deep_stacks);
}

/* All is as small as it gets: so are tables and the C library's heap. */
static void finish(rl_worker *w) {
    if (w->tidy.gave) {
        rl_pids_fit(&w->rt->pids);
        malloc_trim(0);
    }
    w->tidy = (rl_tidy){ 0 };
}

i64 rl_tidy_up(rl_worker *w) {
    struct rl_worker *me = w;
    if (!anything(w)) {
        if (w->tidy.began) finish(w);
        (void)atomic_compare_exchange_strong_explicit(&w->rt->tidier, &me, NULL, memory_order_relaxed, memory_order_relaxed);
        return INT64_MAX;
    }
    i64 now = (i64)rl_os_now_ns();
    if (!w->tidy.began) {
        begin(w, now);
    } else if (now - w->tidy.began >= PERIOD_NS) {
        w->tidy.gave = true;
        if (give_back(w)) return 0;
        begin(w, now);
    }
    return w->tidy.began + PERIOD_NS - now;
}
