/* The macro-assembler's x86-64 body: turns the operations of masm.h into instructions, choosing encodings by operand
 * and by the CPU's features (BMI2 shifts, AVX three-operand floats, LZCNT/TZCNT; POPCNT and SSE4.1 are required).
 *
 * Invariant: the only registers written besides the named ones are RL_REG_TMP and RL_REG_FTMP, and every 32-bit result
 * leaves the upper half zero, because only 32-bit operations write it. Upper halves of vector registers are never
 * dirtied, so VEX and legacy forms mix freely: legacy where destination and first source agree (shorter), VEX where
 * they differ. A rl_masm belongs to one thread; the feature record is written once, before all.
 *
 * Not taken: a table-driven assembler (every emission would pay for decoding the row), and short forward branches
 * (2.7 % of size for a second pass). Short jumps inside one operation are the exception: both ends are at hand. */
#include "jit/masm.h"

#include "jit/stub.h"
#include "jit/x64.h"

#define TMP RL_REG_TMP
#define FTMP RL_REG_FTMP

x64_cpu rl_x64_cpu;

/* ---- buffer ---- */

void rl_masm_align(rl_masm *m, u32 to) {
    u32 pos = rl_masm_pos(m);
    m->p = x64_nops(m->p, (u32)rl_align(pos, to) - pos);
}

/* ---- constant pool ---- */

/* Two equal neighbours, 16-byte aligned: a mask for a whole vector register. */
static u32 pool_mask(rl_masm *m, u64 bits) {
    u32 first = m->pool_count > RL_POOL_SCAN ? (m->pool_count - RL_POOL_SCAN) & ~1u : 0;
    for (u32 i = first; i + 1 < m->pool_count; i += 2)
        if (m->pool[i] == bits && m->pool[i + 1] == bits) return i;
    for (u32 n = 2 + (m->pool_count & 1); n > 0; n--) {
        if (!rl_masm_more(m, &m->pool, m->pool_count, &m->pool_cap, sizeof *m->pool)) return 0;
        m->pool[m->pool_count++] = bits;
    }
    return m->pool_count - 2;
}

/* The displacement just written (the last 4 bytes before p) refers to this entry. */
static void pool_used(rl_masm *m, u8 *p, u32 entry) { rl_masm_pool_use(m, (u32)(p - m->base) - 4, entry); }

static const x64_mem rip = { X64_RIP, RL_RSP, 0, 0, 0 };

/* ---- memory operands ---- */

/* Linear memory: where its base comes from depends on the flavour. Flags survive. */
static x64_mem resolve_linear(rl_masm *m, rl_mem a) {
    x64_mem r = { a.base == RL_NOREG ? X64_NONE : a.base, a.index == RL_NOREG ? RL_RSP : a.index, a.scale, 0, (i32)a.disp };
    if (a.wrap32) {
        r.prefix = X64_GS | X64_A32;
        return r;
    }
    if (RL_UNLIKELY(a.disp > INT32_MAX)) {
        m->p = x64_movi(m->p, TMP, (u64)a.disp);
        if (a.base != RL_NOREG) m->p = x64_lea(m->p, 1, TMP, (x64_mem){ TMP, a.base, 0, 0, 0 });
        r.base = TMP;
        r.disp = 0;
    }
    if (m->flavour == RL_FLAVOUR_GUARDED_GS) {
        r.prefix = X64_GS;
        return r;
    }
    if (r.base == X64_NONE) r.base = RL_REG_BASE;
    else r.index = RL_REG_BASE; /* r13 as base would cost a displacement */
    return r;
}

static inline x64_mem resolve(rl_masm *m, rl_mem a) {
    if (a.linear) return resolve_linear(m, a);
    return (x64_mem){ a.base == RL_NOREG ? X64_NONE : a.base, a.index == RL_NOREG ? RL_RSP : a.index, a.scale, 0, (i32)a.disp };
}

/* Resolves and notes the position of the instruction that follows. */
static inline x64_mem touch(rl_masm *m, rl_mem a) {
    x64_mem r = resolve(m, a);
    m->fault = rl_masm_pos(m);
    return r;
}

/* ---- queries ---- */

static inline bool fits32(i64 imm) { return imm == (i32)imm; }

bool rl_masm_imm_ok(rl_bin op, rl_width w, i64 imm) {
    if (w == RL_W32 || op >= RL_BIN_SHL || fits32(imm)) return true;
    if (op == RL_BIN_AND) return (u64)imm <= UINT32_MAX;
    return op == RL_BIN_MUL && rl_is_pow2((u64)imm);
}
bool rl_masm_cmp_imm_ok(rl_width w, i64 imm) { return w == RL_W32 || fits32(imm); }
bool rl_masm_st_imm_ok(rl_ldst kind, i64 imm) {
    return kind == RL_ST_64 ? fits32(imm) : kind >= RL_ST_8 && kind <= RL_ST_32;
}
bool rl_masm_needs_count(rl_bin op) {
    return op == RL_BIN_ROTL || op == RL_BIN_ROTR || (op >= RL_BIN_SHL && !rl_x64_cpu.bmi2);
}
bool rl_masm_div_fixed(void) { return true; }
bool rl_masm_has_memops(void) { return true; }
bool rl_masm_can_wrap32(const rl_masm *m) { return m->flavour == RL_FLAVOUR_GUARDED_GS; }
bool rl_masm_lea_ok(u8 scale) { return scale <= 3; }
void rl_masm_assume_all(bool pads) {
    (void)pads;
    rl_x64_cpu = (x64_cpu){ .avx = true, .bmi2 = true, .tzcnt = true, .lzcnt = true, .popcnt = true, .sse41 = true };
}

/* ---- moves and memory ---- */

void rl_masm_mov(rl_masm *m, rl_width w, u8 d, u8 s) {
    if (d != s) m->p = x64_mov_rr(m->p, w, d, s);
}
void rl_masm_movi(rl_masm *m, rl_width w, u8 d, u64 imm) { m->p = x64_movi(m->p, d, w == RL_W32 ? (u32)imm : imm); }
void rl_masm_xchg(rl_masm *m, u8 a, u8 b) {
    if (a != b) m->p = x64_xchg(m->p, a, b);
}
void rl_masm_fmov(rl_masm *m, rl_type t, u8 d, u8 s) {
    (void)t;
    if (d != s) m->p = x64_rr(m->p, X64_MOVAPS, d, s);
}
void rl_masm_fmovi(rl_masm *m, rl_type t, u8 d, u64 bits) {
    if (t == RL_F32) bits = (u32)bits;
    if (!bits) {
        m->p = x64_rr(m->p, X64_XORPS, d, d);
        return;
    }
    m->p = x64_rm(m->p, t == RL_F32 ? X64_MOVSS : X64_MOVSD, d, rip);
    pool_used(m, m->p, rl_masm_pool_entry(m, bits));
}

#define ROW(op) { (u8)(0xf2f36600u >> (8 * ((op) >> 12 & 3))), ((op) >> 12 & 3) != 0, 0x40 | ((op) >> 13 & 8), ((op) & X64_BREG) != 0, \
                  (op) >> 8 & 3 ? 0x0f | ((op) & 0xff) << 8 : (op) & 0xff, 8 * (1 + ((op) >> 8 & 3)) }
static const x64_row ldst_row[] = {
    [RL_LD_8U_32] = ROW(X64_MOVZX8), [RL_LD_8S_32] = ROW(X64_MOVSX8), [RL_LD_16U_32] = ROW(X64_MOVZX16),
    [RL_LD_16S_32] = ROW(X64_MOVSX16), [RL_LD_32] = ROW(X64_MOV), [RL_LD_8U_64] = ROW(X64_MOVZX8),
    [RL_LD_8S_64] = ROW(X64_MOVSX8 | X64_W), [RL_LD_16U_64] = ROW(X64_MOVZX16), [RL_LD_16S_64] = ROW(X64_MOVSX16 | X64_W),
    [RL_LD_32U_64] = ROW(X64_MOV), [RL_LD_32S_64] = ROW(X64_MOVSXD), [RL_LD_64] = ROW(X64_MOV | X64_W),
    [RL_LD_F32] = ROW(X64_MOVSS), [RL_LD_F64] = ROW(X64_MOVSD), [RL_LD_V128] = ROW(X64_MOVUPS),
    [RL_ST_8] = ROW(X64_MOV_ST8), [RL_ST_16] = ROW(X64_OP(X64_66, 0, X64_MOV_ST)), [RL_ST_32] = ROW(X64_MOV_ST),
    [RL_ST_64] = ROW(X64_MOV_ST | X64_W), [RL_ST_F32] = ROW(X64_MOVSS_ST), [RL_ST_F64] = ROW(X64_MOVSD_ST),
    [RL_ST_V128] = ROW(X64_MOVUPS_ST) };
#undef ROW

/* A load, store or operation with memory. Plain bases, and linear memory by way of the segment, need no help. */
static inline __attribute__((always_inline)) void access_mem(rl_masm *m, u32 op, u8 reg, rl_mem a) {
    bool plain = !a.linear || (m->flavour == RL_FLAVOUR_GUARDED_GS && (a.wrap32 || a.disp <= INT32_MAX));
    if (RL_LIKELY(plain && a.base != RL_NOREG)) {
        u8 *p = m->p;
        m->fault = rl_masm_pos(m);
        *p = 0x65;
        p += a.linear;
        *p = 0x67;
        p += a.wrap32;
        m->p = x64_rm_base(p, op, reg, a.base, a.index == RL_NOREG ? RL_RSP : a.index, a.scale, (i32)a.disp);
        return;
    }
    x64_mem r = touch(m, a);
    m->p = x64_rm(m->p, op, reg, r);
}

void rl_masm_ld(rl_masm *m, rl_ldst kind, u8 d, rl_mem a) {
    if (RL_LIKELY(!a.linear && a.index == RL_NOREG && a.base != RL_NOREG)) {
        m->fault = rl_masm_pos(m);
        m->p = x64_access_base(m->p, &ldst_row[kind], d, a.base, (i32)a.disp);
        return;
    }
    x64_mem r = touch(m, a);
    m->p = x64_access(m->p, &ldst_row[kind], d, r);
}
void rl_masm_st(rl_masm *m, rl_ldst kind, u8 s, rl_mem a) { rl_masm_ld(m, kind, s, a); } /* rows say which way */
void rl_masm_ld_linear(rl_masm *m, rl_ldst kind, u8 d, u8 base, i32 disp) {
    m->fault = rl_masm_pos(m);
    if (RL_LIKELY(m->flavour == RL_FLAVOUR_GUARDED_GS)) {
        *m->p = 0x65;
        m->p = x64_access_base(m->p + 1, &ldst_row[kind], d, base, disp);
    } else {
        m->p = x64_access(m->p, &ldst_row[kind], d, (x64_mem){ base, RL_REG_BASE, 0, 0, disp }); /* r13 as base would cost a displacement */
    }
}
void rl_masm_st_linear(rl_masm *m, rl_ldst kind, u8 s, u8 base, i32 disp) { rl_masm_ld_linear(m, kind, s, base, disp); }
void rl_masm_ld_frame(rl_masm *m, rl_ldst kind, u8 d, i32 at) { m->p = x64_access_frame(m->p, &ldst_row[kind], d, at); }
void rl_masm_st_frame(rl_masm *m, rl_ldst kind, u8 s, i32 at) { rl_masm_ld_frame(m, kind, s, at); }
void rl_masm_st_imm(rl_masm *m, rl_ldst kind, i32 imm, rl_mem a) {
    x64_mem r = touch(m, a);
    if (kind == RL_ST_8) m->p = x64_st_i8(m->p, imm, r);
    else if (kind == RL_ST_16) m->p = x64_st_i16(m->p, imm, r);
    else m->p = x64_st_i32(m->p, kind == RL_ST_64, imm, r);
}
void rl_masm_lea(rl_masm *m, rl_width w, u8 d, rl_mem a) {
    if (a.base == RL_NOREG && a.scale <= 1) { /* an index alone takes a long displacement; as base it needs none */
        a.base = a.index;
        if (!a.scale) a.index = RL_NOREG;
        a.scale = 0;
    }
    if (a.index == RL_NOREG && !(i32)a.disp) {
        if (d != a.base) m->p = x64_mov_rr(m->p, w, d, a.base);
        return;
    }
    if (!(i32)a.disp && !a.scale && (a.base & 7) == 5) { /* rbp, r13 as base need a displacement, as index not */
        u8 t = a.base;
        a.base = a.index;
        a.index = t;
    }
    if (RL_LIKELY(a.base != RL_NOREG))
        m->p = x64_rm_base(m->p, X64_LEA | X64_WIDTH(w), d, a.base, a.index == RL_NOREG ? RL_RSP : a.index, a.scale, (i32)a.disp);
    else
        m->p = x64_lea(m->p, w, d, resolve(m, a));
}

/* ---- integers ---- */

static const u8 alu_of[] = { [RL_BIN_ADD] = X64_ADD, [RL_BIN_SUB] = X64_SUB, [RL_BIN_AND] = X64_AND,
                             [RL_BIN_OR] = X64_OR, [RL_BIN_XOR] = X64_XOR };
static const u8 shift_of[] = { [RL_BIN_SHL] = X64_SHL, [RL_BIN_SHR_S] = X64_SAR, [RL_BIN_SHR_U] = X64_SHR,
                               [RL_BIN_ROTL] = X64_ROL, [RL_BIN_ROTR] = X64_ROR };
static const u32 shiftx_of[] = { [RL_BIN_SHL] = X64_SHLX, [RL_BIN_SHR_S] = X64_SARX, [RL_BIN_SHR_U] = X64_SHRX };

static inline u8 *mov_if(u8 *p, u32 w, u32 d, u32 s) { return d == s ? p : x64_mov_rr(p, w, d, s); }
static inline u8 *fmov_if(u8 *p, u32 d, u32 s) { return d == s ? p : x64_rr(p, X64_MOVAPS, d, s); }

/* d = a + b without a flag written */
static u8 *lea_add(u8 *p, u32 w, u8 d, u8 a, u8 b) {
    bool swap = (a & 7) == 5; /* rbp, r13 as base need a displacement, as index not */
    return x64_rm_base(p, X64_LEA | X64_WIDTH(w), d, swap ? b : a, swap ? a : b, 0, 0);
}

static u8 *alu2(u8 *p, rl_bin op, rl_width w, u8 d, u8 s) {
    if (op == RL_BIN_MUL) return x64_rr(p, X64_IMUL | X64_WIDTH(w), d, s);
    return x64_alu_rr(p, alu_of[op], w, d, s);
}

static u8 *shift(u8 *p, rl_bin op, rl_width w, u8 d, u8 a, u8 b) {
    if (rl_x64_cpu.bmi2 && op <= RL_BIN_SHR_U) return x64_vrr(p, shiftx_of[op] | X64_WIDTH(w), d, b, a);
    return x64_shift_cl(mov_if(p, w, d, a), shift_of[op], w, d);
}

void rl_masm_bin(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, u8 b) {
    u8 *p = m->p;
    if (op >= RL_BIN_SHL) {
        m->p = shift(p, op, w, d, a, b);
        return;
    }
    if (d == a) {
        m->p = alu2(p, op, w, d, b);
    } else if (d == b) {
        if (op != RL_BIN_SUB) {
            m->p = alu2(p, op, w, d, a);
        } else {
            p = x64_unary(p, X64_NEG, w, d);
            m->p = x64_alu_rr(p, X64_ADD, w, d, a);
        }
    } else if (op == RL_BIN_ADD) {
        m->p = lea_add(p, w, d, a, b);
    } else {
        m->p = alu2(x64_mov_rr(p, w, d, a), op, w, d, b);
    }
}

static u8 *addi(u8 *p, rl_width w, u8 d, u8 a, i64 imm) {
    if (imm == 0) return mov_if(p, w, d, a);
    if (d == a) {
        if (imm == 128 || imm > INT32_MAX) return x64_alu_ri(p, X64_SUB, w, d, (i32)-imm); /* fits in 8, 32 bits */
        return x64_alu_ri(p, X64_ADD, w, d, (i32)imm);
    }
    if (imm > INT32_MAX) return x64_alu_ri(x64_mov_rr(p, w, d, a), X64_SUB, w, d, INT32_MIN);
    return x64_rm_base(p, X64_LEA | X64_WIDTH(w), d, a, RL_RSP, 0, (i32)imm);
}

static u8 *andi(u8 *p, rl_width w, u8 d, u8 a, i64 imm) {
    if (w == RL_W32) imm = (u32)imm;
    if (imm == 0xff) return x64_rr(p, X64_MOVZX8 | X64_BRM, d, a);
    if (imm == 0xffff) return x64_rr(p, X64_MOVZX16, d, a);
    if (imm == -1 || (w == RL_W32 && imm == 0xffffffff)) return mov_if(p, w, d, a);
    if (imm == 0xffffffff) return x64_mov_rr(p, 0, d, a);
    if (imm >= 0) w = RL_W32; /* the upper half becomes zero either way */
    return x64_alu_ri(mov_if(p, w, d, a), X64_AND, w, d, (i32)imm);
}

static u8 *muli(u8 *p, rl_width w, u8 d, u8 a, i64 imm) {
    u64 u = w == RL_W32 ? (u32)imm : (u64)imm;
    if (u == 0) return x64_movi(p, d, 0);
    if (u == 3 || u == 5 || u == 9) {
        if ((a & 7) != 5) return x64_lea(p, w, d, (x64_mem){ a, a, (u8)__builtin_ctz((u32)u - 1), 0, 0 });
    } else if (rl_is_pow2(u)) {
        u32 k = (u32)__builtin_ctzll(u);
        if (k == 1 && d != a) return lea_add(p, w, d, a, a);
        p = mov_if(p, w, d, a);
        return k == 0 ? p : k == 1 ? x64_alu_rr(p, X64_ADD, w, d, d) : x64_shift_i(p, X64_SHL, w, d, k);
    }
    return x64_imul_i(p, w, d, a, (i32)imm);
}

static u8 *shifti(u8 *p, rl_bin op, rl_width w, u8 d, u8 a, u32 k) {
    u32 bits = w == RL_W64 ? 64 : 32;
    k &= bits - 1;
    if (k == 0) return mov_if(p, w, d, a);
    if (op == RL_BIN_SHL && k == 1) return d == a ? x64_alu_rr(p, X64_ADD, w, d, d) : lea_add(p, w, d, a, a);
    if (op >= RL_BIN_ROTL && d != a && rl_x64_cpu.bmi2) return x64_rorx(p, w, d, a, op == RL_BIN_ROTR ? k : bits - k);
    return x64_shift_i(mov_if(p, w, d, a), shift_of[op], w, d, k);
}

void rl_masm_bini(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, i64 imm) {
    u8 *p = m->p;
    if (w == RL_W32) imm = (i32)imm;
    switch (op) {
    case RL_BIN_ADD: m->p = addi(p, w, d, a, imm); break;
    case RL_BIN_SUB: m->p = addi(p, w, d, a, w == RL_W32 ? (i32)-imm : -imm); break;
    case RL_BIN_AND: m->p = andi(p, w, d, a, imm); break;
    case RL_BIN_MUL: m->p = muli(p, w, d, a, imm); break;
    case RL_BIN_OR:
    case RL_BIN_XOR:
        p = mov_if(p, w, d, a);
        if (op == RL_BIN_XOR && imm == -1) m->p = x64_unary(p, X64_NOT, w, d);
        else m->p = imm ? x64_alu_ri(p, alu_of[op], w, d, (i32)imm) : p;
        break;
    default: m->p = shifti(p, op, w, d, a, (u32)imm); break;
    }
}

void rl_masm_binm(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, rl_mem b) {
    if (d != a && (d == b.base || d == b.index)) { /* the address would be overwritten before it is used */
        rl_masm_ld(m, w == RL_W64 ? RL_LD_64 : RL_LD_32, TMP, b);
        rl_masm_bin(m, op, w, d, a, TMP);
        return;
    }
    m->p = mov_if(m->p, w, d, a);
    access_mem(m, op == RL_BIN_MUL ? X64_IMUL | X64_WIDTH(w) : (u32)(alu_of[op] << 3 | 3) | X64_WIDTH(w), d, b);
}

void rl_masm_neg(rl_masm *m, rl_width w, u8 d, u8 a) { m->p = x64_unary(mov_if(m->p, w, d, a), X64_NEG, w, d); }

/* bsr and bsf leave the destination undefined for zero. */
static u8 *clz_slow(u8 *p, rl_width w, u8 d, u8 a) {
    p = x64_movi(p, TMP, w == RL_W64 ? 127 : 63);
    p = x64_rr(p, X64_BSR | X64_WIDTH(w), d, a);
    p = x64_cmov(p, X64_E, 0, d, TMP);
    return x64_alu_ri(p, X64_XOR, 0, d, w == RL_W64 ? 63 : 31);
}
static u8 *ctz_slow(u8 *p, rl_width w, u8 d, u8 a) {
    p = x64_movi(p, TMP, w == RL_W64 ? 64 : 32);
    p = x64_rr(p, X64_BSF | X64_WIDTH(w), d, a);
    return x64_cmov(p, X64_E, 0, d, TMP);
}

void rl_masm_un(rl_masm *m, rl_un op, rl_width w, u8 d, u8 a) {
    u8 *p = m->p;
    u32 wide = X64_WIDTH(w);
    switch (op) {
    case RL_UN_CLZ: m->p = rl_x64_cpu.lzcnt ? x64_rr(p, X64_LZCNT | wide, d, a) : clz_slow(p, w, d, a); break;
    case RL_UN_CTZ: m->p = rl_x64_cpu.tzcnt ? x64_rr(p, X64_TZCNT | wide, d, a) : ctz_slow(p, w, d, a); break;
    case RL_UN_POPCNT: m->p = x64_rr(p, X64_POPCNT | wide, d, a); break;
    case RL_UN_SX8: m->p = x64_rr(p, X64_MOVSX8 | X64_BRM | wide, d, a); break;
    case RL_UN_SX16: m->p = x64_rr(p, X64_MOVSX16 | wide, d, a); break;
    case RL_UN_SX32: m->p = x64_rr(p, X64_MOVSXD, d, a); break;
    case RL_UN_ZX32: m->p = x64_mov_rr(p, 0, d, a); break;
    }
}

/* ---- labels ---- */

/* Writes the displacement of a jump whose opcode has just been written: final, or a link of the label's chain. */
static u8 *use_label(rl_masm *m, u8 *p, rl_label *l) {
    u32 at = (u32)(p - m->base);
    if (l->pos >= 0) return x64_put32(p, (u32)l->pos - (at + 4));
    p = x64_put32(p, l->chain);
    l->chain = at;
    return p;
}

static u8 *jump(rl_masm *m, u8 *p, rl_label *l) {
    i32 rel = l->pos - (i32)(p - m->base) - 2;
    if (l->pos >= 0 && rel >= -128) return x64_jmp8(p, rel);
    *p++ = 0xe9;
    return use_label(m, p, l);
}
static u8 *jump_cond(rl_masm *m, u8 *p, u32 cond, rl_label *l) {
    i32 rel = l->pos - (i32)(p - m->base) - 2;
    if (l->pos >= 0 && rel >= -128) return x64_jcc8(p, cond, rel);
    *p++ = 0x0f;
    *p++ = (u8)(0x80 | cond);
    return use_label(m, p, l);
}

/* ---- division ---- */

u8 rl_masm_div(rl_masm *m, rl_div op, rl_width w, u8 d, u8 a, u8 b, rl_label *overflow) {
    (void)d, (void)a;
    u8 *p = m->p, *skip = NULL;
    if (op == RL_DIV_U || op == RL_REM_U) {
        p = x64_alu_rr(p, X64_XOR, 0, RL_RDX, RL_RDX);
        m->p = x64_unary(p, X64_DIV, w, b);
        return op == RL_DIV_U ? RL_REG_DIV_A : RL_REG_DIV_D;
    }
    if (op == RL_REM_S) {
        p = x64_alu_rr(p, X64_XOR, 0, RL_RDX, RL_RDX);
        p = x64_alu_ri(p, X64_CMP, w, b, -1);
        skip = p = x64_jcc8(p, X64_E, 0);
    } else if (overflow) {
        p = x64_alu_ri(p, X64_CMP, w, b, -1);
        u8 *fine = p = x64_jcc8(p, X64_NE, 0);
        p = x64_alu_ri(p, X64_CMP, w, RL_RAX, 1); /* overflows for INT_MIN only */
        p = jump_cond(m, p, X64_O, overflow);
        x64_land(fine, p);
    }
    p = x64_cdq(p, w);
    p = x64_unary(p, X64_IDIV, w, b);
    if (skip) x64_land(skip, p);
    m->p = p;
    return op == RL_DIV_S ? RL_REG_DIV_A : RL_REG_DIV_D;
}

/* ---- compare and branch ---- */

static const u8 cond_of[] = {
    [RL_CC_EQ] = X64_E,     [RL_CC_NE] = X64_NE,    [RL_CC_LT_S] = X64_L,   [RL_CC_GE_S] = X64_GE,  [RL_CC_LT_U] = X64_B,
    [RL_CC_GE_U] = X64_AE,  [RL_CC_GT_S] = X64_G,   [RL_CC_LE_S] = X64_LE,  [RL_CC_GT_U] = X64_A,   [RL_CC_LE_U] = X64_BE,
    [RL_CC_F_EQ] = X64_E,   [RL_CC_F_NE] = X64_NE, /* and parity */
    [RL_CC_F_LT] = X64_A,   [RL_CC_F_NLT] = X64_BE, [RL_CC_F_GT] = X64_A,   [RL_CC_F_NGT] = X64_BE,
    [RL_CC_F_LE] = X64_AE,  [RL_CC_F_NLE] = X64_B,  [RL_CC_F_GE] = X64_AE,  [RL_CC_F_NGE] = X64_B };

void rl_masm_cmp(rl_masm *m, rl_width w, u8 a, u8 b) { m->p = x64_alu_rr(m->p, X64_CMP, w, a, b); }
void rl_masm_cmpi(rl_masm *m, rl_width w, u8 a, i64 imm) {
    if (w == RL_W32) imm = (i32)imm;
    m->p = imm ? x64_alu_ri(m->p, X64_CMP, w, a, (i32)imm) : x64_test_rr(m->p, w, a, a);
}
void rl_masm_cmpm(rl_masm *m, rl_width w, u8 a, rl_mem b) {
    access_mem(m, (X64_CMP << 3 | 3) | X64_WIDTH(w), a, b);
}
void rl_masm_test(rl_masm *m, rl_width w, u8 a, u8 b) { m->p = x64_test_rr(m->p, w, a, b); }
void rl_masm_testi(rl_masm *m, rl_width w, u8 a, i64 imm) {
    if (w == RL_W32) imm = (i32)imm;
    if (imm >= 0 && imm <= 0x7f) m->p = x64_test_i8(m->p, a, (u32)imm);
    else if (imm == -1) m->p = x64_test_rr(m->p, w, a, a);
    else m->p = x64_test_i(m->p, imm > 0 ? 0 : w, a, (i32)imm);
}

/* ucomis orders so that "less" is never asked: above and above-or-equal are false for NaN by themselves. */
static inline bool fcmp_swaps(rl_cc cc) { return cc == RL_CC_F_LT || cc == RL_CC_F_NLT || cc == RL_CC_F_LE || cc == RL_CC_F_NLE; }

void rl_masm_fcmp(rl_masm *m, rl_type t, rl_cc cc, u8 a, u8 b) {
    u32 op = X64_UCOMIS(t == RL_F64);
    m->p = fcmp_swaps(cc) ? x64_rr(m->p, op, b, a) : x64_rr(m->p, op, a, b);
}
void rl_masm_fcmpm(rl_masm *m, rl_type t, rl_cc cc, u8 a, rl_mem b) {
    (void)cc;
    x64_mem r = touch(m, b);
    m->p = x64_rm(m->p, X64_UCOMIS(t == RL_F64), a, r);
}
bool rl_masm_fcmpm_ok(rl_cc cc) { return !fcmp_swaps(cc); }

void rl_masm_setcc(rl_masm *m, rl_cc cc, u8 d) {
    u8 *p = x64_setcc(m->p, cond_of[cc], d);
    if (cc == RL_CC_F_EQ || cc == RL_CC_F_NE) {
        p = x64_setcc(p, cc == RL_CC_F_EQ ? X64_NPAR : X64_P, TMP);
        p = x64_rr(p, (cc == RL_CC_F_EQ ? 0x20 : 0x08) | X64_BREG | X64_BRM, TMP, d);
    }
    m->p = x64_rr(p, X64_MOVZX8 | X64_BRM, d, d);
}

void rl_masm_select(rl_masm *m, rl_width w, rl_cc cc, u8 d, u8 a, u8 b) {
    u8 *p = m->p;
    if (a == b) {
        m->p = mov_if(p, w, d, a);
        return;
    }
    if (cc == RL_CC_F_EQ || (d == a && cc != RL_CC_F_NE)) { /* the other way round: d starts as b */
        cc = rl_cc_not(cc);
        u8 t = a;
        a = b;
        b = t;
    }
    if (cc != RL_CC_F_NE) {
        m->p = x64_cmov(mov_if(p, w, d, b), cond_of[cc], w, d, a);
        return;
    }
    u8 to = d == a ? TMP : d;
    p = mov_if(p, w, to, b);
    p = x64_cmov(p, X64_NE, w, to, a);
    p = x64_cmov(p, X64_P, w, to, a);
    m->p = mov_if(p, w, d, to);
}

void rl_masm_fselect(rl_masm *m, rl_type t, rl_cc cc, u8 d, u8 a, u8 b) {
    (void)t;
    u8 *p = m->p;
    if (a == b || d == a) { /* d == a: move b in when the condition fails */
        if (a == b) {
            m->p = fmov_if(p, d, a);
            return;
        }
        cc = rl_cc_not(cc);
        a = b;
    } else {
        p = fmov_if(p, d, b);
    }
    /* d = a if cc, else as it is */
    u8 *skip, *also = NULL;
    if (cc == RL_CC_F_NE) {
        u8 *go = p = x64_jcc8(p, X64_NE, 0);
        skip = p = x64_jcc8(p, X64_NPAR, 0);
        x64_land(go, p);
    } else {
        skip = p = x64_jcc8(p, cond_of[rl_cc_not(cc)], 0);
        if (cc == RL_CC_F_EQ) also = p = x64_jcc8(p, X64_P, 0);
    }
    p = x64_rr(p, X64_MOVAPS, d, a);
    x64_land(skip, p);
    if (also) x64_land(also, p);
    m->p = p;
}

void rl_masm_jmp(rl_masm *m, rl_label *l) { m->p = jump(m, m->p, l); }
void rl_masm_jcc(rl_masm *m, rl_cc cc, rl_label *l) {
    u8 *p = m->p;
    if (cc == RL_CC_F_EQ) {
        u8 *skip = p = x64_jcc8(p, X64_P, 0);
        p = jump_cond(m, p, X64_E, l);
        x64_land(skip, p);
    } else {
        if (cc == RL_CC_F_NE) p = jump_cond(m, p, X64_P, l);
        p = jump_cond(m, p, cond_of[cc], l);
    }
    m->p = p;
}

/* Linux does not look at endbr64 in user programs. */
void rl_masm_landing(rl_masm *m, bool called) { (void)m, (void)called; }
bool rl_masm_may_switch_to(const rl_label *l) { return (void)l, true; }

void rl_masm_bind(rl_masm *m, rl_label *l) {
    u32 here = rl_masm_pos(m), at = l->chain;
    l->pos = (i32)here;
    l->chain = 0;
    if (RL_UNLIKELY(m->failed)) return;
    while (at) {
        u32 pos = at & ~RL_TABLE_ENTRY;
        u32 next = rl_load32(m->base + pos);
        rl_store32(m->base + pos, here - (at & RL_TABLE_ENTRY ? rl_masm_table_of(m, pos) : pos + 4));
        at = next;
    }
}

u32 rl_masm_switch(rl_masm *m, u8 index, u32 n) {
    if (m->failed || !rl_masm_more(m, &m->tables, m->ntables, &m->tables_cap, sizeof *m->tables)) return 0;
    u8 *p = x64_lea(m->p, 1, TMP, rip), *disp = p - 4;
    p = x64_rm(p, X64_MOVSXD, index, (x64_mem){ TMP, index, 2, 0, 0 });
    p = x64_alu_rr(p, X64_ADD, 1, TMP, index);
    p = x64_jmp_r(p, TMP);
    while ((p - m->base) & 3) *p++ = 0xcc;
    rl_store32(disp, (u32)(p - (disp + 4)));
    u32 table = (u32)(p - m->base);
    m->tables[m->ntables++] = table;
    memset(p, 0, (size_t)n * 4);
    m->p = p + (size_t)n * 4;
    return table;
}

void rl_masm_switch_entry(rl_masm *m, u32 table, u32 i, rl_label *l) {
    if (m->failed) return;
    u32 at = table + 4 * i;
    if (l->pos >= 0) {
        rl_store32(m->base + at, (u32)l->pos - table);
    } else {
        rl_store32(m->base + at, l->chain);
        l->chain = at | RL_TABLE_ENTRY;
    }
}

/* Instructions hold any constant. */
void rl_masm_loop(rl_masm *m, bool innermost) { (void)m, (void)innermost; }
void rl_masm_loop_end(rl_masm *m) { (void)m; }
u32 rl_masm_loop_kept(const rl_masm *m) { return (void)m, 0; }
void rl_masm_loop_keep_only(rl_masm *m, u32 kept) { (void)m, (void)kept; }
void rl_masm_loop_again(rl_masm *m, u32 loop) { (void)m, (void)loop; }

/* ---- floats ---- */

#define SIGN32 0x8000000080000000u
#define SIGN64 0x8000000000000000u

static const u8 fbin_of[] = { [RL_FBIN_ADD] = X64_FADD, [RL_FBIN_SUB] = X64_FSUB, [RL_FBIN_MUL] = X64_FMUL, [RL_FBIN_DIV] = X64_FDIV };

/* min(a, b): equal operands differ only by the sign of zero, which `or` (min) or `and` (max) settles; unordered ones
 * add up to a quiet NaN; all others the machine does right. */
static void fminmax(rl_masm *m, bool max, bool f64, u8 d, u8 a, u8 b) {
    u8 *p = m->p;
    if (d == b) {
        b = a;
        a = d;
    }
    p = fmov_if(p, d, a);
    p = x64_rr(p, X64_UCOMIS(f64), d, b);
    u8 *differ = p = x64_jcc8(p, X64_NE, 0);
    u8 *nan = p = x64_jcc8(p, X64_P, 0);
    p = x64_rr(p, max ? X64_ANDPS : X64_ORPS, d, b);
    u8 *done = p = x64_jmp8(p, 0);
    x64_land(nan, p);
    p = x64_rr(p, X64_SCALAR(f64, X64_FADD), d, b);
    u8 *done2 = p = x64_jmp8(p, 0);
    x64_land(differ, p);
    p = x64_rr(p, X64_SCALAR(f64, max ? X64_FMAX : X64_FMIN), d, b);
    x64_land(done, p);
    x64_land(done2, p);
    m->p = p;
}

/* d = a op mask (the same 64 bits twice), AVX only: no demand on alignment */
static u8 *vmask(rl_masm *m, u8 *p, u32 op, u8 d, u8 a, u64 mask) {
    p = x64_vrm(p, op, d, a, rip);
    pool_used(m, p, pool_mask(m, mask));
    return p;
}

/* Without AVX the sign bit is isolated, or dropped, by shifting to and fro: no aligned mask needed. */
static u8 *fabs_slow(u8 *p, bool f64, u8 d, u8 a) {
    p = fmov_if(p, d, a);
    p = x64_vshift_i(p, f64, true, d, 1);
    return x64_vshift_i(p, f64, false, d, 1);
}

static void fcopysign(rl_masm *m, bool f64, u8 d, u8 a, u8 b) {
    u8 *p = m->p;
    u64 sign = f64 ? SIGN64 : SIGN32;
    if (rl_x64_cpu.avx) {
        p = vmask(m, p, X64_ANDPS, FTMP, b, sign);
        p = vmask(m, p, X64_ANDPS, d, a, ~sign);
    } else {
        u32 k = f64 ? 63 : 31;
        p = fmov_if(p, FTMP, b);
        p = x64_vshift_i(p, f64, false, FTMP, k);
        p = x64_vshift_i(p, f64, true, FTMP, k);
        p = fabs_slow(p, f64, d, a);
    }
    m->p = x64_rr(p, X64_ORPS, d, FTMP);
}

void rl_masm_fbin(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u8 b) {
    bool f64 = t == RL_F64;
    u8 *p = m->p;
    if (op > RL_FBIN_DIV) {
        if (op == RL_FBIN_COPYSIGN) fcopysign(m, f64, d, a, b);
        else fminmax(m, op == RL_FBIN_MAX, f64, d, a, b);
        return;
    }
    u32 x = X64_SCALAR(f64, fbin_of[op]);
    bool commutes = op == RL_FBIN_ADD || op == RL_FBIN_MUL;
    if (d == a) {
        m->p = x64_rr(p, x, d, b);
    } else if (d == b && commutes) {
        m->p = x64_rr(p, x, d, a);
    } else if (rl_x64_cpu.avx) {
        m->p = commutes && b >= RL_XMM0 + 8 ? x64_vrr(p, x, d, b, a) : x64_vrr(p, x, d, a, b); /* VEX is shorter so */
    } else {
        if (d == b) p = x64_rr(p, X64_MOVAPS, FTMP, b);
        p = x64_rr(p, X64_MOVAPS, d, a);
        m->p = x64_rr(p, x, d, d == b ? FTMP : b);
    }
}

/* d = a op memory operand r; the displacement, if any, ends the instruction */
static u8 *fbin_mem(u8 *p, rl_fbin op, bool f64, u8 d, u8 a, x64_mem r) {
    u32 x = X64_SCALAR(f64, fbin_of[op]);
    return d == a ? x64_rm(p, x, d, r) : x64_vrm(p, x, d, a, r);
}

void rl_masm_fbinm(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, rl_mem b) {
    if (!rl_x64_cpu.avx) {
        m->p = fmov_if(m->p, d, a);
        a = d;
    }
    x64_mem r = touch(m, b);
    m->p = fbin_mem(m->p, op, t == RL_F64, d, a, r);
}

void rl_masm_fbini(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u64 bits) {
    if (!rl_x64_cpu.avx) {
        m->p = fmov_if(m->p, d, a);
        a = d;
    }
    m->p = fbin_mem(m->p, op, t == RL_F64, d, a, rip);
    pool_used(m, m->p, rl_masm_pool_entry(m, t == RL_F32 ? (u32)bits : bits));
}

/* d = op a for scalar operations that would merge into d's old upper part: cuts the dependency on it */
static u8 *scalar_un(u8 *p, u32 op, u8 d, u8 a) {
    if (d == a) return x64_rr(p, op, d, a);
    if (rl_x64_cpu.avx) return x64_vrr(p, op, d, a, a);
    return x64_rr(x64_rr(p, X64_XORPS, d, d), op, d, a);
}

void rl_masm_fun(rl_masm *m, rl_fun op, rl_type t, u8 d, u8 a) {
    bool f64 = t == RL_F64;
    u8 *p = m->p;
    u64 sign = f64 ? SIGN64 : SIGN32;
    static const u8 mode[] = { [RL_FUN_CEIL] = 10, [RL_FUN_FLOOR] = 9, [RL_FUN_TRUNC] = 11, [RL_FUN_NEAREST] = 8 };
    switch (op) {
    case RL_FUN_ABS: m->p = rl_x64_cpu.avx ? vmask(m, p, X64_ANDPS, d, a, ~sign) : fabs_slow(p, f64, d, a); break;
    case RL_FUN_NEG:
        if (rl_x64_cpu.avx) {
            m->p = vmask(m, p, X64_XORPS, d, a, sign);
        } else {
            p = x64_rm(p, X64_MOVSD, FTMP, rip);
            pool_used(m, p, rl_masm_pool_entry(m, sign));
            m->p = x64_rr(fmov_if(p, d, a), X64_XORPS, d, FTMP);
        }
        break;
    case RL_FUN_SQRT: m->p = scalar_un(p, X64_SCALAR(f64, X64_FSQRT), d, a); break;
    default:
        p = scalar_un(p, f64 ? X64_ROUNDSD : X64_ROUNDSS, d, a);
        *p = mode[op];
        m->p = p + 1;
    }
}

/* u64 to float: halves large values, keeping the lowest bit sticky so that rounding stays right, and doubles. */
static u8 *cvt_u64(u8 *p, bool f64, u8 d, u8 a) {
    u32 cvt = X64_SCALAR(f64, X64_FCVTSI) | X64_W;
    p = x64_rr(p, X64_XORPS, d, d);
    p = x64_test_rr(p, 1, a, a);
    u8 *large = p = x64_jcc8(p, X64_S, 0);
    p = x64_rr(p, cvt, d, a);
    u8 *done = p = x64_jmp8(p, 0);
    x64_land(large, p);
    p = x64_mov_rr(p, 1, TMP, a);
    p = x64_shift_i(p, X64_SHR, 1, TMP, 1);
    u8 *even = p = x64_jcc8(p, X64_AE, 0);
    p = x64_alu_ri(p, X64_OR, 1, TMP, 1);
    x64_land(even, p);
    p = x64_rr(p, cvt, d, TMP);
    p = x64_rr(p, X64_SCALAR(f64, X64_FADD), d, d);
    x64_land(done, p);
    return p;
}

void rl_masm_cvt(rl_masm *m, rl_cvt op, u8 d, u8 a) {
    u8 *p = m->p;
    bool f64 = op >= RL_CVT_F64_I32S;
    switch (op) {
    case RL_CVT_F32_I64U:
    case RL_CVT_F64_I64U: m->p = cvt_u64(p, f64, d, a); break;
    case RL_CVT_F32_I32S:
    case RL_CVT_F64_I32S: m->p = x64_rr(x64_rr(p, X64_XORPS, d, d), X64_SCALAR(f64, X64_FCVTSI), d, a); break;
    case RL_CVT_F32_I32U: /* upper half is zero: a non-negative 64-bit number */
    case RL_CVT_F64_I32U:
    case RL_CVT_F32_I64S:
    case RL_CVT_F64_I64S: m->p = x64_rr(x64_rr(p, X64_XORPS, d, d), X64_SCALAR(f64, X64_FCVTSI) | X64_W, d, a); break;
    case RL_CVT_F32_F64: m->p = scalar_un(p, X64_CVTSD2SS, d, a); break;
    case RL_CVT_F64_F32: m->p = scalar_un(p, X64_CVTSS2SD, d, a); break;
    case RL_CVT_I32_F32_BITS: m->p = x64_rr(p, X64_MOVD_OUT, a, d); break;
    case RL_CVT_I64_F64_BITS: m->p = x64_rr(p, X64_MOVD_OUT | X64_W, a, d); break;
    case RL_CVT_F32_I32_BITS: m->p = x64_rr(p, X64_MOVD_IN, d, a); break;
    case RL_CVT_F64_I64_BITS: m->p = x64_rr(p, X64_MOVD_IN | X64_W, d, a); break;
    }
}

/* Float to integer. The machine answers INT_MIN for everything it cannot represent; only then the slow checks run. */

/* a compared with zero, as ucomis 0, a: above-or-equal means a <= 0 and ordered; parity means NaN */
static u8 *cmp_zero(u8 *p, bool f64, u8 a) {
    p = x64_rr(p, X64_XORPS, FTMP, FTMP);
    return x64_rr(p, X64_UCOMIS(f64), FTMP, a);
}

static u8 *check_nan(rl_masm *m, u8 *p, bool f64, u8 a, rl_label *invalid) {
    p = x64_rr(p, X64_UCOMIS(f64), a, a);
    return jump_cond(m, p, X64_P, invalid);
}

static u8 *trunc_signed(rl_masm *m, u8 *p, bool wide, bool f64, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow) {
    p = x64_rr(p, X64_SCALAR(f64, X64_FCVTT) | X64_WIDTH(wide), d, a);
    p = x64_alu_ri(p, X64_CMP, wide, d, 1); /* overflows for INT_MIN only */
    u8 *done = p = x64_jcc8(p, X64_NO, 0);
    if (sat) {
        p = cmp_zero(p, f64, a);
        u8 *low = p = x64_jcc8(p, X64_AE, 0); /* INT_MIN is right */
        p = x64_unary(p, X64_NOT, wide, d);   /* INT_MAX; flags survive */
        u8 *high = p = x64_jcc8(p, X64_NPAR, 0);
        p = x64_alu_rr(p, X64_XOR, 0, d, d);
        x64_land(low, p);
        x64_land(high, p);
    } else {
        p = check_nan(m, p, f64, a, invalid);
        /* in range still: down to -2^63 and -2^31, and for i32 from f64 everything above -2^31 - 1 */
        u64 bound = !f64 ? (wide ? 0xdf000000u : 0xcf000000u) : wide ? 0xc3e0000000000000u : 0xc1e0000000200000u;
        p = x64_rm(p, X64_UCOMIS(f64), a, rip);
        pool_used(m, p, rl_masm_pool_entry(m, bound));
        p = jump_cond(m, p, f64 && !wide ? X64_BE : X64_B, overflow);
        p = cmp_zero(p, f64, a);
        p = jump_cond(m, p, X64_B, overflow);
    }
    x64_land(done, p);
    return p;
}

/* By way of the 64-bit signed conversion: right iff the upper half of its answer is zero. */
static u8 *trunc_u32(rl_masm *m, u8 *p, bool f64, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow) {
    p = x64_rr(p, X64_SCALAR(f64, X64_FCVTT) | X64_W, d, a);
    p = x64_mov_rr(p, 0, TMP, d);
    p = x64_alu_rr(p, X64_CMP, 1, TMP, d);
    u8 *done = p = x64_jcc8(p, X64_E, 0);
    if (sat) {
        p = cmp_zero(p, f64, a);
        p = x64_movi(p, d, 0);
        u8 *low = p = x64_jcc8(p, X64_AE, 0);
        u8 *nan = p = x64_jcc8(p, X64_P, 0);
        p = x64_movi(p, d, UINT32_MAX);
        x64_land(low, p);
        x64_land(nan, p);
    } else {
        p = check_nan(m, p, f64, a, invalid);
        p = jump(m, p, overflow);
    }
    x64_land(done, p);
    return p;
}

/* Values from 2^63 on are converted after subtracting 2^63 (exact). Everything out of range stays negative then. */
static u8 *trunc_u64(rl_masm *m, u8 *p, bool f64, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow) {
    u32 cvt = X64_SCALAR(f64, X64_FCVTT) | X64_W;
    u8 *low = NULL, *nan = NULL, *end = NULL;
    p = x64_rr(p, cvt, d, a);
    p = x64_test_rr(p, 1, d, d);
    u8 *done = p = x64_jcc8(p, X64_NS, 0);
    if (sat) {
        p = cmp_zero(p, f64, a);
        p = x64_movi(p, d, 0);
        low = p = x64_jcc8(p, X64_AE, 0);
        nan = p = x64_jcc8(p, X64_P, 0);
    } else {
        p = check_nan(m, p, f64, a, invalid);
    }
    p = x64_rr(p, X64_MOVAPS, FTMP, a);
    p = x64_rm(p, X64_SCALAR(f64, X64_FSUB), FTMP, rip);
    pool_used(m, p, rl_masm_pool_entry(m, f64 ? 0x43e0000000000000u : 0x5f000000u));
    p = x64_rr(p, cvt, d, FTMP);
    p = x64_test_rr(p, 1, d, d);
    if (sat) {
        u8 *fits = p = x64_jcc8(p, X64_NS, 0);
        p = x64_movi(p, d, UINT64_MAX);
        end = p = x64_jmp8(p, 0);
        x64_land(fits, p);
    } else {
        p = jump_cond(m, p, X64_S, overflow);
    }
    p = x64_btc_i(p, 1, d, 63);
    if (sat) {
        x64_land(end, p);
        x64_land(low, p);
        x64_land(nan, p);
    }
    x64_land(done, p);
    return p;
}

void rl_masm_trunc(rl_masm *m, rl_trunc op, rl_type t, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow) {
    bool f64 = t == RL_F64;
    if (op == RL_TRUNC_I32U) m->p = trunc_u32(m, m->p, f64, sat, d, a, invalid, overflow);
    else if (op == RL_TRUNC_I64U) m->p = trunc_u64(m, m->p, f64, sat, d, a, invalid, overflow);
    else m->p = trunc_signed(m, m->p, op == RL_TRUNC_I64S, f64, sat, d, a, invalid, overflow);
}

/* ---- calls, frames, fuel, traps ---- */

u32 rl_masm_call(rl_masm *m) {
    m->p = x64_call32(m->p, 0);
    return rl_masm_pos(m) - 4;
}
u32 rl_masm_tail(rl_masm *m) {
    m->p = x64_jmp32(m->p, 0);
    return rl_masm_pos(m) - 4;
}
bool rl_masm_relocate(u8 *at, i64 from, i64 to) {
    i64 rel = to - (from + 4);
    rl_store32(at, (u32)rel);
    return rel == (i32)rel;
}
void rl_masm_callm(rl_masm *m, rl_mem a) {
    x64_mem r = touch(m, a);
    m->p = x64_call_m(m->p, r);
}
void rl_masm_tailm(rl_masm *m, rl_mem a) {
    x64_mem r = touch(m, a);
    m->p = x64_jmp_m(m->p, r);
}
void rl_masm_call_abs(rl_masm *m, const void *const *slot) {
    m->p = x64_call_m(x64_movi(m->p, TMP, (u64)(uintptr_t)slot), x64_at(TMP, 0));
}
void rl_masm_tail_abs(rl_masm *m, const void *const *slot) {
    m->p = x64_jmp_m(x64_movi(m->p, TMP, (u64)(uintptr_t)slot), x64_at(TMP, 0));
}

u32 rl_masm_prologue(rl_masm *m, u32 end_pos, u32 frame, bool check, u32 saved, u32 saves, rl_label *overflow) {
    u8 buf[RL_PROLOGUE_MAX + 16], *p = buf, *rel = NULL;
    p = x64_push(p, RL_RBP);
    p = x64_mov_rr(p, 1, RL_RBP, RL_RSP);
    if (frame) p = x64_alu_ri(p, X64_SUB, 1, RL_RSP, (i32)frame);
    if (check) {
        p = x64_alu_rm(p, X64_CMP, 1, RL_RSP, x64_at(RL_REG_INST, RL_INST_STACK_LIMIT));
        p = x64_jcc32(p, X64_B, 0);
        rel = p - 4;
    }
    for (; saved; saved &= saved - 1, saves += 8) p = x64_st(p, 1, (u32)__builtin_ctz(saved), x64_at(RL_RSP, (i32)saves));
    u32 size = (u32)(p - buf);
    rl_assert(size <= RL_PROLOGUE_MAX);
    if (m->failed) return 0;
    rl_assert(size <= end_pos);
    u32 start = end_pos - size;
    memcpy(m->base + start, buf, size);
    if (rel) use_label(m, m->base + start + (rel - buf), overflow);
    return start;
}

void rl_masm_epilogue(rl_masm *m, u32 saved, u32 saves) {
    u8 *p = m->p;
    for (; saved; saved &= saved - 1, saves += 8) p = x64_ld(p, 1, (u32)__builtin_ctz(saved), x64_at(RL_RSP, (i32)saves));
    m->p = x64_leave(p);
}
u32 rl_masm_restack(rl_masm *m, u32 start) {
    u8 *p = x64_mov_rr(m->p, 1, RL_RSP, RL_RBP); /* there is room for what the glue saves, but not below a large frame */
    m->p = x64_call_m(p, x64_at(RL_REG_INST, RL_INST_GROW));
    u32 pos = rl_masm_pos(m);
    m->p = x64_pop(m->p, RL_RBP);
    rl_label again = { .pos = (i32)start };
    rl_masm_jmp(m, &again);
    return pos;
}
void rl_masm_ret(rl_masm *m) { m->p = x64_ret(m->p); }

void rl_masm_charge(rl_masm *m, u32 k) { m->p = x64_lea(m->p, 1, RL_REG_FUEL, x64_at(RL_REG_FUEL, -(i32)k)); }
void rl_masm_charge_check(rl_masm *m, u32 k, rl_label *cold) {
    u8 *p = x64_alu_ri(m->p, X64_SUB, 1, RL_REG_FUEL, (i32)k);
    m->p = jump_cond(m, p, X64_L, cold);
}

void rl_masm_yield(rl_masm *m) { m->p = x64_call_m(m->p, x64_at(RL_REG_INST, RL_INST_YIELD)); }
void rl_masm_trap(rl_masm *m) {
    m->fault = rl_masm_pos(m);
    m->p = x64_ud2(m->p);
}

void rl_masm_pool(rl_masm *m) {
    u32 bytes = m->pool_count * 8;
    if (!bytes) return;
    rl_masm_room(m, bytes + 32);
    if (!m->failed) {
        while ((m->p - m->base) & 15) *m->p++ = 0xcc;
        u32 at = rl_masm_pos(m);
        memcpy(m->p, m->pool, bytes);
        m->p += bytes;
        for (u32 i = 0; i < m->nuses; i++) {
            struct rl_pool_use u = m->pool_uses[i];
            rl_store32(m->base + u.at, at + 8 * u.index - (u.at + 4));
        }
    }
    m->pool_count = m->nuses = 0;
}
