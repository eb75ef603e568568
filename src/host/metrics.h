/* Series that guests count in and those of the runtime, and the server that shows them. */
#ifndef RL_METRICS_H
#define RL_METRICS_H

#include <stdio.h>

#include "src/addr.h"
#include "src/base/err.h"

struct rl_rt;

/* Those of the guests of one runtime. Any thread. */
typedef struct rl_metrics rl_metrics;
rl_metrics *rl_metrics_new(void); /* NULL: out of memory */
void rl_metrics_free(rl_metrics *m);
/* All of them and the runtime's own, in Prometheus' text format. Any thread. */
void rl_metrics_print(struct rl_rt *rt, rl_metrics *m, FILE *out);
/* Whether every worker gets something done within two seconds. If not, why says which does not. Not on a worker. */
bool rl_metrics_healthy(struct rl_rt *rt, char *why, size_t size);

/* An HTTP server of /metrics and /healthz on threads of its own. Two implementations: export_mhd.c, and export_none.c for
 * builds without it. NULL: d says why. */
typedef struct rl_exporter rl_exporter;
rl_exporter *rl_exporter_start(struct rl_rt *rt, rl_metrics *m, const rl_addr *at, rl_diag *d);
/* Nobody asks any more when it returns. NULL is fine. */
void rl_exporter_stop(rl_exporter *e);

#endif
