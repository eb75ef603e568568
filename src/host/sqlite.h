/* Shared by sqlite.c (host functions) and sqlite_vfs.c (the library and the files it may open). */
#ifndef RL_SQLITE_H
#define RL_SQLITE_H

#include <limits.h>
#include <sqlite3.h>

#include "src/host/wasi_impl.h"

/* The library's functions, valid once rl_sqlite_load has succeeded: rl_sql.step(s) is sqlite3_step(s). */
#define RL_SQLITE_FUNCS(F)                                                                                                \
    F(libversion_number) F(threadsafe) F(config) F(initialize) F(vfs_find) F(vfs_register) F(open_v2) F(close)            \
    F(db_config) F(limit) F(set_authorizer) F(interrupt) F(progress_handler) F(txn_state) F(prepare_v2) F(exec) F(step) F(reset) F(finalize)  \
    F(bind_null) F(bind_blob64) F(bind_text64) F(bind_double) F(bind_int64) F(bind_parameter_index) F(changes)            \
    F(errcode) F(errmsg) F(column_count) F(column_name) F(column_type) F(column_bytes) F(column_blob) F(column_text)      \
    F(column_double) F(column_int64) F(hard_heap_limit64)
#define RL_SQLITE_SLOT(name) __typeof__(sqlite3_##name) *name;
extern struct rl_sqlite_funcs { RL_SQLITE_FUNCS(RL_SQLITE_SLOT) } rl_sql;
#undef RL_SQLITE_SLOT

#define RL_SQLITE_VFS "rille"

/* NULL, or why the library cannot be used. Any thread; may read files. */
const char *rl_sqlite_load(void);

/* Everything SQLite opens, on this thread and from here on, is looked up in what these files grant; NULL: nothing is. */
void rl_sqlite_may(struct rl_wasi *files);
/* Whether the path lies, by its text, in a directory that these files grant. */
bool rl_sqlite_granted(struct rl_wasi *files, const char *path);

#endif
