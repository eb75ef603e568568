/* Readiness by one epoll per worker. Two kinds of descriptor. Those of others (standard input, files of WASI): one with
 * waiters is registered, one-shot, for the directions they want; one without may still be registered, and fires at most
 * once for nobody. Our own sockets (rl_watch): registered once, edge-triggered, at the worker where they are first waited
 * for; a mark says that something happened since it was last tried. Invariant of marks: whoever tries takes the mark away
 * before, and puts it back after unless the kernel said "not now" or gave less than asked; so a mark that is not there
 * means that the kernel will tell. Several processes may wait for one descriptor, which epoll allows only once: waiters
 * hang in a list per descriptor, and all that fit are woken. They try again and some park again. The worker's thread,
 * others under its lock; rl_io_wake from anywhere. Events name a slot and its generation, not a watch: one may be gone
 * when its event is looked at. io_uring was not taken: it gained little on sockets and needs a fallback anyway. */
#include "src/io.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* What an event is about: WAKE, the number of a descriptor, or a watch's slot and generation. */
#define WAKE UINT32_MAX
#define WATCH (1ull << 63)
#define GENERATIONS 0x7fffffffu

typedef struct entry {
    rl_waiter *first;
} entry;

rl_err rl_io_init(rl_io *io) {
    *io = (rl_io){ .epoll = epoll_create1(EPOLL_CLOEXEC), .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .free = UINT32_MAX };
    struct epoll_event ev = { .events = EPOLLIN, .data.u64 = WAKE };
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
    free(io->slots);
    io->slots = NULL;
    io->epoll = io->wake = -1;
}

static rl_err arm(rl_io *io, entry *e, int fd) {
    struct epoll_event ev = { .events = EPOLLONESHOT | EPOLLRDHUP, .data.u64 = (u32)fd };
    for (rl_waiter *w = e->first; w; w = w->next) ev.events |= w->write ? EPOLLOUT : EPOLLIN;
    if (!epoll_ctl(io->epoll, EPOLL_CTL_MOD, fd, &ev)) return RL_OK;
    if (errno == ENOENT && !epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &ev)) return RL_OK;
    return errno == ENOMEM || errno == ENOSPC ? RL_ERR_NOMEM : RL_ERR_IO;
}

static void count_waiting(rl_io *io) {
    atomic_store_explicit(&io->waiting, io->fds.count + io->awaiting, memory_order_relaxed);
}

static void link_waiter(rl_waiter *w, rl_waiter **list) {
    w->next = *list;
    w->at = list;
    if (w->next) w->next->at = &w->next;
    *list = w;
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
    count_waiting(io);
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
        count_waiting(io);
    }
    *w = (rl_waiter){ .fd = fd, .write = write };
    link_waiter(w, &e->first);
    rl_err err = arm(io, e, fd);
    if (err) {
        unlink_waiter(w);
        drop_if_empty(io, e, fd);
    }
    return err;
}

/* ---- watches ---- */

static void unlink_awaiter(rl_io *io, rl_waiter *w) {
    unlink_waiter(w);
    atomic_fetch_sub_explicit(&w->watch->waiting, 1, memory_order_relaxed);
    io->awaiting--;
    count_waiting(io);
}

/* A slot for w, by the number in w->slot. */
static bool take_slot(rl_io *io, rl_watch *w) {
    if (io->free == UINT32_MAX) {
        u32 cap = io->cap ? 2 * io->cap : 16;
        rl_io_slot *bigger = io->nslots < io->cap ? io->slots : realloc(io->slots, cap * sizeof *bigger);
        if (!bigger) return false;
        if (io->nslots == io->cap) io->cap = cap;
        io->slots = bigger;
        io->slots[io->nslots] = (rl_io_slot){ .next = UINT32_MAX };
        io->free = io->nslots++;
    }
    w->slot = io->free;
    io->free = io->slots[w->slot].next;
    io->slots[w->slot].watch = w;
    return true;
}

void rl_io_unwatch(rl_io *io, rl_watch *w) {
    rl_io_slot *s = &io->slots[w->slot];
    *s = (rl_io_slot){ .generation = (s->generation + 1) & GENERATIONS, .next = io->free };
    io->free = w->slot;
    atomic_store_explicit(&w->io, NULL, memory_order_relaxed);
}

static bool start_watch(rl_io *io, rl_watch *w, int fd) {
    if (!take_slot(io, w)) return false;
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.u64 = WATCH | (u64)io->slots[w->slot].generation << 32 | w->slot };
    if (!epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &ev)) return true;
    rl_io_unwatch(io, w);
    return false;
}

bool rl_io_await(rl_io *io, rl_watch *watch, int fd, rl_waiter *w, bool write) {
    rl_io *where = NULL;
    /* acq_rel: pairs with the acquire in rl_watch_worker, which sees the watch as it was registered, and with another's
     * exchange here: who comes second goes away. */
    if (atomic_compare_exchange_strong_explicit(&watch->io, &where, io, memory_order_acq_rel, memory_order_acquire)) {
        if (!start_watch(io, watch, fd)) {
            atomic_store_explicit(&watch->io, NULL, memory_order_relaxed);
            return false;
        }
    } else if (where != io) {
        return false;
    }
    *w = (rl_waiter){ .watch = watch, .fd = fd, .write = write };
    link_waiter(w, &watch->first);
    io->awaiting++;
    count_waiting(io);
    /* seq_cst: pairs with rl_watch_more and fire_watch, which mark first and look for waiters then: one sees the other */
    atomic_fetch_add_explicit(&watch->waiting, 1, memory_order_seq_cst);
    if (!(atomic_load_explicit(&watch->ready, memory_order_seq_cst) & (write ? RL_READY_OUT : RL_READY_IN | RL_READY_END))) return true;
    unlink_awaiter(io, w);
    return false;
}

void rl_io_more(rl_io *io, rl_watch *watch, u8 directions, void (*ready)(void *, rl_waiter *), void *env) {
    for (rl_waiter *w = watch->first, *next; w; w = next) {
        next = w->next;
        if (!(directions & (w->write ? RL_READY_OUT : RL_READY_IN))) continue;
        unlink_awaiter(io, w);
        ready(env, w);
    }
}

static void fire_watch(rl_io *io, const struct epoll_event *ev, void (*ready)(void *, rl_waiter *), void *env) {
    rl_io_slot *s = &io->slots[(u32)ev->data.u64];
    if (!s->watch || s->generation != (u32)(ev->data.u64 >> 32 & GENERATIONS)) return;
    u8 marks = 0;
    if (ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) marks |= RL_READY_IN;
    if (ev->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) marks |= RL_READY_OUT;
    if (ev->events & (EPOLLRDHUP | EPOLLHUP)) marks |= RL_READY_END;
    /* seq_cst: pairs with rl_io_await, which waits first and looks for marks then */
    atomic_fetch_or_explicit(&s->watch->ready, marks, memory_order_seq_cst);
    rl_io_more(io, s->watch, marks, ready, env);
}

/* ---- waking ---- */

void rl_io_cancel(rl_io *io, rl_waiter *w) {
    if (!w->at) return;
    if (w->watch) {
        unlink_awaiter(io, w);
        return;
    }
    entry *e = rl_map_get(&io->fds, (u64)w->fd);
    unlink_waiter(w);
    drop_if_empty(io, e, w->fd);
}

static void fire(rl_io *io, const struct epoll_event *ev, void (*ready)(void *, rl_waiter *), void *env) {
    if (ev->data.u64 & WATCH) {
        fire_watch(io, ev, ready, env);
        return;
    }
    int fd = (int)ev->data.u64;
    if (ev->data.u64 == WAKE) {
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

void rl_io_sleep(rl_io *io, i64 timeout_ns, rl_io_found *found) {
    struct timespec t = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
    static _Atomic bool coarse; /* no epoll_pwait2 here; set at most once, from any thread, to the same value */
    int most = RL_LEN(found->events);
    int n = coarse ? -1 : epoll_pwait2(io->epoll, found->events, most, timeout_ns < 0 ? NULL : &t, NULL);
    if (coarse || (n < 0 && errno == ENOSYS)) {
        coarse = true;
        n = epoll_wait(io->epoll, found->events, most, timeout_ns < 0 ? -1 : (int)RL_MIN((timeout_ns + 999999) / 1000000, 86400000));
    }
    found->n = n;
}

void rl_io_tell(rl_io *io, const rl_io_found *found, pthread_mutex_t *lock, void (*ready)(void *env, rl_waiter *w), void *env) {
    if (found->n <= 0) return;
    if (lock) pthread_mutex_lock(lock);
    for (int i = 0; i < found->n; i++) fire(io, &found->events[i], ready, env);
    if (lock) pthread_mutex_unlock(lock);
}

void rl_io_wake(rl_io *io) {
    u64 one = 1;
    if (write(io->wake, &one, sizeof one) < 0) { /* full: it is awake anyway */ }
}
