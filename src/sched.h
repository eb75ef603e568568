/* Workers: who runs next, who waits for what. And the runtime object they belong to. */
#ifndef RL_SCHED_H
#define RL_SCHED_H

#include <signal.h>

#include "src/names.h"
#include "src/proc.h"
#include "src/rt.h"
#include "src/slot.h"
#include "src/spare.h"
#include "src/stack.h"

/* What a timer belongs to (rl_timer.kind). */
typedef enum rl_due { RL_DUE_PROC, RL_DUE_SEND, RL_DUE_RUN } rl_due;

/* lunatic::timer::send_after */
typedef struct rl_delayed {
    rl_timer timer;
    rl_msg *msg;
    u64 target;    /* 0: nobody */
    u64 owner, id; /* whose timer table has it, and where */
} rl_delayed;

#define RL_SCRATCH 32768u

typedef struct rl_worker {
    struct rl_rt *rt;
    rl_proc *next;     /* woken by the one that runs; runs next and shares its slice */
    i64 budget;        /* what is left of that slice */
    rl_runq runq;
    rl_wheel wheel;
    rl_io io;
    rl_stacks stacks;
    rl_slots slots;
    rl_spares spares;
    void *scratch;     /* of host functions, RL_SCRATCH bytes; made on first use */
    u32 ticks;         /* slices until the next look at timers and readiness */
    rl_rt_stats stats;
} rl_worker;

struct rl_rt {
    const rl_rt_config *config;
    rl_worker worker;          /* one today; everything below is what all would share */
    rl_names names;
    rl_map procs;              /* published processes by id */
    u64 last_id;
    rl_proc *all;
    u64 alive, memory;         /* processes and bytes now */
    bool stop;
    int status;                /* exit status of the run, once stop is set */
    rl_timer deadline;
    FILE *log;
};

/* Number of the last SIGINT or SIGTERM; 0: none. Set by a signal handler of rt.c. */
extern _Atomic int rl_rt_signal;

rl_err rl_worker_init(rl_worker *w, rl_rt *rt);
void rl_worker_fini(rl_worker *w);
/* Until rt->stop. */
void rl_worker_run(rl_worker *w);

/* Makes p, which is in no queue, runnable: behind the others. */
void rl_sched_later(rl_proc *p);
/* The same, but next: for whoever was just sent something. */
void rl_sched_next(rl_proc *p);
/* Something p's parked call waits for has come; wakes it if it sleeps. */
void rl_sched_ready(rl_proc *p);
/* Ends the run. The first status counts. */
void rl_sched_stop(rl_rt *rt, int status);

#endif
