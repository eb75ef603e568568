/* Looking up a name without blocking. Two implementations: dns_ares.c, and dns_none.c for builds without it. */
#ifndef RL_DNS_H
#define RL_DNS_H

#include "src/host/net.h"

typedef struct rl_lookup rl_lookup;

typedef enum rl_lookup_state { RL_LOOKUP_WAITING, RL_LOOKUP_FOUND, RL_LOOKUP_FAILED } rl_lookup_state;

/* NULL, or why nobody is to be asked for such a name. */
const char *rl_lookup_check(const char *host, size_t n);
/* Starts looking up a host's addresses; servers: "1.2.3.4:53,…", or NULL for the system's. NULL: it cannot be done, *why
 * (constant) says for what reason. */
rl_lookup *rl_lookup_new(const char *host, const char *servers, const char **why);
void rl_lookup_free(void *l);
/* Goes on as far as possible. WAITING: call again when *fd can be read, or at *deadline_ns. */
rl_lookup_state rl_lookup_step(rl_lookup *l, int *fd, i64 *deadline_ns);
/* FOUND: the addresses, without ports. Until rl_lookup_free. */
const rl_addr *rl_lookup_addrs(const rl_lookup *l, u32 *n);
/* FAILED */
const char *rl_lookup_why(const rl_lookup *l);

/* Steps l until its outcome is known or timeout_ms have passed since the call began. 0: known; RL_TIMED_OUT; -1: parked,
 * with l pending (rl_proc_pend), or trapped and l released: return at once. */
i32 rl_lookup_wait(rl_host *h, rl_lookup *l, u64 timeout_ms);

#endif
