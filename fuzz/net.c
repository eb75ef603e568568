/* What guests and peers say about the network: addresses, rules, names of Unix sockets and protocols, certificates and keys. Whatever it is, reading
 * it ends, within bounds; an address that was read is written so that it reads the same. The first byte picks one. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/host/dns.h"
#include "src/host/tls.h"
#include "src/reach.h"
#include "src/upath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(const char *p, size_t n) {
    rl_addr a, b;
    char text[RL_ADDR_TEXT];
    if (!rl_addr_parse(p, n, &a)) return;
    rl_addr_text(&a, text, sizeof text);
    if (!rl_addr_parse(text, strlen(text), &b) || memcmp(&a, &b, sizeof a)) abort();
}

static void rules(const char *p, size_t n) {
    static const char *const some[] = { "127.0.0.1:80", "0.0.0.0:0", "[::1]:443", "[::ffff:10.0.0.1]:8080" };
    rl_reach *r = rl_reach_new(NULL);
    rl_addr a;
    bool none = rl_reach_add(r, p, n, NULL) != RL_OK;
    rl_reach *under = rl_reach_under(r, r);
    for (size_t i = 0; i < RL_LEN(some); i++) {
        rl_addr_parse(some[i], strlen(some[i]), &a);
        rl_reach_learn(r, "example.com", &a);
        for (int use = RL_REACH_LISTEN; use <= RL_REACH_CONNECT; use++)
            if (rl_reach_allows(under, (rl_reach_use)use, &a) && !rl_reach_allows(r, (rl_reach_use)use, &a)) abort();
    }
    for (size_t at = 0; at < n; at++) { /* what a rule names, and everything like it */
        char path[PATH_MAX];
        if (rl_upath_resolve(p + at, n - at, path) && rl_reach_allows_path(under, RL_REACH_CONNECT, path) &&
            !rl_reach_allows_path(r, RL_REACH_CONNECT, path))
            abort();
        at += RL_MAX(n / 16, 1);
    }
    (void)none, (void)rl_reach_asks(under, "example.com");
    rl_reach_put(under);
    rl_reach_put(r);
}

static void roots(const char *p, size_t n) {
    char why[RL_TLS_WHY];
    if (!rl_tls_open(why)) return;
    rl_tls_roots *r = rl_tls_roots_new();
    if (r) rl_tls_roots_add(r, p, n);
    rl_tls_roots_free(r);
}

/* What a name leads to is plain, leads to itself, and is found by no link. */
static void unix_name(const char *p, size_t n) {
    char path[PATH_MAX], again[PATH_MAX];
    const char *last;
    if (!rl_upath_resolve(p, n, path)) return;
    if (*path != '@' && (*path != '/' || strstr(path, "/../") || strstr(path, "/./") || strstr(path, "//"))) abort();
    if (!rl_upath_resolve(path, strlen(path), again) || strcmp(path, again)) abort();
    bool there = !strcmp(path, "/elsewhere/x");
    if (path[strlen(path) - 1] != '/' && (!rl_upath_covers(path, path) || rl_upath_covers(path, "/elsewhere/x") != there)) abort();
    int dir = *path == '@' ? -1 : rl_upath_open_dir(path, &last);
    if (dir >= 0) close(dir);
}

/* Two lists of names of protocols: the halves of the input. */
static void protocols(const char *p, size_t n) {
    const u8 *a = (const u8 *)p, *b = a + n / 2;
    size_t na = n / 2, nb = n - na;
    if (!rl_alpn_valid(a, na) || !rl_alpn_valid(b, nb)) return;
    const u8 *name = rl_alpn_common(a, na, b, nb), *back = rl_alpn_common(b, nb, a, na);
    if (!name != !back || (name && !memmem(b, nb, name, 1u + *name)) || rl_alpn_common(a, na, a, na) != a) abort();
}

/* The texts of options, parted by 0xff. */
static void options(const char *p, size_t n) {
    char why[RL_TLS_WHY];
    rl_tls_options o = { 0 };
    rl_tls_text *const texts[] = { &o.roots, &o.cert, &o.key, &o.protocols };
    for (size_t i = 0; i < RL_LEN(texts) && n; i++) {
        const char *end = i + 1 < RL_LEN(texts) ? memchr(p, 0xff, n) : NULL;
        size_t len = end ? (size_t)(end - p) : n;
        *texts[i] = (rl_tls_text){ p, len };
        len = RL_MIN(len + 1, n);
        p += len, n -= len;
    }
    if (!rl_tls_open(why)) return;
    for (int server = 0; server < 2; server++) rl_tls_side_free(rl_tls_side_new(server, &o, why));
}

/* A certificate and a key: the halves of the input. */
static void server(const char *p, size_t n) {
    char why[RL_TLS_WHY];
    bool usage;
    if (rl_tls_open(why)) rl_tls_side_free(rl_tls_server_new(p, n / 2, p + n / 2, n - n / 2, &usage, why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const about[])(const char *, size_t) = { address, rules, roots, server, unix_name, protocols, options };
    if (!size) return 0;
    char *copy = malloc(size > 1 ? size - 1 : 1); /* exact, so that reading past the end is noticed */
    if (!copy) return 0;
    memcpy(copy, data + 1, size - 1);
    about[data[0] % RL_LEN(about)](copy, size - 1);
    (void)rl_lookup_check(copy, size - 1);
    free(copy);
    return 0;
}
