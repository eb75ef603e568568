/* Rows: what the engine knows about single instructions of compiled code, for traps and backtraces. One stream of bytes
 * per function, ascending by pc, read from its start: a row has four bytes where the differences to the row before are
 * small, which nearly all are, and twelve otherwise. A row is looked for at a trap and at each frame of a backtrace only. */
#ifndef RL_ROWS_H
#define RL_ROWS_H

#include "src/base/base.h"

/* An instruction that may fault or trap (kind: rl_trap), or the return address of a call (RL_ROW_CALL). The address of a
 * call's row may have another row: the instruction behind the call. */
typedef struct rl_row {
    u32 pc;      /* code offset                                      */
    u32 offset;  /* offset in the module of the wasm operator        */
    u16 refund;  /* fuel charged for the segment but not executed    */
    u8 kind;
} rl_row;

#define RL_ROW_CALL 0xffu
#define RL_ROW_LONG 0xffu /* first byte of a row of twelve bytes */
#define RL_ROW_BYTES 12u  /* at most */

/* The rows of a function; also the state of reading them. */
typedef struct rl_rows {
    const u8 *bytes;
    u32 size;
    u32 pc, offset; /* what the first row's differences are to */
} rl_rows;

bool rl_rows_next(rl_rows *rows, rl_row *out);
/* The first trap at pc (call: the call's row). False: none. Async-signal-safe. */
bool rl_rows_find(rl_rows rows, u32 pc, bool call, rl_row *out);

/* Writing: `bytes` belongs to the writer. */
typedef struct rl_row_writer {
    u8 *bytes;
    u32 size, cap;
    u32 pc, offset; /* of the last row */
} rl_row_writer;

static inline void rl_row_start(rl_row_writer *w, u32 pc, u32 offset) {
    w->size = 0;
    w->pc = pc;
    w->offset = offset;
}
RL_COLD bool rl_row_grow(rl_row_writer *w);
RL_COLD void rl_row_put_long(rl_row_writer *w, u32 pc, u32 offset, u32 refund, u32 kind);

/* False: out of memory, the row is missing. */
static inline bool rl_row_put(rl_row_writer *w, u32 pc, u32 offset, u32 refund, u32 kind) {
    if (RL_UNLIKELY(w->size + RL_ROW_BYTES > w->cap) && !rl_row_grow(w)) return false;
    u32 dpc = pc - w->pc, by = offset - w->offset + 128;
    if (RL_LIKELY(dpc < RL_ROW_LONG && (by | refund) < 256)) {
        rl_store32(w->bytes + w->size, dpc | by << 8 | refund << 16 | kind << 24);
        w->size += 4;
    } else {
        rl_row_put_long(w, pc, offset, refund, kind);
    }
    w->pc = pc;
    w->offset = offset;
    return true;
}

/* Where rows are kept: blocks that only grow in number. Zeroed storage is empty. */
typedef struct rl_row_arena {
    struct rl_row_block *blocks; /* the first has room */
} rl_row_arena;

/* A copy; NULL when out of memory. */
const u8 *rl_row_keep(rl_row_arena *a, const u8 *bytes, u32 size);
/* Everything of `from` belongs to `a` afterwards. */
void rl_row_join(rl_row_arena *a, rl_row_arena *from);
void rl_row_arena_fini(rl_row_arena *a);

#endif
