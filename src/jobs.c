/* Jobs: a queue, and a few threads that take from it. Invariants: a job belongs to its process while that has it in
 * p->cold->job, else to the pool, which drops it; the pool's lock decides every change between queued, running, done and
 * abandoned, so exactly one side drops it. A job that is not abandoned has a living process, hence a living worker to
 * tell. Finished jobs are told through a stack of the worker (w->told) that it empties when it looks at timers, because
 * only workers may make processes runnable. The pool outlives its runtime when a job does not end soon: threads are
 * detached and the last one frees it. A job that takes long gives way in the middle (rl_job_breathe): it queues with its
 * thread, so that endless ones share the threads that run with all others. New ones and those that rest take turns, so what
 * is short is done soon however many rest. When a new one can have no thread, the job that has run longest is ended for it:
 * nobody keeps others out. To wait for a name server at the end of a program was not taken; nor to refuse the new one, as
 * then whoever came first would have all threads. */
#include "src/jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "src/sched.h"

#define JOB_NS 100000     /* that one takes by the clock of a seeded run */
#define AWAITED_NS 50000  /* between two looks for its end in a seeded run */
#define AWAITED_LOOKS 20000u
#define IDLE_SECONDS 5   /* without work, then a thread ends */
#define LAST_MS 100      /* that running jobs have when their runtime ends, before they are left to themselves */

/* The queue: first in, first out, each. */
typedef enum rl_line_kind { RL_LINE_NEW, RL_LINE_RESTING, RL_LINES } rl_line_kind;
typedef struct rl_line {
    rl_job *first, **last;
} rl_line;

typedef struct rl_pool {
    pthread_mutex_t lock;
    pthread_cond_t work, gone;
    rl_line lines[RL_LINES];
    rl_line_kind turn; /* whose it is, if somebody waits there */
    u32 threads, idle, resting; /* the rest runs: RL_JOB_THREADS at most, but for those given up while they rested */
    u32 queued;                 /* jobs, those that rest among them; as many idle threads, at most, have been told */
    u32 ending;                 /* jobs evicted that still run */
    bool closed; /* no job comes any more */
    bool left;   /* nor anybody: the last thread frees it */
} rl_pool;

/* ---- the pool ---- */

rl_pool *rl_pool_new(void) {
    rl_pool *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, &attr);
    pthread_cond_init(&p->gone, &attr);
    pthread_condattr_destroy(&attr);
    for (u32 i = 0; i < RL_LINES; i++) p->lines[i].last = &p->lines[i].first;
    return p;
}

/* Under the lock, which it opens: frees p when it was the last to use it. */
static void leave(rl_pool *p) {
    bool last = p->left && !p->threads;
    pthread_mutex_unlock(&p->lock);
    if (!last) return;
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->gone);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static struct timespec in_ms(long ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (t.tv_nsec / 1000000 + ms) / 1000;
    t.tv_nsec = t.tv_nsec % 1000000 + (t.tv_nsec / 1000000 + ms) % 1000 * 1000000;
    return t;
}

void rl_pool_free(rl_pool *p) {
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->closed = true;
    pthread_cond_broadcast(&p->work);
    struct timespec until = in_ms(LAST_MS);
    for (int e = 0; p->threads && e != ETIMEDOUT;) e = pthread_cond_timedwait(&p->gone, &p->lock, &until);
    p->left = true;
    leave(p);
}

static rl_line_kind line_of(const rl_job *j) { return j->resume ? RL_LINE_RESTING : RL_LINE_NEW; }

static rl_job *first(const rl_pool *p) {
    rl_job *j = p->lines[p->turn].first;
    return j ? j : p->lines[!p->turn].first;
}

static void unqueue(rl_pool *p, rl_job *j) {
    *j->at = j->next;
    if (j->next) j->next->at = j->at;
    else p->lines[line_of(j)].last = j->at;
    j->at = NULL;
    p->queued--;
}

static void enqueue(rl_pool *p, rl_job *j) {
    rl_line *l = &p->lines[line_of(j)];
    j->next = NULL;
    j->at = l->last;
    *l->last = j;
    l->last = &j->next;
    p->queued++;
}

static u32 running(const rl_pool *p) { return p->threads - p->idle - p->resting; }

/* j, which rests, goes on by its own thread. */
static void resume(rl_pool *p, rl_job *j) {
    unqueue(p, j);
    pthread_cond_signal(j->resume);
    j->resume = NULL;
    p->resting--;
}

/* Under the lock: the next job that this thread is to run, or NULL when it is to end. */
static rl_job *next_job(rl_pool *p) {
    struct timespec until = in_ms(IDLE_SECONDS * 1000);
    rl_job *j = NULL;
    p->idle++;
    for (int e = 0; !j;) {
        if (first(p) && running(p) < RL_JOB_THREADS) {
            j = first(p);
            p->turn = !line_of(j);
            if (!j->resume) unqueue(p, j);
            else resume(p, j), j = NULL;
        } else if (p->closed || e == ETIMEDOUT) {
            break;
        } else {
            e = pthread_cond_timedwait(&p->work, &p->lock, &until);
        }
    }
    p->idle--;
    return j;
}

/* Under the lock: j ran, and its process waits for it. */
static void tell(rl_job *j) {
    rl_msg *m = j->wake;
    rl_worker *w = j->worker;
    j->wake = NULL;
    /* release: pairs with the acquire in rl_job_wait; from here j may be gone */
    atomic_store_explicit(&j->done, true, memory_order_release);
    m->next = atomic_load_explicit(&w->told, memory_order_relaxed);
    /* release: pairs with the acquire in rl_jobs_deliver */
    while (!atomic_compare_exchange_weak_explicit(&w->told, &m->next, m, memory_order_release, memory_order_relaxed)) {}
    rl_io_wake(&w->io);
}

static void drop(rl_job *j) {
    rl_msg_free(j->wake);
    j->wake = NULL;
    j->drop(j);
}

static void *work(void *arg) {
    rl_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (rl_job *j; (j = next_job(p));) {
        pthread_mutex_unlock(&p->lock);
        j->run(j);
        pthread_mutex_lock(&p->lock);
        p->ending -= j->evicted;
        if (!j->abandoned) {
            tell(j);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        drop(j);
        pthread_mutex_lock(&p->lock);
    }
    rl_msg_thread_fini();
    p->threads--;
    pthread_cond_signal(&p->gone);
    leave(p);
    return NULL;
}

/* Under the lock. */
static bool add_thread(rl_pool *p) {
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;
    if (p->threads == RL_JOB_STACKS) return false;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* a bug of ours still dumps core */
    sigdelset(&all, SIGBUS);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are for the workers */
    int error = pthread_create(&thread, &attr, work, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    p->threads += !error;
    return !error;
}

/* Under the lock. False: there is none and none can be had. */
static bool need_thread(rl_pool *p) {
    return p->idle > p->queued || running(p) >= RL_JOB_THREADS || add_thread(p) || p->threads;
}

/* ---- a process and its job ---- */

rl_job *rl_job_of(const rl_host *h) {
    const rl_cold *c = ((const rl_proc *)h)->cold;
    return c ? c->job : NULL;
}

/* Queues j. False: no thread can be had. */
static bool queue(rl_pool *p, rl_job *j) {
    pthread_mutex_lock(&p->lock);
    bool room = need_thread(p);
    if (room) {
        enqueue(p, j);
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

/* In a seeded run the whole run waits, as when a job ends is nobody's decision; but not for one without an end. */
static void await(const rl_job *j, rl_seeded *s) {
    rl_seeded_pass(s, JOB_NS);
    /* acquire: pairs with the release in tell */
    for (u32 i = 0; i < AWAITED_LOOKS && !atomic_load_explicit(&j->done, memory_order_acquire); i++)
        nanosleep(&(struct timespec){ .tv_nsec = AWAITED_NS }, NULL);
}

void rl_job_start(rl_host *h, rl_job *j, void (*run)(rl_job *j), void (*drop_job)(rl_job *j)) {
    rl_proc *p = rl_proc_of(h);
    rl_cold *c = rl_proc_cold(p);
    j->run = run;
    j->drop = drop_job;
    j->pool = p->worker->rt->pool;
    j->worker = p->worker;
    j->at = NULL;
    j->resume = NULL;
    j->abandoned = j->evicted = false;
    j->breaths = 0;
    atomic_init(&j->done, false);
    j->wake = c ? rl_msg_new(RL_SIG_JOB_DONE, 0, p->id) : NULL;
    if (!j->wake) {
        drop(j);
        rl_exec_fail(&h->exec, "%s", rl_err_text(RL_ERR_NOMEM));
        return;
    }
    rl_assert(!c->job);
    c->job = j;
    if (queue(j->pool, j)) {
        if (p->worker->rt->seeded) await(j, p->worker->rt->seeded);
        return;
    }
    run(j); /* better late than never */
    atomic_store_explicit(&j->done, true, memory_order_relaxed);
}

static void run_nothing(rl_job *j) { (void)j; }

void rl_job_leave(rl_pool *p, rl_job *j, void (*drop_job)(rl_job *j)) {
    j->run = run_nothing;
    j->drop = drop_job;
    j->pool = p;
    j->worker = NULL;
    j->wake = NULL;
    j->at = NULL;
    j->resume = NULL;
    j->abandoned = true;
    j->evicted = false;
    j->breaths = 0;
    if (!queue(p, j)) drop(j);
}

rl_job *rl_job_wait(rl_host *h, i64 deadline_ns) {
    rl_cold *c = rl_proc_of(h)->cold;
    rl_job *j = c ? c->job : NULL;
    if (!j) return NULL; /* it could not be started, and the process traps */
    /* acquire: pairs with the release in tell */
    if (atomic_load_explicit(&j->done, memory_order_acquire)) {
        c->job = NULL;
        rl_host_done(h);
        rl_msg_free(j->wake);
        j->wake = NULL;
        return j;
    }
    if (h->wait.retry && h->wait.timed_out) {
        c->job = NULL;
        rl_job_abandon(j);
        return NULL;
    }
    rl_host_park(h, -1, false, h->wait.retry ? h->wait.deadline_ns : deadline_ns);
    return NULL;
}

void rl_job_abandon(rl_job *j) {
    if (!j) return;
    rl_pool *p = j->pool;
    pthread_mutex_lock(&p->lock);
    /* relaxed: under the lock that orders it */
    bool runs = j->resume || (!j->at && !atomic_load_explicit(&j->done, memory_order_relaxed));
    if (j->resume) resume(p, j); /* one more than may run, but it ends soon */
    else if (j->at) unqueue(p, j);
    if (runs) {
        j->abandoned = true;
        if (j->cancel) j->cancel(j);
    }
    pthread_mutex_unlock(&p->lock);
    if (!runs) drop(j);
}

/* Under the lock: ends the job that has run longest, of those that rest and self, for a new one. One at a time. */
static void evict_one(rl_pool *p, rl_job *self) {
    rl_job *longest = self;
    if (p->ending) return;
    for (rl_job *j = p->lines[RL_LINE_RESTING].first; j; j = j->next)
        if (j->breaths > longest->breaths) longest = j;
    longest->evicted = true;
    p->ending++;
    if (longest->resume) resume(p, longest); /* one more than may run, but it ends soon */
}

/* Under the lock: gives the place of this thread, which runs self, to whose turn it is, or, when no thread can be had for
 * that one, to the first that rests. False: to nobody. */
static bool give_place(rl_pool *p, rl_job *self) {
    rl_job *j = first(p);
    if (!j || running(p) < RL_JOB_THREADS) return false; /* nobody waits, or there is room for them */
    p->turn = !line_of(j);
    if (!j->resume && (p->idle || add_thread(p))) {
        p->turn = RL_LINE_NEW;
        pthread_cond_signal(&p->work);
        return true;
    }
    if (!j->resume) evict_one(p, self);
    j = p->lines[RL_LINE_RESTING].first;
    if (!j || self->evicted) return false;
    resume(p, j);
    return true;
}

bool rl_job_breathe(rl_job *j) {
    rl_pool *p = j->pool;
    pthread_mutex_lock(&p->lock);
    j->breaths++;
    if (!j->abandoned && !j->evicted && give_place(p, j)) {
        pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
        p->resting++;
        j->resume = &cond;
        enqueue(p, j);
        while (j->resume) pthread_cond_wait(&cond, &p->lock);
        pthread_cond_destroy(&cond);
    }
    bool wanted = !j->abandoned && !j->evicted;
    pthread_mutex_unlock(&p->lock);
    return wanted;
}

/* To a process whether others know it or not: a start function may wait for a job. */
static void deliver(rl_rt *rt, rl_msg *m) {
    u64 id = m->pid;
    rl_proc *p = rl_pid_hold(&rt->pids, id);
    bool woken = p && rl_mailbox_push(&p->mail, m);
    rl_pid_release(&rt->pids, id);
    if (woken) rl_sched_next(p); /* it was parked, so it is ours and does not end */
    if (!p) rl_msg_free(m);
}

bool rl_jobs_deliver(rl_worker *w) {
    /* acquire: pairs with the release in tell */
    rl_msg *m = atomic_exchange_explicit(&w->told, NULL, memory_order_acquire);
    bool any = m;
    while (m) {
        rl_msg *next = m->next;
        deliver(w->rt, m);
        m = next;
    }
    return any;
}
