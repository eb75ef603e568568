/* What jit/validate.c (checks), jit/annotate.c (notes, segments, the event tape) and jit/live.c (sets and liveness, from
 * the tape) share; private to them. The tape has four bytes per event that matters to locals, of reachable code only. */
#ifndef RL_LIVE_H
#define RL_LIVE_H

#include "jit/validate.h"

/* Low three bits; the payload is above. A br_table is one BR_IF per distinct target, then STOP. After BR and STOP the
 * tape goes on at the next ELSE or END that is reachable. */
enum {
    RL_TAPE_GET,   /* local */
    RL_TAPE_SET,   /* local; tee too */
    RL_TAPE_OPEN,  /* note: block, loop or if */
    RL_TAPE_ELSE,  /* note */
    RL_TAPE_END,   /* note */
    RL_TAPE_BR,    /* relative depth */
    RL_TAPE_BR_IF, /* relative depth */
    RL_TAPE_STOP,  /* return, tail call, unreachable, end of br_table */
};
static inline u32 rl_tape(u32 kind, u32 payload) { return payload << 3 | kind; }

/* What L needs to know of a block beside its note; same index. */
typedef struct rl_mark {
    u32 outermost; /* least nesting level (function: 0) that is branched to from inside */
    u8 kind;       /* opcode byte */
    bool falls;    /* its end is reached by falling through, not only by branches */
    bool has_else;
} rl_mark;

/* An open construct of either walk. */
typedef struct rl_live_frame {
    u64 uses, writes;   /* forward: of the construct around this one, so far    */
    u64 acc;            /* forward: meet of "assigned" over the edges to the end */
    u64 entry;          /* forward: "assigned" at entry. backward: live at the start of else */
    u64 rbw;            /* forward: of the loop around this one                  */
    u64 live, all;      /* backward: at the label; union with all labels around  */
    u32 note;
    u32 loops;          /* forward: open loops, this one included                */
} rl_live_frame;

typedef struct rl_vscratch {
    /* checking */
    u8 *types;               size_t cap_types;   /* operand types */
    struct rl_vctl *vctls;   u32 cap_vctls;
    u32 table_serial;        /* numbers br_tables, so that each looks at a label once */
    /* annotating */
    struct rl_actl *ctls;    u32 cap_ctls;
    u32 *tape;               u32 ntape, cap_tape;
    rl_mark *marks;          u32 cap_marks;
    /* liveness */
    rl_live_frame *frames;   u32 cap_frames;
    u32 *loops;              u32 cap_loops;      /* nesting level of each open loop */
    u16 (*counts)[RL_TRACKED];                   /* uses per open loop; RL_LIVE_COUNTED rows */
    u64 *heavy;              u32 cap_heavy;      /* more than 64 locals: weight and number of each */
    u32 cap_tracked;         /* of annot.tracked */
} rl_vscratch;

/* Fills `a` (but for locals, code, end and max_depth) for a body that has been checked. */
rl_err rl_annotate(const rl_module *m, rl_annot *a, rl_diag *d);

/* The forward walk: sets, weights and reads before writes, from events in body order, reachable ones only. annotate.c
 * drives it while it scans; with more than 64 locals live.c does, from the tape, because the 64 must be chosen first. */
typedef struct rl_fwd {
    rl_annot *a;
    rl_vscratch *s;
    u32 nframes, nloops, nevents;
    u64 assigned, uses, writes, rbw; /* see live.c; since the innermost open loop, or construct */
    u16 *count; /* uses in the innermost open loop */
} rl_fwd;

bool rl_fwd_start(rl_fwd *f, rl_annot *a);
bool rl_fwd_open(rl_fwd *f, u32 note);
void rl_fwd_else(rl_fwd *f);
bool rl_fwd_end(rl_fwd *f);
void rl_fwd_branch(rl_fwd *f, u32 depth);
void rl_fwd_finish(rl_fwd *f);

/* After br, return and the like. */
static inline void rl_fwd_stop(rl_fwd *f) { f->assigned = ~(u64)0; }

/* `t`: tracked index */
static inline void rl_fwd_get(rl_fwd *f, u32 t) {
    u64 bit = (u64)1 << t;
    f->uses |= bit;
    f->rbw |= bit & ~f->assigned;
    f->count[t] = (u16)(f->count[t] + (f->count[t] != 0xffff));
    f->nevents++;
}

static inline void rl_fwd_set(rl_fwd *f, u32 t) {
    u64 bit = (u64)1 << t;
    f->uses |= bit;
    f->writes |= bit;
    f->assigned |= bit;
    f->count[t] = (u16)(f->count[t] + (f->count[t] != 0xffff));
    f->nevents++;
}

/* All locals tracked (there are at most 64), or none yet. */
bool rl_live_choose_all(rl_annot *a);
/* With more than 64 locals: chooses them and walks forwards. Then, always: backwards. */
rl_err rl_live_annotate(rl_annot *a, rl_diag *d);

/* Makes room for `n` items of *array, keeping the contents. */
bool rl_live_reserve(void *array, u32 *cap, u64 n, size_t item);

#endif
