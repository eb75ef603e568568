/* The scheduler: a worker picks a process, runs it for a slice, and looks at timers and readiness now and then, or for as
 * long as nobody can run. Invariant: a process is in exactly one place: running, in a run queue (or a worker's `next`),
 * parked (its mailbox word says so, and whoever takes that mark away queues it), or not yet published. A process woken by
 * the running one goes next and shares its slice, or has one more when that is used up: so a pair that talks to itself
 * stays in the cache, on one core, and cannot starve the others, nor do they keep one waiting that was just sent
 * something. Whom newborns wake waits until it is no more their turn, so a parent takes in many answers at once. One
 * thread per worker; a worker without work takes half of another's queue, and sleeps when nobody has any; who has had more
 * than it can run at once for some time wakes a sleeper, or starts a worker as long as not all are there. A queue for all was
 * not taken: every dispatch would fight for it. */
#include "src/sched.h"

#include <stdlib.h>

#include "jit/trap.h"
#include "src/attach.h"
#include "src/base/os.h"
#include "src/jobs.h"
#include "src/survey.h"

#define LAG 32              /* processes born or gone that a worker has not reported */
#define LAG_BYTES (4 << 20) /* and bytes */
#define ELDEST_AFTER 1000000 /* instructions after which it is the eldest newborn's turn, not the youngest's: half a
                                millisecond. Each makes a branch of a tree wait for the end of another */
#define DRAWN 4u /* in a seeded run: of how many first ones of a kind anyone may be next */
#define LATE_NS 1000000  /* beyond its time before a timer is said to be late */
#define HOLD_NS 2000000  /* that what a late timer woke has before the next timer fires */
#define PATIENCE_NS 50000000 /* in a patient run: how long timers wait for what other workers are at */
#ifndef SEARCHES
#define SEARCHES 40u     /* rounds of looking for somebody's work before sleeping: a few microseconds */
#endif

_Thread_local rl_worker *rl_worker_self;

/* There are no others, or the first is about to start. */
static bool only_worker(rl_rt *rt) { return atomic_load_explicit(&rt->started, memory_order_relaxed) == 1; }

rl_err rl_worker_init(rl_worker *w, rl_rt *rt, u32 index) {
    memset(w, 0, offsetof(rl_worker, wheel));
    memset(&w->wheel + 1, 0, sizeof *w - offsetof(rl_worker, wheel) - sizeof w->wheel);
    w->rt = rt;
    w->index = index;
    w->seed = index * 2654435761u + 1;
    pthread_mutex_init(&w->lock, NULL);
    rl_runq_init(&w->runq);
    rl_wheel_init(&w->wheel, rt->seeded ? rt->seeded->now_ns : (i64)rl_os_now_ns());
    w->stacks.all = &rt->stacks;
    w->deep_stacks.all = &rt->deep_stacks;
    rl_proc_memory_init(&w->memory);
    rl_slots_init(&w->slots);
    if (rt->metrics) RL_TRY(rl_worker_tally(w));
    return rl_io_init(&w->io);
}

rl_err rl_worker_tally(rl_worker *w) { return (w->tally = calloc(1, sizeof *w->tally)) ? RL_OK : RL_ERR_NOMEM; }

void rl_worker_fini(rl_worker *w) {
    if (!w->rt) return;
    while (atomic_load_explicit(&w->told, memory_order_relaxed)) rl_jobs_deliver(w); /* to nobody */
    rl_spares_fini(&w->spares);
    rl_slots_fini(&w->slots);
    rl_runq_fini(&w->runq);
    rl_io_fini(&w->io);
    pthread_mutex_destroy(&w->lock);
    free(w->scratch);
    free(w->tally);
}

/* ---- counting ---- */

static void raise_peak(_Atomic u64 *peak, u64 value) {
    u64 old = atomic_load_explicit(peak, memory_order_relaxed);
    while (value > old && !atomic_compare_exchange_weak_explicit(peak, &old, value, memory_order_relaxed, memory_order_relaxed)) {}
}

static inline __attribute__((always_inline)) u64 add_to(_Atomic u64 *count, i64 add) {
    if (!rl_alone()) return atomic_fetch_add_explicit(count, (u64)add, memory_order_relaxed) + (u64)add;
    u64 now = atomic_load_explicit(count, memory_order_relaxed) + (u64)add;
    atomic_store_explicit(count, now, memory_order_relaxed);
    return now;
}

u64 rl_rt_new_id(rl_rt *rt) { return add_to(&rt->last_id, 1); }

/* Who is alone reports all at once. */
static inline __attribute__((always_inline)) void count(_Atomic i64 *own, i64 lag, _Atomic u64 *all, _Atomic u64 *peak,
                                                         i64 add) {
    if (!rl_alone()) {
        add += atomic_load_explicit(own, memory_order_relaxed);
        bool few = add <= lag && add >= -lag;
        atomic_store_explicit(own, few ? add : 0, memory_order_relaxed);
        if (few) return;
    }
    u64 now = add_to(all, add);
    if (add > 0) raise_peak(peak, now);
}

void rl_worker_count(rl_worker *w, i64 processes, i64 bytes) {
    rl_rt *rt = w->rt;
    if (processes) count(&w->alive, LAG, &rt->alive, &rt->alive_peak, processes);
    if (bytes) count(&w->bytes, LAG_BYTES, &rt->memory, &rt->memory_peak, bytes);
}

u64 rl_rt_alive(rl_rt *rt) {
    i64 n = (i64)atomic_load_explicit(&rt->alive, memory_order_relaxed);
    for (u32 i = 0; i < rl_rt_started(rt); i++) n += atomic_load_explicit(&rl_rt_worker(rt, i)->alive, memory_order_relaxed);
    return (u64)RL_MAX(n, 0); /* what is being reported may be seen in neither place */
}

u64 rl_rt_memory(rl_rt *rt) {
    i64 n = (i64)atomic_load_explicit(&rt->memory, memory_order_relaxed);
    for (u32 i = 0; i < rl_rt_started(rt); i++) n += atomic_load_explicit(&rl_rt_worker(rt, i)->bytes, memory_order_relaxed);
    return (u64)RL_MAX(n, 0);
}

/* ---- sleeping and waking ---- */

bool rl_worker_rouse(rl_worker *w) {
    /* seq_cst: pairs with the store in nap, and with the others that come to wake w: one of them does */
    return atomic_load_explicit(&w->asleep, memory_order_relaxed) && atomic_exchange(&w->asleep, false);
}

void *rl_worker_main(void *arg) {
    rl_worker *w = rl_worker_self = arg;
    if (rl_trap_thread_init()) rl_sched_stop(w->rt, 134);
    rl_worker_run(w);
    rl_msg_thread_fini();
    rl_trap_thread_fini();
    return NULL;
}

/* Others are in, or about to be. */
static bool others_awake(const rl_worker *w) {
    for (u32 i = 0; i < rl_rt_started(w->rt); i++)
        if (i != w->index && !atomic_load_explicit(&rl_rt_worker(w->rt, i)->asleep, memory_order_relaxed)) return true;
    return false;
}

/* If there has been more to run than w can run at once for some time, others may help. It is asked at every look, so whoever
 * is just falling asleep and not seen is seen at the next. Not at every push: a burst that is soon over is over sooner on
 * one core than on two, which have to exchange what it touches. When nobody else is awake, w is alone again. */
static void look_around(rl_worker *w) {
    i64 now = 0;
    if (rl_runq_length(&w->runq) + (w->next != NULL) < 2) {
        w->surplus_since = 0;
        if (only_worker(w->rt)) return;
    } else {
        now = (i64)rl_os_now_ns();
        if (!w->surplus_since) w->surplus_since = now;
    }
    if (!rl_alone() && !others_awake(w)) rl_gate_shut(&w->rt->gate);
    rl_crew_look(w, w->surplus_since ? now - w->surplus_since : -1, now ? now : (i64)rl_os_now_ns());
}

/* kind: if it has ever run. */
static void queue(rl_worker *w, rl_proc *p, rl_turn kind) {
    rl_runq_push(&w->runq, p->phase == RL_PHASE_NEW ? RL_TURN_NEWBORN : kind, &p->run);
}

void rl_sched_queue(rl_worker *w, rl_proc *p) { queue(w, p, RL_TURN_WOKEN); }

void rl_sched_later(rl_proc *p) {
    rl_worker *w = rl_worker_self;
    rl_proc *child = w->next;
    if (child && child->phase == RL_PHASE_NEW && child->parent == p->id && !w->extended) { /* it is not to be ahead of p */
        w->next = p;
        p = child;
    }
    queue(w, p, RL_TURN_RAN);
}

void rl_sched_next(rl_proc *p) {
    rl_worker *w = rl_worker_self;
    rl_proc *before = w->next;
    bool by_newborns = w->turn == RL_TURN_NEWBORN && p->phase != RL_PHASE_NEW && rl_runq_newborns(&w->runq);
    if (by_newborns || (before && w->looking)) {
        queue(w, p, RL_TURN_WOKEN);
        return;
    }
    w->next = p;
    if (RL_UNLIKELY(before != NULL)) queue(w, before, RL_TURN_WOKEN);
}

void rl_sched_stop(rl_rt *rt, int status) {
    int none = -1;
    /* pairs with the like of others: the first one's status stays. The run's end is read after the threads are joined */
    if (!atomic_compare_exchange_strong(&rt->status, &none, status)) return;
    /* seq_cst: pairs with nap's look: a worker that is not woken here has begun after, and sees it before it sleeps */
    atomic_store(&rt->stop, true);
    for (u32 i = 0; i < rl_rt_started(rt); i++)
        if (rl_rt_worker(rt, i) != rl_worker_self) rl_io_wake(&rl_rt_worker(rt, i)->io);
}

/* ---- timers and readiness ---- */

rl_seeded *rl_sched_seeded(void) { return rl_worker_self ? rl_worker_self->rt->seeded : NULL; }

i64 rl_sched_now(void) {
    const rl_seeded *s = rl_sched_seeded();
    return s ? s->now_ns : (i64)rl_os_now_ns();
}

static void delayed_due(rl_worker *w, rl_delayed *d) {
    rl_msg *m = d->msg;
    u64 target = d->target, owner = d->owner, id = d->id;
    d->msg = NULL;
    w->events[RL_EVENT_timers_completed]++;
    if (!owner) {
        atomic_fetch_sub_explicit(&w->rt->orphans, d->bytes, memory_order_relaxed);
        free(d);
    }
    rl_send(w->rt, target, m); /* target 0 is nobody */
    /* d is the owner's from here: it may free it at any time once it knows, or at its end */
    if (owner) rl_send(w->rt, owner, rl_msg_new(RL_SIG_TIMER_SENT, 0, id));
}

bool rl_delayed_drop(rl_delayed *d) {
    rl_worker *at = d->at;
    rl_worker_lock(at);
    bool pending = rl_timer_armed(&d->timer);
    rl_wheel_disarm(&at->wheel, &d->timer);
    rl_worker_unlock(at);
    rl_msg_free(d->msg);
    free(d);
    return pending;
}

static void due(rl_worker *w, rl_timer *t) {
    w->stats.timers++;
    switch ((rl_due)t->kind) {
    case RL_DUE_PROC: rl_proc_alarm(RL_CONTAINER(t, rl_proc, timer), true); break;
    case RL_DUE_SEND: delayed_due(w, RL_CONTAINER(t, rl_delayed, timer)); break;
    case RL_DUE_RUN:
        w->rt->out_of_time = true;
        rl_sched_stop(w->rt, 134);
        break;
    }
}

static void fd_ready(void *env, rl_waiter *waiter) {
    (void)env;
    rl_proc_alarm(RL_CONTAINER(waiter, rl_proc, waiter), false);
}

void rl_sched_more(rl_watch *watch, u8 direction, u8 tried) {
    if (RL_LIKELY(!rl_watch_more(watch, direction, tried))) return;
    rl_worker *at = rl_watch_worker(watch, NULL);
    if (!at) return; /* not registered: whoever waits is about to look again */
    rl_worker_lock(at);
    rl_io_more(&at->io, watch, direction, fd_ready, NULL);
    rl_worker_unlock(at);
}

void rl_sched_unwatch(rl_watch *watch) {
    rl_worker *at = rl_watch_worker(watch, NULL);
    if (!at) return;
    rl_worker_lock(at);
    rl_io_unwatch(&at->io, watch);
    rl_worker_unlock(at);
}

/* Counts, in a patient run, what the kernel gave to others since the last look. */
static void count_lost(rl_worker *w, i64 now) {
    i64 cpu = (i64)rl_os_thread_cpu_ns();
    if (w->seen) w->lost += RL_MAX(now - w->seen - (cpu - w->seen_cpu), 0);
    w->seen = now;
    w->seen_cpu = cpu;
}

i64 rl_sched_deadline(rl_worker *w, i64 deadline_ns) {
    if (RL_LIKELY(!w->rt->config->patient)) return deadline_ns;
    count_lost(w, (i64)rl_os_now_ns());
    return deadline_ns - w->lost;
}

/* Fires what is due at `now`. An idle worker that finds itself late, as the kernel ran something else, fires only the
 * earliest: what that wakes runs before the next deadline, as it would have in time, for HOLD_NS at most. */
static bool fire(rl_worker *w, i64 now, bool idle) {
    bool any = false;
    if (!idle && now < w->held_until) return false;
    w->held_until = 0;
    for (rl_timer *t; (t = rl_wheel_pop(&w->wheel, now)); any = true) {
        i64 tick = (i64)(t->tick * RL_WHEEL_TICK_NS);
        if (idle && !any && tick + LATE_NS < now) {
            w->held_until = now + (w->rt->config->patient ? PATIENCE_NS : HOLD_NS);
            now = tick;
        }
        due(w, t);
    }
    return any;
}

/* Fires what is due. Returns how long until the next deadline, -1: there is none. *any: something fired. */
static i64 run_timers(rl_worker *w, bool idle, bool *any) {
    i64 timeout = -1;
    rl_worker_lock(w);
    if (w->wheel.armed) {
        i64 now = rl_sched_now();
        if (w->rt->config->patient) count_lost(w, now);
        now -= w->lost;
        bool hold = idle && w->rt->config->patient && others_awake(w);
        *any |= fire(w, hold ? now - PATIENCE_NS : now, idle);
        i64 next = rl_wheel_next(&w->wheel);
        if (next != INT64_MAX) timeout = RL_MAX(next - now, hold ? HOLD_NS : 0) + RL_WHEEL_TICK_NS / 4;
    }
    rl_worker_unlock(w);
    return timeout;
}

/* In a seeded run: nobody can run, until the clock has gone on by `timeout` ns, or -1: until a descriptor is ready. */
static void pass_time(rl_worker *w, i64 timeout, rl_io_found *found) {
    found->n = 0;
    if (timeout >= 0 && !atomic_load_explicit(&w->io.waiting, memory_order_relaxed)) {
        w->rt->seeded->now_ns += timeout;
        return;
    }
    u64 before = rl_os_now_ns();
    rl_io_sleep(&w->io, timeout, found);
    w->rt->seeded->now_ns += (i64)(rl_os_now_ns() - before);
}

/* Out of the gate while it sleeps, if there are others: they may be alone meanwhile. */
static void sleep_outside(rl_worker *w, i64 timeout, rl_io_found *found) {
    rl_rt *rt = w->rt;
    rl_halt_leave(&rt->halt);
    rl_gate_leave(&rt->gate);
    w->pace.asleep_since = (i64)rl_os_now_ns();
    rl_io_sleep(&w->io, timeout, found);
    w->pace.at = (i64)rl_os_now_ns();
    w->pace.slept += w->pace.at - w->pace.asleep_since;
    w->pace.asleep_since = 0;
    rl_gate_enter(&rt->gate, &rt->halt.asked, RL_ASKED_ENTRY);
    rl_halt_enter(&rt->halt);
}

static void look_at_all(rl_worker *w, bool idle, bool wait) {
    rl_io_found found;
    /* relaxed: it is the delivery that orders */
    bool any = atomic_load_explicit(&w->told, memory_order_relaxed) && rl_jobs_deliver(w);
    w->ticks = 0;
    i64 timeout = run_timers(w, idle, &any);
    if (any) wait = false;
    if (wait && !w->rt->seeded) { /* where a clock decides, the same seed would not do the same */
        i64 again = rl_tidy_up(w);
        if (again != INT64_MAX && (timeout < 0 || again < timeout)) timeout = again;
    }
    if (!wait && !atomic_load_explicit(&w->io.waiting, memory_order_relaxed)) return;
    w->stats.polls++;
    if (RL_UNLIKELY(wait && w->rt->seeded)) pass_time(w, timeout, &found);
    else if (wait && !only_worker(w->rt)) sleep_outside(w, timeout, &found);
    else rl_io_sleep(&w->io, wait ? timeout : 0, &found);
    rl_io_tell(&w->io, &found, rl_alone() ? NULL : &w->lock, fd_ready, w);
}

/* After sleeping: that was no loss. */
static void note_time(rl_worker *w) {
    w->seen = (i64)rl_os_now_ns();
    w->seen_cpu = (i64)rl_os_thread_cpu_ns();
}

/* Timers that are due, descriptors that are ready. With `wait`, sleeps until there is one, or somebody wakes us. idle:
 * nobody is to run. */
static void look(rl_worker *w, bool idle, bool wait) {
    rl_proc *next = w->next;
    w->next = NULL;
    if (rl_crew_measures(&w->rt->crew)) rl_crew_note(w);
    w->looking = true;
    look_at_all(w, idle, wait);
    w->looking = false;
    if (idle && w->rt->config->patient) note_time(w);
    if (!w->next) w->next = next;
    else if (next) queue(w, next, RL_TURN_WOKEN);
}

/* ---- finding work ---- */

/* The next from the queue. The three kinds take turns of a slice each, whatever their numbers. */
static rl_proc *from_queue(rl_worker *w) {
    for (u32 i = 0; i <= RL_TURN_COUNT; i++) {
        bool eldest = w->turn == RL_TURN_NEWBORN && w->passed_over >= ELDEST_AFTER;
        rl_run *r = w->turn_left <= 0 ? NULL : eldest ? rl_runq_pop_eldest(&w->runq) : rl_runq_pop(&w->runq, w->turn);
        if (eldest) w->passed_over = 0;
        if (r) return RL_CONTAINER(r, rl_proc, run);
        if (w->surplus_since && rl_runq_length(&w->runq) < 2) w->surplus_since = 0;
        w->turn = (w->turn + 1) % RL_TURN_COUNT;
        w->turn_left = w->rt->config->slice;
    }
    return NULL;
}

/* One from the queue, in a seeded run: of any kind, and any of the first few. */
static rl_proc *draw(rl_worker *w) {
    rl_seeded *s = w->rt->seeded;
    u32 first = rl_seeded_below(s, RL_TURN_COUNT);
    for (u32 i = 0; i < RL_TURN_COUNT; i++) {
        rl_turn kind = (first + i) % RL_TURN_COUNT;
        for (u32 n = kind == RL_TURN_NEWBORN ? 0 : rl_seeded_below(s, DRAWN); n; n--) {
            rl_run *r = rl_runq_pop(&w->runq, kind);
            if (r) rl_runq_push(&w->runq, kind, r);
        }
        bool eldest = kind == RL_TURN_NEWBORN && rl_seeded_below(s, 2);
        rl_run *r = eldest ? rl_runq_pop_eldest(&w->runq) : rl_runq_pop(&w->runq, kind);
        w->turn = kind;
        if (r) return RL_CONTAINER(r, rl_proc, run);
    }
    return NULL;
}

static rl_proc *own_drawn(rl_worker *w) {
    rl_proc *p = w->next;
    w->next = NULL;
    w->budget = rl_seeded_slice(w->rt->seeded, w->rt->config->slice, w->budget);
    w->extended = false;
    if (!p || rl_seeded_below(w->rt->seeded, 2)) return p ? p : draw(w);
    queue(w, p, RL_TURN_WOKEN);
    return draw(w);
}

static rl_proc *steal(rl_worker *w) {
    rl_rt *rt = w->rt;
    if (w->dismissed) return NULL;
    rl_crew_take(w);
    rl_proc *handed = from_queue(w);
    if (handed) return handed;
    w->seed = w->seed * 1664525u + 1013904223u;
    u32 all = rl_rt_started(rt);
    for (u32 i = 0, first = w->seed >> 8; i < all; i++) {
        rl_worker *from = rl_rt_worker(rt, (first + i) % all);
        u32 n = from != w ? rl_runq_steal(&from->runq, &w->runq) : 0;
        if (!n) continue;
        w->stats.steals += n;
        rl_crew_arrive(w);
        rl_proc *p = from_queue(w); /* NULL: stolen from us in the meantime */
        if (p) return p;
    }
    return NULL;
}

static rl_proc *own(rl_worker *w) {
    rl_proc *p = w->next;
    w->next = NULL;
    /* Woken by one that used the slice up itself: not behind all others. A newborn is not ahead of its parent: who spawns
     * a process and goes on with it at once finds it there, however short the slices are. */
    if (p && w->budget <= 0 && !w->extended && p->phase != RL_PHASE_NEW) {
        w->budget = w->rt->config->slice;
        w->extended = true;
    }
    if (p && w->budget > 0) return p;
    if (p && p->phase == RL_PHASE_NEW) rl_runq_push(&w->runq, RL_TURN_RAN, &p->run); /* behind its parent */
    else if (p) queue(w, p, RL_TURN_WOKEN);
    i64 used = w->rt->config->slice - w->budget;
    w->turn_left -= used;
    w->passed_over += used;
    w->budget = w->rt->config->slice;
    w->extended = false;
    return from_queue(w);
}

static rl_proc *search(rl_worker *w) {
    for (u32 i = 0; i < SEARCHES && !w->dismissed; i++) {
        rl_proc *p = steal(w);
        if (p) return p;
        rl_os_relax();
    }
    return NULL;
}

/* Sleeps until there is something to do for w, or perhaps. Returns what it found just before. */
static rl_proc *nap(rl_worker *w) {
    if (only_worker(w->rt)) {
        look(w, true, true);
        return NULL;
    }
    /* pairs with rouse; the last look at `stop` pairs with the store in rl_sched_stop */
    atomic_store(&w->asleep, true);
    rl_proc *p = steal(w);
    if (!p && !atomic_load(&w->rt->stop)) look(w, true, true);
    rl_worker_rouse(w);
    if (!others_awake(w)) rl_gate_shut(&w->rt->gate);
    return p;
}

static rl_proc *pick(rl_worker *w) {
    rl_proc *p = RL_UNLIKELY(w->rt->seeded) ? own_drawn(w) : own(w);
    if (p) return p;
    if (!only_worker(w->rt)) {
        look(w, true, false);
        if ((p = own(w)) || (!rl_alone() && (p = search(w)))) return p;
    }
    return nap(w);
}

/* What signals ask for. True: the end. */
static bool obey(rl_worker *w) {
    /* pairs with on_signal: what it adds is seen now or next time */
    u32 came = atomic_exchange(&rl_rt_signals, 0);
    if (came >> SIGUSR1 & 1) rl_survey_print(w->rt);
    if (came >> SIGUSR2 & 1 && rl_attach_open(w->rt) && !w->rt->config->quiet)
        fprintf(w->rt->log, "rille: nobody can attach: no socket\n");
    if (!(came >> SIGINT & 1) && !(came >> SIGTERM & 1)) return false;
    rl_sched_stop(w->rt, 128 + (came >> SIGTERM & 1 ? SIGTERM : SIGINT));
    return true;
}

/* Signals are seen by the first worker. */
static bool told_to_end(rl_worker *w) {
    if (RL_LIKELY(w->index || !atomic_load_explicit(&rl_rt_signals, memory_order_relaxed))) return false;
    return w->rt->config->handle_signals && obey(w);
}

/* Others want something of the worker, between two slices. */
static __attribute__((noinline)) void answer(rl_rt *rt) {
    if (atomic_load_explicit(&rt->halt.asked, memory_order_relaxed) & RL_ASKED_ENTRY) {
        /* relaxed: who asks again later has marked the gate before, and sees that it opened */
        atomic_fetch_and_explicit(&rt->halt.asked, ~(u32)RL_ASKED_ENTRY, memory_order_relaxed);
        rl_gate_open(&rt->gate);
    }
    if (atomic_load_explicit(&rt->halt.asked, memory_order_relaxed) & RL_ASKED_HALT) rl_halt_wait(&rt->halt);
}

/* The first is never dismissed. */
static inline bool out_of_turn(const rl_worker *w) {
    return w->index && (w->index >= atomic_load_explicit(&w->rt->crew.hands, memory_order_relaxed)) != w->dismissed;
}

void rl_worker_run(rl_worker *w) {
    rl_rt *rt = w->rt;
    if (!w->index) w->thread = pthread_self();
    rl_gate_enter(&rt->gate, &rt->halt.asked, RL_ASKED_ENTRY);
    rl_halt_enter(&rt->halt);
    if (!w->index) rl_gate_shut(&rt->gate);
    while (!atomic_load_explicit(&rt->stop, memory_order_relaxed) && !told_to_end(w)) {
        if (RL_UNLIKELY(atomic_load_explicit(&rt->halt.asked, memory_order_relaxed))) answer(rt);
        if (RL_UNLIKELY(out_of_turn(w))) rl_crew_turn(w);
        if (++w->ticks >= RL_LOOK_EVERY) {
            look(w, false, false);
            if (rt->crew.most != 1) look_around(w);
        }
        rl_proc *p = pick(w);
        if (!p) continue;
        w->stats.slices++;
        w->running = p->id;
        u64 spent = rl_proc_run(p, w->budget);
        if ((i64)spent >= w->budget) w->ticks += RL_LOOK_EVERY / 8; /* a whole slice: time has passed */
        w->budget -= (i64)spent + RL_DISPATCH_COST;
    }
    rl_halt_leave(&rt->halt);
    rl_gate_leave(&rt->gate);
}
