/* Network addresses: their forms for the system, for people, and in text. */
#ifndef RL_ADDR_H
#define RL_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "src/base/base.h"

typedef union rl_addr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} rl_addr;

static inline socklen_t rl_addr_len(const rl_addr *a) { return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4; }
static inline u16 rl_addr_port(const rl_addr *a) { return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port); }
static inline void rl_addr_set_port(rl_addr *a, u32 port) {
    if (a->any.sa_family == AF_INET6) a->v6.sin6_port = htons((u16)port);
    else a->v4.sin_port = htons((u16)port);
}

#define RL_ADDR_TEXT 96
/* "1.2.3.4:80", "[::1]:80" */
const char *rl_addr_text(const rl_addr *a, char *buf, size_t size);
/* The literal forms of that, with a numeric %scope for v6. Any bytes, no end needed. */
bool rl_addr_parse(const char *text, size_t len, rl_addr *out);
/* Decimal digits only, at most `highest`. */
bool rl_addr_number(const char *p, size_t n, u32 highest, u32 *out);

#endif
