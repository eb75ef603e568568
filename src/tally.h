/* What is counted only while there is an exporter of metrics (src/host/metrics.c). */
#ifndef RL_TALLY_H
#define RL_TALLY_H

#include <math.h>

#include "src/base/base.h"

/* A distribution, in buckets that end at powers of four: from microseconds, in seconds, to the largest messages. */
#define RL_DIST_BUCKETS 28
#define RL_DIST_LOWEST (-20)

typedef struct rl_dist {
    double sum;
    u64 count;
    u64 buckets[RL_DIST_BUCKETS + 1]; /* samples in each, above all others the last */
} rl_dist;

static inline double rl_dist_end(int bucket) { return ldexp(1, RL_DIST_LOWEST + 2 * bucket); }
static inline void rl_dist_add(rl_dist *d, double value) {
    int b = 0;
    while (b < RL_DIST_BUCKETS && !(value <= rl_dist_end(b))) b++;
    d->buckets[b]++;
    d->count++;
    d->sum += value;
}

/* One worker's: written by it alone, read by the exporter as it is. */
typedef struct rl_tally {
    u64 signals;               /* sent, messages among them */
    rl_dist bytes, resources;  /* of data messages */
    rl_dist compiling;         /* seconds for a module */
    u64 mailbox, links;        /* of the process that received a message, or whose links changed, last */
    i64 mailbox_at, links_at;  /* when: the latest worker's counts; 0: never */
} rl_tally;

#endif
