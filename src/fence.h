/* Knowing what a process writes without asking: memories kept for the next process of their program, with only those
 * pages open that its processes are known to write. */
#ifndef RL_FENCE_H
#define RL_FENCE_H

#include <stdatomic.h>

#include "jit/instance.h"

#define RL_FENCE_PAGES 1024u /* of the largest memory that is kept: 4 MiB */
#define RL_FENCE_RUNS 12u

/* Which pages of a program's memories are open; constant. Counted by its habit and by the fences that follow it, which may
 * outlive that, on any worker. */
typedef struct rl_plan {
    _Atomic u32 refs;
    struct rl_plan *older;
    u32 n;
    struct rl_plan_run { u32 at, n; bool written; } runs[RL_FENCE_RUNS]; /* pages; the others are only read */
} rl_plan;

/* What one worker knows of one program's processes. Zeroed: nothing. */
typedef struct rl_habit {
    u64 written[RL_FENCE_PAGES / 64]; /* pages that some process wrote, or that hold nothing of the image */
    u32 seen;       /* processes looked at */
    u32 ended;      /* processes of all kinds */
    u32 broken;     /* fences that were */
    bool stale;     /* written has grown since the newest plan */
    bool hopeless;  /* its processes write here and there */
    rl_plan *plans; /* newest first; until rl_habit_fini */
} rl_habit;

/* One memory's. Zeroed: there is none. */
typedef struct rl_fence {
    u8 *base;
    u64 bytes;
    rl_plan *plan;
    bool broken;    /* every page is open, and what was written is unknown */
} rl_fence;

/* The memory of i, whose process ended: keeps it if that is worth it (true: rl_fence_reset makes it new again), or leaves
 * it as it is, open. */
bool rl_fence_keep(rl_fence *f, rl_habit *h, rl_instance *i);
/* Puts memory 0 of i into the state of a new instance. */
void rl_fence_reset(const rl_fence *f, rl_instance *i);
/* Opens every page. Any time, and in a handler of faults. False: the system refused. */
bool rl_fence_break(rl_fence *f);
/* Makes n bytes at p fit to be read or (write) written by the kernel, which takes no faults for us: breaks the fence
 * unless its plan has them open. False: the system refused. */
bool rl_fence_open(rl_fence *f, const void *p, u64 n, bool write);
/* Ends the fence: the memory is as any other. */
void rl_fence_drop(rl_fence *f);
void rl_habit_fini(rl_habit *h);

#endif
