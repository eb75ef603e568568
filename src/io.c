/* Readiness by one epoll per worker. Invariant: a descriptor with waiters is registered, one-shot, for the directions
 * they want; one without may still be registered, and fires at most once for nobody. Several processes may wait for
 * one descriptor (standard input, a shared socket), which epoll allows only once: so waiters hang in a list per
 * descriptor, and all that fit are woken. They try again and some park again. The worker's thread, others under its
 * lock; rl_io_wake from anywhere. io_uring was not taken: it gained little on sockets and needs a fallback anyway. */
#include "src/io.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

typedef struct entry {
    rl_waiter *first;
} entry;

rl_err rl_io_init(rl_io *io) {
    *io = (rl_io){ .epoll = epoll_create1(EPOLL_CLOEXEC), .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    struct epoll_event ev = { .events = EPOLLIN, .data.fd = -1 };
    if (io->epoll < 0 || io->wake < 0 || epoll_ctl(io->epoll, EPOLL_CTL_ADD, io->wake, &ev)) {
        rl_io_fini(io);
        return RL_ERR_SYSTEM;
    }
    return RL_OK;
}

void rl_io_fini(rl_io *io) {
    if (io->epoll > 0) close(io->epoll);
    if (io->wake > 0) close(io->wake);
    RL_MAP_EACH(&io->fds, s) free(s->val);
    rl_map_fini(&io->fds);
    io->epoll = io->wake = -1;
}

static rl_err arm(rl_io *io, entry *e, int fd) {
    struct epoll_event ev = { .events = EPOLLONESHOT | EPOLLRDHUP, .data.fd = fd };
    for (rl_waiter *w = e->first; w; w = w->next) ev.events |= w->write ? EPOLLOUT : EPOLLIN;
    if (!epoll_ctl(io->epoll, EPOLL_CTL_MOD, fd, &ev)) return RL_OK;
    if (errno == ENOENT && !epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &ev)) return RL_OK;
    return errno == ENOMEM || errno == ENOSPC ? RL_ERR_NOMEM : RL_ERR_IO;
}

static void unlink_waiter(rl_waiter *w) {
    *w->at = w->next;
    if (w->next) w->next->at = w->at;
    w->at = NULL;
    w->next = NULL;
}

static void drop_if_empty(rl_io *io, entry *e, int fd) {
    if (e->first) return;
    rl_map_del(&io->fds, (u64)fd);
    atomic_store_explicit(&io->waiting, io->fds.count, memory_order_relaxed);
    free(e);
}

rl_err rl_io_wait(rl_io *io, rl_waiter *w, int fd, bool write) {
    if (fd < 0) return RL_ERR_IO;
    entry *e = rl_map_get(&io->fds, (u64)fd);
    if (!e) {
        if (!(e = calloc(1, sizeof *e))) return RL_ERR_NOMEM;
        if (rl_map_put(&io->fds, (u64)fd, e, NULL)) {
            free(e);
            return RL_ERR_NOMEM;
        }
        atomic_store_explicit(&io->waiting, io->fds.count, memory_order_relaxed);
    }
    *w = (rl_waiter){ e->first, &e->first, fd, write };
    if (w->next) w->next->at = &w->next;
    e->first = w;
    rl_err err = arm(io, e, fd);
    if (err) {
        unlink_waiter(w);
        drop_if_empty(io, e, fd);
    }
    return err;
}

void rl_io_cancel(rl_io *io, rl_waiter *w) {
    if (!w->at) return;
    entry *e = rl_map_get(&io->fds, (u64)w->fd);
    unlink_waiter(w);
    drop_if_empty(io, e, w->fd);
}

static void fire(rl_io *io, const struct epoll_event *ev, void (*ready)(void *, rl_waiter *), void *env) {
    int fd = ev->data.fd;
    if (fd < 0) {
        u64 n;
        if (read(io->wake, &n, sizeof n) < 0) { /* somebody else was woken by it: fine */ }
        return;
    }
    entry *e = rl_map_get(&io->fds, (u64)fd);
    bool in = ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR), out = ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR);
    for (rl_waiter *w = e ? e->first : NULL, *next; w; w = next) {
        next = w->next;
        if (!(w->write ? out : in)) continue;
        unlink_waiter(w);
        ready(env, w);
    }
    if (e && e->first) (void)arm(io, e, fd);
    else if (e) drop_if_empty(io, e, fd);
}

void rl_io_poll(rl_io *io, i64 timeout_ns, pthread_mutex_t *lock, void (*ready)(void *env, rl_waiter *w), void *env) {
    struct epoll_event ev[64];
    struct timespec t = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    static _Atomic bool coarse; /* no epoll_pwait2 here; set at most once, from any thread, to the same value */
    int n = coarse ? -1 : epoll_pwait2(io->epoll, ev, RL_LEN(ev), timeout_ns < 0 ? NULL : &t, NULL);
    if (coarse || (n < 0 && errno == ENOSYS)) {
        coarse = true;
        n = epoll_wait(io->epoll, ev, RL_LEN(ev), timeout_ns < 0 ? -1 : (int)RL_MIN((timeout_ns + 999999) / 1000000, 86400000));
    }
    if (n <= 0) return;
    if (lock) pthread_mutex_lock(lock);
    for (int i = 0; i < n; i++) fire(io, &ev[i], ready, env);
    if (lock) pthread_mutex_unlock(lock);
}

void rl_io_wake(rl_io *io) {
    u64 one = 1;
    if (write(io->wake, &one, sizeof one) < 0) { /* full: it is awake anyway */ }
}
