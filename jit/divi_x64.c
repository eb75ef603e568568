/* rl_masm_divi for x86-64: division by constants as multiplication by a scaled reciprocal, after Granlund and Montgomery,
 * "Division by invariant integers using multiplication" (1994); the 32-bit remainder after Lemire, Kaser and Kurz,
 * "Faster remainder by direct computation" (2019).
 *
 * Invariant: dividend in rax, quotient to rax or remainder to rdx; only these two and RL_REG_TMP are written. Pure
 * functions of the divisor, any thread. Not taken: dispatch on the operand's size at run time, which would help 64-bit
 * values that happen to be small but costs a branch each time. */
#include "jit/divi.h"
#include "jit/masm.h"
#include "jit/x64.h"

#define TMP RL_REG_TMP

static u8 *shr_if(u8 *p, u32 n, u32 w, u32 d, u32 k) { return k ? x64_shift_i(p, n, w, d, k) : p; }

/* rdx = rax - rdx * d, where the dividend is in `n` (not rax or rdx); rax is scratch */
static u8 *rem64(u8 *p, u8 n, u64 d) {
    if ((i64)d == (i32)d) {
        p = x64_imul_i(p, 1, RL_RAX, RL_RDX, (i32)d);
    } else {
        p = x64_movi(p, RL_RAX, d);
        p = x64_rr(p, X64_IMUL | X64_W, RL_RAX, RL_RDX);
    }
    p = x64_mov_rr(p, 1, RL_RDX, n);
    return x64_alu_rr(p, X64_SUB, 1, RL_RDX, RL_RAX);
}

/* rdx = rax mod 2^k */
static u8 *low_bits(u8 *p, u32 k) {
    if (k == 0) return x64_movi(p, RL_RDX, 0);
    if (k == 8) return x64_rr(p, X64_MOVZX8 | X64_BRM, RL_RDX, RL_RAX);
    if (k == 16) return x64_rr(p, X64_MOVZX16, RL_RDX, RL_RAX);
    if (k > 32) {
        p = x64_movi(p, RL_RDX, ((u64)1 << k) - 1);
        return x64_alu_rr(p, X64_AND, 1, RL_RDX, RL_RAX);
    }
    p = x64_mov_rr(p, 0, RL_RDX, RL_RAX);
    return k < 32 ? x64_alu_ri(p, X64_AND, 0, RL_RDX, (i32)(((u32)1 << k) - 1)) : p;
}

static u8 *divu_pow2(u8 *p, bool rem, rl_width w, u32 k) {
    return rem ? low_bits(p, k) : shr_if(p, X64_SHR, w, RL_RAX, k);
}

static u8 *divu32(u8 *p, bool rem, u32 d) {
    u64 mult;
    u32 s;
    if (rem) { /* low half of n * ceil(2^64 / d) is the fraction; times d gives the remainder */
        p = x64_movi(p, TMP, UINT64_MAX / d + 1);
        p = x64_rr(p, X64_IMUL | X64_W, TMP, RL_RAX);
        p = x64_movi(p, RL_RAX, d);
        return x64_unary(p, X64_MUL, 1, TMP);
    }
    if (rl_divi_magic(d, 32, 0, &mult, &s)) {
        if (mult <= INT32_MAX) {
            p = x64_imul_i(p, 1, RL_RAX, RL_RAX, (i32)mult);
        } else {
            p = x64_movi(p, TMP, mult);
            p = x64_rr(p, X64_IMUL | X64_W, RL_RAX, TMP);
        }
        return x64_shift_i(p, X64_SHR, 1, RL_RAX, 32 + s);
    }
    p = x64_movi(p, TMP, UINT64_MAX / d + 1); /* error n * e / 2^64 < 2^-32 < 1 / d: exact for every n */
    p = x64_unary(p, X64_MUL, 1, TMP);
    return x64_mov_rr(p, 1, RL_RAX, RL_RDX);
}

/* A multiplier of 65 bits, 2^64 + m': q = (t + (n - t) / 2) >> (l - 1) with t = high(n * m'), n in TMP and rax */
static u8 *divu64_wide(u8 *p, u64 d) {
    u32 l = 64 - (u32)__builtin_clzll(d - 1);
    p = x64_movi(p, RL_RDX, rl_divi_magic_wide(d, l));
    p = x64_unary(p, X64_MUL, 1, RL_RDX);
    p = x64_mov_rr(p, 1, RL_RAX, TMP);
    p = x64_alu_rr(p, X64_SUB, 1, RL_RAX, RL_RDX);
    p = x64_shift_i(p, X64_SHR, 1, RL_RAX, 1);
    p = x64_alu_rr(p, X64_ADD, 1, RL_RDX, RL_RAX);
    return shr_if(p, X64_SHR, 1, RL_RDX, l - 1);
}

static u8 *divu64(u8 *p, bool rem, u64 d) {
    u64 mult;
    u32 s, tz = 0;
    bool ok = rl_divi_magic(d, 64, 0, &mult, &s) || rl_divi_magic_even(d, &mult, &s, &tz);
    if (rem || !ok) p = x64_mov_rr(p, 1, TMP, RL_RAX);
    if (ok) {
        p = shr_if(p, X64_SHR, 1, RL_RAX, tz);
        p = x64_movi(p, RL_RDX, mult);
        p = x64_unary(p, X64_MUL, 1, RL_RDX);
        p = shr_if(p, X64_SHR, 1, RL_RDX, s);
    } else {
        p = divu64_wide(p, d);
    }
    return rem ? rem64(p, TMP, d) : x64_mov_rr(p, 1, RL_RAX, RL_RDX);
}

/* Rounds towards zero by adding 2^k - 1 to negative dividends. */
static u8 *divs_pow2(u8 *p, bool rem, rl_width w, u32 k, bool negative) {
    u32 bits = w == RL_W64 ? 64 : 32;
    if (k == 0) {
        if (rem) return x64_movi(p, RL_RDX, 0);
        return negative ? x64_unary(p, X64_NEG, w, RL_RAX) : p;
    }
    p = x64_cdq(p, w);
    p = x64_shift_i(p, X64_SHR, w, RL_RDX, bits - k);
    p = x64_alu_rr(p, X64_ADD, w, RL_RAX, RL_RDX);
    if (!rem) {
        p = x64_shift_i(p, X64_SAR, w, RL_RAX, k);
        return negative ? x64_unary(p, X64_NEG, w, RL_RAX) : p;
    }
    p = x64_mov_rr(p, w, TMP, RL_RDX); /* remainder = ((n + bias) mod 2^k) - bias */
    p = low_bits(p, k);
    return x64_alu_rr(p, X64_SUB, w, RL_RDX, TMP);
}

static u8 *divs32(u8 *p, bool rem, u32 d, bool negative) {
    u64 mult = 0;
    u32 s = 0;
    bool ok = rl_divi_magic(d, 32, 1, &mult, &s);
    rl_assert(ok);
    p = x64_rr(p, X64_MOVSXD, RL_RDX, RL_RAX);
    if (mult <= INT32_MAX) {
        p = x64_imul_i(p, 1, RL_RDX, RL_RDX, (i32)mult);
    } else {
        p = x64_movi(p, TMP, mult);
        p = x64_rr(p, X64_IMUL | X64_W, RL_RDX, TMP);
    }
    p = x64_shift_i(p, X64_SAR, 1, RL_RDX, 32 + s);
    if (rem) {
        p = x64_mov_rr(p, 0, TMP, RL_RAX);
        p = x64_shift_i(p, X64_SAR, 0, TMP, 31);
        p = x64_alu_rr(p, X64_SUB, 0, RL_RDX, TMP);
        p = x64_imul_i(p, 0, RL_RDX, RL_RDX, (i32)d);
        p = x64_alu_rr(p, X64_SUB, 0, RL_RAX, RL_RDX);
        return x64_mov_rr(p, 0, RL_RDX, RL_RAX);
    }
    p = x64_shift_i(p, X64_SAR, 0, RL_RAX, 31);
    if (negative) return x64_alu_rr(p, X64_SUB, 0, RL_RAX, RL_RDX);
    p = x64_alu_rr(p, X64_SUB, 0, RL_RDX, RL_RAX);
    return x64_mov_rr(p, 0, RL_RAX, RL_RDX);
}

static u8 *divs64(u8 *p, bool rem, u64 d, bool negative) {
    u64 mult = 0;
    u32 s = 0;
    bool ok = rl_divi_magic(d, 64, 1, &mult, &s);
    rl_assert(ok);
    p = x64_mov_rr(p, 1, TMP, RL_RAX);
    p = x64_movi(p, RL_RDX, mult);
    p = x64_unary(p, X64_IMUL1, 1, RL_RDX);
    if (mult >> 63) p = x64_alu_rr(p, X64_ADD, 1, RL_RDX, TMP); /* the multiplier counted as mult - 2^64 */
    p = shr_if(p, X64_SAR, 1, RL_RDX, s);
    p = x64_mov_rr(p, 1, RL_RAX, TMP);
    p = x64_shift_i(p, X64_SAR, 1, RL_RAX, 63);
    if (!rem && negative) return x64_alu_rr(p, X64_SUB, 1, RL_RAX, RL_RDX);
    p = x64_alu_rr(p, X64_SUB, 1, RL_RDX, RL_RAX);
    return rem ? rem64(p, TMP, d) : x64_mov_rr(p, 1, RL_RAX, RL_RDX);
}

u8 rl_masm_divi(rl_masm *m, rl_div op, rl_width w, u8 to, u8 from, i64 imm) {
    (void)to, (void)from;
    bool rem = op == RL_REM_S || op == RL_REM_U, negative = false;
    u64 d = w == RL_W32 ? (u32)imm : (u64)imm;
    u8 *p = m->p;
    if (op == RL_DIV_U || op == RL_REM_U) {
        if (rl_is_pow2(d)) m->p = divu_pow2(p, rem, w, (u32)__builtin_ctzll(d));
        else m->p = w == RL_W32 ? divu32(p, rem, (u32)d) : divu64(p, rem, d);
    } else {
        negative = w == RL_W32 ? (i32)d < 0 : (i64)d < 0;
        if (negative) d = w == RL_W32 ? (u32)-(u32)d : -d;
        if (rl_is_pow2(d)) m->p = divs_pow2(p, rem, w, (u32)__builtin_ctzll(d), negative);
        else m->p = w == RL_W32 ? divs32(p, rem, (u32)d, negative) : divs64(p, rem, d, negative);
    }
    return rem ? RL_REG_DIV_D : RL_REG_DIV_A;
}
