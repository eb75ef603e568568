/* TLS by OpenSSL 3, loaded at its first use. Invariant: a session never waits. What the socket does not take is kept in
 * the session and sent first thing in the next call, so to OpenSSL every write succeeds: a guest may give up a write, or
 * be killed in it, and another may write something else through a clone. A lock per session, as clones live in processes
 * of several workers; it is held for one attempt only. OpenSSL's own retrying of writes was not taken: it wants the same
 * bytes again, from whoever writes next.
 *
 * Versions 1.2 and 1.3, no renegotiation, no tickets, no session cache. */
#include "src/host/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/host/lib.h"

#define RECORD 16384u      /* most bytes of one record */
#define BURST (16 * RECORD) /* taken in by one write at most */

#define FUNCS(F) \
    F(OPENSSL_init_ssl) F(TLS_server_method) F(TLS_client_method) F(SSL_CTX_new) F(SSL_CTX_free) F(SSL_CTX_ctrl) \
    F(SSL_CTX_set_options) F(SSL_CTX_set_num_tickets) F(SSL_CTX_set_verify) F(SSL_CTX_set_default_verify_paths) \
    F(SSL_CTX_use_certificate) F(SSL_CTX_use_PrivateKey) F(SSL_CTX_check_private_key) F(SSL_new) F(SSL_free) F(SSL_ctrl) \
    F(SSL_set_bio) F(SSL_set_accept_state) F(SSL_set_connect_state) F(SSL_do_handshake) F(SSL_is_init_finished) F(SSL_read) \
    F(SSL_peek) F(SSL_write) F(SSL_pending) F(SSL_shutdown) F(SSL_get_error) F(SSL_get_shutdown) F(SSL_get_verify_result) \
    F(SSL_set1_host) F(SSL_set_hostflags) F(SSL_get0_param) F(X509_VERIFY_PARAM_set1_ip_asc) F(X509_verify_cert_error_string) \
    F(X509_STORE_new) F(X509_STORE_free) F(X509_STORE_add_cert) F(X509_STORE_set_flags) F(X509_free) F(d2i_X509) \
    F(d2i_PKCS8_PRIV_KEY_INFO) F(PKCS8_PRIV_KEY_INFO_free) F(EVP_PKCS82PKEY) F(EVP_PKEY_free) F(PEM_read_bio) \
    F(BIO_new_mem_buf) F(BIO_free) F(BIO_meth_new) F(BIO_meth_set_read) F(BIO_meth_set_write) F(BIO_meth_set_ctrl) \
    F(BIO_set_data) F(BIO_get_data) F(BIO_set_init) F(BIO_set_flags) F(BIO_clear_flags) F(CRYPTO_free) F(ERR_get_error) \
    F(ERR_clear_error) F(ERR_reason_error_string) F(ERR_peek_error) F(SSL_CTX_get_cert_store) F(SSL_CTX_add_client_CA) \
    F(SSL_CTX_set_alpn_protos) F(SSL_CTX_set_alpn_select_cb) F(SSL_get0_alpn_selected) F(SSL_get1_peer_certificate) \
    F(X509_get_subject_name) F(X509_NAME_print_ex) F(i2d_X509) F(BIO_s_mem) F(BIO_new) F(BIO_read)
#define SLOT(name) __typeof__(name) *name;
static struct { FUNCS(SLOT) } ossl;
#define ENTRY(name) { #name, &ossl.name },
static const rl_lib_func funcs[] = { FUNCS(ENTRY) { NULL, NULL } };

static bool init(void);
static rl_lib lib = { "TLS", "libssl.so.3", "libssl3", funcs, init };

static BIO_METHOD *method; /* of our BIO */
static SSL_CTX *client;    /* of every connection out */

struct rl_tls_side {
    SSL_CTX *ctx;
    u8 *protocols; size_t nprotocols;
};
struct rl_tls_roots { X509_STORE *store; };

struct rl_tls {
    pthread_mutex_t lock;
    SSL *ssl;
    const rl_tls_link *link;
    void *sock;
    int error;       /* errno of the socket; 0: none yet */
    bool eof;        /* it has ended */
    u8 *out;         /* what the socket did not take */
    size_t out_at, out_size, out_cap;
};

/* ---- between OpenSSL and the socket ---- */

/* Keeps bytes for later. */
static bool keep(rl_tls *t, const void *p, size_t n) {
    if (t->out_size + n > t->out_cap) {
        size_t cap = RL_MAX(t->out_size + n, 2 * t->out_cap);
        u8 *bigger = realloc(t->out, cap);
        if (!bigger) return false;
        t->out = bigger;
        t->out_cap = cap;
    }
    memcpy(t->out + t->out_size, p, n);
    t->out_size += n;
    return true;
}

static int bio_write(BIO *b, const char *p, int len) {
    rl_tls *t = ossl.BIO_get_data(b);
    ssize_t n = 0;
    ossl.BIO_clear_flags(b, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    if (t->error) return -1;
    if (t->out_at == t->out_size) n = t->link->send(t->sock, p, (size_t)len);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        t->error = errno;
        return -1;
    }
    n = RL_MAX(n, 0);
    if (n == len || keep(t, p + n, (size_t)(len - n))) return len;
    t->error = ENOMEM;
    return -1;
}

static int bio_read(BIO *b, char *p, int len) {
    rl_tls *t = ossl.BIO_get_data(b);
    ossl.BIO_clear_flags(b, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    ssize_t n = t->link->recv(t->sock, p, (size_t)len);
    t->eof = n == 0;
    if (n >= 0) return (int)n;
    if (errno == EAGAIN || errno == EINTR) ossl.BIO_set_flags(b, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    else t->error = errno;
    return -1;
}

static long bio_ctrl(BIO *b, int what, long num, void *ptr) {
    const rl_tls *t = ossl.BIO_get_data(b);
    (void)num, (void)ptr;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && t->eof);
}

/* Sends what was kept. READ never. */
static rl_tls_state drain(rl_tls *t) {
    while (t->out_at < t->out_size) {
        ssize_t n = t->link->send(t->sock, t->out + t->out_at, t->out_size - t->out_at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return RL_TLS_WRITE;
        if (n < 0) {
            t->error = errno;
            return RL_TLS_FAILED;
        }
        t->out_at += (size_t)n;
    }
    free(t->out); /* an idle connection keeps none */
    t->out = NULL;
    t->out_at = t->out_size = t->out_cap = 0;
    return RL_TLS_DONE;
}

/* ---- texts ---- */

/* What OpenSSL or the system has against it. */
static rl_tls_state failed(const rl_tls *t, char *why) {
    unsigned long e = ossl.ERR_get_error();
    const char *reason = e ? ossl.ERR_reason_error_string(e) : NULL;
    long verdict = t && t->ssl ? ossl.SSL_get_verify_result(t->ssl) : X509_V_OK;
    char buf[128];
    if (verdict != X509_V_OK) snprintf(why, RL_TLS_WHY, "TLS: invalid peer certificate: %s", ossl.X509_verify_cert_error_string(verdict));
    else if (t && t->error) snprintf(why, RL_TLS_WHY, "%s (os error %d)", strerror_r(t->error, buf, sizeof buf), t->error);
    else snprintf(why, RL_TLS_WHY, "TLS: %s", reason ? reason : "unexpected end of the connection");
    ossl.ERR_clear_error();
    return RL_TLS_FAILED;
}

static void *no_memory(char *why) {
    snprintf(why, RL_TLS_WHY, "out of memory");
    return NULL;
}

/* ---- contexts ---- */

static SSL_CTX *new_context(const SSL_METHOD *m) {
    SSL_CTX *c = ossl.SSL_CTX_new(m);
    if (!c) return NULL;
    ossl.SSL_CTX_ctrl(c, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    ossl.SSL_CTX_ctrl(c, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE, NULL);
    ossl.SSL_CTX_ctrl(c, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    ossl.SSL_CTX_ctrl(c, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    ossl.SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
    ossl.SSL_CTX_set_num_tickets(c, 0);
    return c;
}

static bool init(void) {
    if (!ossl.OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL)) return false;
    if (!(method = ossl.BIO_meth_new(BIO_TYPE_SOURCE_SINK | 100, "rille socket"))) return false;
    ossl.BIO_meth_set_read(method, bio_read);
    ossl.BIO_meth_set_write(method, bio_write);
    ossl.BIO_meth_set_ctrl(method, bio_ctrl);
    if (!(client = new_context(ossl.TLS_client_method()))) return false;
    ossl.SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    ossl.SSL_CTX_set_default_verify_paths(client);
    return true;
}

bool rl_tls_open(char *why) {
    if (!rl_lib_open(&lib)) return true;
    snprintf(why, RL_TLS_WHY, "%s", lib.why);
    return false;
}

/* ---- certificates and keys ---- */

/* The one section of that name in a PEM text, as DER; other sections do not count. NULL: there is not exactly one, or the
 * text is damaged. */
static u8 *only_section(const char *pem, size_t n, const char *wanted, long *size) {
    BIO *b = n && n < 1u << 20 ? ossl.BIO_new_mem_buf(pem, (int)n) : NULL;
    char *name, *header;
    u8 *data, *found = NULL;
    long len;
    int count = 0;
    while (b && count < 2 && ossl.PEM_read_bio(b, &name, &header, &data, &len)) {
        bool it = !strcmp(name, wanted);
        ossl.CRYPTO_free(name, NULL, 0);
        ossl.CRYPTO_free(header, NULL, 0);
        count += it;
        if (it && !found) found = data, *size = len;
        else ossl.CRYPTO_free(data, NULL, 0);
    }
    unsigned long e = ossl.ERR_peek_error(); /* that no section follows is the end of the text */
    bool whole = b && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
    if (b) ossl.BIO_free(b);
    ossl.ERR_clear_error();
    if (count == 1 && whole) return found;
    ossl.CRYPTO_free(found, NULL, 0);
    return NULL;
}

static X509 *read_cert(const char *pem, size_t n) {
    long size;
    u8 *der = only_section(pem, n, "CERTIFICATE", &size);
    const u8 *p = der;
    X509 *x = der ? ossl.d2i_X509(NULL, &p, size) : NULL;
    ossl.CRYPTO_free(der, NULL, 0);
    ossl.ERR_clear_error();
    return x;
}

static EVP_PKEY *read_key(const char *pem, size_t n) {
    long size;
    u8 *der = only_section(pem, n, "PRIVATE KEY", &size);
    const u8 *p = der;
    PKCS8_PRIV_KEY_INFO *info = der ? ossl.d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, size) : NULL;
    EVP_PKEY *key = info ? ossl.EVP_PKCS82PKEY(info) : NULL;
    if (info) ossl.PKCS8_PRIV_KEY_INFO_free(info);
    ossl.CRYPTO_free(der, NULL, 0);
    ossl.ERR_clear_error();
    return key;
}

rl_tls_side *rl_tls_server_new(const char *cert, size_t ncert, const char *key, size_t nkey, bool *usage, char *why) {
    rl_tls_side *s = calloc(1, sizeof *s);
    X509 *x = read_cert(cert, ncert);
    EVP_PKEY *k = read_key(key, nkey);
    *usage = !x || !k;
    if (!x) snprintf(why, RL_TLS_WHY, "the certificate is no PEM text of exactly one certificate");
    else if (!k) snprintf(why, RL_TLS_WHY, "the key is no PEM text of exactly one PKCS #8 private key");
    else if (!s || !(s->ctx = new_context(ossl.TLS_server_method()))) no_memory(why);
    else if (ossl.SSL_CTX_use_certificate(s->ctx, x) == 1 && ossl.SSL_CTX_use_PrivateKey(s->ctx, k) == 1 &&
             ossl.SSL_CTX_check_private_key(s->ctx) == 1)
        *why = 0;
    else failed(NULL, why);
    bool good = s && s->ctx && !*why;
    if (x) ossl.X509_free(x);
    if (k) ossl.EVP_PKEY_free(k);
    if (good) return s;
    rl_tls_side_free(s);
    return NULL;
}

void rl_tls_side_free(rl_tls_side *s) {
    if (s && s->ctx) ossl.SSL_CTX_free(s->ctx);
    if (s) free(s->protocols);
    free(s);
}

rl_tls_roots *rl_tls_roots_new(void) {
    rl_tls_roots *r = calloc(1, sizeof *r);
    if (r && (r->store = ossl.X509_STORE_new())) {
        ossl.X509_STORE_set_flags(r->store, X509_V_FLAG_PARTIAL_CHAIN); /* what is named is trusted, self-signed or not */
        return r;
    }
    free(r);
    return NULL;
}

bool rl_tls_roots_add(rl_tls_roots *r, const char *pem, size_t n) {
    X509 *x = read_cert(pem, n);
    bool good = x && ossl.X509_STORE_add_cert(r->store, x) == 1;
    if (x) ossl.X509_free(x);
    ossl.ERR_clear_error();
    return good;
}

void rl_tls_roots_free(rl_tls_roots *r) {
    if (r) ossl.X509_STORE_free(r->store);
    free(r);
}

/* ---- sides with options ---- */

/* Calls use for each certificate of a PEM text: their number, or 0 when the text is damaged or use says false. */
static u32 each_cert(rl_tls_text t, bool (*use)(void *env, u32 at, X509 *x), void *env) {
    BIO *b = t.n && t.n < 1u << 20 ? ossl.BIO_new_mem_buf(t.p, (int)t.n) : NULL;
    char *name, *header;
    u8 *der;
    long len;
    u32 n = 0;
    bool good = b;
    while (good && ossl.PEM_read_bio(b, &name, &header, &der, &len)) {
        const u8 *p = der;
        X509 *x = strcmp(name, "CERTIFICATE") ? NULL : ossl.d2i_X509(NULL, &p, len);
        good = x && use(env, n++, x);
        if (x) ossl.X509_free(x);
        ossl.CRYPTO_free(name, NULL, 0);
        ossl.CRYPTO_free(header, NULL, 0);
        ossl.CRYPTO_free(der, NULL, 0);
    }
    good = good && ERR_GET_REASON(ossl.ERR_peek_error()) == PEM_R_NO_START_LINE; /* the text ended */
    if (b) ossl.BIO_free(b);
    ossl.ERR_clear_error();
    return good ? n : 0;
}

static bool use_cert(void *env, u32 at, X509 *x) {
    return at ? ossl.SSL_CTX_ctrl(env, SSL_CTRL_CHAIN_CERT, 1, x) == 1 : ossl.SSL_CTX_use_certificate(env, x) == 1;
}

static bool use_root(void *env, u32 at, X509 *x) {
    (void)at;
    return ossl.X509_STORE_add_cert(ossl.SSL_CTX_get_cert_store(env), x) == 1 && ossl.SSL_CTX_add_client_CA(env, x) == 1;
}

static bool set_identity(SSL_CTX *c, const rl_tls_options *o, char *why) {
    EVP_PKEY *k = each_cert(o->cert, use_cert, c) ? read_key(o->key.p, o->key.n) : NULL;
    bool good = k && ossl.SSL_CTX_use_PrivateKey(c, k) == 1 && ossl.SSL_CTX_check_private_key(c) == 1;
    if (k && !good) failed(NULL, why);
    else if (!good) snprintf(why, RL_TLS_WHY, "TLS: no PEM texts of certificates and their PKCS #8 private key");
    if (k) ossl.EVP_PKEY_free(k);
    return good;
}

static bool set_roots(SSL_CTX *c, bool server, const rl_tls_options *o, char *why) {
    ossl.SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (server && !o->optional ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
    ossl.X509_STORE_set_flags(ossl.SSL_CTX_get_cert_store(c), X509_V_FLAG_PARTIAL_CHAIN);
    if (each_cert(o->roots, use_root, c)) return true;
    snprintf(why, RL_TLS_WHY, "TLS: the roots are no PEM text of certificates");
    return false;
}

static int choose_protocol(SSL *ssl, const u8 **out, u8 *outlen, const u8 *theirs, unsigned n, void *arg) {
    const rl_tls_side *s = arg;
    const u8 *name = rl_alpn_valid(theirs, n) ? rl_alpn_common(s->protocols, s->nprotocols, theirs, n) : NULL;
    (void)ssl;
    if (!name) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = name + 1;
    *outlen = *name;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_protocols(rl_tls_side *s, bool server, rl_tls_text t, char *why) {
    bool valid = rl_alpn_valid((const u8 *)t.p, t.n);
    if (!valid) snprintf(why, RL_TLS_WHY, "TLS: no list of names of protocols");
    else if (!(s->protocols = malloc(t.n)) || (!server && ossl.SSL_CTX_set_alpn_protos(s->ctx, (const u8 *)t.p, (unsigned)t.n)))
        return no_memory(why);
    if (!valid) return false;
    memcpy(s->protocols, t.p, s->nprotocols = t.n);
    if (server) ossl.SSL_CTX_set_alpn_select_cb(s->ctx, choose_protocol, s);
    return true;
}

rl_tls_side *rl_tls_side_new(bool server, const rl_tls_options *o, char *why) {
    rl_tls_side *s = calloc(1, sizeof *s);
    bool good = s && (s->ctx = new_context(server ? ossl.TLS_server_method() : ossl.TLS_client_method()));
    if (!good) no_memory(why);
    if (good && !server && !o->roots.n) {
        ossl.SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER, NULL);
        good = ossl.SSL_CTX_ctrl(s->ctx, SSL_CTRL_SET_VERIFY_CERT_STORE, 1, ossl.SSL_CTX_get_cert_store(client)) == 1;
    }
    good = good && (!o->roots.n || set_roots(s->ctx, server, o, why)) && (!(server || o->cert.n) || set_identity(s->ctx, o, why)) &&
           (!o->protocols.n || set_protocols(s, server, o->protocols, why));
    ossl.ERR_clear_error();
    if (good) return s;
    rl_tls_side_free(s);
    return NULL;
}

/* ---- sessions ---- */

static rl_tls *new_session(SSL_CTX *ctx, const rl_tls_link *link, void *sock, char *why) {
    rl_tls *t = calloc(1, sizeof *t);
    BIO *b = t ? ossl.BIO_new(method) : NULL;
    if (!b || !(t->ssl = ossl.SSL_new(ctx))) {
        if (b) ossl.BIO_free(b);
        free(t);
        return no_memory(why);
    }
    pthread_mutex_init(&t->lock, NULL);
    t->link = link;
    t->sock = sock;
    ossl.BIO_set_data(b, t);
    ossl.BIO_set_init(b, 1);
    ossl.SSL_set_bio(t->ssl, b, b);
    return t;
}

rl_tls *rl_tls_accept(rl_tls_side *s, const rl_tls_link *link, void *sock, char *why) {
    rl_tls *t = new_session(s->ctx, link, sock, why);
    if (t) ossl.SSL_set_accept_state(t->ssl);
    return t;
}

rl_tls *rl_tls_connect(const char *name, const rl_tls_side *side, const rl_tls_roots *roots, const rl_tls_link *link, void *sock,
                       char *why) {
    rl_tls *t = new_session(side ? side->ctx : client, link, sock, why);
    if (!t) return NULL;
    bool good = true;
    ossl.SSL_set_connect_state(t->ssl);
    if (roots) good = ossl.SSL_ctrl(t->ssl, SSL_CTRL_SET_VERIFY_CERT_STORE, 1, roots->store) == 1;
    /* an address is looked for among the certificate's addresses and not sent: names only */
    if (!ossl.X509_VERIFY_PARAM_set1_ip_asc(ossl.SSL_get0_param(t->ssl), name)) {
        ossl.SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        good = good && *name && ossl.SSL_set1_host(t->ssl, name) == 1 &&
               ossl.SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)name) == 1;
    }
    ossl.ERR_clear_error();
    if (good) return t;
    snprintf(why, RL_TLS_WHY, "TLS: '%.100s' is no server name", name);
    rl_tls_free(t);
    return NULL;
}

void rl_tls_free(rl_tls *t) {
    if (!t) return;
    if (ossl.SSL_is_init_finished(t->ssl) && !t->error && drain(t) == RL_TLS_DONE) ossl.SSL_shutdown(t->ssl);
    ossl.SSL_free(t->ssl);
    ossl.ERR_clear_error();
    pthread_mutex_destroy(&t->lock);
    free(t->out);
    free(t);
}

/* What a call of OpenSSL that returned `result` needs. */
static rl_tls_state state_of(rl_tls *t, int result, char *why) {
    if (result > 0) return RL_TLS_DONE;
    switch (ossl.SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ: return RL_TLS_READ;
    case SSL_ERROR_WANT_WRITE: return RL_TLS_WRITE;
    default: return failed(t, why);
    }
}

rl_tls_state rl_tls_handshake(rl_tls *t, char *why) {
    rl_tls_state unsent = drain(t);
    if (unsent == RL_TLS_WRITE) return unsent;
    if (unsent == RL_TLS_FAILED) return failed(t, why);
    rl_tls_state state = state_of(t, ossl.SSL_do_handshake(t->ssl), why);
    unsent = drain(t); /* an alert, or a flight; before waiting for the answer to it */
    return state != RL_TLS_FAILED && unsent == RL_TLS_WRITE ? unsent : state;
}

rl_tls_state rl_tls_read(rl_tls *t, void *to, size_t len, size_t *n, char *why) {
    u8 probe;
    *n = 0;
    pthread_mutex_lock(&t->lock);
    (void)drain(t);
    size_t most = RL_MIN(len, (size_t)1 << 30);
    int got = len ? ossl.SSL_read(t->ssl, to, (int)most) : ossl.SSL_peek(t->ssl, &probe, 1);
    bool end = got <= 0 && ossl.SSL_get_error(t->ssl, got) == SSL_ERROR_ZERO_RETURN;
    rl_tls_state state = end ? RL_TLS_DONE : state_of(t, got, why);
    if (got > 0 && len) *n = (size_t)got;
    while (*n && *n < most && ossl.SSL_pending(t->ssl) > 0 && (got = ossl.SSL_read(t->ssl, (u8 *)to + *n, (int)(most - *n))) > 0)
        *n += (size_t)got;
    pthread_mutex_unlock(&t->lock);
    return state;
}

/* Copies what comes next into one record's worth. */
static size_t gather(u8 *to, const struct iovec *v, int nv, size_t from) {
    size_t n = 0;
    for (int i = 0; i < nv && n < RECORD; i++) {
        if (from >= v[i].iov_len) {
            from -= v[i].iov_len;
            continue;
        }
        size_t part = RL_MIN(v[i].iov_len - from, RECORD - n);
        memcpy(to + n, (const u8 *)v[i].iov_base + from, part);
        n += part;
        from = 0;
    }
    return n;
}

/* The next bytes to encrypt: in place when one slice has them all. */
static const u8 *next_part(u8 *room, const struct iovec *v, int nv, size_t from, size_t *n) {
    if (nv == 1) {
        *n = RL_MIN(v->iov_len - from, (size_t)RECORD);
        return (const u8 *)v->iov_base + from;
    }
    *n = gather(room, v, nv, from);
    return room;
}

rl_tls_state rl_tls_write(rl_tls *t, const struct iovec *v, int nv, size_t *n, char *why) {
    u8 room[RECORD];
    size_t part;
    *n = 0;
    pthread_mutex_lock(&t->lock);
    rl_tls_state state = drain(t);
    if (state == RL_TLS_FAILED) failed(t, why);
    while (state == RL_TLS_DONE && *n < BURST) {
        const u8 *p = next_part(room, v, nv, *n, &part);
        if (!part) break;
        int put = ossl.SSL_write(t->ssl, p, (int)part);
        state = state_of(t, put, why);
        if (put > 0) *n += (size_t)put;
        if (put > 0 && t->out_size) state = RL_TLS_WRITE;
    }
    if (*n && state == RL_TLS_FAILED) state = RL_TLS_DONE; /* told next time */
    pthread_mutex_unlock(&t->lock);
    return state;
}

rl_tls_state rl_tls_flush(rl_tls *t, char *why) {
    pthread_mutex_lock(&t->lock);
    rl_tls_state state = drain(t);
    if (state == RL_TLS_FAILED) failed(t, why);
    pthread_mutex_unlock(&t->lock);
    return state;
}

/* The first bytes of an answer. */
static size_t give(const void *p, size_t n, void *to, size_t room) {
    if (p) memcpy(to, p, RL_MIN(n, room));
    return p ? n : 0;
}

static size_t tell_certificate(X509 *x, void *to, size_t room) {
    u8 *der = NULL;
    int n = ossl.i2d_X509(x, &der);
    size_t size = n > 0 ? give(der, (size_t)n, to, room) : 0;
    ossl.CRYPTO_free(der, NULL, 0);
    return size;
}

static size_t tell_subject(X509 *x, void *to, size_t room) {
    BIO *b = ossl.BIO_new(ossl.BIO_s_mem());
    char piece[256];
    size_t size = 0;
    int n = b && ossl.X509_NAME_print_ex(b, ossl.X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0;
    while (n > 0 && (n = ossl.BIO_read(b, piece, sizeof piece)) > 0) {
        if (size < room) give(piece, (size_t)n, (u8 *)to + size, room - size);
        size += (size_t)n;
    }
    if (b) ossl.BIO_free(b);
    return size;
}

size_t rl_tls_tell(rl_tls *t, rl_tls_fact what, void *to, size_t room) {
    const u8 *name = NULL;
    unsigned n = 0;
    size_t size = 0;
    pthread_mutex_lock(&t->lock);
    if (what == RL_TLS_PROTOCOL) {
        ossl.SSL_get0_alpn_selected(t->ssl, &name, &n);
        size = give(name, n, to, room);
    }
    X509 *x = what == RL_TLS_PROTOCOL ? NULL : ossl.SSL_get1_peer_certificate(t->ssl);
    if (x) {
        size = what == RL_TLS_CERTIFICATE ? tell_certificate(x, to, room) : tell_subject(x, to, room);
        ossl.X509_free(x);
    }
    ossl.ERR_clear_error();
    pthread_mutex_unlock(&t->lock);
    return size;
}
