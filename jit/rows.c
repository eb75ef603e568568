/* Owns the format of rows and the memory they are kept in. Rows of a function are written once, by the thread that
 * compiles it, and only read afterwards, by any thread and in the fault handler. Not taken: an array searched by halves,
 * three times as long: the tables were half as large as the module, and touching fresh memory is a good part of what
 * compiling costs. A large function's rows take some tens of microseconds to read; a trap costs several anyway. */
#include "jit/rows.h"

#include <stdlib.h>

/* long: the mark, kind, refund (2), pc (4), offset (4) */
void rl_row_put_long(rl_row_writer *w, u32 pc, u32 offset, u32 refund, u32 kind) {
    u8 *p = w->bytes + w->size;
    rl_store32(p, RL_ROW_LONG | kind << 8 | refund << 16);
    rl_store32(p + 4, pc - w->pc);
    rl_store32(p + 8, offset - w->offset);
    w->size += RL_ROW_BYTES;
}

bool rl_row_grow(rl_row_writer *w) {
    u32 cap = w->cap ? w->cap * 2 : 1024;
    u8 *bytes = cap < w->cap ? NULL : realloc(w->bytes, cap);
    if (!bytes) return false;
    w->bytes = bytes;
    w->cap = cap;
    return true;
}

bool rl_rows_next(rl_rows *rows, rl_row *out) {
    if (!rows->size) return false;
    u32 head = rl_load32(rows->bytes), used = 4;
    if ((head & 0xff) != RL_ROW_LONG) {
        rows->pc += head & 0xff;
        rows->offset += (head >> 8 & 0xff) - 128;
        *out = (rl_row){ rows->pc, rows->offset, head >> 16 & 0xff, (u8)(head >> 24) };
    } else {
        rows->pc += rl_load32(rows->bytes + 4);
        rows->offset += rl_load32(rows->bytes + 8);
        *out = (rl_row){ rows->pc, rows->offset, (u16)(head >> 16), (u8)(head >> 8) };
        used = RL_ROW_BYTES;
    }
    rows->bytes += used;
    rows->size -= used;
    return true;
}

bool rl_rows_find(rl_rows rows, u32 pc, bool call, rl_row *out) {
    while (rl_rows_next(&rows, out))
        if (out->pc == pc && (out->kind == RL_ROW_CALL) == call) return true;
    return false;
}

/* ---- memory ---- */

#define FIRST_BLOCK 1024u
#define LAST_BLOCK 65536u

typedef struct rl_row_block {
    struct rl_row_block *next;
    u32 size, used; /* of bytes */
    u8 bytes[];
} rl_row_block;

const u8 *rl_row_keep(rl_row_arena *a, const u8 *bytes, u32 size) {
    rl_row_block *b = a->blocks;
    if (!b || b->size - b->used < size) {
        u32 usual = b ? RL_MIN(b->size * 2, LAST_BLOCK) : FIRST_BLOCK, want = RL_MAX(size, usual);
        b = malloc(sizeof *b + want);
        if (!b) return NULL;
        *b = (rl_row_block){ .next = a->blocks, .size = want };
        a->blocks = b;
    }
    u8 *at = b->bytes + b->used;
    if (size) memcpy(at, bytes, size);
    b->used += size;
    return at;
}

void rl_row_join(rl_row_arena *a, rl_row_arena *from) {
    rl_row_block **end = &from->blocks;
    while (*end) end = &(*end)->next;
    *end = a->blocks;
    a->blocks = from->blocks;
    from->blocks = NULL;
}

void rl_row_arena_fini(rl_row_arena *a) {
    while (a->blocks) {
        rl_row_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
}
