/* Owns the arithmetic families: integers, floats, comparisons, conversions, select.
 *
 * Each function pops its operands as abstract values, chooses the form the machine likes (immediate, memory operand,
 * address sum, flags kept for a following branch) and pushes the result. Invariant: a comparison stays in the flags
 * only when the very next operator consumes it. One emitter, one thread. Not taken: peephole passes over machine code. */
#include "jit/emit_ops.h"

/* The consumer right after us can use flags. */
static inline bool flags_wanted(const rl_emitter *e) {
    switch (*e->ip) {
    case RL_OP_br_if: case RL_OP_if: case RL_OP_select: case RL_OP_select_t: case RL_OP_i32_eqz: return true;
    default: return false;
    }
}

/* Pushes a comparison: as flags for a consumer that follows, else as 0 or 1 in a register. */
void rl_emit_flags(rl_emitter *e, rl_cc cc) {
    e->locked = 0; /* the operands are done with */
    if (flags_wanted(e)) {
        rl_vs_push(e, (rl_val){ .kind = RL_V_FLAGS, .type = RL_I32, .reg = RL_NOREG, .index = RL_NOREG, .cc = (u8)cc });
        e->flags_next = true;
        return;
    }
    u8 d = rl_vs_dest(e, NULL, NULL, false, rl_vs_hint(e));
    rl_masm_setcc(&e->m, cc, d);
    rl_vs_push_reg(e, RL_I32, d);
}

/* ---- address sums ---- */

/* v as one component of a sum: a register of its own or a tracked local. */
static u8 component(rl_emitter *e, rl_val *v) {
    if (v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED) return (u8)(RL_COMP_LOCAL + v->reg);
    u8 r = rl_vs_use(e, v);
    return v->kind == RL_V_LOCAL ? (u8)(RL_COMP_LOCAL + v->reg) : r;
}

/* An older reader of the same local further down the stack reads after this sum is worked out, so the local does not die. */
static rl_val sum_of(rl_emitter *e, rl_val *v) {
    if (v->kind == RL_V_ADDR) return *v;
    u8 c = component(e, v);
    bool last = c >= RL_COMP_LOCAL && v->last && !e->pend[c - RL_COMP_LOCAL];
    return (rl_val){ .kind = RL_V_ADDR, .type = RL_I32, .reg = c, .index = RL_NOREG, .last = last,
                     .max = v->width ? (1u << v->width) - 1 : UINT32_MAX };
}

/* Base takes what index holds when nothing is scaled. */
static void as_base(rl_val *s) {
    if (s->reg != RL_NOREG || s->scale) return;
    s->reg = s->index, s->index = RL_NOREG, s->last = (u8)(s->last >> 1), s->width = 0;
}

static rl_val to_register(rl_emitter *e, rl_val *s) {
    (void)rl_vs_use(e, s);
    return sum_of(e, s);
}

static u32 bounded(u64 max) { return max > UINT32_MAX ? UINT32_MAX : (u32)max; }

static void push_sum(rl_emitter *e, rl_val *a, rl_val *b) {
    rl_val x = sum_of(e, a), y = sum_of(e, b);
    u32 nx = (x.reg != RL_NOREG) + (x.index != RL_NOREG), ny = (y.reg != RL_NOREG) + (y.index != RL_NOREG);
    if (nx + ny > 2 || (x.scale && y.scale)) {
        if (nx == 2 || (nx == 1 && x.scale && ny == 1)) x = to_register(e, &x);
        else y = to_register(e, &y);
        nx = (x.reg != RL_NOREG) + (x.index != RL_NOREG), ny = (y.reg != RL_NOREG) + (y.index != RL_NOREG);
        if (nx + ny > 2) {
            if (nx == 2) x = to_register(e, &x);
            else y = to_register(e, &y);
        }
    }
    as_base(&x), as_base(&y);
    bool swap = x.reg == RL_NOREG || (x.index == RL_NOREG && x.max != UINT32_MAX && y.reg != RL_NOREG && y.index == RL_NOREG);
    if (swap) { rl_val t = x; x = y; y = t; } /* what is bounded is the better index */
    /* x has a base; y is one component, scaled or not, or x is complete and y empty */
    rl_val s = x;
    s.disp = (i32)((u32)x.disp + (u32)y.disp);
    s.max = bounded((u64)x.max + y.max);
    u8 c = y.reg != RL_NOREG ? y.reg : y.index;
    if (c != RL_NOREG) {
        s.index = c;
        s.scale = y.reg != RL_NOREG ? 0 : y.scale;
        s.width = y.max == UINT32_MAX ? 0 : (u8)(32 - __builtin_clz(y.max | 1));
        s.last = (u8)((x.last & 1) | ((y.reg != RL_NOREG ? y.last & 1 : y.last >> 1) << 1));
    }
    rl_vs_push(e, s);
}

static bool lazy_sum(rl_emitter *e, rl_bin op, rl_val *a, rl_val *b) {
    if (op == RL_BIN_SUB && b->kind == RL_V_CONST) {
        *b = rl_val_const(RL_I32, (u32)-(u32)b->bits);
        op = RL_BIN_ADD;
    }
    if (op == RL_BIN_ADD && b->kind == RL_V_CONST) {
        rl_val s = sum_of(e, a);
        s.disp = (i32)((u32)s.disp + (u32)b->bits);
        rl_vs_push(e, s);
        return true;
    }
    if (op == RL_BIN_ADD) {
        push_sum(e, a, b);
        return true;
    }
    if (op == RL_BIN_SHL && b->kind == RL_V_CONST && (b->bits & 31) - 1 < 3) {
        rl_val s = sum_of(e, a);
        if (s.index != RL_NOREG) s = to_register(e, &s);
        u8 k = b->bits & 31;
        rl_vs_push(e, (rl_val){ .kind = RL_V_ADDR, .type = RL_I32, .reg = RL_NOREG, .index = s.reg, .scale = k,
                                .last = (u8)((s.last & 1) << 1), .disp = (i32)((u32)s.disp << k),
                                .max = bounded((u64)s.max << k) });
        return true;
    }
    return false;
}

/* ---- integers ---- */

static bool commutes(rl_bin op) { return op == RL_BIN_ADD || op == RL_BIN_AND || op == RL_BIN_OR || op == RL_BIN_XOR || op == RL_BIN_MUL; }

static bool fold(rl_bin op, rl_width w, u64 a, u64 b, u64 *out) {
    u64 r, n = w == RL_W32 ? 32 : 64, s = b & (n - 1);
    switch (op) {
    case RL_BIN_ADD: r = a + b; break;
    case RL_BIN_SUB: r = a - b; break;
    case RL_BIN_AND: r = a & b; break;
    case RL_BIN_OR: r = a | b; break;
    case RL_BIN_XOR: r = a ^ b; break;
    case RL_BIN_MUL: r = a * b; break;
    case RL_BIN_SHL: r = a << s; break;
    case RL_BIN_SHR_U: r = a >> s; break;
    default: return false;
    }
    *out = w == RL_W32 ? (u32)r : r;
    return true;
}

static bool has_mem_form(rl_bin op) { return op <= RL_BIN_MUL; }

static i64 signed_imm(rl_width w, u64 bits) { return w == RL_W32 ? (i64)(i32)bits : (i64)bits; }

/* and followed by a test of the result: flags at once */
static bool test_instead(rl_emitter *e, rl_width w) {
    switch (*e->ip) {
    case RL_OP_br_if: case RL_OP_if: case RL_OP_i32_eqz: return w == RL_W32;
    case RL_OP_i64_eqz: return w == RL_W64;
    default: return false;
    }
}

static void emit_test(rl_emitter *e, rl_width w, rl_val *a, rl_val *b) {
    u8 ra = rl_vs_use(e, a);
    if (b->kind == RL_V_CONST && rl_masm_imm_ok(RL_BIN_AND, w, signed_imm(w, b->bits))) rl_masm_testi(&e->m, w, ra, signed_imm(w, b->bits));
    else rl_masm_test(&e->m, w, ra, rl_vs_use(e, b));
    rl_vs_release(e, a), rl_vs_release(e, b);
    e->flags_next = true;
    rl_vs_push(e, (rl_val){ .kind = RL_V_FLAGS, .type = w == RL_W32 ? RL_I32 : RL_I64, .reg = RL_NOREG, .index = RL_NOREG, .cc = RL_CC_NE });
}

/* v in a register outside `fixed`, which fixed-register instructions are about to take. */
static u8 use_outside(rl_emitter *e, rl_val *v, u32 fixed) {
    u32 before = e->locked;
    e->locked |= fixed;
    u8 r = rl_vs_use(e, v);
    if (fixed >> r & 1) {
        u8 to = rl_vs_alloc(e, false, ~e->callee_saved);
        rl_masm_mov(&e->m, RL_W64, to, r);
        rl_vs_release(e, v);
        *v = (rl_val){ .kind = RL_V_REG, .type = v->type, .reg = to, .index = RL_NOREG };
        r = to;
    }
    e->locked = before | RL_BIT(r);
    return r;
}

/* Rotates, and shifts on machines without three-operand ones: the count in its own register. */
static void emit_counted(rl_emitter *e, rl_bin op, u8 type, rl_val *a, rl_val *b) {
    if (b->kind == RL_V_ADDR) rl_vs_use(e, b); /* two registers become one: with the count's own, three were taken */
    u8 ra = use_outside(e, a, RL_BIT(RL_REG_COUNTREG));
    rl_vs_use_in(e, b, RL_REG_COUNTREG);
    u8 hint = rl_vs_hint(e);
    u8 d = rl_vs_dest(e, a, NULL, false, hint);
    rl_masm_bin(&e->m, op, rl_width_of(type), d, ra, RL_REG_COUNTREG);
    rl_vs_release(e, a), rl_vs_release(e, b);
    rl_vs_push_reg(e, type, d);
}

/* Bits that can be set after an operation with a constant; 32 when nothing is known. */
static u32 result_width(rl_bin op, rl_width w, u32 a_width, u64 imm) {
    if (op == RL_BIN_AND && imm && imm < 1u << 31) return 32 - (u32)__builtin_clz((u32)imm);
    u32 from = a_width ? a_width : w == RL_W32 ? 32 : 64, k = (u32)imm & (w == RL_W32 ? 31 : 63);
    if (op == RL_BIN_SHR_U) return k < from ? from - k : 1;
    if (op == RL_BIN_SHL && a_width) return a_width + k;
    return 32;
}

void rl_emit_bin(rl_emitter *e, rl_bin op, u8 type) {
    rl_width w = rl_width_of(type);
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    if (a.kind == RL_V_CONST && b.kind == RL_V_CONST) {
        u64 bits;
        if (fold(op, w, a.bits, b.bits, &bits)) {
            rl_vs_push(e, rl_val_const(type, bits));
            return;
        }
    }
    if (a.kind == RL_V_CONST && commutes(op)) { rl_val t = a; a = b; b = t; }
    if (op == RL_BIN_AND && test_instead(e, w)) {
        emit_test(e, w, &a, &b);
        return;
    }
    if (w == RL_W32 && lazy_sum(e, op, &a, &b)) return;
    if (b.kind != RL_V_CONST && rl_masm_needs_count(op)) {
        emit_counted(e, op, type, &a, &b);
        return;
    }
    u8 hint = rl_vs_hint(e), d;
    u32 width = 32;
    rl_mem mem;
    if (b.kind == RL_V_CONST && rl_masm_imm_ok(op, w, signed_imm(w, b.bits))) {
        u8 ra = rl_vs_use(e, &a);
        d = rl_vs_dest(e, &a, NULL, false, hint);
        rl_masm_bini(&e->m, op, w, d, ra, signed_imm(w, b.bits));
        width = result_width(op, w, a.width, b.bits);
    } else if (has_mem_form(op) && rl_vs_mem_operand(e, &b, &mem)) {
        u8 ra = rl_vs_use(e, &a);
        d = rl_vs_dest(e, &a, NULL, false, hint);
        rl_masm_binm(&e->m, op, w, d, ra, mem);
    } else {
        u8 rb = rl_vs_use(e, &b), ra = rl_vs_use(e, &a);
        d = rl_vs_dest(e, &a, commutes(op) ? &b : NULL, false, hint);
        rl_masm_bin(&e->m, op, w, d, ra, rb);
    }
    rl_vs_release(e, &a), rl_vs_release(e, &b);
    rl_vs_push_reg(e, type, d);
    rl_vs_set_width(e, width);
}

/* The divisor in a register outside the fixed ones, even when no other is free. */
static u8 divisor(rl_emitter *e, rl_val *a, rl_val *b) {
    u32 fixed = RL_BIT(RL_REG_DIV_A) | RL_BIT(RL_REG_DIV_D);
    if (a->kind == RL_V_ADDR) (void)rl_vs_use(e, a);
    if (b->kind != RL_V_REG && b->kind != RL_V_ADDR) { /* the dividend moves in first, which may free a register */
        rl_vs_use_in(e, a, RL_REG_DIV_A);
        return use_outside(e, b, fixed);
    }
    u8 rb = rl_vs_use(e, b);
    bool a_temp = a->kind == RL_V_REG && e->owner[a->reg] == RL_OWN_TEMP;
    if (!(fixed >> rb & 1)) return rb;
    if (a_temp && !(fixed >> a->reg & 1) && b->kind == RL_V_REG && e->owner[rb] == RL_OWN_TEMP) {
        rl_masm_xchg(&e->m, a->reg, rb);
        b->reg = a->reg;
        a->reg = rb;
        return b->reg;
    }
    return use_outside(e, b, fixed);
}

/* Where any register may divide and be divided. */
static void div_free(rl_emitter *e, rl_div op, u8 type, rl_val *a, rl_val *b, bool by_constant) {
    rl_width w = rl_width_of(type);
    u8 hint = rl_vs_hint(e), rb = RL_NOREG, d;
    if (!by_constant) rb = rl_vs_use(e, b);
    u8 ra = rl_vs_use(e, a);
    if (!by_constant) {
        rl_masm_cmpi(&e->m, w, rb, 0);
        rl_emit_trap_if(e, RL_CC_EQ, RL_TRAP_DIV_ZERO);
    }
    rl_label *overflow = op == RL_DIV_S && !by_constant ? rl_emit_trap_label(e, RL_TRAP_OVERFLOW) : NULL;
    d = rl_vs_dest(e, a, NULL, false, hint);
    if (by_constant) rl_masm_divi(&e->m, op, w, d, ra, signed_imm(w, b->bits));
    else rl_masm_div(&e->m, op, w, d, ra, rb, overflow);
    rl_vs_release(e, a), rl_vs_release(e, b);
    rl_vs_push_reg(e, type, d);
}

static void div_fixed(rl_emitter *e, rl_div op, u8 type, rl_val *a, rl_val *b, bool by_constant) {
    rl_width w = rl_width_of(type);
    u8 result, other;
    if (by_constant) {
        rl_vs_use_in(e, a, RL_REG_DIV_A);
        rl_vs_claim(e, RL_REG_DIV_D);
        result = rl_masm_divi(&e->m, op, w, RL_REG_DIV_A, RL_REG_DIV_A, signed_imm(w, b->bits));
    } else {
        u8 rb = divisor(e, a, b);
        rl_vs_use_in(e, a, RL_REG_DIV_A);
        rl_vs_claim(e, RL_REG_DIV_D);
        rl_masm_cmpi(&e->m, w, rb, 0);
        rl_emit_trap_if(e, RL_CC_EQ, RL_TRAP_DIV_ZERO);
        rl_label *overflow = op == RL_DIV_S ? rl_emit_trap_label(e, RL_TRAP_OVERFLOW) : NULL;
        result = rl_masm_div(&e->m, op, w, RL_REG_DIV_A, RL_REG_DIV_A, rb, overflow);
        rl_vs_release(e, b);
    }
    other = result == RL_REG_DIV_A ? RL_REG_DIV_D : RL_REG_DIV_A;
    e->owner[other] = RL_OWN_FREE;
    e->used &= ~RL_BIT(other);
    rl_vs_push_reg(e, type, result);
}

void rl_emit_div(rl_emitter *e, rl_div op, u8 type) {
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    bool is_signed = op == RL_DIV_S || op == RL_REM_S;
    bool by_constant = b.kind == RL_V_CONST && b.bits != 0 && !(is_signed && signed_imm(rl_width_of(type), b.bits) == -1);
    (rl_masm_div_fixed() ? div_fixed : div_free)(e, op, type, &a, &b, by_constant);
}

void rl_emit_un(rl_emitter *e, rl_un op, u8 type, u8 from) {
    rl_val *top = &e->stack[e->depth - 1];
    if (op == RL_UN_ZX32 && from == RL_I32 && (top->kind == RL_V_REG || top->kind == RL_V_LOCAL)) {
        rl_val_retype(top, type); /* the upper half is zero already */
        return;
    }
    rl_val a = rl_vs_pop(e);
    if (op == RL_UN_ZX32 && a.kind == RL_V_CONST) {
        rl_vs_push(e, rl_val_const(type, (u32)a.bits));
        return;
    }
    u8 hint = rl_vs_hint(e), ra = rl_vs_use(e, &a);
    u8 d = rl_vs_dest(e, &a, NULL, false, hint);
    rl_masm_un(&e->m, op, rl_width_of(type), d, ra);
    rl_vs_release(e, &a);
    rl_vs_push_reg(e, type, d);
}

/* ---- comparisons ---- */

void rl_emit_eqz(rl_emitter *e, rl_width w) {
    rl_val a = rl_vs_pop(e);
    if (a.kind == RL_V_FLAGS) {
        rl_emit_flags(e, rl_cc_not((rl_cc)a.cc));
        return;
    }
    u8 r = rl_vs_use(e, &a);
    rl_masm_test(&e->m, w, r, r);
    rl_vs_release(e, &a);
    rl_emit_flags(e, RL_CC_EQ);
}

void rl_emit_cmp(rl_emitter *e, rl_cc cc, u8 type) {
    rl_width w = rl_width_of(type);
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    if (a.kind == RL_V_CONST && b.kind != RL_V_CONST) {
        rl_val t = a; a = b; b = t;
        cc = rl_cc_swap(cc);
    }
    rl_mem mem;
    u8 ra;
    if (b.kind == RL_V_CONST && rl_masm_cmp_imm_ok(w, signed_imm(w, b.bits))) {
        ra = rl_vs_use(e, &a);
        rl_masm_cmpi(&e->m, w, ra, signed_imm(w, b.bits));
    } else if (rl_vs_mem_operand(e, &b, &mem)) {
        ra = rl_vs_use(e, &a);
        rl_masm_cmpm(&e->m, w, ra, mem);
    } else {
        u8 rb = rl_vs_use(e, &b);
        ra = rl_vs_use(e, &a);
        rl_masm_cmp(&e->m, w, ra, rb);
    }
    rl_vs_release(e, &a), rl_vs_release(e, &b);
    rl_emit_flags(e, cc);
}

/* The register that has this constant throughout the loop, or RL_NOREG. */
static u8 pinned_constant(const rl_emitter *e, const rl_val *v) {
    const rl_pins *p = &e->pins[e->cur_pins];
    for (u32 i = 0; v->kind == RL_V_CONST && i < p->nconsts; i++)
        if (p->consts[i].bits == v->bits && p->consts[i].type == v->type) return p->consts[i].reg;
    return RL_NOREG;
}

static u8 use_float(rl_emitter *e, rl_val *v) {
    u8 r = pinned_constant(e, v);
    return r == RL_NOREG ? rl_vs_use(e, v) : r;
}

void rl_emit_fcmp(rl_emitter *e, rl_cc cc, u8 type) {
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    rl_mem mem;
    if (rl_masm_fcmpm_ok(cc) && rl_vs_mem_operand(e, &b, &mem)) {
        rl_masm_fcmpm(&e->m, (rl_type)type, cc, rl_vs_use(e, &a), mem);
    } else {
        u8 rb = use_float(e, &b), ra = use_float(e, &a);
        rl_masm_fcmp(&e->m, (rl_type)type, cc, ra, rb);
    }
    rl_vs_release(e, &a), rl_vs_release(e, &b);
    rl_emit_flags(e, cc);
}

/* ---- floats ---- */

void rl_emit_fbin(rl_emitter *e, rl_fbin op, u8 type) {
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    bool commutative = op == RL_FBIN_ADD || op == RL_FBIN_MUL;
    if (commutative && a.kind == RL_V_CONST) { rl_val t = a; a = b; b = t; }
    u8 hint = rl_vs_hint(e), d, ra;
    rl_mem mem;
    if (op <= RL_FBIN_DIV && b.kind == RL_V_CONST && b.bits && pinned_constant(e, &b) == RL_NOREG) {
        ra = rl_vs_use(e, &a);
        d = rl_vs_dest(e, &a, NULL, true, hint);
        rl_masm_fbini(&e->m, op, (rl_type)type, d, ra, b.bits);
    } else if (op <= RL_FBIN_DIV && rl_vs_mem_operand(e, &b, &mem)) {
        ra = rl_vs_use(e, &a);
        d = rl_vs_dest(e, &a, NULL, true, hint);
        rl_masm_fbinm(&e->m, op, (rl_type)type, d, ra, mem);
    } else {
        u8 rb = use_float(e, &b);
        ra = use_float(e, &a);
        d = rl_vs_dest(e, &a, &b, true, hint);
        rl_masm_fbin(&e->m, op, (rl_type)type, d, ra, rb);
    }
    rl_vs_release(e, &a), rl_vs_release(e, &b);
    rl_vs_push_reg(e, type, d);
}

void rl_emit_fun(rl_emitter *e, rl_fun op, u8 type) {
    rl_val a = rl_vs_pop(e);
    u8 hint = rl_vs_hint(e), ra = rl_vs_use(e, &a), d = rl_vs_dest(e, &a, NULL, true, hint);
    rl_masm_fun(&e->m, op, (rl_type)type, d, ra);
    rl_vs_release(e, &a);
    rl_vs_push_reg(e, type, d);
}

void rl_emit_cvt(rl_emitter *e, rl_cvt op, u8 type, u8 from) {
    rl_val a = rl_vs_pop(e);
    bool fp = rl_is_fp(type);
    u8 hint = rl_vs_hint(e), ra = rl_vs_use(e, &a);
    u8 d = rl_vs_dest(e, fp == rl_is_fp(from) ? &a : NULL, NULL, fp, hint);
    rl_masm_cvt(&e->m, op, d, ra);
    rl_vs_release(e, &a);
    rl_vs_push_reg(e, type, d);
}

void rl_emit_trunc(rl_emitter *e, rl_trunc op, u8 from, u8 type, bool sat) {
    rl_val a = rl_vs_pop(e);
    u8 hint = rl_vs_hint(e), ra = rl_vs_use(e, &a), d = rl_vs_dest(e, NULL, NULL, false, hint);
    rl_label invalid = RL_LABEL_INIT, overflow = RL_LABEL_INIT;
    rl_masm_trunc(&e->m, op, (rl_type)from, sat, d, ra, sat ? NULL : &invalid, sat ? NULL : &overflow);
    if (!sat) {
        *rl_emit_trap_label(e, RL_TRAP_CONVERSION) = invalid;
        *rl_emit_trap_label(e, RL_TRAP_OVERFLOW) = overflow;
    }
    rl_vs_release(e, &a);
    rl_vs_push_reg(e, type, d);
}

void rl_emit_select(rl_emitter *e) {
    rl_val c = rl_vs_pop(e);
    rl_cc cc = RL_CC_NE;
    if (c.kind == RL_V_FLAGS) {
        cc = (rl_cc)c.cc;
    } else {
        u8 rc = rl_vs_use(e, &c);
        rl_masm_test(&e->m, RL_W32, rc, rc);
        rl_vs_release(e, &c);
        e->locked = 0;
    }
    e->flags_live = true;
    rl_val b = rl_vs_pop(e), a = rl_vs_pop(e);
    u8 type = a.type;
    bool fp = rl_is_fp(type);
    u8 hint = rl_vs_hint(e), rb = rl_vs_use(e, &b), ra = rl_vs_use(e, &a);
    u8 d = rl_vs_dest(e, &a, &b, fp, hint);
    if (fp) rl_masm_fselect(&e->m, (rl_type)type, cc, d, ra, rb);
    else rl_masm_select(&e->m, rl_width_of(type), cc, d, ra, rb);
    rl_vs_release(e, &a), rl_vs_release(e, &b);
    rl_vs_push_reg(e, type, d);
}
