/* Inside the emitter: abstract values, register state, control frames. Shared by emit*.c, vstack.c and merge.c only.
 *
 * Every local and every operand position has a home slot in the frame. A tracked local may also be in one register;
 * "dirty" says that the register is newer than the home. An operand is described by a value that costs nothing until
 * somebody needs it: a constant, a local not read yet, a pending 32-bit address sum, a compare result in the flags.
 * Invariant: a 32-bit value in a general register has a zero upper half. */
#ifndef RL_EMIT_H
#define RL_EMIT_H

#include "jit/builtin.h"
#include "jit/code.h"
#include "jit/masm.h"
#include "jit/opcode.h"
#include "jit/validate.h"

typedef enum rl_val_kind {
    RL_V_REG,   /* in .reg, owned by this operand (or, right after a destination hint, by the hinted local)   */
    RL_V_CONST, /* .bits                                                                                        */
    RL_V_LOCAL, /* local .local, not read yet; .reg is its tracked index or RL_UNTRACKED; .last: dies when read  */
    RL_V_SLOT,  /* in its home slot                                                                             */
    RL_V_FLAGS, /* a 0/1 in the machine's flags under .cc; only on top, only between two adjacent operators     */
    RL_V_ADDR,  /* i32 sum, modulo 2^32: .reg + (.index << .scale) + .disp. A component is a register owned by
                   this operand, or RL_COMP_LOCAL + a tracked local, or RL_NOREG. .last: bit 0 base, bit 1 index */
} rl_val_kind;

#define RL_COMP_LOCAL 64u

typedef struct rl_val {
    union {
        struct {
            u8 kind, type, reg, index;
            u8 scale, cc, last, width; /* width: REG, LOCAL: the value is below 1 << width; 0: unknown.
                                                ADDR with two components: the scaled index is */
        };
        u64 head; /* the same: put together in a register and stored at once, see rl_val_head */
    };
    union {
        u64 bits;
        struct { i32 disp; union { u32 local, max; }; }; /* max: ADDR: bound of the sum without disp */
    };
} rl_val;

/* Owners of registers: a tracked local (0..63), an operand (RL_OWN_OPERAND + position), or: */
#define RL_OWN_FREE (-1)
#define RL_OWN_TEMP 64 /* popped, in use by the operator being emitted */
#define RL_OWN_OPERAND 128

/* Where locals are at a label, an else, a loop header. 48 bytes whatever the number of locals. */
typedef struct rl_merge {
    u32 regs;        /* registers that hold a local */
    u8 local[32];    /* tracked local of each of them */
    u64 dirty;       /* tracked locals whose home is stale */
    u8 result;       /* register of the label's single result, or RL_NOREG */
} rl_merge;

#define RL_PINNED_CONSTS 4

/* The locals that keep a register throughout a loop. */
typedef struct rl_pins {
    u32 regs;
    u8 local[32];
    bool tight; /* neither loops nor calls inside */
    u8 limit;   /* tight, checked flavour: register with RL_NEAR's limit, see emit_mem.c; or RL_NOREG */
    u8 nconsts; /* tight: float constants in registers */
    u32 taken;  /* registers of the limit and the constants */
    struct rl_pinned_const { u64 bits; u8 type, reg; } consts[RL_PINNED_CONSTS];
} rl_pins;

/* An open construct: 64 bytes, as their number is the guest's choice. */
typedef struct rl_ctl {
    u8 op;             /* opcode: block, loop, if; 0 for the function itself */
    u8 type;           /* without proto: the result's type, if nresults is 1 */
    bool dead_entry;   /* the construct began in unreachable code */
    bool else_taken : 1; /* if: the false edge is still waiting for its else or end */
    bool constants : 1;  /* loop: rl_masm_loop is open */
    u16 nparams, nresults;
    const rl_proto *proto; /* block type, or NULL: no parameters, at most one result */
    u32 height;        /* operands below its parameters */
    u32 note;          /* index; not the function's */
    u32 pins;          /* index of the pins in force at the label (loop: its own) */
    u32 outer_pins;    /* loop: the pins around it */
    u32 merge;         /* state at the label, see rl_merge_at; 0: block, if: no edge has reached it. loop: nothing comes back */
    u32 at_else;       /* if: state of the false edge */
    rl_label label;    /* end of block/if, header of loop */
    rl_label else_label; /* if */
    i32 adapter;       /* br_table: code of this target that adapts to it, while one table is written; else -1 */
    u32 edges;         /* list of out-of-line edges to this label, index + 1 */
} rl_ctl;
_Static_assert(sizeof(rl_ctl) == 64, "see above");

/* Code out of line, written after the body. */
typedef enum rl_cold_kind { RL_COLD_TRAP, RL_COLD_BOUND, RL_COLD_NEAR, RL_COLD_YIELD, RL_COLD_EDGE, RL_COLD_TAIL,
                            RL_COLD_RUN } rl_cold_kind;
typedef struct rl_cold {
    u8 kind, trap, tail;   /* NEAR: register of the address; TAIL: 0 direct, 1 through RL_REG_FUNC's code, 2 through its xcode */
    u16 refund;
    u32 offset;            /* in the module, for the trap or return row */
    rl_label label;        /* enter here */
    rl_label back;         /* YIELD: continue here (bound) */
    u32 at;                /* YIELD: m.loop; EDGE, RUN: index; TAIL: function; BOUND: log2 of the access; NEAR: its end */
    u32 memarg;            /* BOUND: offset added after the sum wrapped */
} rl_cold;

typedef struct rl_edge { /* a conditional branch's moves, written out of line */
    u32 from, to;    /* states: at the branch, at the label */
    u32 note;        /* of the label's construct */
    u32 pins;        /* in force at the branch */
    rl_val result;
    bool has_result;
    u32 next;        /* of the same label, index + 1 */
    rl_label target; /* bound when the label is */
} rl_edge;

/* group.c. What is being emitted: the only code; a run, to learn its accesses; that run again, with one check for each
 * group of them; or its copy out of line, with all checks. */
typedef enum rl_emission { RL_STRAIGHT, RL_LEARNING, RL_GROUPED, RL_COPYING } rl_emission;
typedef enum rl_role { RL_ALONE, RL_LEADER, RL_COVERED } rl_role; /* of an access in a grouped run */
typedef struct rl_access_key {  /* equal: the addresses differ by constants */
    u8 base, index, scale, pad; /* tracked locals or RL_NOREG */
    u32 base_sets, index_sets;  /* how often they had been written */
} rl_access_key;
typedef struct rl_access {
    rl_access_key key;
    u64 end;       /* the access ends this far behind the key's sum; leader: the farthest of the group */
    rl_label cold; /* leader: its place in the copy */
    u8 role;
} rl_access;

struct rl_emitter {
    rl_masm m;
    const rl_module *mod;
    const rl_layout *layout;
    const void *const *entries;
    rl_compile_options opt;
    u8 flavour;
    bool wrap32, memops;
    u32 low, flat;     /* operands below `low` hold no register; below `flat` they are all slots or constants */
    u32 alloc_gp, alloc_fp, callee_saved; /* allocatable registers, of which callee-saved */
    u32 all_gp, all_fp; /* the same outside of loops that took some for the limit and for constants */

    /* current function */
    rl_annot an;
    const u8 *ip, *op_start, *code_end;
    const rl_proto *proto;
    u32 slots_at;      /* frame offset of slot 0 */
    u32 frame;         /* bytes below the frame pointer */
    u32 saved;         /* callee-saved registers written so far */
    u32 next_note, next_segment, next_event;
    u32 left;          /* of the current segment's cost, what comes after this operator */
    union {
        struct { bool dead, listing, checked, padding; }; /* unreachable; positions are wanted; the checked flavour */
        u32 special;   /* any of them */
    };
    rl_label epilogue;
    bool epilogue_used;

    /* register state */
    i32 owner[32];
    u32 used, locked, pinned;  /* pinned == pins[cur_pins].regs */
    u8 lreg[RL_TRACKED];       /* register of each tracked local, or RL_NOREG */
    u64 inreg, dirty;          /* tracked locals in a register; of them, those newer than their home */
    u8 width[RL_TRACKED];      /* as rl_val.width, for local variables; forgotten at merges */
    u64 checked_locals;        /* checked flavour: addresses [local, local + checked_end) are known to be in memory */
    u64 checked_end[RL_TRACKED];
    u16 pend[RL_TRACKED];      /* values on the stack that still mean this local */
    u32 sets[RL_TRACKED];      /* checked flavour: how often it was written */
    u32 pend_untracked;
    u32 cur_pins;

    rl_val *stack;   u32 depth, cap_stack;
    rl_ctl *ctls;    u32 nctls, cap_ctls;
    rl_pins *pins;   u32 npins, cap_pins;
    rl_merge *merges; u32 nmerges, cap_merges; /* of this function; index 0 is written when memory is out */
    rl_cold *colds;  u32 ncolds, cap_colds;
    rl_edge *edges;  u32 nedges, cap_edges;
    i32 *homes;      u32 cap_homes; /* frame offset of each local's home: >= 0 from sp, < 0: from fp, -(offset) */

    rl_row_writer rows;
    rl_position *positions; u32 npositions, cap_positions; /* for listings */
    rl_reloc *relocs;   u32 nrelocs, cap_relocs;
    u64 spills, ops;
    bool flags_live;   /* between a comparison and its consumer: nothing may touch the flags */
    bool flags_next;   /* the next operator consumes flags */
    bool failed;       /* out of memory: looked at once per function */

    struct rl_run *runs;   u32 nruns, cap_runs;
    rl_val *kept_values;   u32 nvalues, cap_values; /* the runs' operands */
    rl_access *accesses;   u32 naccesses, cap_accesses;
    u32 access;        /* the next one, when a run is emitted again */
    u8 emission;       /* rl_emission */
    bool run_entered;  /* copy: a leader was met */
    struct rl_output { u32 pos, pool, uses, label_uses, colds, positions, constants; u64 spills; } run_output;
};
typedef struct rl_output rl_output;

/* The emitter at the start of a run: everything an operator may change, but for its output. */
typedef struct rl_kept {
    const u8 *ip;
    u32 segment, event, left, low, flat, depth;
    u64 ops;
    bool flags_next;
    u8 state[offsetof(rl_emitter, stack) - offsetof(rl_emitter, owner)];
} rl_kept;
typedef struct rl_run {
    rl_kept at;
    u32 values;    /* index of its operands */
    u32 first;     /* index of its accesses */
    const u8 *end;
    rl_label back; /* bound: behind the run */
#ifdef RL_INVARIANTS
    rl_kept after;
#endif
} rl_run;

#define RL_NO_HINT RL_NOREG

/* ---- vstack.c: values and registers ---- */
u8 rl_vs_alloc(rl_emitter *e, bool fp, u32 prefer);
void rl_vs_claim(rl_emitter *e, u8 reg);
void rl_vs_use_in(rl_emitter *e, rl_val *v, u8 reg);
void rl_vs_set_width(rl_emitter *e, u32 width);
void rl_vs_into(rl_emitter *e, rl_val *v, u8 reg);
void rl_vs_set_local(rl_emitter *e, u32 local, bool tee);
void rl_vs_flush_operand(rl_emitter *e, u32 pos);
void rl_vs_flush_operands(rl_emitter *e, u32 from, u32 to);
void rl_vs_store_local(rl_emitter *e, u32 t);
void rl_vs_drop_local(rl_emitter *e, u32 t);
bool rl_vs_mem_operand(rl_emitter *e, const rl_val *v, rl_mem *out);
rl_mem rl_vs_addr_mem(rl_emitter *e, rl_val *v);
#ifdef RL_INVARIANTS
void rl_vs_check(const rl_emitter *e); /* recomputes and compares */
#else
static inline void rl_vs_check(const rl_emitter *e) { (void)e; }
#endif
rl_mem rl_home(const rl_emitter *e, u32 local);
rl_mem rl_slot(const rl_emitter *e, u32 pos);

/* ---- group.c: bounds checks in common ---- */
void rl_group_at_slow(rl_emitter *e, u8 op);
void rl_group_cold(rl_emitter *e, u32 run);
/* The next access that needs a check: how it is to be emitted. Called in the same order in every emission of a run. */
rl_role rl_group_access(rl_emitter *e, rl_access_key key, u64 end, rl_access **out);
/* Before each live operator: runs begin and end. */
static inline void rl_group_at(rl_emitter *e) {
    if (!e->checked || e->dead || e->emission > RL_LEARNING) return;
    if (e->emission == RL_LEARNING || e->pins[e->cur_pins].tight) rl_group_at_slow(e, *e->ip);
}

static inline const rl_block_note *rl_note(const rl_emitter *e, const rl_ctl *c) { return &e->an.notes[c->note]; }
/* Tracked locals that matter at the label. */
static inline u64 rl_ctl_live(const rl_emitter *e, const rl_ctl *c) { return e->an.notes[c->note].live; }
/* Valid until the next state is made. */
static inline rl_merge *rl_merge_at(const rl_emitter *e, u32 index) { return &e->merges[index]; }

/* ---- merge.c: labels and edges ---- */
u32 rl_merge_new(rl_emitter *e);
void rl_merge_take(rl_emitter *e, rl_merge *out, u64 live);
void rl_merge_restore(rl_emitter *e, const rl_merge *m);
void rl_merge_fix(rl_emitter *e, rl_ctl *c);
bool rl_merge_moves(const rl_emitter *e, const rl_merge *to, u64 live, const rl_val *result);
void rl_merge_adapt(rl_emitter *e, const rl_merge *to, u64 live, const rl_val *result);
void rl_merge_edge(rl_emitter *e, rl_ctl *c);
bool rl_merge_edge_is_bare(rl_emitter *e, rl_ctl *c);
void rl_merge_branch_cold(rl_emitter *e, rl_cc cc, rl_ctl *c);
void rl_merge_bind(rl_emitter *e, rl_ctl *c);
void rl_merge_cold_edge(rl_emitter *e, const rl_cold *cold);
void rl_merge_pins(rl_emitter *e, rl_ctl *loop);
void rl_merge_use_pins(rl_emitter *e); /* the pins in force have changed */
void rl_merge_unpin(rl_emitter *e, u64 live, u32 pins);

typedef struct rl_move { u8 to, from; } rl_move;
void rl_parallel_move(rl_emitter *e, rl_move *moves, u32 n);

static inline u64 rl_bit64(u32 t) { return 1ull << t; }
static inline u16 rl_refund(const rl_emitter *e) { return (u16)e->left; }
static inline i32 rl_slot_at(const rl_emitter *e, u32 pos) { return (i32)(e->slots_at + 8 * (e->an.nlocals + pos)); }

static inline rl_ldst rl_ld_of(u8 type) {
    static const u8 kinds[] = { RL_LD_32, RL_LD_64, RL_LD_F32, RL_LD_F64, RL_LD_V128, RL_LD_64, RL_LD_64, RL_LD_64 };
    return (rl_ldst)kinds[type];
}

static inline rl_ldst rl_st_of(u8 type) {
    static const u8 kinds[] = { RL_ST_32, RL_ST_64, RL_ST_F32, RL_ST_F64, RL_ST_V128, RL_ST_64, RL_ST_64, RL_ST_64 };
    return (rl_ldst)kinds[type];
}

static inline bool rl_is_fp(u8 type) { return type == RL_F32 || type == RL_F64 || type == RL_V128; }
static inline rl_width rl_width_of(u8 type) { return type == RL_I32 ? RL_W32 : RL_W64; }
/* Little-endian, as all targets are; no index. */
static inline u64 rl_val_head(rl_val_kind kind, u8 type, u8 reg) {
    return (u64)kind | (u64)type << 8 | (u64)reg << 16 | (u64)RL_NOREG << 24;
}
static inline rl_val rl_val_of(rl_val_kind kind, u8 type, u8 reg) { return (rl_val){ .head = rl_val_head(kind, type, reg), .bits = 0 }; }
static inline rl_val rl_val_const(u8 type, u64 bits) { return (rl_val){ .head = rl_val_head(RL_V_CONST, type, RL_NOREG), .bits = bits }; }
/* All of the head at once: whoever reads it soon after reads it whole, and would wait for a single byte to leave. */
static inline void rl_val_retype(rl_val *v, u8 type) { v->head = (v->head & ~(u64)0xff00) | (u64)type << 8; }
static inline u32 rl_offset(const rl_emitter *e) { return (u32)(e->op_start - e->mod->bytes); }

/* growable arrays of the emitter: room for one more; on failure e->failed and index 0 is reused */
RL_COLD void rl_emit_more(rl_emitter *e, void **array, u32 *cap, u32 n, size_t size);
#define RL_ROOM(e, array, n, cap) \
    do { if (RL_UNLIKELY((n) >= (cap))) rl_emit_more((e), (void **)&(array), &(cap), (n), sizeof *(array)); } while (0)

/* ---- the operand stack: what nearly every operator does, inline ---- */

static inline bool rl_is_pinned(const rl_emitter *e, u32 t) { return e->lreg[t] != RL_NOREG && (e->pinned >> e->lreg[t] & 1); }

/* A dead local (its last reader has just been popped) gives its register back. */
static inline bool rl_vs_dies(const rl_emitter *e, u32 t, bool last) { return last && !e->pend[t] && !rl_is_pinned(e, t); }

static inline void rl_vs_free_reg(rl_emitter *e, u8 r) {
    e->owner[r] = RL_OWN_FREE;
    e->used &= ~RL_BIT(r);
    e->locked &= ~RL_BIT(r);
}

/* The operand at pos is no longer what the watermarks promise. */
static inline void rl_vs_lower_marks(rl_emitter *e, u32 pos) {
    if (e->low > pos) e->low = pos;
    if (e->flat > pos) e->flat = pos;
}

static inline void rl_vs_comp_own(rl_emitter *e, u8 comp, i32 owner) {
    if (comp < RL_COMP_LOCAL) { e->owner[comp] = owner; e->used |= RL_BIT(comp); }
}

static inline void rl_vs_comp_pend(rl_emitter *e, u8 comp, int by) {
    if (comp >= RL_COMP_LOCAL && comp != RL_NOREG) e->pend[comp - RL_COMP_LOCAL] = (u16)(e->pend[comp - RL_COMP_LOCAL] + by);
}

static inline rl_val *rl_vs_room(rl_emitter *e) {
    rl_check(e->depth < e->cap_stack); /* layout_frame made room for max_depth */
    rl_vs_lower_marks(e, e->depth);
    return &e->stack[e->depth++];
}

static inline void rl_vs_push_reg(rl_emitter *e, u8 type, u8 reg) {
    if (e->owner[reg] < 0 || e->owner[reg] >= RL_OWN_TEMP) { /* else: a hinted local's, which keeps it */
        e->owner[reg] = (i32)(RL_OWN_OPERAND + e->depth);
        e->used |= RL_BIT(reg);
    }
    *rl_vs_room(e) = rl_val_of(RL_V_REG, type, reg);
}

static inline void rl_vs_push_const(rl_emitter *e, u8 type, u64 bits) { *rl_vs_room(e) = rl_val_const(type, bits); }

void rl_vs_push_other(rl_emitter *e, rl_val v);

static inline void rl_vs_push(rl_emitter *e, rl_val v) {
    if (v.kind == RL_V_REG) {
        if (e->owner[v.reg] < 0 || e->owner[v.reg] >= RL_OWN_TEMP) {
            e->owner[v.reg] = (i32)(RL_OWN_OPERAND + e->depth);
            e->used |= RL_BIT(v.reg);
        }
        *rl_vs_room(e) = v;
    } else {
        rl_vs_push_other(e, v);
    }
}

void rl_vs_pop_addr(rl_emitter *e, rl_val v);

/* The value's registers become temporaries until rl_vs_release (or until pushed again). */
static inline __attribute__((always_inline)) rl_val rl_vs_pop(rl_emitter *e) {
    rl_val v = e->stack[--e->depth];
    if (v.kind == RL_V_REG) {
        if (e->owner[v.reg] >= RL_OWN_OPERAND) e->owner[v.reg] = RL_OWN_TEMP;
    } else if (v.kind == RL_V_LOCAL) {
        if (RL_LIKELY(v.reg != RL_UNTRACKED)) e->pend[v.reg]--;
        else e->pend_untracked--;
    } else if (v.kind == RL_V_ADDR) {
        rl_vs_pop_addr(e, v);
    }
    return v;
}

void rl_vs_release_addr(rl_emitter *e, rl_val *v);

static inline void rl_vs_release(rl_emitter *e, rl_val *v) {
    if (v->kind == RL_V_REG) {
        if (e->owner[v->reg] == RL_OWN_TEMP) rl_vs_free_reg(e, v->reg);
    } else if (v->kind == RL_V_LOCAL) {
        if (v->reg != RL_UNTRACKED && rl_vs_dies(e, v->reg, v->last)) rl_vs_drop_local(e, v->reg);
    } else if (v->kind == RL_V_ADDR) {
        rl_vs_release_addr(e, v);
    }
}

static inline void rl_vs_get_local(rl_emitter *e, u32 local) {
    u32 t = e->an.tracked[local];
    u64 head = rl_val_head(RL_V_LOCAL, e->an.local_types[local], (u8)t);
    if (RL_LIKELY(t != RL_UNTRACKED)) {
        head |= (u64)(e->an.events[e->next_event++] & RL_EV_LAST) << 48 | (u64)e->width[t] << 56; /* .last, .width */
        e->pend[t]++;
    } else {
        e->pend_untracked++;
    }
    *rl_vs_room(e) = (rl_val){ .head = head, .bits = (u64)local << 32 };
}

/* ---- values in registers: the usual cases inline, see vstack.c ---- */

u8 rl_vs_use_slow(rl_emitter *e, rl_val *v);

/* Any register that holds v, to be read only. v may become RL_V_REG (a temporary). */
static inline __attribute__((always_inline)) u8 rl_vs_use(rl_emitter *e, rl_val *v) {
    u8 r = v->reg;
    if (v->kind == RL_V_LOCAL && r != RL_UNTRACKED) r = e->lreg[r];
    else if (v->kind != RL_V_REG) r = RL_NOREG;
    if (RL_UNLIKELY(r == RL_NOREG)) return rl_vs_use_slow(e, v);
    e->locked |= RL_BIT(r);
    return r;
}

u8 rl_vs_hint_slow(const rl_emitter *e);

/* When the next operator stores the result to a pinned local: that local's register. Call with the operands popped. */
static inline u8 rl_vs_hint(const rl_emitter *e) {
    u8 op = *e->ip;
    return op == RL_OP_local_set || op == RL_OP_local_tee ? rl_vs_hint_slow(e) : RL_NOREG;
}

u8 rl_vs_dest_slow(rl_emitter *e, const rl_val *a, const rl_val *b, bool fp);

/* Where the result goes: the hinted register, else the register of an operand that ends here, else a new one. a and b
 * (either may be NULL) have been used already. */
static inline u8 rl_vs_dest(rl_emitter *e, const rl_val *a, const rl_val *b, bool fp, u8 hint) {
    if (hint != RL_NOREG) return hint;
    if (a && a->kind == RL_V_REG && e->owner[a->reg] == RL_OWN_TEMP && (a->reg >= RL_FP0) == fp) return a->reg;
    return rl_vs_dest_slow(e, a, b, fp);
}

#endif
