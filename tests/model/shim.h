/* Put in front of every source file of the model (-include): the atomics and locks of the real code become calls of the
 * explorer (model.h), which decides who goes on and what a load sees. The types stay what they are. Each place in the code
 * is a site, so that a mutation can weaken just one of them. */
#ifndef SHIM_H
#define SHIM_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "tests/model/model.h"

#define RL_RUNQ_RING 4u /* so that it runs full soon */
#define SEARCHES 1u     /* of a worker without work, before it sleeps */
#define RL_LOOK_EVERY 4u /* dispatches before a worker looks whether it wants help, */
#define WAKE_AFTER_NS 0  /* and does, if there is more than it can do at once */
#define MEASURE_NS 0

#define MODEL_SITE(kind, order) static model_site site_ = {__FILE__, __LINE__, kind, order, memory_order_relaxed, 0, false}
#define MODEL_TYPE(p) __typeof__((void)0, *(p)) /* without _Atomic */
#define MODEL_OUT(p, v) ((MODEL_TYPE(p))(uintptr_t)(v))
#define MODEL_IN(v) ((uint64_t)(uintptr_t)(v))

#undef atomic_init
#undef atomic_load_explicit
#undef atomic_load
#undef atomic_store_explicit
#undef atomic_store
#undef atomic_exchange_explicit
#undef atomic_exchange
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak_explicit
#undef atomic_compare_exchange_weak
#undef atomic_fetch_add_explicit
#undef atomic_fetch_add
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_or_explicit
#undef atomic_fetch_or
#undef atomic_fetch_and_explicit
#undef atomic_fetch_and
#undef atomic_thread_fence

#define atomic_init(p, v) ({ MODEL_TYPE(p) new_ = (v); model_init((void *)(uintptr_t)(p), sizeof *(p), MODEL_IN(new_)); })
#define atomic_load_explicit(p, order) \
    ({ MODEL_SITE("load", order); MODEL_OUT(p, model_load(&site_, (void *)(uintptr_t)(p), sizeof *(p))); })
#define atomic_store_explicit(p, v, order) \
    ({ MODEL_SITE("store", order); MODEL_TYPE(p) new_ = (v); model_store(&site_, (void *)(uintptr_t)(p), sizeof *(p), MODEL_IN(new_)); })
#define MODEL_RMW(kind, op, p, v, order) \
    ({ MODEL_SITE(kind, order); MODEL_TYPE(p) new_ = (MODEL_TYPE(p))(v); \
       MODEL_OUT(p, model_rmw(&site_, op, (void *)(uintptr_t)(p), sizeof *(p), MODEL_IN(new_))); })
#define MODEL_CAS(kind, weak, p, expected, v, order, failed) \
    ({ static model_site site_ = {__FILE__, __LINE__, kind, order, failed, 0, false}; MODEL_TYPE(p) new_ = (v), *old_ = (expected); uint64_t seen_ = MODEL_IN(*old_); \
       bool done_ = model_cas(&site_, weak, (void *)(uintptr_t)(p), sizeof *(p), &seen_, MODEL_IN(new_)); \
       *old_ = MODEL_OUT(p, seen_); done_; })
#define atomic_exchange_explicit(p, v, order) MODEL_RMW("exchange", MODEL_SWAP, p, v, order)
#define atomic_fetch_add_explicit(p, v, order) MODEL_RMW("fetch_add", MODEL_ADD, p, v, order)
#define atomic_fetch_sub_explicit(p, v, order) MODEL_RMW("fetch_sub", MODEL_SUB, p, v, order)
#define atomic_fetch_or_explicit(p, v, order) MODEL_RMW("fetch_or", MODEL_OR, p, v, order)
#define atomic_fetch_and_explicit(p, v, order) MODEL_RMW("fetch_and", MODEL_AND, p, v, order)
#define atomic_compare_exchange_strong_explicit(p, e, v, order, failed) MODEL_CAS("cas", false, p, e, v, order, failed)
#define atomic_compare_exchange_weak_explicit(p, e, v, order, failed) MODEL_CAS("cas", true, p, e, v, order, failed)
#define atomic_load(p) atomic_load_explicit(p, memory_order_seq_cst)
#define atomic_store(p, v) atomic_store_explicit(p, v, memory_order_seq_cst)
#define atomic_exchange(p, v) atomic_exchange_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_add(p, v) atomic_fetch_add_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_sub(p, v) atomic_fetch_sub_explicit(p, v, memory_order_seq_cst)
#define atomic_fetch_or(p, v) atomic_fetch_or_explicit(p, v, memory_order_seq_cst)
#define atomic_compare_exchange_strong(p, e, v) \
    atomic_compare_exchange_strong_explicit(p, e, v, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_compare_exchange_weak(p, e, v) \
    atomic_compare_exchange_weak_explicit(p, e, v, memory_order_seq_cst, memory_order_seq_cst)
#define atomic_thread_fence(order) ({ MODEL_SITE("fence", order); model_fence(&site_); })

/* Locks need not be explored themselves: taking one is a step, and waiting for one is no loop. */
#define pthread_mutex_lock(m) ({ MODEL_SITE("lock", -1); model_lock(&site_, m); 0; })
#define pthread_mutex_unlock(m) ({ MODEL_SITE("unlock", -1); model_unlock(&site_, m); 0; })
#define pthread_cond_wait(c, m) ({ MODEL_SITE("sleep", -1); model_cond_wait(&site_, c, m, false); 0; })
#define pthread_cond_timedwait(c, m, t) ({ MODEL_SITE("sleep", -1); (void)(t); model_cond_wait(&site_, c, m, true) ? 0 : ETIMEDOUT; })
#define pthread_cond_signal(c) ({ MODEL_SITE("signal", -1); model_cond_signal(&site_, c, false); 0; })
#define pthread_cond_broadcast(c) ({ MODEL_SITE("signal", -1); model_cond_signal(&site_, c, true); 0; })
#define pthread_create(t, attr, run, arg) model_create(run, arg, t)
#define pthread_join(t, result) model_join(t)
#define pthread_sigmask(how, set, old) ({ (void)(set), (void)(old); 0; })
#define sched_yield() model_yield()
/* The kernel is the scenarios'. */
int world_close(int fd);
ssize_t world_write(int fd, const void *p, size_t n);
#define epoll_create1 world_epoll_create
#define epoll_ctl world_epoll_ctl
#define epoll_pwait2 world_epoll_pwait
#define eventfd world_eventfd
#define write world_write
#define close world_close
#define RL_LOCK_H
typedef struct rl_lock { uint32_t taken; } rl_lock;
extern bool model_shared[MODEL_THREADS]; /* a thread's own */
#define rl_shared (model_shared[model_thread()])
static inline bool rl_alone(void) { return !rl_shared; }
#define rl_lock_take(l) pthread_mutex_lock(l)
#define rl_lock_drop(l) pthread_mutex_unlock(l)

#endif
