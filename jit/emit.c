/* Owns sweep E: one forward pass over a validated body that writes machine code once, through the masm.
 *
 * The body of each function is a switch made from opcode.def; a family of operators is one function here or in
 * emit_num.c, emit_mem.c, emit_call.c. Invariant: sweep E pops notes, segments and events in the order sweep V wrote
 * them. One emitter belongs to one thread; the module and its layout are only read. Not taken: an intermediate form. */
#include "jit/emit.h"
#include "jit/emit_ops.h"
#include "jit/reader.h"

#include <stdlib.h>

void rl_emit_more(rl_emitter *e, void **array, u32 *cap, u32 n, size_t size) {
    u32 want = n < 8 ? 8 : n * 2; /* several first blocks to a page: a small module touches few */
    void *p = realloc(*array, want * size);
    if (!p) {
        e->failed = true;
        return;
    }
    *array = p;
    *cap = want;
}

/* ---- fuel ---- */

static void begin_segment(rl_emitter *e) {
    e->left = e->next_segment < e->an.nsegments ? e->an.segments[e->next_segment] : 0;
    e->next_segment++;
    e->ops += e->left;
}

static void charge(rl_emitter *e) {
    begin_segment(e);
    if (e->left && !e->opt.no_fuel) rl_masm_charge(&e->m, e->left);
}

static void charge_and_check(rl_emitter *e) {
    begin_segment(e);
    if (e->opt.no_fuel) return;
    rl_cold *c = rl_emit_cold(e, RL_COLD_YIELD);
    c->at = e->m.loop;
    rl_masm_charge_check(&e->m, e->left, &c->label);
    c->back = RL_LABEL_INIT;
    rl_masm_bind(&e->m, &c->back);
}

/* ---- cold code and tables ---- */

rl_cold *rl_emit_cold(rl_emitter *e, rl_cold_kind kind) {
    RL_ROOM(e, e->colds, e->ncolds, e->cap_colds);
    rl_cold *c = &e->colds[e->failed ? 0 : e->ncolds++];
    *c = (rl_cold){ .kind = (u8)kind, .offset = rl_offset(e), .refund = rl_refund(e), .label = RL_LABEL_INIT, .back = RL_LABEL_INIT };
    return c;
}

rl_label *rl_emit_trap_label(rl_emitter *e, rl_trap kind) {
    rl_cold *c = rl_emit_cold(e, RL_COLD_TRAP);
    c->trap = (u8)kind;
    return &c->label;
}

void rl_emit_trap_if(rl_emitter *e, rl_cc cc, rl_trap kind) { rl_masm_jcc(&e->m, cc, rl_emit_trap_label(e, kind)); }

/* Everything out of line, after the body: the offsets ascend, as the tables want. */
static void write_colds(rl_emitter *e) {
    for (u32 i = 0; i < e->ncolds; i++) {
        rl_cold *c = &e->colds[i];
        rl_masm_room(&e->m, 256);
        rl_masm_bind(&e->m, &c->label);
        switch (c->kind) {
        case RL_COLD_TRAP:
            rl_masm_trap(&e->m);
            rl_emit_row(e, rl_masm_fault_pos(&e->m), c->offset, c->refund, c->trap);
            break;
        case RL_COLD_BOUND: case RL_COLD_NEAR: {
            rl_label trap = RL_LABEL_INIT;
            if (c->kind == RL_COLD_NEAR) rl_emit_cold_near(e, c, &trap);
            else rl_emit_cold_bound(e, c, &trap);
            rl_masm_bind(&e->m, &trap);
            rl_masm_trap(&e->m);
            rl_emit_row(e, rl_masm_fault_pos(&e->m), c->offset, c->refund, RL_TRAP_MEMORY);
            break;
        }
        case RL_COLD_YIELD:
            rl_masm_yield(&e->m);
            rl_emit_row(e, rl_masm_pos(&e->m), c->offset, c->refund, RL_ROW_CALL);
            rl_masm_loop_again(&e->m, c->at);
            rl_masm_jmp(&e->m, &c->back);
            break;
        case RL_COLD_EDGE: rl_merge_cold_edge(e, c); break;
        case RL_COLD_TAIL: rl_emit_cold_tail(e, c); break;
        case RL_COLD_RUN: rl_group_cold(e, c->at); break;
        }
    }
}

/* ---- control ---- */

static const u8 one_type[RL_TYPE_COUNT] = { RL_I32, RL_I64, RL_F32, RL_F64, RL_V128, RL_FUNCREF, RL_EXTERNREF };

static const u8 *results_of(const rl_ctl *c) { return c->proto ? c->proto->results : &one_type[c->type]; }

static inline void block_type(rl_emitter *e, rl_ctl *c) {
    static const u8 letters[] = { [0x7f & 0x7f] = RL_I32, [0x7e & 0x7f] = RL_I64, [0x7d & 0x7f] = RL_F32, [0x7c & 0x7f] = RL_F64,
                                  [0x7b & 0x7f] = RL_V128, [0x70 & 0x7f] = RL_FUNCREF, [0x6f & 0x7f] = RL_EXTERNREF };
    u8 b = *e->ip;
    if (b == 0x40) {
        e->ip++;
    } else if (b >= 0x6f && b <= 0x7f) {
        e->ip++;
        c->nresults = 1;
        c->type = letters[b & 0x7f];
    } else {
        const rl_proto *p = e->mod->protos[rl_emit_u32(e)]; /* an s33 that is not negative reads the same */
        c->proto = p;
        c->nparams = (u16)p->nparams;
        c->nresults = (u16)p->nresults;
    }
}

static rl_ctl *push_ctl(rl_emitter *e, u8 op) {
    RL_ROOM(e, e->ctls, e->nctls, e->cap_ctls);
    rl_ctl *c = &e->ctls[e->failed ? 0 : e->nctls++];
    *c = (rl_ctl){ .op = op, .pins = e->cur_pins, .label = RL_LABEL_INIT, .else_label = RL_LABEL_INIT, .adapter = -1 };
    if (op) {
        c->note = e->next_note++;
        block_type(e, c);
        c->dead_entry = e->dead;
        c->height = e->depth - c->nparams;
    }
    return c;
}

static void truncate_stack(rl_emitter *e, u32 to) {
    while (e->depth > to) {
        rl_val v = rl_vs_pop(e);
        rl_vs_release(e, &v);
    }
}

/* The rest of this construct cannot be reached. */
static void go_dead(rl_emitter *e) {
    truncate_stack(e, e->ctls[e->nctls - 1].height);
    e->dead = true;
}

static void push_slots(rl_emitter *e, const u8 *types, u32 n) {
    for (u32 i = 0; i < n; i++) rl_vs_push(e, (rl_val){ .kind = RL_V_SLOT, .type = types[i], .reg = RL_NOREG, .index = RL_NOREG });
}

/* Operands under a construct whose label is a merge go to slots and stay there until its end. */
static void flush_below(rl_emitter *e, u32 to) {
    if (e->flat < to) rl_vs_flush_operands(e, e->flat, to), e->flat = to;
    if (e->low < to) e->low = to;
}

/* Parameters of a merge live in slots, constants included. */
static void params_to_slots(rl_emitter *e, u32 n) {
    for (u32 pos = e->depth - n; pos < e->depth; pos++) {
        rl_val *v = &e->stack[pos];
        if (v->kind == RL_V_CONST) {
            rl_masm_room(&e->m, 64);
            u8 r = rl_is_fp(v->type) ? RL_REG_FTMP : RL_REG_TMP;
            rl_vs_into(e, v, r);
            rl_masm_st_frame(&e->m, rl_st_of(v->type), r, rl_slot_at(e, pos));
            *v = (rl_val){ .kind = RL_V_SLOT, .type = v->type, .reg = RL_NOREG, .index = RL_NOREG, .local = pos };
        } else {
            rl_vs_flush_operand(e, pos);
        }
    }
}

static void emit_block(rl_emitter *e) {
    rl_ctl *c = push_ctl(e, RL_OP_block);
    if (!e->dead && rl_note(e, c)->branched) flush_below(e, c->height);
}

static void emit_loop(rl_emitter *e) {
    rl_ctl *c = push_ctl(e, RL_OP_loop);
    if (e->dead) return;
    c->outer_pins = c->pins;
    if (!rl_note(e, c)->branched) { /* nothing ever comes back */
        charge_and_check(e);
        return;
    }
    flush_below(e, c->height);
    params_to_slots(e, c->nparams);
    rl_merge_pins(e, c);
    const rl_block_note *note = rl_note(e, c);
    c->constants = !note->calls && (!e->m.loop || note->innermost);
    if (c->constants) rl_masm_loop(&e->m, note->innermost);
    if (e->pins[e->cur_pins].tight) rl_masm_align(&e->m, 32);
    rl_masm_bind(&e->m, &c->label);
    charge_and_check(e);
}

/* The condition on top as flags; pops it. Constants are left to the caller. */
static rl_cc condition(rl_emitter *e) {
    rl_val v = rl_vs_pop(e);
    if (v.kind == RL_V_FLAGS) return (rl_cc)v.cc;
    u8 r = rl_vs_use(e, &v);
    rl_masm_test(&e->m, RL_W32, r, r);
    rl_vs_release(e, &v);
    e->flags_live = true;
    return RL_CC_NE;
}

static void emit_if(rl_emitter *e) {
    if (e->dead) {
        push_ctl(e, RL_OP_if);
        return;
    }
    rl_cc cc = condition(e);
    rl_ctl *c = push_ctl(e, RL_OP_if);
    flush_below(e, c->height);
    params_to_slots(e, c->nparams);
    c->else_taken = true;
    c->at_else = rl_merge_new(e);
    rl_merge_take(e, rl_merge_at(e, c->at_else), ~0ull);
    rl_masm_jcc(&e->m, rl_cc_not(cc), &c->else_label);
    charge(e);
}

/* The values an edge carries, in a form that can be moved without changing our state. */
static void settle(rl_emitter *e, u32 n) {
    for (u32 pos = e->depth - n; pos < e->depth; pos++) {
        rl_val *v = &e->stack[pos];
        if (v->kind != RL_V_ADDR && v->kind != RL_V_FLAGS) continue;
        u32 depth = e->depth;
        e->depth = pos + 1;
        rl_val x = rl_vs_pop(e);
        (void)rl_vs_use(e, &x);
        rl_vs_push(e, x);
        e->depth = depth;
        e->locked = 0;
    }
}

static u32 arity(const rl_ctl *c) { return c->op == RL_OP_loop ? c->nparams : c->nresults; }

/* Jump to c, which is bound (loop) or waits for its end. The function's own label is its return. */
static void jump_edge(rl_emitter *e, rl_ctl *c) {
    if (c->op == 0) {
        rl_emit_return_values(e);
        e->epilogue_used = true;
        rl_masm_jmp(&e->m, &e->epilogue);
        return;
    }
    rl_merge_edge(e, c);
    rl_masm_jmp(&e->m, &c->label);
}

static bool edge_is_bare(rl_emitter *e, rl_ctl *c) {
    if (c->op == 0) return e->proto->nresults == 0;
    return rl_merge_edge_is_bare(e, c);
}

static rl_label *edge_label(rl_emitter *e, rl_ctl *c) {
    if (c->op) return &c->label;
    e->epilogue_used = true;
    return &e->epilogue;
}

static void emit_br(rl_emitter *e, u32 d) {
    rl_ctl *c = &e->ctls[e->nctls - 1 - d];
    settle(e, arity(c));
    jump_edge(e, c);
    go_dead(e);
}

static void emit_br_if(rl_emitter *e, u32 d) {
    rl_ctl *c = &e->ctls[e->nctls - 1 - d];
    rl_cc cc = condition(e);
    settle(e, arity(c));
    if (edge_is_bare(e, c)) {
        rl_masm_jcc(&e->m, cc, edge_label(e, c));
    } else if ((c->op == RL_OP_block || c->op == RL_OP_if) && c->nresults <= 1) {
        rl_merge_branch_cold(e, cc, c); /* leaving is the rarer way: its moves are out of line */
    } else {
        rl_label over = RL_LABEL_INIT;
        rl_masm_jcc(&e->m, rl_cc_not(cc), &over);
        jump_edge(e, c);
        rl_masm_bind(&e->m, &over);
    }
    charge(e);
}

static void emit_br_table(rl_emitter *e) {
    u32 n = rl_emit_u32(e);
    const u8 *targets = e->ip;
    rl_val v = rl_vs_pop(e);
    rl_masm_room(&e->m, 256 + 4 * n);
    for (u32 i = 0; i <= n; i++) { /* all labels carry the same number of values */
        u32 d = rl_emit_u32(e);
        if (i == n) settle(e, arity(&e->ctls[e->nctls - 1 - d]));
    }
    const u8 *after = e->ip;
    e->ip = targets;
    u8 from = rl_vs_use(e, &v), index = rl_vs_alloc(e, false, ~e->callee_saved);
    rl_masm_mov(&e->m, RL_W32, index, from);
    rl_vs_release(e, &v);
    e->owner[index] = RL_OWN_FREE, e->used &= ~RL_BIT(index);
    rl_label fallback = RL_LABEL_INIT;
    if (n) {
        rl_masm_cmpi(&e->m, RL_W32, index, n);
        rl_masm_jcc(&e->m, RL_CC_GE_U, &fallback);
        u32 table = rl_masm_switch(&e->m, index, n);
        for (u32 i = 0; i < n; i++) {
            rl_ctl *c = &e->ctls[e->nctls - 1 - rl_emit_u32(e)];
            if (edge_is_bare(e, c) && rl_masm_may_switch_to(edge_label(e, c))) {
                rl_masm_switch_entry(&e->m, table, i, edge_label(e, c));
                continue;
            }
            if (c->adapter < 0) { /* one adapter per target, right here: nothing falls into it */
                rl_masm_room(&e->m, 256);
                c->adapter = (i32)rl_masm_pos(&e->m);
                rl_masm_landing(&e->m, false);
                jump_edge(e, c);
            }
            rl_masm_switch_entry(&e->m, table, i, &(rl_label){ c->adapter, 0 });
        }
        rl_masm_bind(&e->m, &fallback);
    }
    e->ip = targets;
    for (u32 i = 0; i < n; i++) e->ctls[e->nctls - 1 - rl_emit_u32(e)].adapter = -1;
    jump_edge(e, &e->ctls[e->nctls - 1 - rl_emit_u32(e)]);
    e->ip = after;
    go_dead(e);
}

/* Goes on at a label whose state is fixed: the operands are those under it plus its results. */
static void land(rl_emitter *e, rl_ctl *c) {
    truncate_stack(e, c->height);
    e->cur_pins = c->pins;
    const rl_merge *m = rl_merge_at(e, c->merge);
    rl_merge_restore(e, m);
    e->dead = false;
    if (c->nresults == 1) rl_vs_push_reg(e, *results_of(c), m->result);
    else if (c->nresults) push_slots(e, results_of(c), c->nresults);
}

/* Goes on where the false edge of an if arrives. */
static void land_false(rl_emitter *e, rl_ctl *c) {
    truncate_stack(e, c->height);
    rl_masm_bind(&e->m, &c->else_label);
    e->cur_pins = c->pins;
    rl_merge_restore(e, rl_merge_at(e, c->at_else));
    if (c->nparams) push_slots(e, c->proto->params, c->nparams);
    e->dead = false;
}

static void emit_else(rl_emitter *e) {
    rl_ctl *c = &e->ctls[e->nctls - 1];
    if (c->dead_entry) return;
    if (!e->dead) {
        settle(e, c->nresults);
        jump_edge(e, c);
    }
    c->else_taken = false;
    land_false(e, c);
    charge(e);
}

/* An if without else: the false edge arrives at the end with its parameters as results. */
static void end_false_edge(rl_emitter *e, rl_ctl *c) {
    if (e->dead && !c->merge) { /* only the false edge: nothing to merge */
        land_false(e, c);
        return;
    }
    rl_label over = RL_LABEL_INIT;
    if (!e->dead && !c->merge && c->nresults == 0) { /* the false edge decides, its jump stays bare */
        c->merge = c->at_else;
        rl_merge *to = rl_merge_at(e, c->merge);
        u64 live = rl_ctl_live(e, c);
        u32 pins = e->pins[c->pins].regs;
        for (u32 m = to->regs & ~pins; m; m &= m - 1)
            if (!(live >> to->local[__builtin_ctz(m)] & 1)) to->regs &= ~RL_BIT(__builtin_ctz(m));
        to->dirty &= live;
        rl_merge_edge(e, c);
        rl_masm_bind(&e->m, &c->else_label);
        rl_merge_bind(e, c);
        land(e, c);
        return;
    }
    if (!e->dead) {
        settle(e, c->nresults);
        rl_merge_edge(e, c);
        rl_masm_jmp(&e->m, &over);
    }
    land_false(e, c);
    rl_merge_edge(e, c);
    rl_masm_bind(&e->m, &over);
    rl_merge_bind(e, c);
    land(e, c);
}

static void end_function(rl_emitter *e) {
    if (!e->dead) {
        settle(e, e->proto->nresults);
        rl_emit_return_values(e);
    }
    truncate_stack(e, 0);
}

static void emit_end(rl_emitter *e) {
    rl_ctl *c = &e->ctls[e->nctls - 1];
    if (c->op == 0) {
        end_function(e);
        e->nctls--;
        return;
    }
    if (c->dead_entry) {
        e->nctls--;
        return;
    }
    bool segment = c->op == RL_OP_if || (c->op == RL_OP_block && c->merge);
    if (c->op == RL_OP_loop) {
        if (c->constants) rl_masm_loop_end(&e->m);
        if (e->dead) {
            truncate_stack(e, c->height);
        } else if (c->pins != c->outer_pins) {
            settle(e, c->nresults);
            rl_merge_unpin(e, ~0ull, c->outer_pins);
        }
        e->cur_pins = c->outer_pins;
        e->pinned = e->pins[e->cur_pins].regs;
        rl_merge_use_pins(e);
    } else if (c->op == RL_OP_if && c->else_taken) {
        end_false_edge(e, c);
    } else if (c->merge) {
        if (!e->dead) {
            settle(e, c->nresults);
            rl_merge_edge(e, c);
        }
        rl_merge_bind(e, c);
        land(e, c);
    } else if (e->dead) {
        truncate_stack(e, c->height);
    }
    e->nctls--;
    if (segment && !e->dead) charge(e);
}

/* ---- the operators ---- */

static void emit_ctl(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_unreachable: {
        rl_masm_trap(&e->m);
        rl_emit_trap_row(e, rl_masm_fault_pos(&e->m), RL_TRAP_UNREACHABLE);
        go_dead(e);
        break;
    }
    case RL_OP_nop: break;
    case RL_OP_block: emit_block(e); break;
    case RL_OP_loop: emit_loop(e); break;
    case RL_OP_if: emit_if(e); break;
    case RL_OP_else: emit_else(e); break;
    case RL_OP_end: emit_end(e); break;
    case RL_OP_br: emit_br(e, rl_emit_u32(e)); break;
    case RL_OP_br_if: emit_br_if(e, rl_emit_u32(e)); break;
    case RL_OP_br_table: emit_br_table(e); break;
    case RL_OP_return:
        settle(e, e->proto->nresults);
        jump_edge(e, &e->ctls[0]);
        go_dead(e);
        break;
    case RL_OP_call: rl_emit_call(e, rl_emit_u32(e)); break;
    case RL_OP_call_indirect: {
        const rl_proto *p = e->mod->protos[rl_emit_u32(e)];
        rl_emit_call_indirect(e, rl_emit_u32(e), p);
        break;
    }
    case RL_OP_return_call:
        rl_emit_tail_call(e, rl_emit_u32(e));
        go_dead(e);
        break;
    case RL_OP_return_call_indirect: {
        const rl_proto *p = e->mod->protos[rl_emit_u32(e)];
        rl_emit_tail_indirect(e, rl_emit_u32(e), p);
        go_dead(e);
        break;
    }
    }
}

static void emit_par(rl_emitter *e, u32 op) {
    if (op == RL_OP_drop) {
        rl_val v = rl_vs_pop(e);
        rl_vs_release(e, &v);
        return;
    }
    if (op == RL_OP_select_t)
        for (u32 n = rl_emit_u32(e); n; n--) e->ip++;
    rl_emit_select(e);
}

static inline __attribute__((always_inline)) void emit_var(rl_emitter *e, u32 op) {
    u32 index = rl_emit_u32(e);
    switch (op) {
    case RL_OP_local_get: rl_vs_get_local(e, index); break;
    case RL_OP_local_set: rl_vs_set_local(e, index, false); break;
    case RL_OP_local_tee: rl_vs_set_local(e, index, true); break;
    case RL_OP_global_get: rl_emit_global_get(e, index); break;
    case RL_OP_global_set: rl_emit_global_set(e, index); break;
    }
}

static inline __attribute__((always_inline)) void emit_cnst(rl_emitter *e, u8 type) {
    u64 bits;
    switch (type) {
    case RL_I32: bits = (u32)rl_emit_s64(e); break;
    case RL_I64: bits = (u64)rl_emit_s64(e); break;
    case RL_F32: bits = rl_load32(e->ip), e->ip += 4; break;
    default: bits = rl_load64(e->ip), e->ip += 8; break;
    }
    rl_vs_push_const(e, type, bits);
}

/* Signature tokens as types: RL_SIGR_i_ii is the result's, RL_SIGP_i_ii the first parameter's. */
enum {
#define SIG(name, result, n, a, b, c) RL_SIGR_##name = RL_##result, RL_SIGP_##name = RL_##a, RL_SIGQ_##name = RL_##b,
    RL_SIGS(SIG)
#undef SIG
    RL_SIGR_ANY = RL_BOT, RL_SIGP_ANY = RL_BOT, RL_SIGQ_ANY = RL_BOT
};

static inline u32 access_size(rl_imm imm) { return 1u << (imm - RL_IMM_mem1); }

#define DO_ctl(sig, imm, arg, op) emit_ctl(e, op)
#define DO_par(sig, imm, arg, op) emit_par(e, op)
#define DO_var(sig, imm, arg, op) emit_var(e, op)
#define DO_ref(sig, imm, arg, op) rl_emit_ref(e, op)
#define DO_table(sig, imm, arg, op) rl_emit_table(e, op)
#define DO_mem(sig, imm, arg, op) rl_emit_memory(e, op)
#define DO_load(sig, imm, arg, op) rl_emit_load(e, RL_LD_##arg, RL_SIGR_##sig, access_size(RL_IMM_##imm))
#define DO_store(sig, imm, arg, op) rl_emit_store(e, RL_ST_##arg, RL_SIGQ_##sig, access_size(RL_IMM_##imm))
#define DO_cnst(sig, imm, arg, op) emit_cnst(e, RL_##arg)
#define DO_eqz(sig, imm, arg, op) rl_emit_eqz(e, RL_##arg)
#define DO_cmp(sig, imm, arg, op) rl_emit_cmp(e, RL_CC_##arg, RL_SIGP_##sig)
#define DO_fcmp(sig, imm, arg, op) rl_emit_fcmp(e, RL_CC_##arg, RL_SIGP_##sig)
#define DO_un(sig, imm, arg, op) rl_emit_un(e, RL_UN_##arg, RL_SIGR_##sig, RL_SIGP_##sig)
#define DO_bin(sig, imm, arg, op) rl_emit_bin(e, RL_BIN_##arg, RL_SIGR_##sig)
#define DO_div(sig, imm, arg, op) rl_emit_div(e, RL_##arg, RL_SIGR_##sig)
#define DO_fun(sig, imm, arg, op) rl_emit_fun(e, RL_FUN_##arg, RL_SIGR_##sig)
#define DO_fbin(sig, imm, arg, op) rl_emit_fbin(e, RL_FBIN_##arg, RL_SIGR_##sig)
#define DO_cvt(sig, imm, arg, op) rl_emit_cvt(e, RL_CVT_##arg, RL_SIGR_##sig, RL_SIGP_##sig)
#define DO_trunc(sig, imm, arg, op) rl_emit_trunc(e, RL_TRUNC_##arg, RL_SIGP_##sig, RL_SIGR_##sig, false)
#define DO_sat(sig, imm, arg, op) rl_emit_trunc(e, RL_TRUNC_##arg, RL_SIGP_##sig, RL_SIGR_##sig, true)

static void skip_imm(rl_emitter *e, u32 imm) {
    switch (imm) {
    case RL_IMM_none: break;
    case RL_IMM_label: case RL_IMM_func: case RL_IMM_local: case RL_IMM_global: case RL_IMM_table: case RL_IMM_elem:
    case RL_IMM_memory: case RL_IMM_data: (void)rl_emit_u32(e); break;
    case RL_IMM_labels:
        for (u32 n = rl_emit_u32(e) + 1; n; n--) (void)rl_emit_u32(e);
        break;
    case RL_IMM_types: {
        u32 n = rl_emit_u32(e);
        e->ip += n;
        break;
    }
    case RL_IMM_i32: case RL_IMM_i64: (void)rl_emit_s64(e); break;
    case RL_IMM_f32: e->ip += 4; break;
    case RL_IMM_f64: e->ip += 8; break;
    case RL_IMM_reftype: e->ip++; break;
    default: (void)rl_emit_u32(e), (void)rl_emit_u64(e); break; /* two numbers */
    }
}

/* Unreachable: only the nesting matters. Notes of dead constructs are skipped with them. */
static RL_COLD void skip_dead(rl_emitter *e, u32 op) {
    switch (op) {
    case RL_OP_block: case RL_OP_loop: case RL_OP_if: push_ctl(e, (u8)op); return;
    case RL_OP_else: emit_else(e); return;
    case RL_OP_end: emit_end(e); return;
    default: skip_imm(e, rl_op_infos[rl_op_dense(op)].imm);
    }
}

static RL_COLD void note_position(rl_emitter *e) {
    if (e->emission == RL_COPYING) return;
    RL_ROOM(e, e->positions, e->npositions, e->cap_positions);
    if (e->failed) return;
    e->positions[e->npositions++] = (rl_position){ rl_masm_pos(&e->m), (u32)(e->op_start - e->mod->bytes) };
}

static RL_COLD void go_on(rl_emitter *e) {
    rl_masm_room(&e->m, 64);
    charge(e);
}

/* Counts an operator that costs fuel. A segment that is used up before its end was too long for one charge. */
static inline __attribute__((always_inline)) void spend(rl_emitter *e) {
    if (RL_UNLIKELY(!e->left)) go_on(e);
    e->left--;
}

/* What every operator but the simplest finds: room to write, no register held, whether it may read flags. */
static inline __attribute__((always_inline)) void begin_op(rl_emitter *e) {
    rl_masm_room(&e->m, 512);
    e->locked = 0;
    e->flags_live = e->flags_next;
    e->flags_next = false;
}

/* Operators that push a value and write nothing need none of that. */
#define PUSHES(family, code) (RL_FAM_##family == RL_FAM_cnst || (code) == RL_OP_local_get)

#define DO(family, type, imm, arg, code)              \
    if (!PUSHES(family, code)) begin_op(e);           \
    if (!RL_OP_FREE(code)) spend(e);                  \
    DO_##family(type, imm, arg, code);                \
    return RL_FAM_##family == RL_FAM_ctl;

/* Operators behind 0xfc. */
static bool emit_prefixed(rl_emitter *e) {
    switch (0xfc00 | (rl_emit_u32(e) & 0x1f)) {
#define OP(name, code, text, imm, type, family, arg) case code: DO(family, type, imm, arg, code)
#include "jit/opcode.def"
#undef OP
    default: __builtin_unreachable(); /* the code is valid */
    }
}

/* One reachable operator, whose first byte has been read. True: control flow may have changed. */
static inline __attribute__((always_inline)) bool emit_op(rl_emitter *e, u8 first) {
    switch ((u32)first) {
    case 0xfc: return emit_prefixed(e);
#define OP(name, code, text, imm, type, family, arg) case code: DO(family, type, imm, arg, code)
#include "jit/opcode.def"
#undef OP
    default: __builtin_unreachable();
    }
}

/* What to do before an operator where anything special is going on. True: it has been passed over, being unreachable. */
static __attribute__((noinline)) bool special_op(rl_emitter *e) {
    rl_group_at(e);
    e->op_start = e->ip;
    if (!e->dead) {
        if (e->listing) note_position(e);
        return false;
    }
    u32 op = *e->ip++;
    if (op == 0xfc) op = 0xfc00 | rl_emit_u32(e);
    begin_op(e);
    skip_dead(e, op);
    return true;
}

void rl_emit_ops(rl_emitter *e, const u8 *end) {
    while (e->ip < end) {
        bool control = true;
        if (RL_LIKELY(!e->special) || !special_op(e)) {
            e->op_start = e->ip++;
            control = emit_op(e, *e->op_start);
            rl_vs_check(e);
        }
        /* only these must not go on after a failure: they would lose count of the nesting */
        if (control && RL_UNLIKELY(e->failed || e->m.failed)) return;
    }
}

/* ---- one function ---- */

/* Frame, from sp: outgoing area, homes of locals, homes of operands, callee-saved registers. */
static rl_err layout_frame(rl_emitter *e, u32 index, rl_diag *d) {
    const rl_annot *a = &e->an;
    e->slots_at = (u32)rl_align(8 * a->out_words, 16);
    u64 frame = rl_align(e->slots_at + 8 * ((u64)a->nlocals + a->max_depth + RL_MAX_BUILTIN_PARAMS), 16);
    if (frame > 1u << 24) return rl_diag_set(d, RL_ERR_LIMIT, "function %u needs too large a frame", index);
    e->frame = (u32)frame;
    u32 operands = a->max_depth + RL_MAX_BUILTIN_PARAMS;
    if (e->cap_stack < operands) {
        rl_val *p = realloc(e->stack, operands * sizeof *p);
        if (!p) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory while compiling function %u", index);
        e->stack = p;
        e->cap_stack = operands;
    }
    if (e->cap_homes < a->nlocals) {
        i32 *p = realloc(e->homes, (a->nlocals + 64) * sizeof *p);
        if (!p) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory while compiling function %u", index);
        e->homes = p;
        e->cap_homes = a->nlocals + 64;
    }
    for (u32 i = 0; i < a->nlocals; i++) {
        bool stack = i < a->nparams && e->proto->in[i].reg == RL_NOREG;
        e->homes[i] = stack ? -(i32)(16 + 8 * e->proto->in[i].word) : (i32)(e->slots_at + 8 * i);
    }
    return RL_OK;
}

/* A local that starts as zero and is worth a register gets one that calls leave alone. */
static bool zero_in_register(rl_emitter *e, u32 local, u32 t) {
    if (t == RL_UNTRACKED || e->an.weight[t] < 2) return false;
    u8 type = e->an.local_types[local];
    u32 set = (rl_is_fp(type) ? e->alloc_fp : e->alloc_gp & ~RL_NEVER_PIN) & ~e->used;
    if (e->an.has_calls) set &= e->callee_saved;
    else if (set & ~e->callee_saved) set &= ~e->callee_saved;
    if (!set) return false;
    u8 r = (u8)__builtin_ctz(set);
    if (rl_is_fp(type)) rl_masm_fmovi(&e->m, (rl_type)type, r, 0);
    else rl_masm_movi(&e->m, RL_W32, r, 0);
    e->owner[r] = (i32)t;
    e->used |= RL_BIT(r);
    e->saved |= RL_BIT(r) & e->callee_saved;
    e->lreg[t] = r;
    e->inreg |= rl_bit64(t);
    e->dirty |= rl_bit64(t);
    return true;
}

static void zero_locals(rl_emitter *e) {
    const rl_annot *a = &e->an;
    u32 first = a->nlocals, last = 0, count = 0;
    for (u32 i = a->nparams; i < a->nlocals; i++) {
        u32 t = a->tracked[i];
        if (t != RL_UNTRACKED && !(a->rbw >> t & 1)) continue;
        if (!count++) first = i;
        last = i;
    }
    if (!count) return;
    if (count <= 16) {
        for (u32 i = first; i <= last; i++) {
            u32 t = a->tracked[i];
            if (t != RL_UNTRACKED && !(a->rbw >> t & 1)) continue;
            rl_masm_room(&e->m, 64);
            if (zero_in_register(e, i, t)) continue;
            rl_masm_st_imm(&e->m, RL_ST_64, 0, rl_home(e, i));
        }
        return;
    }
    /* many: a loop over the whole range (rax holds no argument) */
    rl_label top = RL_LABEL_INIT;
    rl_masm_room(&e->m, 128);
    rl_masm_movi(&e->m, RL_W64, RL_REG_DIV_A, (u64)rl_home(e, first).disp);
    rl_masm_bind(&e->m, &top);
    rl_masm_st_imm(&e->m, RL_ST_64, 0, (rl_mem){ RL_REG_SP, RL_REG_DIV_A, 0, false, false, 0 });
    rl_masm_bini(&e->m, RL_BIN_ADD, RL_W64, RL_REG_DIV_A, RL_REG_DIV_A, 8);
    rl_masm_cmpi(&e->m, RL_W64, RL_REG_DIV_A, rl_home(e, last).disp);
    rl_masm_jcc(&e->m, RL_CC_LE_S, &top);
}

static void enter(rl_emitter *e) {
    const rl_annot *a = &e->an;
    if (a->has_calls) charge_and_check(e);
    else charge(e);
    for (u32 i = 0; i < a->nparams; i++) {
        u8 r = e->proto->in[i].reg;
        if (r == RL_NOREG) continue;
        u32 t = a->tracked[i];
        rl_masm_room(&e->m, 64);
        bool allocatable = (e->alloc_gp | e->alloc_fp) & RL_BIT(r);
        if (t == RL_UNTRACKED || !allocatable) {
            rl_masm_st_frame(&e->m, rl_st_of(a->local_types[i]), r, e->homes[i]);
        } else if (a->rbw >> t & 1) {
            e->owner[r] = (i32)t;
            e->used |= RL_BIT(r);
            e->lreg[t] = r;
            e->inreg |= rl_bit64(t);
            e->dirty |= rl_bit64(t);
        }
    }
    zero_locals(e);
}

static void reset(rl_emitter *e) {
    rl_masm_reset(&e->m);
    for (u32 r = 0; r < 32; r++) e->owner[r] = RL_OWN_FREE;
    memset(e->lreg, RL_NOREG, sizeof e->lreg);
    memset(e->pend, 0, sizeof e->pend);
    memset(e->sets, 0, sizeof e->sets);
    e->used = e->locked = e->pinned = e->saved = 0;
    e->inreg = e->dirty = e->checked_locals = 0;
    memset(e->width, 0, sizeof e->width);
    e->pend_untracked = 0;
    e->depth = e->low = e->flat = e->nctls = e->ncolds = e->nedges = e->nrelocs = e->npositions = 0;
    e->nruns = e->nvalues = e->naccesses = 0;
    e->emission = RL_STRAIGHT;
    e->next_note = e->next_segment = e->next_event = 0;
    e->npins = e->nmerges = 1;
    e->pins[0].regs = 0;
    e->pins[0].tight = false;
    e->pins[0].limit = RL_NOREG;
    e->pins[0].taken = e->pins[0].nconsts = 0;
    e->cur_pins = 0;
    e->listing = e->opt.positions;
    rl_merge_use_pins(e);
    e->dead = e->failed = e->flags_live = e->flags_next = false;
    e->epilogue = RL_LABEL_INIT;
    e->epilogue_used = false;
    e->spills = e->ops = 0;
}

/* The gap for the prologue comes first. Its unused part is cut off in whole steps of 32, so that aligned loops stay so;
 * what is left of it lies before the entry. */
#define GAP RL_PROLOGUE_MAX

/* Rows count from the entry, relocations from the first byte. */
static rl_err finish_func(rl_emitter *e, u32 start, u32 entry, rl_emitted *out) {
    for (u32 i = 0; i < e->nrelocs; i++) e->relocs[i].at -= start;
    for (u32 i = 0; i < e->npositions; i++) e->positions[i].pc -= start;
    *out = (rl_emitted){ .code = e->m.base + start, .size = rl_masm_pos(&e->m) - start, .entry = entry - start, .align = 32,
                         .rows = { e->rows.bytes, e->rows.size, GAP - entry, e->an.code },
                         .relocs = e->relocs, .nrelocs = e->nrelocs, .spills = e->spills, .ops = e->ops,
                         .positions = e->positions, .npositions = e->npositions };
    return RL_OK;
}

static rl_err emit_once(rl_emitter *e, u32 index, rl_emitted *out, rl_diag *d) {
    RL_TRY(rl_validate_func(e->mod, index, true, &e->an, d));
    if (e->opt.worst_annotations) rl_annot_worst(&e->an);
    e->proto = e->mod->funcs[index].proto;
    reset(e);
    RL_TRY(layout_frame(e, index, d));
    rl_masm_room(&e->m, 1024);
    memset(e->m.p, 0xcc, GAP);
    e->m.p += GAP;
    rl_row_start(&e->rows, GAP, e->an.code);
    e->ip = e->mod->bytes + e->an.code;
    e->op_start = e->ip;
    rl_ctl *f = push_ctl(e, 0);
    f->proto = e->proto;
    f->nresults = (u16)e->proto->nresults;
    enter(e);
    rl_emit_ops(e, e->mod->bytes + e->an.end);
    rl_masm_room(&e->m, 512);
    if (e->epilogue_used) rl_masm_bind(&e->m, &e->epilogue);
    rl_masm_epilogue(&e->m, e->saved, e->frame);
    rl_masm_ret(&e->m);
    write_colds(e);
    rl_masm_room(&e->m, 256);
    u32 total = (u32)rl_align(e->frame + 8 * (u32)__builtin_popcount(e->saved), 16);
    bool check = e->an.has_calls || total > RL_RED_ZONE;
    rl_label overflow = RL_LABEL_INIT;
    u32 start = rl_masm_prologue(&e->m, GAP, total, check, e->saved, e->frame, &overflow);
    if (check) {
        rl_masm_bind(&e->m, &overflow);
        rl_emit_row(e, rl_masm_restack(&e->m, start), e->an.code, 0, RL_TRAP_STACK); /* before anything is charged */
    }
    rl_masm_pool(&e->m);
    if (e->m.failed && (size_t)(e->m.end - e->m.base) == RL_MASM_MAX)
        return rl_diag_set(d, RL_ERR_LIMIT, "function %u needs too much native code", index);
    if (e->failed || e->m.failed) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory while compiling function %u", index);
    return finish_func(e, start & ~31u, start, out);
}

/* Bytes of a body whose code rarely has more than 32 KiB. */
#define NEAR_BODY 8000u

rl_err rl_emit_func(rl_emitter *e, u32 index, rl_emitted *out, rl_diag *d) {
    e->m.far = false;
    e->m.landing = e->entries || e->mod->func_slot[index] != UINT32_MAX;
    e->m.near = e->mod->funcs[index].body_len < NEAR_BODY;
    RL_TRY(emit_once(e, index, out, d));
    if (RL_LIKELY(!e->m.too_far)) return RL_OK;
    e->m.far = true; /* a function so large is rare enough to be made twice */
    RL_TRY(emit_once(e, index, out, d));
    if (e->m.too_far) return rl_diag_set(d, RL_ERR_LIMIT, "function %u needs too much native code", index);
    return RL_OK;
}

rl_emitter *rl_emitter_new(const rl_module *m, rl_flavour flavour, const rl_layout *layout, const rl_compile_options *o,
                           const void *const *entries) {
    rl_emitter *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    e->mod = m;
    e->flavour = (u8)flavour;
    e->layout = layout;
    e->opt = *o;
    e->entries = entries;
    e->checked = flavour == RL_FLAVOUR_CHECKED;
    e->alloc_gp = RL_ALLOC_GP | (flavour == RL_FLAVOUR_GUARDED_GS ? RL_ALLOC_GS : 0);
    e->alloc_fp = RL_ALLOC_FP;
    if (o->max_regs) {
        while ((u32)__builtin_popcount(e->alloc_gp) > o->max_regs) e->alloc_gp &= ~RL_BIT(31 - __builtin_clz(e->alloc_gp));
        while ((u32)__builtin_popcount(e->alloc_fp) > o->max_regs) e->alloc_fp &= ~RL_BIT(31 - __builtin_clz(e->alloc_fp));
    }
    e->all_gp = e->alloc_gp, e->all_fp = e->alloc_fp;
    e->callee_saved = RL_CALLEE_SAVED & (e->alloc_gp | e->alloc_fp);
    e->memops = rl_masm_has_memops();
    /* every array has a first block, so that a failed growth can go on writing to index 0 */
    RL_ROOM(e, e->pins, 0, e->cap_pins);
    RL_ROOM(e, e->merges, 0, e->cap_merges);
    RL_ROOM(e, e->ctls, 0, e->cap_ctls);
    RL_ROOM(e, e->colds, 0, e->cap_colds);
    RL_ROOM(e, e->edges, 0, e->cap_edges);
    RL_ROOM(e, e->relocs, 0, e->cap_relocs);
    RL_ROOM(e, e->accesses, 0, e->cap_accesses);
    if (e->failed || !rl_masm_init(&e->m, flavour)) {
        rl_emitter_free(e);
        return NULL;
    }
    e->wrap32 = rl_masm_can_wrap32(&e->m);
    return e;
}

void rl_emitter_free(rl_emitter *e) {
    if (!e) return;
    rl_masm_fini(&e->m);
    rl_annot_fini(&e->an);
    free(e->stack), free(e->ctls), free(e->pins), free(e->merges), free(e->colds), free(e->edges), free(e->homes);
    free(e->rows.bytes), free(e->relocs), free(e->positions);
    free(e->runs), free(e->kept_values), free(e->accesses);
    free(e);
}
