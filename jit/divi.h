/* The arithmetic behind rl_masm_divi, for every target: multipliers that divide by constants, after Granlund and
 * Montgomery, "Division by invariant integers using multiplication" (1994). */
#ifndef RL_DIVI_H
#define RL_DIVI_H

#include "src/base/base.h"

typedef unsigned __int128 u128;

/* The smallest s with a multiplier m = floor(2^(bits+s) / d) + 1 that fits in `bits` bits and whose error
 * m * d - 2^(bits+s) is at most 2^(s+extra). False: none. */
static inline bool rl_divi_magic(u64 d, u32 bits, u32 extra, u64 *mult, u32 *s_out) {
    for (u32 s = 0; s < bits; s++) {
        u128 n = (u128)1 << (bits + s), q = n / d + 1;
        if (q >> bits) return false; /* only grows with s */
        if (q * d - n <= (u128)1 << (s + extra)) {
            *mult = (u64)q;
            *s_out = s;
            return true;
        }
    }
    return false;
}

/* For an even d when no multiplier of 64 bits serves: n >> tz has so many bits less that one for d >> tz does. */
static inline bool rl_divi_magic_even(u64 d, u64 *mult, u32 *s_out, u32 *tz_out) {
    u32 tz = (u32)__builtin_ctzll(d);
    u64 odd = d >> tz;
    if (!tz) return false;
    for (u32 s = 0; s < 64; s++) {
        u128 n = (u128)1 << (64 + s), q = n / odd + 1;
        if (q * odd - n > (u128)1 << (s + tz)) continue;
        *mult = (u64)q;
        *s_out = s;
        *tz_out = tz;
        return true;
    }
    return false;
}

/* When both fail: a multiplier of 65 bits, 2^64 + the value, for the shift l = ceil(log2 d). */
static inline u64 rl_divi_magic_wide(u64 d, u32 l) { return (u64)(((u128)1 << 64) * (((u128)1 << l) - d) / d + 1); }

#endif
