/* Owns memory accesses, globals, tables and references.
 *
 * A guarded access is one instruction: every 33-bit address lies in the reservation. A checked one first compares its
 * address with the instance's limit for its size, unless the value's width, or an earlier check of the same unchanged
 * local, already says that it is inside (memory never shrinks); group.c lets accesses of loops share checks. Invariant: the address may be in RL_REG_TMP, so nothing
 * between the check and the access may use that. One emitter, one thread. Not taken: hoisting bounds checks out of
 * loops, which needs an intermediate form. */
#include "jit/emit_ops.h"

static rl_mem limit_of(u32 log2) { return rl_mem_at(RL_REG_INST, (i32)(RL_INST_MEM_LIMIT + 8 * log2)); }

/* The checked flavour's test of one address in a register, and its trap. */
static void check_register(rl_emitter *e, u8 r, u32 log2) {
    rl_masm_cmpm(&e->m, RL_W64, r, limit_of(log2));
    rl_emit_trap_if(e, RL_CC_GE_U, RL_TRAP_MEMORY);
}

/* ---- the limit in a register ----
 *
 * In a tight loop the limit for accesses of RL_NEAR bytes is in a register when one is to spare (merge.c): it stands for all
 * smaller ones, whose offset then costs nothing. It may be too low, by that and because memory has grown since; so what
 * fails is looked at once more, out of line. */
#define RL_NEAR 64u

void rl_emit_limit(rl_emitter *e, u8 r) {
    rl_masm_ld(&e->m, RL_LD_64, r, limit_of(0));
    rl_masm_bini(&e->m, RL_BIN_SUB, RL_W64, r, r, RL_NEAR - 1);
}

/* Compares an address in a register with the limit for its size, or with a lower one. */
static void compare_limit(rl_emitter *e, u8 r, u32 log2) {
    u8 limit = e->pins[e->cur_pins].limit;
    if (limit != RL_NOREG) rl_masm_cmp(&e->m, RL_W64, r, limit);
    else rl_masm_cmpm(&e->m, RL_W64, r, limit_of(log2));
}

/* r + end, near, must not be beyond the end of memory. */
static void check_near(rl_emitter *e, u8 r, u32 end) {
    rl_cold *c = rl_emit_cold(e, RL_COLD_NEAR);
    c->tail = r;
    c->at = end;
    rl_masm_cmp(&e->m, RL_W64, r, e->pins[e->cur_pins].limit);
    rl_masm_jcc(&e->m, RL_CC_GE_U, &c->label);
    rl_masm_bind(&e->m, &c->back);
}

void rl_emit_cold_near(rl_emitter *e, rl_cold *c, rl_label *trap) {
    rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, rl_mem_at(c->tail, (i32)c->at - 1));
    rl_masm_cmpm(&e->m, RL_W64, RL_REG_TMP, limit_of(0));
    rl_masm_jcc(&e->m, RL_CC_GE_U, trap);
    rl_masm_jmp(&e->m, &c->back);
}

/* RL_REG_TMP, a sum of which memarg was added last. */
static void check_tmp(rl_emitter *e, u32 memarg, u32 log2) {
    rl_cold *c = rl_emit_cold(e, RL_COLD_BOUND);
    c->at = log2;
    c->memarg = memarg;
    compare_limit(e, RL_REG_TMP, log2);
    rl_masm_jcc(&e->m, RL_CC_GE_U, &c->label);
    rl_masm_bind(&e->m, &c->back);
}

/* A sum that may wrap: added up in 64 bits it is exact unless it wraps, and then it fails the compare (its displacement
 * is not negative, or no offset follows); the cold code wraps it and tries again. The address is left in RL_REG_TMP. */
static void check_sum(rl_emitter *e, rl_val *addr, u32 offset, u32 log2) {
    rl_mem a = rl_vs_addr_mem(e, addr);
    a.disp += offset;
    if (a.base == RL_NOREG && a.scale == 0) a.base = a.index, a.index = RL_NOREG;
    rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, a);
    check_tmp(e, offset, log2);
}

void rl_emit_cold_bound(rl_emitter *e, rl_cold *c, rl_label *trap) {
    if (c->memarg) rl_masm_bini(&e->m, RL_BIN_SUB, RL_W64, RL_REG_TMP, RL_REG_TMP, c->memarg);
    rl_masm_un(&e->m, RL_UN_ZX32, RL_W32, RL_REG_TMP, RL_REG_TMP);
    if (c->memarg) rl_masm_bini(&e->m, RL_BIN_ADD, RL_W64, RL_REG_TMP, RL_REG_TMP, c->memarg);
    rl_masm_cmpm(&e->m, RL_W64, RL_REG_TMP, limit_of(c->at));
    rl_masm_jcc(&e->m, RL_CC_GE_U, trap);
    rl_masm_jmp(&e->m, &c->back);
}

/* Bytes every instance's memory has: it never shrinks. */
static u64 sure_bytes(const rl_emitter *e) { return e->mod->memories[0].min * RL_PAGE; }

static rl_mem at_base(u8 r, i64 disp) { return (rl_mem){ RL_REG_BASE, r, 0, false, false, disp }; }

/* The sum's components that checks of several accesses can have in common: locals; an index whose bound is known counts
 * as that bound. False: there are others. */
static bool sum_key(const rl_emitter *e, const rl_val *addr, rl_access_key *key, u64 *most) {
    u8 base = addr->reg, index = addr->index;
    *most = 0;
    if (base != RL_NOREG && index != RL_NOREG && addr->width) *most = (1ull << addr->width) - 1, index = RL_NOREG;
    if ((base != RL_NOREG && base < RL_COMP_LOCAL) || (index != RL_NOREG && index < RL_COMP_LOCAL)) return false;
    *key = (rl_access_key){ .base = base, .index = index, .scale = index == RL_NOREG ? 0 : addr->scale };
    if (base != RL_NOREG) key->base_sets = e->sets[base - RL_COMP_LOCAL];
    if (index != RL_NOREG) key->index_sets = e->sets[index - RL_COMP_LOCAL];
    return true;
}

/* The leader of a group: the farthest end of all, [key's sum + end - 1] must be in memory. */
static void check_group(rl_emitter *e, rl_mem sum, rl_access *a) {
    if (a->key.index == RL_NOREG) sum.index = RL_NOREG;
    if (sum.base == RL_NOREG && sum.scale == 0) sum.base = sum.index, sum.index = RL_NOREG;
    u8 limit = e->pins[e->cur_pins].limit;
    bool alone = sum.index == RL_NOREG;
    if (limit != RL_NOREG && alone && a->end <= RL_NEAR) {
        rl_masm_cmp(&e->m, RL_W64, sum.base, limit);
    } else if (limit == RL_NOREG && alone && a->end <= 8 && !(a->end & (a->end - 1))) {
        rl_masm_cmpm(&e->m, RL_W64, sum.base, limit_of((u32)__builtin_ctzll(a->end)));
    } else {
        sum.disp = (i64)a->end - (limit == RL_NOREG ? 1 : RL_NEAR);
        rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, sum);
        compare_limit(e, RL_REG_TMP, 0);
    }
    rl_masm_jcc(&e->m, RL_CC_GE_U, &a->cold);
}

/* Whether the access needs no check of its own; sum: the address as it is, in 64 bits. */
static bool grouped(rl_emitter *e, rl_access_key key, u64 end, rl_mem sum) {
    if (e->emission == RL_STRAIGHT || end > INT32_MAX) return false;
    rl_access *a;
    rl_role role = rl_group_access(e, key, end, &a);
    if (role == RL_LEADER) check_group(e, sum, a);
    return role != RL_ALONE;
}

/* A sum known to be in memory, and not to wrap. */
static rl_mem sum_operand(rl_emitter *e, rl_mem a) {
    if (a.base != RL_NOREG && a.index != RL_NOREG) {
        rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, a);
        return at_base(RL_REG_TMP, 0);
    }
    if (a.index == RL_NOREG) a.index = a.base, a.scale = 0;
    a.base = RL_REG_BASE;
    return a;
}

static rl_mem checked_sum(rl_emitter *e, rl_val *addr, u32 offset, u32 log2) {
    u64 end = (u64)(u32)addr->disp + offset + (1u << log2), most;
    bool up = addr->disp >= 0;
    bool sure = addr->max != UINT32_MAX && up && addr->max + end <= RL_MIN(sure_bytes(e), (u64)INT32_MAX);
    rl_access_key key;
    if (!sure) {
        rl_mem a = rl_vs_addr_mem(e, addr);
        sure = up && sum_key(e, addr, &key, &most) && grouped(e, key, most + end, a);
    }
    if (!sure) {
        check_sum(e, addr, offset, log2);
        return at_base(RL_REG_TMP, 0);
    }
    rl_mem a = rl_vs_addr_mem(e, addr);
    a.disp += offset;
    return sum_operand(e, a);
}

/* A sum the access can take as it is; others are added up first. */
static bool folds(const rl_emitter *e, const rl_val *addr, u64 offset) {
    if (addr->kind != RL_V_ADDR) return false;
    if (!e->checked) return e->wrap32 && offset == 0;
    return offset <= INT32_MAX && (!offset || addr->disp >= 0) && (i64)addr->disp + (i64)offset <= INT32_MAX;
}

/* Everything linear() needs a register for; after this it allocates none. */
static void prepare_address(rl_emitter *e, rl_val *addr, u64 offset) {
    if (folds(e, addr, offset)) (void)rl_vs_addr_mem(e, addr);
    else if (addr->kind != RL_V_CONST || (!e->checked && (u32)addr->bits + offset > INT32_MAX)) (void)rl_vs_use(e, addr);
}

/* The popped address plus offset as a memory operand whose bytes are known to be in memory. */
static rl_mem linear_checked(rl_emitter *e, rl_val *addr, u64 offset, u32 size) {
    u32 log2 = (u32)__builtin_ctz(size);
    bool small = offset <= INT32_MAX;
    if (addr->kind == RL_V_CONST) {
        u64 at = (u32)addr->bits + offset;
        bool sure = at + size <= RL_MIN(sure_bytes(e), (u64)INT32_MAX);
        if (sure) return rl_mem_at(RL_REG_BASE, (i32)at);
        rl_masm_movi(&e->m, RL_W64, RL_REG_TMP, at);
        check_register(e, RL_REG_TMP, log2);
        return at_base(RL_REG_TMP, 0);
    }
    if (folds(e, addr, offset))
        return checked_sum(e, addr, (u32)offset, log2);
    u8 r = rl_vs_use(e, addr);
    u32 t = addr->kind == RL_V_LOCAL && addr->type == RL_I32 && addr->reg != RL_UNTRACKED ? addr->reg : RL_TRACKED;
    u64 end = offset + size;
    if (small && addr->width && (1ull << addr->width) - 1 + end <= sure_bytes(e)) return at_base(r, (i64)offset);
    if (t != RL_TRACKED) {
        if (small && (e->checked_locals >> t & 1) && e->checked_end[t] >= end) return at_base(r, (i64)offset);
        e->checked_end[t] = e->checked_locals >> t & 1 ? RL_MAX(e->checked_end[t], end) : end;
        e->checked_locals |= rl_bit64(t);
        rl_access_key key = { .base = (u8)(RL_COMP_LOCAL + t), .index = RL_NOREG, .base_sets = e->sets[t] };
        if (grouped(e, key, end, (rl_mem){ r, RL_NOREG, 0, false, false, 0 })) return at_base(r, (i64)offset);
    }
    if (e->pins[e->cur_pins].limit != RL_NOREG && end <= RL_NEAR) {
        check_near(e, r, (u32)end);
        return at_base(r, (i64)offset);
    }
    if (!offset) {
        check_register(e, r, log2);
        return at_base(r, 0);
    }
    if (small) {
        rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, rl_mem_at(r, (i32)offset));
        if (e->pins[e->cur_pins].limit != RL_NOREG) {
            check_tmp(e, (u32)offset, log2);
            return at_base(RL_REG_TMP, 0);
        }
    } else {
        rl_masm_movi(&e->m, RL_W64, RL_REG_TMP, offset);
        rl_masm_bin(&e->m, RL_BIN_ADD, RL_W64, RL_REG_TMP, RL_REG_TMP, r);
    }
    check_register(e, RL_REG_TMP, log2);
    return at_base(RL_REG_TMP, 0);
}

/* The popped address plus offset as a memory operand, checked if the flavour wants it. */
static rl_mem linear(rl_emitter *e, rl_val *addr, u64 offset, u32 size) {
    if (e->checked) return linear_checked(e, addr, offset, size);
    rl_mem a = { RL_NOREG, RL_NOREG, 0, true, false, (i64)offset };
    if (addr->kind == RL_V_CONST && (u32)addr->bits + offset <= INT32_MAX) {
        a.disp = (i64)((u32)addr->bits + offset);
    } else if (folds(e, addr, offset)) {
        a = rl_vs_addr_mem(e, addr);
        a.linear = a.wrap32 = true;
    } else {
        a.base = rl_vs_use(e, addr);
    }
    return a;
}

/* ---- loads and stores ---- */

typedef struct fused {
    u8 family, op, type;
    bool commutes;
} fused;

/* The operators that can take a load right before them as their memory operand, by opcode byte; family 0: no. */
static const fused fusable[256] = {
#define INT(t, T, name, NAME, c) [RL_OP_##t##_##name] = { RL_FAM_bin, RL_BIN_##NAME, T, c },
#define INTS(t, T) INT(t, T, add, ADD, true) INT(t, T, sub, SUB, false) INT(t, T, mul, MUL, true) \
                   INT(t, T, and, AND, true) INT(t, T, or, OR, true) INT(t, T, xor, XOR, true)
    INTS(i32, RL_I32)
    INTS(i64, RL_I64)
#undef INTS
#undef INT
#define CMP(t, T, name, NAME) [RL_OP_##t##_##name] = { RL_FAM_cmp, RL_CC_##NAME, T, false },
#define CMPS(t, T) CMP(t, T, eq, EQ) CMP(t, T, ne, NE) CMP(t, T, lt_s, LT_S) CMP(t, T, lt_u, LT_U) CMP(t, T, gt_s, GT_S) \
                   CMP(t, T, gt_u, GT_U) CMP(t, T, le_s, LE_S) CMP(t, T, le_u, LE_U) CMP(t, T, ge_s, GE_S) CMP(t, T, ge_u, GE_U)
    CMPS(i32, RL_I32)
    CMPS(i64, RL_I64)
#undef CMPS
#undef CMP
#define FLT(t, T, name, NAME, c) [RL_OP_##t##_##name] = { RL_FAM_fbin, RL_FBIN_##NAME, T, c },
#define FLTS(t, T) FLT(t, T, add, ADD, true) FLT(t, T, sub, SUB, false) FLT(t, T, mul, MUL, true) FLT(t, T, div, DIV, false)
    FLTS(f32, RL_F32)
    FLTS(f64, RL_F64)
#undef FLTS
#undef FLT
};

static bool in_address(const rl_emitter *e, const rl_val *addr, u8 r) {
    i32 o = e->owner[r];
    u8 comp = o >= 0 && o < RL_OWN_TEMP ? (u8)(RL_COMP_LOCAL + o) : r;
    if (addr->kind == RL_V_ADDR) return addr->reg == comp || addr->index == comp;
    if (addr->kind == RL_V_LOCAL) return comp == RL_COMP_LOCAL + addr->reg;
    return addr->kind == RL_V_REG && addr->reg == r;
}

static bool load_and_operate(rl_emitter *e, rl_ldst kind, u8 type, u32 size, u64 offset, fused f) {
    if (!e->memops || kind != rl_ld_of(type) || !e->left || f.type != type) return false;
    rl_val *under = &e->stack[e->depth - 2];
    if (under->kind == RL_V_CONST) return false; /* swapping the operands is better */
    if (f.family == RL_FAM_bin && f.op == RL_BIN_ADD && type == RL_I32 && under->kind == RL_V_ADDR) return false;
    rl_val addr = rl_vs_pop(e), a = rl_vs_pop(e);
    bool fp = f.family == RL_FAM_fbin;
    e->ip++;
    u8 hint = f.family == RL_FAM_cmp ? RL_NOREG : rl_vs_hint(e);
    /* a two-component address next to an operand and a result could need four registers: sum it up before */
    bool ends = a.kind == RL_V_REG || hint != RL_NOREG || f.family == RL_FAM_cmp || fp;
    if (addr.kind == RL_V_ADDR && !(folds(e, &addr, offset) && ends)) {
        (void)rl_vs_use(e, &addr);
        e->locked = RL_BIT(addr.reg);
    }
    u8 ra = rl_vs_use(e, &a), d = RL_NOREG;
    prepare_address(e, &addr, offset);
    if (f.family != RL_FAM_cmp) d = rl_vs_dest(e, &a, NULL, fp, hint);
    /* a two-address machine writes d before it reads memory: the address must not live in d */
    if (!fp && d != RL_NOREG && d != ra && in_address(e, &addr, d)) d = rl_vs_alloc(e, false, ~e->callee_saved);
    rl_mem mem = linear(e, &addr, offset, size);
    switch (f.family) {
    case RL_FAM_bin: rl_masm_binm(&e->m, (rl_bin)f.op, rl_width_of(type), d, ra, mem); break;
    case RL_FAM_fbin: rl_masm_fbinm(&e->m, (rl_fbin)f.op, (rl_type)type, d, ra, mem); break;
    default: rl_masm_cmpm(&e->m, rl_width_of(type), ra, mem); break;
    }
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    e->left--;
    rl_vs_release(e, &addr), rl_vs_release(e, &a);
    if (f.family == RL_FAM_cmp) rl_emit_flags(e, (rl_cc)f.op);
    else rl_vs_push_reg(e, type, d);
    return true;
}

/* Where a load goes: into the register of an address that ends here, which must stay readable until the load. */
static u8 load_register(rl_emitter *e, const rl_val *addr, bool fp) {
    if (!fp && addr->kind == RL_V_REG && e->owner[addr->reg] == RL_OWN_TEMP) return addr->reg;
    return rl_vs_dest(e, NULL, NULL, fp, RL_NOREG);
}

/* The usual address: whatever gives a register, with an offset any flavour but the checked one takes as it is. */
static inline bool plain_address(const rl_emitter *e, const rl_val *addr, u64 offset) {
    return (addr->kind == RL_V_REG || addr->kind == RL_V_LOCAL || addr->kind == RL_V_SLOT) && !e->checked && offset <= INT32_MAX;
}

static void load_any(rl_emitter *e, rl_ldst kind, u8 type, u32 size, u64 offset) {
    rl_val addr = rl_vs_pop(e);
    bool fp = rl_is_fp(type);
    prepare_address(e, &addr, offset);
    u8 d = rl_vs_hint(e);
    if (d == RL_NOREG) {
        rl_val index = addr;
        if (addr.kind == RL_V_ADDR) { /* the result may take one of the sum's own registers */
            index.kind = RL_V_REG;
            if (index.reg >= RL_COMP_LOCAL) index.reg = addr.index;
            if (index.reg >= RL_COMP_LOCAL) index.kind = RL_V_CONST;
        }
        d = load_register(e, &index, fp);
    }
    rl_mem mem = linear(e, &addr, offset, size);
    rl_masm_ld(&e->m, kind, d, mem);
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    rl_vs_release(e, &addr);
    rl_vs_push_reg(e, type, d);
}

static void load_plain(rl_emitter *e, rl_ldst kind, u8 type, i32 offset) {
    rl_val addr = rl_vs_pop(e);
    u8 base = rl_vs_use(e, &addr), d = rl_vs_hint(e);
    if (d == RL_NOREG) d = load_register(e, &addr, rl_is_fp(type));
    rl_masm_ld_linear(&e->m, kind, d, base, offset);
    rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    rl_vs_release(e, &addr);
    rl_vs_push_reg(e, type, d);
}

static inline u64 memarg(rl_emitter *e) {
    (void)rl_emit_u32(e); /* the alignment is a hint */
    return rl_emit_u64(e);
}

void rl_emit_load(rl_emitter *e, rl_ldst kind, u8 type, u32 size) {
    u64 offset = memarg(e);
    fused f = fusable[*e->ip];
    if (RL_UNLIKELY(f.family) && e->depth >= 2 && load_and_operate(e, kind, type, size, offset, f)) return;
    if (RL_LIKELY(plain_address(e, &e->stack[e->depth - 1], offset))) load_plain(e, kind, type, (i32)offset);
    else load_any(e, kind, type, size, offset);
    if (kind == RL_LD_8U_32 || kind == RL_LD_8U_64) rl_vs_set_width(e, 8);
    if (kind == RL_LD_16U_32 || kind == RL_LD_16U_64) rl_vs_set_width(e, 16);
}

void rl_emit_store(rl_emitter *e, rl_ldst kind, u8 type, u32 size) {
    u64 offset = memarg(e);
    rl_val v = rl_vs_pop(e), addr = rl_vs_pop(e);
    bool imm = v.kind == RL_V_CONST && !rl_is_fp(type) &&
               rl_masm_st_imm_ok(kind, type == RL_I32 ? (i64)(i32)v.bits : (i64)v.bits);
    u8 r = imm ? RL_NOREG : rl_vs_use(e, &v);
    if (RL_LIKELY(!imm && plain_address(e, &addr, offset))) {
        rl_masm_st_linear(&e->m, kind, r, rl_vs_use(e, &addr), (i32)offset);
    } else {
        rl_mem mem = linear(e, &addr, offset, size);
        if (imm) rl_masm_st_imm(&e->m, kind, (i32)v.bits, mem);
        else rl_masm_st(&e->m, kind, r, mem);
    }
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    rl_vs_release(e, &v), rl_vs_release(e, &addr);
}

void rl_emit_memory(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_memory_size: {
        (void)rl_emit_u32(e);
        u8 d = rl_vs_dest(e, NULL, NULL, false, rl_vs_hint(e));
        rl_masm_ld(&e->m, RL_LD_64, d, rl_mem_at(RL_REG_INST, RL_INST_MEM_BOUND));
        rl_masm_bini(&e->m, RL_BIN_SHR_U, RL_W64, d, d, 16);
        rl_vs_push_reg(e, RL_I32, d);
        break;
    }
    case RL_OP_memory_grow: rl_emit_builtin(e, RL_BUILTIN_memory_grow); break;
    case RL_OP_memory_init: rl_emit_builtin(e, RL_BUILTIN_memory_init); break;
    case RL_OP_data_drop: rl_emit_builtin(e, RL_BUILTIN_data_drop); break;
    case RL_OP_memory_copy: rl_emit_builtin(e, RL_BUILTIN_memory_copy); break;
    case RL_OP_memory_fill: rl_emit_builtin(e, RL_BUILTIN_memory_fill); break;
    }
}

/* ---- globals ---- */

static rl_mem global_at(rl_emitter *e, u32 index) {
    rl_mem at = rl_mem_at(RL_REG_INST, (i32)rl_layout_global(e->layout, index));
    if (index >= e->mod->nimported_globals) return at;
    rl_masm_ld(&e->m, RL_LD_64, RL_REG_TMP, at);
    return rl_mem_at(RL_REG_TMP, 0);
}

void rl_emit_global_get(rl_emitter *e, u32 index) {
    u8 type = e->mod->globals[index].type.type;
    u8 d = rl_vs_dest(e, NULL, NULL, rl_is_fp(type), rl_vs_hint(e));
    rl_masm_ld(&e->m, rl_ld_of(type), d, global_at(e, index));
    rl_vs_push_reg(e, type, d);
}

void rl_emit_global_set(rl_emitter *e, u32 index) {
    u8 type = e->mod->globals[index].type.type;
    rl_val v = rl_vs_pop(e);
    if (v.kind == RL_V_CONST && !rl_is_fp(type) && rl_masm_st_imm_ok(rl_st_of(type), (i64)v.bits)) {
        rl_masm_st_imm(&e->m, rl_st_of(type), (i32)v.bits, global_at(e, index));
    } else {
        u8 r = rl_vs_use(e, &v);
        rl_masm_st(&e->m, rl_st_of(type), r, global_at(e, index));
    }
    rl_vs_release(e, &v);
}

/* ---- tables and references ---- */

rl_mem rl_emit_table_at(rl_emitter *e, u32 table, u32 field, u8 scratch) {
    u32 at = rl_layout_table(e->layout, e->mod, table);
    if (table >= e->mod->nimported_tables) return rl_mem_at(RL_REG_INST, (i32)(at + field));
    rl_masm_ld(&e->m, RL_LD_64, scratch, rl_mem_at(RL_REG_INST, (i32)at));
    return rl_mem_at(scratch, (i32)field);
}

static void table_get(rl_emitter *e, u32 table) {
    rl_val v = rl_vs_pop(e);
    u8 index = rl_vs_use(e, &v), d = rl_vs_alloc(e, false, ~e->callee_saved);
    rl_masm_cmpm(&e->m, RL_W32, index, rl_emit_table_at(e, table, offsetof(rl_table, size), d));
    rl_emit_trap_if(e, RL_CC_GE_U, RL_TRAP_TABLE);
    rl_masm_ld(&e->m, RL_LD_64, d, rl_emit_table_at(e, table, offsetof(rl_table, elems), d));
    rl_masm_ld(&e->m, RL_LD_64, d, (rl_mem){ d, index, 3, false, false, 0 });
    rl_vs_release(e, &v);
    rl_vs_push_reg(e, e->mod->tables[table].elem, d);
}

void rl_emit_table(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_table_get: table_get(e, rl_emit_u32(e)); break;
    case RL_OP_table_set: rl_emit_builtin(e, RL_BUILTIN_table_set); break;
    case RL_OP_table_size: {
        u8 d = rl_vs_alloc(e, false, ~e->callee_saved);
        rl_masm_ld(&e->m, RL_LD_32, d, rl_emit_table_at(e, rl_emit_u32(e), offsetof(rl_table, size), d));
        rl_vs_push_reg(e, RL_I32, d);
        break;
    }
    case RL_OP_table_grow: rl_emit_builtin(e, RL_BUILTIN_table_grow); break;
    case RL_OP_table_fill: rl_emit_builtin(e, RL_BUILTIN_table_fill); break;
    case RL_OP_table_copy: rl_emit_builtin(e, RL_BUILTIN_table_copy); break;
    case RL_OP_table_init: rl_emit_builtin(e, RL_BUILTIN_table_init); break;
    case RL_OP_elem_drop: rl_emit_builtin(e, RL_BUILTIN_elem_drop); break;
    }
}

void rl_emit_ref(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_ref_null:
        rl_vs_push(e, rl_val_const(*e->ip++ == 0x70 ? RL_FUNCREF : RL_EXTERNREF, 0));
        break;
    case RL_OP_ref_is_null: rl_emit_eqz(e, RL_W64); break;
    case RL_OP_ref_func: {
        u32 slot = e->mod->func_slot[rl_emit_u32(e)];
        u8 d = rl_vs_dest(e, NULL, NULL, false, rl_vs_hint(e));
        rl_masm_ld(&e->m, RL_LD_64, d, rl_mem_at(RL_REG_INST, RL_INST_FUNCS));
        rl_masm_lea(&e->m, RL_W64, d, rl_mem_at(d, (i32)(slot * sizeof(rl_func))));
        rl_vs_push_reg(e, RL_FUNCREF, d);
        break;
    }
    }
}
