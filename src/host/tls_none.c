/* Builds without OpenSSL (meson option tls): every attempt is an error that says so. Stateless. */
#include "src/host/tls.h"

#include <stdio.h>

static void *lacking(char *why) {
    snprintf(why, RL_TLS_WHY, "this rille was built without TLS (meson option tls)");
    return NULL;
}

bool rl_tls_open(char *why) { return lacking(why) != NULL; }

rl_tls_side *rl_tls_server_new(const char *cert, size_t ncert, const char *key, size_t nkey, bool *usage, char *why) {
    (void)cert, (void)ncert, (void)key, (void)nkey;
    *usage = false;
    return lacking(why);
}
rl_tls_side *rl_tls_side_new(bool server, const rl_tls_options *o, char *why) { return (void)server, (void)o, lacking(why); }
void rl_tls_side_free(rl_tls_side *s) { (void)s; }

rl_tls_roots *rl_tls_roots_new(void) { return NULL; }
bool rl_tls_roots_add(rl_tls_roots *r, const char *pem, size_t n) { return (void)r, (void)pem, (void)n, false; }
void rl_tls_roots_free(rl_tls_roots *r) { (void)r; }

rl_tls *rl_tls_accept(rl_tls_side *s, const rl_tls_link *link, void *sock, char *why) {
    return (void)s, (void)link, (void)sock, lacking(why);
}
rl_tls *rl_tls_connect(const char *name, const rl_tls_side *side, const rl_tls_roots *roots, const rl_tls_link *link, void *sock,
                       char *why) {
    (void)name, (void)side, (void)roots, (void)link, (void)sock;
    return lacking(why);
}
void rl_tls_free(rl_tls *t) { (void)t; }

static rl_tls_state never(char *why) {
    lacking(why);
    return RL_TLS_FAILED;
}

rl_tls_state rl_tls_handshake(rl_tls *t, char *why) { return (void)t, never(why); }
rl_tls_state rl_tls_read(rl_tls *t, void *to, size_t len, size_t *n, char *why) {
    return (void)t, (void)to, (void)len, (void)n, never(why);
}
rl_tls_state rl_tls_write(rl_tls *t, const struct iovec *v, int nv, size_t *n, char *why) {
    return (void)t, (void)v, (void)nv, (void)n, never(why);
}
rl_tls_state rl_tls_flush(rl_tls *t, char *why) { return (void)t, never(why); }
size_t rl_tls_tell(rl_tls *t, rl_tls_fact what, void *to, size_t room) { return (void)t, (void)what, (void)to, (void)room, 0; }
