/* lunatic::networking::resolve: addresses at once, names by a lookup that the calling process drives. Invariant: a lookup
 * under way is the process's pending object. The calling process's worker. Reference: section 8.5. */
#include <stdlib.h>

#include "src/base/os.h"
#include "src/host/dns.h"

#define MAX_HOST 255u /* longest name there is */

const char *rl_lookup_check(const char *host, size_t n) {
    static const char bad[] = "failed to lookup address information: Name or service not known";
    if (!n || n > MAX_HOST) return bad;
    for (size_t i = 0; i < n; i++) /* what no name contains, so nobody is to be asked for it */
        if ((u8)host[i] <= ' ' || strchr(":/\\\"[]%", host[i])) return bad;
    return NULL;
}

/* HOST:PORT. NULL, or what is wrong with it. */
static const char *split(const char *text, size_t len, char host[MAX_HOST + 1], u32 *port) {
    const char *colon = memrchr(text, ':', len);
    if (!colon) return "invalid socket address";
    const char *p = colon + 1, *end = text + len;
    size_t n = (size_t)(colon - text);
    p += p < end && *p == '+'; /* as the old runtime's number parser has it */
    *port = 0;
    if (p == end) return "invalid port value";
    for (; p < end; p++) {
        if (*p < '0' || *p > '9' || (*port = *port * 10 + (u32)(*p - '0')) > 65535) return "invalid port value";
    }
    const char *why = rl_lookup_check(text, n);
    if (why) return why;
    memcpy(host, text, n);
    host[n] = 0;
    return NULL;
}

/* Gives the guest those of the addresses that it may use. */
static i32 found(rl_host *h, const rl_lookup *l, const char *host, u32 port, i32 id_ptr) {
    u32 n, kept = 0;
    const rl_addr *a = rl_lookup_addrs(l, &n);
    rl_addr *list = calloc(n + 1, sizeof *list);
    if (!list) {
        rl_exec_fail(&h->exec, "out of memory");
        return 0;
    }
    for (u32 i = 0; i < n; i++) {
        list[kept] = a[i];
        rl_addr_set_port(&list[kept], port);
        rl_net_learn(h, host, &list[kept]);
        kept += rl_net_may(h, RL_REACH_CONNECT, &list[kept]);
    }
    i32 result = 0;
    if (kept) rl_addr_give(h, id_ptr, list, kept);
    else result = rl_net_refused(h, id_ptr);
    free(list);
    return result;
}

/* The limit is kept in wait.word[0], as c-ares wants to be called earlier now and then. */
i32 rl_lookup_wait(rl_host *h, rl_lookup *l, u64 timeout_ms) {
    int fd;
    i64 next, limit = h->wait.retry ? (i64)h->wait.word[0] : rl_guest_deadline(timeout_ms);
    bool known = rl_lookup_step(l, &fd, &next) != RL_LOOKUP_WAITING;
    if (known || (h->wait.retry && limit <= rl_sched_now())) {
        rl_host_done(h);
        return known ? 0 : RL_TIMED_OUT;
    }
    if (!rl_proc_pend(rl_proc_of(h), l, rl_lookup_free)) {
        rl_lookup_free(l);
        return -1;
    }
    rl_host_park(h, fd, false, RL_MIN(limit, next));
    h->wait.word[0] = (u64)limit;
    return -1;
}

i32 rl_host_networking_resolve(rl_host *h, i32 ptr, i32 len, i64 timeout, i32 id_ptr) {
    rl_proc *p = rl_proc_of(h);
    const char *text = rl_guest_text(h, ptr, len), *why;
    char host[MAX_HOST + 1];
    rl_addr a;
    u32 port;
    if (!text) return 0;
    if (rl_addr_parse(text, (u32)len, &a)) {
        if (!rl_net_may(h, RL_REACH_CONNECT, &a)) return rl_net_refused(h, id_ptr);
        rl_addr_give(h, id_ptr, &a, 1);
        return 0;
    }
    if ((why = split(text, (u32)len, host, &port))) return rl_guest_error(h, id_ptr, why);
    rl_lookup *l = rl_proc_unpend(p);
    if (!l && !rl_net_may_resolve(h, host)) return rl_net_refused(h, id_ptr);
    if (!l && !(l = rl_lookup_new(host, p->worker->rt->config->dns, &why))) return rl_guest_error(h, id_ptr, why);
    i32 result = rl_lookup_wait(h, l, (u64)timeout);
    if (result < 0) return 0; /* parked */
    rl_lookup_state state = result ? RL_LOOKUP_WAITING : rl_lookup_step(l, &(int){ 0 }, &(i64){ 0 });
    result = state == RL_LOOKUP_WAITING ? rl_net_late(h, id_ptr)
           : state == RL_LOOKUP_FOUND ? found(h, l, host, port, id_ptr) : rl_guest_error(h, id_ptr, rl_lookup_why(l));
    rl_lookup_free(l);
    return result;
}
