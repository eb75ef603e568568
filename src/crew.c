/* The crew. A second core makes some programs twice as fast and others three times as slow: those whose processes do
 * little but exchange messages wait for each other's cache lines. Which kind it is changes while a program runs, so it is
 * tried out: who has had more to run than it can do at once for some time measures its pace, in guest instructions per
 * nanosecond, has as many workers again start or wake, measures theirs, and dismisses them if they are not worth it; what they
 * have is handed over. A failure is not repeated before some time has passed, each time a longer one; a success is looked at
 * again likewise. Invariant: one changes the crew at a time (`busy`), and nobody waits for it; workers look at `hands` between slices. Not
 * taken: counting messages between workers, which says nothing of what they cost; as many workers as there is surplus, which
 * made a wave of processes three times as slow on two cores as on one. */
#include "src/crew.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "src/base/os.h"
#include "src/sched.h"

#ifndef WAKE_AFTER_NS /* tests/model has others */
#define WAKE_AFTER_NS 100000 /* of more work than a worker can do at once, before it wants help */
#define MEASURE_NS 400000    /* of each pace */
#endif
#define OUTLIER_NS 500000    /* between two looks of a worker */
#define PATIENCE_NS 30000000 /* until one that is new has found work, and has had its share of time: the machine may be busy */
#define PAUSE_NS 16000000    /* after the first failure; twice as long after each further one */
#define MAX_PAUSE_NS 256000000
#define KEEP_NS 8000000      /* after the first success, likewise: a program begins with what it does only once */
#define MAX_KEEP_NS 1024000000
#define WORTH 1.2            /* so many times the pace */
#define MAX_WORKERS 1024u

void rl_crew_init(rl_rt *rt) {
    rt->crew.most = rt->config->seed ? 1 : RL_MIN(rt->config->workers, MAX_WORKERS);
    rt->crew.pause = PAUSE_NS;
    rt->crew.keep = KEEP_NS;
    rt->crew.last = (rl_run **)&rt->crew.handed;
    atomic_init(&rt->crew.hands, 1);
}

/* ---- those that are there ---- */

/* A thread that cannot be had is done without: its worker's queue stays empty. */
static void start_thread(rl_worker *w) {
    sigset_t outside, old;
    sigemptyset(&outside);
    sigaddset(&outside, SIGINT);
    sigaddset(&outside, SIGTERM);
    sigaddset(&outside, SIGUSR1);
    sigaddset(&outside, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &outside, &old); /* those are for the first */
    w->has_thread = !pthread_create(&w->thread, NULL, rl_worker_main, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Who is busy, in the middle of nothing. False: it cannot be. */
static bool start_another(rl_rt *rt) {
    u32 n = rl_rt_started(rt);
    size_t size = (rt->crew.most - 1) * sizeof(rl_worker);
    if (!rt->more_workers && !(rt->more_workers = aligned_alloc(_Alignof(rl_worker), size))) return false;
    rl_gate_open(&rt->gate);
    if (rl_worker_init(&rt->more_workers[n - 1], rt, n)) return false;
    /* counted before it runs: whoever stops the run wakes it; pairs with rl_rt_started */
    atomic_store(&rt->started, n + 1);
    start_thread(&rt->more_workers[n - 1]);
    return true;
}

void rl_crew_join(rl_rt *rt) {
    /* pairs with the stores below: nobody starts one any more */
    while (atomic_exchange(&rt->crew.busy, true)) sched_yield();
    for (u32 i = 1; i < rl_rt_started(rt); i++)
        if (rl_rt_worker(rt, i)->has_thread) pthread_join(rl_rt_worker(rt, i)->thread, NULL);
}

/* One of those that may work wakes, or starts. */
static void call_one(rl_rt *rt) {
    u32 n = rl_rt_started(rt), hands = atomic_load_explicit(&rt->crew.hands, memory_order_relaxed);
    for (u32 i = 0; i < RL_MIN(n, hands); i++) {
        rl_worker *w = rl_rt_worker(rt, i);
        if (!rl_worker_rouse(w)) continue;
        rl_gate_open(&rt->gate);
        rl_io_wake(&w->io);
        return;
    }
    if (n < hands) start_another(rt);
}

/* ---- handing over ---- */

/* Everything in w's queue. Whoever sleeps learns of it, as it may be asleep already. */
static void hand_over(rl_worker *w) {
    rl_crew *c = &w->rt->crew;
    rl_run *first = NULL, **last = &first;
    if (w->next) rl_sched_queue(w, w->next);
    w->next = NULL;
    for (u32 kind = 0; kind < RL_TURN_COUNT; kind++)
        for (rl_run *r; (r = kind == RL_TURN_NEWBORN ? rl_runq_pop_eldest(&w->runq) : rl_runq_pop(&w->runq, kind)); last = &r->next)
            *last = r;
    w->surplus_since = 0;
    if (!first) return;
    *last = NULL;
    rl_lock_take(&c->lock);
    rl_run *before = atomic_load_explicit(&c->handed, memory_order_relaxed);
    *last = before;
    /* relaxed: the lock orders; without it one only looks whether there is something */
    atomic_store_explicit(&c->handed, first, memory_order_relaxed);
    rl_lock_drop(&c->lock);
    rl_io_wake(&w->rt->workers->io);
}

void rl_crew_take(rl_worker *w) {
    rl_crew *c = &w->rt->crew;
    if (!atomic_load_explicit(&c->handed, memory_order_relaxed)) return;
    rl_lock_take(&c->lock);
    rl_run *r = atomic_load_explicit(&c->handed, memory_order_relaxed);
    atomic_store_explicit(&c->handed, NULL, memory_order_relaxed);
    rl_lock_drop(&c->lock);
    for (rl_run *next; r; r = next) {
        next = r->next;
        rl_sched_queue(w, RL_CONTAINER(r, rl_proc, run));
    }
}

void rl_crew_turn(rl_worker *w) {
    w->dismissed = !w->dismissed;
    if (w->dismissed) hand_over(w);
}

void rl_crew_arrive(rl_worker *w) {
    rl_crew *c = &w->rt->crew;
    if (atomic_load_explicit(&c->phase, memory_order_relaxed) != RL_CREW_AFTER || w->index < c->fewer) return;
    atomic_store_explicit(&c->arrived, true, memory_order_relaxed);
}

/* ---- trying out ---- */

/* The clock's time, but without what was long for so few slices: the system ran something else in place of the worker, which
 * says nothing of the program. (A thread's own time would be simpler, but costs system calls, and under a hypervisor
 * contains what that ran.) */
void rl_crew_note(rl_worker *w) {
    i64 now = (i64)rl_os_now_ns(), passed = now - w->pace.at;
    u64 fuel = w->stats.fuel - w->pace.fuel_at;
    u32 round = atomic_load_explicit(&w->rt->crew.round, memory_order_relaxed);
    if (round != w->pace.round) {
        w->pace.ns = 0;
        w->pace.fuel = 0;
        w->pace.slept = 0;
        w->pace.round = round;
    } else if (passed < OUTLIER_NS) {
        w->pace.ns += passed;
        w->pace.fuel += fuel;
    }
    w->pace.at = now;
    w->pace.fuel_at = w->stats.fuel;
}

static void mark(rl_crew *c, i64 now) {
    atomic_store_explicit(&c->round, atomic_load_explicit(&c->round, memory_order_relaxed) + 1, memory_order_relaxed);
    c->since = now;
    c->marked = true;
}

/* Instructions per nanosecond since the mark, of all workers: as many as each does, as far as it is awake. Negative: one of
 * them is awake and has been seen for too short a time to tell. */
static RL_RACY double pace(rl_rt *rt, i64 now) {
    double sum = 0;
    for (u32 i = 0; i < rl_rt_started(rt); i++) {
        const rl_pace *p = &rl_rt_worker(rt, i)->pace;
        bool noted = p->round == atomic_load_explicit(&rt->crew.round, memory_order_relaxed);
        i64 since = p->asleep_since, slept = (noted ? p->slept : 0) + (since ? now - RL_MAX(since, rt->crew.since) : 0);
        double awake = 1 - (double)slept / (double)(now - rt->crew.since);
        if (awake < 0.1) continue;
        if (!noted || p->ns < MEASURE_NS / 4) return -1;
        sum += (double)p->fuel / (double)RL_MAX(p->ns, 1) * awake;
    }
    return sum;
}

static void enter_phase(rl_crew *c, rl_crew_phase phase, u32 hands, i64 now) {
    atomic_store_explicit(&c->hands, hands, memory_order_relaxed);
    atomic_store_explicit(&c->phase, phase, memory_order_relaxed);
    atomic_store_explicit(&c->arrived, false, memory_order_relaxed);
    c->marked = false;
    c->since = now;
}

static void look_settled(rl_rt *rt, i64 surplus_ns, i64 now) {
    rl_crew *c = &rt->crew;
    u32 hands = atomic_load_explicit(&c->hands, memory_order_relaxed);
    if (surplus_ns < WAKE_AFTER_NS) return;
    if (hands > 1 && now >= c->again_at) {
        c->fewer = (hands + 1) / 2;
    } else if (hands < c->most && now >= c->not_before) {
        c->fewer = hands;
    } else {
        call_one(rt);
        return;
    }
    enter_phase(c, RL_CREW_BEFORE, c->fewer, now);
    if (c->fewer == hands) mark(c, now);
}

static void look_before(rl_rt *rt, i64 surplus_ns, i64 now) {
    rl_crew *c = &rt->crew;
    if (!c->marked) { /* those that were dismissed have gone by now */
        mark(c, now);
        return;
    }
    if (now - c->since < MEASURE_NS) return;
    c->pace = pace(rt, now);
    if (surplus_ns < WAKE_AFTER_NS || c->pace < 0) {
        enter_phase(c, RL_CREW_SETTLED, c->fewer, now);
        return;
    }
    enter_phase(c, RL_CREW_AFTER, RL_MIN(2 * c->fewer, c->most), now);
    for (u32 i = c->fewer; i < atomic_load_explicit(&c->hands, memory_order_relaxed); i++) call_one(rt);
}

static void look_after(rl_rt *rt, i64 now) {
    rl_crew *c = &rt->crew;
    u32 hands = atomic_load_explicit(&c->hands, memory_order_relaxed);
    if (!c->marked && atomic_load_explicit(&c->arrived, memory_order_relaxed)) mark(c, now);
    i64 took = now - c->since;
    double after = c->marked && took >= MEASURE_NS ? pace(rt, now) : -1;
    if (after < 0 && took < PATIENCE_NS) return;
    if (after < WORTH * c->pace) {
        hands = c->fewer;
        c->not_before = now + c->pause;
        if (after >= 0) c->pause = RL_MIN(2 * c->pause, (i64)MAX_PAUSE_NS);
        c->keep = KEEP_NS;
    } else {
        c->pause = PAUSE_NS;
        c->again_at = now + c->keep;
        c->keep = RL_MIN(2 * c->keep, (i64)MAX_KEEP_NS);
    }
    enter_phase(c, RL_CREW_SETTLED, hands, now);
}

/* Asked for the first time: most programs never have too much to do. */
static u32 most_of(rl_rt *rt) {
    rl_crew *c = &rt->crew;
    if (!c->most) c->most = RL_MIN(RL_MIN(rl_os_cores(), rl_os_quota()), MAX_WORKERS);
    return c->most;
}

void rl_crew_look(rl_worker *w, i64 surplus_ns, i64 now) {
    rl_crew *c = &w->rt->crew;
    u32 phase = atomic_load_explicit(&c->phase, memory_order_relaxed);
    if (!w->dismissed) rl_crew_take(w);
    else if (surplus_ns >= WAKE_AFTER_NS) hand_over(w);
    if (phase == RL_CREW_SETTLED && surplus_ns < WAKE_AFTER_NS) return;
    if (most_of(w->rt) == 1 || w->dismissed) return;
    /* pairs with the store below: one at a time, who sees what others have done */
    if (atomic_exchange(&c->busy, true)) return;
    switch ((rl_crew_phase)atomic_load_explicit(&c->phase, memory_order_relaxed)) {
    case RL_CREW_SETTLED: look_settled(w->rt, surplus_ns, now); break;
    case RL_CREW_BEFORE: look_before(w->rt, surplus_ns, now); break;
    case RL_CREW_AFTER: look_after(w->rt, now); break;
    }
    atomic_store(&c->busy, false); /* pairs with the exchanges above */
}
