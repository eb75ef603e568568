/* lunatic::sqlite: databases and statements of one process, by libsqlite3, loaded at the first open. Whatever may read or
 * write a file (open, prepare, execute, step, reset, finalize) is a job on the pool; values of the current row are read in
 * place. Invariant: a connection is used by one thread at a time, its process's worker or the one job the process waits for.
 * A job holds a reference of its own, so that a killed process can leave one behind; the last reference finalizes the
 * statements still open and closes. Reference: sections 8.15 and 9; quirks Q02, Q08, Q17, Q25, Q26, Q42. A thread of its own
 * for each connection was not taken: a process per connection is what programs make, and most of them wait. */
#include "src/host/sqlite.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "src/host/guest.h"
#include "src/host/sqlite_values.h"
#include "src/jobs.h"

typedef struct statement {
    struct connection *c;
    sqlite3_stmt *s;                /* NULL: prepared from nothing but blanks */
    bool row;                       /* stands on one */
    struct statement *next, **at;   /* among its connection's */
} statement;

typedef struct connection {
    _Atomic u32 refs;
    sqlite3 *db;
    struct rl_wasi *files;          /* what it may open: a view of its own */
    struct rl_pool *pool;
    struct work *now;               /* that runs, on a thread of the pool; else NULL */
    statement *first;
} connection;

/* One call that may take long. */
typedef struct work {
    rl_job job;
    void (*run)(struct work *w);
    connection *c;
    statement *s;   /* STEP, RESET, FINALIZE; PREPARE: out, or NULL after a failure */
    int rc;
    u32 len;
    u64 fuel, most; /* spent, in instructions; what the process has left */
    char why[200];  /* when it failed */
    char text[];    /* with a NUL behind it */
} work;

/* ---- lifetimes ---- */

static void finalize(statement *s) {
    rl_sql.finalize(s->s);
    *s->at = s->next;
    if (s->next) s->next->at = s->at;
    free(s);
}

static void close_now(connection *c) {
    rl_sqlite_may(c->files);
    while (c->first) finalize(c->first);
    if (c->db) rl_sql.close(c->db);
    rl_sqlite_may(NULL);
    rl_wasi_free(c->files);
    free(c);
}

static void put(connection *c) {
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1) close_now(c);
}

static void work_run(rl_job *j) {
    work *w = RL_CONTAINER(j, work, job);
    rl_sqlite_may(w->c->files);
    w->c->now = w;
    w->run(w);
    w->c->now = NULL;
    rl_sqlite_may(NULL);
}

static void work_drop(rl_job *j) {
    work *w = RL_CONTAINER(j, work, job);
    if (w->c) put(w->c);
    free(w);
}

static void work_cancel(rl_job *j) {
    work *w = RL_CONTAINER(j, work, job);
    if (w->c->db) rl_sql.interrupt(w->c->db);
}

/* Rolling back writes: not on a worker. */
void rl_sqlite_drop(void *connection_) {
    connection *c = connection_;
    if (!c->db || rl_sql.txn_state(c->db, NULL) != SQLITE_TXN_WRITE) {
        put(c);
        return;
    }
    work *w = calloc(1, sizeof *w + 1);
    if (!w) {
        put(c);
        return;
    }
    w->c = c;
    rl_job_leave(c->pool, &w->job, work_drop);
}

/* ---- jobs ---- */

/* The process waits for run(w); the text is copied. False after a trap. */
static bool start(rl_host *h, connection *c, statement *s, const char *text, u32 len, void (*run)(work *w)) {
    work *w = calloc(1, sizeof *w + len + 1u);
    if (!w) {
        rl_exec_fail(&h->exec, "out of memory");
        return false;
    }
    w->run = run;
    w->s = s;
    w->len = len;
    if (len) memcpy(w->text, text, len);
    w->c = c;
    w->most = rl_proc_fuel_left(rl_proc_of(h));
    w->job.cancel = work_cancel;
    /* relaxed: a reference more, of one that is held */
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    rl_job_start(h, &w->job, work_run, work_drop);
    return true;
}

/* The work once it is done and paid for; NULL: return at once. */
static work *wait(rl_host *h) {
    rl_job *j = rl_job_wait(h, INT64_MAX);
    work *w = j ? RL_CONTAINER(j, work, job) : NULL;
    if (!w || (w->most && !w->fuel)) return w;
    rl_proc_spend(rl_proc_of(h), w->fuel);
    if (w->fuel < w->most) return w;
    work_drop(j);
    rl_exec_trap(&h->exec, RL_TRAP_FUEL);
    return NULL;
}

static void note_error(work *w) { snprintf(w->why, sizeof w->why, "%s", rl_sql.errmsg(w->c->db)); }

/* ---- databases ---- */

static connection *connection_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_SQLITE, id, "SQLite connection"); }

/* These change a directory for all connections of the runtime. */
static int authorize(void *env, int action, const char *a, const char *b, const char *c, const char *d) {
    (void)env, (void)b, (void)c, (void)d;
    static const char *const global[] = { "temp_store_directory", "data_store_directory" };
    for (size_t i = 0; action == SQLITE_PRAGMA && i < RL_LEN(global); i++)
        if (a && !strcasecmp(a, global[i])) return SQLITE_DENY;
    return SQLITE_OK;
}

#define BREATH 20000        /* instructions of SQLite's between two; a quarter of a millisecond if they are small ones */
#define BREATH_FUEL 1000000 /* what they cost: as many as compiled code gets through in that time, about. SQLite counts the
                               instructions of each statement from its first run on, so the same calls always cost the same */

/* Long queries cost fuel and give way to others, and one whose process is gone ends even if the interruption came before it
 * began. */
static int breathe(void *env) {
    work *w = ((connection *)env)->now;
    if (!w) return 0;
    w->fuel += RL_MIN(BREATH_FUEL, w->most - w->fuel);
    return w->fuel == w->most || !rl_job_breathe(&w->job);
}

static void run_open(work *w) {
    const char *why = rl_sqlite_load();
    connection *c = w->c;
    w->rc = SQLITE_ERROR;
    if (why) {
        snprintf(w->why, sizeof w->why, "%s", why);
        return;
    }
    w->rc = rl_sql.open_v2(w->text, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                           RL_SQLITE_VFS);
    if (w->rc) {
        snprintf(w->why, sizeof w->why, "%s", c->db ? rl_sql.errmsg(c->db) : "out of memory");
        return;
    }
    rl_sql.db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);      /* SQL cannot spoil SQLite's own tables */
    rl_sql.db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL); /* nor a file's schema call what it must not */
    rl_sql.limit(c->db, SQLITE_LIMIT_WORKER_THREADS, 0);
    rl_sql.set_authorizer(c->db, authorize, NULL);
    rl_sql.progress_handler(c->db, BREATH, breathe, c);
}

static bool start_open(rl_host *h, const char *path, u32 len) {
    connection *c = calloc(1, sizeof *c);
    if (c) c->files = rl_wasi_clone(h->wasi);
    if (!c || !c->files) {
        free(c);
        rl_exec_fail(&h->exec, "out of memory");
        return false;
    }
    atomic_init(&c->refs, 1);
    bool started = start(h, c, NULL, path, len, run_open);
    put(c); /* the job has it */
    return started;
}

/* NULL: the path may be opened. */
static const char *refuse(rl_host *h, const char *path, u32 len, char *buf, size_t size) {
    char text[PATH_MAX];
    if (memchr(path, 0, len)) return "a path with a NUL inside";
    if (len >= sizeof text) return "the path is too long";
    memcpy(text, path, len);
    text[len] = 0;
    if (h->wasi && rl_sqlite_granted(h->wasi, text)) return NULL;
    snprintf(buf, size, "Failed to access '%s'", text);
    return buf;
}

i64 rl_host_sqlite_open(rl_host *h, i32 ptr, i32 len, i32 id_ptr) {
    if (!rl_job_of(h)) {
        char buf[PATH_MAX + 32];
        const char *path = rl_guest_text(h, ptr, len);
        const char *why = path ? refuse(h, path, (u32)len, buf, sizeof buf) : NULL;
        if (why) return rl_guest_error(h, id_ptr, why);
        if (!path || !start_open(h, path, (u32)len)) return 0;
    }
    work *w = wait(h);
    i64 result = 0;
    u64 id;
    if (!w) return 0;
    if (w->rc) {
        result = rl_guest_error(h, id_ptr, w->why);
    } else if (!rl_proc_add(rl_proc_of(h), RL_RES_SQLITE, w->c, &id)) {
        w->c->pool = w->job.pool;
        atomic_fetch_add_explicit(&w->c->refs, 1, memory_order_relaxed);
        rl_guest_put64(h, id_ptr, id);
    }
    work_drop(&w->job);
    return result;
}

static void run_execute(work *w) { w->rc = rl_sql.exec(w->c->db, w->text, NULL, NULL, NULL) & 0xff; }

i32 rl_host_sqlite_execute(rl_host *h, i64 id, i32 ptr, i32 len) {
    if (!rl_job_of(h)) {
        connection *c = connection_of(h, id);
        const char *text = c ? rl_guest_text(h, ptr, len) : NULL;
        if (!text) return 0;
        if (memchr(text, 0, (u32)len)) return SQLITE_ERROR;
        if (!start(h, c, NULL, text, (u32)len, run_execute)) return 0;
    }
    work *w = wait(h);
    if (!w) return 0;
    i32 rc = w->rc;
    work_drop(&w->job);
    return rc;
}

i32 rl_host_sqlite_sqlite3_changes(rl_host *h, i64 id) {
    connection *c = connection_of(h, id);
    return c ? rl_sql.changes(c->db) : 0;
}

/* ---- statements ---- */

static statement *statement_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_SQLITE_STATEMENT, id, "SQLite statement"); }

static void run_prepare(work *w) {
    statement *s = calloc(1, sizeof *s);
    w->rc = SQLITE_NOMEM;
    snprintf(w->why, sizeof w->why, "out of memory");
    if (!s) return;
    w->rc = rl_sql.prepare_v2(w->c->db, w->text, (int)w->len + 1, &s->s, NULL);
    if (w->rc) {
        note_error(w);
        free(s);
        return;
    }
    s->c = w->c;
    s->at = &w->c->first;
    if ((s->next = w->c->first)) s->next->at = &s->next;
    w->c->first = s;
    w->s = s;
}

i64 rl_host_sqlite_query_prepare(rl_host *h, i64 id, i32 ptr, i32 len) {
    if (!rl_job_of(h)) {
        connection *c = connection_of(h, id);
        const char *text = c ? rl_guest_text(h, ptr, len) : NULL;
        if (!text) return 0;
        if (memchr(text, 0, (u32)len)) {
            rl_exec_fail(&h->exec, "SQL with a NUL inside");
            return 0;
        }
        if (!start(h, c, NULL, text, (u32)len, run_prepare)) return 0;
    }
    work *w = wait(h);
    u64 number = 0;
    if (!w) return 0;
    if (w->rc) rl_exec_fail(&h->exec, "SQLite: %s", w->why);
    else (void)rl_proc_add(rl_proc_of(h), RL_RES_SQLITE_STATEMENT, w->s, &number);
    work_drop(&w->job);
    return (i64)number;
}

static void run_step(work *w) {
    w->rc = rl_sql.step(w->s->s);
    w->s->row = w->rc == SQLITE_ROW;
    if (w->rc != SQLITE_ROW && w->rc != SQLITE_DONE) note_error(w);
}

static void run_reset(work *w) {
    w->rc = rl_sql.reset(w->s->s);
    w->s->row = false;
    if (w->rc) note_error(w);
}

static void run_finalize(work *w) {
    finalize(w->s);
    w->rc = SQLITE_OK;
}

/* Runs it for a statement. The result code, or -1: return at once. */
static int statement_work(rl_host *h, i64 id, void (*run)(work *w)) {
    if (!rl_job_of(h)) {
        statement *s = statement_of(h, id);
        if (!s || !start(h, s->c, s, NULL, 0, run)) return -1;
        if (run == run_finalize) rl_proc_del(rl_proc_of(h), RL_RES_SQLITE_STATEMENT, (u64)id);
    }
    work *w = wait(h);
    if (!w) return -1;
    int rc = w->rc;
    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) rl_exec_fail(&h->exec, "SQLite: %s", w->why);
    work_drop(&w->job);
    return rc;
}

i32 rl_host_sqlite_sqlite3_step(rl_host *h, i64 id) { return statement_work(h, id, run_step); }
void rl_host_sqlite_statement_reset(rl_host *h, i64 id) { statement_work(h, id, run_reset); }
void rl_host_sqlite_sqlite3_finalize(rl_host *h, i64 id) { statement_work(h, id, run_finalize); }

i32 rl_host_sqlite_column_count(rl_host *h, i64 id) {
    statement *s = statement_of(h, id);
    return s ? rl_sql.column_count(s->s) : 0;
}

/* ---- binding ---- */

/* The parameter a name means, with its prefix or without; 1 when it means none, as the old runtime has it (Q08). */
static int parameter_named(sqlite3_stmt *s, const char *name, u64 len) {
    char text[256];
    static const char prefixes[] = ":@$";
    if (len + 2 > sizeof text) return 1;
    memcpy(text + 1, name, len);
    text[len + 1] = 0;
    int i = rl_sql.bind_parameter_index(s, text + 1);
    for (const char *p = prefixes; !i && *p; p++) {
        text[0] = *p;
        i = rl_sql.bind_parameter_index(s, text);
    }
    return i ? i : 1;
}

static int bind_one(sqlite3_stmt *s, const rl_sql_bind *b) {
    int i = b->key == RL_SQL_KEY_NAME ? parameter_named(s, b->name, b->name_len) : b->key == RL_SQL_KEY_NONE ? 1
          : b->index > INT_MAX ? INT_MAX : (int)b->index;
    switch (b->kind) {
    case RL_SQL_NULL: return rl_sql.bind_null(s, i);
    case RL_SQL_BLOB: return rl_sql.bind_blob64(s, i, b->len ? (const void *)b->bytes : "", b->len, SQLITE_TRANSIENT);
    case RL_SQL_TEXT: return rl_sql.bind_text64(s, i, (const char *)b->bytes, b->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    case RL_SQL_DOUBLE: return rl_sql.bind_double(s, i, b->real);
    default: return rl_sql.bind_int64(s, i, b->integer);
    }
}

void rl_host_sqlite_bind_value(rl_host *h, i64 id, i32 ptr, i32 len) {
    statement *s = statement_of(h, id);
    const void *bytes = s ? rl_host_range(h, (u32)ptr, (u32)len) : NULL;
    rl_sql_list list;
    rl_sql_bind b;
    int more = -1;
    if (!bytes) return;
    if (rl_sql_list_open(&list, bytes, (u32)len))
        while ((more = rl_sql_list_next(&list, &b)) > 0) {
            int rc = bind_one(s->s, &b);
            if (!rc) continue;
            rl_exec_fail(&h->exec, "SQLite: cannot bind: %s (%d)", rl_sql.errmsg(s->c->db), rc);
            return;
        }
    if (more < 0) rl_exec_fail(&h->exec, "a list of values that is malformed");
}

/* ---- what is read ---- */

static void put_value(rl_sql_out *o, const statement *s, int i) {
    const void *bytes;
    switch (s->row ? rl_sql.column_type(s->s, i) : SQLITE_NULL) {
    case SQLITE_INTEGER:
        rl_sql_put32(o, RL_SQL_INT);
        rl_sql_put64(o, (u64)rl_sql.column_int64(s->s, i));
        return;
    case SQLITE_FLOAT: {
        double d = rl_sql.column_double(s->s, i);
        rl_sql_put32(o, RL_SQL_DOUBLE);
        rl_sql_put(o, &d, 8);
        return;
    }
    case SQLITE_TEXT:
        bytes = rl_sql.column_text(s->s, i);
        rl_sql_put32(o, RL_SQL_TEXT);
        rl_sql_put_text(o, bytes ? bytes : "", bytes ? strlen(bytes) : 0); /* cut at a NUL */
        return;
    case SQLITE_BLOB:
        bytes = rl_sql.column_blob(s->s, i);
        rl_sql_put32(o, RL_SQL_BLOB);
        rl_sql_put64(o, (u64)rl_sql.column_bytes(s->s, i));
        rl_sql_put(o, bytes, (u64)rl_sql.column_bytes(s->s, i));
        return;
    default: rl_sql_put32(o, RL_SQL_NULL);
    }
}

static void put_row(rl_sql_out *o, const void *of, u32 unused) {
    const statement *s = of;
    int n = rl_sql.column_count(s->s);
    (void)unused;
    rl_sql_put64(o, (u64)n);
    for (int i = 0; i < n; i++) put_value(o, s, i);
}

static void put_column(rl_sql_out *o, const void *of, u32 i) { put_value(o, of, (int)i); }

static const char *name_of(const statement *s, u32 i) {
    const char *name = rl_sql.column_name(s->s, (int)i);
    return name ? name : "";
}

static void put_name(rl_sql_out *o, const void *of, u32 i) {
    const char *name = name_of(of, i);
    rl_sql_put(o, name, strlen(name));
}

static void put_names(rl_sql_out *o, const void *of, u32 unused) {
    const statement *s = of;
    int n = rl_sql.column_count(s->s);
    (void)unused;
    rl_sql_put64(o, (u64)n);
    for (u32 i = 0; i < (u32)n; i++) rl_sql_put_text(o, name_of(s, i), strlen(name_of(s, i)));
}

static void put_error(rl_sql_out *o, const void *of, u32 unused) {
    const connection *c = of;
    u8 some = rl_sql.errcode(c->db) != SQLITE_OK;
    (void)unused;
    rl_sql_put(o, &some, 1);
    if (some) rl_sql_put32(o, (u32)rl_sql.errcode(c->db) & 0xff);
    rl_sql_put(o, &some, 1);
    if (some) rl_sql_put_text(o, rl_sql.errmsg(c->db), strlen(rl_sql.errmsg(c->db)));
}

/* Asks the guest for a buffer of the size it takes (its export lunatic_alloc), then, called again, fills it: address as the
 * result, length at len_ptr. Section 9.4. */
static i32 give(rl_host *h, i32 len_ptr, void (*write)(rl_sql_out *o, const void *of, u32 i), const void *of, u32 i) {
    static const char name[] = "lunatic_alloc";
    rl_extern e;
    rl_sql_out o = { 0 };
    write(&o, of, i);
    if (o.size > INT32_MAX) {
        rl_exec_fail(&h->exec, "a result of %llu bytes", (unsigned long long)o.size);
        return 0;
    }
    if (rl_exec_nested(&h->exec) == RL_NESTED_NONE) {
        bool there = rl_instance_export(h->instance, name, sizeof name - 1, &e) && e.kind == RL_KIND_FUNC;
        const rl_proto *t = there ? e.func->proto : NULL;
        if (t && t->nparams == 1 && t->params[0] == RL_I32 && t->nresults == 1 && t->results[0] == RL_I32)
            rl_exec_nest(&h->exec, e.func, &o.size, false);
        else rl_exec_fail(&h->exec, "the module exports no function '%s' of type (i32) -> i32", name);
        return 0;
    }
    u32 address = (u32)rl_exec_result(&h->exec, 0);
    u8 *len = rl_host_range(h, (u32)len_ptr, 4), *to = len ? rl_host_range(h, address, o.size) : NULL;
    if (!to) return 0;
    u32 size = (u32)o.size;
    o = (rl_sql_out){ .at = to, .end = to + size };
    write(&o, of, i);
    rl_store32(len, size); /* 4 bytes: Q02 */
    return (i32)address;
}

/* A statement and one of its columns; NULL after a trap. */
static const statement *column(rl_host *h, i64 id, i32 i) {
    const statement *s = statement_of(h, id);
    if (!s || (u32)i < (u32)rl_sql.column_count(s->s)) return s;
    rl_exec_fail(&h->exec, "no column %u", (u32)i);
    return NULL;
}

i32 rl_host_sqlite_read_column(rl_host *h, i64 id, i32 i, i32 len_ptr) {
    const statement *s = column(h, id, i);
    return s ? give(h, len_ptr, put_column, s, (u32)i) : 0;
}

i32 rl_host_sqlite_column_name(rl_host *h, i64 id, i32 i, i32 len_ptr) {
    const statement *s = column(h, id, i);
    return s ? give(h, len_ptr, put_name, s, (u32)i) : 0;
}

i32 rl_host_sqlite_read_row(rl_host *h, i64 id, i32 len_ptr) {
    const statement *s = statement_of(h, id);
    return s ? give(h, len_ptr, put_row, s, 0) : 0;
}

i32 rl_host_sqlite_column_names(rl_host *h, i64 id, i32 len_ptr) {
    const statement *s = statement_of(h, id);
    return s ? give(h, len_ptr, put_names, s, 0) : 0;
}

i32 rl_host_sqlite_last_error(rl_host *h, i64 id, i32 len_ptr) {
    const connection *c = connection_of(h, id);
    return c ? give(h, len_ptr, put_error, c, 0) : 0;
}
