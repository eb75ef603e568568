/* Owns what happens where control flow joins: the state a label fixes, the moves an edge needs to reach it, and the
 * locals pinned to registers around loops.
 *
 * Invariant: every edge to a label leaves exactly the label's state; operands below a label's height are in slots or
 * constants while the construct is open; an edge's code changes nothing the emitter believes (so the fall-through of a
 * conditional branch goes on as if it were not there). The first edge decides a forward label's state; a loop's is
 * fixed at its header. Not taken: a canonical state with everything in memory, which costs 4 %, or a fixpoint. */
#include "jit/emit_ops.h"

static u64 pinned_locals(const rl_pins *p) {
    u64 set = 0;
    for (u32 m = p->regs; m; m &= m - 1) set |= rl_bit64(p->local[__builtin_ctz(m)]);
    return set;
}

/* 0 when memory is out. */
u32 rl_merge_new(rl_emitter *e) {
    RL_ROOM(e, e->merges, e->nmerges, e->cap_merges);
    return e->failed ? 0 : e->nmerges++;
}

/* The state in force, as far as locals go. */
void rl_merge_take(rl_emitter *e, rl_merge *out, u64 live) {
    out->regs = 0;
    out->dirty = e->dirty & live;
    out->result = RL_NOREG;
    for (u32 m = e->used; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        i32 o = e->owner[r];
        if (o < 0 || o >= RL_OWN_TEMP) continue;
        if (!(live >> o & 1) && !(e->pinned >> r & 1)) continue;
        out->regs |= RL_BIT(r);
        out->local[r] = (u8)o;
    }
}

/* Goes on from a label: the operands above its height are gone, those below are in slots. */
void rl_merge_restore(rl_emitter *e, const rl_merge *m) {
    memset(e->lreg, RL_NOREG, sizeof e->lreg);
    memset(e->owner, 0xff, sizeof e->owner); /* RL_OWN_FREE */
    e->used = m->regs;
    e->dirty = m->dirty;
    e->locked = 0;
    e->pinned = e->pins[e->cur_pins].regs;
    e->saved |= m->regs & e->callee_saved;
    e->checked_locals = 0;
    memset(e->width, 0, sizeof e->width);
    u64 inreg = 0;
    for (u32 s = m->regs; s; s &= s - 1) {
        u32 r = (u32)__builtin_ctz(s), t = m->local[r];
        e->owner[r] = (i32)t;
        e->lreg[t] = (u8)r;
        inreg |= rl_bit64(t);
    }
    e->inreg = inreg;
}

/* What the current state becomes under other pins, with as few moves as possible. */
static void target_state(const rl_emitter *e, const rl_pins *pins, u64 live, rl_merge *out) {
    u64 pinned = pinned_locals(pins);
    out->regs = pins->regs;
    out->result = RL_NOREG;
    memcpy(out->local, pins->local, sizeof out->local);
    u64 kept = pinned;
    for (u32 m = e->used & ~pins->regs; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        i32 o = e->owner[r];
        if (o < 0 || o >= RL_OWN_TEMP || !(live >> o & 1) || (pinned >> o & 1)) continue;
        out->regs |= RL_BIT(r);
        out->local[r] = (u8)o;
        kept |= rl_bit64((u32)o);
    }
    out->dirty = e->dirty & live & kept;
}

/* A register for the label's single result that no local of the label has. */
static u8 result_register(rl_emitter *e, const rl_val *v, rl_merge *m, u32 pins) {
    bool fp = rl_is_fp(v->type);
    u32 cls = (fp ? e->alloc_fp : e->alloc_gp) & ~pins;
    if (v->kind == RL_V_REG && (cls & ~m->regs & RL_BIT(v->reg))) return v->reg;
    u32 r = cls & ~m->regs & ~e->callee_saved;
    if (!r) r = cls & ~m->regs;
    if (r) {
        u32 unused = r & ~e->used;
        return (u8)__builtin_ctz(unused ? unused : r);
    }
    u32 victim = (u32)__builtin_ctz(cls & m->regs); /* one local less in registers */
    m->regs &= ~RL_BIT(victim);
    m->dirty &= ~rl_bit64(m->local[victim]);
    return (u8)victim;
}

/* The first edge reaches a forward label: decide its state. */
void rl_merge_fix(rl_emitter *e, rl_ctl *c) {
    if (c->merge) return;
    c->merge = rl_merge_new(e);
    rl_merge *m = rl_merge_at(e, c->merge);
    target_state(e, &e->pins[c->pins], rl_ctl_live(e, c), m);
    if (c->nresults == 1) {
        m->result = result_register(e, &e->stack[e->depth - 1], m, e->pins[c->pins].regs);
        e->saved |= RL_BIT(m->result) & e->callee_saved;
    }
}

/* Whether an edge from here needs code. */
bool rl_merge_moves(const rl_emitter *e, const rl_merge *to, u64 live, const rl_val *result) {
    if (e->dirty & live & ~to->dirty) return true;
    if (result && (result->kind != RL_V_REG || result->reg != to->result)) return true;
    for (u32 m = to->regs; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m);
        if (e->owner[r] != to->local[r] && (live >> to->local[r] & 1)) return true;
    }
    return false;
}

static inline void move_one(rl_emitter *e, u8 to, u8 from) {
    if (to >= RL_FP0) rl_masm_fmov(&e->m, RL_F64, to, from);
    else rl_masm_mov(&e->m, RL_W64, to, from);
}

/* All moves at once; every `to` is different. */
void rl_parallel_move(rl_emitter *e, rl_move *moves, u32 n) {
    if (n <= 1) {
        if (n) move_one(e, moves[0].to, moves[0].from);
        return;
    }
    u8 pending_from[32] = { 0 }; /* how many moves still read this register */
    u32 left = 0;
    for (u32 i = 0; i < n; i++) {
        if (moves[i].to == moves[i].from) continue;
        moves[left++] = moves[i];
        pending_from[moves[i].from]++;
    }
    rl_masm_room(&e->m, 16 * left + 64);
    while (left) {
        bool progress = false;
        for (u32 i = 0; i < left;) {
            if (pending_from[moves[i].to]) { i++; continue; }
            move_one(e, moves[i].to, moves[i].from);
            pending_from[moves[i].from]--;
            moves[i] = moves[--left];
            progress = true;
        }
        if (progress || !left) continue;
        /* only cycles are left: break one by keeping what its first move would overwrite in scratch */
        u8 to = moves[0].to, scratch = to >= RL_FP0 ? RL_REG_FTMP : RL_REG_TMP;
        move_one(e, scratch, to);
        for (u32 i = 0; i < left; i++)
            if (moves[i].from == to) moves[i].from = scratch;
        pending_from[scratch] = (u8)(pending_from[scratch] + pending_from[to]);
        pending_from[to] = 0;
    }
}

/* Results of a label with several go to its first slots; ascending, as a source is never below its target. */
static void results_to_slots(rl_emitter *e, u32 n, u32 to) {
    for (u32 i = 0; i < n; i++) {
        u32 pos = e->depth - n + i;
        rl_val v = e->stack[pos];
        if (v.kind == RL_V_SLOT && v.local == to + i) continue;
        rl_masm_room(&e->m, 64);
        u8 r = v.kind == RL_V_REG ? v.reg
             : v.kind == RL_V_LOCAL && v.reg != RL_UNTRACKED && e->lreg[v.reg] != RL_NOREG ? e->lreg[v.reg]
             : rl_is_fp(v.type) ? RL_REG_FTMP : RL_REG_TMP;
        if (v.kind != RL_V_REG) rl_vs_into(e, &v, r);
        rl_masm_st_frame(&e->m, rl_st_of(v.type), r, rl_slot_at(e, to + i));
    }
}

/* Emits the moves of one edge. `result` is the label's single result or NULL. Changes no state. */
void rl_merge_adapt(rl_emitter *e, const rl_merge *to, u64 live, const rl_val *result) {
    rl_masm_room(&e->m, 1024);
    for (u64 m = e->dirty & live & ~to->dirty; m; m &= m - 1) {
        u32 t = (u32)__builtin_ctzll(m), local = e->an.local_of[t];
        rl_masm_st_frame(&e->m, rl_st_of(e->an.local_types[local]), e->lreg[t], e->homes[local]);
        e->spills++;
    }
    rl_move moves[33];
    u32 n = 0, loads = 0;
    for (u32 m = to->regs; m; m &= m - 1) {
        u32 r = (u32)__builtin_ctz(m), t = to->local[r];
        if (e->owner[r] == (i32)t || !(live >> t & 1)) continue;
        if (e->lreg[t] != RL_NOREG) moves[n++] = (rl_move){ (u8)r, e->lreg[t] };
        else loads |= RL_BIT(r);
    }
    rl_val v = result ? *result : (rl_val){ .kind = RL_V_SLOT };
    bool load_result = result != NULL;
    if (result && v.kind == RL_V_LOCAL && v.reg != RL_UNTRACKED && e->lreg[v.reg] != RL_NOREG)
        v = (rl_val){ .kind = RL_V_REG, .type = v.type, .reg = e->lreg[v.reg] };
    if (result && v.kind == RL_V_REG) {
        moves[n++] = (rl_move){ to->result, v.reg };
        load_result = false;
    }
    rl_parallel_move(e, moves, n);
    for (; loads; loads &= loads - 1) {
        u32 r = (u32)__builtin_ctz(loads), local = e->an.local_of[to->local[r]];
        rl_masm_ld_frame(&e->m, rl_ld_of(e->an.local_types[local]), (u8)r, e->homes[local]);
    }
    if (load_result) rl_vs_into(e, &v, to->result);
}

/* An edge to label c from here, results included: decides the label's state if need be, then the moves. */
void rl_merge_edge(rl_emitter *e, rl_ctl *c) {
    rl_merge_fix(e, c);
    const rl_merge *m = rl_merge_at(e, c->merge);
    u64 live = rl_ctl_live(e, c);
    if (c->op != RL_OP_loop && c->nresults == 1) {
        rl_merge_adapt(e, m, live, &e->stack[e->depth - 1]);
    } else {
        results_to_slots(e, c->op == RL_OP_loop ? c->nparams : c->nresults, c->height);
        rl_merge_adapt(e, m, live, NULL);
    }
}

/* Whether that edge would emit nothing. */
bool rl_merge_edge_is_bare(rl_emitter *e, rl_ctl *c) {
    rl_merge_fix(e, c);
    const rl_merge *m = rl_merge_at(e, c->merge);
    u64 live = rl_ctl_live(e, c);
    u32 n = c->op == RL_OP_loop ? c->nparams : c->nresults;
    if (n == 1 && c->op != RL_OP_loop) return !rl_merge_moves(e, m, live, &e->stack[e->depth - 1]);
    for (u32 i = 0; i < n; i++) {
        const rl_val *v = &e->stack[e->depth - n + i];
        if (v->kind != RL_V_SLOT || v->local != c->height + i) return false;
    }
    return !rl_merge_moves(e, m, live, NULL);
}

/* A conditional branch whose edge needs code: the moves go out of line, the fall-through stays straight. */
void rl_merge_branch_cold(rl_emitter *e, rl_cc cc, rl_ctl *c) {
    RL_ROOM(e, e->edges, e->nedges, e->cap_edges);
    u32 at = e->failed ? 0 : e->nedges++;
    rl_cold *cold = rl_emit_cold(e, RL_COLD_EDGE);
    cold->at = at;
    rl_edge *g = &e->edges[at];
    g->from = rl_merge_new(e);
    rl_merge_take(e, rl_merge_at(e, g->from), ~0ull);
    g->to = c->merge;
    g->note = c->note;
    g->pins = e->cur_pins;
    g->has_result = c->nresults == 1;
    if (g->has_result) g->result = e->stack[e->depth - 1];
    g->next = c->edges;
    g->target = RL_LABEL_INIT;
    c->edges = at + 1;
    rl_masm_jcc(&e->m, cc, &cold->label);
}

/* Label c has just been bound: its out-of-line edges know where to go. */
void rl_merge_bind(rl_emitter *e, rl_ctl *c) {
    rl_masm_bind(&e->m, &c->label);
    for (u32 i = c->edges; i; i = e->edges[i - 1].next) e->edges[i - 1].target = c->label;
}

void rl_merge_cold_edge(rl_emitter *e, const rl_cold *cold) {
    rl_edge *g = &e->edges[cold->at];
    e->cur_pins = g->pins;
    rl_merge_restore(e, rl_merge_at(e, g->from));
    rl_merge_adapt(e, rl_merge_at(e, g->to), e->an.notes[g->note].live, g->has_result ? &g->result : NULL);
    rl_masm_jmp(&e->m, &g->target);
}

/* ---- pins ---- */

void rl_merge_use_pins(rl_emitter *e) {
    u32 taken = e->pins[e->cur_pins].taken;
    e->alloc_gp = e->all_gp & ~taken;
    e->alloc_fp = e->all_fp & ~taken;
}

typedef struct candidate { u32 weight; u8 t; } candidate;

static u32 candidates(const rl_emitter *e, const rl_block_note *n, candidate *out) {
    u32 count = 0, k = n->weights;
    for (u64 s = n->uses; s; s &= s - 1, k++) {
        u32 t = (u32)__builtin_ctzll(s);
        if (!(n->live >> t & 1)) continue;
        candidate c = { e->an.weights[k], (u8)t };
        u32 i = count++;
        for (; i && out[i - 1].weight < c.weight; i--) out[i] = out[i - 1];
        out[i] = c;
    }
    return count;
}

/* Registers a loop may pin a local of this weight to. */
static u32 pinnable(const rl_emitter *e, bool fp, u32 weight, const rl_block_note *n) {
    /* of the float registers the three lowest stay free, as rax rcx rdx do */
    u32 set = fp ? e->alloc_fp & ~(7u << RL_FP0) : e->alloc_gp & ~RL_NEVER_PIN;
    if (n->calls && weight <= 3u * n->calls) set &= e->callee_saved;
    return set;
}

static u32 choose_register(const rl_emitter *e, const rl_pins *p, const rl_block_note *n, u32 allowed, u32 t) {
    u32 avail = allowed & ~p->regs;
    if (e->lreg[t] != RL_NOREG && (avail >> e->lreg[t] & 1)) return e->lreg[t];
    if (avail) {
        u32 want = n->calls ? e->callee_saved : ~e->callee_saved;
        u32 best = avail & want & ~e->used;
        if (!best) best = avail & ~e->used;
        if (!best) best = avail & want;
        return (u32)__builtin_ctz(best ? best : avail);
    }
    for (u32 m = allowed & p->regs; m; m &= m - 1) { /* an outer pin this loop does not use gives way */
        u32 r = (u32)__builtin_ctz(m);
        if (!(n->uses >> p->local[r] & 1)) return r;
    }
    return RL_NOREG;
}

/* Bytes that look like loads and stores: immediates may, too. */
static u32 seeming_accesses(const rl_emitter *e, const rl_block_note *n) {
    u32 count = 0;
    for (const u8 *at = e->ip, *end = e->mod->bytes + n->end; at < end; at++) count += *at >= RL_OP_i32_load && *at <= RL_OP_i64_store32;
    return count;
}

/* The checked flavour likes the limit of memory in a register, see emit_mem.c; an outer pin that this loop does not use
 * gives way for two accesses. */
static void choose_limit(rl_emitter *e, rl_pins *p, const rl_block_note *n) {
    u32 accesses = seeming_accesses(e, n), set = e->alloc_gp & ~RL_NEVER_PIN, avail = set & ~p->regs;
    if (!accesses || !e->mod->nmemories || e->mod->memories[0].min == 0) return;
    if (avail & ~e->callee_saved) avail &= ~e->callee_saved;
    for (u32 m = avail || accesses == 1 ? 0 : set & p->regs; m; m &= m - 1)
        if (!(n->uses >> p->local[__builtin_ctz(m)] & 1)) avail |= RL_BIT(__builtin_ctz(m));
    if (!avail) return;
    p->limit = (u8)__builtin_ctz(avail & e->saved ? avail & e->saved : avail);
    p->regs &= ~RL_BIT(p->limit);
    p->taken = RL_BIT(p->limit);
    e->saved |= RL_BIT(p->limit) & e->callee_saved;
}

/* A float constant for a register, unless it is there or none is to spare. */
static void pin_constant(const rl_emitter *e, rl_pins *p, u8 type, u64 bits) {
    u32 avail = e->alloc_fp & ~(7u << RL_FP0) & ~p->regs & ~p->taken;
    if (!bits || p->nconsts == RL_PINNED_CONSTS || __builtin_popcount(avail) < 3) return;
    for (u32 i = 0; i < p->nconsts; i++)
        if (p->consts[i].bits == bits && p->consts[i].type == type) return;
    u8 r = (u8)__builtin_ctz(avail);
    p->consts[p->nconsts++] = (struct rl_pinned_const){ bits, type, r };
    p->taken |= RL_BIT(r);
}

/* What looks like a constant right before an operator that reads it; a mistake costs a register and a load. */
static void choose_constants(const rl_emitter *e, rl_pins *p, const rl_block_note *n) {
    static const struct { u8 op, type, size, first, compare; } kinds[] = {
        { RL_OP_f64_const, RL_F64, 8, RL_OP_f64_add, RL_OP_f64_eq }, { RL_OP_f32_const, RL_F32, 4, RL_OP_f32_add, RL_OP_f32_eq } };
    const u8 *end = e->mod->bytes + n->end;
    for (u32 k = 0; k < RL_LEN(kinds); k++) {
        size_t size = kinds[k].size;
        for (const u8 *at = e->ip; (size_t)(end - at) > size + 1 && (at = memchr(at, kinds[k].op, (size_t)(end - at) - size - 1)); at++) {
            u32 next = at[size + 1];
            if (next - kinds[k].first < 4 || next - kinds[k].compare < 6)
                pin_constant(e, p, kinds[k].type, size == 8 ? rl_load64(at + 1) : rl_load32(at + 1));
        }
    }
}

/* At a loop's header: choose the pins, bring everything into the header's state. */
void rl_merge_pins(rl_emitter *e, rl_ctl *c) {
    const rl_block_note *n = rl_note(e, c);
    RL_ROOM(e, e->pins, e->npins, e->cap_pins);
    if (e->failed) return;
    rl_pins *p = &e->pins[e->npins];
    *p = e->pins[e->cur_pins];
    p->tight = n->innermost && !n->calls;
    p->limit = RL_NOREG;
    p->taken = p->nconsts = 0;
    u64 already = pinned_locals(p);
    candidate list[RL_TRACKED];
    u32 count = candidates(e, n, list);
    for (u32 i = 0; i < count; i++) {
        u32 t = list[i].t;
        if (already >> t & 1) continue;
        bool fp = rl_is_fp(e->an.local_types[e->an.local_of[t]]);
        u32 r = choose_register(e, p, n, pinnable(e, fp, list[i].weight, n), t);
        if (r == RL_NOREG) continue;
        if (p->regs >> r & 1) already &= ~rl_bit64(p->local[r]);
        p->regs |= RL_BIT(r);
        p->local[r] = (u8)t;
        already |= rl_bit64(t);
    }
    if (e->checked && p->tight) choose_limit(e, p, n);
    if (p->tight && e->memops) choose_constants(e, p, n); /* without: the masm has constants of its own */
    c->outer_pins = e->cur_pins;
    c->pins = e->npins++;
    c->merge = rl_merge_new(e);
    rl_merge *m = rl_merge_at(e, c->merge);
    m->regs = p->regs;
    m->result = RL_NOREG;
    memcpy(m->local, p->local, sizeof m->local);
    already = pinned_locals(p);
    u64 keep = 0; /* only read here, but calls do not force a store: may stay newer than their homes */
    for (u32 s = n->calls ? p->regs & e->callee_saved : p->regs; s; s &= s - 1) keep |= rl_bit64(p->local[__builtin_ctz(s)]);
    m->dirty = already & n->live & ((n->writes) | (e->dirty & (keep | ~n->uses)));
    rl_merge_adapt(e, m, n->live, NULL);
    e->cur_pins = c->pins;
    rl_merge_restore(e, m);
    rl_merge_use_pins(e);
    rl_masm_room(&e->m, 512);
    if (p->limit != RL_NOREG) rl_emit_limit(e, p->limit);
    for (u32 i = 0; i < p->nconsts; i++) rl_masm_fmovi(&e->m, (rl_type)p->consts[i].type, p->consts[i].reg, p->consts[i].bits);
}

/* Falling out of a loop: back to the outer pins. */
void rl_merge_unpin(rl_emitter *e, u64 live, u32 pins) {
    rl_merge m;
    target_state(e, &e->pins[pins], live, &m);
    rl_merge_adapt(e, &m, live, NULL);
    e->cur_pins = pins;
    /* operands of the loop (its results) keep their registers: only locals change */
    u32 operands = 0;
    i32 owners[32];
    for (u32 s = e->used; s; s &= s - 1) {
        u32 r = (u32)__builtin_ctz(s);
        if (e->owner[r] >= RL_OWN_OPERAND) operands |= RL_BIT(r), owners[r] = e->owner[r];
    }
    rl_merge_restore(e, &m);
    for (; operands; operands &= operands - 1) {
        u32 r = (u32)__builtin_ctz(operands);
        e->owner[r] = owners[r];
        e->used |= RL_BIT(r);
    }
}
