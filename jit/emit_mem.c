/* Owns memory accesses, globals, tables and references.
 *
 * A guarded access is one instruction: every 33-bit address lies in the reservation. A checked one compares the end of
 * the access with the instance's bound first. Invariant: the compare uses RL_REG_TMP, so nothing between it and the
 * access may. One emitter, one thread. Not taken: hoisting bounds checks, which needs an intermediate form. */
#include "jit/emit_ops.h"

/* The bound check of the checked flavour: traps unless [address + first, address + end) lies in memory. */
static void check_bound(rl_emitter *e, u8 address, u64 end) {
    if (address == RL_NOREG) {
        rl_masm_movi(&e->m, RL_W64, RL_REG_TMP, end);
    } else if (end <= INT32_MAX) {
        rl_masm_lea(&e->m, RL_W64, RL_REG_TMP, rl_mem_at(address, (i32)end));
    } else {
        rl_masm_movi(&e->m, RL_W64, RL_REG_TMP, end);
        rl_masm_bin(&e->m, RL_BIN_ADD, RL_W64, RL_REG_TMP, RL_REG_TMP, address);
    }
    rl_masm_cmpm(&e->m, RL_W64, RL_REG_TMP, rl_mem_at(RL_REG_INST, RL_INST_MEM_BOUND));
    rl_emit_trap_if(e, RL_CC_GT_U, RL_TRAP_MEMORY);
}

/* The popped address plus offset as a memory operand, checked if the flavour wants it. */
static rl_mem linear(rl_emitter *e, rl_val *addr, u64 offset, u32 size) {
    rl_mem a = { RL_NOREG, RL_NOREG, 0, true, false, (i64)offset };
    if (addr->kind == RL_V_CONST && (u32)addr->bits + offset <= INT32_MAX) {
        a.disp = (i64)((u32)addr->bits + offset);
    } else if (addr->kind == RL_V_ADDR && e->wrap32 && offset == 0) {
        a = rl_vs_addr_mem(e, addr);
        a.linear = a.wrap32 = true;
        return a;
    } else {
        a.base = rl_vs_use(e, addr);
    }
    if (e->checked) check_bound(e, a.base, (u64)a.disp + size);
    return a;
}

/* ---- loads and stores ---- */

typedef struct fused {
    u8 family, op, type;
    bool commutes;
} fused;

/* The operator after a load that can take it as its memory operand. */
static bool fusable(u32 op, fused *f) {
    switch (op) {
#define INT(t, T, name, NAME, c) case RL_OP_##t##_##name: *f = (fused){ RL_FAM_bin, RL_BIN_##NAME, T, c }; return true;
#define INTS(t, T) INT(t, T, add, ADD, true) INT(t, T, sub, SUB, false) INT(t, T, mul, MUL, true) \
                   INT(t, T, and, AND, true) INT(t, T, or, OR, true) INT(t, T, xor, XOR, true)
    INTS(i32, RL_I32)
    INTS(i64, RL_I64)
#undef INTS
#undef INT
#define CMP(t, T, name, NAME) case RL_OP_##t##_##name: *f = (fused){ RL_FAM_cmp, RL_CC_##NAME, T, false }; return true;
#define CMPS(t, T) CMP(t, T, eq, EQ) CMP(t, T, ne, NE) CMP(t, T, lt_s, LT_S) CMP(t, T, lt_u, LT_U) CMP(t, T, gt_s, GT_S) \
                   CMP(t, T, gt_u, GT_U) CMP(t, T, le_s, LE_S) CMP(t, T, le_u, LE_U) CMP(t, T, ge_s, GE_S) CMP(t, T, ge_u, GE_U)
    CMPS(i32, RL_I32)
    CMPS(i64, RL_I64)
#undef CMPS
#undef CMP
#define FLT(t, T, name, NAME, c) case RL_OP_##t##_##name: *f = (fused){ RL_FAM_fbin, RL_FBIN_##NAME, T, c }; return true;
#define FLTS(t, T) FLT(t, T, add, ADD, true) FLT(t, T, sub, SUB, false) FLT(t, T, mul, MUL, true) FLT(t, T, div, DIV, false)
    FLTS(f32, RL_F32)
    FLTS(f64, RL_F64)
#undef FLTS
#undef FLT
    default: return false;
    }
}

static bool load_and_operate(rl_emitter *e, rl_ldst kind, u8 type, u32 size, u64 offset) {
    fused f;
    if (!e->memops || kind != rl_ld_of(type) || e->segment_done == 4095 || !fusable(*e->ip, &f) || f.type != type) return false;
    rl_val *under = &e->stack[e->depth - 2];
    if (under->kind == RL_V_CONST) return false; /* swapping the operands is better */
    if (f.family == RL_FAM_bin && f.op == RL_BIN_ADD && type == RL_I32 && under->kind == RL_V_ADDR) return false;
    rl_val addr = rl_vs_pop(e), a = rl_vs_pop(e);
    bool fp = f.family == RL_FAM_fbin;
    e->ip++;
    u8 hint = f.family == RL_FAM_cmp ? RL_NOREG : rl_vs_hint(e, type);
    /* a two-component address next to an operand and a result could need four registers: sum it up before */
    bool ends = a.kind == RL_V_REG || hint != RL_NOREG || f.family == RL_FAM_cmp || fp;
    if (addr.kind == RL_V_ADDR && !(e->wrap32 && offset == 0 && ends)) {
        (void)rl_vs_use(e, &addr);
        e->locked = RL_BIT(addr.reg);
    }
    u8 ra = rl_vs_use(e, &a), d = RL_NOREG;
    rl_mem mem = linear(e, &addr, offset, size);
    if (f.family != RL_FAM_cmp) d = rl_vs_dest(e, &a, NULL, fp, hint);
    /* a two-address machine writes d before it reads memory: the address must not live in d */
    if (!fp && d != RL_NOREG && d != ra && (mem.base == d || mem.index == d)) d = rl_vs_alloc(e, false, ~e->callee_saved);
    switch (f.family) {
    case RL_FAM_bin: rl_masm_binm(&e->m, (rl_bin)f.op, rl_width_of(type), d, ra, mem); break;
    case RL_FAM_fbin: rl_masm_fbinm(&e->m, (rl_fbin)f.op, (rl_type)type, d, ra, mem); break;
    default: rl_masm_cmpm(&e->m, rl_width_of(type), ra, mem); break;
    }
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    e->segment_done++;
    e->ops++;
    rl_vs_release(e, &addr), rl_vs_release(e, &a);
    if (f.family == RL_FAM_cmp) rl_emit_flags(e, (rl_cc)f.op);
    else rl_vs_push_reg(e, type, d);
    return true;
}

void rl_emit_load(rl_emitter *e, rl_ldst kind, u8 type, u32 size, u64 offset) {
    if (e->depth >= 2 && load_and_operate(e, kind, type, size, offset)) return;
    rl_val addr = rl_vs_pop(e);
    bool fp = rl_is_fp(type);
    u8 hint = rl_vs_hint(e, type);
    rl_mem mem = linear(e, &addr, offset, size);
    u8 d = hint;
    if (d == RL_NOREG) {
        rl_val index = addr;
        if (addr.kind == RL_V_ADDR) { /* the result may take one of the sum's own registers */
            index.kind = RL_V_REG;
            if (index.reg >= RL_COMP_LOCAL) index.reg = addr.index;
            if (index.reg >= RL_COMP_LOCAL) index.kind = RL_V_CONST;
        }
        d = rl_vs_dest(e, &index, NULL, fp, RL_NOREG);
    }
    rl_masm_ld(&e->m, kind, d, mem);
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    rl_vs_release(e, &addr);
    rl_vs_push_reg(e, type, d);
}

void rl_emit_store(rl_emitter *e, rl_ldst kind, u8 type, u32 size, u64 offset) {
    rl_val v = rl_vs_pop(e), addr = rl_vs_pop(e);
    bool imm = v.kind == RL_V_CONST && !rl_is_fp(type) &&
               rl_masm_st_imm_ok(kind, type == RL_I32 ? (i64)(i32)v.bits : (i64)v.bits);
    u8 r = imm ? RL_NOREG : rl_vs_use(e, &v);
    rl_mem mem = linear(e, &addr, offset, size);
    if (imm) rl_masm_st_imm(&e->m, kind, (i32)v.bits, mem);
    else rl_masm_st(&e->m, kind, r, mem);
    if (!e->checked) rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_MEMORY);
    rl_vs_release(e, &v), rl_vs_release(e, &addr);
}

void rl_emit_memory(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_memory_size: {
        (void)rl_emit_u32(e);
        u8 d = rl_vs_dest(e, NULL, NULL, false, rl_vs_hint(e, RL_I32));
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
    u8 d = rl_vs_dest(e, NULL, NULL, rl_is_fp(type), rl_vs_hint(e, type));
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
        u8 d = rl_vs_dest(e, NULL, NULL, false, rl_vs_hint(e, RL_FUNCREF));
        rl_masm_ld(&e->m, RL_LD_64, d, rl_mem_at(RL_REG_INST, RL_INST_FUNCS));
        rl_masm_lea(&e->m, RL_W64, d, rl_mem_at(d, (i32)(slot * sizeof(rl_func))));
        rl_vs_push_reg(e, RL_FUNCREF, d);
        break;
    }
    }
}
