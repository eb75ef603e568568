/* TLS over sockets that do not block. Two implementations: tls_openssl.c, and tls_none.c for builds without it.
 *
 * Every call tries, and tells what it waits for. Texts of what went wrong go to why, RL_TLS_WHY bytes. */
#ifndef RL_TLS_H
#define RL_TLS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "src/base/base.h"

#define RL_TLS_WHY 256

typedef struct rl_tls rl_tls;               /* one connection's session */
typedef struct rl_tls_side rl_tls_side;     /* what sessions of a listener, or connections, have in common: certificate, key, … */
typedef struct rl_tls_roots rl_tls_roots;   /* whom a client trusts */

typedef enum rl_tls_state {
    RL_TLS_DONE,
    RL_TLS_READ,  /* repeat when the socket can be read */
    RL_TLS_WRITE, /* repeat when it can be written */
    RL_TLS_FAILED,
} rl_tls_state;

/* Whether there is TLS here at all; if not, why says what is missing. */
bool rl_tls_open(char *why);

/* A listener's side. A PEM text of exactly one certificate, and one of exactly one key (PKCS #8). NULL: *usage tells
 * whether the texts are wrong in form, rather than in what they hold. */
rl_tls_side *rl_tls_server_new(const char *cert, size_t ncert, const char *key, size_t nkey, bool *usage, char *why);

typedef struct rl_tls_text { const char *p; size_t n; } rl_tls_text;
typedef struct rl_tls_options {
    rl_tls_text roots;     /* PEM, one certificate or more: whom to trust. None: a client trusts those of the machine, a server
                              asks for no certificate */
    rl_tls_text cert, key; /* its own: PEM, the certificate first and then those that lead to a root; PKCS #8. A client may
                              have none */
    rl_tls_text protocols; /* ALPN: names with a byte of their length before each, best first; none: not spoken of */
    bool optional;         /* a server: clients without a certificate are let in */
} rl_tls_options;
/* A listener's side, or that of connections. */
rl_tls_side *rl_tls_side_new(bool server, const rl_tls_options *o, char *why);
/* May go before its sessions once these have shaken hands. */
void rl_tls_side_free(rl_tls_side *s); /* NULL is fine */

/* Whether it is a list of names for ALPN, of which there is at least one. */
bool rl_alpn_valid(const u8 *list, size_t n);
/* The first name of `ours` that `theirs` has too, with its length before it, or NULL. Both are valid. */
const u8 *rl_alpn_common(const u8 *ours, size_t nours, const u8 *theirs, size_t ntheirs);

/* None trusted yet. NULL: out of memory. */
rl_tls_roots *rl_tls_roots_new(void);
/* Whether the text holds exactly one certificate; it is trusted now. */
bool rl_tls_roots_add(rl_tls_roots *r, const char *pem, size_t n);
void rl_tls_roots_free(rl_tls_roots *r);

/* How the socket of a session is used: as send and recv, with MSG_NOSIGNAL, never waiting. */
typedef struct rl_tls_link {
    ssize_t (*send)(void *sock, const void *p, size_t n);
    ssize_t (*recv)(void *sock, void *p, size_t n);
} rl_tls_link;

/* A session over a socket, which stays the caller's and outlives it. */
rl_tls *rl_tls_accept(rl_tls_side *s, const rl_tls_link *link, void *sock, char *why);
/* name: host name or address literal that the certificate must be for. roots NULL: those of the side; which NULL: of the
 * machine. */
rl_tls *rl_tls_connect(const char *name, const rl_tls_side *side, const rl_tls_roots *roots, const rl_tls_link *link, void *sock, char *why);
/* Tells the other side that nothing follows. */
void rl_tls_free(rl_tls *t);

rl_tls_state rl_tls_handshake(rl_tls *t, char *why);
/* Thread-safe from here on. DONE with *n 0: the other side has ended properly. len 0: waits for something to read. */
rl_tls_state rl_tls_read(rl_tls *t, void *to, size_t len, size_t *n, char *why);
/* Takes in bytes unless earlier ones are still to be sent: DONE or WRITE with *n > 0 have taken that many; WRITE: not all
 * is on its way yet. */
rl_tls_state rl_tls_write(rl_tls *t, const struct iovec *v, int nv, size_t *n, char *why);
/* What the other side is known by: the size, of which the first `room` bytes are written. 0: there is none. */
typedef enum rl_tls_fact {
    RL_TLS_PROTOCOL,    /* the name agreed upon */
    RL_TLS_CERTIFICATE, /* DER */
    RL_TLS_SUBJECT,     /* of its certificate, as RFC 2253 writes names: CN=… */
} rl_tls_fact;
size_t rl_tls_tell(rl_tls *t, rl_tls_fact what, void *to, size_t room);
/* Sends what was taken in. */
rl_tls_state rl_tls_flush(rl_tls *t, char *why);

#endif
