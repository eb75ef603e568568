/* Owns groups of bounds checks, of the checked flavour, in innermost loops without calls.
 *
 * A run is a straight line of operators without calls. It is emitted once to learn its accesses; those whose address is
 * the same local (or sum of locals) plus a constant, the local unchanged in between, form a group. If there is one with
 * two members the run is emitted again: the first member checks the farthest end of all, the others nothing. Where that
 * check fails, a copy of the rest of the run, out of line, checks every access by itself, so that a trap is exactly
 * where it belongs and a sum that wraps is wrapped; it ends by jumping to the end of the run.
 * Invariant: all emissions of a run take the same decisions about registers, so their states agree at every operator;
 * what depends on the kind of emission is the check and the memory operand alone. One emitter, one thread. Not taken:
 * checks before the loop, which would need to know its trips, and tests of both bounds with traps put off. */
#include "jit/emit_ops.h"

#define MAX_RUNS 1024u   /* of one function: about 1.5 KiB each until it is finished */
#define MAX_ACCESSES 64u /* of one run */
#define MAX_DEPTH 64u

static bool ends_run(u8 op) {
    return op < RL_OP_drop || (op >= 0x1d && op < RL_OP_local_get) || (op > RL_OP_global_set && op < RL_OP_i32_load) ||
           op == RL_OP_memory_size || op == RL_OP_memory_grow || op >= 0xd0;
}

static bool accesses(u8 op) { return op >= RL_OP_i32_load && op <= RL_OP_i64_store32; }

#define STATE_AT offsetof(rl_emitter, owner)

static void keep(const rl_emitter *e, rl_kept *k) {
    *k = (rl_kept){ .ip = e->ip, .segment = e->next_segment, .event = e->next_event, .left = e->left,
                    .low = e->low, .flat = e->flat, .depth = e->depth, .ops = e->ops, .flags_next = e->flags_next };
    memcpy(k->state, (const u8 *)e + STATE_AT, sizeof k->state);
}

static void keep_output(const rl_emitter *e, rl_output *o) {
    *o = (rl_output){ rl_masm_pos(&e->m), e->m.pool_count, e->m.nuses, e->m.nlabel_uses, e->ncolds, e->npositions,
                       rl_masm_loop_kept(&e->m), e->spills };
}

static void back_to(rl_emitter *e, const rl_run *r) {
    const rl_kept *k = &r->at;
    e->ip = k->ip;
    e->next_segment = k->segment, e->next_event = k->event, e->left = k->left;
    e->low = k->low, e->flat = k->flat, e->depth = k->depth, e->ops = k->ops, e->flags_next = k->flags_next;
    memcpy((u8 *)e + STATE_AT, k->state, sizeof k->state);
    memcpy(e->stack, e->kept_values + r->values, k->depth * sizeof *e->stack);
}

static void discard(rl_emitter *e, const rl_output *o) {
    if (e->m.failed) return;
    e->m.p = e->m.base + o->pos;
    e->m.pool_count = o->pool, e->m.nuses = o->uses, e->m.nlabel_uses = o->label_uses, e->m.zero_at = 0;
    e->ncolds = o->colds, e->npositions = o->positions, e->spills = o->spills;
    rl_masm_loop_keep_only(&e->m, o->constants);
}

static void open_run(rl_emitter *e) {
    if (e->nruns == MAX_RUNS || e->depth > MAX_DEPTH) return;
    RL_ROOM(e, e->runs, e->nruns, e->cap_runs);
    while (!e->failed && e->cap_values < e->nvalues + e->depth) rl_emit_more(e, (void **)&e->kept_values, &e->cap_values, e->cap_values, sizeof *e->kept_values);
    if (e->failed) return;
    rl_run *r = &e->runs[e->nruns];
    keep(e, &r->at);
    keep_output(e, &e->run_output);
    r->values = e->nvalues;
    memcpy(e->kept_values + r->values, e->stack, e->depth * sizeof *e->stack);
    r->first = e->naccesses;
    e->emission = RL_LEARNING;
}

/* Whether any check covers another access. */
static bool form_groups(rl_emitter *e, const rl_run *r) {
    bool any = false;
    for (u32 i = r->first; i < e->naccesses; i++) {
        rl_access *a = &e->accesses[i];
        if (a->role != RL_ALONE) continue;
        for (u32 k = i + 1; k < e->naccesses; k++) {
            rl_access *b = &e->accesses[k];
            if (b->role != RL_ALONE || memcmp(&a->key, &b->key, sizeof a->key)) continue;
            a->role = RL_LEADER, b->role = RL_COVERED;
            a->end = RL_MAX(a->end, b->end);
            any = true;
        }
    }
    return any;
}

static void close_run(rl_emitter *e) {
    rl_run *r = &e->runs[e->nruns];
    e->emission = RL_STRAIGHT;
    if (!form_groups(e, r)) {
        e->naccesses = r->first;
        return;
    }
    const u8 *end = e->ip;
    back_to(e, r);
    discard(e, &e->run_output);
    e->emission = RL_GROUPED;
    e->access = r->first;
    rl_emit_ops(e, end);
    e->emission = RL_STRAIGHT;
    r->end = end;
    r->back = RL_LABEL_INIT;
    rl_masm_bind(&e->m, &r->back);
#ifdef RL_INVARIANTS
    keep(e, &r->after);
#endif
    e->nvalues += r->at.depth;
    rl_emit_cold(e, RL_COLD_RUN)->at = e->nruns++;
}

void rl_group_at_slow(rl_emitter *e, u8 op) {
    if (e->failed || e->m.failed) return;
    if (e->emission == RL_LEARNING) {
        if (ends_run(op) || e->naccesses - e->runs[e->nruns].first >= MAX_ACCESSES) close_run(e);
    } else if (accesses(op)) {
        open_run(e);
    }
}

/* The copy. Its beginning has been executed already when a leader's check fails: what comes before the first is dropped. */
void rl_group_cold(rl_emitter *e, u32 index) {
    const rl_run r = e->runs[index];
    back_to(e, &r);
    rl_merge_use_pins(e);
    e->dead = false;
    keep_output(e, &e->run_output);
    e->run_entered = false;
    e->emission = RL_COPYING;
    e->access = r.first;
    rl_emit_ops(e, r.end);
    e->emission = RL_STRAIGHT;
#ifdef RL_INVARIANTS
    rl_kept now;
    keep(e, &now);
    size_t locked = offsetof(rl_emitter, locked) - STATE_AT;
    memcpy(now.state + locked, r.after.state + locked, sizeof e->locked);
    rl_assert(e->failed || e->m.failed || !memcmp(now.state, r.after.state, sizeof now.state));
    rl_assert(now.depth == r.after.depth && now.flags_next == r.after.flags_next && now.event == r.after.event);
#endif
    rl_label back = r.back;
    rl_masm_room(&e->m, 64);
    rl_masm_jmp(&e->m, &back);
}

static void enter_copy(rl_emitter *e, rl_access *a) {
    if (!e->run_entered) discard(e, &e->run_output);
    e->run_entered = true;
    rl_masm_bind(&e->m, &a->cold);
}

rl_role rl_group_access(rl_emitter *e, rl_access_key key, u64 end, rl_access **out) {
    if (e->emission == RL_LEARNING) {
        RL_ROOM(e, e->accesses, e->naccesses, e->cap_accesses);
        if (!e->failed) e->accesses[e->naccesses++] = (rl_access){ key, end, RL_LABEL_INIT, RL_ALONE };
        return RL_ALONE;
    }
    rl_check(e->access < e->naccesses);
    rl_access *a = *out = &e->accesses[e->access++];
    if (e->emission == RL_GROUPED) return (rl_role)a->role;
    if (a->role == RL_LEADER) enter_copy(e, a);
    return RL_ALONE;
}
