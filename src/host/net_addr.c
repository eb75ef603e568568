/* Addresses between guests and the system, and the lists of them that guests call DNS iterators. Invariant: an iterator
 * is a constant list and a position; it belongs to one process. The calling process's worker. Reference: section 8.5.
 * Keeping guests' own layout of addresses inside was not taken: every use of one would convert. */
#include "src/host/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
    if (!list) {
        rl_exec_fail(&h->exec, "out of memory");
    } else {
        *list = (rl_addrs){ .n = n };
        memcpy(list->a, a, n * sizeof *a);
    }
    if (list && !rl_proc_add(rl_proc_of(h), RL_RES_DNS, list, &id)) return rl_guest_put64(h, ptr, id);
    free(list);
    return false;
}

i32 rl_addr_give_name(rl_host *h, i32 ptr, int fd, int (*name)(int, struct sockaddr *, socklen_t *)) {
    rl_addr a = { 0 };
    socklen_t len = sizeof a;
    if (name(fd, &a.any, &len)) return rl_net_failed(h, ptr, errno);
    if (a.any.sa_family == AF_UNIX) return rl_net_failed(h, ptr, EAFNOSUPPORT);
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
