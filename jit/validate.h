/* Sweep V: validates one function body and writes the annotations sweep E (jit/emit.c) needs.
 * Sweep L: walks the event tape backwards once and adds liveness.
 *
 * "Tracked" locals are the 64 (at most) of a function that may live in registers: all of them when it has 64 or
 * fewer, otherwise the 64 with the greatest weight. Sets of tracked locals are u64 bit sets. */
#ifndef RL_VALIDATE_H
#define RL_VALIDATE_H

#include <stdio.h>

#include "jit/module.h"

#define RL_TRACKED 64
#define RL_UNTRACKED 0xff

/* One per reachable-or-not block, loop and if, in the order of their opcodes. */
typedef struct rl_block_note {
    u32 end;        /* offset in module->bytes of the byte after the matching `end`             */
    u64 live;       /* block, if: tracked locals live after the end. loop: live at the header, where
                       back-edges may keep more alive (never less) than is listed here          */
    u64 uses;       /* tracked locals read or written inside                                    */
    u64 writes;     /* tracked locals written inside                                            */
    u64 rbw;        /* loop: read before written on some path from its header, inside the loop  */
    u32 weights;    /* loop: index in annot.weights of one u16 per member of `uses`, ascending;
                       an access counts 1, times 8 per loop nested inside this one; saturating  */
    u16 calls;      /* calls inside, weighted the same way, saturating; 0: none. Everything that compiles
                       to a call counts: call*, memory.grow, bulk and table operations (not table.get/size;
                       table.set does: builtin.def has it) */
    bool branched;  /* its label is the target of a reachable branch                            */
    bool innermost; /* loop: contains no other loop                                             */
    bool reachable; /* the opcode itself is reachable; notes of unreachable ones are otherwise empty */
    u8 pad;
} rl_block_note;

/* Event tape: one byte-sized flag set per *reachable* local.get/set/tee of a tracked local, in body order.
 * RL_EV_LAST on a get: the local is dead after it (before being written again, on every path).
 * RL_EV_DEAD on a set or tee: the value stored is never read. */
enum { RL_EV_LAST = 1, RL_EV_DEAD = 2 };

/* Fuel. A segment is a straight line of code, charged once at its start. A new segment begins: at the start of the
 * function; after `loop`; after `if` (the then branch); after `else`; after br_if (fall-through); after the `end` of
 * an `if`; after the `end` of a block whose label is branched to; and before an operator when the current segment
 * already costs 4095. Every operator costs 1, except nop drop block loop unreachable return else end, which cost 0.
 * Operators in unreachable code cost nothing and begin no segment, but an `else` or `end` that makes code reachable
 * again does. `loop` itself and what comes after it belong to the new segment; `if` and br_if belong to the old one.
 * annot.segments holds the cost of every segment in the order they begin.
 *
 * Precisely: "reachable" is: the function's start; after a reachable operator other than br, br_table, return,
 * return_call*, unreachable; the start of else when its `if` is reachable; after the end of a reachable construct when
 * its end (of an if: of either branch; an if without else has an empty second branch) is reachable by falling
 * through or, block and if only, it is branched to by a reachable branch. This is stricter than the validator's
 * polymorphic stack: `block unreachable end` leaves the code after it unreachable.
 * The split at 4095 happens before an operator that costs 1, never before a free one. The function's own last `end`
 * begins no segment, nor does the end of a loop. An `end` of an if counts with and without else. An `else` or `end`
 * after which the code is unreachable begins none. */

typedef struct rl_annot {
    u32 nlocals;      /* parameters included */
    u32 nparams;
    u8 *local_types;  /* rl_type, nlocals; types beyond what memory allows are bounded by 50,000 locals */
    u8 *tracked;      /* nlocals: tracked index or RL_UNTRACKED */
    u32 local_of[RL_TRACKED]; /* tracked index -> local */
    u32 ntracked;
    u32 code;         /* offset in module->bytes of the first opcode  */
    u32 end;          /* offset after the last `end`                  */
    u32 max_depth;    /* operands on the value stack at most          */
    u32 out_words;    /* max over calls of proto->out_words, and module->tail_words */
    bool has_calls;   /* anything that needs a frame: calls and helpers */
    bool has_loops;
    bool has_tail_calls; /* with and without annotate, as is                           */
    u16 tail_words;      /* the max of proto->out_words over the types this function tail-calls */
    u64 rbw;          /* tracked locals read before written on some path: params excluded by the reader */
    u16 weight[RL_TRACKED]; /* uses, times 8 per enclosing loop, saturating */
    rl_block_note *notes;   u32 nnotes;
    u16 *weights;           u32 nweights;
    u16 *segments;          u32 nsegments;
    u8 *events;             u32 nevents;
    /* capacities and scratch, private to validate.c; the whole annot is reused from function to function */
    u32 cap_notes, cap_weights, cap_segments, cap_events, cap_locals;
    struct rl_vscratch *scratch;
} rl_annot;

/* Without annotate: validates function `index` (not an import) of m; of `a` only the locals, code, end, max_depth,
 * has_tail_calls and tail_words are set. Errors carry the module offset. rl_module_new does this for every function.
 * With annotate: fills all of `a`; the function must have been validated (every function of a finished module has).
 * `a` must be zeroed before its first use and is reused after. */
rl_err rl_validate_func(const rl_module *m, u32 index, bool annotate, rl_annot *a, rl_diag *d);
/* Replaces every annotation by its sound worst case (all live, no last uses, everything used, read first and written,
 * calls everywhere); the compiler must give the same results. `branched`, `reachable` and the segments stay: fuel is
 * charged by them. For tests. */
void rl_annot_worst(rl_annot *a);
void rl_annot_fini(rl_annot *a);
/* Everything as text, for people and tests; offsets are relative to the first opcode. After rl_validate_func with
 * annotate (or rl_annot_worst) only. */
void rl_annot_dump(const rl_annot *a, FILE *out);

#endif
