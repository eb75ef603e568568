/* What the networking files share: addresses, sockets, waiting for them. */
#ifndef RL_NET_H
#define RL_NET_H

#include <stdatomic.h>
#include <sys/uio.h>

#include "src/addr.h"
#include "src/host/guest.h"
#include "src/reach.h"

/* ---- addresses (net_addr.c) ---- */

/* What guests call a DNS iterator: addresses, and which is next. */
typedef struct rl_addrs {
    u32 n, at;
    rl_addr a[];
} rl_addrs;

/* An address from a guest's five arguments. False after a trap. */
bool rl_addr_arg(rl_host *h, i32 type, i32 ptr, i32 port, i32 flow, i32 scope, rl_addr *out);
/* Makes an iterator of n addresses and writes its id. False after a trap. */
bool rl_addr_give(rl_host *h, i32 ptr, const rl_addr *a, u32 n);
/* The same for where a connection comes from: empty for a Unix socket's. */
static inline bool rl_addr_give_peer(rl_host *h, i32 ptr, const rl_addr *a) { return rl_addr_give(h, ptr, a, a->any.sa_family != AF_UNIX); }
/* ID/ERR(ptr): the result of getsockname or getpeername on fd as an iterator. */
i32 rl_addr_give_name(rl_host *h, i32 ptr, int fd, int (*name)(int, struct sockaddr *, socklen_t *));

/* ID/ERR(ptr) for an errno: "Connection refused (os error 111)". */
i32 rl_net_failed(rl_host *h, i32 ptr, int error);
/* 9027 with an error at ptr: guests drop what they find there (Q11). */
i32 rl_net_late(rl_host *h, i32 ptr);

/* ---- sockets (net_sock.c) ---- */

struct rl_tls;

typedef enum rl_sock_timer { RL_SOCK_READ, RL_SOCK_WRITE, RL_SOCK_PEEK, RL_SOCK_TIMERS } rl_sock_timer;

/* An open socket with one reference for every id and every message that has it. */
typedef struct rl_sock {
    _Atomic u32 refs;
    int fd;                                /* never blocks */
    _Atomic u64 timeout[RL_SOCK_TIMERS];   /* milliseconds; all ones: none. relaxed: only numbers */
    rl_watch watch;                        /* of fd */
    struct rl_tls *tls;                    /* of a TLS stream: its session; else NULL */
} rl_sock;

/* Takes fd over, whatever happens; -1 is fine and gives NULL like memory running out, errno says which. */
rl_sock *rl_sock_new(int fd);
rl_sock *rl_sock_get(rl_sock *s);
void rl_sock_put(rl_sock *s);
/* A fresh id for s, which is taken over; written at ptr. Result of the call: 0, or whatever after a trap. */
i32 rl_sock_give(rl_host *h, i32 ptr, rl_resource kind, rl_sock *s);

/* Whether a read (RL_READY_IN) or write (RL_READY_OUT) is worth trying; its mark is taken away (rl_watch_try). Always when
 * the caller's time is over: what is there wins. */
static inline bool rl_sock_try(rl_host *h, rl_sock *s, u8 direction, u8 *tried) {
    *tried = rl_watch_try(&s->watch, direction);
    return *tried || h->wait.timed_out;
}
/* For a call that could not go on: parks until s can be read (written), or returns RL_TIMED_OUT when timeout_ms have
 * passed since the call began. */
i32 rl_sock_wait(rl_host *h, rl_sock *s, bool write, u64 timeout_ms);
/* Another id for s. */
i64 rl_sock_clone(rl_host *h, rl_resource kind, rl_sock *s);
static inline void rl_sock_set_timeout(rl_sock *s, rl_sock_timer t, u64 ms) {
    atomic_store_explicit(&s->timeout[t], ms, memory_order_relaxed);
}
static inline u64 rl_sock_timeout(const rl_sock *s, rl_sock_timer t) {
    return atomic_load_explicit(&s->timeout[t], memory_order_relaxed);
}

/* A listening socket. shared: SO_REUSEPORT. -1 and errno. */
int rl_sock_listen(const rl_addr *a, bool shared);
/* The length of its queue, which the system shortens as it is set up to. */
#define RL_BACKLOG 1024
/* Lets the process have as many descriptors as it may; once. */
void rl_sock_raise_limit(void);
/* What accepting costs of a slice, as bytes moved (rl_exec_tax): all of it. Who accepts gives way to those that were given
 * connections: else they pile up, and as the youngest of them run first, some wait for several rounds of the others. */
#define RL_ACCEPT_TAX (16u * 20000u)
/* A connection of a listener. -1 and errno; EAGAIN: there is none yet. */
int rl_sock_accept(rl_sock *s, rl_addr *peer);
/* Connects, in the course of several calls: on the first it makes *s (RL_OK or not, the caller's). Returns 0 connected,
 * EINPROGRESS wait for writing and call again, else an errno. */
int rl_sock_connect(rl_sock **s, const rl_addr *a);

/* After a call that moved n bytes: takes from the slice of the process for the bytes, and from the turn of those that were
 * woken what a system call costs, so that whoever computes or accepts connections beside busy ones has turns as long. */
#define RL_CALL_COST 5000 /* instructions: a microsecond and a half, which is little */
void rl_sock_charge(rl_host *h, u64 n);

/* send and recv on an rl_sock, for calls that do not park themselves. */
ssize_t rl_sock_send(void *s, const void *p, size_t n);
ssize_t rl_sock_recv(void *s, void *p, size_t n);

/* What RL_RES_TLS_LISTENER is dropped by. */
void rl_tls_listener_drop(void *listener);

/* The guest's slices of a gathering write, without empty ones: the first RL_SLICES. False after a trap. */
#define RL_SLICES 1024u
bool rl_sock_slices(rl_host *h, i32 ptr, i32 count, struct iovec *v, int *n);

static inline u64 rl_sock_bytes(const struct iovec *v, int n) {
    u64 sum = 0;
    for (int i = 0; i < n; i++) sum += v[i].iov_len;
    return sum;
}

/* Flags of rille::net's calls to listen and bind. */
enum { RL_NET_SHARED = 1, RL_NET_CERTIFICATE_OPTIONAL = 2 };

/* ---- rights (net_rights.c) ---- */

/* Whether the process may use that address so; if not, says so on the log the first time. */
bool rl_net_may(rl_host *h, rl_reach_use use, const rl_addr *a);
/* Whether it may use the Unix socket of that resolved name so (src/upath.h). */
bool rl_net_may_path(rl_host *h, rl_reach_use use, const char *path);
/* Whether it may ask for the addresses of that name. */
bool rl_net_may_resolve(rl_host *h, const char *host);
/* The process looked the name up and was told a: a rule for the name is one for that address from now on. */
void rl_net_learn(rl_host *h, const char *host, const rl_addr *a);
/* The error value of a refusal. */
#define RL_NET_REFUSED "Network access denied (os error 13)"
i32 rl_net_refused(rl_host *h, i32 ptr);

/* The two host functions of one time-out; `of` finds the socket of an id, or NULL after a trap. */
#define RL_SOCK_TIMEOUT(name, of, timer)                                            \
    void rl_host_networking_set_##name##_timeout(rl_host *h, i64 id, i64 ms) {      \
        rl_sock *s = of(h, id);                                                     \
        if (s) rl_sock_set_timeout(s, timer, (u64)ms);                              \
    }                                                                               \
    i64 rl_host_networking_get_##name##_timeout(rl_host *h, i64 id) {               \
        rl_sock *s = of(h, id);                                                     \
        return s ? (i64)rl_sock_timeout(s, timer) : 0;                              \
    }

#endif
