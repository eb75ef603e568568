/* Owns compiled code: what is compiled when and on how many threads, where each function lies, and the tables from
 * code addresses back to the module. A rl_code is made once per module and flavour (under the module's `making`: nobody
 * waits for another module), eager code is complete before anybody sees it, lazy code grows under its own lock. Lookups
 * take no lock and are async-signal-safe: functions are placed at ascending addresses and become visible by one release
 * store of their count. Not taken: patching call sites of lazy code; they call through a table instead. */
#include "jit/code.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jit/codemem.h"
#include "jit/compile.h"
#include "jit/masm.h"
#include "jit/stub.h"
#include "src/base/os.h"

struct rl_code {
    rl_lazy_head head; /* first: rl_glue_lazy reads it */
    rl_module *module; /* not counted: the module owns this */
    rl_flavour flavour;
    rl_layout layout;
    bool lazy;
    u8 *base;          /* executable range */
    size_t reserved;
    size_t used;       /* bytes placed; lazy: under lock */
    rl_func_code *funcs;     /* by function index minus imports */
    rl_row_arena rows;       /* what funcs[].rows points into; lazy: under lock */
    u32 *order;              /* those indices by ascending address */
    _Atomic u32 nplaced;     /* valid entries of order; release after they and their funcs[] are written */
    rl_func *records;        /* closed modules */
    _Atomic(void *) shared;
    pthread_mutex_t lock;    /* lazy: emitter, used, placing */
    rl_emitter *emitter;     /* lazy */
    rl_compile_stats stats;
};

_Static_assert(offsetof(rl_code, head) == 0 && offsetof(rl_lazy_head, stubs_end) == 8, "known to rl_glue_lazy");
_Static_assert(offsetof(rl_lazy_record, func) == 8, "known to rl_glue_lazy");

rl_compile_options rl_compile_defaults;
static atomic_bool perf_map;

/* A module up to this many bytes of code is compiled whole at once when nobody says otherwise, which is cheaper than
 * making stubs for it, and not in place. */
#define SMALL_BYTES 8192u

/* ---- tables and lookup ---- */

rl_code *rl_code_find(const void *pc) {
    void *owner = rl_codemem_owner(pc);
    return rl_stub_owns(owner) ? NULL : owner;
}

static const rl_func_code *func_at(const rl_code *c, const void *pc, u32 *index) {
    size_t at = (size_t)((const u8 *)pc - c->base);
    /* Whoever asks has entered the function through an address that compiled code loaded plainly: the fence keeps that load
     * before ours. It pairs with the release in publish_entry, the acquire with that in place() */
    atomic_thread_fence(memory_order_acquire);
    u32 lo = 0, hi = atomic_load_explicit(&c->nplaced, memory_order_acquire);
    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        if (c->funcs[c->order[mid]].start <= at) lo = mid + 1;
        else hi = mid;
    }
    if (lo == 0) return NULL;
    const rl_func_code *f = &c->funcs[c->order[lo - 1]];
    if (at - f->start >= f->size) return NULL;
    *index = c->order[lo - 1] + c->module->nimported_funcs;
    return f;
}

u32 rl_code_func_at(const rl_code *c, const void *pc) {
    u32 index;
    return func_at(c, pc, &index) ? index : UINT32_MAX;
}

bool rl_code_trap_at(const rl_code *c, const void *pc, rl_row *out) {
    u32 index;
    const rl_func_code *f = func_at(c, pc, &index);
    return f && rl_rows_find(f->rows, (u32)((const u8 *)pc - c->base), false, out);
}

bool rl_code_ret_at(const rl_code *c, const void *return_address, rl_row *out) {
    u32 index;
    const rl_func_code *f = func_at(c, (const u8 *)return_address - 1, &index);
    return f && rl_rows_find(f->rows, (u32)((const u8 *)return_address - c->base), true, out);
}

rl_module *rl_code_module(const rl_code *c) { return c->module; }
const rl_layout *rl_code_layout(const rl_code *c) { return &c->layout; }
rl_func *rl_code_records(rl_code *c) { return c->records; }
_Atomic(void *) *rl_code_shared(rl_code *c) { return &c->shared; }
const rl_func_code *rl_code_func(const rl_code *c, u32 func) { return &c->funcs[func - c->module->nimported_funcs]; }
const u8 *rl_code_base(const rl_code *c) { return c->base; }
const rl_compile_stats *rl_code_stats(const rl_code *c) { return &c->stats; }

const void *rl_code_entry(rl_code *c, u32 func) {
    /* acquire: pairs with the release in publish_entry */
    return __atomic_load_n(&c->head.entries[func], __ATOMIC_ACQUIRE);
}

void rl_code_perf_map(bool on) { atomic_store(&perf_map, on); }

/* One line per function placed since `from` (an index into order). */
static void write_perf_map(rl_code *c, u32 from) {
    if (!atomic_load_explicit(&perf_map, memory_order_relaxed)) return;
    char path[64], name[256];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    FILE *f = fopen(path, "a");
    if (!f) return;
    for (u32 i = from; i < atomic_load_explicit(&c->nplaced, memory_order_relaxed); i++) { /* which this thread has written */
        const rl_func_code *fc = &c->funcs[c->order[i]];
        rl_module_func_name(c->module, c->order[i] + c->module->nimported_funcs, name, sizeof name);
        fprintf(f, "%lx %x %s\n", (unsigned long)(uintptr_t)(c->base + fc->start), fc->size, name);
    }
    fclose(f);
}

/* ---- placing ---- */

static void publish_entry(rl_code *c, u32 func, const void *entry) {
    u32 slot = c->module->func_slot[func];
    if (c->records && slot != UINT32_MAX) {
        /* both words are valid before and after; a reader may see either. release: pairs with compiled code's plain loads,
         * whose jump depends on them, and with the fence in func_at */
        __atomic_store_n(&c->records[slot].code, entry, __ATOMIC_RELEASE);
        __atomic_store_n(&c->records[slot].xcode, entry, __ATOMIC_RELEASE);
    }
    /* release: pairs with rl_code_entry, with the acquire in rl_glue_lazy, and as above */
    __atomic_store_n(&c->head.entries[func], entry, __ATOMIC_RELEASE);
}

/* Function d (index minus imports) is in place: visible to lookups. Ascending addresses. */
static void place(rl_code *c, u32 d) {
    u32 n = atomic_load_explicit(&c->nplaced, memory_order_relaxed);
    c->order[n] = d;
    atomic_store_explicit(&c->nplaced, n + 1, memory_order_release); /* pairs with the acquire in func_at */
}

/* ---- eager ---- */

static int by_address(const void *a, const void *b, void *funcs) {
    u32 x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    const rl_func_code *f = funcs;
    return (f[x].start > f[y].start) - (f[x].start < f[y].start);
}

/* Everything is in place: visible to lookups and to instances. */
static void publish_all(rl_code *c, bool ordered) {
    u32 n = c->module->nfuncs - c->module->nimported_funcs;
    for (u32 i = 0; i < n; i++) {
        c->order[i] = i;
        publish_entry(c, i + c->module->nimported_funcs, c->base + c->funcs[i].start);
    }
    if (!ordered) qsort_r(c->order, n, sizeof *c->order, by_address, c->funcs);
    atomic_store_explicit(&c->nplaced, n, memory_order_release); /* pairs with the acquire in func_at */
}

/* A small module is put together elsewhere and written at once: that is less than changing what the range is, twice. */
static rl_err compile_small(rl_code *c, rl_compile_job *job, rl_diag *d) {
    job->reserved = 16 * c->module->code_size + 64 * (c->module->nfuncs - c->module->nimported_funcs) + 4 * SMALL_BYTES;
    u8 *code = job->base = malloc(job->reserved);
    rl_err e = code ? rl_compile_all(job, 1, d) : RL_ERR_NOMEM;
    if (!e && !rl_codemem_write(c->base, code, job->used)) e = RL_ERR_NOMEM;
    free(code);
    return e ? rl_diag_set(d, e, "no memory for native code") : RL_OK;
}

/* Bytes of wasm code from which on the native code gets large pages: their clearing costs a third of that of small ones,
 * and what is left of the last one is small against the rest. */
#define LARGE_BYTES ((u32)2 << 20)

static rl_err compile_in_place(rl_code *c, rl_compile_job *job, unsigned threads, rl_diag *d) {
    if (!rl_codemem_open(c->base, c->reserved)) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for native code");
    if (c->module->code_size >= LARGE_BYTES) rl_os_large(c->base, c->reserved);
    job->in_place = true;
    RL_TRY(rl_compile_all(job, threads, d));
    return rl_codemem_seal(c->base, job->used, c->reserved) ? RL_OK : rl_diag_set(d, RL_ERR_NOMEM, "no memory for native code");
}

static rl_err compile_eager(rl_code *c, unsigned threads, rl_diag *d) {
    const rl_compile_job fresh = { .module = c->module, .flavour = c->flavour, .layout = &c->layout, .base = c->base,
                                   .reserved = c->reserved, .funcs = c->funcs, .rows = &c->rows };
    rl_compile_job job = fresh;
    bool small = c->module->code_size <= SMALL_BYTES;
    rl_err e = small ? compile_small(c, &job, d) : RL_OK;
    if (e == RL_ERR_LIMIT) { /* two bytes may mean thousands: then not as a small one */
        memset(c->funcs, 0, (c->module->nfuncs - c->module->nimported_funcs) * sizeof *c->funcs);
        job = fresh;
        small = false;
        rl_diag_clear(d);
    }
    if (!small) e = compile_in_place(c, &job, threads, d);
    RL_TRY(e);
    publish_all(c, small || threads == 1);
    c->used = job.used;
    c->stats.native_bytes = job.native;
    c->stats.spills = job.spills;
    c->stats.ops = job.ops;
    return RL_OK;
}

/* ---- lazy ---- */

/* The stubs of all functions, one after the other at the start of the range. */
static rl_err make_stubs(rl_code *c, rl_diag *d) {
    rl_module *m = c->module;
    rl_masm a = { 0 };
    rl_err e = rl_masm_init(&a, c->flavour) ? RL_OK : RL_ERR_NOMEM;
    u8 *all = NULL;
    size_t size = 0, cap = 0;
    for (u32 f = m->nimported_funcs; f < m->nfuncs && !e; f++) {
        rl_masm_reset(&a);
        rl_masm_room(&a, 64);
        rl_masm_lazy_stub(&a, c, f);
        u32 n = rl_masm_pos(&a);
        if (size + n + 16 > cap) {
            cap = rl_align((size_t)(m->nfuncs - m->nimported_funcs) * (n + 16) + 64, 64);
            u8 *more = realloc(all, cap);
            if (!more) { e = RL_ERR_NOMEM; break; }
            all = more;
        }
        memcpy(all + size, a.base, n);
        c->head.entries[f] = c->base + size;
        size = rl_align(size + n, 16);
        if (a.failed) e = RL_ERR_NOMEM;
    }
    rl_masm_fini(&a);
    if (!e && size > c->reserved) e = RL_ERR_LIMIT;
    if (!e && size && !rl_codemem_write(c->base, all, size)) e = RL_ERR_NOMEM;
    free(all);
    c->used = rl_align(size, rl_codemem_grain());
    c->head.stubs_end = c->base + c->used;
    return e ? rl_diag_set(d, e, "no memory for native code") : RL_OK;
}

/* An emitter keeps what its largest function needed: hundreds of bytes per byte of a nested one. */
#define KEEP_EMITTER_BYTES 262144

/* Under lock. */
static const void *compile_one(rl_code *c, u32 func, rl_diag *d) {
    if (!c->emitter)
        c->emitter = rl_emitter_new(c->module, c->flavour, &c->layout, &rl_compile_defaults,
                                    (const void *const *)c->head.entries);
    rl_emitted e = { 0 };
    if (!c->emitter) {
        rl_diag_set(d, RL_ERR_NOMEM, "out of memory while compiling function %u", func);
        return NULL;
    }
    if (rl_emit_func(c->emitter, func, &e, d)) return NULL;
    rl_assert(e.nrelocs == 0);
    size_t at = rl_align(c->used, RL_MAX(rl_codemem_grain(), (size_t)e.align));
    rl_func_code *f = &c->funcs[func - c->module->nimported_funcs];
    const u8 *rows = rl_row_keep(&c->rows, e.rows.bytes, e.rows.size);
    if (at + e.size > c->reserved) {
        rl_diag_set(d, RL_ERR_LIMIT, "the module's range of native code is full: no room for function %u", func);
        return NULL;
    }
    if (!rows || !rl_codemem_write(c->base + at, e.code, e.size)) {
        rl_diag_set(d, RL_ERR_NOMEM, "out of memory for the native code of function %u", func);
        return NULL;
    }
    c->used = at + e.size;
    f->start = (u32)at + e.entry;
    f->size = e.size - e.entry;
    f->rows = (rl_rows){ rows, e.rows.size, e.rows.pc + f->start, e.rows.offset };
    place(c, func - c->module->nimported_funcs);
    publish_entry(c, func, c->base + at + e.entry);
    c->stats.functions++;
    c->stats.native_bytes += e.size;
    c->stats.spills += e.spills;
    c->stats.ops += e.ops;
    write_perf_map(c, atomic_load_explicit(&c->nplaced, memory_order_relaxed) - 1);
    return c->base + at + e.entry;
}

const void *rl_code_compile_now(rl_code *c, u32 func, rl_diag *d) {
    pthread_mutex_lock(&c->lock);
    const void *entry = c->head.entries[func];
    if ((const u8 *)entry < (const u8 *)c->head.stubs_end) {
        u64 start = rl_os_now_ns();
        entry = compile_one(c, func, d);
        if (c->module->funcs[func].body_len > KEEP_EMITTER_BYTES) {
            rl_emitter_free(c->emitter);
            c->emitter = NULL;
        }
        c->stats.compile_ns += rl_os_now_ns() - start;
    }
    pthread_mutex_unlock(&c->lock);
    return entry;
}

/* ---- making and freeing ---- */

/* In a closed module's table an import stands for whatever this instance imported: jump through its slot. */
static const void *import_thunk(rl_code *c, u32 func) {
    rl_masm a = { 0 };
    const void *p = NULL;
    if (rl_masm_init(&a, c->flavour)) {
        rl_masm_room(&a, 64);
        rl_masm_landing(&a, true);
        rl_masm_ld(&a, RL_LD_64, RL_REG_FUNC, rl_mem_at(RL_REG_INST, (i32)(c->layout.imports + 8 * func)));
        rl_masm_tailm(&a, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode)));
        if (!a.failed) p = rl_code_publish(a.base, rl_masm_pos(&a));
    }
    rl_masm_fini(&a);
    return p;
}

/* Before compiling, so that publish_entry can fill in addresses. */
static rl_err make_records(rl_code *c) {
    rl_module *m = c->module;
    if (!m->closed_funcs || !m->nfunc_slots) return RL_OK;
    c->records = calloc(m->nfunc_slots, sizeof *c->records);
    if (!c->records) return RL_ERR_NOMEM;
    for (u32 f = 0; f < m->nfuncs; f++) {
        if (m->func_slot[f] == UINT32_MAX) continue;
        rl_func *r = &c->records[m->func_slot[f]];
        *r = (rl_func){ .type_id = m->funcs[f].proto->id, .index = f, .proto = m->funcs[f].proto };
        r->code = f < m->nimported_funcs ? import_thunk(c, f) : rl_code_entry(c, f);
        r->xcode = r->code;
        if (f < m->nimported_funcs && !r->code) return RL_ERR_NOMEM;
    }
    return RL_OK;
}

/* Address space, not memory: 3 times the bytes of code is common, 14 times the most that simple operators swell to. */
static size_t range_for(const rl_module *m) {
    u64 n = (u64)m->code_size * 16 + (u64)(m->nfuncs - m->nimported_funcs) * (64 + rl_codemem_grain()) + RL_CODEMEM_GRANULE;
    return (size_t)rl_align(RL_MIN(n, (u64)1 << 31), RL_CODEMEM_GRANULE);
}

static rl_err prepare(rl_code *c, rl_diag *d) {
    rl_module *m = c->module;
    u32 n = m->nfuncs - m->nimported_funcs;
    c->head.entries = calloc((size_t)m->nfuncs + 1, sizeof *c->head.entries);
    c->funcs = calloc((size_t)n + 1, sizeof *c->funcs);
    c->order = malloc(((size_t)n + 1) * sizeof *c->order);
    c->reserved = range_for(m);
    c->base = rl_codemem_alloc(c->reserved, c);
    if (!c->head.entries || !c->funcs || !c->order || !c->base)
        return rl_diag_set(d, RL_ERR_NOMEM, "no memory for native code");
    c->stats.code_bytes = m->code_size;
    c->stats.validate_ns = m->validate_ns;
    return RL_OK;
}

static rl_err build(rl_code *c, unsigned threads, rl_diag *d) {
    u64 start = rl_os_now_ns();
    RL_TRY(prepare(c, d));
    if (c->lazy) RL_TRY(make_stubs(c, d));
    if (make_records(c)) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for function records");
    if (!c->lazy) {
        RL_TRY(compile_eager(c, threads, d));
        c->stats.functions = c->module->nfuncs - c->module->nimported_funcs;
        write_perf_map(c, 0);
    }
    c->stats.compile_ns = rl_os_now_ns() - start;
    return RL_OK;
}

static rl_err make(rl_module *m, rl_flavour flavour, rl_compile_mode mode, unsigned threads, rl_code **out, rl_diag *d) {
    rl_code *c = calloc(1, sizeof *c);
    if (!c) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for native code");
    pthread_mutex_init(&c->lock, NULL);
    c->module = m;
    c->flavour = flavour;
    c->lazy = mode == RL_COMPILE_LAZY || (mode == RL_COMPILE_AUTO && m->code_size > SMALL_BYTES);
    rl_layout_of(m, &c->layout);
    rl_err e = build(c, threads, d);
    if (e) rl_code_free(c);
    else *out = c;
    return e;
}

rl_err rl_code_get(rl_module *m, rl_flavour flavour, rl_compile_mode mode, unsigned threads, rl_code **out, rl_diag *d) {
    /* acquire: pairs with the release below */
    *out = atomic_load_explicit(&m->code[flavour], memory_order_acquire);
    if (*out) return RL_OK;
    pthread_mutex_lock(&m->making);
    rl_err e = RL_OK;
    *out = atomic_load_explicit(&m->code[flavour], memory_order_relaxed);
    if (!*out) {
        e = make(m, flavour, mode, threads, out, d);
        if (!e) atomic_store_explicit(&m->code[flavour], *out, memory_order_release); /* pairs with the acquire above */
    }
    pthread_mutex_unlock(&m->making);
    return e;
}

void rl_code_free(rl_code *c) {
    if (!c) return;
    rl_row_arena_fini(&c->rows);
    rl_codemem_free(c->base, c->reserved);
    rl_emitter_free(c->emitter);
    free(c->head.entries);
    free(c->funcs);
    free(c->order);
    free(c->records);
    free(atomic_load_explicit(&c->shared, memory_order_relaxed));
    pthread_mutex_destroy(&c->lock);
    free(c);
}
