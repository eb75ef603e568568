/* x86-64 encoders: pure functions from (position, operands) to the position after. No capacity checks, no state: the
 * caller has made room, with 16 bytes of slack beyond the instruction (stores may be wider than what they keep).
 * Registers are the numbers of x64_regs.h; xmm registers (16..31) go into the same fields as general ones.
 *
 * Where an instruction has two encodings the one of GNU as is used, so that tests/asm can compare bytes. */
#ifndef RL_X64_H
#define RL_X64_H

#include "jit/x64_regs.h"
#include "src/base/base.h"

typedef struct x64_cpu {
    bool avx, bmi2, lzcnt, tzcnt, popcnt, sse41;
} x64_cpu;
extern x64_cpu rl_x64_cpu; /* filled by rl_masm_detect; tests switch features off to see the fallbacks */

/* An opcode: byte, map (0: one byte, 1: 0F, 2: 0F38, 3: 0F3A), mandatory prefix (as VEX has it) and flags. */
enum { X64_NP, X64_66, X64_F3, X64_F2 };
#define X64_OP(pp, map, byte) ((u32)(byte) | (u32)(map) << 8 | (u32)(pp) << 12)
#define X64_W 0x10000u     /* 64-bit operand */
#define X64_BREG 0x20000u  /* the reg field names a byte register: spl, bpl, sil, dil need a REX prefix */
#define X64_BRM 0x40000u   /* the rm field does */
#define X64_WIDTH(w) ((u32)(w) << 16)

/* reg, r/m unless said otherwise */
enum {
    X64_MOV = 0x8b, X64_MOV_ST = 0x89, X64_MOV_ST8 = 0x88 | (int)X64_BREG, X64_MOVSXD = 0x63 | (int)X64_W,
    X64_LEA = 0x8d, X64_TEST = 0x85, X64_XCHG = 0x87,
    X64_IMUL = X64_OP(X64_NP, 1, 0xaf),
    X64_MOVZX8 = X64_OP(X64_NP, 1, 0xb6), X64_MOVZX16 = X64_OP(X64_NP, 1, 0xb7),
    X64_MOVSX8 = X64_OP(X64_NP, 1, 0xbe), X64_MOVSX16 = X64_OP(X64_NP, 1, 0xbf),
    X64_BSF = X64_OP(X64_NP, 1, 0xbc), X64_BSR = X64_OP(X64_NP, 1, 0xbd),
    X64_POPCNT = X64_OP(X64_F3, 1, 0xb8), X64_TZCNT = X64_OP(X64_F3, 1, 0xbc), X64_LZCNT = X64_OP(X64_F3, 1, 0xbd),
    X64_MOVAPS = X64_OP(X64_NP, 1, 0x28), X64_MOVUPS = X64_OP(X64_NP, 1, 0x10), X64_MOVUPS_ST = X64_OP(X64_NP, 1, 0x11),
    X64_MOVSS = X64_OP(X64_F3, 1, 0x10), X64_MOVSS_ST = X64_OP(X64_F3, 1, 0x11),
    X64_MOVSD = X64_OP(X64_F2, 1, 0x10), X64_MOVSD_ST = X64_OP(X64_F2, 1, 0x11),
    X64_ANDPS = X64_OP(X64_NP, 1, 0x54), X64_ORPS = X64_OP(X64_NP, 1, 0x56), X64_XORPS = X64_OP(X64_NP, 1, 0x57),
    X64_MOVD_IN = X64_OP(X64_66, 1, 0x6e), X64_MOVD_OUT = X64_OP(X64_66, 1, 0x7e), /* out: reg is the source */
    X64_CVTSD2SS = X64_OP(X64_F2, 1, 0x5a), X64_CVTSS2SD = X64_OP(X64_F3, 1, 0x5a),
    X64_SHLX = X64_OP(X64_66, 2, 0xf7), X64_SARX = X64_OP(X64_F3, 2, 0xf7), X64_SHRX = X64_OP(X64_F2, 2, 0xf7),
    X64_RORX = X64_OP(X64_F2, 3, 0xf0),
    X64_ROUNDSS = X64_OP(X64_66, 3, 0x0a), X64_ROUNDSD = X64_OP(X64_66, 3, 0x0b),
};
/* scalar float arithmetic: 0F with F3 (f32) or F2 (f64) */
enum { X64_FSQRT = 0x51, X64_FADD = 0x58, X64_FMUL = 0x59, X64_FSUB = 0x5c, X64_FMIN = 0x5d, X64_FDIV = 0x5e, X64_FMAX = 0x5f,
       X64_FCVTSI = 0x2a, X64_FCVTT = 0x2c };
#define X64_SCALAR(f64, byte) X64_OP((f64) ? X64_F2 : X64_F3, 1, byte)
#define X64_UCOMIS(f64) X64_OP((f64) ? X64_66 : X64_NP, 1, 0x2e)

enum { X64_ADD, X64_OR, X64_ADC, X64_SBB, X64_AND, X64_SUB, X64_XOR, X64_CMP };             /* x64_alu_* */
enum { X64_ROL, X64_ROR, X64_SHL = 4, X64_SHR = 5, X64_SAR = 7 };                           /* x64_shift_* */
enum { X64_NOT = 2, X64_NEG, X64_MUL, X64_IMUL1, X64_DIV, X64_IDIV };                       /* x64_unary */
enum { X64_O, X64_NO, X64_B, X64_AE, X64_E, X64_NE, X64_BE, X64_A, X64_S, X64_NS, X64_P, X64_NPAR, X64_L, X64_GE, X64_LE, X64_G };

/* A memory operand as the machine has it. */
typedef struct x64_mem {
    u8 base;   /* general register, X64_NONE or X64_RIP */
    u8 index;  /* general register; RL_RSP: none        */
    u8 scale;
    u8 prefix; /* X64_GS, X64_A32 */
    i32 disp;
} x64_mem;
enum { X64_NONE = 0x20, X64_RIP = 0x40 }; /* bit 3 clear: they add nothing to REX */
enum { X64_GS = 1, X64_A32 = 2 };

static inline x64_mem x64_at(u8 base, i32 disp) { return (x64_mem){ base, RL_RSP, 0, 0, disp }; }

static inline u8 *x64_put32(u8 *p, u32 v) { rl_store32(p, v); return p + 4; }
static inline u8 *x64_put64(u8 *p, u64 v) { rl_store64(p, v); return p + 8; }

/* An instruction is put together in a register and stored at once, without branches on what it contains: this is where
 * the compiler's time goes. Three parts: mandatory prefix, then REX and opcode, then ModRM and what follows. */

static inline u8 *x64_mandatory(u8 *p, u32 op) {
    u32 pp = op >> 12 & 3;
    *p = (u8)(0xf2f36600u >> (8 * pp));
    return p + (pp != 0);
}
static inline u32 x64_rex(u32 op, u32 reg, u32 index, u32 base) {
    return 0x40 | (op >> 13 & 8) | (reg >> 1 & 4) | (index >> 2 & 2) | (base >> 3 & 1);
}
/* Whether the REX byte must be there. */
static inline u32 x64_rex_used(u32 op, u32 rex, u32 reg, u32 base) {
    return rex != 0x40 || ((op & X64_BREG) && (reg & ~3u) == 4) || ((op & X64_BRM) && (base & ~3u) == 4);
}
/* Opcode bytes with their escapes, and how many they are. */
static inline u32 x64_opcode(u32 op) {
    u32 map = op >> 8 & 3, byte = op & 0xff;
    return map == 0 ? byte : map == 1 ? 0x0f | byte << 8 : (map == 2 ? 0x380fu : 0x3a0fu) | byte << 16;
}
static inline u32 x64_opcode_size(u32 op) { return 1 + (op >> 8 & 3) - ((op >> 8 & 3) == 3); }

/* Prefixes and opcode alone; the rest follows. */
static inline u8 *x64_head(u8 *p, u32 op, u32 reg, u32 index, u32 base) {
    p = x64_mandatory(p, op);
    u32 rex = x64_rex(op, reg, index, base), used = x64_rex_used(op, rex, reg, base);
    *p = (u8)rex;
    rl_store32(p + used, x64_opcode(op));
    return p + used + x64_opcode_size(op);
}

static inline u8 *x64_vex(u8 *p, u32 op, u32 reg, u32 v, u32 index, u32 base) {
    u32 pp = op >> 12 & 3, map = op >> 8 & 3;
    u32 r = (~reg & 8) << 4, x = (~index & 8) << 3, b = (~base & 8) << 2;
    u32 low = (~v & 15) << 3 | pp;
    if (map == 1 && !(op & X64_W) && x && b) {
        *p++ = 0xc5;
        *p++ = (u8)(r | low);
    } else {
        *p++ = 0xc4;
        *p++ = (u8)(r | x | b | map);
        *p++ = (u8)((op & X64_W) >> 9 | low);
    }
    *p++ = (u8)op;
    return p;
}

/* ModRM, SIB and displacement of a memory operand. */
static inline u8 *x64_modrm(u8 *p, u32 reg, x64_mem a) {
    reg = (reg & 7) << 3;
    u32 b = a.base & 7, sib = (u32)a.scale << 6 | (a.index & 7u) << 3;
    if (RL_UNLIKELY(a.base >= X64_NONE)) {
        if (a.base == X64_RIP) {
            *p++ = (u8)(reg | 5);
        } else {
            *p++ = (u8)(reg | 4);
            *p++ = (u8)(sib | 5);
        }
        return x64_put32(p, (u32)a.disp);
    }
    u32 mod = a.disp == 0 && b != 5 ? 0 : a.disp == (i8)a.disp ? 0x40 : 0x80;
    if (a.index == RL_RSP && b != 4) {
        *p++ = (u8)(mod | reg | b);
    } else {
        *p++ = (u8)(mod | reg | 4);
        *p++ = (u8)(sib | b);
    }
    rl_store32(p, (u32)a.disp);
    return p + (mod == 0 ? 0 : mod == 0x40 ? 1 : 4);
}

static inline u8 *x64_prefix(u8 *p, x64_mem a) {
    *p = 0x65;
    p += a.prefix & X64_GS;
    *p = 0x67;
    return p + (a.prefix >> 1);
}

static inline u8 *x64_rr(u8 *p, u32 op, u32 reg, u32 rm) {
    p = x64_mandatory(p, op);
    u32 rex = x64_rex(op, reg, 0, rm), used = x64_rex_used(op, rex, reg, rm), size = x64_opcode_size(op);
    u32 body = x64_opcode(op) | (0xc0 | (reg & 7) << 3 | (rm & 7)) << (8 * size);
    rl_store64(p, (u64)body << (8 * used) | (rex & -used));
    return p + used + size + 1;
}
/* The same for one opcode byte without prefix, which most are; w: 0 or 1. */
static inline u8 *x64_rr1(u8 *p, u32 opcode, u32 w, u32 reg, u32 rm) {
    u32 rex = 0x40 | w << 3 | (reg >> 1 & 4) | (rm >> 3 & 1), used = rex != 0x40;
    u32 body = opcode | (0xc0 | (reg & 7) << 3 | (rm & 7)) << 8;
    rl_store32(p, body << (8 * used) | (rex & -used));
    return p + used + 2;
}
/* The common case of x64_rm: a base register, no rip, no prefixes but the given. index: RL_RSP for none. */
static inline __attribute__((always_inline)) u8 *x64_rm_base(u8 *p, u32 op, u32 reg, u32 base, u32 index, u32 scale, i32 disp) {
    p = x64_mandatory(p, op);
    u32 rex = x64_rex(op, reg, index, base), used = x64_rex_used(op & ~X64_BRM, rex, reg, base), size = x64_opcode_size(op);
    u32 low = base & 7, sib = index != RL_RSP || low == 4, byte = disp == (i8)disp, none = disp == 0 && low != 5;
    u32 mod = none ? 0 : byte ? 0x40 : 0x80, disp_size = none ? 0 : byte ? 1 : 4;
    u32 modrm = mod | (reg & 7) << 3 | (sib ? 4 : low) | (scale << 14 | (index & 7) << 11 | low << 8);
    u64 body = x64_opcode(op) | (u64)modrm << (8 * size);
    rl_store64(p, body << (8 * used) | (rex & -used));
    p += used + size + 1 + sib;
    rl_store32(p, (u32)disp);
    return p + disp_size;
}
static inline u8 *x64_rm(u8 *p, u32 op, u32 reg, x64_mem a) {
    p = x64_prefix(p, a);
    if (RL_LIKELY(a.base < X64_NONE)) return x64_rm_base(p, op, reg, a.base, a.index, a.scale, a.disp);
    p = x64_head(p, op, reg, a.index, a.base);
    return x64_modrm(p, reg, a);
}
/* Plain moves to and from memory, taken apart beforehand: what the compiler writes most. */
typedef struct x64_row {
    u8 prefix, prefixed; /* mandatory prefix, if any                           */
    u8 rex;              /* 0x40, with W                                       */
    u8 byte;             /* 1: spl, bpl, sil, dil need a REX prefix            */
    u16 opcode;          /* with its escape byte                               */
    u8 bits;             /* of the opcode                                      */
} x64_row;

/* REX, opcode, ModRM and SIB (`tail`, of `size` bytes), then the displacement (`disp_size` of its bytes). */
static inline __attribute__((always_inline)) u8 *x64_row_put(u8 *p, const x64_row *o, u32 reg, u32 rex, u32 tail, u32 size, u32 disp, u32 disp_size) {
    *p = o->prefix;
    p += o->prefixed;
    rex |= o->rex | (reg >> 1 & 4);
    u32 used = rex != 0x40 || (o->byte && (reg & ~3u) == 4);
    *p = (u8)rex;
    p += used;
    rl_store32(p, o->opcode | (tail | (reg & 7) << 3) << o->bits);
    p += size + (o->bits >> 3);
    rl_store32(p, disp);
    return p + disp_size;
}
static inline __attribute__((always_inline)) u8 *x64_access_frame(u8 *p, const x64_row *o, u32 reg, i32 at) {
    u32 disp = (u32)(at < 0 ? -at : at), small = disp < 128;
    u32 tail = (small ? 0x40 : 0x80) | (at < 0 ? 5 : 0x2404);
    if (!at) tail = 0x2404;
    return x64_row_put(p, o, reg, 0, tail, at < 0 ? 1 : 2, disp, !at ? 0 : small ? 1 : 4);
}
static inline __attribute__((always_inline)) u8 *x64_access(u8 *p, const x64_row *o, u32 reg, x64_mem a) {
    p = x64_prefix(p, a);
    u32 rex = (a.index >> 2 & 2) | (a.base >> 3 & 1), low = a.base & 7, tail, size, disp_size;
    if (RL_UNLIKELY(a.base >= X64_NONE)) {
        tail = a.base == X64_RIP ? 5 : 0x504 | (u32)a.scale << 14 | (a.index & 7u) << 11;
        size = a.base == X64_RIP ? 1 : 2;
        return x64_row_put(p, o, reg, rex, tail, size, (u32)a.disp, 4);
    }
    u32 none = a.disp == 0 && low != 5, small = a.disp == (i8)a.disp;
    disp_size = none ? 0 : small ? 1 : 4;
    if (a.index == RL_RSP && low != 4) tail = low, size = 1;
    else tail = 4 | low << 8 | (u32)a.scale << 14 | (a.index & 7u) << 11, size = 2;
    tail |= none ? 0 : small ? 0x40 : 0x80;
    return x64_row_put(p, o, reg, rex, tail, size, (u32)a.disp, disp_size);
}
/* Base register and displacement. */
static inline __attribute__((always_inline)) u8 *x64_access_base(u8 *p, const x64_row *o, u32 reg, u32 base, i32 disp) {
    u32 low = base & 7, none = disp == 0 && low != 5, small = disp == (i8)disp, sib = low == 4;
    u32 tail = low | (none ? 0 : small ? 0x40 : 0x80) | (sib ? 0x2400 : 0);
    return x64_row_put(p, o, reg, base >> 3 & 1, tail, 1 + sib, (u32)disp, none ? 0 : small ? 1 : 4);
}
/* VEX, 128 bits or scalar: reg = v op rm */
static inline u8 *x64_vrr(u8 *p, u32 op, u32 reg, u32 v, u32 rm) {
    p = x64_vex(p, op, reg, v, 0, rm);
    *p = (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
    return p + 1;
}
static inline u8 *x64_vrm(u8 *p, u32 op, u32 reg, u32 v, x64_mem a) {
    p = x64_prefix(p, a);
    p = x64_vex(p, op, reg, v, a.index, a.base);
    return x64_modrm(p, reg, a);
}

/* ---- moves ---- */
static inline u8 *x64_mov_rr(u8 *p, u32 w, u32 d, u32 s) { return x64_rr1(p, X64_MOV_ST, w, s, d); }
/* d = imm, 64 bits: the shortest of the three forms. Flags survive. */
static inline u8 *x64_movi(u8 *p, u32 d, u64 imm) {
    if (RL_LIKELY(imm <= UINT32_MAX)) {
        p = x64_head(p, 0xb8 | (d & 7), 0, 0, d);
        return x64_put32(p, (u32)imm);
    }
    if ((i64)imm == (i32)imm) {
        p = x64_rr(p, 0xc7 | X64_W, 0, d);
        return x64_put32(p, (u32)imm);
    }
    p = x64_head(p, 0xb8 | (d & 7) | X64_W, 0, 0, d);
    return x64_put64(p, imm);
}
static inline u8 *x64_movabs(u8 *p, u32 d, u64 imm) { return x64_put64(x64_head(p, 0xb8 | (d & 7) | X64_W, 0, 0, d), imm); }
static inline u8 *x64_ld(u8 *p, u32 w, u32 d, x64_mem a) { return x64_rm(p, X64_MOV | X64_WIDTH(w), d, a); }
static inline u8 *x64_st(u8 *p, u32 w, u32 s, x64_mem a) { return x64_rm(p, X64_MOV_ST | X64_WIDTH(w), s, a); }
static inline u8 *x64_st_i32(u8 *p, u32 w, i32 imm, x64_mem a) {
    return x64_put32(x64_rm(p, 0xc7 | X64_WIDTH(w), 0, a), (u32)imm);
}
static inline u8 *x64_st_i16(u8 *p, i32 imm, x64_mem a) {
    p = x64_rm(p, X64_OP(X64_66, 0, 0xc7), 0, a);
    rl_store32(p, (u32)imm);
    return p + 2;
}
static inline u8 *x64_st_i8(u8 *p, i32 imm, x64_mem a) {
    p = x64_rm(p, 0xc6, 0, a);
    *p = (u8)imm;
    return p + 1;
}
static inline u8 *x64_lea(u8 *p, u32 w, u32 d, x64_mem a) { return x64_rm(p, X64_LEA | X64_WIDTH(w), d, a); }
static inline u8 *x64_xchg(u8 *p, u32 a, u32 b) {
    if (a == RL_RAX || b == RL_RAX) return x64_head(p, 0x90 | ((a | b) & 7) | X64_W, 0, 0, a | b);
    return x64_rr(p, X64_XCHG | X64_W, b, a);
}
static inline u8 *x64_push(u8 *p, u32 r) { return x64_head(p, 0x50 | (r & 7), 0, 0, r); }
static inline u8 *x64_pop(u8 *p, u32 r) { return x64_head(p, 0x58 | (r & 7), 0, 0, r); }

/* ---- integers ---- */
static inline u8 *x64_alu_rr(u8 *p, u32 n, u32 w, u32 d, u32 s) { return x64_rr1(p, n << 3 | 1, w, s, d); }
static inline u8 *x64_alu_rm(u8 *p, u32 n, u32 w, u32 d, x64_mem a) { return x64_rm(p, (n << 3 | 3) | X64_WIDTH(w), d, a); }
static inline u8 *x64_alu_ri(u8 *p, u32 n, u32 w, u32 d, i32 imm) {
    if (imm == (i8)imm) {
        p = x64_rr1(p, 0x83, w, n, d);
        *p = (u8)imm;
        return p + 1;
    }
    if (d == RL_RAX) p = x64_head(p, (n << 3 | 5) | X64_WIDTH(w), 0, 0, 0);
    else p = x64_rr1(p, 0x81, w, n, d);
    return x64_put32(p, (u32)imm);
}
static inline u8 *x64_alu_mi(u8 *p, u32 n, u32 w, x64_mem a, i32 imm) {
    if (imm == (i8)imm) {
        p = x64_rm(p, 0x83 | X64_WIDTH(w), n, a);
        *p = (u8)imm;
        return p + 1;
    }
    return x64_put32(x64_rm(p, 0x81 | X64_WIDTH(w), n, a), (u32)imm);
}
static inline u8 *x64_unary(u8 *p, u32 n, u32 w, u32 d) { return x64_rr(p, 0xf7 | X64_WIDTH(w), n, d); }
static inline u8 *x64_shift_i(u8 *p, u32 n, u32 w, u32 d, u32 count) {
    if (count == 1) return x64_rr(p, 0xd1 | X64_WIDTH(w), n, d);
    p = x64_rr(p, 0xc1 | X64_WIDTH(w), n, d);
    *p = (u8)count;
    return p + 1;
}
static inline u8 *x64_shift_cl(u8 *p, u32 n, u32 w, u32 d) { return x64_rr(p, 0xd3 | X64_WIDTH(w), n, d); }
static inline u8 *x64_imul_i(u8 *p, u32 w, u32 d, u32 a, i32 imm) {
    if (imm == (i8)imm) {
        p = x64_rr(p, 0x6b | X64_WIDTH(w), d, a);
        *p = (u8)imm;
        return p + 1;
    }
    return x64_put32(x64_rr(p, 0x69 | X64_WIDTH(w), d, a), (u32)imm);
}
static inline u8 *x64_rorx(u8 *p, u32 w, u32 d, u32 a, u32 count) {
    p = x64_vrr(p, X64_RORX | X64_WIDTH(w), d, 0, a);
    *p = (u8)count;
    return p + 1;
}
static inline u8 *x64_test_rr(u8 *p, u32 w, u32 a, u32 b) { return x64_rr1(p, X64_TEST, w, b, a); }
static inline u8 *x64_test_i(u8 *p, u32 w, u32 a, i32 imm) {
    if (a == RL_RAX) p = x64_head(p, 0xa9 | X64_WIDTH(w), 0, 0, 0);
    else p = x64_rr1(p, 0xf7, w, 0, a);
    return x64_put32(p, (u32)imm);
}
static inline u8 *x64_test_i8(u8 *p, u32 a, u32 imm) {
    if (a == RL_RAX) *p++ = 0xa8;
    else p = x64_rr(p, 0xf6 | X64_BRM, 0, a);
    *p = (u8)imm;
    return p + 1;
}
static inline u8 *x64_btc_i(u8 *p, u32 w, u32 d, u32 bit) {
    p = x64_rr(p, X64_OP(X64_NP, 1, 0xba) | X64_WIDTH(w), 7, d);
    *p = (u8)bit;
    return p + 1;
}
static inline u8 *x64_cdq(u8 *p, u32 w) { return x64_head(p, 0x99 | X64_WIDTH(w), 0, 0, 0); }
static inline u8 *x64_setcc(u8 *p, u32 cond, u32 d) { return x64_rr(p, X64_OP(X64_NP, 1, 0x90 | cond) | X64_BRM, 0, d); }
static inline u8 *x64_cmov(u8 *p, u32 cond, u32 w, u32 d, u32 s) {
    return x64_rr(p, X64_OP(X64_NP, 1, 0x40 | cond) | X64_WIDTH(w), d, s);
}
static inline u8 *x64_cmov_m(u8 *p, u32 cond, u32 w, u32 d, x64_mem a) {
    return x64_rm(p, X64_OP(X64_NP, 1, 0x40 | cond) | X64_WIDTH(w), d, a);
}

/* ---- vectors by constant: n is X64_SHR >> 0 ... 2 = right, 6 = left ---- */
static inline u8 *x64_vshift_i(u8 *p, bool f64, bool left, u32 d, u32 count) {
    p = x64_rr(p, X64_OP(X64_66, 1, f64 ? 0x73 : 0x72), left ? 6 : 2, d);
    *p = (u8)count;
    return p + 1;
}

/* ---- control ---- */
static inline u8 *x64_jcc8(u8 *p, u32 cond, i32 rel) {
    *p++ = (u8)(0x70 | cond);
    *p++ = (u8)rel;
    return p;
}
static inline u8 *x64_jcc32(u8 *p, u32 cond, u32 rel) {
    *p++ = 0x0f;
    *p++ = (u8)(0x80 | cond);
    return x64_put32(p, rel);
}
static inline u8 *x64_jmp8(u8 *p, i32 rel) {
    *p++ = 0xeb;
    *p++ = (u8)rel;
    return p;
}
static inline u8 *x64_jmp32(u8 *p, u32 rel) {
    *p++ = 0xe9;
    return x64_put32(p, rel);
}
static inline u8 *x64_call32(u8 *p, u32 rel) {
    *p++ = 0xe8;
    return x64_put32(p, rel);
}
static inline u8 *x64_call_r(u8 *p, u32 r) { return x64_rr(p, 0xff, 2, r); }
static inline u8 *x64_jmp_r(u8 *p, u32 r) { return x64_rr(p, 0xff, 4, r); }
static inline u8 *x64_call_m(u8 *p, x64_mem a) { return x64_rm(p, 0xff, 2, a); }
static inline u8 *x64_jmp_m(u8 *p, x64_mem a) { return x64_rm(p, 0xff, 4, a); }
static inline u8 *x64_ret(u8 *p) { *p = 0xc3; return p + 1; }
static inline u8 *x64_leave(u8 *p) { *p = 0xc9; return p + 1; }
static inline u8 *x64_ud2(u8 *p) { *p++ = 0x0f; *p++ = 0x0b; return p; }
static inline u8 *x64_wrgsbase(u8 *p, u32 r) { return x64_rr(p, X64_OP(X64_F3, 1, 0xae) | X64_W, 3, r); }
/* Lets the jump of two bytes that ends at `after` (x64_jcc8, x64_jmp8) land at p. */
static inline void x64_land(u8 *after, const u8 *p) {
    rl_check(p - after <= 127);
    after[-1] = (u8)(p - after);
}
/* n bytes of the recommended long no-ops */
static inline u8 *x64_nops(u8 *p, u32 n) {
    static const u8 nop[9][9] = {
        { 0x90 }, { 0x66, 0x90 }, { 0x0f, 0x1f, 0x00 }, { 0x0f, 0x1f, 0x40, 0x00 }, { 0x0f, 0x1f, 0x44, 0x00, 0x00 },
        { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 }, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, { 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 },
        { 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 } };
    while (n > 0) {
        u32 k = n < 9 ? n : 9;
        memcpy(p, nop[k - 1], k);
        p += k;
        n -= k;
    }
    return p;
}

#endif
