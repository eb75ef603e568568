/* Owns the emitter's abstract operands and the register file that goes with them.
 *
 * Invariant: owner[], used, lreg[] and inreg describe the same facts (rl_vs_check recomputes them); a pinned register
 * never changes its owner; an operand or local that loses its register has its value in its home slot. One emitter
 * belongs to one thread. Not taken: real register allocation over an intermediate form; wasm from an optimising
 * compiler is already scheduled, and what a baseline loses is registers around loops, which pins (merge.c) keep. */
#include "jit/emit.h"

rl_mem rl_home(const rl_emitter *e, u32 local) {
    i32 at = e->homes[local];
    return at >= 0 ? rl_mem_at(RL_REG_SP, at) : rl_mem_at(RL_REG_FP, -at);
}

rl_mem rl_slot(const rl_emitter *e, u32 pos) { return rl_mem_at(RL_REG_SP, rl_slot_at(e, pos)); }

static inline void own_temp(rl_emitter *e, u8 r) {
    e->owner[r] = RL_OWN_TEMP;
    e->used |= RL_BIT(r);
    e->locked |= RL_BIT(r);
    e->saved |= RL_BIT(r) & e->callee_saved;
}

static inline void own_local(rl_emitter *e, u8 r, u32 t) {
    e->owner[r] = (i32)t;
    e->used |= RL_BIT(r);
    e->saved |= RL_BIT(r) & e->callee_saved;
    e->lreg[t] = r;
    e->inreg |= rl_bit64(t);
}

/* The local's register is given up without a store. */
void rl_vs_drop_local(rl_emitter *e, u32 t) {
    if (e->lreg[t] == RL_NOREG) return;
    rl_vs_free_reg(e, e->lreg[t]);
    e->lreg[t] = RL_NOREG;
    e->inreg &= ~rl_bit64(t);
    e->dirty &= ~rl_bit64(t);
}

void rl_vs_store_local(rl_emitter *e, u32 t) {
    u32 local = e->an.local_of[t];
    rl_masm_room(&e->m, 64);
    rl_masm_st_frame(&e->m, rl_st_of(e->an.local_types[local]), e->lreg[t], e->homes[local]);
    e->dirty &= ~rl_bit64(t);
    e->spills++;
}

/* Chooses and empties a register of cls; the cheapest victim first: a clean local, a dirty one, the deepest operand. */
static u8 evict(rl_emitter *e, u32 cls) {
    u32 best = RL_NOREG, best_cost = UINT32_MAX;
    for (u32 m = cls & e->used & ~e->pinned & ~e->locked; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        i32 o = e->owner[r];
        u32 cost;
        if (o == RL_OWN_TEMP) continue;
        if (o < RL_OWN_TEMP) cost = e->an.weight[o] + (e->dirty >> o & 1 ? 0x10000u : 0);
        else cost = 0x20000u + (u32)(o - RL_OWN_OPERAND);
        if (cost < best_cost) { best = r; best_cost = cost; }
    }
    rl_assert(best != RL_NOREG);
    i32 o = e->owner[best];
    if (o >= RL_OWN_OPERAND) {
        rl_vs_flush_operand(e, (u32)(o - RL_OWN_OPERAND));
    } else {
        if (e->dirty >> o & 1) rl_vs_store_local(e, (u32)o);
        rl_vs_drop_local(e, (u32)o);
    }
    return (u8)best;
}

/* A register for the operator being emitted; from `prefer` if one of those is free. Owned as a temporary. */
u8 rl_vs_alloc(rl_emitter *e, bool fp, u32 prefer) {
    u32 cls = fp ? e->alloc_fp : e->alloc_gp;
    u32 m = cls & ~e->used & ~e->locked;
    u8 r;
    if (RL_UNLIKELY(!m)) r = evict(e, cls);
    else r = (u8)__builtin_ctz(m & prefer ? m & prefer : m);
    own_temp(e, r);
    return r;
}

static inline u8 alloc_any(rl_emitter *e, bool fp) { return rl_vs_alloc(e, fp, ~e->callee_saved); }

/* Makes this very register a temporary of ours; whoever has it moves out. Not for registers of popped values. */
void rl_vs_claim(rl_emitter *e, u8 reg) {
    i32 o = e->owner[reg];
    rl_check(!(e->pinned & RL_BIT(reg)));
    if (o != RL_OWN_FREE && o != RL_OWN_TEMP) {
        u32 cls = RL_BIT(reg) & RL_GP_MASK ? e->alloc_gp : e->alloc_fp;
        u32 m = cls & ~e->used & ~e->locked & ~RL_BIT(reg);
        if (o < RL_OWN_TEMP && !(e->dirty >> o & 1)) {
            rl_vs_drop_local(e, (u32)o);
        } else if (m && !(cls & RL_FP_MASK)) {
            u8 to = (u8)__builtin_ctz(m & ~e->callee_saved ? m & ~e->callee_saved : m);
            rl_masm_mov(&e->m, RL_W64, to, reg);
            rl_vs_free_reg(e, reg);
            if (o < RL_OWN_TEMP) {
                own_local(e, to, (u32)o);
            } else {
                rl_val *v = &e->stack[o - RL_OWN_OPERAND];
                if (v->kind == RL_V_ADDR && v->reg != reg) v->index = to;
                else v->reg = to;
                e->owner[to] = o;
                e->used |= RL_BIT(to);
                e->saved |= RL_BIT(to) & e->callee_saved;
            }
        } else if (o < RL_OWN_TEMP) {
            rl_vs_store_local(e, (u32)o);
            rl_vs_drop_local(e, (u32)o);
        } else {
            rl_vs_flush_operand(e, (u32)(o - RL_OWN_OPERAND));
        }
    }
    own_temp(e, reg);
}

/* ---- the operand stack ---- */

/* The value on top is known to be below 1 << width. */
void rl_vs_set_width(rl_emitter *e, u32 width) {
    rl_val *v = &e->stack[e->depth - 1];
    if (v->kind == RL_V_REG && width < 32) v->width = (u8)width;
}

void rl_vs_push_other(rl_emitter *e, rl_val v) {
    i32 owner = (i32)(RL_OWN_OPERAND + e->depth);
    switch (v.kind) {
    case RL_V_LOCAL:
        if (v.reg != RL_UNTRACKED) e->pend[v.reg]++;
        else e->pend_untracked++;
        break;
    case RL_V_ADDR:
        rl_vs_comp_own(e, v.reg, owner), rl_vs_comp_own(e, v.index, owner);
        rl_vs_comp_pend(e, v.reg, 1), rl_vs_comp_pend(e, v.index, 1);
        break;
    case RL_V_SLOT: v.local = e->depth; break;
    default: break;
    }
    *rl_vs_room(e) = v;
}

void rl_vs_pop_addr(rl_emitter *e, rl_val v) {
    rl_vs_comp_own(e, v.reg, RL_OWN_TEMP), rl_vs_comp_own(e, v.index, RL_OWN_TEMP);
    rl_vs_comp_pend(e, v.reg, -1), rl_vs_comp_pend(e, v.index, -1);
}

static inline void release_comp(rl_emitter *e, u8 comp, bool last) {
    if (comp == RL_NOREG) return;
    if (comp < RL_COMP_LOCAL) {
        if (e->owner[comp] == RL_OWN_TEMP) rl_vs_free_reg(e, comp);
    } else if (rl_vs_dies(e, comp - RL_COMP_LOCAL, last)) {
        rl_vs_drop_local(e, comp - RL_COMP_LOCAL);
    }
}

void rl_vs_release_addr(rl_emitter *e, rl_val *v) {
    release_comp(e, v->reg, v->last & 1);
    release_comp(e, v->index, v->last & 2);
}

/* ---- turning values into registers ---- */

static inline void load_const(rl_emitter *e, u8 type, u8 r, u64 bits) {
    if (rl_is_fp(type)) rl_masm_fmovi(&e->m, (rl_type)type, r, bits);
    else rl_masm_movi(&e->m, rl_width_of(type), r, bits);
}

static inline void move_reg(rl_emitter *e, u8 type, u8 to, u8 from) {
    if (to == from) return;
    if (rl_is_fp(type)) rl_masm_fmov(&e->m, (rl_type)type, to, from);
    else rl_masm_mov(&e->m, rl_width_of(type), to, from);
}

/* Register of a local, loaded from its home if need be (then cached, clean). */
static u8 local_reg(rl_emitter *e, u32 t) {
    u8 r = e->lreg[t];
    if (r == RL_NOREG) {
        u32 local = e->an.local_of[t];
        u8 type = e->an.local_types[local];
        r = rl_vs_alloc(e, rl_is_fp(type), e->an.has_calls && e->an.weight[t] > 2 ? e->callee_saved : ~e->callee_saved);
        rl_masm_ld_frame(&e->m, rl_ld_of(type), r, e->homes[local]);
        own_local(e, r, t);
    }
    e->locked |= RL_BIT(r);
    return r;
}

static inline u8 comp_reg(rl_emitter *e, u8 comp) {
    if (comp == RL_NOREG) return RL_NOREG;
    if (comp >= RL_COMP_LOCAL) return local_reg(e, comp - RL_COMP_LOCAL);
    e->locked |= RL_BIT(comp);
    return comp;
}

/* The sum as a memory-like operand with both components in registers; still owned by v. */
rl_mem rl_vs_addr_mem(rl_emitter *e, rl_val *v) {
    u8 base = comp_reg(e, v->reg), index = comp_reg(e, v->index);
    return (rl_mem){ base, index, v->scale, false, false, v->disp };
}

/* The sum into `to`, needing no other register than the scratch one: components that lost their registers come from
 * their homes. Keeps the flags when they are live. */
static void addr_into(rl_emitter *e, rl_val *v, u8 to) {
    u8 c[2] = { v->reg, v->index };
    u8 spare[2] = { RL_REG_TMP, to };
    for (u32 i = 0, used = 0; i < 2; i++) {
        if (c[i] == RL_NOREG || c[i] < RL_COMP_LOCAL) continue;
        u32 t = c[i] - RL_COMP_LOCAL;
        c[i] = e->lreg[t];
        if (c[i] != RL_NOREG) continue;
        if (used == 0 && i == 0 && v->index == to) spare[1] = RL_REG_TMP; /* `to` is read as the other component */
        c[i] = spare[used++];
        rl_masm_ld_frame(&e->m, RL_LD_32, c[i], e->homes[e->an.local_of[t]]);
    }
    if (c[0] == RL_NOREG && v->scale == 0) c[0] = c[1], c[1] = RL_NOREG;
    if (c[0] == RL_NOREG && !e->flags_live && v->disp == 0) rl_masm_bini(&e->m, RL_BIN_SHL, RL_W32, to, c[1], v->scale);
    else rl_masm_lea(&e->m, RL_W32, to, (rl_mem){ c[0], c[1], v->scale, false, false, v->disp });
}

/* Puts v into exactly this register, which the caller has claimed. v's own registers stay v's. */
void rl_vs_into(rl_emitter *e, rl_val *v, u8 reg) {
    switch (v->kind) {
    case RL_V_REG: move_reg(e, v->type, reg, v->reg); break;
    case RL_V_CONST: load_const(e, v->type, reg, v->bits); break;
    case RL_V_LOCAL: {
        u8 type = e->an.local_types[v->local];
        if (v->reg != RL_UNTRACKED && e->lreg[v->reg] != RL_NOREG) move_reg(e, type, reg, e->lreg[v->reg]);
        else rl_masm_ld_frame(&e->m, rl_ld_of(type), reg, e->homes[v->local]);
        break;
    }
    case RL_V_SLOT: rl_masm_ld_frame(&e->m, rl_ld_of(v->type), reg, rl_slot_at(e, v->local)); break;
    case RL_V_FLAGS: rl_masm_setcc(&e->m, (rl_cc)v->cc, reg); break;
    case RL_V_ADDR: addr_into(e, v, reg); break;
    }
}

static u8 width_of(const rl_val *v);

u8 rl_vs_use_slow(rl_emitter *e, rl_val *v) {
    u8 r;
    switch (v->kind) {
    case RL_V_REG:
        e->locked |= RL_BIT(v->reg);
        return v->reg;
    case RL_V_LOCAL:
        if (v->reg != RL_UNTRACKED && (e->lreg[v->reg] != RL_NOREG || !rl_vs_dies(e, v->reg, v->last))) return local_reg(e, v->reg);
        r = alloc_any(e, rl_is_fp(e->an.local_types[v->local]));
        break;
    case RL_V_ADDR:
        if (v->reg < RL_COMP_LOCAL) r = v->reg;
        else if (v->index < RL_COMP_LOCAL) r = v->index;
        else r = alloc_any(e, false);
        break;
    default: r = alloc_any(e, rl_is_fp(v->type)); break;
    }
    rl_vs_into(e, v, r);
    if (v->kind == RL_V_ADDR) { /* the register that stays is the result's */
        if (v->reg == r) v->reg = RL_NOREG;
        if (v->index == r) v->index = RL_NOREG;
        rl_vs_release(e, v);
        own_temp(e, r);
    }
    *v = (rl_val){ .kind = RL_V_REG, .type = v->type, .reg = r, .index = RL_NOREG, .width = width_of(v) };
    return r;
}

/* v in exactly this register, as a temporary the operator may destroy. */
void rl_vs_use_in(rl_emitter *e, rl_val *v, u8 reg) {
    if (v->kind == RL_V_REG && v->reg == reg && e->owner[reg] == RL_OWN_TEMP) {
        e->locked |= RL_BIT(reg);
        return;
    }
    if (v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED && e->lreg[v->reg] == reg) { /* it is there already */
        if (rl_vs_dies(e, v->reg, v->last)) {
            rl_vs_drop_local(e, v->reg);
        } else {
            if (e->dirty >> v->reg & 1) rl_vs_store_local(e, v->reg);
            rl_vs_drop_local(e, v->reg);
        }
        own_temp(e, reg);
    } else {
        if (v->kind == RL_V_ADDR) (void)rl_vs_use(e, v); /* its registers may be in the way of a claim */
        if (v->kind == RL_V_REG) e->locked |= RL_BIT(v->reg);
        if (v->kind == RL_V_REG && v->reg == reg) own_temp(e, reg);
        else rl_vs_claim(e, reg), rl_vs_into(e, v, reg), rl_vs_release(e, v);
    }
    *v = (rl_val){ .kind = RL_V_REG, .type = v->type, .reg = reg, .index = RL_NOREG };
}

static inline bool takes_over(rl_emitter *e, const rl_val *v, u8 *r) {
    if (v->kind == RL_V_REG && e->owner[v->reg] == RL_OWN_TEMP) {
        *r = v->reg;
        return true;
    }
    if (v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED && e->lreg[v->reg] != RL_NOREG && rl_vs_dies(e, v->reg, v->last)) {
        *r = e->lreg[v->reg];
        rl_vs_drop_local(e, v->reg);
        own_temp(e, *r);
        return true;
    }
    return false;
}

u8 rl_vs_dest_slow(rl_emitter *e, const rl_val *a, const rl_val *b, bool fp) {
    u8 r;
    if (a && rl_is_fp(a->type) == fp && takes_over(e, a, &r)) return r;
    if (b && rl_is_fp(b->type) == fp && takes_over(e, b, &r)) return r;
    return alloc_any(e, fp);
}

u8 rl_vs_hint_slow(const rl_emitter *e) {
    const u8 *p = e->ip + 1;
    u32 local = *p & 0x7f, shift = 7;
    while (*p++ & 0x80) local |= (u32)(*p & 0x7f) << shift, shift += 7;
    u32 t = e->an.tracked[local];
    if (t == RL_UNTRACKED || !rl_is_pinned(e, t) || e->pend[t] || (e->an.events[e->next_event] & RL_EV_DEAD)) return RL_NOREG;
    return e->lreg[t];
}

/* ---- homes ---- */

/* The operand's value moves to its slot and its registers are freed. Constants and slots stay. Flags untouched. */
void rl_vs_flush_operand(rl_emitter *e, u32 pos) {
    rl_val v = e->stack[pos];
    if (v.kind == RL_V_CONST || v.kind == RL_V_SLOT) return;
    rl_masm_room(&e->m, 128);
    u32 depth = e->depth;
    e->depth = pos + 1;
    v = rl_vs_pop(e);
    e->depth = depth;
    u8 r = v.kind == RL_V_REG ? v.reg : rl_is_fp(v.type) ? RL_REG_FTMP : RL_REG_TMP;
    if (v.kind == RL_V_LOCAL && v.reg != RL_UNTRACKED && e->lreg[v.reg] != RL_NOREG) {
        r = e->lreg[v.reg];
    } else if (v.kind == RL_V_ADDR) {
        /* no allocation here (eviction calls us): components not in registers come through the scratch register */
        u8 c[2] = { v.reg, v.index };
        bool scratch = false, summed = false;
        for (u32 i = 0; i < 2; i++) {
            if (c[i] == RL_NOREG || c[i] < RL_COMP_LOCAL) continue;
            u32 t = c[i] - RL_COMP_LOCAL;
            c[i] = e->lreg[t];
            if (c[i] != RL_NOREG) continue;
            if (scratch) { /* both in memory: borrow a register, keeping the flags */
                c[1] = RL_REG_DIV_A;
                rl_masm_cvt(&e->m, RL_CVT_F64_I64_BITS, RL_REG_FTMP, c[1]);
                rl_masm_ld_frame(&e->m, RL_LD_32, c[1], e->homes[e->an.local_of[t]]);
                rl_masm_lea(&e->m, RL_W32, RL_REG_TMP, (rl_mem){ c[0], c[1], v.scale, false, false, v.disp });
                rl_masm_cvt(&e->m, RL_CVT_I64_F64_BITS, c[1], RL_REG_FTMP);
                summed = true;
                break;
            }
            rl_masm_ld_frame(&e->m, RL_LD_32, RL_REG_TMP, e->homes[e->an.local_of[t]]);
            c[i] = RL_REG_TMP;
            scratch = true;
        }
        if (c[0] == RL_NOREG && v.scale == 0) c[0] = c[1], c[1] = RL_NOREG;
        if (!summed) rl_masm_lea(&e->m, RL_W32, RL_REG_TMP, (rl_mem){ c[0], c[1], v.scale, false, false, v.disp });
    } else if (v.kind != RL_V_REG) {
        rl_vs_into(e, &v, r);
    }
    rl_masm_st_frame(&e->m, rl_st_of(v.type), r, rl_slot_at(e, pos));
    rl_vs_release(e, &v);
    e->stack[pos] = (rl_val){ .kind = RL_V_SLOT, .type = v.type, .reg = RL_NOREG, .index = RL_NOREG, .local = pos };
    e->spills++;
}

void rl_vs_flush_operands(rl_emitter *e, u32 from, u32 to) {
    for (u32 pos = from; pos < to; pos++) rl_vs_flush_operand(e, pos);
}

/* v as a memory operand of an arithmetic instruction: a spilled operand, or a local read for the last time. */
bool rl_vs_mem_operand(rl_emitter *e, const rl_val *v, rl_mem *out) {
    if (!e->memops) return false;
    if (v->kind == RL_V_SLOT) {
        *out = rl_slot(e, v->local);
        return true;
    }
    if (v->kind != RL_V_LOCAL || v->type != e->an.local_types[v->local]) return false;
    if (v->reg != RL_UNTRACKED && (e->lreg[v->reg] != RL_NOREG || !(v->last || e->an.weight[v->reg] <= 2))) return false;
    *out = rl_home(e, v->local);
    return true;
}

/* ---- locals ---- */

/* The local is about to change: values on the stack that mean its old content become registers of their own. */
static void resolve_pending(rl_emitter *e, u32 local, u32 t) {
    for (u32 pos = e->depth; pos-- > 0 && (t == RL_UNTRACKED ? e->pend_untracked : e->pend[t]);) {
        rl_val *v = &e->stack[pos];
        bool hit = v->kind == RL_V_LOCAL ? v->local == local
                 : v->kind == RL_V_ADDR && t != RL_UNTRACKED && (v->reg == RL_COMP_LOCAL + t || v->index == RL_COMP_LOCAL + t);
        if (!hit) continue;
        rl_masm_room(&e->m, 192);
        u32 depth = e->depth, locked = e->locked;
        e->depth = pos + 1;
        rl_val x = rl_vs_pop(e);
        e->depth = depth;
        u8 r;
        if (x.kind == RL_V_LOCAL && t != RL_UNTRACKED && e->lreg[t] != RL_NOREG && !e->pend[t] && !rl_is_pinned(e, t)) {
            r = e->lreg[t]; /* the only reader takes the register: the local gets a new value anyway */
            rl_vs_drop_local(e, t);
        } else {
            if (x.kind == RL_V_ADDR) {
                r = rl_vs_use(e, &x);
            } else {
                r = rl_vs_alloc(e, rl_is_fp(x.type), ~e->callee_saved);
                rl_vs_into(e, &x, r);
            }
        }
        e->stack[pos] = (rl_val){ .kind = RL_V_REG, .type = x.type, .reg = r, .index = RL_NOREG };
        e->owner[r] = (i32)(RL_OWN_OPERAND + pos);
        e->used |= RL_BIT(r);
        e->locked = locked; /* an operand again, so that the next of many may evict it */
        rl_vs_lower_marks(e, pos);
    }
}

static void set_untracked(rl_emitter *e, u32 local, bool tee) {
    rl_val v = rl_vs_pop(e);
    u8 type = e->an.local_types[local];
    if (e->pend_untracked) {
        if (v.kind == RL_V_REG) e->locked |= RL_BIT(v.reg);
        if (v.kind == RL_V_ADDR) (void)rl_vs_use(e, &v);
        resolve_pending(e, local, RL_UNTRACKED);
    }
    if (v.kind == RL_V_CONST && !rl_is_fp(type) && rl_masm_st_imm_ok(rl_st_of(type), (i64)v.bits)) {
        rl_masm_st_imm(&e->m, rl_st_of(type), (i32)v.bits, rl_home(e, local));
    } else {
        rl_masm_st_frame(&e->m, rl_st_of(type), rl_vs_use(e, &v), e->homes[local]);
    }
    if (tee) rl_vs_push(e, v);
    else rl_vs_release(e, &v);
}

static u8 width_of(const rl_val *v) {
    if (v->kind == RL_V_CONST) return (u8)(v->bits >> 31 ? 0 : v->bits ? 32 - __builtin_clz((u32)v->bits) : 1);
    if (v->kind == RL_V_FLAGS) return 1;
    return v->kind == RL_V_REG || v->kind == RL_V_LOCAL ? v->width : 0;
}

void rl_vs_set_local(rl_emitter *e, u32 local, bool tee) {
    u32 t = e->an.tracked[local];
    if (t == RL_UNTRACKED) {
        set_untracked(e, local, tee);
        return;
    }
    u8 type = e->an.local_types[local];
    bool dead = e->an.events[e->next_event++] & RL_EV_DEAD;
    rl_val v = rl_vs_pop(e);
    if (v.kind == RL_V_LOCAL && v.local == local) { /* x = x: nothing changes, and nothing ends */
        v.last = false;
        if (tee) rl_vs_push(e, v);
        return;
    }
    if (dead) {
        if (tee) rl_vs_push(e, v);
        else rl_vs_release(e, &v);
        if (!e->pend[t] && !rl_is_pinned(e, t)) rl_vs_drop_local(e, t);
        return;
    }
    if (e->pend[t]) {
        if (v.kind == RL_V_REG) e->locked |= RL_BIT(v.reg);
        if (v.kind == RL_V_ADDR) (void)rl_vs_use(e, &v);
        resolve_pending(e, local, t);
    }
    u8 r, width = width_of(&v);
    e->width[t] = width;
    e->checked_locals &= ~rl_bit64(t);
    e->sets[t]++;
    if (rl_is_pinned(e, t)) {
        r = e->lreg[t];
        if (v.kind != RL_V_REG || v.reg != r) rl_vs_into(e, &v, r);
        rl_vs_release(e, &v);
        e->inreg |= rl_bit64(t);
    } else if (takes_over(e, &v, &r)) {
        rl_vs_drop_local(e, t);
        own_local(e, r, t);
    } else {
        if (v.kind == RL_V_ADDR) {
            r = rl_vs_use(e, &v);
            rl_vs_drop_local(e, t);
        } else {
            if (v.kind == RL_V_LOCAL && v.reg != RL_UNTRACKED && e->lreg[v.reg] != RL_NOREG) e->locked |= RL_BIT(e->lreg[v.reg]);
            r = e->lreg[t];
            if (r == RL_NOREG) r = rl_vs_alloc(e, rl_is_fp(type), e->an.has_calls && e->an.weight[t] > 3 ? e->callee_saved : ~e->callee_saved);
            rl_vs_into(e, &v, r);
            rl_vs_release(e, &v);
        }
        own_local(e, r, t);
    }
    e->dirty |= rl_bit64(t);
    if (tee) rl_vs_push(e, (rl_val){ .kind = RL_V_LOCAL, .type = type, .reg = (u8)t, .index = RL_NOREG, .width = width, .local = local });
}

/* ---- invariant builds ---- */

#ifdef RL_INVARIANTS
void rl_vs_check(const rl_emitter *e) {
    u32 used = 0;
    u64 inreg = 0;
    u16 pend[RL_TRACKED] = { 0 };
    for (u32 r = 0; r < 32; r++) {
        i32 o = e->owner[r];
        if (o == RL_OWN_FREE) continue;
        used |= RL_BIT(r);
        rl_assert(o != RL_OWN_TEMP);
        if (o < RL_OWN_TEMP) {
            rl_assert(e->lreg[o] == r);
            inreg |= rl_bit64((u32)o);
        } else {
            rl_assert((u32)(o - RL_OWN_OPERAND) < e->depth);
            const rl_val *v = &e->stack[o - RL_OWN_OPERAND];
            rl_assert((v->kind == RL_V_REG && v->reg == r) || (v->kind == RL_V_ADDR && (v->reg == r || v->index == r)));
        }
    }
    rl_assert(used == e->used && inreg == e->inreg && !(e->dirty & ~e->inreg));
    for (u32 pos = 0; pos < e->depth; pos++) {
        const rl_val *v = &e->stack[pos];
        if (v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED) pend[v->reg]++;
        if (v->kind != RL_V_ADDR) continue;
        if (v->reg != RL_NOREG && v->reg >= RL_COMP_LOCAL) pend[v->reg - RL_COMP_LOCAL]++;
        if (v->index != RL_NOREG && v->index >= RL_COMP_LOCAL) pend[v->index - RL_COMP_LOCAL]++;
    }
    rl_assert(!memcmp(pend, e->pend, sizeof pend));
    const rl_pins *p = &e->pins[e->cur_pins];
    rl_assert(e->pinned == p->regs);
    for (u32 m = p->regs; m; m &= m - 1) rl_assert(e->owner[__builtin_ctz(m)] == p->local[__builtin_ctz(m)]);
}
#endif
