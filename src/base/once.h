/* Initialisation that happens once, when first needed, and may fail: unlike pthread_once, the next one who needs it tries
 * again, so that a moment without memory does not spoil the rest of the program's life. */
#ifndef RL_ONCE_H
#define RL_ONCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/err.h"

typedef struct rl_once {
    _Atomic bool done;
    pthread_mutex_t lock;
} rl_once;
#define RL_ONCE_INIT { false, PTHREAD_MUTEX_INITIALIZER }

/* Runs f unless it succeeded before; a failed f may be run again and must stand that. Thread-safe. */
static inline rl_err rl_once_run(rl_once *o, rl_err (*f)(void)) {
    /* acquire: pairs with the release of whoever ran it */
    if (RL_LIKELY(atomic_load_explicit(&o->done, memory_order_acquire))) return RL_OK;
    pthread_mutex_lock(&o->lock);
    rl_err e = atomic_load_explicit(&o->done, memory_order_relaxed) ? RL_OK : f();
    if (!e) atomic_store_explicit(&o->done, true, memory_order_release);
    pthread_mutex_unlock(&o->lock);
    return e;
}

#endif
