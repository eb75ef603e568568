/* Whether a process may use an address or ask for a name, and lunatic's configurations told about it (rille::config). A
 * refusal is an error value; the first of a configuration is reported, as the program may keep the error to itself. The
 * calling process's worker. */
#include "src/host/net.h"

#include "src/host/guest.h"

static void report(rl_host *h, const char *what, const char *where) {
    rl_proc *p = rl_proc_of(h);
    rl_rt *rt = p->worker->rt;
    /* without rules only Unix sockets are refused, and there is nowhere to note it per configuration */
    static _Atomic bool told;
    bool first = p->conf->net ? rl_reach_first(p->conf->net) : !atomic_exchange_explicit(&told, true, memory_order_relaxed);
    if (!first || rt->config->quiet) return;
    fprintf(rt->log, "rille: process %llu may not %s %.100s (--net); no more is said of this\n", (unsigned long long)p->id, what, where);
}

bool rl_net_may(rl_host *h, rl_reach_use use, const rl_addr *a) {
    char text[RL_ADDR_TEXT];
    if (RL_LIKELY(rl_reach_allows(rl_proc_of(h)->conf->net, use, a))) return true;
    report(h, use == RL_REACH_LISTEN ? "listen on" : "connect to", rl_addr_text(a, text, sizeof text));
    return false;
}

bool rl_net_may_path(rl_host *h, rl_reach_use use, const char *path) {
    char text[120];
    if (rl_reach_allows_path(rl_proc_of(h)->conf->net, use, path)) return true;
    snprintf(text, sizeof text, "unix:%.100s", path);
    report(h, use == RL_REACH_LISTEN ? "listen on" : "connect to", text);
    return false;
}

bool rl_net_may_resolve(rl_host *h, const char *host) {
    if (rl_reach_asks(rl_proc_of(h)->conf->net, host)) return true;
    report(h, "look up", host);
    return false;
}

void rl_net_learn(rl_host *h, const char *host, const rl_addr *a) { rl_reach_learn(rl_proc_of(h)->conf->net, host, a); }

i32 rl_net_refused(rl_host *h, i32 ptr) { return rl_guest_error(h, ptr, RL_NET_REFUSED); }

/* ---- rille::config ---- */

#define RULE_BYTES 64u /* that a byte of text can make of rules, at most: `all,` takes four */

/* The rules of a configuration that is being made, where there is room for a text of so many bytes, or NULL after a trap. A
 * config with any is limited to them. */
static rl_reach *rules_of(rl_host *h, i64 id, u32 bytes) {
    rl_conf *c = rl_guest_res(h, RL_RES_CONFIG, id, "configuration");
    if (!c || !rl_guest_enlarge(h, c, (u64)bytes * RULE_BYTES)) return NULL;
    if (!c->net && !(c->net = rl_reach_new(NULL))) rl_exec_fail(&h->exec, "out of memory");
    return c->net;
}

void rl_host_config_net_none(rl_host *h, i64 id) {
    rl_conf *c = rl_guest_res(h, RL_RES_CONFIG, id, "configuration");
    if (!c) return;
    rl_reach_put(c->net);
    c->net = NULL;
    rules_of(h, id, 1);
}

i32 rl_host_config_net_allow(rl_host *h, i64 id, i32 ptr, i32 len, i32 error_ptr) {
    const char *text = rl_guest_text(h, ptr, len);
    rl_reach *r = text ? rules_of(h, id, (u32)len) : NULL;
    rl_diag d;
    rl_diag_clear(&d);
    if (!r) return 0;
    return rl_reach_add(r, text, (u32)len, &d) ? rl_guest_error(h, error_ptr, d.text) : 0;
}
