/* Addresses in text. Stateless. The C library's getaddrinfo was not taken for literals: it also accepts forms that
 * guests of the old runtime were refused ("1.2:80" for 1.0.0.2), and host names. */
#include "src/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

const char *rl_addr_text(const rl_addr *a, char *buf, size_t size) {
    char host[INET6_ADDRSTRLEN];
    bool six = a->any.sa_family == AF_INET6;
    inet_ntop(a->any.sa_family, six ? (const void *)&a->v6.sin6_addr : &a->v4.sin_addr, host, sizeof host);
    if (six && a->v6.sin6_scope_id) snprintf(buf, size, "[%s%%%u]:%u", host, a->v6.sin6_scope_id, rl_addr_port(a));
    else snprintf(buf, size, six ? "[%s]:%u" : "%s:%u", host, rl_addr_port(a));
    return buf;
}

bool rl_addr_number(const char *p, size_t n, u32 highest, u32 *out) {
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
    const char *colon = len ? memrchr(text, ':', len) : NULL;
    bool six = len && *text == '[';
    memset(out, 0, sizeof *out);
    if (!colon || !rl_addr_number(colon + 1, (size_t)(text + len - colon - 1), 65535, &port)) return false;
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
        if (!rl_addr_number(zone, strlen(zone), UINT32_MAX, &scope)) return false;
    }
    out->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((u16)port), .sin6_scope_id = scope };
    return inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1;
}
