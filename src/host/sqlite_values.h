/* What lunatic::sqlite and its guests exchange: bincode 1 with fixed-width numbers (reference: sections 9.2 and 9.3). Knows
 * nothing of SQLite. */
#ifndef RL_SQLITE_VALUES_H
#define RL_SQLITE_VALUES_H

#include "src/base/base.h"

typedef enum rl_sql_kind { RL_SQL_NULL, RL_SQL_BLOB, RL_SQL_TEXT, RL_SQL_DOUBLE, RL_SQL_INT, RL_SQL_INT64 } rl_sql_kind;
typedef enum rl_sql_key { RL_SQL_KEY_NONE, RL_SQL_KEY_INDEX, RL_SQL_KEY_NAME } rl_sql_key;

/* ---- bind lists, from the guest ---- */

typedef struct rl_sql_bind {
    rl_sql_key key;
    u64 index;                          /* KEY_INDEX */
    const char *name; u64 name_len;     /* KEY_NAME: UTF-8, in the list's bytes */
    rl_sql_kind kind;
    i64 integer;                        /* INT, INT64 */
    double real;                        /* DOUBLE */
    const u8 *bytes; u64 len;           /* BLOB, TEXT (UTF-8), in the list's bytes */
} rl_sql_bind;

typedef struct rl_sql_list {
    const u8 *at, *end;
    u64 left; /* entries */
} rl_sql_list;

/* False: too short for its head. The bytes are borrowed. */
bool rl_sql_list_open(rl_sql_list *l, const void *bytes, size_t n);
/* 1: *out is the next entry; 0: that was all (what follows is ignored); -1: malformed. */
int rl_sql_list_next(rl_sql_list *l, rl_sql_bind *out);

/* ---- values, to the guest ---- */

/* Writes up to `end`; without a target (at NULL) it only counts. Only `size` tells whether all of it fitted. */
typedef struct rl_sql_out {
    u8 *at, *end;
    u64 size; /* of everything put so far */
} rl_sql_out;

void rl_sql_put(rl_sql_out *o, const void *bytes, u64 n);
void rl_sql_put32(rl_sql_out *o, u32 v);
void rl_sql_put64(rl_sql_out *o, u64 v);
/* u64 length and the text, U+FFFD for what is not UTF-8. */
void rl_sql_put_text(rl_sql_out *o, const char *text, size_t n);

#endif
