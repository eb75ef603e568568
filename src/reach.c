/* Rules about the network. Invariant: once a process runs with them rules are constant, but for the addresses that a rule
 * for a name has learnt, which are under a lock. An address is allowed when a rule of every level allows it, so a child
 * never reaches what its parent does not. Addresses are compared in one form: v4 addresses mapped into v6 are v4, and the
 * unspecified address, to connect to, is the loopback that the kernel takes it for. Asking for a name's addresses again at
 * each connection was not taken: whoever answers could answer differently the second time. */
#include "src/reach.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/lock.h"
#include "src/upath.h"

#define MAX_LEARNT 256u /* addresses of one rule; the oldest go */
#define MAX_RULES 4096u

typedef enum host_kind { HOST_ALL /* Unix sockets too */, HOST_ANY, HOST_BLOCK, HOST_NAME, HOST_PATH } host_kind;

typedef struct ip {
    u8 family; /* AF_INET, AF_INET6 */
    u8 bytes[16];
} ip;

typedef struct rule {
    u8 uses; /* rl_reach_use */
    u8 host; /* host_kind */
    u8 prefix;
    u16 lowest, highest; /* ports */
    ip block;
    char *name; /* "*.…": also all beneath it; of a path: resolved */
    ip *learnt;
    u32 nlearnt, oldest;
} rule;

struct rl_reach {
    _Atomic u32 refs;
    _Atomic bool told;
    bool ungranted; /* who made these rules had none: Unix sockets were never granted to anybody */
    rl_lock lock; /* of what rules have learnt */
    rl_reach *above;
    rule *rules;
    u32 n, depth;
};

rl_reach *rl_reach_new(rl_reach *above) {
    rl_reach *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    atomic_init(&r->refs, 1);
    r->above = rl_reach_get(above);
    r->depth = above ? above->depth + 1 : 0;
    return r;
}

u32 rl_reach_depth(const rl_reach *r) { return r ? r->depth : 0; }

rl_reach *rl_reach_get(rl_reach *r) {
    if (r) atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void rl_reach_put(rl_reach *r) {
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    while (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1) {
        rl_reach *above = r->above;
        for (u32 i = 0; i < r->n; i++) {
            free(r->rules[i].name);
            free(r->rules[i].learnt);
        }
        free(r->rules);
        free(r);
        r = above;
    }
}

static rl_err add(rl_reach *r, const rule *what) {
    if (r->n == MAX_RULES) return RL_ERR_LIMIT;
    if (!(r->n & (r->n - 1))) { /* full at every power of two */
        rule *bigger = realloc(r->rules, (r->n ? 2 * (size_t)r->n : 1) * sizeof *bigger);
        if (!bigger) return RL_ERR_NOMEM;
        r->rules = bigger;
    }
    r->rules[r->n++] = *what;
    return RL_OK;
}

rl_reach *rl_reach_under(const rl_reach *r, rl_reach *above) {
    rl_reach *copy = rl_reach_new(above);
    if (copy) copy->ungranted = !above;
    for (u32 i = 0; copy && i < r->n; i++) {
        rule k = r->rules[i];
        k.learnt = NULL;
        k.nlearnt = k.oldest = 0;
        if ((!k.name || (k.name = strdup(k.name))) && !add(copy, &k)) continue;
        free(k.name);
        rl_reach_put(copy);
        copy = NULL;
    }
    return copy;
}

/* ---- addresses in one form ---- */

static ip v4(const void *bytes) {
    ip i = { .family = AF_INET };
    memcpy(i.bytes, bytes, 4);
    return i;
}

static ip v6(const u8 *bytes) {
    static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (!memcmp(bytes, mapped, sizeof mapped)) return v4(bytes + 12);
    ip i = { .family = AF_INET6 };
    memcpy(i.bytes, bytes, 16);
    return i;
}

static bool zero(const ip *i) {
    static const u8 none[16];
    return !memcmp(i->bytes, none, i->family == AF_INET ? 4 : 16);
}

static ip ip_of(const rl_addr *a, rl_reach_use use) {
    ip i = a->any.sa_family == AF_INET6 ? v6(a->v6.sin6_addr.s6_addr) : v4(&a->v4.sin_addr);
    if (use != RL_REACH_CONNECT || !zero(&i)) return i;
    if (i.family == AF_INET) i.bytes[0] = 127, i.bytes[3] = 1;
    else i.bytes[15] = 1;
    return i;
}

static bool same(const ip *a, const ip *b) {
    return a->family == b->family && !memcmp(a->bytes, b->bytes, a->family == AF_INET ? 4 : 16);
}

static bool within(const ip *a, const ip *block, u32 prefix) {
    u32 whole = prefix / 8, rest = prefix % 8;
    return a->family == block->family && !memcmp(a->bytes, block->bytes, whole) &&
           (!rest || (a->bytes[whole] ^ block->bytes[whole]) >> (8 - rest) == 0);
}

/* ---- rules in text ---- */

typedef struct text {
    const char *p;
    size_t n;
} text;

static bool is(text t, const char *word) { return t.n == strlen(word) && !memcmp(t.p, word, t.n); }

static bool take_ports(text t, rule *r) {
    u32 low, high;
    const char *dash = memchr(t.p, '-', t.n);
    size_t n = dash ? (size_t)(dash - t.p) : t.n;
    r->highest = 65535;
    if (is(t, "*")) return true;
    if (!rl_addr_number(t.p, n, 65535, &low)) return false;
    high = low;
    if (dash && (!rl_addr_number(dash + 1, t.n - n - 1, 65535, &high) || high < low)) return false;
    r->lowest = (u16)low;
    r->highest = (u16)high;
    return true;
}

/* An address, with or without /BITS. */
static bool take_block(text t, rule *r) {
    char buf[64];
    u8 bytes[16];
    u32 prefix;
    const char *slash = memchr(t.p, '/', t.n);
    size_t n = slash ? (size_t)(slash - t.p) : t.n;
    bool six = n && *t.p == '[';
    if (six && (n < 2 || t.p[n - 1] != ']')) return false;
    size_t len = six ? n - 2 : n;
    if (!len || len >= sizeof buf) return false;
    memcpy(buf, t.p + six, len);
    buf[len] = 0;
    if (inet_pton(six ? AF_INET6 : AF_INET, buf, bytes) != 1) return false;
    u32 most = six ? 128 : 32;
    prefix = most;
    if (slash && !rl_addr_number(slash + 1, t.n - n - 1, most, &prefix)) return false;
    r->host = HOST_BLOCK;
    r->block = six ? v6(bytes) : v4(bytes);
    if (six && r->block.family == AF_INET) { /* a mapped one: its bits count from further left */
        if (prefix < 96) return false;
        prefix -= 96;
    }
    r->prefix = (u8)prefix;
    return true;
}

static bool is_name(text t) {
    for (size_t i = 0; i < t.n; i++)
        if (!isalnum((u8)t.p[i]) && !strchr("-_.", t.p[i])) return false;
    return t.n && t.n <= 253;
}

/* Where HOST ends: at the last colon outside brackets. */
static text cut_host(text t, text *ports) {
    const char *colon = memrchr(t.p, ':', t.n), *close = memrchr(t.p, ']', t.n);
    *ports = (text){ "*", 1 };
    if (!colon || (close && close > colon)) return t;
    *ports = (text){ colon + 1, (size_t)(t.p + t.n - colon - 1) };
    return (text){ t.p, (size_t)(colon - t.p) };
}

static rl_err add_loopback(rl_reach *r, rule what) {
    what.host = HOST_BLOCK;
    what.block = (ip){ AF_INET, { 127, 0, 0, 1 } };
    what.prefix = 8;
    RL_TRY(add(r, &what));
    what.block = (ip){ AF_INET6, { [15] = 1 } };
    what.prefix = 128;
    return add(r, &what);
}

/* Adds a rule with the name it owns then. */
static rl_err add_named(rl_reach *r, rule what, host_kind kind, const char *name, size_t n) {
    what.host = (u8)kind;
    what.name = strndup(name, n);
    rl_err e = what.name ? add(r, &what) : RL_ERR_NOMEM;
    if (e) free(what.name);
    return e;
}

static rl_err add_path(rl_reach *r, rule what, text t, rl_diag *d) {
    char path[PATH_MAX];
    if (rl_upath_resolve(t.p, t.n, path)) return add_named(r, what, HOST_PATH, path, strlen(path));
    return rl_diag_set(d, RL_ERR_USAGE, "no name of a Unix socket: \"%.*s\"", (int)RL_MIN(t.n, (size_t)200), t.p);
}

static rl_err add_rule(rl_reach *r, text t, rl_diag *d) {
    rule what = { 0 };
    text ports;
    if (is(t, "none")) return RL_OK;
    if (is(t, "all")) return what.uses = RL_REACH_LISTEN | RL_REACH_CONNECT, what.highest = 65535, add(r, &what);
    const char *equals = memchr(t.p, '=', t.n);
    text use = { t.p, equals ? (size_t)(equals - t.p) : 0 };
    what.uses = is(use, "listen") ? RL_REACH_LISTEN : is(use, "connect") ? RL_REACH_CONNECT : 0;
    if (!what.uses) return rl_diag_set(d, RL_ERR_USAGE, "a rule about the network is listen=HOST[:PORTS], connect=HOST[:PORTS], or with unix:PATH, all or none, not \"%.*s\"", (int)RL_MIN(t.n, (size_t)200), t.p);
    text h = { equals + 1, t.n - use.n - 1 };
    if (h.n >= 5 && !memcmp(h.p, "unix:", 5)) return add_path(r, what, (text){ h.p + 5, h.n - 5 }, d);
    h = cut_host(h, &ports);
    what.host = HOST_ANY;
    if (!take_ports(ports, &what)) return rl_diag_set(d, RL_ERR_USAGE, "no ports: \"%.*s\"", (int)RL_MIN(ports.n, (size_t)40), ports.p);
    if (is(h, "*") || take_block(h, &what)) return add(r, &what);
    if (is(h, "localhost")) return add_loopback(r, what);
    bool all = h.n > 2 && !memcmp(h.p, "*.", 2);
    if (!is_name(all ? (text){ h.p + 2, h.n - 2 } : h)) return rl_diag_set(d, RL_ERR_USAGE, "no host: \"%.*s\"", (int)RL_MIN(h.n, (size_t)200), h.p);
    if (what.uses == RL_REACH_LISTEN) return rl_diag_set(d, RL_ERR_USAGE, "to listen, an address, not the name \"%.*s\"", (int)h.n, h.p);
    return add_named(r, what, HOST_NAME, h.p, h.n);
}

rl_err rl_reach_add(rl_reach *r, const char *p, size_t len, rl_diag *d) {
    while (true) {
        const char *comma = len ? memchr(p, ',', len) : NULL;
        size_t n = comma ? (size_t)(comma - p) : len;
        rl_err e = add_rule(r, (text){ p, n }, d);
        if (e) return rl_diag_set(d, e, "%s", rl_err_text(e));
        if (!comma) return RL_OK;
        p += n + 1, len -= n + 1;
    }
}

/* ---- asking ---- */

static bool names(const rule *k, const char *host) {
    size_t n = strlen(host), m;
    if (n && host[n - 1] == '.') n--;
    if (k->name[0] != '*') return n == strlen(k->name) && !strncasecmp(host, k->name, n);
    m = strlen(k->name) - 1; /* with its dot */
    return n > m && !strncasecmp(host + n - m, k->name + 1, m);
}

static bool learnt(const rule *k, const ip *i) {
    for (u32 at = 0; at < k->nlearnt; at++)
        if (same(&k->learnt[at], i)) return true;
    return false;
}

static bool allows(const rule *k, rl_reach_use use, const ip *i, u16 port) {
    if (!(k->uses & use) || port < k->lowest || port > k->highest) return false;
    return k->host <= HOST_ANY || (k->host == HOST_BLOCK ? within(i, &k->block, k->prefix) : learnt(k, i));
}

bool rl_reach_allows(const rl_reach *r, rl_reach_use use, const rl_addr *a) {
    bool good = true;
    if (!r) return true;
    ip i = ip_of(a, use);
    for (; r && good; r = r->above) {
        rl_lock *lock = (rl_lock *)&r->lock;
        good = false;
        rl_lock_take(lock);
        for (u32 k = 0; k < r->n && !good; k++) good = allows(&r->rules[k], use, &i, rl_addr_port(a));
        rl_lock_drop(lock);
    }
    return good;
}

bool rl_reach_allows_path(const rl_reach *r, rl_reach_use use, const char *path) {
    bool good = r;
    for (; r && good; r = r->above) {
        good = false;
        for (u32 i = 0; i < r->n && !r->ungranted && !good; i++) {
            const rule *k = &r->rules[i];
            good = k->uses & use && (k->host == HOST_ALL || (k->host == HOST_PATH && rl_upath_covers(k->name, path)));
        }
    }
    return good;
}

bool rl_reach_asks(const rl_reach *r, const char *host) {
    bool good = true;
    for (; r && good; r = r->above) {
        good = false;
        for (u32 k = 0; k < r->n && !good; k++)
            good = r->rules[k].uses & RL_REACH_CONNECT &&
                   (r->rules[k].host < HOST_NAME || (r->rules[k].host == HOST_NAME && names(&r->rules[k], host)));
    }
    return good;
}

static void learn(rule *k, const ip *i) {
    if (learnt(k, i)) return;
    if (!k->learnt && !(k->learnt = calloc(MAX_LEARNT, sizeof *k->learnt))) return;
    k->learnt[k->oldest] = *i;
    k->oldest = (k->oldest + 1) % MAX_LEARNT;
    k->nlearnt = RL_MIN(k->nlearnt + 1, MAX_LEARNT);
}

void rl_reach_learn(rl_reach *r, const char *host, const rl_addr *a) {
    if (!r) return;
    ip i = ip_of(a, RL_REACH_CONNECT);
    for (; r; r = r->above) {
        rl_lock_take(&r->lock);
        for (u32 k = 0; k < r->n; k++)
            if (r->rules[k].host == HOST_NAME && names(&r->rules[k], host)) learn(&r->rules[k], &i);
        rl_lock_drop(&r->lock);
    }
}

bool rl_reach_first(rl_reach *r) { return r && !atomic_exchange_explicit(&r->told, true, memory_order_relaxed); }
