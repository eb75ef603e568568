/* lunatic::networking, TLS: listeners that shake hands with many at once, connections made in steps, streams. Invariant:
 * what a call has begun is the listener's (handshakes) or the process's pending object (a connection being made), so a
 * killed process loses nothing; a failed handshake is an error value and the listener goes on (Q09). The calling
 * process's worker; sessions are shared between processes and lock themselves. Reference: sections 8.7 and 10. One
 * handshake at a time, in the order of arrival, was not taken: a client that says nothing would keep out all others. */
#include "src/host/dns.h"
#include "src/host/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "src/base/os.h"

#define HANDSHAKES 256u              /* of one listener at a time; more wait in the kernel's queue */
#define HANDSHAKE_NS 30000000000ll   /* then the client is dropped */
#define MAX_ROOTS 512u    /* more than any machine trusts */
#define MAX_PEM (1u << 16) /* of one: more is no certificate, and would only hold the worker */
#define MAX_NAME 255u

static const rl_tls_link sock_link = { rl_sock_send, rl_sock_recv };

static rl_sock *stream_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_TLS, id, "TLS stream"); }

/* ---- listeners ---- */

typedef struct shake { /* a client that has connected */
    struct shake *next;
    rl_sock *s;        /* its session is s->tls */
    rl_addr peer;
    i64 limit_ns;
    bool ready;        /* its socket had something to say since it was looked at */
} shake;

typedef struct listener {
    rl_sock *s;
    rl_tls_side *side;
    int epoll;          /* the socket and those of the handshakes */
    bool full;          /* the socket is not in epoll: there are enough handshakes */
    u32 n;
    shake *first, **last;
} listener;

static listener *listener_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_TLS_LISTENER, id, "TLS listener"); }

static void drop_shake(shake *k) {
    rl_sock_put(k->s);
    free(k);
}

void rl_tls_listener_drop(void *o) {
    listener *l = o;
    while (l->first) {
        shake *k = l->first;
        l->first = k->next;
        drop_shake(k);
    }
    if (l->epoll >= 0) close(l->epoll);
    rl_tls_side_free(l->side);
    rl_sock_put(l->s);
    free(l);
}

/* The listener's socket is of interest, or there is no room for more. */
static void watch(listener *l, bool on) {
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
    l->full = !on;
    epoll_ctl(l->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->s->fd, &ev);
}

static i32 new_listener(rl_host *h, const rl_addr *a, bool shared, rl_tls_side *side, i32 id_ptr) {
    u64 id;
    listener *l = calloc(1, sizeof *l);
    if (!l) {
        rl_tls_side_free(side);
        return rl_net_failed(h, id_ptr, ENOMEM);
    }
    l->side = side;
    l->last = &l->first;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->s = l->epoll < 0 ? NULL : rl_sock_new(rl_sock_listen(a, shared));
    int error = errno;
    if (l->s && !rl_proc_add(rl_proc_of(h), RL_RES_TLS_LISTENER, l, &id)) {
        watch(l, true);
        rl_guest_put64(h, id_ptr, id);
        return 0;
    }
    rl_tls_listener_drop(l);
    return rl_net_failed(h, id_ptr, error);
}

i32 rl_host_networking_tls_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 id_ptr, i32 cert_ptr,
                                i32 cert_len, i32 key_ptr, i32 key_len) {
    rl_addr a;
    char why[RL_TLS_WHY];
    bool usage;
    if (!rl_addr_arg(h, type, addr, port, flow, scope, &a)) return 0;
    const char *cert = rl_host_range(h, (u32)cert_ptr, (u32)cert_len), *key = cert ? rl_host_range(h, (u32)key_ptr, (u32)key_len) : NULL;
    if (!key) return 0;
    if (!rl_net_may(h, RL_REACH_LISTEN, &a)) return rl_net_refused(h, id_ptr);
    if (!rl_tls_open(why)) return rl_guest_error(h, id_ptr, why);
    rl_tls_side *side = rl_tls_server_new(cert, (u32)cert_len, key, (u32)key_len, &usage, why);
    if (side) return new_listener(h, &a, false, side, id_ptr);
    if (!usage) return rl_guest_error(h, id_ptr, why);
    rl_exec_fail(&h->exec, "tls_bind: %s", why);
    return 0;
}

/* The guest's rille_tls_options: four texts by address and length, and flags. False after a trap. */
static bool read_options(rl_host *h, i32 ptr, rl_tls_options *o, u32 *flags) {
    const u8 *p = rl_host_range(h, (u32)ptr, 36);
    rl_tls_text *const texts[] = { &o->roots, &o->cert, &o->key, &o->protocols };
    for (size_t i = 0; p && i < RL_LEN(texts); i++) {
        texts[i]->n = rl_load32(p + 8 * i + 4);
        if (!(texts[i]->p = rl_host_range(h, rl_load32(p + 8 * i), texts[i]->n))) return false;
    }
    if (p) *flags = rl_load32(p + 32);
    return p;
}

i32 rl_host_net_tls_bind(rl_host *h, i32 type, i32 addr, i32 port, i32 flow, i32 scope, i32 options, i32 id_ptr) {
    rl_addr a;
    rl_tls_options o;
    u32 flags;
    char why[RL_TLS_WHY];
    if (!rl_addr_arg(h, type, addr, port, flow, scope, &a) || !read_options(h, options, &o, &flags)) return 0;
    if (flags & ~(RL_NET_SHARED | RL_NET_CERTIFICATE_OPTIONAL)) return rl_net_failed(h, id_ptr, EINVAL);
    if (!rl_net_may(h, RL_REACH_LISTEN, &a)) return rl_net_refused(h, id_ptr);
    o.optional = flags & RL_NET_CERTIFICATE_OPTIONAL;
    rl_tls_side *side = rl_tls_open(why) ? rl_tls_side_new(true, &o, why) : NULL;
    return side ? new_listener(h, &a, flags & RL_NET_SHARED, side, id_ptr) : rl_guest_error(h, id_ptr, why);
}

void rl_host_networking_drop_tls_listener(rl_host *h, i64 id) {
    if (listener_of(h, id)) rl_tls_listener_drop(rl_proc_del(rl_proc_of(h), RL_RES_TLS_LISTENER, (u64)id));
}

i32 rl_host_networking_tls_local_addr(rl_host *h, i64 id, i32 id_ptr) {
    listener *l = listener_of(h, id);
    return l ? rl_addr_give_name(h, id_ptr, l->s->fd, getsockname) : 0;
}

/* ---- accepting ---- */

/* Begins with a client. False: why says why not, and it is gone. */
static bool begin(listener *l, int fd, const rl_addr *peer, char *why) {
    shake *k = calloc(1, sizeof *k);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = k };
    if (k) k->s = rl_sock_new(fd);
    else close(fd);
    if (k && k->s && (k->s->tls = rl_tls_accept(l->side, &sock_link, k->s, why)) && !epoll_ctl(l->epoll, EPOLL_CTL_ADD, k->s->fd, &ev)) {
        k->peer = *peer;
        k->limit_ns = rl_sched_now() + HANDSHAKE_NS;
        k->ready = true;
        *l->last = k;
        l->last = &k->next;
        if (++l->n == HANDSHAKES) watch(l, false);
        return true;
    }
    snprintf(why, RL_TLS_WHY, "out of memory");
    if (k) rl_sock_put(k->s);
    free(k);
    return false;
}

/* Takes a handshake out of the list. */
static void leave(listener *l, shake **at) {
    shake *k = *at;
    *at = k->next;
    if (l->last == &k->next) l->last = at;
    l->n--;
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, k->s->fd, NULL);
    if (l->full) watch(l, true);
}

/* Which handshakes can go on. Edges: each is told once. */
static void poll_shakes(listener *l) {
    struct epoll_event ev[64];
    int n;
    do {
        n = epoll_wait(l->epoll, ev, RL_LEN(ev), 0);
        for (int i = 0; i < n; i++)
            if (ev[i].data.ptr) ((shake *)ev[i].data.ptr)->ready = true;
    } while (n == RL_LEN(ev));
}

/* Goes on with the handshakes that can. Returns one that is over, taken out: *state says how. */
static shake *advance(listener *l, rl_tls_state *state, char *why) {
    i64 now = rl_sched_now();
    for (shake **at = &l->first; *at; at = &(*at)->next) {
        shake *k = *at;
        *state = k->ready ? rl_tls_handshake(k->s->tls, why) : RL_TLS_READ;
        k->ready = false;
        bool waits = *state == RL_TLS_READ || *state == RL_TLS_WRITE;
        if (waits && k->limit_ns > now) continue;
        if (waits) *state = RL_TLS_FAILED, snprintf(why, RL_TLS_WHY, "TLS: the handshake took too long");
        leave(l, at);
        return k;
    }
    return NULL;
}

static i32 refuse(rl_host *h, i32 id_ptr, i32 peer_ptr, const char *why) {
    rl_guest_error(h, id_ptr, why);
    rl_guest_put64(h, peer_ptr, 0);
    return 1;
}

/* Result of an accept for a handshake that is over. */
static i32 welcome(rl_host *h, shake *k, rl_tls_state state, i32 id_ptr, i32 peer_ptr, const char *why) {
    rl_addr peer = k->peer;
    rl_sock *s = state == RL_TLS_DONE && rl_host_range(h, (u32)peer_ptr, 8) ? rl_sock_get(k->s) : NULL;
    drop_shake(k);
    if (state != RL_TLS_DONE) return refuse(h, id_ptr, peer_ptr, why);
    if (!s) return 0;
    rl_exec_tax(&h->exec, RL_ACCEPT_TAX);
    rl_sock_give(h, id_ptr, RL_RES_TLS, s);
    rl_addr_give(h, peer_ptr, &peer, 1);
    return 0;
}

i32 rl_host_networking_tls_accept(rl_host *h, i64 id, i32 id_ptr, i32 peer_ptr) {
    listener *l = listener_of(h, id);
    rl_tls_state state;
    rl_addr peer;
    char why[RL_TLS_WHY];
    int fd = -1;
    if (!l) return 0;
    poll_shakes(l);
    while (l->n < HANDSHAKES && (fd = rl_sock_accept(l->s, &peer)) >= 0)
        if (!begin(l, fd, &peer, why)) {
            rl_host_done(h);
            return refuse(h, id_ptr, peer_ptr, why);
        }
    int error = fd < 0 ? errno : EAGAIN;
    shake *k = advance(l, &state, why);
    if (k) {
        rl_host_done(h);
        return welcome(h, k, state, id_ptr, peer_ptr, why);
    }
    if (l->n < HANDSHAKES && error != EAGAIN) {
        rl_host_done(h);
        rl_net_failed(h, id_ptr, error);
        rl_guest_put64(h, peer_ptr, 0);
        return 1;
    }
    rl_host_park(h, l->epoll, false, l->first ? l->first->limit_ns : INT64_MAX);
    return 0;
}

/* ---- connecting ---- */

typedef struct connecting {
    rl_lookup *lookup; /* NULL: none, or it is over */
    rl_addr *addrs;
    u32 n, at;         /* the address that is being tried */
    rl_sock *s;
    rl_tls_roots *roots;
    rl_tls_side *side; /* with options; else NULL */
    i64 limit_ns;
    int error;         /* of the last address tried */
    char name[MAX_NAME + 1];
} connecting;

static void drop_connecting(void *o) {
    connecting *c = o;
    if (c->lookup) rl_lookup_free(c->lookup);
    free(c->addrs);
    rl_sock_put(c->s);
    rl_tls_roots_free(c->roots);
    rl_tls_side_free(c->side);
    free(c);
}

/* One reading of a root's entry. */
static bool add_root(rl_host *h, rl_tls_roots *r, u32 ptr, u32 len) {
    const rl_memory *mem = rl_instance_memory(h->instance, 0);
    return (u64)ptr + len <= mem->bytes && len <= MAX_PEM && rl_tls_roots_add(r, (const char *)mem->base + ptr, len);
}

/* Entries are (address, length) or, as the guest library writes them, (length, address): a text does not lie below its
 * own length, so the larger is the address; the other reading counts only if that one holds no certificate (Q04). Entries
 * without any are left out; the machine's roots are not used instead. False after a trap. */
static bool read_roots(rl_host *h, connecting *c, i32 ptr, i32 count) {
    const u8 *p = rl_host_range(h, (u32)ptr, (u64)(u32)count * 8);
    if (!p) return false;
    if (!count) return true;
    if ((u32)count > MAX_ROOTS || !(c->roots = rl_tls_roots_new())) {
        rl_exec_fail(&h->exec, (u32)count > MAX_ROOTS ? "tls_connect: more than %u roots" : "out of memory", MAX_ROOTS);
        return false;
    }
    for (u32 i = 0; i < (u32)count; i++) {
        u32 a = rl_load32(p + 8 * i), b = rl_load32(p + 8 * i + 4);
        if (!add_root(h, c->roots, RL_MAX(a, b), RL_MIN(a, b))) add_root(h, c->roots, RL_MIN(a, b), RL_MAX(a, b));
    }
    return true;
}

/* Sets what to connect to: an address, or a lookup of the name. NULL, or why not. */
static const char *aim(rl_host *h, connecting *c, u32 port) {
    char text[MAX_NAME + 10];
    const char *why = NULL;
    rl_addr a;
    snprintf(text, sizeof text, strchr(c->name, ':') ? "[%s]:%u" : "%s:%u", c->name, port);
    if (rl_addr_parse(text, strlen(text), &a)) {
        if (!(c->addrs = malloc(sizeof a))) return "out of memory";
        c->addrs[c->n++] = a;
        return NULL;
    }
    if (!rl_net_may_resolve(h, c->name)) return RL_NET_REFUSED;
    if ((why = rl_lookup_check(c->name, strlen(c->name)))) return why;
    c->lookup = rl_lookup_new(c->name, rl_proc_of(h)->worker->rt->config->dns, &why);
    return c->lookup ? NULL : why;
}

/* The side that the guest's options at ptr ask for. False after a trap or with *why. */
static bool read_side(rl_host *h, connecting *c, i32 ptr, const char **why, char *buf) {
    rl_tls_options o;
    u32 flags;
    if (!read_options(h, ptr, &o, &flags)) return false;
    if (flags) *why = "TLS: no such flags";
    else if (!(c->side = rl_tls_side_new(false, &o, buf))) *why = buf;
    return c->side;
}

/* A new connection to be made, or NULL after a trap or with *why. ncerts -1: certs is options. */
static connecting *new_connecting(rl_host *h, i32 ptr, i32 len, u32 port, i32 certs, i64 ncerts, const char **why, char *buf) {
    const char *name = rl_guest_text(h, ptr, len);
    connecting *c = name ? calloc(1, sizeof *c) : NULL;
    *why = NULL;
    if (!name) return NULL;
    if (!c) *why = "out of memory";
    else if (!len || (u32)len > MAX_NAME || memchr(name, 0, (u32)len)) *why = "TLS: invalid server name";
    else if (!rl_tls_open(buf)) *why = buf;
    else if (ncerts < 0 ? read_side(h, c, certs, why, buf) : read_roots(h, c, certs, (i32)ncerts)) {
        bool bracket = len > 2 && *name == '[' && name[len - 1] == ']';
        memcpy(c->name, name + bracket, (u32)len - 2u * bracket);
        *why = aim(h, c, port);
        if (!*why) return c;
    }
    if (c) drop_connecting(c);
    return NULL;
}

/* The lookup has its outcome. */
static rl_tls_state looked_up(rl_host *h, connecting *c, rl_lookup_state state, u32 port, char *why) {
    const rl_addr *a = rl_lookup_addrs(c->lookup, &c->n);
    if (state == RL_LOOKUP_FAILED) snprintf(why, RL_TLS_WHY, "%s", rl_lookup_why(c->lookup));
    else if (!(c->addrs = calloc(c->n + 1, sizeof *a))) snprintf(why, RL_TLS_WHY, "out of memory");
    for (u32 i = 0; c->addrs && i < c->n; i++) {
        c->addrs[i] = a[i];
        rl_addr_set_port(&c->addrs[i], port);
        rl_net_learn(h, c->name, &c->addrs[i]);
    }
    rl_lookup_free(c->lookup);
    c->lookup = NULL;
    return c->addrs ? RL_TLS_DONE : RL_TLS_FAILED;
}

/* Tries one address after the other. */
static rl_tls_state connect_any(rl_host *h, connecting *c, char *why) {
    for (; c->at < c->n; c->at++) {
        const rl_addr *a = &c->addrs[c->at];
        if (!c->s && !rl_net_may(h, RL_REACH_CONNECT, a)) {
            c->error = EACCES;
            continue;
        }
        c->error = rl_sock_connect(&c->s, a);
        if (!c->error) return RL_TLS_DONE;
        if (c->error == EINPROGRESS) return RL_TLS_WRITE;
        rl_sock_put(c->s);
        c->s = NULL;
    }
    char buf[128];
    if (c->error == EACCES) snprintf(why, RL_TLS_WHY, "%s", RL_NET_REFUSED);
    else snprintf(why, RL_TLS_WHY, "%s (os error %d)", strerror_r(c->error, buf, sizeof buf), c->error);
    return RL_TLS_FAILED;
}

/* Goes on as far as possible. READ, WRITE: wait for *fd or *next. */
static rl_tls_state go_on(rl_host *h, connecting *c, u32 port, int *fd, i64 *next, char *why) {
    *next = INT64_MAX;
    if (c->lookup) {
        rl_lookup_state state = rl_lookup_step(c->lookup, fd, next);
        if (state == RL_LOOKUP_WAITING) return RL_TLS_READ;
        *next = INT64_MAX;
        if (looked_up(h, c, state, port, why) == RL_TLS_FAILED) return RL_TLS_FAILED;
    }
    if (!c->s || !c->s->tls) {
        rl_tls_state s = connect_any(h, c, why);
        *fd = c->s ? c->s->fd : -1;
        if (s != RL_TLS_DONE) return s;
        if (!(c->s->tls = rl_tls_connect(c->name, c->side, c->roots, &sock_link, c->s, why))) return RL_TLS_FAILED;
    }
    *fd = c->s->fd;
    return rl_tls_handshake(c->s->tls, why);
}

static i32 connect_to(rl_host *h, i32 ptr, i32 len, i32 port, i64 timeout, i32 id_ptr, i32 certs, i64 ncerts) {
    rl_proc *p = rl_proc_of(h);
    char buf[RL_TLS_WHY];
    const char *why = buf;
    int fd;
    i64 next;
    connecting *c = rl_proc_unpend(p);
    if (!c) {
        if (!(c = new_connecting(h, ptr, len, (u16)port, certs, ncerts, &why, buf))) return why ? rl_guest_error(h, id_ptr, why) : 0;
        c->limit_ns = rl_guest_deadline((u64)timeout);
        why = buf;
    }
    rl_tls_state s = go_on(h, c, (u16)port, &fd, &next, buf);
    bool waits = s == RL_TLS_READ || s == RL_TLS_WRITE, late = waits && h->wait.retry && c->limit_ns <= rl_sched_now();
    if (waits && !late && rl_proc_pend(p, c, drop_connecting)) {
        if (c->s) rl_host_park_watch(h, &c->s->watch, fd, s == RL_TLS_WRITE, RL_MIN(next, c->limit_ns));
        else rl_host_park(h, fd, s == RL_TLS_WRITE, RL_MIN(next, c->limit_ns));
        return 0;
    }
    rl_host_done(h);
    i32 result = 0;
    if (late) result = rl_net_late(h, id_ptr);
    else if (s == RL_TLS_FAILED) result = rl_guest_error(h, id_ptr, why);
    else if (s == RL_TLS_DONE) result = rl_sock_give(h, id_ptr, RL_RES_TLS, rl_sock_get(c->s));
    drop_connecting(c);
    return result;
}

i32 rl_host_networking_tls_connect(rl_host *h, i32 ptr, i32 len, i32 port, i64 timeout, i32 id_ptr, i32 certs, i32 ncerts) {
    return connect_to(h, ptr, len, port, timeout, id_ptr, certs, (u32)ncerts);
}

i32 rl_host_net_tls_connect(rl_host *h, i32 ptr, i32 len, i32 port, i64 timeout, i32 options, i32 id_ptr) {
    return connect_to(h, ptr, len, port, timeout, id_ptr, options, -1);
}

/* ---- streams ---- */

/* The size of what is known of the other side, of which as much as fits is written. */
static i32 tell(rl_host *h, i64 id, i32 ptr, i32 len, rl_tls_fact what) {
    rl_sock *s = stream_of(h, id);
    void *to = s ? rl_host_range(h, (u32)ptr, (u32)len) : NULL;
    return to ? (i32)rl_tls_tell(s->tls, what, to, (u32)len) : 0;
}

i32 rl_host_net_tls_protocol(rl_host *h, i64 id, i32 ptr, i32 len) { return tell(h, id, ptr, len, RL_TLS_PROTOCOL); }
i32 rl_host_net_tls_peer_certificate(rl_host *h, i64 id, i32 ptr, i32 len) { return tell(h, id, ptr, len, RL_TLS_CERTIFICATE); }
i32 rl_host_net_tls_peer_subject(rl_host *h, i64 id, i32 ptr, i32 len) { return tell(h, id, ptr, len, RL_TLS_SUBJECT); }

void rl_host_networking_drop_tls_stream(rl_host *h, i64 id) {
    if (stream_of(h, id)) rl_sock_put(rl_proc_del(rl_proc_of(h), RL_RES_TLS, (u64)id));
}

i64 rl_host_networking_clone_tls_stream(rl_host *h, i64 id) {
    rl_sock *s = stream_of(h, id);
    return s ? rl_sock_clone(h, RL_RES_TLS, s) : 0;
}

/* N/ERR(out), or parks. */
static i32 outcome(rl_host *h, rl_sock *s, rl_tls_state state, u64 n, rl_sock_timer timer, i32 out, const char *why) {
    if (state == RL_TLS_READ || state == RL_TLS_WRITE) return rl_sock_wait(h, s, state == RL_TLS_WRITE, rl_sock_timeout(s, timer));
    rl_host_done(h);
    if (state == RL_TLS_FAILED) return rl_guest_error(h, out, why);
    rl_sock_charge(h, n);
    rl_guest_put64(h, out, n);
    return 0;
}

i32 rl_host_networking_tls_read(rl_host *h, i64 id, i32 ptr, i32 len, i32 out) {
    char why[RL_TLS_WHY];
    size_t n;
    rl_sock *s = stream_of(h, id);
    void *to = s ? rl_host_range(h, (u32)ptr, (u32)len) : NULL;
    if (!to) return 0;
    rl_tls_state state = rl_tls_read(s->tls, to, (u32)len, &n, why);
    return outcome(h, s, state, n, RL_SOCK_READ, out, why);
}

/* What was taken in is told once it is sent, or when the time is over: then it is sent first thing in the next call. The
 * number taken is kept in wait.word[0] meanwhile. */
i32 rl_host_networking_tls_write_vectored(rl_host *h, i64 id, i32 slices, i32 count, i32 out) {
    struct iovec v[RL_SLICES];
    char why[RL_TLS_WHY];
    int nv;
    rl_sock *s = stream_of(h, id);
    size_t n = h->wait.retry ? h->wait.word[0] : 0;
    if (!s || !rl_sock_slices(h, slices, count, v, &nv)) return 0;
    rl_tls_state state = n ? rl_tls_flush(s->tls, why) : rl_tls_write(s->tls, v, nv, &n, why);
    i32 result = outcome(h, s, state, n, RL_SOCK_WRITE, out, why);
    if (result == RL_TIMED_OUT && n) {
        rl_guest_put64(h, out, n);
        return 0;
    }
    if (h->wait.retry) h->wait.word[0] = n; /* parked */
    return result;
}

i32 rl_host_networking_tls_flush(rl_host *h, i64 id, i32 error_ptr) {
    char why[RL_TLS_WHY];
    rl_sock *s = stream_of(h, id);
    if (!s) return 0;
    rl_tls_state state = rl_tls_flush(s->tls, why);
    return outcome(h, s, state, 0, RL_SOCK_WRITE, error_ptr, why);
}

RL_SOCK_TIMEOUT(tls_read, stream_of, RL_SOCK_READ)
RL_SOCK_TIMEOUT(tls_write, stream_of, RL_SOCK_WRITE)
