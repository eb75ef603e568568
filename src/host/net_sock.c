/* Sockets as resources: counted, as clones and messages share them. Invariant: a descriptor is closed when its last
 * reference goes, wherever that is: in a table of a process, in a message, or with a call that waits (rl_proc_pend). None
 * blocks: a call that would wait parks its process. References move between threads, so they are counted atomically;
 * the socket itself is the kernel's to lock. A descriptor of its own for every clone (dup) was not taken: clones share
 * their timeouts. */
#include "src/host/net.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/host/tls.h"

rl_sock *rl_sock_new(int fd) {
    rl_sock *s = fd >= 0 ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        int error = fd >= 0 ? ENOMEM : errno;
        if (fd >= 0) close(fd);
        errno = error;
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->fd = fd;
    rl_watch_init(&s->watch);
    for (u32 i = 0; i < RL_SOCK_TIMERS; i++) atomic_init(&s->timeout[i], RL_FOREVER);
    return s;
}

rl_sock *rl_sock_get(rl_sock *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void rl_sock_put(rl_sock *s) {
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1) return;
    rl_tls_free(s->tls);
    rl_sched_unwatch(&s->watch);
    close(s->fd);
    free(s);
}

i32 rl_sock_give(rl_host *h, i32 ptr, rl_resource kind, rl_sock *s) {
    u64 id;
    if (!rl_proc_add(rl_proc_of(h), kind, s, &id)) {
        rl_guest_put64(h, ptr, id);
        return 0;
    }
    rl_sock_put(s);
    return 0;
}

i64 rl_sock_clone(rl_host *h, rl_resource kind, rl_sock *s) {
    u64 id = 0;
    if (!rl_proc_add(rl_proc_of(h), kind, rl_sock_get(s), &id)) return (i64)id;
    rl_sock_put(s);
    return 0;
}

i32 rl_sock_wait(rl_host *h, rl_sock *s, bool write, u64 timeout_ms) {
    if (h->wait.retry && h->wait.timed_out) {
        rl_host_done(h);
        return RL_TIMED_OUT;
    }
    rl_host_park_watch(h, &s->watch, s->fd, write, h->wait.retry ? h->wait.deadline_ns : rl_guest_deadline(timeout_ms));
    return 0;
}

/* A server wants as many descriptors as it may have; the usual first limit is for programs that use select. */
void rl_sock_raise_limit(void) {
    static _Atomic bool done;
    struct rlimit l;
    if (atomic_exchange_explicit(&done, true, memory_order_relaxed) || getrlimit(RLIMIT_NOFILE, &l)) return;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
}

int rl_sock_listen(const rl_addr *a, bool shared) {
    rl_sock_raise_limit();
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return -1;
    if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
        (!shared || !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on)) && !bind(fd, &a->any, rl_addr_len(a)) && !listen(fd, RL_BACKLOG))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int rl_sock_accept(rl_sock *s, rl_addr *peer) {
    int fd;
    u8 tried = rl_watch_try(&s->watch, RL_READY_IN);
    socklen_t len = sizeof *peer;
    memset(peer, 0, sizeof *peer);
    /* one that was reset while it waited is no connection any more */
    do fd = accept4(s->fd, &peer->any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (fd < 0 && (errno == ECONNABORTED || errno == EINTR));
    if (fd >= 0 || errno != EAGAIN) {
        int error = errno;
        rl_sched_more(&s->watch, RL_READY_IN, tried);
        errno = error;
    }
    return fd;
}

int rl_sock_connect(rl_sock **s, const rl_addr *a) {
    if (!*s && !(*s = rl_sock_new(socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)))) return errno;
    rl_watch_try(&(*s)->watch, RL_READY_OUT);
    /* repeated on a socket that is connecting, it tells how that went */
    if (!connect((*s)->fd, &a->any, rl_addr_len(a)) || errno == EISCONN) {
        rl_sched_more(&(*s)->watch, RL_READY_OUT, 0);
        return 0;
    }
    return errno == EALREADY || errno == EINTR ? EINPROGRESS : errno;
}

ssize_t rl_sock_send(void *sock, const void *p, size_t n) {
    rl_sock *s = sock;
    u8 tried = rl_watch_try(&s->watch, RL_READY_OUT);
    ssize_t put = send(s->fd, p, n, MSG_NOSIGNAL);
    int error = errno;
    if (put == (ssize_t)n || (put < 0 && error != EAGAIN)) rl_sched_more(&s->watch, RL_READY_OUT, tried);
    errno = error;
    return put;
}

ssize_t rl_sock_recv(void *sock, void *p, size_t n) {
    rl_sock *s = sock;
    u8 tried = rl_watch_try(&s->watch, RL_READY_IN);
    ssize_t got = recv(s->fd, p, n, 0);
    int error = errno;
    bool drained = got < 0 ? error == EAGAIN : got > 0 && got < (ssize_t)n && !(tried & RL_READY_END);
    if (!drained) rl_sched_more(&s->watch, RL_READY_IN, tried);
    errno = error;
    return got;
}

void rl_sock_charge(rl_host *h, u64 n) {
    rl_exec_tax(&h->exec, n);
    rl_proc_of(h)->worker->budget -= RL_CALL_COST;
}

bool rl_sock_slices(rl_host *h, i32 ptr, i32 count, struct iovec *v, int *n) {
    const u8 *p = rl_host_range(h, (u32)ptr, (u64)(u32)count * 8);
    *n = 0;
    if (!p) return false;
    for (u32 i = 0; i < RL_MIN((u32)count, 64 * RL_SLICES); i++, p += 8) { /* whatever follows is the next call's */
        u32 len = rl_load32(p + 4);
        void *base = rl_host_range(h, rl_load32(p), len);
        if (!base) return false;
        rl_host_direct(h, base, len, false);
        if (len && *n < (int)RL_SLICES) v[(*n)++] = (struct iovec){ base, len };
    }
    return true;
}

/* ---- in messages ---- */

static void drop_carried(void *s) { rl_sock_put(s); }

#define CARRIED(name, kind, what)                                                                                 \
    static const struct rl_carried_type carried_##name = { what, drop_carried };                                  \
    i64 rl_host_message_push_##name(rl_host *h, i64 id) { return push(h, kind, id, &carried_##name); }            \
    i64 rl_host_message_take_##name(rl_host *h, i64 index) { return take(h, kind, index, &carried_##name); }

/* The id goes first: when the message cannot take the socket, it is closed. */
static i64 push(rl_host *h, rl_resource kind, i64 id, const struct rl_carried_type *type) {
    u64 index = 0;
    if (!rl_guest_res(h, kind, id, type->name)) return 0;
    rl_sock *s = rl_proc_del(rl_proc_of(h), kind, (u64)id);
    rl_msg *m = rl_guest_data_open(h);
    if (m && rl_guest_carry(h, m, type, s, &index)) return (i64)index;
    rl_sock_put(s);
    return 0;
}

static i64 take(rl_host *h, rl_resource kind, i64 index, const struct rl_carried_type *type) {
    u64 id = 0;
    rl_msg *m = rl_guest_data_open(h);
    rl_sock *s = m ? rl_msg_take(m, (u64)index, type) : NULL;
    if (!m) return 0;
    if (!s) {
        rl_exec_fail(&h->exec, "the message carries no %s at %lld", type->name, (long long)index);
    } else if (rl_proc_add(rl_proc_of(h), kind, s, &id)) {
        rl_sock_put(s);
    }
    return (i64)id;
}

CARRIED(tcp_stream, RL_RES_TCP, "TCP stream")
CARRIED(tls_stream, RL_RES_TLS, "TLS stream")
CARRIED(udp_socket, RL_RES_UDP, "UDP socket")
#undef CARRIED
