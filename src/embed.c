/* Owns the embedding API (include/rille.h): thin handles over the engine, one store with its execs per rille_store.
 *
 * Handles of functions, globals and instances live in their store; those of functions and globals are found again by
 * what they stand for, so asking twice gives the same one. A call runs on an exec of its own; calls made by host
 * functions take the next exec of the store, because a guest stack holds one call at a time. Linkers are counted: stores
 * keep those whose host functions their instances import. Built on the process layer was not taken: an embedder brings
 * its own threads and wants neither scheduler nor WASI. */
#include "include/rille.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "jit/engine.h"
#include "jit/instance.h"
#include "jit/trap.h"
#include "src/base/map.h"
#include "src/base/os.h"

#define MAX_DEPTH 64
#define SLICE 1000000 /* instructions between looks at the interrupt flag: about a millisecond */
#define DEFAULT_STACK ((size_t)1 << 20)
#define DEFAULT_TABLE 10000000
#define FEW 16        /* values kept on the C stack */

struct rille_engine {
    _Atomic u32 refs;
    rille_config config;
    rl_flavour flavour;
};

struct rille_module { rl_module *m; };

/* One import that can be satisfied. */
typedef struct def {
    struct def *next;  /* newest first */
    char *module, *name; /* name NULL: all exports of `instance` */
    rille_instance *instance;
    rl_func record;
    rille_host_func *func;
    void *env;
} def;

struct rille_linker {
    _Atomic u32 refs;
    rille_engine *engine;
    def *defs;
};

/* A guest stack and the exec that runs on it. */
typedef struct lane { rl_exec x; bool called; } lane;

typedef struct kept { struct kept *next; rille_linker *linker; } kept;

struct rille_store {
    rille_engine *engine;
    rl_store *store;
    size_t stack_size;
    lane *lanes[MAX_DEPTH];
    u32 depth;            /* lanes in use */
    u64 fuel, spent;      /* left (UINT64_MAX: no limit) and used */
    atomic_bool interrupt;
    rl_map handles;       /* rl_func * or rl_cell * to its handle */
    kept *linkers;
};

struct rille_instance { rl_instance *inst; rille_store *store; };
struct rille_func { rl_func *f; rille_store *store; rl_instance *inst; };
struct rille_global { rl_cell *cell; rl_global_type type; rille_store *store; };
struct rille_caller { rille_store *store; rl_exec *x; };

/* ---- errors ---- */

static rille_status status_of(rl_err e) {
    switch (e) {
    case RL_OK: return RILLE_OK;
    case RL_ERR_NOMEM: return RILLE_NOMEM;
    case RL_ERR_MALFORMED: return RILLE_MALFORMED;
    case RL_ERR_INVALID: return RILLE_INVALID;
    case RL_ERR_UNSUPPORTED: return RILLE_UNSUPPORTED;
    case RL_ERR_LIMIT: return RILLE_LIMIT;
    case RL_ERR_LINK: return RILLE_LINK;
    case RL_ERR_TRAP: return RILLE_TRAP;
    case RL_ERR_USAGE: return RILLE_USAGE;
    default: return RILLE_SYSTEM;
    }
}

static rille_trap trap_of(rl_trap t) {
    switch (t) {
    case RL_TRAP_NONE: return RILLE_TRAP_NONE;
    case RL_TRAP_UNREACHABLE: return RILLE_TRAP_UNREACHABLE;
    case RL_TRAP_MEMORY: return RILLE_TRAP_MEMORY;
    case RL_TRAP_TABLE: return RILLE_TRAP_TABLE;
    case RL_TRAP_UNDEFINED: case RL_TRAP_NULL_FUNC: case RL_TRAP_SIGNATURE: return RILLE_TRAP_INDIRECT;
    case RL_TRAP_DIV_ZERO: case RL_TRAP_OVERFLOW: return RILLE_TRAP_DIVISION;
    case RL_TRAP_CONVERSION: return RILLE_TRAP_CONVERSION;
    case RL_TRAP_STACK: return RILLE_TRAP_STACK;
    case RL_TRAP_FUEL: return RILLE_TRAP_FUEL;
    case RL_TRAP_KILLED: case RL_TRAP_TIMEOUT: return RILLE_TRAP_INTERRUPTED;
    default: return RILLE_TRAP_HOST;
    }
}

static rille_status fail(rille_error *e, rille_status s, const char *text) {
    if (!e) return s;
    *e = (rille_error){ .status = s };
    snprintf(e->text, sizeof e->text, "%s", text);
    return s;
}

static rille_status fail_diag(rille_error *e, rl_err err, const rl_diag *d) {
    rille_status s = status_of(err);
    fail(e, s, d->text[0] ? d->text : rl_err_text(err));
    if (e) {
        e->has_offset = d->has_offset;
        e->offset = d->offset;
        if (s == RILLE_TRAP) e->trap = strstr(d->text, "table") ? RILLE_TRAP_TABLE : RILLE_TRAP_MEMORY; /* a segment */
    }
    return s;
}

static rille_status fail_trap(rille_error *e, const rl_exec *x, rl_trap t) {
    fail(e, RILLE_TRAP, t == RL_TRAP_HOST && x->message[0] ? x->message : rl_trap_text(t));
    if (!e) return RILLE_TRAP;
    e->trap = trap_of(t);
    FILE *f = fmemopen(e->backtrace, sizeof e->backtrace - 1, "w");
    if (f) {
        rl_backtrace_print(x, f);
        fclose(f);
    }
    return RILLE_TRAP;
}

static rille_status fail_nomem(rille_error *e) { return fail(e, RILLE_NOMEM, "out of memory"); }

/* ---- engine and modules ---- */

static void engine_put(rille_engine *e) {
    /* acq_rel: the last owner sees what the others wrote */
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1) free(e);
}

static rille_engine *engine_get(rille_engine *e) {
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

rille_status rille_engine_new(const rille_config *config, rille_engine **out, rille_error *error) {
    rl_diag d = { 0 };
    *out = NULL;
    rl_err err = rl_engine_init(&d);
    if (err) return fail_diag(error, err, &d);
    rille_engine *e = calloc(1, sizeof *e);
    if (!e) return fail_nomem(error);
    atomic_init(&e->refs, 1);
    if (config) e->config = *config;
    e->flavour = rl_flavour_pick(e->config.memory == RILLE_MEMORY_GUARDED);
    *out = e;
    return RILLE_OK;
}

void rille_engine_free(rille_engine *engine) { engine_put(engine); }

rille_status rille_module_new(rille_engine *engine, const void *bytes, size_t size, rille_module **out, rille_error *error) {
    static const rl_compile_mode modes[] = { RL_COMPILE_AUTO, RL_COMPILE_EAGER, RL_COMPILE_LAZY };
    rl_diag d = { 0 };
    rl_code *code;
    rille_module *m = *out = calloc(1, sizeof *m);
    if (!m) return fail_nomem(error);
    rl_err e = rl_module_new(bytes, size, &m->m, &d);
    if (!e) e = rl_code_get(m->m, engine->flavour, modes[engine->config.compile], engine->config.threads, &code, &d);
    if (!e) return RILLE_OK;
    rille_module_free(m);
    *out = NULL;
    return fail_diag(error, e, &d);
}

void rille_module_free(rille_module *module) {
    if (!module) return;
    rl_module_put(module->m);
    free(module);
}

bool rille_module_import(const rille_module *module, size_t i, rille_item *out) {
    if (i >= module->m->nimports) return false;
    const rl_import *imp = &module->m->imports[i];
    *out = (rille_item){ (rille_kind)imp->kind, imp->module.p, imp->name.p, imp->module.len, imp->name.len };
    return true;
}

bool rille_module_export(const rille_module *module, size_t i, rille_item *out) {
    if (i >= module->m->nexports) return false;
    const rl_export *x = &module->m->exports[i];
    *out = (rille_item){ (rille_kind)x->kind, "", x->name.p, 0, x->name.len };
    return true;
}

/* ---- handles ---- */

static rille_func *func_handle(rille_store *s, rl_func *f, rl_instance *inst) {
    if (!f) return NULL;
    rille_func *h = rl_map_get(&s->handles, (u64)(uintptr_t)f);
    if (h) return h;
    h = rl_store_alloc(s->store, sizeof *h);
    if (!h || rl_map_put(&s->handles, (u64)(uintptr_t)f, h, NULL)) return NULL;
    *h = (rille_func){ f, s, f->inst ? f->inst : inst };
    return h;
}

static bool export_of(rille_instance *i, const char *name, rl_kind kind, rl_extern *x) {
    return rl_instance_export(i->inst, name, strlen(name), x) && x->kind == kind;
}

rille_func *rille_instance_func(rille_instance *instance, const char *name) {
    rl_extern x;
    return export_of(instance, name, RL_KIND_FUNC, &x) ? func_handle(instance->store, x.func, instance->inst) : NULL;
}

/* A memory's handle is the memory itself. */
rille_memory *rille_instance_memory(rille_instance *instance, const char *name) {
    rl_extern x;
    return export_of(instance, name, RL_KIND_MEMORY, &x) ? (rille_memory *)x.memory : NULL;
}

rille_global *rille_instance_global(rille_instance *instance, const char *name) {
    rl_extern x;
    if (!export_of(instance, name, RL_KIND_GLOBAL, &x)) return NULL;
    rille_store *s = instance->store;
    rille_global *h = rl_map_get(&s->handles, (u64)(uintptr_t)x.global.cell);
    if (h) return h;
    h = rl_store_alloc(s->store, sizeof *h);
    if (!h || rl_map_put(&s->handles, (u64)(uintptr_t)x.global.cell, h, NULL)) return NULL;
    *h = (rille_global){ x.global.cell, x.global.type, s };
    return h;
}

/* ---- values ---- */

static u32 words_of(u8 type) { return type == RL_V128 ? 2 : 1; }

static void to_words(const rille_value *v, u64 *out) {
    switch (v->type) {
    case RILLE_I32: case RILLE_F32: *out = (u32)v->of.i32; break;
    case RILLE_V128: memcpy(out, v->of.v128, 16); break;
    case RILLE_FUNCREF: *out = v->of.func ? (u64)(uintptr_t)v->of.func->f : 0; break;
    case RILLE_EXTERNREF: *out = (u64)(uintptr_t)v->of.ref; break;
    default: *out = (u64)v->of.i64; break;
    }
}

static rille_value from_words(rille_store *s, u8 type, const u64 *in) {
    rille_value v = { .type = (rille_type)type };
    switch (type) {
    case RL_I32: case RL_F32: v.of.i32 = (i32)(u32)*in; break;
    case RL_V128: memcpy(v.of.v128, in, 16); break;
    case RL_FUNCREF: v.of.func = func_handle(s, (rl_func *)(uintptr_t)*in, NULL); break;
    case RL_EXTERNREF: v.of.ref = (void *)(uintptr_t)*in; break;
    default: v.of.i64 = (i64)*in; break;
    }
    return v;
}

static void all_from_words(rille_store *s, const u8 *types, u32 n, const u64 *words, rille_value *out) {
    for (u32 i = 0; i < n; i++) {
        out[i] = from_words(s, types[i], words);
        words += words_of(types[i]);
    }
}

/* ---- host functions ---- */

/* Called by the GENERIC stub. */
static void call_host(void *env, rl_exec *x, u64 *slots) {
    def *d = env;
    const rl_proto *p = d->record.proto;
    rille_caller caller = { (rille_store *)x->host, x };
    rille_value few[2 * FEW], *args = few;
    if (p->nparams + p->nresults > 2 * FEW) args = malloc((size_t)(p->nparams + p->nresults) * sizeof *args);
    if (!args) {
        rl_exec_fail(x, "out of memory");
        return;
    }
    rille_value *results = args + p->nparams;
    all_from_words(caller.store, p->params, p->nparams, slots, args);
    for (u32 i = 0; i < p->nresults; i++) results[i] = (rille_value){ .type = (rille_type)p->results[i] };
    d->func(d->env, &caller, args, results);
    for (u32 i = 0, at = 0; i < p->nresults; i++) {
        results[i].type = (rille_type)p->results[i];
        to_words(&results[i], slots + at);
        at += words_of(p->results[i]);
    }
    if (args != few) free(args);
}

rille_store *rille_caller_store(rille_caller *caller) { return caller->store; }

rille_memory *rille_caller_memory(rille_caller *caller) {
    rl_instance *i = caller->x->inst;
    return i->module && i->module->nmemories ? (rille_memory *)rl_instance_memory(i, 0) : NULL;
}

void rille_caller_trap(rille_caller *caller, const char *text) { rl_exec_fail(caller->x, "%s", text); }

/* ---- linkers ---- */

rille_status rille_linker_new(rille_engine *engine, rille_linker **out, rille_error *error) {
    rille_linker *l = *out = calloc(1, sizeof *l);
    if (!l) return fail_nomem(error);
    atomic_init(&l->refs, 1);
    l->engine = engine_get(engine);
    return RILLE_OK;
}

static void def_free(def *d) {
    free(d->module);
    free(d->name);
    free(d);
}

static void linker_put(rille_linker *l) {
    /* acq_rel: as engine_put */
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1) return;
    for (def *d = l->defs, *next; d; d = next) {
        next = d->next;
        def_free(d);
    }
    engine_put(l->engine);
    free(l);
}

void rille_linker_free(rille_linker *linker) { linker_put(linker); }

static def *def_new(const char *module, const char *name) {
    def *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->module = strdup(module);
    d->name = name ? strdup(name) : NULL;
    if (d->module && (d->name || !name)) return d;
    def_free(d);
    return NULL;
}

static rl_proto *proto_of(const rille_signature *sig) {
    u8 types[2 * RL_MAX_VALS];
    if (sig->nparams > RL_MAX_VALS || sig->nresults > RL_MAX_VALS) return NULL;
    for (size_t i = 0; i < sig->nparams; i++) types[i] = (u8)sig->params[i];
    for (size_t i = 0; i < sig->nresults; i++) types[RL_MAX_VALS + i] = (u8)sig->results[i];
    return rl_proto_intern(types, (u32)sig->nparams, types + RL_MAX_VALS, (u32)sig->nresults);
}

rille_status rille_linker_func(rille_linker *linker, const char *module, const char *name, rille_signature signature,
                               rille_host_func *func, void *env, rille_error *error) {
    rl_proto *p = proto_of(&signature);
    def *d = p ? def_new(module, name) : NULL;
    if (!d) return fail_nomem(error);
    d->func = func;
    d->env = env;
    if (rl_func_host(&d->record, RL_STUB_GENERIC, (const void *)(uintptr_t)call_host, d, p, d->name)) {
        def_free(d);
        return fail_nomem(error);
    }
    d->next = linker->defs;
    linker->defs = d;
    return RILLE_OK;
}

rille_status rille_linker_instance(rille_linker *linker, const char *module, rille_instance *instance, rille_error *error) {
    def *d = def_new(module, NULL);
    if (!d) return fail_nomem(error);
    d->instance = instance;
    d->next = linker->defs;
    linker->defs = d;
    return RILLE_OK;
}

static bool is(rl_name n, const char *text) { return strlen(text) == n.len && !memcmp(n.p, text, n.len); }

typedef struct resolution { rille_store *store; rille_linker *linker; } resolution;

static bool resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out) {
    resolution *r = env;
    (void)m;
    for (def *d = r->linker ? r->linker->defs : NULL; d; d = d->next) {
        if (!is(imp->module, d->module)) continue;
        if (d->instance) {
            if (d->instance->store == r->store && rl_instance_export(d->instance->inst, imp->name.p, imp->name.len, out)) return true;
        } else if (is(imp->name, d->name)) {
            *out = (rl_extern){ .kind = RL_KIND_FUNC, .func = &d->record };
            return true;
        }
    }
    return false;
}

/* ---- stores ---- */

rille_status rille_store_new(rille_engine *engine, const rille_limits *limits, rille_store **out, rille_error *error) {
    rille_limits l = limits ? *limits : (rille_limits){ 0 };
    rl_store_config c = { engine->flavour, l.memory ? l.memory : UINT64_MAX, l.table ? l.table : DEFAULT_TABLE };
    rille_store *s = *out = calloc(1, sizeof *s);
    if (!s) return fail_nomem(error);
    s->engine = engine_get(engine);
    s->stack_size = rl_align(RL_MAX(l.stack ? l.stack : DEFAULT_STACK, (size_t)16384), rl_os_page());
    s->fuel = UINT64_MAX;
    if (!rl_store_new(&c, &s->store)) return RILLE_OK;
    rille_store_free(s);
    *out = NULL;
    return fail_nomem(error);
}

void rille_store_free(rille_store *store) {
    if (!store) return;
    rl_store_free(store->store);
    rl_map_fini(&store->handles);
    for (u32 i = 0; i < MAX_DEPTH && store->lanes[i]; i++) {
        rl_os_unmap(store->lanes[i]->x.stack, store->stack_size);
        free(store->lanes[i]);
    }
    for (kept *k = store->linkers, *next; k; k = next) {
        next = k->next;
        linker_put(k->linker);
        free(k);
    }
    engine_put(store->engine);
    free(store);
}

void rille_store_set_fuel(rille_store *store, uint64_t fuel) { store->fuel = fuel; }
uint64_t rille_store_fuel_spent(const rille_store *store) { return store->spent; }

void rille_store_interrupt(rille_store *store) {
    /* relaxed: a flag with nothing behind it */
    atomic_store_explicit(&store->interrupt, true, memory_order_relaxed);
}

/* NULL: out of memory. */
static lane *take_lane(rille_store *s) {
    lane **l = &s->lanes[s->depth];
    if (!*l) {
        lane *fresh = calloc(1, sizeof *fresh);
        void *stack = fresh ? rl_os_map(s->stack_size) : NULL;
        if (!stack) {
            free(fresh);
            return NULL;
        }
        rl_exec_init(&fresh->x, stack, s->stack_size, (rl_host *)s);
        *l = fresh;
    }
    s->depth++;
    return *l;
}

/* One slice; its fuel goes to the store's account. */
static rl_exit run_slice(rille_store *s, rl_exec *x) {
    u64 before = x->fuel_spent;
    rl_exit why = rl_exec_resume(x, (i64)RL_MIN((u64)SLICE, s->fuel));
    u64 used = x->fuel_spent - before; /* a trap's refund may make it negative */
    s->spent += used;
    if (s->fuel != UINT64_MAX) s->fuel = (i64)used > (i64)s->fuel ? 0 : s->fuel - used;
    return why;
}

/* Runs a prepared call to its end. */
static rille_status run(rille_store *s, rl_exec *x, rille_error *error) {
    for (;;) {
        if (atomic_load_explicit(&s->interrupt, memory_order_relaxed)) { /* every nested call ends, the outermost last */
            if (s->depth == 1) atomic_store_explicit(&s->interrupt, false, memory_order_relaxed);
            return fail_trap(error, x, RL_TRAP_KILLED);
        }
        if (!s->fuel) return fail_trap(error, x, RL_TRAP_FUEL);
        switch (run_slice(s, x)) {
        case RL_EXIT_DONE: return RILLE_OK;
        case RL_EXIT_TRAP: return fail_trap(error, x, (rl_trap)x->trap);
        default: break;
        }
    }
}

static rille_status call_words(rille_store *s, rl_instance *inst, rl_func *f, const u64 *words, u64 *results, rille_error *error) {
    if (rl_trap_thread_init()) return fail(error, RILLE_SYSTEM, "no alternate signal stack");
    if (s->depth == MAX_DEPTH) return fail(error, RILLE_LIMIT, "host functions and guest calls nested too deep");
    lane *l = take_lane(s);
    if (!l) return fail_nomem(error);
    l->x.inst = inst;
    rille_status status = rl_exec_call(&l->x, f, words) ? fail_nomem(error) : run(s, &l->x, error);
    u32 n = 0;
    for (u32 i = 0; i < f->proto->nresults; i++) n += words_of(f->proto->results[i]);
    if (!status && n) memcpy(results, l->x.vals, n * sizeof *results);
    s->depth--;
    return status;
}

/* ---- instances ---- */

static bool keep_linker(rille_store *s, rille_linker *l) {
    if (!l) return true;
    for (kept *k = s->linkers; k; k = k->next)
        if (k->linker == l) return true;
    kept *k = malloc(sizeof *k);
    if (!k) return false;
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    *k = (kept){ s->linkers, l };
    s->linkers = k;
    return true;
}

rille_status rille_instance_new(rille_store *store, rille_module *module, rille_linker *linker, rille_instance **out,
                                rille_error *error) {
    rl_diag d = { 0 };
    rl_func *start;
    resolution r = { store, linker };
    rille_instance *i = rl_store_alloc(store->store, sizeof *i);
    *out = NULL;
    if (!i || !keep_linker(store, linker)) return fail_nomem(error);
    i->store = store;
    rl_err e = rl_instance_new(store->store, module->m, resolve, &r, &i->inst, &start, &d);
    if (e) return fail_diag(error, e, &d);
    rille_status s = start ? call_words(store, i->inst, start, NULL, NULL, error) : RILLE_OK;
    if (!s) *out = i;
    return s;
}

/* ---- calls ---- */

size_t rille_func_param_count(const rille_func *func) { return func->f->proto->nparams; }
size_t rille_func_result_count(const rille_func *func) { return func->f->proto->nresults; }
rille_type rille_func_param(const rille_func *func, size_t i) { return (rille_type)func->f->proto->params[i]; }
rille_type rille_func_result(const rille_func *func, size_t i) { return (rille_type)func->f->proto->results[i]; }

static rille_status call_with(rille_func *func, const rille_value *args, rille_value *results, u64 *words, rille_error *error) {
    const rl_proto *p = func->f->proto;
    u64 *at = words;
    for (u32 i = 0; i < p->nparams; i++) {
        if (args[i].type != (rille_type)p->params[i]) return fail(error, RILLE_USAGE, "an argument has another type than the parameter");
        to_words(&args[i], at);
        at += words_of(p->params[i]);
    }
    rille_status s = call_words(func->store, func->inst, func->f, words, words, error);
    if (!s) all_from_words(func->store, p->results, p->nresults, words, results);
    return s;
}

rille_status rille_call(rille_func *func, const rille_value *args, size_t nargs, rille_value *results, size_t nresults,
                        rille_error *error) {
    if (!func) return fail(error, RILLE_USAGE, "no function to call");
    const rl_proto *p = func->f->proto;
    if (nargs != p->nparams || nresults != p->nresults)
        return fail(error, RILLE_USAGE, "counts of arguments or results do not match the function");
    u64 few[2 * FEW], *words = few;
    if (RL_MAX(nargs, nresults) > FEW) words = malloc(RL_MAX(nargs, nresults) * 2 * sizeof *words);
    if (!words) return fail_nomem(error);
    rille_status s = call_with(func, args, results, words, error);
    if (words != few) free(words);
    return s;
}

/* ---- memories and globals ---- */

void *rille_memory_data(rille_memory *memory, size_t *size) {
    rl_memory *m = (rl_memory *)memory;
    if (size) *size = m->bytes;
    return m->base;
}

static u8 *range(rille_memory *memory, u64 offset, size_t n) {
    rl_memory *m = (rl_memory *)memory;
    return offset <= m->bytes && n <= m->bytes - offset ? m->base + offset : NULL;
}

bool rille_memory_read(rille_memory *memory, uint64_t offset, void *to, size_t n) {
    const u8 *p = range(memory, offset, n);
    if (p && n) memcpy(to, p, n);
    return p != NULL;
}

bool rille_memory_write(rille_memory *memory, uint64_t offset, const void *from, size_t n) {
    u8 *p = range(memory, offset, n);
    if (p && n) memcpy(p, from, n);
    return p != NULL;
}

int64_t rille_memory_grow(rille_memory *memory, uint64_t pages) { return rl_memory_grow((rl_memory *)memory, pages); }

rille_value rille_global_get(const rille_global *global) {
    u64 words[2] = { global->cell->u64 };
    return from_words(global->store, global->type.type, words);
}

rille_status rille_global_set(rille_global *global, rille_value value, rille_error *error) {
    if (!global->type.mut) return fail(error, RILLE_USAGE, "the global is immutable");
    if (value.type != (rille_type)global->type.type) return fail(error, RILLE_USAGE, "the global has another type");
    u64 words[2];
    to_words(&value, words);
    global->cell->u64 = words[0];
    return RILLE_OK;
}
