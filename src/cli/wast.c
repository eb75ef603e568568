/* The `wast` command: runs scripts that `wasm-tools json-from-wast` made of the official suite.
 *
 * Owns, per script, a store, the instances by name and by registration, and one exec to run them on. Main thread only.
 * An assertion counts as passed or failed, nothing is skipped but modules in text format; a module that cannot be
 * loaded counts as a failure too. The text format was not taken as input, because its parser exists already. */
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "jit/engine.h"
#include "jit/instance.h"
#include "jit/trap.h"
#include "src/base/os.h"
#include "src/cli/cli.h"
#include "src/cli/json.h"
#include "src/cli/spectest.h"

#define STACK_SIZE ((size_t)1 << 20)
#define MAX_ARGS 64
#define DEFAULT_SLICE 10000000

typedef struct named { char *name; rl_instance *inst; } named;
typedef struct names { named *v; u32 n, cap; } names;

typedef struct script {
    const char *path;
    char *folder;
    i64 line;
    i64 slice;
    bool show_fuel;
    rl_compile_mode compile;
    rl_store *store;
    rl_spectest spectest;
    rl_instance *last;
    names modules, registered, definitions; /* definitions: modules not yet instantiated, see defined */
    rl_module **defined;
    rl_module *last_defined;
    rl_exec x;
    u64 passed, failed;
} script;

/* ---- results of one step ---- */

static void fail(script *s, const char *fmt, ...) RL_PRINTF(2, 3);
static void fail(script *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    printf("%s:%lld: ", s->path, (long long)s->line);
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    s->failed++;
}

static bool put_name(names *t, const char *name, rl_instance *inst) {
    for (u32 i = 0; i < t->n; i++)
        if (!strcmp(t->v[i].name, name)) {
            t->v[i].inst = inst;
            return true;
        }
    if (t->n == t->cap) {
        u32 cap = t->cap * 2 + 8;
        named *v = realloc(t->v, cap * sizeof *v);
        if (!v) return false;
        t->v = v;
        t->cap = cap;
    }
    t->v[t->n] = (named){ strdup(name), inst };
    return t->v[t->n++].name != NULL;
}

static rl_instance *get_name(const names *t, const char *name, size_t len) {
    for (u32 i = 0; i < t->n; i++)
        if (strlen(t->v[i].name) == len && !memcmp(t->v[i].name, name, len)) return t->v[i].inst;
    return NULL;
}

static void names_fini(names *t) {
    for (u32 i = 0; i < t->n; i++) free(t->v[i].name);
    free(t->v);
    *t = (names){ 0 };
}

/* ---- modules ---- */

static bool resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out) {
    script *s = env;
    (void)m;
    rl_instance *i = get_name(&s->registered, imp->module.p, imp->module.len);
    if (i) return rl_instance_export(i, imp->name.p, imp->name.len, out);
    bool spectest = imp->module.len == 8 && !memcmp(imp->module.p, "spectest", 8);
    return spectest && rl_spectest_find(&s->spectest, imp->name, out);
}

/* The file's bytes; text modules only where their binary form is given. */
static rl_err load(script *s, const rl_json *cmd, rl_module **m, rl_diag *d) {
    *m = NULL;
    const char *file = rl_json_str(cmd, "binary_filename");
    if (!file) file = rl_json_str(cmd, "filename");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", s->folder, file ? file : "");
    u8 *bytes;
    size_t size;
    RL_TRY(rl_cli_read(path, &bytes, &size, d));
    rl_err e = rl_module_new(bytes, size, m, d);
    free(bytes);
    return e;
}

static void show_fuel(const script *s, u64 spent, rl_exit why) {
    printf("%s:%lld: fuel %llu", s->path, (long long)s->line, (unsigned long long)spent);
    if (why == RL_EXIT_TRAP) printf(", %s", rl_trap_text(s->x.trap));
    putchar('\n');
}

/* Runs a prepared call to its end. */
static rl_exit run(script *s) {
    rl_exit why;
    u64 before = s->x.fuel_spent;
    do why = rl_exec_resume(&s->x, s->slice);
    while (why == RL_EXIT_YIELD);
    if (s->show_fuel) show_fuel(s, s->x.fuel_spent - before, why);
    return why;
}

/* Instantiates and runs the start function; RL_ERR_TRAP for a trap in either. */
static rl_err instantiate(script *s, rl_module *m, rl_instance **out, rl_diag *d) {
    rl_func *start;
    rl_code *code;
    RL_TRY(rl_code_get(m, rl_store_settings(s->store)->flavour, s->compile, 1, &code, d));
    RL_TRY(rl_instance_new(s->store, m, resolve, s, out, &start, d));
    if (!start) return RL_OK;
    s->x.inst = *out;
    RL_TRY(rl_exec_call(&s->x, start, NULL));
    if (run(s) == RL_EXIT_TRAP) return rl_diag_set(d, RL_ERR_TRAP, "%s", rl_trap_text(s->x.trap));
    return RL_OK;
}

static void do_module(script *s, const rl_json *cmd) {
    rl_module *m;
    rl_diag d = { 0 };
    const char *name = rl_json_str(cmd, "name");
    s->last = NULL;
    rl_err e = load(s, cmd, &m, &d);
    if (!e) e = instantiate(s, m, &s->last, &d);
    rl_module_put(m);
    if (e) fail(s, "module: %s", d.text);
    else if (name) put_name(&s->modules, name, s->last);
}

/* A module to be instantiated later, perhaps more than once. */
static void do_definition(script *s, const rl_json *cmd) {
    rl_module *m;
    rl_diag d = { 0 };
    const char *name = rl_json_str(cmd, "name");
    if (load(s, cmd, &m, &d)) {
        fail(s, "module definition: %s", d.text);
        return;
    }
    rl_module_put(s->last_defined);
    s->last_defined = rl_module_get(m);
    rl_module **v = name ? realloc(s->defined, (s->definitions.n + 1) * sizeof *v) : NULL;
    if (v) {
        s->defined = v;
        v[s->definitions.n] = rl_module_get(m);
        put_name(&s->definitions, name, NULL);
    }
    rl_module_put(m);
}

static void do_instance(script *s, const rl_json *cmd) {
    const char *of = rl_json_str(cmd, "module"), *as = rl_json_str(cmd, "instance");
    rl_module *m = s->last_defined;
    for (u32 i = 0; of && i < s->definitions.n; i++)
        if (!strcmp(s->definitions.v[i].name, of)) m = s->defined[i];
    rl_diag d = { 0 };
    s->last = NULL;
    if (!m || instantiate(s, m, &s->last, &d)) fail(s, "module instance: %s", d.text);
    else if (as) put_name(&s->modules, as, s->last);
}

static bool text_matches(const char *want, const char *got) {
    return !strncmp(want, got, strlen(got)) || !strncmp(got, want, strlen(want));
}

/* A module that must be refused may also be refused because it would belong to a proposal we name, or breaks one of
 * our limits: the suite of one version calls malformed what a later one defines. */
static bool error_matches(rl_err want, rl_err got) {
    if (want != RL_ERR_MALFORMED && want != RL_ERR_INVALID) return got == want;
    return got == want || got == RL_ERR_UNSUPPORTED || got == RL_ERR_LIMIT;
}

/* assert_malformed, _invalid, _unlinkable, _uninstantiable: which error must come. */
static void do_bad_module(script *s, const rl_json *cmd, rl_err want) {
    const char *type = rl_json_str(cmd, "module_type");
    if (type && !strcmp(type, "text") && !rl_json_get(cmd, "binary_filename")) return;
    rl_module *m = NULL;
    rl_instance *i;
    rl_diag d = { 0 };
    rl_err e = load(s, cmd, &m, &d);
    if (!e && want != RL_ERR_MALFORMED && want != RL_ERR_INVALID) e = instantiate(s, m, &i, &d);
    rl_module_put(m);
    const char *text = rl_json_str(cmd, "text");
    if (e == want && want == RL_ERR_TRAP && !text_matches(text, d.text)) fail(s, "expected \"%s\", got \"%s\"", text, d.text);
    else if (error_matches(want, e)) s->passed++;
    else fail(s, "expected %s (%s), got %s: %s", rl_err_text(want), text, rl_err_text(e), d.text);
}

/* ---- values ---- */

/* Host references are numbers in scripts; none of them may look like null. */
static u64 extern_ref(const char *text) { return strtoull(text, NULL, 10) + 1; }

static u32 lane_bits(const char *type) {
    if (!strcmp(type, "i8")) return 8;
    if (!strcmp(type, "i16")) return 16;
    return strchr(type, '6') ? 64 : 32;
}

/* Bits of an argument, one word or two; the words used. */
static u32 parse_arg(const rl_json *v, u64 *out) {
    const char *type = rl_json_str(v, "type"), *text = rl_json_str(v, "value");
    if (!strcmp(type, "v128")) {
        const rl_json *lanes = rl_json_get(v, "value");
        u32 bits = lane_bits(rl_json_str(v, "lane_type"));
        out[0] = out[1] = 0;
        for (u32 i = 0; i < 128 / bits; i++) {
            u64 lane = strtoull(rl_json_text(rl_json_at(lanes, i)), NULL, 10);
            if (bits < 64) lane &= ((u64)1 << bits) - 1;
            out[i * bits / 64] |= lane << (i * bits % 64);
        }
        return 2;
    }
    if (!strcmp(type, "externref")) *out = strcmp(text, "null") ? extern_ref(text) : 0;
    else if (!strcmp(type, "funcref")) *out = 0;
    else if (!strcmp(type, "i32") || !strcmp(type, "f32")) *out = (u32)strtoll(text, NULL, 10);
    else *out = text[0] == '-' ? (u64)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
    return 1;
}

/* A float's bits against a pattern: exact bits, or a class of NaNs (spec 4.3.3). */
static bool float_matches(const char *want, u64 got, u32 bits) {
    u64 quiet = bits == 32 ? 0x7fc00000u : 0x7ff8000000000000u;
    u64 magnitude = got & (bits == 32 ? 0x7fffffffu : 0x7fffffffffffffffu);
    if (!strcmp(want, "nan:canonical")) return magnitude == quiet;
    if (!strcmp(want, "nan:arithmetic")) return (got & quiet) == quiet;
    return strtoull(want, NULL, 10) == got;
}

static bool lanes_match(const rl_json *v, const u64 *got) {
    const char *type = rl_json_str(v, "lane_type");
    u32 bits = lane_bits(type);
    for (u32 i = 0; i < 128 / bits; i++) {
        u64 lane = got[i * bits / 64] >> (i * bits % 64);
        if (bits < 64) lane &= ((u64)1 << bits) - 1;
        const char *text = rl_json_text(rl_json_at(rl_json_get(v, "value"), i));
        u64 want = strtoull(text, NULL, 10);
        if (bits < 64) want &= ((u64)1 << bits) - 1;
        if (type[0] == 'f' ? !float_matches(text, lane, bits) : want != lane) return false;
    }
    return true;
}

static bool value_matches(const rl_json *v, const u64 *got) {
    const char *type = rl_json_str(v, "type"), *text = rl_json_str(v, "value");
    if (!strcmp(type, "either")) {
        const rl_json *choices = rl_json_get(v, "values");
        for (size_t i = 0; i < rl_json_size(choices); i++)
            if (value_matches(rl_json_at(choices, i), got)) return true;
        return false;
    }
    if (!strcmp(type, "v128")) return lanes_match(v, got);
    if (!strcmp(type, "f32")) return float_matches(text, (u32)*got, 32) && *got <= UINT32_MAX;
    if (!strcmp(type, "f64")) return float_matches(text, *got, 64);
    if (strstr(type, "ref")) {
        if (!text) return *got != 0;
        return *got == (strcmp(text, "null") ? extern_ref(text) : 0);
    }
    u64 want;
    parse_arg(v, &want);
    return want == *got;
}

static u32 words_of(const rl_json *v) {
    const char *type = rl_json_str(v, "type");
    return type && !strcmp(type, "v128") ? 2 : 1;
}

/* ---- actions ---- */

typedef struct answer { rl_exit why; u64 vals[MAX_ARGS * 2]; u32 n; } answer;

static bool call(script *s, rl_instance *i, rl_func *f, const rl_json *args, answer *a) {
    u64 in[MAX_ARGS * 2] = { 0 };
    u32 n = 0;
    for (size_t k = 0; k < rl_json_size(args) && k < MAX_ARGS; k++) n += parse_arg(rl_json_at(args, k), in + n);
    s->x.inst = i;
    if (rl_json_size(args) != f->proto->nparams || f->proto->nresults > MAX_ARGS || rl_exec_call(&s->x, f, in)) {
        fail(s, "the call cannot be made");
        return false;
    }
    a->why = run(s);
    a->n = 0;
    for (u32 k = 0; k < f->proto->nresults; k++) a->n += f->proto->results[k] == RL_V128 ? 2 : 1;
    for (u32 k = 0; a->why == RL_EXIT_DONE && k < a->n; k++) a->vals[k] = rl_exec_result(&s->x, k);
    return true;
}

/* false after reporting that the action itself is impossible. */
static bool act(script *s, const rl_json *action, answer *a) {
    const char *module = rl_json_str(action, "module"), *field = rl_json_str(action, "field");
    size_t len = rl_json_len(rl_json_get(action, "field"));
    rl_instance *i = module ? get_name(&s->modules, module, strlen(module)) : s->last;
    rl_extern x;
    if (!i || !field || !rl_instance_export(i, field, len, &x)) {
        fail(s, "no module or export \"%s\" to use", field ? field : "");
        return false;
    }
    if (x.kind == RL_KIND_FUNC) return call(s, i, x.func, rl_json_get(action, "args"), a);
    if (x.kind != RL_KIND_GLOBAL) {
        fail(s, "\"%s\" is neither function nor global", field);
        return false;
    }
    bool narrow = x.global.type.type == RL_I32 || x.global.type.type == RL_F32;
    *a = (answer){ RL_EXIT_DONE, { narrow ? x.global.cell->u32 : x.global.cell->u64 }, 1 };
    return true;
}

static void do_return(script *s, const rl_json *cmd) {
    answer a;
    const rl_json *want = rl_json_get(cmd, "expected"), *action = rl_json_get(cmd, "action");
    if (!act(s, action, &a)) return;
    if (a.why != RL_EXIT_DONE) {
        fail(s, "%s: trap: %s", rl_json_str(action, "field"), rl_trap_text(s->x.trap));
        return;
    }
    u32 at = 0;
    for (size_t k = 0; k < rl_json_size(want); k++) {
        const rl_json *v = rl_json_at(want, k);
        if (at >= a.n || !value_matches(v, &a.vals[at])) {
            const char *text = rl_json_str(v, "value");
            fail(s, "%s: result %zu is 0x%llx, expected %s %s", rl_json_str(action, "field"), k,
                 at < a.n ? (unsigned long long)a.vals[at] : 0, rl_json_str(v, "type"), text ? text : "…");
            return;
        }
        at += words_of(v);
    }
    if (want && at != a.n) fail(s, "%u results, expected %u", a.n, at);
    else s->passed++;
}

static void do_trap(script *s, const rl_json *cmd) {
    answer a;
    const char *text = rl_json_str(cmd, "text"), *field = rl_json_str(rl_json_get(cmd, "action"), "field");
    if (!act(s, rl_json_get(cmd, "action"), &a)) return;
    if (a.why != RL_EXIT_TRAP) fail(s, "%s: no trap, expected \"%s\"", field, text);
    else if (!text_matches(text, rl_trap_text(s->x.trap))) fail(s, "%s: trap \"%s\", expected \"%s\"", field, rl_trap_text(s->x.trap), text);
    else s->passed++;
}

static void do_action(script *s, const rl_json *cmd) {
    answer a;
    if (act(s, rl_json_get(cmd, "action"), &a) && a.why != RL_EXIT_DONE) fail(s, "trap: %s", rl_trap_text(s->x.trap));
}

static void do_register(script *s, const rl_json *cmd) {
    const char *name = rl_json_str(cmd, "name"), *as = rl_json_str(cmd, "as");
    rl_instance *i = name ? get_name(&s->modules, name, strlen(name)) : s->last;
    if (!i || !put_name(&s->registered, as, i)) fail(s, "no module to register as \"%s\"", as);
}

static void do_unlinkable(script *s, const rl_json *cmd) { do_bad_module(s, cmd, RL_ERR_LINK); }
static void do_uninstantiable(script *s, const rl_json *cmd) { do_bad_module(s, cmd, RL_ERR_TRAP); }
static void do_invalid(script *s, const rl_json *cmd) { do_bad_module(s, cmd, RL_ERR_INVALID); }
static void do_malformed(script *s, const rl_json *cmd) { do_bad_module(s, cmd, RL_ERR_MALFORMED); }

static const struct { const char *type; void (*run)(script *, const rl_json *); } commands[] = {
    { "module", do_module }, { "module_definition", do_definition }, { "module_instance", do_instance },
    { "register", do_register }, { "action", do_action }, { "assert_return", do_return }, { "assert_trap", do_trap },
    { "assert_exhaustion", do_trap }, { "assert_invalid", do_invalid }, { "assert_malformed", do_malformed },
    { "assert_unlinkable", do_unlinkable }, { "assert_uninstantiable", do_uninstantiable },
};

static void run_command(script *s, const rl_json *cmd) {
    const char *type = rl_json_str(cmd, "type");
    s->line = rl_json_int(rl_json_get(cmd, "line"));
    for (u32 i = 0; i < RL_LEN(commands); i++)
        if (type && !strcmp(type, commands[i].type)) {
            commands[i].run(s, cmd);
            return;
        }
    fail(s, "unknown command \"%s\"", type ? type : "");
}

/* ---- scripts ---- */

static void script_fini(script *s) {
    rl_store_free(s->store);
    for (u32 i = 0; i < s->definitions.n; i++) rl_module_put(s->defined[i]);
    rl_module_put(s->last_defined);
    free(s->defined);
    names_fini(&s->modules);
    names_fini(&s->registered);
    names_fini(&s->definitions);
    free(s->folder);
    rl_os_unmap(s->x.stack, STACK_SIZE);
}

static rl_err script_init(script *s, const rl_args *a, const char *path, rl_diag *d) {
    rl_store_config c = { rl_flavour_pick(a->memory != 2), UINT64_MAX, 100000000 };
    *s = (script){ .path = path, .slice = a->slice ? (i64)a->slice : DEFAULT_SLICE, .show_fuel = a->show_fuel,
                   .compile = (rl_compile_mode)a->compile };
    char *copy = strdup(path);
    void *stack = rl_os_map(STACK_SIZE);
    rl_exec_init(&s->x, stack, STACK_SIZE, NULL);
    if (!copy || !stack || rl_store_new(&c, &s->store) || rl_spectest_init(&s->spectest, s->store)) {
        free(copy);
        return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    }
    s->folder = strdup(dirname(copy));
    free(copy);
    return s->folder ? RL_OK : rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
}

static bool run_script(const rl_args *a, const char *path, u64 *passed, u64 *failed) {
    script s;
    rl_json *j = NULL;
    rl_diag d = { 0 };
    rl_err e = script_init(&s, a, path, &d);
    if (!e) e = rl_json_load(path, &j, &d);
    const rl_json *list = rl_json_get(j, "commands");
    for (size_t i = 0; !e && i < rl_json_size(list); i++) run_command(&s, rl_json_at(list, i));
    *passed += s.passed;
    *failed += s.failed;
    if (e) rl_cli_complain(path, &d);
    rl_json_free(j);
    script_fini(&s);
    return !e;
}

int rl_cli_wast(const rl_args *a) {
    rl_diag d = { 0 };
    rl_compile_defaults.max_regs = (u8)a->max_regs;
    rl_compile_defaults.worst_annotations = a->worst;
    rl_exec_poison = a->slice == 1;
    if (rl_engine_init(&d)) return rl_cli_complain(NULL, &d);
    u64 passed = 0, failed = 0;
    bool ok = true;
    for (int i = 0; i < a->noperands; i++) ok &= run_script(a, a->operands[i], &passed, &failed);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return ok && !failed ? 0 : RL_STATUS_FAILED;
}
