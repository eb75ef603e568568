/* Owns nothing beyond one run: a store, a native stack and the records of imports, all freed at its end. One thread.
 *
 * Everything written down is defined by the specification or by our own promise of exact fuel, so any difference
 * between two modes is a bug, with three exceptions that end the comparison: how deep the stack goes, how long a
 * program may run, and memory the machine does not have. NaNs are written as "nan", since their bits are free. */
#include "fuzz/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "jit/builtin.h"
#include "jit/trap.h"

enum { STACK_BYTES = 4 << 20, MAX_IMPORTS = 200, ROUNDS = 2 };
#define BUDGET 1000000  /* instructions per call */
#define MAX_MEMORY (64u << 20)

#define BIG INT64_MAX / 4
const play_mode play_modes[] = {
    {"guarded", RL_FLAVOUR_GUARDED_GS, {0}, RL_COMPILE_EAGER, BIG},
    {"checked", RL_FLAVOUR_CHECKED, {0}, RL_COMPILE_EAGER, BIG},
    {"guarded-no-segment", RL_FLAVOUR_GUARDED, {0}, RL_COMPILE_EAGER, BIG},
    {"guarded-worst", RL_FLAVOUR_GUARDED_GS, {.worst_annotations = true}, RL_COMPILE_EAGER, BIG},
    {"guarded-4-registers", RL_FLAVOUR_GUARDED_GS, {.max_regs = 4}, RL_COMPILE_EAGER, BIG},
    {"checked-4-registers-worst", RL_FLAVOUR_CHECKED, {.worst_annotations = true, .max_regs = 4}, RL_COMPILE_EAGER, BIG},
    {"guarded-slice-1", RL_FLAVOUR_GUARDED_GS, {0}, RL_COMPILE_EAGER, 1},
    {"checked-slice-1-lazy", RL_FLAVOUR_CHECKED, {0}, RL_COMPILE_LAZY, 1},
};
const unsigned play_nmodes = RL_LEN(play_modes);

/* The same table is in differ.py. */
static const i64 samples[] = {0, 1, -1, 7, 0x7fffffff, INT64_MIN, 0x80000000ll, 100, -5, 0x123456789abcdefll, 64};

typedef struct import { /* of a function */
    rl_func func;
    rl_proto *proto;
    u32 index;
} import;

typedef struct run {
    const play_mode *mode;
    rl_module *module;
    rl_store *store;
    rl_instance *instance;
    rl_exec exec;
    rl_host *host;
    FILE *out;
    import *imports;
    rl_cell *cells; /* of imported globals */
    u32 nimports, ncells;
    bool stopped;
} run;

static u64 sample_arg(u8 type, u32 at) {
    i64 v = samples[at % RL_LEN(samples)];
    u64 bits = 0;
    double d = (double)v / 4;
    float f = (float)d;
    switch (type) {
    case RL_I32: return (u32)v;
    case RL_I64: return (u64)v;
    case RL_F32: memcpy(&bits, &f, 4); return bits;
    case RL_F64: memcpy(&bits, &d, 8); return bits;
    default: return 0; /* null reference */
    }
}

static void write_value(FILE *out, u8 type, u64 v) {
    double d;
    float f;
    switch (type) {
    case RL_I32: fprintf(out, " %u", (u32)v); break;
    case RL_I64: fprintf(out, " %llu", (unsigned long long)v); break;
    case RL_F32:
        memcpy(&f, &v, 4);
        if (f != f) fputs(" nan", out);
        else fprintf(out, " %u", (u32)v);
        break;
    case RL_F64:
        memcpy(&d, &v, 8);
        if (d != d) fputs(" nan", out);
        else fprintf(out, " %llu", (unsigned long long)v);
        break;
    default: fputs(v ? " ref" : " null", out);
    }
}

static const char *trap_name(u32 trap) {
    switch (trap) {
#define TRAP(name, text) case RL_TRAP_##name: return #name;
#include "jit/trap.def"
#undef TRAP
    }
    return "?";
}

/* An imported function: its results depend on its place and its integer arguments only. */
static void call_import(void *env, rl_exec *x, u64 *slots) {
    (void)x;
    import *i = env;
    u64 sum = i->index + 1;
    for (u32 k = 0; k < i->proto->nparams; k++)
        if (i->proto->params[k] <= RL_I64) sum = sum * 31 + (i->proto->params[k] == RL_I32 ? (u32)slots[k] : slots[k]);
    for (u32 k = 0; k < i->proto->nresults; k++)
        slots[k] = i->proto->results[k] == RL_I32   ? (u32)sum
                   : i->proto->results[k] == RL_I64 ? sum
                                                    : sample_arg(i->proto->results[k], (u32)(sum & 7) + k);
}

static bool resolve_func(run *r, const rl_import *imp, rl_extern *out) {
    import *i = &r->imports[r->nimports++];
    i->index = imp->index;
    i->proto = r->module->funcs[imp->index].proto;
    out->func = &i->func;
    return rl_func_host(&i->func, RL_STUB_GENERIC, (const void *)call_import, i, i->proto, "import") == RL_OK;
}

static bool resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out) {
    run *r = env;
    out->kind = imp->kind;
    switch (imp->kind) {
    case RL_KIND_FUNC: return resolve_func(r, imp, out);
    case RL_KIND_TABLE:
        out->table_type = m->tables[imp->index];
        out->limits = out->table_type.limits;
        return rl_table_new(r->store, &out->table_type, NULL, &out->table) == RL_OK;
    case RL_KIND_MEMORY:
        out->limits = m->memories[imp->index];
        return rl_memory_new(r->store, &out->limits, &out->memory) == RL_OK;
    default:
        out->global.type = m->globals[imp->index].type;
        out->global.cell = &r->cells[r->ncells++];
        out->global.cell->u64 = sample_arg(out->global.type.type, imp->index);
        return true;
    }
}

/* What is checked with the shapes of imports and exports before anything runs. */
static bool playable(const rl_module *m) {
    if (m->nimports > MAX_IMPORTS) return false;
    for (u32 i = 0; i < m->nmemories; i++)
        if (m->memories[i].is64 || m->memories[i].min > MAX_MEMORY / RL_PAGE) return false;
    for (u32 i = 0; i < m->ntables; i++)
        if (m->tables[i].limits.is64 || m->tables[i].limits.min > 100000) return false;
    for (u32 i = 0; i < m->nglobals; i++)
        if (m->globals[i].type.type == RL_V128) return false;
    return true;
}

static bool callable(const rl_proto *p) {
    for (u32 i = 0; i < p->nparams; i++)
        if (p->params[i] == RL_V128) return false;
    for (u32 i = 0; i < p->nresults; i++)
        if (p->results[i] == RL_V128) return false;
    return true;
}

static void stop(run *r, const char *why) {
    fprintf(r->out, "stop %s\n", why);
    r->stopped = true;
}

/* Calls f and writes the lines about it. */
static void call(run *r, const char *label, rl_func *f, u32 salt) {
    u64 args[RL_MAX_VALS] = {0}, before = r->exec.fuel_spent;
    for (u32 k = 0; k < f->proto->nparams && k < RL_MAX_VALS; k++) args[k] = sample_arg(f->proto->params[k], salt + k);
    if (rl_exec_call(&r->exec, f, args)) return stop(r, "arguments");
    rl_exit e;
    do e = rl_exec_resume(&r->exec, RL_MIN(r->mode->slice, BUDGET));
    while (e == RL_EXIT_YIELD && r->exec.fuel_spent - before <= BUDGET);
    if (e == RL_EXIT_YIELD || (e == RL_EXIT_TRAP && r->exec.trap == RL_TRAP_STACK)) {
        rl_exec_reset(&r->exec);
        return stop(r, e == RL_EXIT_YIELD ? "budget" : "stack");
    }
    rl_assert(e != RL_EXIT_PARK); /* no import parks */
    if (r->exec.fuel_spent - before > BUDGET) return stop(r, "budget"); /* a finer slice would have stopped it */
    if (e == RL_EXIT_TRAP) {
        fprintf(r->out, "%s %s\n", label, trap_name(r->exec.trap));
        rl_exec_reset(&r->exec);
    } else {
        fprintf(r->out, "%s ok", label);
        for (u32 k = 0; k < f->proto->nresults; k++) write_value(r->out, f->proto->results[k], r->exec.vals[k]);
        fputc('\n', r->out);
    }
    fprintf(r->out, "fuel %llu\n", (unsigned long long)(r->exec.fuel_spent - before));
}

static u32 crc32_of(const u8 *p, u64 n) {
    static u32 table[256];
    if (!table[1])
        for (u32 i = 0; i < 256; i++) {
            u32 c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
    u32 c = ~0u;
    while (n--) c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return ~c;
}

static void write_table(run *r, const rl_table *t) {
    u32 nulls = 0;
    for (u32 i = 0; i < t->size; i++) nulls += !t->elems[i];
    fprintf(r->out, "table %u %u\n", t->size, nulls);
}

static void write_state(run *r) {
    rl_extern x;
    for (u32 i = 0; i < r->module->nexports; i++) {
        const rl_export *e = &r->module->exports[i];
        if (e->kind == RL_KIND_FUNC || !rl_instance_export(r->instance, e->name.p, e->name.len, &x)) continue;
        if (e->kind == RL_KIND_MEMORY)
            fprintf(r->out, "memory %llu %08x\n", (unsigned long long)(x.memory->bytes / RL_PAGE),
                    crc32_of(x.memory->base, x.memory->bytes));
        if (e->kind == RL_KIND_TABLE) write_table(r, x.table);
        if (e->kind == RL_KIND_GLOBAL) {
            fprintf(r->out, "global %u", i);
            write_value(r->out, x.global.type.type, x.global.cell->u64);
            fputc('\n', r->out);
        }
    }
}

static void call_exports(run *r) {
    rl_extern x;
    for (u32 round = 0; round < ROUNDS; round++)
        for (u32 i = 0; i < r->module->nexports && !r->stopped; i++) {
            const rl_export *e = &r->module->exports[i];
            if (e->kind != RL_KIND_FUNC || !callable(r->module->funcs[e->index].proto)) continue;
            if (!rl_instance_export(r->instance, e->name.p, e->name.len, &x)) continue;
            char label[32];
            snprintf(label, sizeof label, "call %u", i);
            call(r, label, x.func, i + 3 * round);
        }
}

static void play_module(run *r) {
    rl_diag d = {0};
    rl_func *start = NULL;
    rl_store_config c = {.flavour = r->mode->flavour, .max_memory = MAX_MEMORY, .max_table = 100000};
    if (r->mode->flavour == RL_FLAVOUR_GUARDED_GS) c.flavour = rl_flavour_pick(true);
    rl_code *code;
    if (rl_code_get(r->module, c.flavour, r->mode->compile, 1, &code, &d)) {
        fputs("uncompiled\n", r->out);
        return;
    }
    if (rl_store_new(&c, &r->store)) return stop(r, "store");
    rl_err e = rl_instance_new(r->store, r->module, resolve, r, &r->instance, &start, &d);
    if (e == RL_ERR_NOMEM || e == RL_ERR_LIMIT) return stop(r, "memory");
    if (e) {
        fputs(e == RL_ERR_TRAP ? "instantiate trap\n" : "link\n", r->out);
        return;
    }
    if (start) call(r, "start", start, 0);
    call_exports(r);
    if (!r->stopped) write_state(r);
}

static void play_init(void) {
    static bool done;
    if (done) return;
    done = true;
    rl_assert(rl_trap_init() == RL_OK && rl_trap_thread_init() == RL_OK && rl_builtin_init() == RL_OK);
}

char *play(const u8 *bytes, size_t size, const play_mode *mode) {
    play_init();
    char *text = NULL;
    size_t len = 0;
    run r = {.mode = mode, .out = open_memstream(&text, &len)};
    rl_assert(r.out);
    rl_diag d = {0};
    rl_compile_defaults = mode->options;
    if (rl_module_new(bytes, size, &r.module, &d)) {
        fputs("refused\n", r.out);
    } else if (!playable(r.module)) {
        fputs("stop size\n", r.out);
    } else {
        void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        rl_assert(stack != MAP_FAILED);
        r.imports = calloc(r.module->nimports + 1, sizeof *r.imports);
        r.cells = calloc(r.module->nimports + 1, sizeof *r.cells);
        rl_assert(r.imports && r.cells);
        rl_exec_init(&r.exec, stack, STACK_BYTES, r.host);
        play_module(&r);
        rl_store_free(r.store);
        munmap(stack, STACK_BYTES);
    }
    rl_module_put(r.module);
    free(r.imports);
    free(r.cells);
    fclose(r.out);
    return text;
}

const char *play_compare(const char *a, const char *b) {
    while (*a || *b) {
        const char *end_a = strchrnul(a, '\n'), *end_b = strchrnul(b, '\n');
        if (strncmp(a, "stop", 4) == 0 || strncmp(b, "stop", 4) == 0) return NULL;
        if (end_a - a != end_b - b || memcmp(a, b, (size_t)(end_a - a))) return a;
        a = *end_a ? end_a + 1 : end_a;
        b = *end_b ? end_b + 1 : end_b;
    }
    return NULL;
}
