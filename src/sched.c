/* The scheduler: a worker picks a process, runs it for a slice, and looks at timers and readiness now and then, or for as
 * long as nobody can run. Invariant: a process is in exactly one place: running, in a run queue (or the worker's `next`),
 * parked (its mailbox word says so, and whoever takes that mark away queues it), or not yet published. A process woken by
 * the running one goes next and shares its slice, so a pair that talks to itself stays in the cache and cannot starve the
 * others. One thread per worker; other threads only push to mailboxes and wake the worker's io. */
#include "src/sched.h"

#include <stdlib.h>

#include "src/base/os.h"

#define LOOK_EVERY 64u   /* dispatches between two looks at timers and descriptors */
#define DISPATCH_COST 50 /* what a turn takes from the slice at least, in instructions */

rl_err rl_worker_init(rl_worker *w, rl_rt *rt) {
    memset(w, 0, sizeof *w);
    w->rt = rt;
    rl_runq_init(&w->runq);
    rl_wheel_init(&w->wheel, (i64)rl_os_now_ns());
    rl_stacks_init(&w->stacks, rt->config->max_stack);
    rl_slots_init(&w->slots);
    return rl_io_init(&w->io);
}

void rl_worker_fini(rl_worker *w) {
    rl_spares_fini(&w->spares);
    rl_stacks_fini(&w->stacks);
    rl_slots_fini(&w->slots);
    rl_runq_fini(&w->runq);
    rl_io_fini(&w->io);
    free(w->scratch);
    rl_msg_thread_fini();
}

void rl_sched_later(rl_proc *p) { rl_runq_push(&p->worker->runq, &p->run); }

void rl_sched_next(rl_proc *p) {
    rl_worker *w = p->worker;
    if (w->next) rl_sched_later(w->next);
    w->next = p;
}

void rl_sched_ready(rl_proc *p) {
    p->ready = true;
    if (rl_mailbox_unpark(&p->mail)) rl_sched_later(p);
}

void rl_sched_stop(rl_rt *rt, int status) {
    if (rt->stop) return;
    rt->stop = true;
    rt->status = status;
}

static void delayed_due(rl_worker *w, rl_delayed *d) {
    rl_proc *owner = rl_map_get(&w->rt->procs, d->owner);
    if (owner) rl_proc_del(owner, RL_RES_TIMER, d->id);
    rl_send(w->rt, d->target, d->msg); /* target 0 is nobody */
    free(d);
}

static void due(rl_worker *w, rl_timer *t) {
    w->stats.timers++;
    switch ((rl_due)t->kind) {
    case RL_DUE_PROC: {
        rl_proc *p = RL_CONTAINER(t, rl_proc, timer);
        p->host.wait.timed_out = true;
        rl_sched_ready(p);
        break;
    }
    case RL_DUE_SEND: delayed_due(w, RL_CONTAINER(t, rl_delayed, timer)); break;
    case RL_DUE_RUN:
        if (!w->rt->config->quiet) fprintf(w->rt->log, "rille: time limit reached\n");
        rl_sched_stop(w->rt, 134);
        break;
    }
}

static void fd_ready(void *env, rl_waiter *waiter) {
    (void)env;
    rl_sched_ready(RL_CONTAINER(waiter, rl_proc, waiter));
}

/* Timers that are due, descriptors that are ready. With `wait`, sleeps until there is one, or somebody wakes us. */
static void look(rl_worker *w, bool wait) {
    w->ticks = 0;
    i64 now = w->wheel.armed ? (i64)rl_os_now_ns() : 0, timeout = -1;
    if (w->wheel.armed) {
        for (rl_timer *t; (t = rl_wheel_pop(&w->wheel, now)); wait = false) due(w, t);
        i64 next = rl_wheel_next(&w->wheel);
        if (next != INT64_MAX) timeout = RL_MAX(next - now, 0) + RL_WHEEL_TICK_NS / 4;
    }
    if (!wait && !w->io.fds.count) return;
    w->stats.polls++;
    rl_io_poll(&w->io, wait ? timeout : 0, fd_ready, w);
}

static rl_proc *pick(rl_worker *w) {
    rl_proc *p = w->next;
    w->next = NULL;
    if (p && w->budget > 0) return p;
    if (p) rl_sched_later(p);
    rl_run *r = rl_runq_pop(&w->runq);
    w->budget = w->rt->config->slice;
    return r ? RL_CONTAINER(r, rl_proc, run) : NULL;
}

void rl_worker_run(rl_worker *w) {
    rl_rt *rt = w->rt;
    while (!rt->stop) {
        int sig = atomic_load_explicit(&rl_rt_signal, memory_order_relaxed);
        if (RL_UNLIKELY(sig && rt->config->handle_signals)) {
            rl_sched_stop(rt, 128 + sig);
            break;
        }
        if (++w->ticks >= LOOK_EVERY) look(w, false);
        rl_proc *p = pick(w);
        if (!p) {
            look(w, true);
            continue;
        }
        w->stats.slices++;
        u64 spent = rl_proc_run(p, w->budget);
        if ((i64)spent >= w->budget) w->ticks += LOOK_EVERY / 8; /* a whole slice: time has passed */
        w->budget -= (i64)spent + DISPATCH_COST;
    }
}
