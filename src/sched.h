/* Workers: who runs next, who waits for what. And the runtime object they belong to. */
#ifndef RL_SCHED_H
#define RL_SCHED_H

#include <signal.h>

#include "src/crew.h"
#include "src/gate.h"
#include "src/halt.h"
#include "src/names.h"
#include "src/pids.h"
#include "src/proc.h"
#include "src/rt.h"
#include "src/seeded.h"
#include "src/slot.h"
#include "src/spare.h"
#include "src/stack.h"
#include "src/tally.h"
#include "src/tidy.h"

typedef enum rl_event {
#define EVENT(name) RL_EVENT_##name,
#include "src/events.def"
#undef EVENT
    RL_EVENT_COUNT
} rl_event;

/* What a timer belongs to (rl_timer.kind). */
typedef enum rl_due { RL_DUE_PROC, RL_DUE_SEND, RL_DUE_RUN } rl_due;

/* lunatic::timer::send_after. In its starter's table of timers until the starter drops it, and in the wheel of the worker
 * `at` until sent; under that worker's lock. */
typedef struct rl_delayed {
    rl_timer timer;
    struct rl_worker *at;
    rl_msg *msg;
    u64 target;    /* 0: nobody */
    u64 owner, id; /* whose timer table has it, and where; owner 0: no longer */
    u64 bytes;     /* that the owner, or else the runtime, counts for it */
} rl_delayed;

#define RL_CROWD (128u << 10) /* bytes: messages still in the second cache when they are read */
#define RL_SCRATCH 32768u
#ifndef RL_LOOK_EVERY /* tests/model looks more often */
#define RL_LOOK_EVERY 64u   /* dispatches between two looks at timers and descriptors, and whether there is too much to run */
#endif
#define RL_DISPATCH_COST 50 /* what a turn takes from the slice at least, in instructions */

typedef struct rl_worker {
    struct rl_rt *rt;
    pthread_t thread;  /* the first one's is the caller's */
    bool has_thread;   /* thread is to be joined */
    u32 index;
    u32 ticks;         /* slices until the next look at timers and readiness */
    bool looking;      /* at them: what they wake runs in the order woken */
    i64 held_until;    /* timers that are due may wait until then, see fire; 0: none do */
    i64 seen, seen_cpu; /* patient runs: when it looked last, and the thread's time then */
    i64 lost;           /* and time it did not get while it had work: its timers' clock is so much behind; else 0 */
    rl_proc *next;     /* woken by the one that runs; runs next and shares its slice */
    i64 budget;        /* what is left of that slice */
    bool extended;     /* it is the second since a process came from the queue */
    u64 running;       /* id of the process that had the last slice */
    rl_turn turn;      /* what kind is taken from the queue */
    i64 turn_left;     /* for how many instructions more */
    i64 passed_over;   /* instructions since the eldest newborn had its turn */
    i64 surplus_since; /* there has been more to run than it can run at once; 0: there is not */
    bool dismissed;    /* it runs what is woken here, and takes nothing from others */
    rl_pace pace;
    _Atomic i64 alive, bytes; /* what is to be added to those of the runtime; it writes */
    rl_runq runq;
    _Atomic(rl_msg *) told; /* by threads that are no workers: signals to processes, for rl_jobs_deliver */
    _Alignas(64) _Atomic bool asleep; /* in epoll, or about to; whoever clears it wakes it */
    pthread_mutex_t lock; /* of wheel and io, which other workers' processes may have to leave */
    rl_wheel wheel;
    rl_io io;
    rl_stack_cache stacks, deep_stacks;
    rl_memory_source memory; /* what memories come from: slots, with an eye on fences (src/fence.h) */
    rl_slots slots;
    rl_proc *current;  /* whose guest code runs; NULL: nobody's */
    rl_spares spares;
    rl_tidy tidy;
    void *scratch;     /* of host functions, RL_SCRATCH bytes; made on first use */
    u32 seed;          /* whom to steal from first */
    rl_rt_stats stats; /* but what the runtime counts for all */
    u64 events[RL_EVENT_COUNT];
    rl_tally *tally;   /* NULL: there is no exporter */
} rl_worker;

/* Begins the worker's tally, once there is an exporter. */
rl_err rl_worker_tally(rl_worker *w);

struct rl_rt {
    const rl_rt_config *config;
    rl_worker *workers;        /* the first one, the thread that called */
    rl_worker *more_workers;   /* the others; NULL: none has started */
    rl_crew crew;              /* how many of them work */
    rl_gate gate;              /* and are awake */
    u64 crowd;                 /* bytes unread from which on senders give way to the receiver */
    _Atomic u32 started;       /* those there are; others start when there is work for them */
    rl_names names;
    rl_pids pids;              /* every process */
    rl_stacks stacks;          /* where processes begin and most stay, with their records */
    rl_stacks deep_stacks;     /* of the size they may reach */
    _Atomic u64 last_id;
    _Atomic u64 alive, alive_peak;   /* processes, but for what workers have not reported: rl_rt_alive */
    _Atomic u64 memory, memory_peak; /* bytes; rl_rt_memory */
    _Atomic u64 orphans;       /* bytes of delayed messages whose starters are gone */
    _Atomic bool orphans_told; /* that there were too many */
    _Atomic(struct rl_worker *) tidier; /* who tidies up the pools; NULL: nobody */
    struct rl_pool *pool;      /* of threads that run jobs */
    _Atomic bool stop;
    _Atomic int status;        /* exit status of the run, once stop is set; -1 before */
    rl_halt halt;
    struct rl_attach *attach;  /* the socket for onlookers; NULL: not open. The first worker's */
    rl_timer deadline;
    bool out_of_time;          /* it passed; set before stop */
    struct rl_metrics *metrics;   /* of guests, while there is an exporter; else NULL */
    struct rl_exporter *exporter;
    FILE *log;
    rl_seeded *seeded;         /* what decides the run; NULL: time and chance do */
    rl_seeded seed;            /* its place */
};

/* seq_cst: pairs with the store in start_another (src/crew.c): those workers can be looked at; and rl_sched_stop, which has stored `stop`
 * before, either wakes a worker or is seen by it. */
static inline u32 rl_rt_started(const rl_rt *rt) { return atomic_load(&rt->started); }
/* i: below rl_rt_started */
static inline rl_worker *rl_rt_worker(const rl_rt *rt, u32 i) { return i ? &rt->more_workers[i - 1] : rt->workers; }

/* Bit set of signals that came (SIGINT, SIGTERM, SIGUSR1, SIGUSR2), set by a handler of rt.c. */
extern _Atomic u32 rl_rt_signals;

/* The worker of this thread. */
extern _Thread_local rl_worker *rl_worker_self;

rl_err rl_worker_init(rl_worker *w, rl_rt *rt, u32 index);
void rl_worker_fini(rl_worker *w);
/* The thread of a worker but the first. */
void *rl_worker_main(void *worker);
/* True: w was asleep, or about to, and the caller is the one to wake it. */
bool rl_worker_rouse(rl_worker *w);
/* Puts what is runnable into the queue, as it is for those woken. */
void rl_sched_queue(rl_worker *w, rl_proc *p);
/* Until rt->stop. On the thread whose rl_worker_self it is. */
void rl_worker_run(rl_worker *w);

/* The lock of a worker's wheel and io. */
static inline void rl_worker_lock(rl_worker *w) {
    if (!rl_alone()) pthread_mutex_lock(&w->lock);
}
static inline void rl_worker_unlock(rl_worker *w) {
    if (!rl_alone()) pthread_mutex_unlock(&w->lock);
}

/* The worker where a watch is registered; if it is not yet, own. */
static inline rl_worker *rl_watch_worker(rl_watch *watch, rl_worker *own) {
    /* acquire: pairs with the exchange in rl_io_await */
    rl_io *io = atomic_load_explicit(&watch->io, memory_order_acquire);
    return io ? RL_CONTAINER(io, rl_worker, io) : own;
}
/* rl_watch_more, and whoever waits is woken. */
void rl_sched_more(rl_watch *watch, u8 direction, u8 tried);
/* Before the descriptor of a watch is closed. */
void rl_sched_unwatch(rl_watch *watch);

/* Makes p, which is in no queue and nobody else's, runnable on this thread's worker: behind the others. */
void rl_sched_later(rl_proc *p);
/* The same, but next: for whoever was just sent something. */
void rl_sched_next(rl_proc *p);
/* What decides this thread's run, or NULL. */
rl_seeded *rl_sched_seeded(void);
/* The monotonic clock, from which deadlines count: the system's, or that of a seeded run. Any thread; of a seeded run, its worker's. */
i64 rl_sched_now(void);
/* A deadline of the clock as the worker's timers know it. On its thread. */
i64 rl_sched_deadline(rl_worker *w, i64 deadline_ns);
/* Ends the run. The first status counts. */
void rl_sched_stop(rl_rt *rt, int status);

/* Statistics of all workers, while none of them runs. */
void rl_rt_sum(rl_rt *rt, rl_rt_stats *s);

/* The next id of a process. They count up from 1, as guests may see. */
u64 rl_rt_new_id(rl_rt *rt);
/* So many more are alive, with so many bytes more of memory. Workers report when it has become many; peaks are by so much
 * too low. */
void rl_worker_count(rl_worker *w, i64 processes, i64 bytes);
/* Processes alive, and bytes of their memories. Any thread; exact while none of them runs. */
u64 rl_rt_alive(rl_rt *rt);
u64 rl_rt_memory(rl_rt *rt);

/* Drops a delayed message; its owner is gone or does not want it. True: it had not been sent. */
bool rl_delayed_drop(rl_delayed *d);

#endif
