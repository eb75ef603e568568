/* Readiness of host descriptors. */
#ifndef RL_IO_H
#define RL_IO_H

#include <pthread.h>
#include <sys/epoll.h>
#include <stdatomic.h>

#include "src/base/map.h"

/* Embedded in whatever waits. Zeroed: waits for nothing. */
typedef struct rl_waiter {
    struct rl_waiter *next, **at; /* others on the same descriptor; at NULL: not waiting */
    struct rl_watch *watch;       /* waited for by rl_io_await; NULL: by rl_io_wait, for fd */
    int fd;
    bool write;
} rl_waiter;

typedef struct rl_io_slot { /* one for each watch */
    struct rl_watch *watch; /* NULL: free */
    u32 generation;         /* of the slot's users: late events are for an earlier one */
    u32 next;               /* free slot */
} rl_io_slot;

typedef struct rl_io {
    int epoll, wake; /* -1: not open */
    rl_map fds;      /* descriptor: its waiters */
    rl_io_slot *slots; u32 nslots, cap, free; /* free: UINT32_MAX: none */
    u32 awaiting;        /* waiters of watches */
    _Atomic u32 waiting; /* those, and entries in fds, for whoever has no lock */
} rl_io;

/* A descriptor that is registered once, at its first wait, and remembers whether trying is worth it: so a socket costs
 * one system call for each read that finds something, and none to wait. */
enum { RL_READY_IN = 1, RL_READY_OUT = 2, RL_READY_END = 4 /* of what can be read: never again "not now" */ };
typedef struct rl_watch {
    _Atomic(rl_io *) io;     /* where it is registered; NULL: nowhere yet */
    u32 slot;
    _Atomic u32 waiting;     /* waiters */
    _Atomic u8 ready;        /* RL_READY_* */
    rl_waiter *first;
} rl_watch;

static inline void rl_watch_init(rl_watch *w) { atomic_init(&w->ready, RL_READY_IN | RL_READY_OUT); }
/* Before a read (IN) or write (OUT): 0 when it would only say "not now". Takes the mark away, because what happens from
 * here on is news. */
static inline u8 rl_watch_try(rl_watch *w, u8 direction) {
    u8 with = direction == RL_READY_IN ? RL_READY_IN | RL_READY_END : direction;
    /* relaxed: a mark missed here is seen when waiting, and what it stands for is the kernel's to order */
    if (!(atomic_load_explicit(&w->ready, memory_order_relaxed) & with)) return 0;
    /* seq_cst: pairs with whoever marks; the mark is gone before the kernel is asked */
    return atomic_fetch_and_explicit(&w->ready, (u8)~with, memory_order_seq_cst) & with;
}
/* After one that did not say "not now" and may have left something: there is more. tried: what rl_watch_try gave. True:
 * somebody waits, who is to be woken by rl_io_more. */
static inline bool rl_watch_more(rl_watch *w, u8 direction, u8 tried) {
    /* seq_cst: pairs with rl_io_await, which waits first and looks for marks then: one sees the other */
    atomic_fetch_or_explicit(&w->ready, direction | (tried & RL_READY_END), memory_order_seq_cst);
    return atomic_load_explicit(&w->waiting, memory_order_seq_cst) != 0;
}

rl_err rl_io_init(rl_io *io);
void rl_io_fini(rl_io *io);

/* Registers w, which must not be waiting. RL_ERR_IO: the kernel cannot tell (a plain file, a bad number): treat it as
 * ready. RL_ERR_NOMEM. */
rl_err rl_io_wait(rl_io *io, rl_waiter *w, int fd, bool write);
/* The same for a watch of fd, to be used at the io where it is registered once it is. False: somebody was faster, or the
 * kernel refuses; try again at once. */
bool rl_io_await(rl_io *io, rl_watch *watch, int fd, rl_waiter *w, bool write);
/* Calls ready for those who wait for one of these directions of a watch of this io. */
void rl_io_more(rl_io *io, rl_watch *watch, u8 directions, void (*ready)(void *env, rl_waiter *w), void *env);
/* Before the descriptor of a watch is closed; nobody waits for it. At its io. */
void rl_io_unwatch(rl_io *io, rl_watch *watch);
/* Fine when w does not wait. */
void rl_io_cancel(rl_io *io, rl_waiter *w);
/* What a look at the kernel found. */
typedef struct rl_io_found {
    struct epoll_event events[128];
    int n;
} rl_io_found;
/* Waits at most timeout_ns (0: only looks; negative: without end), or until rl_io_wake. */
void rl_io_sleep(rl_io *io, i64 timeout_ns, rl_io_found *found);
/* Then: calls ready for every waiter whose descriptor has become ready; it waits no more. lock, if given, is taken for
 * that, and to be held by callers of rl_io_wait and rl_io_cancel. */
void rl_io_tell(rl_io *io, const rl_io_found *found, pthread_mutex_t *lock, void (*ready)(void *env, rl_waiter *w), void *env);
/* Any thread, also a signal handler. */
void rl_io_wake(rl_io *io);

#endif
