/* Owns calls: direct, through imports and tables, to helpers, tail calls, and the return of values.
 *
 * Invariant at the call instruction: arguments are where the proto's rl_places say, no operand below them is in a
 * register, every local is in a callee-saved register or current in its home. One emitter, one thread. Not taken: a
 * caller that saves whatever is live, or a C convention for wasm-to-wasm calls. */
#include "jit/emit_ops.h"

#define MAX_REG_ARGS 16

/* Operands below the arguments go to their slots. */
static void flush_under(rl_emitter *e, u32 to) {
    if (e->low >= to) return;
    for (u32 pos = e->low; pos < to; pos++) {
        u8 k = e->stack[pos].kind;
        if (k == RL_V_REG || k == RL_V_ADDR) rl_vs_flush_operand(e, pos);
    }
    e->low = to;
}

/* Sums become registers while the stack still owns them: their place in the call if it is free. */
static void settle_args(rl_emitter *e, u32 base, const rl_place *places, u32 n) {
    u32 depth = e->depth, pos = RL_MAX(base, e->flat); /* below `flat` there are none */
    const rl_val *const stack = e->stack;
    for (; pos < depth; pos++) {
        u8 k = stack[pos].kind;
        if (RL_LIKELY(k != RL_V_ADDR && k != RL_V_FLAGS)) continue;
        u32 place = pos - base < n && places[pos - base].reg != RL_NOREG ? RL_BIT(places[pos - base].reg) : 0;
        rl_masm_room(&e->m, 128);
        e->depth = pos + 1;
        rl_val v = rl_vs_pop(e);
        if (k == RL_V_ADDR && (place & e->alloc_gp & ~e->used)) {
            u8 r = (u8)__builtin_ctz(place);
            rl_vs_into(e, &v, r);
            rl_vs_release(e, &v);
            v = (rl_val){ .kind = RL_V_REG, .type = RL_I32, .reg = r, .index = RL_NOREG };
        } else {
            (void)rl_vs_use(e, &v);
        }
        rl_vs_push(e, v);
        e->depth = depth;
        e->locked = 0;
    }
}

/* Locals whose last reader is an argument of this call: no need to save them. Pops the arguments' claims on locals. */
static u64 pop_args(rl_emitter *e, u32 n) {
    u64 dying = 0;
    const rl_val *v = &e->stack[e->depth], *const first = v - n;
    e->depth -= n;
    while (v > first) {
        v--;
        if (v->kind == RL_V_REG) {
            if (e->owner[v->reg] >= RL_OWN_OPERAND) e->owner[v->reg] = RL_OWN_TEMP;
        } else if (v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED) {
            e->pend[v->reg]--;
            if (v->last) dying |= rl_bit64(v->reg);
        } else if (v->kind == RL_V_LOCAL) {
            e->pend_untracked--;
        }
    }
    for (u64 s = dying; s; s &= s - 1) {
        u32 t = (u32)__builtin_ctzll(s);
        if (e->pend[t] || (e->lreg[t] != RL_NOREG && (e->pinned >> e->lreg[t] & 1))) dying &= ~rl_bit64(t);
    }
    return dying;
}

/* Locals that live on in registers a callee may write: into a callee-saved register if that pays, else home. */
static void save_locals(rl_emitter *e, u64 dying) {
    for (u64 s = e->dirty & ~dying; s; s &= s - 1) {
        u32 t = (u32)__builtin_ctzll(s), r = e->lreg[t];
        if (e->callee_saved >> r & 1) continue;
        u32 room = r < RL_FP0 && !(e->pinned >> r & 1) ? e->callee_saved & ~e->used & ~e->locked : 0;
        rl_masm_room(&e->m, 64);
        if (room && (e->an.weight[t] > 3 || (room & e->saved))) {
            u8 to = (u8)__builtin_ctz(room & e->saved ? room & e->saved : room);
            rl_masm_mov(&e->m, RL_W64, to, (u8)r);
            e->owner[to] = (i32)t;
            e->used |= RL_BIT(to);
            e->saved |= RL_BIT(to);
            e->owner[r] = RL_OWN_TEMP; /* still readable as an argument until the call */
            e->lreg[t] = to;
        } else {
            rl_vs_store_local(e, t);
        }
    }
}

/* The register that holds v now, or RL_NOREG. */
static inline u8 held_in(const rl_emitter *e, const rl_val *v) {
    if (v->kind == RL_V_REG) return v->reg;
    return v->kind == RL_V_LOCAL && v->reg != RL_UNTRACKED ? e->lreg[v->reg] : RL_NOREG;
}

/* Arguments into place. `args` are popped values; their registers are still theirs. */
static void place_args(rl_emitter *e, const rl_val *args, const rl_place *places, u32 n, u8 frame_reg, i32 frame_at) {
    rl_move moves[MAX_REG_ARGS];
    u32 count = 0, late = 0;
    u8 from_memory[MAX_REG_ARGS];
    for (u32 i = 0; i < n; i++) { /* words in memory first, while every register is intact */
        if (RL_LIKELY(places[i].reg != RL_NOREG)) continue;
        rl_val v = args[i];
        rl_masm_room(&e->m, 64);
        u8 r = held_in(e, &v);
        if (r == RL_NOREG) {
            r = rl_is_fp(v.type) ? RL_REG_FTMP : RL_REG_TMP;
            rl_vs_into(e, &v, r);
        }
        /* whole words: what the callee spills as a 64-bit cell must be defined */
        rl_masm_st(&e->m, v.type == RL_I32 ? RL_ST_64 : rl_st_of(v.type), r, rl_mem_at(frame_reg, frame_at + 8 * places[i].word));
    }
    for (u32 i = 0; i < n; i++) {
        u8 to = places[i].reg, r = held_in(e, &args[i]);
        if (RL_UNLIKELY(to == RL_NOREG)) continue;
        if (r != RL_NOREG) moves[count++] = (rl_move){ to, r };
        else from_memory[late++] = (u8)i;
    }
    rl_parallel_move(e, moves, count);
    for (u32 i = 0; i < late; i++) {
        rl_val v = args[from_memory[i]];
        rl_masm_room(&e->m, 64);
        rl_vs_into(e, &v, places[from_memory[i]].reg);
    }
}

/* After the call: only callee-saved registers still hold what they did. */
static void clobber(rl_emitter *e, u64 dying) {
    for (u64 s = dying; s; s &= s - 1) rl_vs_drop_local(e, (u32)__builtin_ctzll(s));
    u32 lost = e->used & ~e->callee_saved & ~e->pinned;
    u64 locals = 0;
    for (u32 m = lost; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        i32 o = e->owner[r];
        e->owner[r] = RL_OWN_FREE;
        if (o >= RL_OWN_TEMP) continue;
        e->lreg[o] = RL_NOREG;
        locals |= rl_bit64((u32)o);
    }
    e->inreg &= ~locals;
    e->dirty &= ~locals;
    for (u32 m = e->used & e->callee_saved; m; m &= m - 1) { /* of these, arguments only */
        u32 r = (u32)__builtin_ctz(m);
        if (e->owner[r] == RL_OWN_TEMP) e->owner[r] = RL_OWN_FREE, lost |= RL_BIT(r);
    }
    e->used &= ~lost;
    e->locked &= ~lost;
    for (u32 m = e->pinned & ~e->callee_saved; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m), local = e->an.local_of[e->owner[r]];
        rl_masm_room(&e->m, 64);
        rl_masm_ld_frame(&e->m, rl_ld_of(e->an.local_types[local]), (u8)r, e->homes[local]);
        e->dirty &= ~rl_bit64((u32)e->owner[r]);
    }
}

static void push_results(rl_emitter *e, const rl_proto *p) {
    for (u32 i = 0; i < p->nresults; i++) {
        const rl_place *at = &p->out[i];
        if (at->reg != RL_NOREG && ((e->alloc_gp | e->alloc_fp) >> at->reg & 1)) {
            rl_vs_push_reg(e, at->type, at->reg);
            continue;
        }
        rl_masm_room(&e->m, 64);
        u8 r = at->reg;
        if (r == RL_NOREG) {
            r = rl_is_fp(at->type) ? RL_REG_FTMP : RL_REG_TMP;
            rl_masm_ld(&e->m, rl_ld_of(at->type), r, rl_mem_at(RL_REG_SP, 8 * at->word));
        }
        rl_masm_st_frame(&e->m, rl_st_of(at->type), r, rl_slot_at(e, e->depth));
        rl_vs_push(e, (rl_val){ .kind = RL_V_SLOT, .type = at->type, .reg = RL_NOREG, .index = RL_NOREG });
    }
}

/* Everything before the call instruction; returns what to give to clobber. */
static u64 prepare(rl_emitter *e, const rl_proto *p) {
    u32 n = p->nparams;
    flush_under(e, e->depth - n);
    settle_args(e, e->depth - n, p->in, n);
    u64 dying = pop_args(e, n);
    save_locals(e, dying);
    place_args(e, &e->stack[e->depth], p->in, n, RL_REG_SP, 0);
    rl_masm_room(&e->m, 256);
    return dying;
}

static void finish(rl_emitter *e, const rl_proto *p, u64 dying) {
    clobber(e, dying);
    push_results(e, p);
}

static void call_now(rl_emitter *e) { rl_emit_ret_row(e); }

/* RL_REG_FUNC holds a record: call it from wherever it lives. */
static void call_record_far(rl_emitter *e) {
    rl_masm_callm(&e->m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode)));
    call_now(e);
}

static void add_reloc(rl_emitter *e, u32 at, u32 func) {
    RL_ROOM(e, e->relocs, e->nrelocs, e->cap_relocs);
    e->relocs[e->failed ? 0 : e->nrelocs++] = (rl_reloc){ at, func };
}

static rl_mem import_at(const rl_emitter *e, u32 func) { return rl_mem_at(RL_REG_INST, (i32)(e->layout->imports + 8 * func)); }

void rl_emit_call(rl_emitter *e, u32 func) {
    const rl_proto *p = e->mod->funcs[func].proto;
    u64 dying = prepare(e, p);
    if (func < e->mod->nimported_funcs) {
        rl_masm_ld(&e->m, RL_LD_64, RL_REG_FUNC, import_at(e, func));
        call_record_far(e);
    } else {
        if (e->entries) rl_masm_call_abs(&e->m, &e->entries[func]);
        else add_reloc(e, rl_masm_call(&e->m), func);
        call_now(e);
    }
    finish(e, p, dying);
}

/* Pops the index and leaves the checked record in RL_REG_FUNC. */
static void table_record(rl_emitter *e, u32 table, const rl_proto *p) {
    rl_val v = rl_vs_pop(e);
    if (v.kind == RL_V_REG && v.reg == RL_REG_FUNC) e->locked |= RL_BIT(RL_REG_FUNC);
    u8 index = rl_vs_use(e, &v);
    if (index == RL_REG_FUNC) { /* out of the way */
        index = rl_vs_alloc(e, false, ~e->callee_saved);
        rl_masm_mov(&e->m, RL_W32, index, RL_REG_FUNC);
        rl_vs_release(e, &v);
        v = (rl_val){ .kind = RL_V_REG, .type = RL_I32, .reg = index, .index = RL_NOREG };
    }
    rl_vs_claim(e, RL_REG_FUNC);
    rl_masm_cmpm(&e->m, RL_W32, index, rl_emit_table_at(e, table, offsetof(rl_table, size), RL_REG_FUNC));
    rl_emit_trap_if(e, RL_CC_GE_U, RL_TRAP_UNDEFINED);
    rl_masm_ld(&e->m, RL_LD_64, RL_REG_FUNC, rl_emit_table_at(e, table, offsetof(rl_table, elems), RL_REG_FUNC));
    rl_masm_ld(&e->m, RL_LD_64, RL_REG_FUNC, (rl_mem){ RL_REG_FUNC, index, 3, false, false, 0 });
    rl_masm_ld(&e->m, RL_LD_32, RL_REG_TMP, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, type_id)));
    rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_NULL_FUNC);
    rl_masm_cmpi(&e->m, RL_W32, RL_REG_TMP, p->id);
    rl_emit_trap_if(e, RL_CC_NE, RL_TRAP_SIGNATURE);
    rl_vs_release(e, &v);
    e->locked = 0;
}

void rl_emit_call_indirect(rl_emitter *e, u32 table, const rl_proto *p) {
    flush_under(e, e->depth - 1 - p->nparams);
    settle_args(e, e->depth - 1 - p->nparams, NULL, 0);
    table_record(e, table, p);
    u64 dying = prepare(e, p);
    if (e->mod->closed_funcs) {
        rl_masm_callm(&e->m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, code)));
        call_now(e);
    } else {
        rl_label far = RL_LABEL_INIT, done = RL_LABEL_INIT;
        rl_masm_ld(&e->m, RL_LD_64, RL_REG_TMP, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, inst)));
        rl_masm_cmp(&e->m, RL_W64, RL_REG_TMP, RL_REG_INST);
        rl_masm_jcc(&e->m, RL_CC_NE, &far);
        rl_masm_callm(&e->m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, code)));
        call_now(e);
        rl_masm_jmp(&e->m, &done);
        rl_masm_bind(&e->m, &far);
        call_record_far(e);
        rl_masm_bind(&e->m, &done);
    }
    finish(e, p, dying);
}

/* Helpers: immediates of the operator come first, then its operands. */
void rl_emit_builtin(rl_emitter *e, rl_builtin b) {
    const rl_proto *p = rl_builtin_funcs[b].proto;
    u32 imms[2], n = 0;
    switch (b) {
    case RL_BUILTIN_memory_init: case RL_BUILTIN_table_init:
        imms[1] = rl_emit_u32(e), imms[0] = rl_emit_u32(e), n = 2; /* segment, then memory or table */
        break;
    case RL_BUILTIN_memory_copy: case RL_BUILTIN_table_copy:
        imms[0] = rl_emit_u32(e), imms[1] = rl_emit_u32(e), n = 2;
        break;
    default: imms[0] = rl_emit_u32(e), n = 1; break;
    }
    /* the immediates go below the operands on the stack */
    u32 operands = p->nparams - n, base = e->depth - operands;
    flush_under(e, base);
    settle_args(e, base, NULL, 0);
    rl_val args[RL_MAX_BUILTIN_PARAMS];
    for (u32 i = operands; i-- > 0;) args[n + i] = rl_vs_pop(e);
    for (u32 i = 0; i < n; i++) rl_vs_push(e, rl_val_const(RL_I32, imms[i]));
    for (u32 i = n; i < p->nparams; i++) {
        if (args[i].kind == RL_V_SLOT) { /* a slot belongs to a position */
            rl_masm_room(&e->m, 64);
            (void)rl_vs_use(e, &args[i]);
        }
    }
    for (u32 i = n; i < p->nparams; i++) rl_vs_push(e, args[i]);
    e->locked = 0;
    u64 dying = prepare(e, p);
    if (!rl_builtin_ready(b)) e->failed = true;
    rl_masm_movi(&e->m, RL_W64, RL_REG_FUNC, (u64)(uintptr_t)&rl_builtin_funcs[b]);
    call_record_far(e);
    finish(e, p, dying);
}

/* ---- returns and tail calls ---- */

/* The values on top into the places of the function's results. Changes no state. */
void rl_emit_return_values(rl_emitter *e) {
    u32 n = e->proto->nresults;
    place_args(e, &e->stack[e->depth - n], e->proto->out, n, RL_REG_FP, 16);
}

/* Arguments that go to memory may overlap our own incoming ones: through their slots. */
static u64 prepare_tail(rl_emitter *e, const rl_proto *p) {
    u32 n = p->nparams, base = e->depth - n;
    settle_args(e, base, p->in, n);
    bool words = false;
    for (u32 i = 0; i < n; i++) words |= p->in[i].reg == RL_NOREG;
    if (words) rl_vs_flush_operands(e, base, e->depth);
    u64 dying = pop_args(e, n);
    place_args(e, &e->stack[e->depth], p->in, n, RL_REG_FP, 16);
    rl_masm_room(&e->m, 256);
    return dying;
}

static void tail(rl_emitter *e, u8 how, u32 func) {
    rl_cold *c = rl_emit_cold(e, RL_COLD_TAIL);
    c->tail = how;
    c->at = func;
    rl_masm_jmp(&e->m, &c->label);
}

enum { TAIL_DIRECT, TAIL_NEAR, TAIL_FAR };

static void release_all(rl_emitter *e) { /* nothing that follows is reachable */
    for (u32 m = e->used; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        if (e->owner[r] != RL_OWN_TEMP) continue;
        e->owner[r] = RL_OWN_FREE;
        e->used &= ~RL_BIT(r);
    }
}

void rl_emit_tail_call(rl_emitter *e, u32 func) {
    (void)prepare_tail(e, e->mod->funcs[func].proto);
    if (func < e->mod->nimported_funcs) {
        rl_masm_ld(&e->m, RL_LD_64, RL_REG_FUNC, import_at(e, func));
        tail(e, TAIL_FAR, func);
    } else {
        tail(e, TAIL_DIRECT, func);
    }
    release_all(e);
}

void rl_emit_tail_indirect(rl_emitter *e, u32 table, const rl_proto *p) {
    settle_args(e, e->depth - 1 - p->nparams, NULL, 0);
    table_record(e, table, p);
    (void)prepare_tail(e, p);
    if (e->mod->closed_funcs) {
        tail(e, TAIL_NEAR, 0);
    } else {
        rl_label far = RL_LABEL_INIT;
        rl_masm_ld(&e->m, RL_LD_64, RL_REG_TMP, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, inst)));
        rl_masm_cmp(&e->m, RL_W64, RL_REG_TMP, RL_REG_INST);
        rl_masm_jcc(&e->m, RL_CC_NE, &far);
        tail(e, TAIL_NEAR, 0);
        rl_masm_bind(&e->m, &far);
        tail(e, TAIL_FAR, 0);
    }
    release_all(e);
}

/* Only now is it known which registers the epilogue restores. */
void rl_emit_cold_tail(rl_emitter *e, const rl_cold *c) {
    rl_masm_epilogue(&e->m, e->saved, e->frame);
    switch (c->tail) {
    case TAIL_NEAR: rl_masm_tailm(&e->m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, code))); break;
    case TAIL_FAR: rl_masm_tailm(&e->m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode))); break;
    default:
        if (e->entries) rl_masm_tail_abs(&e->m, &e->entries[c->at]);
        else add_reloc(e, rl_masm_tail(&e->m), c->at);
    }
}
