/* Builds without SQLite (meson option sqlite): opening is an error that says so, and nothing else has an id to work with.
 * Stateless. */
#include "src/host/guest.h"

i64 rl_host_sqlite_open(rl_host *h, i32 ptr, i32 len, i32 id_ptr) {
    if (!rl_guest_text(h, ptr, len)) return 0;
    return rl_guest_error(h, id_ptr, "this rille was built without SQLite (meson option sqlite)");
}

static i32 no(rl_host *h, const char *what, i64 id) {
    rl_exec_fail(&h->exec, "no SQLite %s with id %lld", what, (long long)id);
    return 0;
}

void rl_host_sqlite_bind_value(rl_host *h, i64 id, i32 ptr, i32 len) { (void)ptr, (void)len, no(h, "statement", id); }
i32 rl_host_sqlite_column_count(rl_host *h, i64 id) { return no(h, "statement", id); }
i32 rl_host_sqlite_column_name(rl_host *h, i64 id, i32 i, i32 len_ptr) { return (void)i, (void)len_ptr, no(h, "statement", id); }
i32 rl_host_sqlite_column_names(rl_host *h, i64 id, i32 len_ptr) { return (void)len_ptr, no(h, "statement", id); }
i32 rl_host_sqlite_execute(rl_host *h, i64 id, i32 ptr, i32 len) { return (void)ptr, (void)len, no(h, "connection", id); }
i32 rl_host_sqlite_last_error(rl_host *h, i64 id, i32 len_ptr) { return (void)len_ptr, no(h, "connection", id); }
i64 rl_host_sqlite_query_prepare(rl_host *h, i64 id, i32 ptr, i32 len) { return (void)ptr, (void)len, no(h, "connection", id); }
i32 rl_host_sqlite_read_column(rl_host *h, i64 id, i32 i, i32 len_ptr) { return (void)i, (void)len_ptr, no(h, "statement", id); }
i32 rl_host_sqlite_read_row(rl_host *h, i64 id, i32 len_ptr) { return (void)len_ptr, no(h, "statement", id); }
i32 rl_host_sqlite_sqlite3_changes(rl_host *h, i64 id) { return no(h, "connection", id); }
void rl_host_sqlite_sqlite3_finalize(rl_host *h, i64 id) { no(h, "statement", id); }
i32 rl_host_sqlite_sqlite3_step(rl_host *h, i64 id) { return no(h, "statement", id); }
void rl_host_sqlite_statement_reset(rl_host *h, i64 id) { no(h, "statement", id); }

void rl_sqlite_drop(void *connection) { (void)connection; }
