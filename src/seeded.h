/* What a seed decides in a run that has one: whose turn it is and for how long, what time it is, random numbers. */
#ifndef RL_SEEDED_H
#define RL_SEEDED_H

#include "src/base/base.h"

#define RL_SEEDED_EPOCH_S 1735689600 /* seconds: the time of day when such a run begins, 2025-01-01 00:00 UTC */

typedef struct rl_seeded {
    u64 state;
    i64 now_ns;   /* its monotonic clock */
    i64 began_ns; /* and what that showed first */
    i64 granted;  /* instructions: the slice begun last */
} rl_seeded;

void rl_seeded_init(rl_seeded *s, u64 seed);
u64 rl_seeded_next(rl_seeded *s);
/* Less than n, which is not 0. */
static inline u32 rl_seeded_below(rl_seeded *s, u32 n) { return (u32)((rl_seeded_next(s) >> 32) * n >> 32); }
/* Nanoseconds since 1970, to a program in such a run. */
static inline i64 rl_seeded_time(const rl_seeded *s) {
    return RL_SEEDED_EPOCH_S * 1000000000ll + s->now_ns - s->began_ns;
}
void rl_seeded_fill(rl_seeded *s, void *to, size_t n);
/* Begins a slice of at most `most` instructions, short ones as likely as long ones. Time is as far as the last one went, of
 * which `left` instructions are left. */
i64 rl_seeded_slice(rl_seeded *s, i64 most, i64 left);
/* A call takes so long: who repeats it until time has gone on does not wait for ever. */
static inline void rl_seeded_pass(rl_seeded *s, u32 ns) { s->now_ns += ns; }

#endif
