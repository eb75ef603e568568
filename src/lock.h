/* A lock for a few instructions, never held across a system call or a wait; free of cost when there is one thread. */
#ifndef RL_LOCK_H
#define RL_LOCK_H

#include <sched.h>
#include <stdatomic.h>

#include "src/base/base.h"

/* Set once more than one thread uses anything of the process layer, by the thread that starts the second one, while it is
 * in the middle of nothing; never cleared. Before that the only thread is spared locked operations. */
extern _Atomic bool rl_shared;
static inline bool rl_alone(void) { return !atomic_load_explicit(&rl_shared, memory_order_relaxed); }

/* Zeroed storage is an open lock. */
typedef struct rl_lock { _Atomic u32 taken; } rl_lock;

static inline void rl_lock_take(rl_lock *l) {
    /* acquire: pairs with the release of whoever had it before */
    for (u32 tries = 0; atomic_exchange_explicit(&l->taken, 1, memory_order_acquire);)
        while (atomic_load_explicit(&l->taken, memory_order_relaxed))
            if (++tries % 64 == 0) sched_yield(); /* the holder may have lost its core */
}
/* release: pairs with the acquire in rl_lock_take */
static inline void rl_lock_drop(rl_lock *l) { atomic_store_explicit(&l->taken, 0, memory_order_release); }

#endif
