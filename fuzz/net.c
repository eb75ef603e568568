/* What guests and peers say about the network, as text: addresses, rules, certificates and keys. Whatever it is, reading
 * it ends, within bounds; an address that was read is written so that it reads the same. The first byte picks one. */
#include <stdlib.h>

#include "src/host/dns.h"
#include "src/host/tls.h"
#include "src/reach.h"

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

/* A certificate and a key: the halves of the input. */
static void server(const char *p, size_t n) {
    char why[RL_TLS_WHY];
    bool usage;
    if (rl_tls_open(why)) rl_tls_server_free(rl_tls_server_new(p, n / 2, p + n / 2, n - n / 2, &usage, why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const about[])(const char *, size_t) = { address, rules, roots, server };
    if (!size) return 0;
    char *copy = malloc(size > 1 ? size - 1 : 1); /* exact, so that reading past the end is noticed */
    if (!copy) return 0;
    memcpy(copy, data + 1, size - 1);
    about[data[0] % RL_LEN(about)](copy, size - 1);
    (void)rl_lookup_check(copy, size - 1);
    free(copy);
    return 0;
}
