/* Owns eager compilation: threads take runs of consecutive functions from a counter, each with an emitter of its own, and
 * copy finished functions to blocks of the final range, which they take from a counter as well. A block that continues
 * the thread's last one is one with it, so a single thread leaves no gaps. Calls go to functions that have a place already, or
 * wait until all have.
 *
 * Not taken: compiling into memory of its own and placing everything afterwards in order, which makes the result the same
 * for any number of threads but touches twice as much fresh memory; work stealing, as runs are small enough to balance. */
#include "jit/compile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "jit/masm.h"
#include "src/base/os.h"

#define RUN_BYTES 65536u      /* of wasm code in one run of functions, at least one */
#define BLOCK_BYTES 131072u
#define EXPANSION 3           /* bytes of native code per byte of wasm, roughly and then some */
#define MAX_THREADS 64u
#define PAD 0xcc              /* between functions: traps on x86-64 */

/* What the threads share. */
typedef struct team {
    rl_compile_job *job;
    u32 *runs, nruns;      /* first function of each, and the end; without imports */
    _Atomic u32 next;      /* run to take */
    _Atomic size_t taken;  /* bytes of the range */
    atomic_bool failed;
    pthread_mutex_t lock;  /* guards the rest, and the job's results */
    rl_err err;
    rl_diag diag;
    u32 bad_run;           /* the failure reported is the first in the module */
    rl_reloc *relocs;      /* `at`: in the range */
    u32 nrelocs, relocs_cap;
} team;

typedef struct worker {
    team *t;
    rl_emitter *em;
    size_t at, end;        /* the free part of its block */
    rl_row_arena rows;
    rl_reloc *relocs;      /* calls to functions that had no place yet */
    u32 nrelocs, relocs_cap;
    u64 native, spills, ops;
} worker;

static bool make_runs(team *t) {
    const rl_module *m = t->job->module;
    u32 total = m->nfuncs - m->nimported_funcs, bytes = RUN_BYTES;
    t->runs = malloc((m->code_size / RUN_BYTES + 3) * sizeof *t->runs);
    if (!t->runs) return false;
    for (u32 i = 0; i < total; i++) {
        if (bytes >= RUN_BYTES) {
            t->runs[t->nruns++] = i;
            bytes = 0;
        }
        bytes += m->funcs[m->nimported_funcs + i].body_len;
    }
    t->runs[t->nruns] = total;
    return true;
}

/* Room for `bytes` at a multiple of `align`. */
static bool room(worker *w, size_t bytes, u32 align) {
    const rl_compile_job *j = w->t->job;
    if (rl_align(w->at, align) + bytes <= w->end) return true;
    size_t usual = rl_align(RL_MIN((u64)j->module->code_size * EXPANSION, (u64)BLOCK_BYTES), rl_os_page());
    size_t want = RL_MAX(usual, rl_align(bytes + align, rl_os_page()));
    size_t from = atomic_fetch_add_explicit(&w->t->taken, want, memory_order_relaxed);
    if (from + want > j->reserved) return false;
    if (j->in_place) rl_os_populate(j->base + from, want);
    if (from != w->end) w->at = from;
    w->end = from + want;
    return true;
}

static bool more_relocs(rl_reloc **p, u32 *cap, u64 need) {
    if (need <= *cap) return true;
    u64 to = RL_MAX(need, (u64)*cap * 2 + 64);
    rl_reloc *q = to > UINT32_MAX / 2 ? NULL : realloc(*p, to * sizeof *q);
    if (!q) return false;
    *p = q;
    *cap = (u32)to;
    return true;
}

/* Starts are written by one thread and read by others: 0, or the value. Nothing else is read because of them. */
static u32 start_of(const rl_compile_job *j, u32 func) {
    return __atomic_load_n(&j->funcs[func - j->module->nimported_funcs].start, __ATOMIC_RELAXED);
}

static bool call_to(const rl_compile_job *j, u32 at, u32 start) { return rl_masm_relocate(j->base + at, at, start); }

/* Completes the calls of the function that begins at `at`, or notes them. */
static rl_err link_calls(worker *w, const rl_emitted *e, size_t at) {
    rl_compile_job *j = w->t->job;
    if (!more_relocs(&w->relocs, &w->relocs_cap, (u64)w->nrelocs + e->nrelocs)) return RL_ERR_NOMEM;
    for (u32 i = 0; i < e->nrelocs; i++) {
        rl_reloc r = { (u32)at + e->relocs[i].at, e->relocs[i].func };
        u32 start = start_of(j, r.func);
        if (!start) w->relocs[w->nrelocs++] = r;
        else if (!call_to(j, r.at, start)) return RL_ERR_LIMIT;
    }
    return RL_OK;
}

static rl_err place(worker *w, rl_func_code *f, const rl_emitted *e) {
    rl_compile_job *j = w->t->job;
    u32 align = RL_MAX(e->align, 1u);
    if (!room(w, e->size, align)) return RL_ERR_LIMIT;
    size_t at = rl_align(w->at, align);
    memset(j->base + w->at, PAD, at - w->at);
    memcpy(j->base + at, e->code, e->size);
    w->at = at + e->size;
    f->size = e->size - e->entry;
    f->rows = e->rows;
    f->rows.bytes = rl_row_keep(&w->rows, e->rows.bytes, e->rows.size);
    if (!f->rows.bytes) return RL_ERR_NOMEM;
    f->rows.pc += (u32)at + e->entry;
    __atomic_store_n(&f->start, (u32)at + e->entry, __ATOMIC_RELAXED);
    w->native += e->size;
    w->spills += e->spills;
    w->ops += e->ops;
    return link_calls(w, e, at);
}

static rl_err compile_run(worker *w, u32 run, rl_diag *d) {
    team *t = w->t;
    for (u32 i = t->runs[run]; i < t->runs[run + 1]; i++) {
        rl_emitted e = { 0 };
        RL_TRY(rl_emit_func(w->em, i + t->job->module->nimported_funcs, &e, d));
        rl_err err = place(w, &t->job->funcs[i], &e);
        if (err) return err == RL_ERR_LIMIT ? rl_diag_set(d, err, "native code too large") : err;
    }
    return RL_OK;
}

static void fail(team *t, u32 run, rl_err e, const rl_diag *d) {
    atomic_store_explicit(&t->failed, true, memory_order_relaxed);
    pthread_mutex_lock(&t->lock);
    if (!t->err || run < t->bad_run) {
        t->err = e;
        t->diag = *d;
        t->bad_run = run;
    }
    pthread_mutex_unlock(&t->lock);
}

/* The worker's results become the job's. */
static void join(worker *w) {
    team *t = w->t;
    rl_compile_job *j = t->job;
    pthread_mutex_lock(&t->lock);
    bool ok = more_relocs(&t->relocs, &t->relocs_cap, (u64)t->nrelocs + w->nrelocs);
    if (ok && w->nrelocs) memcpy(t->relocs + t->nrelocs, w->relocs, w->nrelocs * sizeof *w->relocs);
    if (ok) t->nrelocs += w->nrelocs;
    rl_row_join(j->rows, &w->rows);
    j->used = RL_MAX(j->used, w->at);
    j->native += w->native;
    j->spills += w->spills;
    j->ops += w->ops;
    pthread_mutex_unlock(&t->lock);
    free(w->relocs);
    if (!ok) fail(t, UINT32_MAX, RL_ERR_NOMEM, &(rl_diag){ 0 });
}

static void *work(void *arg) {
    team *t = arg;
    const rl_compile_job *j = t->job;
    rl_diag d = { 0 };
    worker w = { .t = t, .em = rl_emitter_new(j->module, j->flavour, j->layout, &rl_compile_defaults, NULL) };
    if (!w.em) fail(t, 0, RL_ERR_NOMEM, &d);
    u32 i;
    while (!atomic_load_explicit(&t->failed, memory_order_relaxed) &&
           (i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed)) < t->nruns) {
        rl_err e = compile_run(&w, i, &d);
        if (e) fail(t, i, e, &d);
    }
    rl_emitter_free(w.em);
    join(&w);
    return NULL;
}

static void run_team(team *t, unsigned threads) {
    if (!threads) threads = t->nruns > 1 ? rl_os_cores() : 1;
    threads = RL_MIN(RL_MIN(threads, MAX_THREADS), RL_MAX(t->nruns, 1u));
    pthread_t ids[MAX_THREADS];
    unsigned started = 0;
    while (started + 1 < threads && pthread_create(&ids[started], NULL, work, t) == 0) started++;
    work(t);
    for (unsigned i = 0; i < started; i++) pthread_join(ids[i], NULL);
    for (u32 i = 0; i < t->nrelocs && !t->err; i++)
        if (!call_to(t->job, t->relocs[i].at, start_of(t->job, t->relocs[i].func))) t->err = RL_ERR_LIMIT;
}

rl_err rl_compile_all(rl_compile_job *job, unsigned threads, rl_diag *d) {
    team t = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER };
    if (make_runs(&t)) run_team(&t, threads);
    else t.err = RL_ERR_NOMEM;
    free(t.runs);
    free(t.relocs);
    if (!t.err) return RL_OK;
    if (d && !d->code) {
        if (t.diag.code) *d = t.diag;
        else rl_diag_set(d, t.err, "%s while compiling", rl_err_text(t.err));
    }
    return t.err;
}
