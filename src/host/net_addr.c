/* Addresses between guests and the system, and the lists of them that guests call DNS iterators. Invariant: an iterator
 * is a constant list and a position; it belongs to one process. The calling process's worker. Reference: section 8.5.
 * Keeping guests' own layout of addresses inside was not taken: every use of one would convert. */
#include "src/host/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

const char *rl_addr_text(const rl_addr *a, char *buf, size_t size) {
    char host[INET6_ADDRSTRLEN];
    bool six = a->any.sa_family == AF_INET6;
    inet_ntop(a->any.sa_family, six ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr, host, sizeof host);
    if (six && a->v6.sin6_scope_id) snprintf(buf, size, "[%s%%%u]:%u", host, a->v6.sin6_scope_id, rl_addr_port(a));
    else snprintf(buf, size, six ? "[%s]:%u" : "%s:%u", host, rl_addr_port(a));
    return buf;
}

/* Decimal digits only. */
static bool parse_number(const char *p, size_t n, u32 highest, u32 *out) {
    u64 v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || v > highest) return false;
        v = v * 10 + (u32)(p[i] - '0');
    }
    *out = (u32)v;
    return n && v <= highest;
}

bool rl_addr_parse(const char *text, size_t len, rl_addr *out) {
    char host[64], *zone;
    u32 port, scope = 0;
    const char *colon = memrchr(text, ':', len);
    bool six = len && *text == '[';
    memset(out, 0, sizeof *out);
    if (!colon || !parse_number(colon + 1, (size_t)(text + len - colon - 1), 65535, &port)) return false;
    size_t n = (size_t)(colon - text);
    if (six && (n < 2 || text[n - 1] != ']')) return false;
    if (six) text++, n -= 2;
    if (!n || n >= sizeof host || memchr(text, 0, n)) return false;
    memcpy(host, text, n);
    host[n] = 0;
    if (!six) {
        out->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((u16)port) };
        return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
    }
    if ((zone = strchr(host, '%'))) {
        *zone++ = 0;
        if (!parse_number(zone, strlen(zone), UINT32_MAX, &scope)) return false;
    }
    out->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((u16)port), .sin6_scope_id = scope };
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}

bool rl_addr_arg(rl_host *h, i32 type, i32 ptr, i32 port, i32 flow, i32 scope, rl_addr *out) {
    memset(out, 0, sizeof *out);
    if (type != 4 && type != 6) {
        rl_exec_fail(&h->exec, "an address of type %u", (u32)type);
        return false;
    }
    const void *bytes = rl_host_range(h, (u32)ptr, type == 4 ? 4 : 16);
    if (!bytes) return false;
    if (type == 4) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((u16)port);
        memcpy(&out->v4.sin_addr, bytes, 4);
    } else {
        out->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((u16)port), .sin6_flowinfo = (u32)flow,
                                         .sin6_scope_id = (u32)scope };
        memcpy(&out->v6.sin6_addr, bytes, 16);
    }
    return true;
}

/* ---- iterators ---- */

bool rl_addr_give(rl_host *h, i32 ptr, const rl_addr *a, u32 n) {
    rl_addrs *list = malloc(sizeof *list + n * sizeof *a);
    u64 id;
    if (list) {
        *list = (rl_addrs){ .n = n };
        memcpy(list->a, a, n * sizeof *a);
    }
    if (list && !rl_proc_add(rl_proc_of(h), RL_RES_DNS, list, &id)) return rl_guest_put64(h, ptr, id);
    free(list);
    rl_exec_fail(&h->exec, "out of memory");
    return false;
}

i32 rl_addr_give_name(rl_host *h, i32 ptr, int fd, int (*name)(int, struct sockaddr *, socklen_t *)) {
    rl_addr a = { 0 };
    socklen_t len = sizeof a;
    if (name(fd, &a.any, &len)) return rl_net_failed(h, ptr, errno);
    rl_addr_give(h, ptr, &a, 1);
    return 0;
}

static bool put_address(rl_host *h, const rl_addr *a, i32 addr_ptr, i32 flow_ptr, i32 scope_ptr) {
    bool six = a->any.sa_family == AF_INET6;
    void *to = rl_host_range(h, (u32)addr_ptr, six ? 16 : 4);
    if (!to) return false;
    memcpy(to, six ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr, six ? 16 : 4);
    if (!six) return true;
    void *flow = rl_host_range(h, (u32)flow_ptr, 4), *scope = flow ? rl_host_range(h, (u32)scope_ptr, 4) : NULL;
    if (!scope) return false;
    rl_store32(flow, a->v6.sin6_flowinfo);
    rl_store32(scope, a->v6.sin6_scope_id);
    return true;
}

i32 rl_host_networking_resolve_next(rl_host *h, i64 id, i32 type_ptr, i32 addr_ptr, i32 port_ptr, i32 flow_ptr, i32 scope_ptr) {
    rl_addrs *list = rl_guest_res(h, RL_RES_DNS, id, "list of addresses");
    if (!list) return 0;
    if (list->at == list->n) return 1;
    const rl_addr *a = &list->a[list->at++];
    void *type = rl_host_range(h, (u32)type_ptr, 4);
    u8 *port = type && put_address(h, a, addr_ptr, flow_ptr, scope_ptr) ? rl_host_range(h, (u32)port_ptr, 2) : NULL;
    if (!port) return 0;
    rl_store32(type, a->any.sa_family == AF_INET6 ? 6 : 4);
    port[0] = (u8)rl_addr_port(a);
    port[1] = (u8)(rl_addr_port(a) >> 8);
    return 0;
}

void rl_host_networking_drop_dns_iterator(rl_host *h, i64 id) {
    if (rl_guest_res(h, RL_RES_DNS, id, "list of addresses")) free(rl_proc_del(rl_proc_of(h), RL_RES_DNS, (u64)id));
}

/* ---- errors ---- */

i32 rl_net_failed(rl_host *h, i32 ptr, int error) {
    char text[200], buf[160];
    snprintf(text, sizeof text, "%s (os error %d)", strerror_r(error, buf, sizeof buf), error);
    return rl_guest_error(h, ptr, text);
}

i32 rl_net_late(rl_host *h, i32 ptr) {
    rl_guest_error(h, ptr, "timed out");
    return RL_TIMED_OUT;
}
