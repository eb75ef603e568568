/* lunatic::networking, TCP: listeners and streams. Invariant: a call tries first and parks only when the kernel says
 * EAGAIN, so a result that is there wins over any timeout. The calling process's worker; streams are shared between
 * processes, and the kernel orders what they do. Reference: section 8.6. */
#include "src/host/net.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

static rl_sock *stream_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_TCP, id, "TCP stream"); }
static rl_sock *listener_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_TCP_LISTENER, id, "TCP listener"); }

/* ---- listeners ---- */

i32 rl_host_networking_tcp_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 id_ptr) {
    return rl_host_net_tcp_bind(h, type, addr, port, flow, scope, 0, id_ptr);
}

i32 rl_host_net_tcp_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 flags, i32 id_ptr) {
    rl_addr a;
    if (!rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    if (flags & ~RL_NET_SHARED) return rl_net_failed(h, id_ptr, EINVAL);
    if (!rl_net_may(h, RL_REACH_LISTEN, &a)) return rl_net_refused(h, id_ptr);
    rl_sock *s = rl_sock_new(rl_sock_listen(&a, flags & RL_NET_SHARED));
    return s ? rl_sock_give(h, id_ptr, RL_RES_TCP_LISTENER, s) : rl_net_failed(h, id_ptr, errno);
}

void rl_host_networking_drop_tcp_listener(rl_host *h, i64 id) {
    if (listener_of(h, id)) rl_sock_put(rl_proc_del(rl_proc_of(h), RL_RES_TCP_LISTENER, (u64)id));
}

i32 rl_host_networking_tcp_local_addr(rl_host *h, i64 id, i32 id_ptr) {
    rl_sock *s = listener_of(h, id);
    return s ? rl_addr_give_name(h, id_ptr, s->fd, getsockname) : 0;
}

i32 rl_host_networking_tcp_accept(rl_host *h, i64 id, i32 id_ptr, i32 peer_ptr) {
    rl_addr peer;
    rl_sock *s = listener_of(h, id);
    if (!s) return 0;
    int fd = rl_sock_accept(s, &peer);
    if (fd < 0 && errno == EAGAIN) return rl_sock_wait(h, s, false, RL_FOREVER);
    rl_host_done(h);
    rl_sock *stream = rl_sock_new(fd);
    if (!stream) {
        rl_net_failed(h, id_ptr, errno);
        rl_guest_put64(h, peer_ptr, 0);
        return 1;
    }
    rl_exec_tax(&h->exec, RL_ACCEPT_TAX);
    if (!rl_host_range(h, (u32)peer_ptr, 8)) { /* nobody could close it */
        rl_sock_put(stream);
        return 0;
    }
    rl_sock_give(h, id_ptr, RL_RES_TCP, stream);
    rl_addr_give_peer(h, peer_ptr, &peer);
    return 0;
}

/* ---- connecting ---- */

static void drop_sock(void *s) { rl_sock_put(s); }

i32 rl_host_networking_tcp_connect(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i64 timeout, i32 id_ptr) {
    rl_proc *p = rl_proc_of(h);
    rl_addr a;
    if (!rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    if (!h->wait.retry && !rl_net_may(h, RL_REACH_CONNECT, &a)) return rl_net_refused(h, id_ptr);
    rl_sock *s = rl_proc_unpend(p);
    int error = rl_sock_connect(&s, &a);
    if (error == EINPROGRESS) {
        i32 result = rl_sock_wait(h, s, true, (u64)timeout);
        if (!result && rl_proc_pend(p, s, drop_sock)) return 0;
        rl_sock_put(s);
        return result ? rl_net_late(h, id_ptr) : 0;
    }
    rl_host_done(h);
    if (!error) return rl_sock_give(h, id_ptr, RL_RES_TCP, s);
    rl_sock_put(s);
    return rl_net_failed(h, id_ptr, error);
}

/* ---- streams ---- */

void rl_host_networking_drop_tcp_stream(rl_host *h, i64 id) {
    if (stream_of(h, id)) rl_sock_put(rl_proc_del(rl_proc_of(h), RL_RES_TCP, (u64)id));
}

i64 rl_host_networking_clone_tcp_stream(rl_host *h, i64 id) {
    rl_sock *s = stream_of(h, id);
    return s ? rl_sock_clone(h, RL_RES_TCP, s) : 0;
}

i32 rl_host_networking_tcp_peer_addr(rl_host *h, i64 id, i32 id_ptr) {
    rl_sock *s = stream_of(h, id);
    return s ? rl_addr_give_name(h, id_ptr, s->fd, getpeername) : 0;
}

/* N/ERR(out) for what a system call said, EAGAIN excepted. more: the direction in which there may be more, or 0. */
static i32 moved(rl_host *h, rl_sock *s, i32 out, ssize_t n, u8 more, u8 tried) {
    int error = errno;
    if (more) rl_sched_more(&s->watch, more, tried);
    rl_host_done(h);
    if (n < 0) return rl_net_failed(h, out, error);
    rl_sock_charge(h, (u64)n);
    rl_guest_put64(h, out, (u64)n);
    return 0;
}

static i32 take(rl_host *h, i64 id, i32 ptr, i32 len, i32 out, int flags, rl_sock_timer timer) {
    rl_sock *s = stream_of(h, id);
    char probe;
    u8 tried;
    void *to = s ? rl_host_range(h, (u32)ptr, (u32)len) : NULL;
    if (!to) return 0;
    if (!rl_sock_try(h, s, RL_READY_IN, &tried)) return rl_sock_wait(h, s, false, rl_sock_timeout(s, timer));
    rl_host_direct(h, to, (u32)len, true);
    /* no room: it is still a wait for something to read */
    ssize_t n = len ? recv(s->fd, to, (u32)len, flags) : recv(s->fd, &probe, 1, MSG_PEEK);
    if (n < 0 && errno == EAGAIN) return rl_sock_wait(h, s, false, rl_sock_timeout(s, timer));
    /* less than asked for: the kernel had no more, and will tell when it has */
    bool drained = n > 0 && n < (ssize_t)(u32)len && !flags && !(tried & RL_READY_END);
    return moved(h, s, out, n > 0 && !len ? 0 : n, drained ? 0 : RL_READY_IN, tried);
}

i32 rl_host_networking_tcp_read(rl_host *h, i64 id, i32 ptr, i32 len, i32 out) {
    return take(h, id, ptr, len, out, 0, RL_SOCK_READ);
}

i32 rl_host_networking_tcp_peek(rl_host *h, i64 id, i32 ptr, i32 len, i32 out) {
    return take(h, id, ptr, len, out, MSG_PEEK, RL_SOCK_PEEK);
}

i32 rl_host_networking_tcp_write_vectored(rl_host *h, i64 id, i32 slices, i32 count, i32 out) {
    struct iovec v[RL_SLICES];
    int slices_n;
    rl_sock *s = stream_of(h, id);
    u8 tried = 0;
    if (!s || !rl_sock_slices(h, slices, count, v, &slices_n)) return 0;
    if (slices_n && !rl_sock_try(h, s, RL_READY_OUT, &tried)) return rl_sock_wait(h, s, true, rl_sock_timeout(s, RL_SOCK_WRITE));
    struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)slices_n };
    ssize_t n = slices_n == 0 ? 0 : slices_n == 1 ? send(s->fd, v->iov_base, v->iov_len, MSG_NOSIGNAL) : sendmsg(s->fd, &m, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return rl_sock_wait(h, s, true, rl_sock_timeout(s, RL_SOCK_WRITE));
    return moved(h, s, out, n, n < 0 || (u64)n == rl_sock_bytes(v, slices_n) ? RL_READY_OUT : 0, tried);
}

i32 rl_host_networking_tcp_flush(rl_host *h, i64 id, i32 error_ptr) {
    if (stream_of(h, id)) rl_guest_put64(h, error_ptr, 0);
    return 0;
}

RL_SOCK_TIMEOUT(read, stream_of, RL_SOCK_READ)
RL_SOCK_TIMEOUT(write, stream_of, RL_SOCK_WRITE)
RL_SOCK_TIMEOUT(peek, stream_of, RL_SOCK_PEEK)

/* ---- rille::net ---- */

/* 0, or 1 with an error at ptr, for what a system call said. */
static i32 outcome(rl_host *h, i32 ptr, int result) { return result ? rl_net_failed(h, ptr, errno) : 0; }

i32 rl_host_net_tcp_set_nodelay(rl_host *h, i64 id, i32 on, i32 error_ptr) {
    rl_sock *s = stream_of(h, id);
    int value = on != 0;
    return s ? outcome(h, error_ptr, setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value)) : 0;
}

i32 rl_host_net_tcp_set_keepalive(rl_host *h, i64 id, i32 seconds, i32 error_ptr) {
    rl_sock *s = stream_of(h, id);
    int on = seconds != 0;
    if (!s) return 0;
    int result = setsockopt(s->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (!result && on) result = setsockopt(s->fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
    return outcome(h, error_ptr, result);
}

i32 rl_host_net_tcp_shutdown(rl_host *h, i64 id, i32 how, i32 error_ptr) {
    static const int hows[] = { [1] = SHUT_RD, [2] = SHUT_WR, [3] = SHUT_RDWR };
    rl_sock *s = stream_of(h, id);
    if (!s) return 0;
    if (how < 1 || how > 3) return rl_net_failed(h, error_ptr, EINVAL);
    return outcome(h, error_ptr, shutdown(s->fd, hows[how]));
}
