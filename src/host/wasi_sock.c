/* Owns the sock_* calls. Preview 1 makes no sockets: they come from the config or from sock_accept. Sockets here never
 * block; a call that would waits by parking, unless the guest asked for NONBLOCK. Stateless. */
#include "src/host/wasi_impl.h"

#include <errno.h>
#include <sys/socket.h>

static const rl_wasi_fd *get_sock(rl_host *h, i32 fd, rl_wasi_errno *e) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    *e = !f ? RL_WASI_BADF : f->kind != RL_WASI_SOCK ? RL_WASI_NOTSOCK : RL_WASI_OK;
    return *e ? NULL : f;
}

/* Of a failed call: parks when waiting can help, else the errno. */
static i32 wait_or_fail(rl_host *h, const rl_wasi_fd *f, bool write) {
    if (errno != EAGAIN || (f->flags & RL_WASI_NONBLOCK)) return rl_wasi_errno_of(errno);
    rl_host_park(h, f->host, write, INT64_MAX);
    return 0;
}

i32 rl_host_wasi_sock_accept(rl_host *h, i32 fd, i32 flags, i32 out) {
    rl_wasi_errno e;
    rl_host_done(h);
    const rl_wasi_fd *f = get_sock(h, fd, &e);
    if (!f) return (i32)e;
    if (flags & ~(i32)RL_WASI_NONBLOCK) return RL_WASI_INVAL;
    if (!rl_host_range(h, (u32)out, 4)) return 0;
    int host;
    do host = accept4(f->host, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (host < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (host < 0) return wait_or_fail(h, f, false);
    rl_wasi_fd entry = {.kind = RL_WASI_SOCK, .type = RL_WASI_TYPE_STREAM, .flags = (u8)flags, .read = true, .write = true,
                        .owned = true, .host = host, .list = -1, .preopen = -1};
    u32 number;
    if ((e = rl_wasi_fd_add(h->wasi, &entry, &number))) return (i32)e;
    rl_wasi_put32(h, out, number);
    return RL_WASI_OK;
}

#define RECV_PEEK 1
#define RECV_WAITALL 2
#define RECV_TRUNCATED 1u

i32 rl_host_wasi_sock_recv(rl_host *h, i32 fd, i32 iovs, i32 count, i32 flags, i32 out, i32 out_flags) {
    rl_wasi_errno e;
    rl_host_done(h);
    const rl_wasi_fd *f = get_sock(h, fd, &e);
    if (!f) return (i32)e;
    struct iovec v[RL_WASI_SLICES];
    int n;
    u8 *ro = rl_host_range(h, (u32)out_flags, 2);
    if (!ro || !rl_host_range(h, (u32)out, 4) || !rl_wasi_slices(h, (u32)iovs, (u32)count, true, v, &n)) return 0;
    struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
    /* WAITALL is the guest's wish for fewer calls; a non-blocking socket gives what there is, and the guest asks again */
    ssize_t got;
    do got = recvmsg(f->host, &m, (flags & RECV_PEEK ? MSG_PEEK : 0) | (flags & RECV_WAITALL ? MSG_WAITALL : 0));
    while (got < 0 && errno == EINTR);
    if (got < 0) return wait_or_fail(h, f, false);
    rl_wasi_store16(ro, m.msg_flags & MSG_TRUNC ? RECV_TRUNCATED : 0);
    rl_wasi_put32(h, out, (u32)got);
    return RL_WASI_OK;
}

i32 rl_host_wasi_sock_send(rl_host *h, i32 fd, i32 iovs, i32 count, i32 flags, i32 out) {
    rl_wasi_errno e;
    rl_host_done(h);
    const rl_wasi_fd *f = get_sock(h, fd, &e);
    if (!f) return (i32)e;
    if (flags) return RL_WASI_INVAL; /* none are defined */
    struct iovec v[RL_WASI_SLICES];
    int n;
    if (!rl_host_range(h, (u32)out, 4) || !rl_wasi_slices(h, (u32)iovs, (u32)count, false, v, &n)) return 0;
    struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
    ssize_t got;
    do got = sendmsg(f->host, &m, MSG_NOSIGNAL);
    while (got < 0 && errno == EINTR);
    if (got < 0) return wait_or_fail(h, f, true);
    rl_wasi_put32(h, out, (u32)got);
    return RL_WASI_OK;
}

i32 rl_host_wasi_sock_shutdown(rl_host *h, i32 fd, i32 how) {
    static const int host[] = {[1] = SHUT_RD, [2] = SHUT_WR, [3] = SHUT_RDWR};
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_sock(h, fd, &e);
    if (!f) return (i32)e;
    if (how < 1 || how > 3) return RL_WASI_INVAL;
    return shutdown(f->host, host[how]) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}
