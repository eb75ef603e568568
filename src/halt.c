/* The world stops: every worker finishes its slice and waits. Invariant: between rl_halt_begin and rl_halt_end all running
 * workers are counted as halted, the one that asks included; who enters its loop meanwhile waits at its first turn. A slice
 * is some microseconds, and one that sleeps is woken, so nobody waits long. The lock orders what workers wrote before what
 * the asker reads. Any thread. Locks in every process's record were not taken: they would cost the running something for
 * the sake of the onlooker, and show no moment that ever was. */
#include "src/halt.h"

#include "src/sched.h"

void rl_halt_init(rl_halt *h) {
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->moved, NULL);
}

void rl_halt_fini(rl_halt *h) {
    pthread_cond_destroy(&h->moved);
    pthread_mutex_destroy(&h->lock);
}

static bool asked(rl_halt *h) { return atomic_load_explicit(&h->asked, memory_order_relaxed) & RL_ASKED_HALT; }

void rl_halt_enter(rl_halt *h) {
    pthread_mutex_lock(&h->lock);
    while (asked(h)) pthread_cond_wait(&h->moved, &h->lock);
    h->running++;
    pthread_mutex_unlock(&h->lock);
}

void rl_halt_leave(rl_halt *h) {
    pthread_mutex_lock(&h->lock);
    h->running--;
    if (asked(h)) pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
}

/* Under the lock, as one that has stopped. */
static void stay(rl_halt *h) {
    h->halted++;
    pthread_cond_broadcast(&h->moved);
    while (asked(h)) pthread_cond_wait(&h->moved, &h->lock);
}

void rl_halt_wait(rl_halt *h) {
    pthread_mutex_lock(&h->lock);
    stay(h);
    h->halted--;
    pthread_mutex_unlock(&h->lock);
}

static bool is_worker(const rl_rt *rt) { return rl_worker_self && rl_worker_self->rt == rt; }

void rl_halt_begin(rl_rt *rt) {
    rl_halt *h = &rt->halt;
    pthread_mutex_lock(&h->lock);
    if (is_worker(rt)) stay(h); /* counted as stopped to the end, also while somebody else looks first */
    else
        while (asked(h)) pthread_cond_wait(&h->moved, &h->lock);
    /* relaxed, as everywhere: it is the lock that orders. A worker sees it between slices, one asleep because it is woken,
     * one that begins because it takes the lock first. */
    atomic_fetch_or_explicit(&h->asked, RL_ASKED_HALT, memory_order_relaxed);
    for (u32 i = 0; i < rl_rt_started(rt); i++) rl_io_wake(&rl_rt_worker(rt, i)->io);
    while (h->halted < h->running) pthread_cond_wait(&h->moved, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

void rl_halt_end(rl_rt *rt) {
    rl_halt *h = &rt->halt;
    pthread_mutex_lock(&h->lock);
    atomic_fetch_and_explicit(&h->asked, ~(u32)RL_ASKED_HALT, memory_order_relaxed);
    if (is_worker(rt)) h->halted--;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
}
