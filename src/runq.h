/* A worker's run queue. */
#ifndef RL_RUNQ_H
#define RL_RUNQ_H

#include <stdatomic.h>

#include "src/base/base.h"
#include "src/lock.h"

#ifndef RL_RUNQ_RING /* tests/model has smaller ones */
#define RL_RUNQ_RING 256u
#endif

/* Embedded in what runs. */
typedef struct rl_run {
    struct rl_run *next; /* in an overflow list; among newborns: the next older */
    struct rl_run *newer;
} rl_run;

/* First in, first out. */
typedef struct rl_ring {
    _Alignas(64) _Atomic u32 head; /* taken from by anyone, with CAS */
    _Alignas(64) _Atomic u32 tail; /* written by the owner */
    _Atomic(rl_run *) ring[RL_RUNQ_RING];
    rl_run *first, **last;         /* overflow list, the owner's alone */
    u32 overflow;                  /* its length */
} rl_ring;

/* What is in it is of three kinds. */
typedef enum rl_turn {
    RL_TURN_WOKEN,   /* by a message, a deadline, a descriptor */
    RL_TURN_RAN,     /* until its slice was over               */
    RL_TURN_NEWBORN, /* never ran                              */
    RL_TURN_COUNT
} rl_turn;

typedef struct rl_runq {
    rl_ring rings[RL_TURN_NEWBORN];
    _Alignas(64) rl_lock lock;     /* of what follows */
    _Atomic u32 newborns;          /* their number, written under the lock */
    rl_run *newest, *oldest;
} rl_runq;

void rl_runq_init(rl_runq *q);
void rl_runq_fini(rl_runq *q);
/* Owner: at the end of its kind. */
void rl_runq_push(rl_runq *q, rl_turn kind, rl_run *r);
/* Owner: the first of that kind, among newborns the youngest; or NULL. */
rl_run *rl_runq_pop(rl_runq *q, rl_turn kind);
/* Owner: the eldest of the newborns, or NULL. */
rl_run *rl_runq_pop_eldest(rl_runq *q);
/* Another worker: moves half of q's newborns, the elder ones, or when there are none half of one of its rings, to `to`, which
 * is the caller's own and empty; returns how many. */
u32 rl_runq_steal(rl_runq *q, rl_runq *to);

/* Owner: about how many newborns there are, and how many of all. */
static inline u32 rl_runq_newborns(const rl_runq *q) { return atomic_load_explicit(&q->newborns, memory_order_relaxed); }
static inline u32 rl_ring_length(const rl_ring *q) {
    return atomic_load_explicit(&q->tail, memory_order_relaxed) - atomic_load_explicit(&q->head, memory_order_relaxed) + q->overflow;
}
static inline u32 rl_runq_length(const rl_runq *q) {
    return rl_ring_length(&q->rings[RL_TURN_WOKEN]) + rl_ring_length(&q->rings[RL_TURN_RAN]) + rl_runq_newborns(q);
}

#endif
