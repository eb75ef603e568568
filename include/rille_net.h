/* The network from C, over the host functions that rille_guest.h declares: TCP and TLS streams, and handing them to
 * processes. Whatever waits lets other processes run.
 *
 *   int64_t listener = rille_tcp_listen("127.0.0.1:8080");
 *   for (int64_t stream; (stream = rille_tcp_accept(listener)) >= 0;) rille_spawn_stream("serve", stream, RILLE_TCP);
 *
 *   RILLE_ENTRY(serve)(int64_t kind) { int64_t stream = rille_take_stream(kind); … }
 *
 * Functions that give an id or a number give -1 when they fail; rille_why then says why. */
#ifndef RILLE_NET_H
#define RILLE_NET_H

#include "rille_guest.h"

enum { RILLE_TCP, RILLE_TLS }; /* kinds of stream; one of a Unix socket is used like TCP */
enum { RILLE_SHARED = 1, RILLE_CERTIFICATE_OPTIONAL = 2 }; /* flags for listening */

static uint64_t rille_net_error;
static int rille_net_late;

/* Keeps the error of a failed call for rille_why. Always -1. */
static inline int64_t rille_net_failed(int32_t result, uint64_t error) {
    rille_net_late = result == RILLE_TIMED_OUT;
    rille_net_error = error;
    return -1;
}

/* Why the last call failed; to be asked once. */
static inline const char *rille_why(char *text, uint32_t size) {
    if (rille_net_late || !size) return "timed out";
    uint32_t n = (uint32_t)rille_error_string_size((int64_t)rille_net_error);
    if (n < size) {
        rille_error_to_string((int64_t)rille_net_error, rille_address(text));
        text[n] = 0;
    } else {
        text[0] = 0;
    }
    rille_error_drop((int64_t)rille_net_error);
    return text;
}

/* An address as the host functions want it. */
typedef struct rille_addr {
    uint32_t type, flow, scope; /* type: 4 or 6 */
    uint16_t port;
    uint8_t bytes[16];
} rille_addr;

/* The next address of a list; 0 when there is none. */
static inline int rille_addr_next(int64_t list, rille_addr *a) {
    return !rille_networking_resolve_next(list, rille_address(&a->type), rille_address(a->bytes), rille_address(&a->port),
                                          rille_address(&a->flow), rille_address(&a->scope));
}

/* Looks up "host:port": a list of addresses. */
static inline int64_t rille_resolve(const char *name, int64_t timeout) {
    uint64_t list = 0;
    int32_t r = rille_networking_resolve(rille_address(name), (int32_t)strlen(name), timeout, rille_address(&list));
    return r ? rille_net_failed(r, list) : (int64_t)list;
}

/* The only, or first, address of a list, which is released. */
static inline rille_addr rille_addr_take(int64_t list) {
    rille_addr a = {0};
    rille_addr_next(list, &a);
    rille_networking_drop_dns_iterator(list);
    return a;
}

/* RILLE_SHARED: several may listen there, and the system gives each connection to one of them. */
static inline int64_t rille_tcp_listen_with(const char *address, int32_t flags) {
    uint64_t id = 0;
    int64_t list = rille_resolve(address, RILLE_FOREVER);
    if (list < 0) return -1;
    rille_addr a = rille_addr_take(list);
    int32_t r = rille_net_tcp_bind((int32_t)a.type, rille_address(a.bytes), a.port, (int32_t)a.flow, (int32_t)a.scope, flags, rille_address(&id));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}
static inline int64_t rille_tcp_listen(const char *address) { return rille_tcp_listen_with(address, 0); }

/* A Unix socket, by its path or as "@NAME": rille_tcp_accept, streams of kind RILLE_TCP. It must be among the --net rules. */
static inline int64_t rille_unix_listen(const char *path) {
    uint64_t id = 0;
    int32_t r = rille_net_unix_listen(rille_address(path), (int32_t)strlen(path), rille_address(&id));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}
static inline int64_t rille_unix_connect(const char *path, int64_t timeout) {
    uint64_t id = 0;
    int32_t r = rille_net_unix_connect(rille_address(path), (int32_t)strlen(path), timeout, rille_address(&id));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

/* The port of a listener: asked for as 0, the system has picked one. */
static inline uint16_t rille_tcp_port(int64_t listener) {
    uint64_t list = 0;
    return rille_networking_tcp_local_addr(listener, rille_address(&list)) ? 0 : rille_addr_take((int64_t)list).port;
}

/* peer may be NULL. */
static inline int64_t rille_tcp_accept_from(int64_t listener, rille_addr *peer) {
    uint64_t id = 0, list = 0;
    int32_t r = rille_networking_tcp_accept(listener, rille_address(&id), rille_address(&list));
    if (r) return rille_net_failed(r, id);
    rille_addr from = rille_addr_take((int64_t)list);
    if (peer) *peer = from;
    return (int64_t)id;
}
static inline int64_t rille_tcp_accept(int64_t listener) { return rille_tcp_accept_from(listener, NULL); }

/* Tries every address of "host:port". */
static inline int64_t rille_tcp_connect(const char *name, int64_t timeout) {
    rille_addr a;
    uint64_t id = 0;
    int32_t r = -1;
    int64_t list = rille_resolve(name, timeout);
    if (list < 0) return -1;
    while (r && rille_addr_next(list, &a)) {
        if (r > 0) rille_error_drop((int64_t)id);
        r = rille_networking_tcp_connect((int32_t)a.type, rille_address(a.bytes), a.port, (int32_t)a.flow, (int32_t)a.scope, timeout, rille_address(&id));
    }
    rille_networking_drop_dns_iterator(list);
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

/* certificate and key: PEM texts, the key in PKCS #8. */
static inline int64_t rille_tls_listen(const char *address, const char *certificate, const char *key) {
    uint64_t id = 0;
    int64_t list = rille_resolve(address, RILLE_FOREVER);
    if (list < 0) return -1;
    rille_addr a = rille_addr_take(list);
    int32_t r = rille_networking_tls_bind((int32_t)a.type, rille_address(a.bytes), a.port, (int32_t)a.flow, (int32_t)a.scope, rille_address(&id),
                                          rille_address(certificate), (int32_t)strlen(certificate), rille_address(key), (int32_t)strlen(key));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

static inline uint16_t rille_tls_port(int64_t listener) {
    uint64_t list = 0;
    return rille_networking_tls_local_addr(listener, rille_address(&list)) ? 0 : rille_addr_take((int64_t)list).port;
}

/* A client that fails to shake hands is a failure of this call; the listener goes on. */
static inline int64_t rille_tls_accept(int64_t listener) {
    uint64_t id = 0, list = 0;
    int32_t r = rille_networking_tls_accept(listener, rille_address(&id), rille_address(&list));
    if (r) return rille_net_failed(r, id);
    rille_networking_drop_dns_iterator((int64_t)list);
    return (int64_t)id;
}

/* Trusts what the machine trusts. */
static inline int64_t rille_tls_connect(const char *host, uint16_t port, int64_t timeout) {
    uint64_t id = 0;
    int32_t r = rille_networking_tls_connect(rille_address(host), (int32_t)strlen(host), port, timeout, rille_address(&id), 0, 0);
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

/* Texts and their lengths; what is not needed stays NULL and 0. */
typedef struct rille_tls_options {
    const char *roots; uint32_t roots_size;               /* PEM: whom to trust. Without: a client trusts what the machine trusts,
                                                             a server asks for no certificate */
    const char *certificate; uint32_t certificate_size;   /* PEM: one's own, and then those that lead to a root */
    const char *key; uint32_t key_size;                   /* PEM, PKCS #8 */
    const char *protocols; uint32_t protocols_size;       /* ALPN, best first, a byte of length before each: "\2h2\10http/1.1" */
    uint32_t flags;                                       /* to listen: RILLE_SHARED, RILLE_CERTIFICATE_OPTIONAL */
} rille_tls_options;

static inline int64_t rille_tls_listen_with(const char *address, const rille_tls_options *o) {
    uint64_t id = 0;
    int64_t list = rille_resolve(address, RILLE_FOREVER);
    if (list < 0) return -1;
    rille_addr a = rille_addr_take(list);
    int32_t r = rille_net_tls_bind((int32_t)a.type, rille_address(a.bytes), a.port, (int32_t)a.flow, (int32_t)a.scope, rille_address(o), rille_address(&id));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

static inline int64_t rille_tls_connect_with(const char *host, uint16_t port, int64_t timeout, const rille_tls_options *o) {
    uint64_t id = 0;
    int32_t r = rille_net_tls_connect(rille_address(host), (int32_t)strlen(host), port, timeout, rille_address(o), rille_address(&id));
    return r ? rille_net_failed(r, id) : (int64_t)id;
}

/* The protocol agreed upon, "" without one; whom the other side's certificate names, "" without one. Cut off at size. */
static inline const char *rille_tls_protocol(int64_t stream, char *to, uint32_t size) {
    uint32_t n = size ? (uint32_t)rille_net_tls_protocol(stream, rille_address(to), (int32_t)size - 1) : 0;
    if (size) to[n < size ? n : size - 1] = 0;
    return to;
}
static inline const char *rille_tls_peer_subject(int64_t stream, char *to, uint32_t size) {
    uint32_t n = size ? (uint32_t)rille_net_tls_peer_subject(stream, rille_address(to), (int32_t)size - 1) : 0;
    if (size) to[n < size ? n : size - 1] = 0;
    return to;
}

/* Up to `size` bytes; 0 at the end of the stream. */
static inline int64_t rille_stream_read(int64_t stream, int kind, void *to, uint32_t size) {
    uint64_t n = 0;
    int32_t r = kind == RILLE_TLS ? rille_networking_tls_read(stream, rille_address(to), (int32_t)size, rille_address(&n))
                                  : rille_networking_tcp_read(stream, rille_address(to), (int32_t)size, rille_address(&n));
    return r ? rille_net_failed(r, n) : (int64_t)n;
}

/* All of it: 0. */
static inline int64_t rille_stream_write(int64_t stream, int kind, const void *from, uint32_t size) {
    struct { const void *at; uint32_t size; } rest = {from, size};
    uint64_t n = 0;
    while (rest.size) {
        int32_t r = kind == RILLE_TLS ? rille_networking_tls_write_vectored(stream, rille_address(&rest), 1, rille_address(&n))
                                      : rille_networking_tcp_write_vectored(stream, rille_address(&rest), 1, rille_address(&n));
        if (r) return rille_net_failed(r, n);
        rest.at = (const char *)rest.at + n;
        rest.size -= (uint32_t)n;
    }
    return 0;
}

/* A read that takes longer fails: "timed out". */
static inline void rille_stream_read_timeout(int64_t stream, int kind, int64_t milliseconds) {
    if (kind == RILLE_TLS) rille_networking_set_tls_read_timeout(stream, milliseconds);
    else rille_networking_set_read_timeout(stream, milliseconds);
}

/* The stream ends when all its ids are closed; a process that ends closes its own. */
static inline void rille_stream_close(int64_t stream, int kind) {
    if (kind == RILLE_TLS) rille_networking_drop_tls_stream(stream);
    else rille_networking_drop_tcp_stream(stream);
}

/* Sends a stream to a process; it is no longer the sender's. */
static inline void rille_send_stream(int64_t to, int64_t stream, int kind) {
    rille_message_create_data(0, 0);
    if (kind == RILLE_TLS) rille_message_push_tls_stream(stream);
    else rille_message_push_tcp_stream(stream);
    rille_message_send(to);
}

/* Starts a process for a stream, which is its; the kind is its argument. Its id, or 0. */
static inline int64_t rille_spawn_stream(const char *entry, int64_t stream, int kind) {
    int64_t id = rille_spawn(entry, kind);
    if (id) rille_send_stream(id, stream, kind);
    else rille_stream_close(stream, kind);
    return id;
}

/* Receives the next message and takes its stream. */
static inline int64_t rille_take_stream(int64_t kind) {
    rille_receive(RILLE_FOREVER);
    return kind == RILLE_TLS ? rille_message_take_tls_stream(0) : rille_message_take_tcp_stream(0);
}

#endif
