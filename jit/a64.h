/* aarch64 encoders: pure functions from operands to the instruction's word. Registers are the machine's own numbers
 * (31: sp or zero, by the instruction), 0..31 for vectors too; A64 translates the numbers of a64_regs.h. `w` is the width:
 * 0 for 32 bits, 1 for 64. Immediates are as the assembler writes them; a64_*_ok says whether they encode. */
#ifndef RL_A64_H
#define RL_A64_H

#include "jit/a64_regs.h"
#include "src/base/base.h"

static const u8 rl_a64_phys[RL_A64_COUNT] = {
    0, 1, 2, 19, 3, 4, 5, 6, 7, 8, 20, 21, 22, 23, 24, 25, 9, 16,
    0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 31,
    31, 29, 28, 27, 26, 17, 15, 14, 10, 11, 30, 31 };
static inline u32 A64(u32 r) { return rl_a64_phys[r]; }

enum { A64_EQ, A64_NE, A64_HS, A64_LO, A64_MI, A64_PL, A64_VS, A64_VC, A64_HI, A64_LS, A64_GE, A64_LT, A64_GT, A64_LE };
enum { A64_LSL, A64_LSR, A64_ASR, A64_ROR };
enum { A64_UXTB, A64_UXTH, A64_UXTW, A64_UXTX, A64_SXTB, A64_SXTH, A64_SXTW, A64_SXTX };
enum { A64_SP = 31, A64_ZR = 31 };

static inline u32 a64_w(u32 w) { return w << 31; }

/* ---- sums ---- */
enum { A64_ADD = 0, A64_ADDS = 0x20000000, A64_SUB = 0x40000000, A64_SUBS = 0x60000000 };
/* imm: 12 bits, or 12 bits shifted by 12. d and a: 31 is sp (d of the S forms: zero). */
static inline bool a64_addi_ok(u64 imm) { return imm < 4096 || (imm < (1u << 24) && !(imm & 4095)); }
static inline u32 a64_addi(u32 op, u32 w, u32 d, u32 a, u32 imm) {
    u32 sh = imm >= 4096;
    return 0x11000000 | op | a64_w(w) | sh << 22 | (sh ? imm >> 12 : imm) << 10 | a << 5 | d;
}
static inline u32 a64_add(u32 op, u32 w, u32 d, u32 a, u32 b, u32 shift, u32 k) {
    return 0x0b000000 | op | a64_w(w) | shift << 22 | b << 16 | k << 10 | a << 5 | d;
}
/* d, a: 31 is sp; b extended, then shifted by 0..4 */
static inline u32 a64_addx(u32 op, u32 w, u32 d, u32 a, u32 b, u32 extend, u32 k) {
    return 0x0b200000 | op | a64_w(w) | b << 16 | extend << 13 | k << 10 | a << 5 | d;
}

/* ---- bits ---- */
enum { A64_AND = 0, A64_ORR = 0x20000000, A64_EOR = 0x40000000, A64_ANDS = 0x60000000, A64_NOT = 0x200000 /* of b: bic, orn, eon */ };
static inline u32 a64_log(u32 op, u32 w, u32 d, u32 a, u32 b, u32 shift, u32 k) {
    return 0x0a000000 | op | a64_w(w) | shift << 22 | b << 16 | k << 10 | a << 5 | d;
}
/* A bit mask: a run of ones, rotated, repeated at 2, 4 .. 64 bits. N, immr, imms as one field of 13 bits. */
static inline bool a64_mask(u32 w, u64 v, u32 *field) {
    if (!w) v = (u32)v | v << 32;
    if (v == 0 || v == ~0ull) return false;
    u32 size = 64;
    while (size > 2) {
        u64 half = size / 2, m = (1ull << half) - 1;
        if ((v & m) != (v >> half & m)) break;
        size /= 2;
    }
    u64 m = ~0ull >> (64 - size);
    v &= m;
    u32 rot = v & 1 ? (u32)__builtin_ctzll(~v) : 0; /* low ones wrap around from the top */
    u64 r = rot ? (v >> rot | v << (size - rot)) & m : v;
    u32 low = (u32)__builtin_ctzll(r), ones = (u32)__builtin_popcountll(r);
    if (r >> low != ~0ull >> (64 - ones)) return false;
    u32 from = (low + rot) & (size - 1); /* the run's first bit */
    u32 immr = (size - from) & (size - 1);
    u32 imms = (~(size * 2 - 1) & 0x3f) | (ones - 1);
    *field = (size == 64 ? 0x1000 : 0) | immr << 6 | (size == 64 ? ones - 1 : imms);
    return true;
}
static inline u32 a64_logi(u32 op, u32 w, u32 d, u32 a, u32 field) { return 0x12000000 | op | a64_w(w) | field << 10 | a << 5 | d; }
/* d = a; neither is sp */
static inline u32 a64_mov(u32 w, u32 d, u32 a) { return a64_log(A64_ORR, w, d, A64_ZR, a, 0, 0); }
enum { A64_MOVN = 0, A64_MOVZ = 0x40000000, A64_MOVK = 0x60000000 };
static inline u32 a64_movw(u32 op, u32 w, u32 d, u32 imm16, u32 part) { return 0x12800000 | op | a64_w(w) | part << 21 | imm16 << 5 | d; }
enum { A64_SBFM = 0, A64_UBFM = 0x40000000 };
static inline u32 a64_bfm(u32 op, u32 w, u32 d, u32 a, u32 r, u32 s) { return 0x13000000 | op | a64_w(w) | w << 22 | r << 16 | s << 10 | a << 5 | d; }
static inline u32 a64_lsl(u32 w, u32 d, u32 a, u32 k) {
    u32 top = w ? 63 : 31;
    return a64_bfm(A64_UBFM, w, d, a, (top + 1 - k) & top, top - k);
}
static inline u32 a64_lsr(u32 w, u32 d, u32 a, u32 k) { return a64_bfm(A64_UBFM, w, d, a, k, w ? 63 : 31); }
static inline u32 a64_asr(u32 w, u32 d, u32 a, u32 k) { return a64_bfm(A64_SBFM, w, d, a, k, w ? 63 : 31); }
static inline u32 a64_ror(u32 w, u32 d, u32 a, u32 k) { return 0x13800000 | a64_w(w) | w << 22 | a << 16 | k << 10 | a << 5 | d; }

/* two sources: division and shifts by register */
enum { A64_UDIV = 2, A64_SDIV = 3, A64_LSLV = 8, A64_LSRV = 9, A64_ASRV = 10, A64_RORV = 11 };
static inline u32 a64_two(u32 op, u32 w, u32 d, u32 a, u32 b) { return 0x1ac00000 | a64_w(w) | b << 16 | op << 10 | a << 5 | d; }
enum { A64_RBIT = 0, A64_CLZ = 4 };
static inline u32 a64_one(u32 op, u32 w, u32 d, u32 a) { return 0x5ac00000 | a64_w(w) | op << 10 | a << 5 | d; }
/* d = c + a * b, d = c - a * b */
static inline u32 a64_madd(u32 w, u32 d, u32 a, u32 b, u32 c) { return 0x1b000000 | a64_w(w) | b << 16 | c << 10 | a << 5 | d; }
static inline u32 a64_msub(u32 w, u32 d, u32 a, u32 b, u32 c) { return 0x1b008000 | a64_w(w) | b << 16 | c << 10 | a << 5 | d; }
static inline u32 a64_mul(u32 w, u32 d, u32 a, u32 b) { return a64_madd(w, d, a, b, A64_ZR); }
static inline u32 a64_umulh(u32 d, u32 a, u32 b) { return 0x9bc07c00 | b << 16 | a << 5 | d; }
static inline u32 a64_smulh(u32 d, u32 a, u32 b) { return 0x9b407c00 | b << 16 | a << 5 | d; }
static inline u32 a64_smull(u32 d, u32 a, u32 b) { return 0x9b207c00 | b << 16 | a << 5 | d; }

/* ---- conditions ---- */
static inline u32 a64_csel(u32 w, u32 d, u32 a, u32 b, u32 cond) { return 0x1a800000 | a64_w(w) | b << 16 | cond << 12 | a << 5 | d; }
static inline u32 a64_cset(u32 d, u32 cond) { return 0x1a9f07e0 | (cond ^ 1) << 12 | d; }
/* if cond: flags of a - imm (ccmp) or a + imm (ccmn); else nzcv. imm: 5 bits */
enum { A64_CCMN = 0, A64_CCMP = 0x40000000 };
static inline u32 a64_ccmpi(u32 op, u32 w, u32 a, u32 imm, u32 nzcv, u32 cond) {
    return 0x3a400800 | op | a64_w(w) | imm << 16 | cond << 12 | a << 5 | nzcv;
}

/* ---- memory ---- */
/* The size and kind of an access: bits 31:30, V, opc as they stand in the instruction, and log2 of the bytes. */
#define A64_ACCESS(size, v, opc) ((u32)(size) << 30 | (u32)(v) << 26 | (u32)(opc) << 22)
static inline u32 a64_scale(u32 access) { return (access & 0x04800000) == 0x04800000 ? 4 : access >> 30; }
/* offset: a multiple of the size, below 4096 of them */
static inline u32 a64_ldst(u32 access, u32 t, u32 base, u32 offset) { return 0x39000000 | access | (offset >> a64_scale(access)) << 10 | base << 5 | t; }
static inline u32 a64_ldstu(u32 access, u32 t, u32 base, i32 offset) { return 0x38000000 | access | ((u32)offset & 0x1ff) << 12 | base << 5 | t; }
/* index: extended (A64_UXTW, A64_UXTX, ...), scaled by the size or not */
static inline u32 a64_ldstx(u32 access, u32 t, u32 base, u32 index, u32 extend, bool scaled) {
    return 0x38200800 | access | index << 16 | extend << 13 | (u32)scaled << 12 | base << 5 | t;
}
enum { A64_LDR_LIT32 = 0x1c000000, A64_LDR_LIT64 = 0x5c000000, A64_LDR_LITX = 0x58000000 }; /* float, double, general */
/* pairs of 64-bit registers; offset: a multiple of 8 in -512..504 */
static inline u32 a64_pair(u32 op, u32 t, u32 u, u32 base, i32 offset) { return op | ((u32)(offset / 8) & 0x7f) << 15 | u << 10 | base << 5 | t; }
#define A64_STP 0xa9000000u
#define A64_LDP 0xa9400000u
#define A64_STP_PRE 0xa9800000u  /* base += offset first */
#define A64_LDP_POST 0xa8c00000u /* afterwards           */

/* ---- control: displacements in bytes ---- */
static inline u32 a64_b(i32 rel) { return 0x14000000 | ((u32)rel >> 2 & 0x3ffffff); }
static inline u32 a64_bl(i32 rel) { return 0x94000000 | ((u32)rel >> 2 & 0x3ffffff); }
static inline u32 a64_bcond(u32 cond, i32 rel) { return 0x54000000 | ((u32)rel >> 2 & 0x7ffff) << 5 | cond; }
static inline u32 a64_cbz(u32 w, bool nz, u32 t, i32 rel) { return 0x34000000 | a64_w(w) | (u32)nz << 24 | ((u32)rel >> 2 & 0x7ffff) << 5 | t; }
static inline u32 a64_tbz(bool nz, u32 t, u32 bit, i32 rel) {
    return 0x36000000 | (bit & 32) << 26 | (u32)nz << 24 | (bit & 31) << 19 | ((u32)rel >> 2 & 0x3fff) << 5 | t;
}
static inline u32 a64_br(u32 a) { return 0xd61f0000 | a << 5; }
static inline u32 a64_blr(u32 a) { return 0xd63f0000 | a << 5; }
static inline u32 a64_ret(void) { return 0xd65f03c0; }
static inline u32 a64_adr(u32 d, i32 rel) { return 0x10000000 | ((u32)rel & 3) << 29 | ((u32)rel >> 2 & 0x7ffff) << 5 | d; }
static inline u32 a64_nop(void) { return 0xd503201f; }
static inline u32 a64_bti_c(void) { return 0xd503245f; } /* may be called, or jumped to through x16 and x17; else a no-op */
static inline u32 a64_bti_j(void) { return 0xd503249f; } /* may be jumped to */
static inline u32 a64_udf(void) { return 0; }

/* ---- floats: f64 chooses double ---- */
static inline u32 a64_f(bool f64) { return (u32)f64 << 22; }
enum { A64_FMUL = 0, A64_FDIV = 1, A64_FADD = 2, A64_FSUB = 3, A64_FMAX = 4, A64_FMIN = 5 };
static inline u32 a64_fbin(u32 op, bool f64, u32 d, u32 a, u32 b) { return 0x1e200800 | a64_f(f64) | b << 16 | op << 12 | a << 5 | d; }
enum { A64_FMOV = 0, A64_FABS = 1, A64_FNEG = 2, A64_FSQRT = 3, A64_FCVT_S = 4 /* to float */, A64_FCVT_D = 5,
       A64_FRINTN = 8, A64_FRINTP = 9, A64_FRINTM = 10, A64_FRINTZ = 11 };
static inline u32 a64_fun(u32 op, bool f64, u32 d, u32 a) { return 0x1e204000 | a64_f(f64) | op << 15 | a << 5 | d; }
static inline u32 a64_fcmp(bool f64, u32 a, u32 b) { return 0x1e202000 | a64_f(f64) | b << 16 | a << 5; }
static inline u32 a64_fcmp0(bool f64, u32 a) { return 0x1e202008 | a64_f(f64) | a << 5; }
static inline u32 a64_fcsel(bool f64, u32 d, u32 a, u32 b, u32 cond) { return 0x1e200c00 | a64_f(f64) | b << 16 | cond << 12 | a << 5 | d; }
/* between general (w) and float registers: bits, conversions */
enum { A64_FCVTZS = 0x180000, A64_FCVTZU = 0x190000, A64_SCVTF = 0x020000, A64_UCVTF = 0x030000, A64_FMOV_OUT = 0x060000, A64_FMOV_IN = 0x070000 };
static inline u32 a64_fcvt(u32 op, u32 w, bool f64, u32 d, u32 a) { return 0x1e200000 | op | a64_w(w) | a64_f(f64) | a << 5 | d; }
/* +-(16..31)/16 * 2^(-3..4), as 8 bits */
static inline bool a64_fimm(bool f64, u64 bits, u32 *imm8) {
    if (!f64) bits = (u64)(u32)bits << 32;
    u32 top = (u32)(bits >> 32), same = f64 ? 8 : 5; /* sign, NOT(b), b repeated, cdefgh, zeros */
    u32 run = top >> (30 - same) & ((1u << same) - 1), b = run & 1, low = top >> (24 - same) & 0x3f;
    if (bits << (8 + same) || run != (b ? (1u << same) - 1 : 0) || (top >> 30 & 1) == b) return false;
    *imm8 = top >> 31 << 7 | b << 6 | low;
    return true;
}
static inline u32 a64_fmovi(bool f64, u32 d, u32 imm8) { return 0x1e201000 | a64_f(f64) | imm8 << 13 | d; }

/* ---- vectors, the few that scalars need ---- */
static inline u32 a64_vmov(u32 d, u32 a) { return 0x4ea01c00 | a << 16 | a << 5 | d; }   /* 16 bytes          */
static inline u32 a64_vzero(u32 d) { return 0x6f00e400 | d; }                            /* movi d.2d, 0      */
static inline u32 a64_vsign32(u32 d) { return 0x4f046400 | d; }                          /* movi d.4s, 0x80, lsl 24 */
static inline u32 a64_vneg64(u32 d, u32 a) { return 0x6ee0f800 | a << 5 | d; }           /* fneg d.2d, a.2d   */
static inline u32 a64_vbit(u32 d, u32 a, u32 mask) { return 0x6ea01c00 | mask << 16 | a << 5 | d; } /* d's bits under mask := a's */
static inline u32 a64_vbif(u32 d, u32 a, u32 mask) { return 0x6ee01c00 | mask << 16 | a << 5 | d; } /* outside of mask */
static inline u32 a64_vcnt(u32 d, u32 a) { return 0x0e205800 | a << 5 | d; }             /* cnt d.8b, a.8b    */
static inline u32 a64_vaddv(u32 d, u32 a) { return 0x0e31b800 | a << 5 | d; }            /* addv b, a.8b      */

/* Landing pads where code is reached by blr and br: the processor has BTI, which code memory then asks for. */
extern bool rl_a64_pads;

struct rl_masm;
/* masm_a64.c: v in some register, x17 unless the loop has one that keeps it. */
u32 rl_a64_constant(struct rl_masm *m, u64 v);

#endif
