/* Runs decided by a seed: a stream of random numbers and a clock. Invariant: both depend on the seed and on what the program
 * does, on nothing outside, so the same seed and program give the same run. The clock goes a nanosecond an instruction, and
 * by what calls are said to take; when everybody waits for a deadline it goes there at once, unless somebody waits for a
 * descriptor as well: then time passes as outside. One worker's. To record a run and replay it was not taken: it needs the
 * record, and finds nothing by itself. */
#include "src/seeded.h"

#define BEGAN_NS 1000000000000 /* programs go back from now: not to before the beginning */
#define TURN_NS 1000 /* at least */

void rl_seeded_init(rl_seeded *s, u64 seed) { *s = (rl_seeded){ .state = seed, .now_ns = BEGAN_NS, .began_ns = BEGAN_NS }; }

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
u64 rl_seeded_next(rl_seeded *s) {
    u64 z = s->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void rl_seeded_fill(rl_seeded *s, void *to, size_t n) {
    for (size_t at = 0; at < n; at += sizeof(u64)) {
        u64 r = rl_seeded_next(s);
        memcpy((u8 *)to + at, &r, RL_MIN(n - at, sizeof r));
    }
}

i64 rl_seeded_slice(rl_seeded *s, i64 most, i64 left) {
    s->now_ns += RL_MAX(s->granted - left, TURN_NS);
    u32 bits = 64 - (u32)__builtin_clzll((u64)most);
    s->granted = RL_MAX(most >> rl_seeded_below(s, bits), 1);
    return s->granted;
}

