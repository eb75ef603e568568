/* Stopping all workers between slices, for a moment: so that somebody can look at every process. */
#ifndef RL_HALT_H
#define RL_HALT_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/base.h"

struct rl_rt;

enum { RL_ASKED_HALT = 1, /* to stop */ RL_ASKED_ENTRY = 2 /* to open the gate */ };

typedef struct rl_halt {
    _Atomic u32 asked;     /* of workers, RL_ASKED_*: they look between slices */
    pthread_mutex_t lock;  /* of what follows */
    pthread_cond_t moved;  /* any of it changed */
    u32 running, halted;   /* workers in their loop, and those of them that have stopped */
} rl_halt;

void rl_halt_init(rl_halt *h);
/* Zeroed is fine. */
void rl_halt_fini(rl_halt *h);

/* A worker is about to touch what others look at, or will not until it enters again: at both ends of its loop, and
 * around its sleep. Entering waits for a halt to end. */
void rl_halt_enter(rl_halt *h);
void rl_halt_leave(rl_halt *h);
/* A worker, between slices, where it is asked for: waits until it may go on. */
void rl_halt_wait(rl_halt *h);

/* Returns when no worker but the caller, if it is one, is in a slice; until rl_halt_end none will be, and what belongs to
 * workers and their processes is the caller's to read. Any thread; one at a time, others wait. */
void rl_halt_begin(struct rl_rt *rt);
void rl_halt_end(struct rl_rt *rt);

#endif
