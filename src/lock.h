/* A lock for a few instructions, never held across a system call or a wait; free of cost when there is one thread. */
#ifndef RL_LOCK_H
#define RL_LOCK_H

#include <sched.h>
#include <stdatomic.h>

#include "src/base/base.h"

/* This thread's: whether other threads may be using what the process layer shares in its runtime. The only one is spared
 * locked operations. It changes while the thread is in the middle of nothing, see src/gate.h. */
extern _Thread_local __attribute__((tls_model("initial-exec"))) bool rl_shared;
static inline bool rl_alone(void) { return !rl_shared; }

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
