/* Name resolution by c-ares, one channel per lookup, driven by the process that asks: it parks until one of the channel's
 * sockets is ready, or until c-ares wants to try again. Invariant: a lookup belongs to one process and no thread works on
 * it in between, so a killed process just drops it. The channel's sockets hang in an epoll set of the lookup's own,
 * because a process waits for one descriptor; lookups that /etc/hosts answers never make one. One channel for all was not
 * taken: it would need a lock, a thread to drive it, and a way to tell processes that die; making one costs less than the
 * question it asks. */
#include "src/host/dns.h"

#include <ares.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "src/base/os.h"
#include "src/host/lib.h"

#define MAX_ADDRS 256u
#define TRIES 2        /* of a server that is silent, for 5 and 10 seconds; the C library does as many, c-ares by itself takes 75 seconds */

#define FUNCS(F)                                                                                                  \
    F(ares_library_init) F(ares_init_options) F(ares_destroy) F(ares_getaddrinfo) F(ares_freeaddrinfo) \
    F(ares_process_fd) F(ares_timeout) F(ares_set_servers_ports_csv)
#define SLOT(name) __typeof__(name) *name;
static struct { FUNCS(SLOT) } ares;
#define ENTRY(name) { #name, &ares.name },
static const rl_lib_func funcs[] = { FUNCS(ENTRY) { NULL, NULL } };

static bool init(void) { return ares.ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS; }

static rl_lib lib = { "Looking up names", "libcares.so.2", "libc-ares2", funcs, init };

struct rl_lookup {
    ares_channel channel;
    rl_lookup_state state;
    int epoll;       /* -1: no socket yet */
    const char *why;
    rl_addr *addrs;
    u32 n;
};

/* What the C library says in these cases: guests show it. */
static const char *text_of(int status) {
    switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME: return "failed to lookup address information: Name or service not known";
    case ARES_ENOMEM: return "failed to lookup address information: Memory allocation failure";
    case ARES_ETIMEOUT:
    case ARES_ESERVFAIL:
    case ARES_EREFUSED:
    case ARES_ECONNREFUSED: return "failed to lookup address information: Temporary failure in name resolution";
    default: return "failed to lookup address information: Non-recoverable failure in name resolution";
    }
}

static void failed(rl_lookup *l, const char *why) {
    l->state = RL_LOOKUP_FAILED;
    l->why = why;
}

static void answered(void *arg, int status, int timeouts, struct ares_addrinfo *info) {
    rl_lookup *l = arg;
    u32 n = 0;
    (void)timeouts;
    if (status == ARES_SUCCESS)
        for (struct ares_addrinfo_node *a = info->nodes; a; a = a->ai_next) n++;
    n = RL_MIN(n, MAX_ADDRS);
    if (n && !(l->addrs = calloc(n, sizeof *l->addrs))) status = ARES_ENOMEM;
    if (status == ARES_SUCCESS && n) {
        for (struct ares_addrinfo_node *a = info->nodes; a && l->n < n; a = a->ai_next)
            if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
                memcpy(&l->addrs[l->n++], a->ai_addr, RL_MIN((size_t)a->ai_addrlen, sizeof *l->addrs));
        l->state = RL_LOOKUP_FOUND;
    } else if (status != ARES_EDESTRUCTION) {
        failed(l, text_of(status == ARES_SUCCESS ? ARES_ENODATA : status));
    }
    if (info) ares.ares_freeaddrinfo(info);
}

/* c-ares wants to hear of a socket, or no more. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable) {
    rl_lookup *l = arg;
    struct epoll_event ev = { .events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u), .data.fd = fd };
    if (l->epoll < 0 && (l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) return; /* its own time-out ends it */
    if (!ev.events) epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &ev)) epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev);
}

rl_lookup *rl_lookup_new(const char *host, const char *servers, const char **why) {
    if (rl_lib_open(&lib)) {
        *why = lib.why;
        return NULL;
    }
    rl_lookup *l = calloc(1, sizeof *l);
    *why = text_of(ARES_ENOMEM);
    if (!l) return NULL;
    l->epoll = -1;
    struct ares_options o = { .sock_state_cb = socket_state, .sock_state_cb_data = l, .tries = TRIES };
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    int status = ares.ares_init_options(&l->channel, &o, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TRIES);
    if (status == ARES_SUCCESS && servers) status = ares.ares_set_servers_ports_csv(l->channel, servers);
    if (status != ARES_SUCCESS) {
        *why = text_of(status);
        rl_lookup_free(l);
        return NULL;
    }
    ares.ares_getaddrinfo(l->channel, host, NULL, &hints, answered, l);
    return l;
}

void rl_lookup_free(void *lookup) {
    rl_lookup *l = lookup;
    if (l->channel) ares.ares_destroy(l->channel);
    if (l->epoll >= 0) close(l->epoll);
    free(l->addrs);
    free(l);
}

rl_lookup_state rl_lookup_step(rl_lookup *l, int *fd, i64 *deadline_ns) {
    struct epoll_event ev[16];
    int n = l->epoll >= 0 ? epoll_wait(l->epoll, ev, RL_LEN(ev), 0) : 0;
    for (int i = 0; i < n && l->state == RL_LOOKUP_WAITING; i++) {
        bool in = ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR), out = ev[i].events & (EPOLLOUT | EPOLLERR);
        ares.ares_process_fd(l->channel, in ? ev[i].data.fd : ARES_SOCKET_BAD, out ? ev[i].data.fd : ARES_SOCKET_BAD);
    }
    if (l->state == RL_LOOKUP_WAITING) ares.ares_process_fd(l->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* what is overdue */
    if (l->state != RL_LOOKUP_WAITING) return l->state;
    struct timeval t, *next = ares.ares_timeout(l->channel, NULL, &t);
    if (!next && l->epoll < 0) failed(l, text_of(ARES_ESERVFAIL)); /* nothing would ever wake it */
    *fd = l->epoll;
    *deadline_ns = next ? rl_sched_now() + next->tv_sec * 1000000000 + next->tv_usec * 1000 : INT64_MAX;
    return l->state;
}

const rl_addr *rl_lookup_addrs(const rl_lookup *l, u32 *n) {
    *n = l->n;
    return l->addrs;
}

const char *rl_lookup_why(const rl_lookup *l) { return l->why; }
