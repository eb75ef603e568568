/* The macro-assembler's aarch64 body: turns the operations of masm.h into instructions, choosing forms by operand: add
 * and logical immediates, the shortest chain of moves for other constants, scaled, unscaled and extended addresses.
 *
 * Invariant: the only registers written besides the named ones are x17, x15, x14 and v31; RL_REG_TMP is the emitter's
 * alone. Every 32-bit result leaves the upper half zero, because only 32-bit operations write it. A rl_masm belongs to
 * one thread.
 *
 * Conditional branches reach 1 MiB. A function in which that was not enough is assembled once more with `far` set,
 * where they jump over an unconditional one. Not taken: islands of branches inside code, which cost a check at every
 * operation for the sake of functions nobody writes by hand. */
#include "jit/masm.h"

#include "jit/a64.h"
#include "jit/stub.h"

#define TMP RL_REG_TMP
#define FTMP 31u /* v31 */
#define S1 17u   /* x17 */
#define S2 15u   /* x15 */
#define S3 14u   /* x14 */
#define ALL_BITS 64u /* of a register, compared with zero */

bool rl_a64_pads;

static inline void put(rl_masm *m, u32 word) {
    rl_store32(m->p, word);
    m->p += 4;
}

/* ---- buffer ---- */

void rl_masm_align(rl_masm *m, u32 to) {
    u32 pos = rl_masm_pos(m), pad = (u32)rl_align(pos, to) - pos;
    if (pad > 8) put(m, a64_b((i32)pad));
    while (rl_masm_pos(m) & (to - 1)) put(m, a64_nop());
}

/* ---- constants ---- */

/* The literal load about to be written refers to this entry. */
static void pool_used(rl_masm *m, u32 entry) { rl_masm_pool_use(m, rl_masm_pos(m), entry); }

static inline u32 part16(u64 v, u32 i) { return (u32)(v >> (16 * i)) & 0xffff; }

/* Whether some part may be cut from a mask: of a long run's, which changes at most twice within it. */
static u32 runs_of(u64 v) {
    u32 n = 0;
    for (u32 i = 0; i < 4; i++) n += __builtin_popcount((part16(v, i) ^ part16(v, i) >> 1) & 0x7fff) <= 2;
    return n;
}

/* Whether a mask differs from v in at most `left` of the parts from the i-th on: in those it has ends of runs, or what
 * another part repeats. */
static bool near_mask(u64 v, u32 i, u32 left, u64 *mask) {
    u32 field;
    *mask = v;
    if (a64_mask(1, v, &field)) return true;
    for (; left && i < 4; i++)
        for (u32 k = 0; k < 6; k++) {
            u64 x = k < 4 ? part16(v, k) : k == 4 ? 0 : 0xffff;
            if (near_mask((v & ~(0xffffull << 16 * i)) | x << 16 * i, i + 1, left - 1, mask)) return true;
        }
    return false;
}

/* Moves a constant takes: the parts that differ from the commoner of all zeros and all ones, or from a mask: then *mask is
 * that, else 0. */
static u32 moves_of(u32 w, u64 v, u64 *mask) {
    u32 parts = w ? 4 : 2, zeros = 0, ones = 0, field;
    for (u32 i = 0; i < parts; i++) zeros += part16(v, i) == 0, ones += part16(v, i) == 0xffff;
    u32 n = RL_MAX(parts - RL_MAX(zeros, ones), 1u);
    *mask = 0;
    if (n == 1) return 1;
    if (a64_mask(w, v, &field)) return *mask = v, 1;
    bool repeats = false;
    for (u32 i = 0; i < 6; i++) repeats |= part16(v, i & 3) == part16(v, (i + 1 + i / 4) & 3);
    for (u32 left = 1; left < n - 1; left++)
        if ((repeats || runs_of(v) + left >= 4) && near_mask(v, 0, left, mask)) return left + 1;
    *mask = 0;
    return n;
}

/* d = v in the fewest of movz, movn, movk and orr. Flags survive. */
static void load_imm(rl_masm *m, u32 w, u32 d, u64 v) {
    if (!w) v = (u32)v;
    else if (v <= UINT32_MAX) w = 0; /* the upper half becomes zero */
    u32 parts = w ? 4 : 2, ones = 0, zeros = 0, field;
    u64 mask;
    moves_of(w, v, &mask);
    for (u32 i = 0; i < parts; i++) zeros += part16(v, i) == 0, ones += part16(v, i) == 0xffff;
    bool inverted = ones > zeros, first = !mask;
    u64 start = inverted ? ~0ull : 0;
    if (mask && a64_mask(w, start = mask, &field)) put(m, a64_logi(A64_ORR, w, d, A64_ZR, field));
    for (u32 i = 0; i < parts; i++) {
        u32 x = part16(v, i);
        if (x == part16(start, i)) continue;
        if (first) put(m, a64_movw(inverted ? A64_MOVN : A64_MOVZ, w, d, inverted ? x ^ 0xffff : x, i));
        else put(m, a64_movw(A64_MOVK, w, d, x, i));
        first = false;
    }
    if (first) put(m, a64_movw(inverted ? A64_MOVN : A64_MOVZ, w, d, 0, 0));
}

/* One move makes v. */
static bool one_move(u32 w, u64 v) {
    u64 mask;
    return moves_of(w, v, &mask) == 1;
}

/* ---- constants of loops ----
 *
 * A word is reserved before the loop. When something was kept, it becomes a branch to code behind the function that loads
 * it all and comes back; else it stays a no-op. Registers that nothing else in compiled code uses, and that no call
 * preserves: x10 to x13, x30 (saved in the frame) and v21 to v30. An outermost loop has the first of each kind that it
 * needs outside of its innermost ones, which have the others. */

enum { LOOP_X = 5, LOOP_V = 10, OUTER_X = 1, OUTER_V = 3 };
typedef enum kept_kind { KEPT_VALUE, KEPT_BASED /* the memory base + v */, KEPT_LIMIT /* word v of the instance's limits */ } kept_kind;
static const u8 loop_x[LOOP_X] = { 10, 11, 12, 13, 30 };

struct rl_loop {
    u32 at;          /* of the reserved word */
    u32 outer;       /* the loop around it, index + 1 */
    u8 x0, nx, xmax; /* registers loop_x[x0 .. x0 + nx), at most up to xmax */
    u8 v0, nv, vmax;
    u8 kind[LOOP_X]; /* kept_kind */
    u16 wide;        /* bit i: v[i] is a double */
    u64 x[LOOP_X], v[LOOP_V];
};

static u32 find_kept(const rl_masm *m, u32 loop, u64 v, kept_kind kind) {
    for (; loop; loop = m->loops[loop - 1].outer) {
        const struct rl_loop *l = &m->loops[loop - 1];
        for (u32 i = 0; i < l->nx; i++)
            if (l->x[i] == v && l->kind[i] == kind) return loop_x[l->x0 + i];
    }
    return A64_ZR;
}

/* A register with what v says for the loop's duration; A64_ZR: none is left. */
static u32 kept_reg(rl_masm *m, u64 v, kept_kind kind) {
    if (!m->loop || m->failed) return A64_ZR;
    u32 r = find_kept(m, m->loop, v, kind);
    struct rl_loop *l = &m->loops[m->loop - 1];
    if (r != A64_ZR || l->x0 + l->nx == l->xmax) return r;
    l->kind[l->nx] = (u8)kind;
    l->x[l->nx] = v;
    return loop_x[l->x0 + l->nx++];
}

static u32 keep_float(rl_masm *m, bool f64, u64 bits) {
    if (!m->loop || m->failed || m->far) return FTMP;
    for (u32 loop = m->loop; loop; loop = m->loops[loop - 1].outer) {
        const struct rl_loop *l = &m->loops[loop - 1];
        for (u32 i = 0; i < l->nv; i++)
            if (l->v[i] == bits && (l->wide >> i & 1) == f64) return 21u + l->v0 + i;
    }
    struct rl_loop *l = &m->loops[m->loop - 1];
    if (l->v0 + l->nv == l->vmax) return FTMP;
    l->wide = (u16)((l->wide & ~(1u << l->nv)) | (u32)f64 << l->nv);
    l->v[l->nv] = bits;
    return 21u + l->v0 + l->nv++;
}

/* v in some register: a kept one, or x17. */
static u32 imm_reg(rl_masm *m, u32 w, u64 v) {
    if (!w) v = (u32)v;
    u32 r = kept_reg(m, v, KEPT_VALUE);
    if (r != A64_ZR) return r;
    load_imm(m, w, S1, v);
    return S1;
}

u32 rl_a64_constant(rl_masm *m, u64 v) { return imm_reg(m, 1, v); }

/* d = a +- size by a kept register: returns 0; else size */
static u64 keep_sum(rl_masm *m, u32 w, u32 d, u32 a, u32 op, u64 size) {
    u32 r = d == A64_SP || a == A64_SP ? (u32)A64_ZR : kept_reg(m, size, KEPT_VALUE);
    if (r == A64_ZR) return size;
    put(m, a64_add(op, w, d, a, r, A64_LSL, 0));
    return 0;
}

/* d = a + imm, also from and to sp; through `via` when imm is large. No flags. */
static void add_imm(rl_masm *m, u32 w, u32 d, u32 a, i64 imm, u32 via) {
    if (!w) imm = (i32)imm;
    u64 size = imm < 0 ? -(u64)imm : (u64)imm;
    u32 op = imm < 0 ? A64_SUB : A64_ADD;
    if (imm == 0 && d == a) return;
    if (a64_addi_ok(size)) {
        put(m, imm == 0 && d != A64_SP && a != A64_SP ? a64_mov(w, d, a) : a64_addi(op, w, d, a, (u32)size));
    } else if ((size = keep_sum(m, w, d, a, op, size)) == 0) {
    } else if (size < 1u << 24 && !one_move(w, size)) {
        put(m, a64_addi(op, w, d, a, (u32)size & ~4095u));
        put(m, a64_addi(op, w, d, d, (u32)size & 4095));
    } else {
        load_imm(m, w, via, size);
        if (d == A64_SP || a == A64_SP) put(m, a64_addx(op, w, d, a, via, A64_UXTX, 0));
        else put(m, a64_add(op, w, d, a, via, A64_LSL, 0));
    }
}

/* ---- memory operands ---- */

/* d = base + (index << k), without flags; base may be sp */
static void add_scaled(rl_masm *m, u32 w, u32 d, u32 base, u32 index, u32 k) {
    if (base == A64_SP) put(m, a64_addx(A64_ADD, w, d, base, index, w ? A64_UXTX : A64_UXTW, k));
    else put(m, a64_add(A64_ADD, w, d, base, index, A64_LSL, k));
}

static inline bool offset_ok(u32 access, i64 disp) {
    u32 k = a64_scale(access);
    return disp >= 0 && disp < (i64)4096 << k && !(disp & ((1 << k) - 1));
}
static inline bool unscaled_ok(i64 disp) { return disp >= -256 && disp <= 255; }

static void access_at(rl_masm *m, u32 access, u32 t, u32 base, i64 disp) {
    if (!offset_ok(access, disp) && !unscaled_ok(disp)) {
        i64 high = disp & ~(i64)4095;
        if (disp > 0 && high < 1 << 24 && offset_ok(access, disp - high)) {
            put(m, a64_addi(A64_ADD, 1, S1, base, (u32)high));
            base = S1;
            disp -= high;
        } else if (base == S1) {
            load_imm(m, 1, S3, (u64)disp);
            m->fault = rl_masm_pos(m);
            put(m, a64_ldstx(access, t, base, S3, A64_UXTX, false));
            return;
        } else {
            load_imm(m, 1, S1, (u64)disp);
            m->fault = rl_masm_pos(m);
            put(m, a64_ldstx(access, t, base, S1, A64_UXTX, false));
            return;
        }
    }
    m->fault = rl_masm_pos(m);
    put(m, offset_ok(access, disp) ? a64_ldst(access, t, base, (u32)disp) : a64_ldstu(access, t, base, (i32)disp));
}

/* Linear memory: the address is below 2^33, so the sum cannot wrap, and it faults inside the reservation or not at all. */
static void access_linear(rl_masm *m, u32 access, u32 t, rl_mem a) {
    u32 base = A64(RL_REG_BASE), kept;
    if (a.base == RL_NOREG) {
        access_at(m, access, t, base, a.disp);
    } else if (a.disp == 0) {
        m->fault = rl_masm_pos(m);
        put(m, a64_ldstx(access, t, base, A64(a.base), A64_UXTX, false));
    } else if ((kept = kept_reg(m, (u64)a.disp, KEPT_BASED)) != A64_ZR) {
        m->fault = rl_masm_pos(m);
        put(m, a64_ldstx(access, t, kept, A64(a.base), A64_UXTX, false));
    } else if (offset_ok(access, a.disp) || unscaled_ok(a.disp)) {
        put(m, a64_add(A64_ADD, 1, S1, base, A64(a.base), A64_LSL, 0));
        access_at(m, access, t, S1, a.disp);
    } else {
        add_imm(m, 1, S1, A64(a.base), a.disp, S1);
        m->fault = rl_masm_pos(m);
        put(m, a64_ldstx(access, t, base, S1, A64_UXTX, false));
    }
}

/* A load or store of any address a rl_mem can say. */
static void access_mem(rl_masm *m, u32 access, u32 t, rl_mem a) {
    if (a.base == RL_REG_BASE && a.index != RL_NOREG && !a.scale && a.disp >= 0) a.base = a.index, a.linear = true;
    if (a.linear) {
        access_linear(m, access, t, a);
        return;
    }
    if (a.index == RL_NOREG) {
        access_at(m, access, t, A64(a.base), a.disp);
        return;
    }
    u32 index = A64(a.index);
    if (a.base == RL_NOREG) {
        put(m, a64_lsl(1, S1, index, a.scale));
    } else if (a.disp == 0 && (a.scale == 0 || a.scale == a64_scale(access))) {
        m->fault = rl_masm_pos(m);
        put(m, a64_ldstx(access, t, A64(a.base), index, A64_UXTX, a.scale != 0));
        return;
    } else {
        add_scaled(m, 1, S1, A64(a.base), index, a.scale);
    }
    access_at(m, access, t, S1, a.disp);
}

/* ---- queries ---- */

/* Constants without a form of their own go through x17, which costs no allocatable register. */
bool rl_masm_imm_ok(rl_bin op, rl_width w, i64 imm) {
    (void)op, (void)w, (void)imm;
    return true;
}
bool rl_masm_cmp_imm_ok(rl_width w, i64 imm) {
    (void)w, (void)imm;
    return true;
}
bool rl_masm_st_imm_ok(rl_ldst kind, i64 imm) {
    return kind == RL_ST_64 ? imm == (i32)imm : kind >= RL_ST_8 && kind <= RL_ST_32;
}
bool rl_masm_needs_count(rl_bin op) {
    (void)op;
    return false;
}
bool rl_masm_div_fixed(void) { return false; }
bool rl_masm_has_memops(void) { return false; }
bool rl_masm_can_wrap32(const rl_masm *m) {
    (void)m;
    return false;
}
bool rl_masm_lea_ok(u8 scale) { return scale <= 3; }
void rl_masm_assume_all(bool pads) { rl_a64_pads = pads; }

/* ---- moves and memory ---- */

void rl_masm_mov(rl_masm *m, rl_width w, u8 d, u8 s) {
    if (d != s) put(m, a64_mov(w, A64(d), A64(s)));
}
void rl_masm_movi(rl_masm *m, rl_width w, u8 d, u64 imm) { load_imm(m, w, A64(d), imm); }
void rl_masm_xchg(rl_masm *m, u8 a, u8 b) {
    if (a == b) return;
    put(m, a64_mov(1, S1, A64(a)));
    put(m, a64_mov(1, A64(a), A64(b)));
    put(m, a64_mov(1, A64(b), S1));
}
static void fmov(rl_masm *m, rl_type t, u32 d, u32 s) {
    if (d != s) put(m, t == RL_V128 ? a64_vmov(d, s) : a64_fun(A64_FMOV, t == RL_F64, d, s));
}
void rl_masm_fmov(rl_masm *m, rl_type t, u8 d, u8 s) { fmov(m, t, A64(d), A64(s)); }

static void load_float(rl_masm *m, bool f64, u32 d, u64 bits) {
    u32 imm8;
    if (!f64) bits = (u32)bits;
    if (!bits) {
        put(m, a64_vzero(d));
    } else if (a64_fimm(f64, bits, &imm8)) {
        put(m, a64_fmovi(f64, d, imm8));
    } else if (m->far || one_move(f64, bits)) {
        load_imm(m, f64, S1, bits);
        put(m, a64_fcvt(A64_FMOV_IN, f64, f64, d, S1));
    } else {
        pool_used(m, rl_masm_pool_entry(m, bits));
        put(m, (f64 ? A64_LDR_LIT64 : A64_LDR_LIT32) | d);
    }
}
void rl_masm_fmovi(rl_masm *m, rl_type t, u8 d, u64 bits) { load_float(m, t == RL_F64, A64(d), bits); }

static const u32 access_of[] = {
    [RL_LD_8U_32] = A64_ACCESS(0, 0, 1),  [RL_LD_8S_32] = A64_ACCESS(0, 0, 3),  [RL_LD_16U_32] = A64_ACCESS(1, 0, 1),
    [RL_LD_16S_32] = A64_ACCESS(1, 0, 3), [RL_LD_32] = A64_ACCESS(2, 0, 1),     [RL_LD_8U_64] = A64_ACCESS(0, 0, 1),
    [RL_LD_8S_64] = A64_ACCESS(0, 0, 2),  [RL_LD_16U_64] = A64_ACCESS(1, 0, 1), [RL_LD_16S_64] = A64_ACCESS(1, 0, 2),
    [RL_LD_32U_64] = A64_ACCESS(2, 0, 1), [RL_LD_32S_64] = A64_ACCESS(2, 0, 2), [RL_LD_64] = A64_ACCESS(3, 0, 1),
    [RL_LD_F32] = A64_ACCESS(2, 1, 1),    [RL_LD_F64] = A64_ACCESS(3, 1, 1),    [RL_LD_V128] = A64_ACCESS(0, 1, 3),
    [RL_ST_8] = A64_ACCESS(0, 0, 0),      [RL_ST_16] = A64_ACCESS(1, 0, 0),     [RL_ST_32] = A64_ACCESS(2, 0, 0),
    [RL_ST_64] = A64_ACCESS(3, 0, 0),     [RL_ST_F32] = A64_ACCESS(2, 1, 0),    [RL_ST_F64] = A64_ACCESS(3, 1, 0),
    [RL_ST_V128] = A64_ACCESS(0, 1, 2) };

void rl_masm_ld(rl_masm *m, rl_ldst kind, u8 d, rl_mem a) { access_mem(m, access_of[kind], A64(d), a); }
void rl_masm_st(rl_masm *m, rl_ldst kind, u8 s, rl_mem a) { access_mem(m, access_of[kind], A64(s), a); }
void rl_masm_ld_linear(rl_masm *m, rl_ldst kind, u8 d, u8 base, i32 disp) {
    access_linear(m, access_of[kind], A64(d), (rl_mem){ base, RL_NOREG, 0, true, false, disp });
}
void rl_masm_st_linear(rl_masm *m, rl_ldst kind, u8 s, u8 base, i32 disp) { rl_masm_ld_linear(m, kind, s, base, disp); }
void rl_masm_ld_frame(rl_masm *m, rl_ldst kind, u8 d, i32 at) {
    u32 base = at < 0 ? A64(RL_REG_FP) : A64(RL_REG_SP);
    access_at(m, access_of[kind], A64(d), base, at < 0 ? -(i64)at : at);
}
void rl_masm_st_frame(rl_masm *m, rl_ldst kind, u8 s, i32 at) { rl_masm_ld_frame(m, kind, s, at); }
void rl_masm_st_imm(rl_masm *m, rl_ldst kind, i32 imm, rl_mem a) {
    u32 s = A64_ZR, mask = kind == RL_ST_8 ? 0xff : kind == RL_ST_16 ? 0xffff : UINT32_MAX;
    u64 v = kind == RL_ST_64 ? (u64)(i64)imm : (u32)imm & mask;
    if (imm && (s = kept_reg(m, v, KEPT_VALUE)) == A64_ZR) {
        load_imm(m, kind == RL_ST_64, S2, v);
        s = S2;
    }
    access_mem(m, access_of[kind], s, a);
}
void rl_masm_lea(rl_masm *m, rl_width w, u8 d, rl_mem a) {
    u32 to = A64(d), from = to;
    if (a.base == RL_NOREG) put(m, a64_lsl(w, to, A64(a.index), a.scale));
    else if (a.index != RL_NOREG) add_scaled(m, w, to, A64(a.base), A64(a.index), a.scale);
    else from = A64(a.base);
    add_imm(m, w, to, from, w == RL_W32 ? (i32)a.disp : a.disp, S1);
}

/* ---- integers ---- */

void rl_masm_bin(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, u8 b) {
    u32 x = A64(d), y = A64(a), z = A64(b);
    switch (op) {
    case RL_BIN_ADD: put(m, a64_add(A64_ADD, w, x, y, z, A64_LSL, 0)); break;
    case RL_BIN_SUB: put(m, a64_add(A64_SUB, w, x, y, z, A64_LSL, 0)); break;
    case RL_BIN_AND: put(m, a64_log(A64_AND, w, x, y, z, A64_LSL, 0)); break;
    case RL_BIN_OR: put(m, a64_log(A64_ORR, w, x, y, z, A64_LSL, 0)); break;
    case RL_BIN_XOR: put(m, a64_log(A64_EOR, w, x, y, z, A64_LSL, 0)); break;
    case RL_BIN_MUL: put(m, a64_mul(w, x, y, z)); break;
    case RL_BIN_SHL: put(m, a64_two(A64_LSLV, w, x, y, z)); break;
    case RL_BIN_SHR_S: put(m, a64_two(A64_ASRV, w, x, y, z)); break;
    case RL_BIN_SHR_U: put(m, a64_two(A64_LSRV, w, x, y, z)); break;
    case RL_BIN_ROTR: put(m, a64_two(A64_RORV, w, x, y, z)); break;
    case RL_BIN_ROTL:
        put(m, a64_add(A64_SUB, 0, S1, A64_ZR, z, A64_LSL, 0));
        put(m, a64_two(A64_RORV, w, x, y, S1));
        break;
    }
}

static void logical_imm(rl_masm *m, u32 op, u32 w, u32 d, u32 a, u64 v) {
    u32 field;
    if (!w) v = (u32)v;
    u64 all = w ? ~0ull : UINT32_MAX;
    if (v == (op == A64_AND ? all : 0)) {
        if (d != a) put(m, a64_mov(w, d, a));
    } else if (op == A64_AND && v == 0) {
        load_imm(m, 0, d, 0);
    } else if (op == A64_ORR && v == all) {
        load_imm(m, w, d, v);
    } else if (op == A64_EOR && v == all) {
        put(m, a64_log(A64_ORR | A64_NOT, w, d, A64_ZR, a, A64_LSL, 0));
    } else if (a64_mask(w, v, &field)) {
        put(m, a64_logi(op, w, d, a, field));
    } else {
        put(m, a64_log(op, w, d, a, imm_reg(m, w, v), A64_LSL, 0));
    }
}

static void mul_imm(rl_masm *m, u32 w, u32 d, u32 a, u64 v) {
    if (!w) v = (u32)v;
    if (v == 0) {
        load_imm(m, 0, d, 0);
    } else if (rl_is_pow2(v)) {
        u32 k = (u32)__builtin_ctzll(v);
        if (k || d != a) put(m, k ? a64_lsl(w, d, a, k) : a64_mov(w, d, a));
    } else if (rl_is_pow2(v - 1)) {
        put(m, a64_add(A64_ADD, w, d, a, a, A64_LSL, (u32)__builtin_ctzll(v - 1)));
    } else if (v + 1 && rl_is_pow2(v + 1) && (w || (u32)(v + 1))) { /* (a << k) - a, negated twice */
        put(m, a64_add(A64_SUB, w, S1, a, a, A64_LSL, (u32)__builtin_ctzll(v + 1)));
        put(m, a64_add(A64_SUB, w, d, A64_ZR, S1, A64_LSL, 0));
    } else {
        put(m, a64_mul(w, d, a, imm_reg(m, w, v)));
    }
}

static void shift_imm(rl_masm *m, rl_bin op, u32 w, u32 d, u32 a, u32 k) {
    u32 bits = w ? 64 : 32;
    k &= bits - 1;
    if (op == RL_BIN_ROTL) k = (bits - k) & (bits - 1), op = RL_BIN_ROTR;
    if (k == 0) {
        if (d != a) put(m, a64_mov(w, d, a));
        return;
    }
    switch (op) {
    case RL_BIN_SHL: put(m, a64_lsl(w, d, a, k)); break;
    case RL_BIN_SHR_S: put(m, a64_asr(w, d, a, k)); break;
    case RL_BIN_SHR_U: put(m, a64_lsr(w, d, a, k)); break;
    default: put(m, a64_ror(w, d, a, k)); break;
    }
}

void rl_masm_bini(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, i64 imm) {
    u32 x = A64(d), y = A64(a);
    if (w == RL_W32) imm = (i32)imm;
    switch (op) {
    case RL_BIN_ADD: add_imm(m, w, x, y, imm, S1); break;
    case RL_BIN_SUB: add_imm(m, w, x, y, w == RL_W32 ? (i32)-(u32)imm : (i64)-(u64)imm, S1); break;
    case RL_BIN_AND: logical_imm(m, A64_AND, w, x, y, (u64)imm); break;
    case RL_BIN_OR: logical_imm(m, A64_ORR, w, x, y, (u64)imm); break;
    case RL_BIN_XOR: logical_imm(m, A64_EOR, w, x, y, (u64)imm); break;
    case RL_BIN_MUL: mul_imm(m, w, x, y, (u64)imm); break;
    default: shift_imm(m, op, w, x, y, (u32)imm); break;
    }
}

/* The memory operand into x15, of which the operation then makes a register operand. */
static void load_operand(rl_masm *m, rl_width w, rl_mem b) {
    access_mem(m, access_of[w == RL_W64 ? RL_LD_64 : RL_LD_32], S2, b);
}

void rl_masm_binm(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, rl_mem b) {
    load_operand(m, w, b);
    rl_masm_bin(m, op, w, d, a, RL_A64_X15);
}

void rl_masm_neg(rl_masm *m, rl_width w, u8 d, u8 a) { put(m, a64_add(A64_SUB, w, A64(d), A64_ZR, A64(a), A64_LSL, 0)); }

static void popcnt(rl_masm *m, u32 w, u32 d, u32 a) {
    put(m, a64_fcvt(A64_FMOV_IN, w, w, FTMP, a));
    put(m, a64_vcnt(FTMP, FTMP));
    put(m, a64_vaddv(FTMP, FTMP));
    put(m, a64_fcvt(A64_FMOV_OUT, 0, false, d, FTMP));
}

void rl_masm_un(rl_masm *m, rl_un op, rl_width w, u8 d, u8 a) {
    u32 x = A64(d), y = A64(a);
    switch (op) {
    case RL_UN_CLZ: put(m, a64_one(A64_CLZ, w, x, y)); break;
    case RL_UN_CTZ:
        put(m, a64_one(A64_RBIT, w, x, y));
        put(m, a64_one(A64_CLZ, w, x, x));
        break;
    case RL_UN_POPCNT: popcnt(m, w, x, y); break;
    case RL_UN_SX8: put(m, a64_bfm(A64_SBFM, w, x, y, 0, 7)); break;
    case RL_UN_SX16: put(m, a64_bfm(A64_SBFM, w, x, y, 0, 15)); break;
    case RL_UN_SX32: put(m, a64_bfm(A64_SBFM, 1, x, y, 0, 31)); break;
    case RL_UN_ZX32: put(m, a64_mov(0, x, y)); break;
    }
}

/* ---- labels ---- */

/* Puts rel, in bytes, into the branch (or adr) at `at`; false: it does not reach. */
static bool aim(u8 *at, i64 rel) {
    u32 word = rl_load32(at), top = word >> 24;
    if ((top & 0x7c) == 0x14) { /* b, bl: 26 bits */
        if (rel < -(1 << 27) || rel >= 1 << 27) return false;
        rl_store32(at, (word & 0xfc000000) | ((u32)rel >> 2 & 0x3ffffff));
    } else if ((top & 0x7e) == 0x36) { /* tbz, tbnz: 14 */
        if (rel < -(1 << 15) || rel >= 1 << 15) return false;
        rl_store32(at, (word & ~(0x3fffu << 5)) | ((u32)rel >> 2 & 0x3fff) << 5);
    } else { /* b.cond, cbz, cbnz, literal loads: 19 */
        if (rel < -(1 << 20) || rel >= 1 << 20) return false;
        rl_store32(at, (word & ~(0x7ffffu << 5)) | ((u32)rel >> 2 & 0x7ffff) << 5);
    }
    return true;
}

static void wait_for(rl_masm *m, rl_label *l, u32 at) {
    if (!rl_masm_more(m, &m->label_uses, m->nlabel_uses, &m->label_uses_cap, sizeof *m->label_uses)) return;
    m->label_uses[m->nlabel_uses++] = (struct rl_label_use){ at, l->chain };
    l->chain = m->nlabel_uses; /* index + 1 */
}

/* Writes a branch to l: word has its displacement field zero. */
static void branch(rl_masm *m, u32 word, rl_label *l) {
    u32 at = rl_masm_pos(m);
    put(m, word);
    if (l->pos < 0) wait_for(m, l, at);
    else if (!m->failed && !aim(m->base + at, (i64)l->pos - at)) m->too_far = true;
}

/* The same for a branch of short reach, given also as its opposite. */
static void branch_if(rl_masm *m, u32 word, u32 opposite, rl_label *l) {
    if (RL_LIKELY(!m->far)) {
        branch(m, word, l);
        return;
    }
    put(m, opposite | 2 << 5); /* over the next */
    branch(m, a64_b(0), l);
}

static void branch_cond(rl_masm *m, u32 cond, rl_label *l) { branch_if(m, a64_bcond(cond, 0), a64_bcond(cond ^ 1, 0), l); }

/* ---- division ---- */

u8 rl_masm_div(rl_masm *m, rl_div op, rl_width w, u8 d, u8 a, u8 b, rl_label *overflow) {
    u32 to = A64(d), x = A64(a), y = A64(b);
    if (op == RL_DIV_S && overflow) { /* b == -1 and a == INT_MIN, of which a - 1 overflows */
        put(m, a64_addi(A64_ADDS, w, A64_ZR, y, 1));
        put(m, a64_ccmpi(A64_CCMP, w, x, 1, 0, A64_EQ));
        branch_cond(m, A64_VS, overflow);
    }
    u32 divide = op == RL_DIV_U || op == RL_REM_U ? A64_UDIV : A64_SDIV;
    bool rem = op == RL_REM_S || op == RL_REM_U;
    put(m, a64_two(divide, w, rem ? S1 : to, x, y)); /* INT_MIN / -1 is INT_MIN here, which leaves the remainder 0 */
    if (rem) put(m, a64_msub(w, to, S1, y, x));
    return d;
}

/* ---- compare and branch ---- */

static const u8 cond_of[] = {
    [RL_CC_EQ] = A64_EQ,    [RL_CC_NE] = A64_NE,    [RL_CC_LT_S] = A64_LT,  [RL_CC_GE_S] = A64_GE,  [RL_CC_LT_U] = A64_LO,
    [RL_CC_GE_U] = A64_HS,  [RL_CC_GT_S] = A64_GT,  [RL_CC_LE_S] = A64_LE,  [RL_CC_GT_U] = A64_HI,  [RL_CC_LE_U] = A64_LS,
    /* unordered sets C and V */
    [RL_CC_F_EQ] = A64_EQ,  [RL_CC_F_NE] = A64_NE,  [RL_CC_F_LT] = A64_MI,  [RL_CC_F_NLT] = A64_PL, [RL_CC_F_GT] = A64_GT,
    [RL_CC_F_NGT] = A64_LE, [RL_CC_F_LE] = A64_LS,  [RL_CC_F_NLE] = A64_HI, [RL_CC_F_GE] = A64_GE,  [RL_CC_F_NGE] = A64_LT };

/* The instruction just written compares a, or a bit of it, with zero: a branch right behind it takes its place. */
static void compares_zero(rl_masm *m, rl_width w, u32 a, u32 bit) {
    m->zero_at = rl_masm_pos(m);
    m->zero_reg = (u8)a;
    m->zero_bit = (u8)bit;
    m->zero_wide = w == RL_W64;
}

static void cmp(rl_masm *m, u32 w, u32 a, u32 b) { put(m, a64_add(A64_SUBS, w, A64_ZR, a, b, A64_LSL, 0)); }
void rl_masm_cmp(rl_masm *m, rl_width w, u8 a, u8 b) { cmp(m, w, A64(a), A64(b)); }
void rl_masm_cmpi(rl_masm *m, rl_width w, u8 a, i64 imm) {
    if (w == RL_W32) imm = (i32)imm;
    u64 size = imm < 0 ? -(u64)imm : (u64)imm;
    if (a64_addi_ok(size)) {
        put(m, a64_addi(imm < 0 ? A64_ADDS : A64_SUBS, w, A64_ZR, A64(a), (u32)size));
        if (!imm) compares_zero(m, w, A64(a), ALL_BITS);
    } else {
        cmp(m, w, A64(a), imm_reg(m, w, (u64)imm));
    }
}
/* Memory's limits change in calls only, and loops with constants have none. */
void rl_masm_cmpm(rl_masm *m, rl_width w, u8 a, rl_mem b) {
    bool limit = w == RL_W64 && b.base == RL_REG_INST && b.index == RL_NOREG && (u64)b.disp - RL_INST_MEM_LIMIT < 32;
    u32 kept = limit ? kept_reg(m, (u64)b.disp, KEPT_LIMIT) : (u32)A64_ZR;
    if (kept == A64_ZR) load_operand(m, w, b);
    cmp(m, w, A64(a), kept == A64_ZR ? S2 : kept);
}
void rl_masm_test(rl_masm *m, rl_width w, u8 a, u8 b) {
    put(m, a64_log(A64_ANDS, w, A64_ZR, A64(a), A64(b), A64_LSL, 0));
    if (a == b) compares_zero(m, w, A64(a), ALL_BITS);
}
void rl_masm_testi(rl_masm *m, rl_width w, u8 a, i64 imm) {
    u32 field;
    if (w == RL_W32) imm = (u32)imm;
    if (a64_mask(w, (u64)imm, &field)) {
        put(m, a64_logi(A64_ANDS, w, A64_ZR, A64(a), field));
        if (rl_is_pow2((u64)imm)) compares_zero(m, w, A64(a), (u32)__builtin_ctzll((u64)imm));
    } else {
        put(m, a64_log(A64_ANDS, w, A64_ZR, A64(a), imm_reg(m, w, (u64)imm), A64_LSL, 0));
    }
}
void rl_masm_fcmp(rl_masm *m, rl_type t, rl_cc cc, u8 a, u8 b) {
    (void)cc;
    put(m, a64_fcmp(t == RL_F64, A64(a), A64(b)));
}
void rl_masm_fcmpm(rl_masm *m, rl_type t, rl_cc cc, u8 a, rl_mem b) {
    (void)cc;
    access_mem(m, access_of[t == RL_F64 ? RL_LD_F64 : RL_LD_F32], FTMP, b);
    put(m, a64_fcmp(t == RL_F64, A64(a), FTMP));
}
bool rl_masm_fcmpm_ok(rl_cc cc) {
    (void)cc;
    return true;
}
void rl_masm_setcc(rl_masm *m, rl_cc cc, u8 d) { put(m, a64_cset(A64(d), cond_of[cc])); }
void rl_masm_select(rl_masm *m, rl_width w, rl_cc cc, u8 d, u8 a, u8 b) {
    if (a == b) rl_masm_mov(m, w, d, a);
    else put(m, a64_csel(w, A64(d), A64(a), A64(b), cond_of[cc]));
}
/* No conditional select is wider than 64 bits: of 16 bytes, d = a unless a branch skips it. */
static void vselect(rl_masm *m, u32 cond, u32 d, u32 a, u32 b) {
    if (d == a) a = b, b = d, cond ^= 1;
    fmov(m, RL_V128, d, b);
    put(m, a64_bcond(cond ^ 1, 8));
    put(m, a64_vmov(d, a));
}
void rl_masm_fselect(rl_masm *m, rl_type t, rl_cc cc, u8 d, u8 a, u8 b) {
    if (a == b) rl_masm_fmov(m, t, d, a);
    else if (t == RL_V128) vselect(m, cond_of[cc], A64(d), A64(a), A64(b));
    else put(m, a64_fcsel(t == RL_F64, A64(d), A64(a), A64(b), cond_of[cc]));
}

void rl_masm_jmp(rl_masm *m, rl_label *l) { branch(m, a64_b(0), l); }
/* Does a branch on the compare with zero just written need no flags? As a word and its opposite. Bits are tested only
 * where a short reach is known to do: a function that turns out too large is made again without. */
static bool branch_on_zero(const rl_masm *m, rl_cc cc, u32 *word, u32 *opposite) {
    if (!m->zero_at || m->zero_at != rl_masm_pos(m) || m->failed) return false;
    u32 bit = m->zero_bit;
    bool sign = bit == ALL_BITS && (cc == RL_CC_LT_S || cc == RL_CC_GE_S), set = cc == RL_CC_NE || cc == RL_CC_LT_S;
    if (!sign && cc != RL_CC_EQ && cc != RL_CC_NE) return false;
    if (sign) bit = m->zero_wide ? 63 : 31;
    if (bit == ALL_BITS) {
        *word = a64_cbz(m->zero_wide, set, m->zero_reg, 0);
        *opposite = a64_cbz(m->zero_wide, !set, m->zero_reg, 0);
        return true;
    }
    *word = *opposite = a64_tbz(set, m->zero_reg, bit, 0);
    return m->near && !m->far;
}

void rl_masm_jcc(rl_masm *m, rl_cc cc, rl_label *l) {
    u32 word, opposite;
    if (branch_on_zero(m, cc, &word, &opposite)) {
        m->p -= 4;
        m->zero_at = 0;
        branch_if(m, word, opposite, l);
        return;
    }
    branch_cond(m, cond_of[cc], l);
}

void rl_masm_landing(rl_masm *m, bool called) {
    if (rl_a64_pads) put(m, called ? a64_bti_c() : a64_bti_j());
}
bool rl_masm_may_switch_to(const rl_label *l) { return !rl_a64_pads || l->pos < 0; }

static bool used_by_switch(const rl_masm *m, u32 use) {
    while (use && !(m->label_uses[use - 1].at & RL_TABLE_ENTRY)) use = m->label_uses[use - 1].next;
    return use;
}

void rl_masm_bind(rl_masm *m, rl_label *l) {
    u32 use = l->chain, pad = rl_masm_pos(m);
    if (rl_a64_pads && used_by_switch(m, use)) {
        rl_masm_room(m, 64);
        rl_masm_landing(m, false);
    }
    u32 here = rl_masm_pos(m);
    l->pos = (i32)here;
    l->chain = 0;
    m->zero_at = 0; /* others arrive here */
    if (RL_UNLIKELY(m->failed)) return;
    for (; use; use = m->label_uses[use - 1].next) {
        u32 at = m->label_uses[use - 1].at, pos = at & ~RL_TABLE_ENTRY;
        if (at & RL_TABLE_ENTRY) rl_store32(m->base + pos, pad - rl_masm_table_of(m, pos));
        else if (!aim(m->base + pos, (i64)here - pos)) m->too_far = true;
    }
}

u32 rl_masm_switch(rl_masm *m, u8 index, u32 n) {
    if (m->failed || !rl_masm_more(m, &m->tables, m->ntables, &m->tables_cap, sizeof *m->tables)) return 0;
    put(m, a64_adr(S1, 16));
    put(m, a64_ldstx(A64_ACCESS(2, 0, 2), S2, S1, A64(index), A64_UXTW, true)); /* ldrsw */
    put(m, a64_add(A64_ADD, 1, S1, S1, S2, A64_LSL, 0));
    put(m, a64_br(S1));
    u32 table = rl_masm_pos(m);
    m->tables[m->ntables++] = table;
    memset(m->p, 0, (size_t)n * 4);
    m->p += (size_t)n * 4;
    return table;
}

void rl_masm_switch_entry(rl_masm *m, u32 table, u32 i, rl_label *l) {
    if (m->failed) return;
    u32 at = table + 4 * i;
    if (l->pos >= 0) rl_store32(m->base + at, (u32)l->pos - table);
    else wait_for(m, l, at | RL_TABLE_ENTRY);
}

void rl_masm_loop(rl_masm *m, bool innermost) {
    if (m->failed || !rl_masm_more(m, &m->loops, m->nloops, &m->loops_cap, sizeof *m->loops)) return;
    u32 x0 = m->loop ? OUTER_X : 0, v0 = m->loop ? OUTER_V : 0;
    m->loops[m->nloops++] = (struct rl_loop){ .at = rl_masm_pos(m), .outer = m->loop, .x0 = (u8)x0, .v0 = (u8)v0,
                                             .xmax = innermost ? LOOP_X : OUTER_X, .vmax = innermost ? LOOP_V : OUTER_V };
    m->loop = m->nloops;
    put(m, a64_nop());
}

void rl_masm_loop_end(rl_masm *m) {
    if (m->loop) m->loop = m->loops[m->loop - 1].outer;
}

u32 rl_masm_loop_kept(const rl_masm *m) { return m->loop ? m->loops[m->loop - 1].nx | (u32)m->loops[m->loop - 1].nv << 8 : 0; }

void rl_masm_loop_keep_only(rl_masm *m, u32 kept) {
    if (m->loop) m->loops[m->loop - 1].nx = (u8)kept, m->loops[m->loop - 1].nv = (u8)(kept >> 8);
}

void rl_masm_loop_again(rl_masm *m, u32 loop) {
    for (; loop && !m->failed; loop = m->loops[loop - 1].outer) {
        const struct rl_loop l = m->loops[loop - 1];
        rl_masm_room(m, 512);
        for (u32 i = 0; i < l.nx; i++) {
            u32 r = loop_x[l.x0 + i];
            if (l.kind[i] == KEPT_BASED) add_imm(m, 1, r, A64(RL_REG_BASE), (i64)l.x[i], S1);
            else if (l.kind[i] == KEPT_LIMIT) access_at(m, access_of[RL_LD_64], r, A64(RL_REG_INST), (i64)l.x[i]);
            else load_imm(m, 1, r, l.x[i]);
        }
        for (u32 i = 0; i < l.nv; i++) load_float(m, l.wide >> i & 1, 21u + l.v0 + i, l.v[i]);
    }
}

/* The code that the reserved words branch to. */
static void load_loops(rl_masm *m) {
    for (u32 i = 0; i < m->nloops && !m->failed; i++) {
        struct rl_loop *l = &m->loops[i];
        if (!l->nx && !l->nv) continue;
        rl_store32(m->base + l->at, a64_b((i32)(rl_masm_pos(m) - l->at)));
        l->outer = 0;
        rl_masm_loop_again(m, i + 1);
        put(m, a64_b((i32)(l->at + 4 - rl_masm_pos(m))));
    }
}

/* ---- floats ---- */

static const u8 fbin_of[] = { [RL_FBIN_ADD] = A64_FADD, [RL_FBIN_SUB] = A64_FSUB, [RL_FBIN_MUL] = A64_FMUL, [RL_FBIN_DIV] = A64_FDIV,
                              [RL_FBIN_MIN] = A64_FMIN, [RL_FBIN_MAX] = A64_FMAX };

static void sign_mask(rl_masm *m, bool f64, u32 d) {
    put(m, f64 ? a64_vzero(d) : a64_vsign32(d));
    if (f64) put(m, a64_vneg64(d, d));
}

static void fcopysign(rl_masm *m, bool f64, u32 d, u32 a, u32 b) {
    sign_mask(m, f64, FTMP);
    if (d == b) {
        put(m, a64_vbif(d, a, FTMP));
    } else {
        fmov(m, RL_F64, d, a);
        put(m, a64_vbit(d, b, FTMP));
    }
}

static void fbin(rl_masm *m, rl_fbin op, bool f64, u32 d, u32 a, u32 b) {
    if (op == RL_FBIN_COPYSIGN) fcopysign(m, f64, d, a, b);
    else put(m, a64_fbin(fbin_of[op], f64, d, a, b));
}
void rl_masm_fbin(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u8 b) { fbin(m, op, t == RL_F64, A64(d), A64(a), A64(b)); }
void rl_masm_fbinm(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, rl_mem b) {
    access_mem(m, access_of[t == RL_F64 ? RL_LD_F64 : RL_LD_F32], FTMP, b);
    fbin(m, op, t == RL_F64, A64(d), A64(a), FTMP);
}
void rl_masm_fbini(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u64 bits) {
    u32 r = keep_float(m, t == RL_F64, t == RL_F64 ? bits : (u32)bits);
    if (r == FTMP) load_float(m, t == RL_F64, FTMP, bits);
    fbin(m, op, t == RL_F64, A64(d), A64(a), r);
}

void rl_masm_fun(rl_masm *m, rl_fun op, rl_type t, u8 d, u8 a) {
    static const u8 of[] = { [RL_FUN_ABS] = A64_FABS,     [RL_FUN_NEG] = A64_FNEG,     [RL_FUN_SQRT] = A64_FSQRT,
                             [RL_FUN_CEIL] = A64_FRINTP,  [RL_FUN_FLOOR] = A64_FRINTM, [RL_FUN_TRUNC] = A64_FRINTZ,
                             [RL_FUN_NEAREST] = A64_FRINTN };
    put(m, a64_fun(of[op], t == RL_F64, A64(d), A64(a)));
}

void rl_masm_cvt(rl_masm *m, rl_cvt op, u8 d, u8 a) {
    static const struct { u32 op; u8 wide, f64; } of[] = {
        [RL_CVT_F32_I32S] = { A64_SCVTF, 0, 0 },     [RL_CVT_F32_I32U] = { A64_UCVTF, 0, 0 },
        [RL_CVT_F32_I64S] = { A64_SCVTF, 1, 0 },     [RL_CVT_F32_I64U] = { A64_UCVTF, 1, 0 },
        [RL_CVT_F64_I32S] = { A64_SCVTF, 0, 1 },     [RL_CVT_F64_I32U] = { A64_UCVTF, 0, 1 },
        [RL_CVT_F64_I64S] = { A64_SCVTF, 1, 1 },     [RL_CVT_F64_I64U] = { A64_UCVTF, 1, 1 },
        [RL_CVT_I32_F32_BITS] = { A64_FMOV_OUT, 0, 0 }, [RL_CVT_I64_F64_BITS] = { A64_FMOV_OUT, 1, 1 },
        [RL_CVT_F32_I32_BITS] = { A64_FMOV_IN, 0, 0 },  [RL_CVT_F64_I64_BITS] = { A64_FMOV_IN, 1, 1 } };
    if (op == RL_CVT_F32_F64) put(m, a64_fun(A64_FCVT_S, true, A64(d), A64(a)));
    else if (op == RL_CVT_F64_F32) put(m, a64_fun(A64_FCVT_D, false, A64(d), A64(a)));
    else put(m, a64_fcvt(of[op].op, of[op].wide, of[op].f64, A64(d), A64(a)));
}

/* Float to integer: the machine saturates, and makes 0 of NaN, which is what the saturating operators want. The others
 * look at the answer. 32-bit ones convert to 64 bits, so that everything in range is exact. */
static void trunc_32(rl_masm *m, bool is_signed, bool f64, u32 d, u32 a, rl_label *overflow) {
    put(m, a64_fcvt(A64_FCVTZS, 1, f64, S1, a));
    put(m, a64_addx(A64_SUBS, 1, A64_ZR, S1, S1, is_signed ? A64_SXTW : A64_UXTW, 0));
    branch_cond(m, A64_NE, overflow);
    put(m, a64_mov(0, d, S1));
}

/* INT_MAX is never right, as no float is; INT_MIN is, for -2^63 only. */
static void trunc_s64(rl_masm *m, bool f64, u32 d, u32 a, rl_label *overflow) {
    rl_label done = RL_LABEL_INIT;
    put(m, a64_fcvt(A64_FCVTZS, 1, f64, d, a));
    put(m, a64_addi(A64_SUBS, 1, A64_ZR, d, 1)); /* overflows for INT_MIN */
    put(m, a64_ccmpi(A64_CCMN, 1, d, 1, 1, A64_VC)); /* for INT_MAX; else stays overflowed */
    branch(m, a64_bcond(A64_VC, 0), &done);
    load_imm(m, f64, S1, f64 ? 0xc3e0000000000000u : 0xdf000000u);
    put(m, a64_fcvt(A64_FMOV_IN, f64, f64, FTMP, S1));
    put(m, a64_fcmp(f64, a, FTMP));
    branch_cond(m, A64_NE, overflow);
    rl_masm_bind(m, &done);
}

/* The largest answer is never right; 0 is above -1. */
static void trunc_u64(rl_masm *m, bool f64, u32 d, u32 a, rl_label *overflow) {
    u32 minus_one = 0xf0;
    put(m, a64_fcvt(A64_FCVTZU, 1, f64, d, a));
    put(m, a64_addi(A64_ADDS, 1, A64_ZR, d, 1));
    branch_cond(m, A64_EQ, overflow);
    put(m, a64_fmovi(f64, FTMP, minus_one));
    put(m, a64_fcmp(f64, a, FTMP));
    branch_cond(m, A64_LE, overflow);
}

void rl_masm_trunc(rl_masm *m, rl_trunc op, rl_type t, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow) {
    bool f64 = t == RL_F64, wide = op == RL_TRUNC_I64S || op == RL_TRUNC_I64U, is_signed = op == RL_TRUNC_I32S || op == RL_TRUNC_I64S;
    u32 x = A64(d), y = A64(a);
    if (sat) {
        put(m, a64_fcvt(is_signed ? A64_FCVTZS : A64_FCVTZU, wide, f64, x, y));
        return;
    }
    put(m, a64_fcmp(f64, y, y));
    branch_cond(m, A64_VS, invalid);
    if (!wide) trunc_32(m, is_signed, f64, x, y, overflow);
    else if (is_signed) trunc_s64(m, f64, x, y, overflow);
    else trunc_u64(m, f64, x, y, overflow);
}

/* ---- calls, frames, fuel, traps ---- */

u32 rl_masm_call(rl_masm *m) {
    put(m, a64_bl(0));
    return rl_masm_pos(m) - 4;
}
u32 rl_masm_tail(rl_masm *m) {
    put(m, a64_b(0));
    return rl_masm_pos(m) - 4;
}
bool rl_masm_relocate(u8 *at, i64 from, i64 to) { return aim(at, to - from); }
void rl_masm_callm(rl_masm *m, rl_mem a) {
    access_mem(m, access_of[RL_LD_64], S1, a);
    put(m, a64_blr(S1));
}
void rl_masm_tailm(rl_masm *m, rl_mem a) {
    access_mem(m, access_of[RL_LD_64], S1, a);
    put(m, a64_br(S1));
}
/* The low bits of the address go into the load. */
static void load_slot(rl_masm *m, const void *const *slot) {
    u64 at = (u64)(uintptr_t)slot;
    load_imm(m, 1, S1, at & ~(u64)0x7fff);
    put(m, a64_ldst(A64_ACCESS(3, 0, 1), S1, S1, (u32)at & 0x7fff));
}
void rl_masm_call_abs(rl_masm *m, const void *const *slot) {
    load_slot(m, slot);
    put(m, a64_blr(S1));
}
void rl_masm_tail_abs(rl_masm *m, const void *const *slot) {
    load_slot(m, slot);
    put(m, a64_br(S1));
}

/* The area of saved registers ends at the frame pointer, from where pairs reach it however large the frame is. */
static i32 saves_at(u32 saved) { return -(i32)rl_align(8u * (u32)__builtin_popcount(saved), 16); }

static u32 next_reg(u32 *saved) {
    u32 r = (u32)__builtin_ctz(*saved);
    *saved &= *saved - 1;
    return A64(r);
}

static void save_or_restore(rl_masm *m, u32 pair, u32 single, u32 saved) {
    i32 at = saves_at(saved);
    u32 fp = A64(RL_REG_FP);
    while (saved) {
        u32 r = next_reg(&saved);
        if (saved) put(m, a64_pair(pair, r, next_reg(&saved), fp, at));
        else put(m, a64_ldstu(single, r, fp, at));
        at += 16;
    }
}

u32 rl_masm_prologue(rl_masm *m, u32 end_pos, u32 frame, bool check, u32 saved, u32 saves, rl_label *overflow) {
    u8 buf[RL_PROLOGUE_MAX + 16], *keep = m->p;
    u32 fp = A64(RL_REG_FP), rel = 0;
    rl_assert((i32)saves - (i32)frame == saves_at(saved));
    m->p = buf; /* the writers above only know m->p; positions do not matter to them */
    if (m->landing) rl_masm_landing(m, true);
    put(m, a64_pair(A64_STP_PRE, fp, 30, A64_SP, -16));
    put(m, a64_addi(A64_ADD, 1, fp, A64_SP, 0));
    add_imm(m, 1, A64_SP, A64_SP, -(i64)frame, S1);
    if (check) {
        put(m, a64_ldst(A64_ACCESS(3, 0, 1), S1, A64(RL_REG_INST), RL_INST_STACK_LIMIT));
        put(m, a64_addx(A64_SUBS, 1, A64_ZR, A64_SP, S1, A64_UXTX, 0));
        rel = (u32)(m->p - buf);
        put(m, m->far ? a64_bcond(A64_HS, 8) : a64_bcond(A64_LO, 0));
        if (m->far) rel = (u32)(m->p - buf), put(m, a64_b(0));
    }
    save_or_restore(m, A64_STP, A64_ACCESS(3, 0, 0), saved);
    u32 size = (u32)(m->p - buf);
    m->p = keep;
    rl_assert(size <= RL_PROLOGUE_MAX);
    if (m->failed) return 0;
    rl_assert(size <= end_pos);
    u32 start = end_pos - size;
    memcpy(m->base + start, buf, size);
    if (check && overflow->pos < 0) wait_for(m, overflow, start + rel);
    else if (check && !aim(m->base + start + rel, (i64)overflow->pos - (start + rel))) m->too_far = true;
    return start;
}

void rl_masm_epilogue(rl_masm *m, u32 saved, u32 saves) {
    (void)saves;
    u32 fp = A64(RL_REG_FP);
    save_or_restore(m, A64_LDP, A64_ACCESS(3, 0, 1), saved);
    put(m, a64_addi(A64_ADD, 1, A64_SP, fp, 0));
    put(m, a64_pair(A64_LDP_POST, fp, 30, A64_SP, 16));
}
u32 rl_masm_restack(rl_masm *m, u32 start) {
    u32 fp = A64(RL_REG_FP);
    put(m, a64_addi(A64_ADD, 1, A64_SP, fp, 0)); /* there is room for what the glue saves, but not below a large frame */
    rl_masm_callm(m, rl_mem_at(RL_REG_INST, RL_INST_GROW));
    u32 pos = rl_masm_pos(m);
    put(m, a64_pair(A64_LDP_POST, fp, 30, A64_SP, 16));
    rl_label again = { .pos = (i32)start };
    rl_masm_jmp(m, &again);
    return pos;
}
void rl_masm_ret(rl_masm *m) { put(m, a64_ret()); }

void rl_masm_charge(rl_masm *m, u32 k) {
    u32 fuel = A64(RL_REG_FUEL);
    add_imm(m, 1, fuel, fuel, -(i64)k, S1);
}
void rl_masm_charge_check(rl_masm *m, u32 k, rl_label *cold) {
    u32 fuel = A64(RL_REG_FUEL);
    if (a64_addi_ok(k)) {
        put(m, a64_addi(A64_SUBS, 1, fuel, fuel, k));
    } else {
        load_imm(m, 1, S1, k);
        put(m, a64_add(A64_SUBS, 1, fuel, fuel, S1, A64_LSL, 0));
    }
    branch_cond(m, A64_LT, cold);
}

void rl_masm_yield(rl_masm *m) { rl_masm_callm(m, rl_mem_at(RL_REG_INST, RL_INST_YIELD)); }
void rl_masm_trap(rl_masm *m) {
    m->fault = rl_masm_pos(m);
    put(m, a64_udf());
}

void rl_masm_pool(rl_masm *m) {
    load_loops(m);
    u32 bytes = m->pool_count * 8;
    if (!bytes) return;
    rl_masm_room(m, bytes + 32);
    if (!m->failed) {
        while (rl_masm_pos(m) & 7) put(m, a64_udf());
        u32 at = rl_masm_pos(m);
        memcpy(m->p, m->pool, bytes);
        m->p += bytes;
        for (u32 i = 0; i < m->nuses; i++) {
            struct rl_pool_use u = m->pool_uses[i];
            if (!aim(m->base + u.at, (i64)(at + 8 * u.index) - u.at)) m->too_far = true;
        }
    }
    m->pool_count = m->nuses = 0;
}
