/* Work that may block or takes long, on threads that are no workers: compiling a module, SQLite, names without an
 * asynchronous resolver.
 *
 * A host function makes a job, which owns copies of everything it needs, starts it, and waits for it by parking:
 *
 *   typedef struct lookup { rl_job job; char *name; ... } lookup;     job is the first member
 *
 *   i32 rl_host_x_lookup(rl_host *h, i32 ptr, i32 len, i64 timeout) {
 *       if (!rl_job_of(h)) {                                          first call: no job yet
 *           lookup *l = ... copy the guest's bytes ...
 *           rl_job_start(h, &l->job, run, drop);                      takes l over, whatever happens
 *       }
 *       lookup *l = (lookup *)rl_job_wait(h, deadline);
 *       if (!l) return timed_out or 0;                                parked, trapped, or too late
 *       ... results into the guest ...
 *       drop(&l->job);
 *   }
 *
 * A process has at most one job at a time, as it waits in at most one call. When it dies, its job is left to itself: one
 * that has not begun never runs, one that runs goes on and is dropped at its end. */
#ifndef RL_JOBS_H
#define RL_JOBS_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/host/host.h"
#include "src/msg.h"

struct rl_rt;
struct rl_worker;

#define RL_JOB_THREADS 16u /* most that run at a time, of one runtime */
#define RL_JOB_STACKS 256u /* most that there are: the others rest in the middle of a job. A new one is given one in any case */

typedef struct rl_job {
    /* run: on a thread of the pool; may block; touches only what the job owns. drop: releases the job and all it owns;
     * on any thread, once. */
    void (*run)(struct rl_job *j);
    void (*drop)(struct rl_job *j);
    /* NULL, or set before the start: makes a running job end soon, as sqlite3_interrupt does. Called at most once, while
     * run runs, by the thread that gives the job up, under the pool's lock: it must not block. */
    void (*cancel)(struct rl_job *j);
    /* the rest is the pool's, under its lock unless it says otherwise */
    struct rl_job *next, **at; /* in the queue; at NULL: not there */
    pthread_cond_t *resume;    /* of one that rests in the queue; else NULL */
    struct rl_pool *pool;
    struct rl_worker *worker;  /* that will be told */
    rl_msg *wake;              /* what it will be told, made beforehand so that it cannot fail */
    u32 breaths;               /* so often it breathed */
    bool abandoned;
    bool evicted;              /* given up by the pool, while its process waits */
    _Atomic bool done;
} rl_job;

/* The job this process has started and not taken back; NULL: none. */
rl_job *rl_job_of(const rl_host *h);
/* Starts j, which is taken over: when it cannot be started the process traps and j is dropped. */
void rl_job_start(rl_host *h, rl_job *j, void (*run)(rl_job *j), void (*drop)(rl_job *j));
/* The finished job, which is the caller's again (drop it; the wait is over, rl_host_done was called). NULL: return at
 * once, the process parks and the call will be repeated, or it traps; or, with h->wait.timed_out set, the deadline passed and the
 * job was given up: say so to the guest after rl_host_done. The deadline of the first call counts; INT64_MAX: none. */
rl_job *rl_job_wait(rl_host *h, i64 deadline_ns);
/* For a run that takes long, every now and then, after like amounts of work: when jobs wait and all threads are busy, it rests
 * behind them. False: end soon, as its process is gone, or as too many take long: of those the one that has breathed most is
 * ended for one that has not begun. Its process is told as usual. */
bool rl_job_breathe(rl_job *j);
/* Gives j up, wherever it is: it is dropped, now or at its end. NULL is fine. */
void rl_job_abandon(rl_job *j);

/* For what no process waits for any more: drop runs on the pool. */
void rl_job_leave(struct rl_pool *p, rl_job *j, void (*drop)(rl_job *j));

/* One per runtime; threads start when there are jobs and end when there are none for a while. */
struct rl_pool *rl_pool_new(void);
/* No process has a job any more. Those that still run do not keep it for long. NULL is fine. */
void rl_pool_free(struct rl_pool *p);

/* For the scheduler: wakes the processes whose jobs are done, as w was told. False: there were none. On w's thread. */
bool rl_jobs_deliver(struct rl_worker *w);

#endif
