/* Readiness of host descriptors. */
#ifndef RL_IO_H
#define RL_IO_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/map.h"

/* Embedded in whatever waits. Zeroed: waits for nothing. */
typedef struct rl_waiter {
    struct rl_waiter *next, **at; /* others on the same descriptor; at NULL: not waiting */
    int fd;
    bool write;
} rl_waiter;

typedef struct rl_io {
    int epoll, wake; /* -1: not open */
    rl_map fds;      /* descriptor: its waiters */
    _Atomic u32 waiting; /* entries in fds, for whoever has no lock */
} rl_io;

rl_err rl_io_init(rl_io *io);
void rl_io_fini(rl_io *io);

/* Registers w, which must not be waiting. RL_ERR_IO: the kernel cannot tell (a plain file, a bad number): treat it as
 * ready. RL_ERR_NOMEM. */
rl_err rl_io_wait(rl_io *io, rl_waiter *w, int fd, bool write);
/* Fine when w does not wait. */
void rl_io_cancel(rl_io *io, rl_waiter *w);
/* Waits at most timeout_ns (0: only looks; negative: without end), or until rl_io_wake. Calls ready for every waiter
 * whose descriptor has become ready; it waits no more then. lock, if given, is taken for that, and to be held by callers
 * of rl_io_wait and rl_io_cancel. */
void rl_io_poll(rl_io *io, i64 timeout_ns, pthread_mutex_t *lock, void (*ready)(void *env, rl_waiter *w), void *env);
/* Any thread, also a signal handler. */
void rl_io_wake(rl_io *io);

#endif
