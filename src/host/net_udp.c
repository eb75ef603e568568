/* lunatic::networking, UDP. Invariant: as for TCP, a call tries first and parks only on EAGAIN. The calling process's
 * worker; sockets are shared between processes. Reference: section 8.8. */
#include "src/host/net.h"

#include <errno.h>
#include <unistd.h>

static rl_sock *sock_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_UDP, id, "UDP socket"); }

static int open_bound(const rl_addr *a, bool shared) {
    int fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd >= 0 && shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (fd < 0 || !bind(fd, &a->any, rl_addr_len(a))) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

i32 rl_host_networking_udp_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 id_ptr) {
    return rl_host_net_udp_bind(h, type, addr, port, flow, scope, 0, id_ptr);
}

i32 rl_host_net_udp_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 flags, i32 id_ptr) {
    rl_addr a;
    if (!rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    if (flags & ~RL_NET_SHARED) return rl_net_failed(h, id_ptr, EINVAL);
    if (!rl_net_may(h, RL_REACH_LISTEN, &a)) return rl_net_refused(h, id_ptr);
    rl_sock *s = rl_sock_new(open_bound(&a, flags & RL_NET_SHARED));
    return s ? rl_sock_give(h, id_ptr, RL_RES_UDP, s) : rl_net_failed(h, id_ptr, errno);
}

void rl_host_networking_drop_udp_socket(rl_host *h, i64 id) {
    if (sock_of(h, id)) rl_sock_put(rl_proc_del(rl_proc_of(h), RL_RES_UDP, (u64)id));
}

i64 rl_host_networking_clone_udp_socket(rl_host *h, i64 id) {
    rl_sock *s = sock_of(h, id);
    return s ? rl_sock_clone(h, RL_RES_UDP, s) : 0;
}

i32 rl_host_networking_udp_local_addr(rl_host *h, i64 id, i32 id_ptr) {
    rl_sock *s = sock_of(h, id);
    return s ? rl_addr_give_name(h, id_ptr, s->fd, getsockname) : 0;
}

i32 rl_host_networking_udp_peer_addr(rl_host *h, i64 id, i32 id_ptr) {
    rl_addr a = { 0 };
    socklen_t len = sizeof a;
    rl_sock *s = sock_of(h, id);
    if (!s) return 0;
    if (!getpeername(s->fd, &a.any, &len)) {
        rl_addr_give(h, id_ptr, &a, 1);
        return 0;
    }
    i32 result = errno == ENOTCONN ? 1 : 2;
    rl_net_failed(h, id_ptr, errno);
    return result;
}

/* Never waits, so there is no time for the timeout to pass. */
i32 rl_host_networking_udp_connect(rl_host *h, i64 id, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i64 timeout,
                                   i32 id_ptr) {
    rl_addr a;
    rl_sock *s = sock_of(h, id);
    (void)timeout;
    if (!s || !rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    if (!rl_net_may(h, RL_REACH_CONNECT, &a)) return rl_net_refused(h, id_ptr);
    if (connect(s->fd, &a.any, rl_addr_len(&a))) return rl_net_failed(h, id_ptr, errno);
    rl_guest_put64(h, id_ptr, 0);
    return 0;
}

static i32 moved(rl_host *h, rl_sock *s, i32 out, ssize_t n, u8 direction) {
    int error = errno;
    rl_sched_more(&s->watch, direction, 0);
    rl_host_done(h);
    if (n < 0) return rl_net_failed(h, out, error);
    rl_sock_charge(h, (u64)n);
    rl_guest_put64(h, out, (u64)n);
    return 0;
}

static i32 give(rl_host *h, rl_sock *s, i32 ptr, i32 len, const rl_addr *to, i32 out) {
    const void *from = rl_host_range(h, (u32)ptr, (u32)len);
    u8 tried;
    if (!from) return 0;
    if (!rl_sock_try(h, s, RL_READY_OUT, &tried)) return rl_sock_wait(h, s, true, RL_FOREVER);
    rl_host_direct(h, from, (u32)len, false);
    ssize_t n = sendto(s->fd, from, (u32)len, MSG_NOSIGNAL, to ? &to->any : NULL, to ? rl_addr_len(to) : 0);
    if (n < 0 && errno == EAGAIN) return rl_sock_wait(h, s, true, RL_FOREVER);
    return moved(h, s, out, n, RL_READY_OUT);
}

i32 rl_host_networking_udp_send(rl_host *h, i64 id, i32 ptr, i32 len, i32 out) {
    rl_sock *s = sock_of(h, id);
    return s ? give(h, s, ptr, len, NULL, out) : 0;
}

i32 rl_host_networking_udp_send_to(rl_host *h, i64 id, i32 ptr, i32 len, i32 type, i32 addr, i32 port, i32 flow, i32 scope,
                                   i32 out) {
    rl_addr a;
    rl_sock *s = sock_of(h, id);
    if (!s || !rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    if (!rl_net_may(h, RL_REACH_CONNECT, &a)) return rl_net_refused(h, out);
    return give(h, s, ptr, len, &a, out);
}

/* Receives one datagram; where it came from into `from` (NULL: not asked for), whose family stays 0 when none came. */
static i32 take(rl_host *h, i64 id, i32 ptr, i32 len, i32 out, rl_addr *from) {
    socklen_t from_len = sizeof *from;
    rl_sock *s = sock_of(h, id);
    void *to = s ? rl_host_range(h, (u32)ptr, (u32)len) : NULL;
    u8 tried;
    if (!to) return 0;
    if (!rl_sock_try(h, s, RL_READY_IN, &tried)) return rl_sock_wait(h, s, false, RL_FOREVER);
    rl_host_direct(h, to, (u32)len, true);
    ssize_t n = recvfrom(s->fd, to, (u32)len, 0, from ? &from->any : NULL, from ? &from_len : NULL);
    if (n < 0 && errno == EAGAIN) return rl_sock_wait(h, s, false, RL_FOREVER);
    return moved(h, s, out, n, RL_READY_IN);
}

i32 rl_host_networking_udp_receive(rl_host *h, i64 id, i32 ptr, i32 len, i32 out) { return take(h, id, ptr, len, out, NULL); }

i32 rl_host_networking_udp_receive_from(rl_host *h, i64 id, i32 ptr, i32 len, i32 out, i32 from_ptr) {
    rl_addr from = { 0 };
    i32 result = take(h, id, ptr, len, out, &from);
    if (from.any.sa_family) rl_addr_give(h, from_ptr, &from, 1);
    return result;
}

/* ---- options ---- */

/* What the system refuses traps: these calls have no result to say so. */
static void option_failed(rl_host *h, const char *what) {
    char buf[160];
    rl_exec_fail(&h->exec, "UDP %s: %s", what, strerror_r(errno, buf, sizeof buf));
}

static void set_option(rl_host *h, i64 id, int level, int name, int value, const char *what) {
    rl_sock *s = sock_of(h, id);
    if (s && setsockopt(s->fd, level, name, &value, sizeof value)) option_failed(h, what);
}

static int get_option(rl_host *h, i64 id, int level, int name, const char *what) {
    int value = 0;
    socklen_t len = sizeof value;
    rl_sock *s = sock_of(h, id);
    if (s && getsockopt(s->fd, level, name, &value, &len)) option_failed(h, what);
    return value;
}

void rl_host_networking_set_udp_socket_broadcast(rl_host *h, i64 id, i32 on) {
    set_option(h, id, SOL_SOCKET, SO_BROADCAST, on != 0, "broadcast");
}
i32 rl_host_networking_get_udp_socket_broadcast(rl_host *h, i64 id) {
    return get_option(h, id, SOL_SOCKET, SO_BROADCAST, "broadcast") != 0;
}
void rl_host_networking_set_udp_socket_ttl(rl_host *h, i64 id, i32 ttl) {
    set_option(h, id, IPPROTO_IP, IP_TTL, ttl, "time to live");
}
i32 rl_host_networking_get_udp_socket_ttl(rl_host *h, i64 id) {
    return get_option(h, id, IPPROTO_IP, IP_TTL, "time to live");
}
