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

typedef struct rl_live_frame rl_live_frame;

typedef struct rl_vscratch {
    /* checking */
    u8 *types;               size_t cap_types;   /* operand types, behind 8 guard bytes */
    struct rl_vctl *vctls;   u32 cap_vctls;
    u32 table_serial;        /* numbers br_tables, so that each looks at a label once */
    /* annotating */
    struct rl_actl *ctls;    u32 cap_ctls;
    u32 *tape;               u32 ntape, cap_tape;
    rl_mark *marks;          u32 cap_marks;
    u32 max_nest;            /* nesting levels of reachable constructs at most, function included */
    /* liveness */
    rl_live_frame *frames;   u32 cap_frames;
    u32 *loops;              u32 cap_loops;      /* nesting level of each open loop */
    u16 (*counts)[RL_TRACKED];                   /* uses per open loop; RL_LIVE_COUNTED rows */
    u64 *heavy;              u32 cap_heavy;      /* more than 64 locals: weight and number of each */
    u32 cap_tracked;         /* of annot.tracked */
} rl_vscratch;

/* Fills `a` (but for locals, code, end and max_depth) for a body that has been checked. */
rl_err rl_annotate(const rl_module *m, rl_annot *a, rl_diag *d);

/* Chooses the tracked locals, fills sets, weights, events and liveness of `a` from the tape. */
rl_err rl_live_annotate(rl_annot *a, rl_diag *d);

/* Makes room for `n` items of *array, keeping the contents. */
bool rl_live_reserve(void *array, u32 *cap, u64 n, size_t item);

#endif
