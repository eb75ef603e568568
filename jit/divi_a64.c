/* rl_masm_divi for aarch64: division by constants as multiplication by a scaled reciprocal, after Granlund and
 * Montgomery, "Division by invariant integers using multiplication" (1994).
 *
 * Invariant: besides the quotient's or remainder's register only x17 and x15 are written, and before the last
 * instruction only these. Pure functions of the divisor, any thread. Not taken: Lemire's remainder without a quotient, which saves
 * nothing where the remainder is one msub. */
#include "jit/a64.h"
#include "jit/divi.h"
#include "jit/masm.h"

enum { K = 17, T = 15 }; /* values on the way; x17 also a constant that is not kept */

static inline void put(rl_masm *m, u32 word) {
    rl_store32(m->p, word);
    m->p += 4;
}

/* q = n / d; q may be n */
static void divu32(rl_masm *m, u32 q, u32 n, u32 d) {
    u64 mult;
    u32 s;
    if (rl_divi_magic(d, 32, 0, &mult, &s)) {
        u32 c = rl_a64_constant(m, mult);
        put(m, a64_mul(1, q, n, c));
        put(m, a64_lsr(1, q, q, 32 + s));
    } else {
        u32 c = rl_a64_constant(m, UINT64_MAX / d + 1); /* error n * e / 2^64 < 2^-32 < 1 / d: exact for every n */
        put(m, a64_umulh(q, n, c));
    }
}

static void divu64(rl_masm *m, u32 q, u32 n, u64 d) {
    u64 mult;
    u32 s, tz = 0;
    if (rl_divi_magic(d, 64, 0, &mult, &s) || rl_divi_magic_even(d, &mult, &s, &tz)) {
        u32 c = rl_a64_constant(m, mult);
        if (tz) put(m, a64_lsr(1, T, n, tz));
        put(m, a64_umulh(q, tz ? (u32)T : n, c));
        if (s) put(m, a64_lsr(1, q, q, s));
        return;
    }
    /* a multiplier of 65 bits, 2^64 + m': q = (t + (n - t) / 2) >> (l - 1) with t = high(n * m') */
    u32 l = 64 - (u32)__builtin_clzll(d - 1);
    u32 c = rl_a64_constant(m, rl_divi_magic_wide(d, l));
    put(m, a64_umulh(K, n, c));
    put(m, a64_add(A64_SUB, 1, T, n, K, A64_LSL, 0));
    put(m, a64_add(A64_ADD, 1, q, K, T, A64_LSR, 1));
    if (l > 1) put(m, a64_lsr(1, q, q, l - 1));
}

/* d > 0 is the absolute value of the divisor; the quotient comes out for it */
static void divs32(rl_masm *m, u32 q, u32 n, u32 d) {
    u64 mult = 0;
    u32 s = 0;
    bool ok = rl_divi_magic(d, 32, 1, &mult, &s);
    rl_assert(ok);
    u32 c = rl_a64_constant(m, mult);
    if (mult <= INT32_MAX) {
        put(m, a64_smull(K, n, c));
    } else {
        put(m, a64_bfm(A64_SBFM, 1, T, n, 0, 31));
        put(m, a64_mul(1, K, T, c));
    }
    put(m, a64_asr(1, K, K, 32 + s));
    put(m, a64_add(A64_SUB, 0, q, K, n, A64_ASR, 31)); /* plus one for a negative dividend */
}

static void divs64(rl_masm *m, u32 q, u32 n, u64 d) {
    u64 mult = 0;
    u32 s = 0;
    bool ok = rl_divi_magic(d, 64, 1, &mult, &s);
    rl_assert(ok);
    u32 c = rl_a64_constant(m, mult);
    put(m, a64_smulh(K, n, c));
    if (mult >> 63) put(m, a64_add(A64_ADD, 1, K, K, n, A64_LSL, 0)); /* the multiplier counted as mult - 2^64 */
    if (s) put(m, a64_asr(1, K, K, s));
    put(m, a64_add(A64_SUB, 1, q, K, n, A64_ASR, 63));
}

static void divu_pow2(rl_masm *m, bool rem, rl_width w, u8 to, u8 from, u32 k) {
    if (rem) rl_masm_bini(m, RL_BIN_AND, w, to, from, (i64)(((u64)1 << k) - 1));
    else rl_masm_bini(m, RL_BIN_SHR_U, w, to, from, k);
}

/* Rounds towards zero by adding 2^k - 1 to negative dividends. */
static void divs_pow2(rl_masm *m, bool rem, rl_width w, u8 to, u8 from, u32 k, bool negative) {
    u32 n = A64(from), r = A64(to), bits = w == RL_W64 ? 64 : 32;
    if (k == 0) {
        if (rem) rl_masm_movi(m, RL_W32, to, 0);
        else if (negative) rl_masm_neg(m, w, to, from);
        else rl_masm_mov(m, w, to, from);
        return;
    }
    put(m, a64_asr(w, K, n, bits - 1));
    put(m, a64_add(A64_ADD, w, K, n, K, A64_LSR, bits - k));
    if (!rem) {
        put(m, negative ? a64_add(A64_SUB, w, r, A64_ZR, K, A64_ASR, k) : a64_asr(w, r, K, k));
        return;
    }
    put(m, a64_asr(w, K, K, k)); /* remainder = n - (quotient << k) */
    put(m, a64_add(A64_SUB, w, r, n, K, A64_LSL, k));
}

u8 rl_masm_divi(rl_masm *m, rl_div op, rl_width w, u8 to, u8 from, i64 imm) {
    bool rem = op == RL_REM_S || op == RL_REM_U, is_signed = op == RL_DIV_S || op == RL_REM_S;
    u64 d = w == RL_W32 ? (u32)imm : (u64)imm;
    bool negative = is_signed && (w == RL_W32 ? (i32)d < 0 : (i64)d < 0);
    if (negative) d = w == RL_W32 ? (u32)-(u32)d : -d;
    u32 n = A64(from), r = A64(to), q = rem ? (u32)T : r;
    if (rl_is_pow2(d)) {
        if (is_signed) divs_pow2(m, rem, w, to, from, (u32)__builtin_ctzll(d), negative);
        else divu_pow2(m, rem, w, to, from, (u32)__builtin_ctzll(d));
        return to;
    }
    if (is_signed) (w == RL_W32 ? divs32(m, q, n, (u32)d) : divs64(m, q, n, d));
    else (w == RL_W32 ? divu32(m, q, n, (u32)d) : divu64(m, q, n, d));
    if (rem) put(m, a64_msub(w, r, q, rl_a64_constant(m, d), n));
    else if (negative) rl_masm_neg(m, w, to, to);
    return to;
}
