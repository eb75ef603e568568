/* Builds without the exporter (meson option metrics). Stateless. */
#include "src/host/metrics.h"

rl_exporter *rl_exporter_start(struct rl_rt *rt, rl_metrics *m, const rl_addr *at, rl_diag *d) {
    (void)rt, (void)m, (void)at;
    rl_diag_set(d, RL_ERR_UNSUPPORTED, "this rille was built without the exporter of metrics (meson option metrics)");
    return NULL;
}

void rl_exporter_stop(rl_exporter *e) { (void)e; }
