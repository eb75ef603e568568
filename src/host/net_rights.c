/* Whether a process may use an address. Stateless. */
#include "src/host/net.h"

bool rl_net_may(rl_host *h, rl_net_use use, const rl_addr *a) {
    (void)use, (void)a;
    return rl_proc_of(h)->conf->can_net;
}

bool rl_net_may_resolve(rl_host *h, const char *host) {
    (void)host;
    return rl_proc_of(h)->conf->can_net;
}

i32 rl_net_refused(rl_host *h, i32 ptr) { return rl_guest_error(h, ptr, RL_NET_REFUSED); }

void rl_net_learn(rl_host *h, const char *host, const rl_addr *a) { (void)h, (void)host, (void)a; }
