/* Builds without c-ares (meson option dns): names cannot be looked up, only addresses used. Stateless. */
#include "src/host/dns.h"

rl_lookup *rl_lookup_new(const char *host, const char *servers, const char **why) {
    (void)host, (void)servers;
    *why = "failed to lookup address information: this rille was built without name resolution (meson option dns)";
    return NULL;
}

void rl_lookup_free(void *l) { (void)l; }

rl_lookup_state rl_lookup_step(rl_lookup *l, int *fd, i64 *deadline_ns) {
    (void)l, (void)fd, (void)deadline_ns;
    return RL_LOOKUP_FAILED;
}

const rl_addr *rl_lookup_addrs(const rl_lookup *l, u32 *n) {
    (void)l;
    *n = 0;
    return NULL;
}

const char *rl_lookup_why(const rl_lookup *l) { return (void)l, ""; }
