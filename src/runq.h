/* A worker's run queue. */
#ifndef RL_RUNQ_H
#define RL_RUNQ_H

#include <stdatomic.h>

#include "src/base/base.h"

#ifndef RL_RUNQ_RING /* tests/model has smaller ones */
#define RL_RUNQ_RING 256u
#endif

/* Embedded in what runs. */
typedef struct rl_run {
    struct rl_run *next; /* in the overflow list */
} rl_run;

typedef struct rl_runq {
    _Alignas(64) _Atomic u32 head; /* taken from by anyone, with CAS */
    _Alignas(64) _Atomic u32 tail; /* written by the owner */
    _Atomic(rl_run *) ring[RL_RUNQ_RING];
    rl_run *first, **last;         /* overflow list, the owner's alone */
    u32 overflow;                  /* its length */
} rl_runq;

void rl_runq_init(rl_runq *q);
void rl_runq_fini(rl_runq *q);
/* Owner: at the end. */
void rl_runq_push(rl_runq *q, rl_run *r);
/* Owner: about how many are in it. */
static inline u32 rl_runq_length(rl_runq *q) {
    return atomic_load_explicit(&q->tail, memory_order_relaxed) - atomic_load_explicit(&q->head, memory_order_relaxed) +
           q->overflow;
}
/* Owner: from the front, or NULL. */
rl_run *rl_runq_pop(rl_runq *q);
/* Another worker: moves half of q's ring to `to`, which is the caller's own and empty; returns how many. */
u32 rl_runq_steal(rl_runq *q, rl_runq *to);

#endif
