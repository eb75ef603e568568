/* The `run` command: turns options into a runtime configuration, runs the module, reports what it took.
 *
 * Owns the lists it builds for the configuration until the run is over; main thread only. What a program may see is
 * decided here and only here: the runtime grants what the configuration says and no more. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jit/code.h"
#include "src/base/utf8.h"
#include "src/cli/cli.h"
#include "src/rt.h"

/* Everything a configuration borrows. All zero is empty. */
typedef struct grants {
    rl_rt_dir *dirs; u32 ndirs;
    char **dir_texts;          /* owned copies that dirs point into */
    const char **env; u32 nenv;
    u64 *vals; u32 nvals;      /* --invoke: arguments as words */
} grants;

static void grants_fini(grants *g) {
    for (u32 i = 0; g->dir_texts && i < g->ndirs; i++) free(g->dir_texts[i]);
    free(g->dir_texts);
    free(g->dirs);
    free(g->env);
    free(g->vals);
    *g = (grants){0};
}

/* ---- directories and environment ---- */

/* Splits HOST[::GUEST][:ro] in place. */
static bool parse_dir(char *text, rl_rt_dir *out) {
    size_t len = strlen(text);
    if (len > 3 && !strcmp(text + len - 3, ":ro")) {
        text[len - 3] = 0;
        out->readonly = true;
    }
    char *sep = strstr(text, "::");
    if (sep) *sep = 0;
    out->host = text;
    out->guest = sep ? sep + 2 : text;
    return *out->host && *out->guest;
}

static rl_err grant_dirs(const rl_args *a, grants *g) {
    u32 max = a->dir.n + 1;
    g->dirs = calloc(max, sizeof *g->dirs);
    g->dir_texts = calloc(max, sizeof *g->dir_texts);
    if (!g->dirs || !g->dir_texts) return RL_ERR_NOMEM;
    if (!a->isolated) g->dirs[g->ndirs++] = (rl_rt_dir){".", ".", false};
    for (u32 i = 0; i < a->dir.n; i++) {
        u32 at = g->ndirs++;
        if (!(g->dir_texts[at] = strdup(a->dir.v[i]))) return RL_ERR_NOMEM;
        if (!parse_dir(g->dir_texts[at], &g->dirs[at])) {
            rl_cli_usage("--dir wants HOST[::GUEST][:ro], not \"%s\"", a->dir.v[i]);
            return RL_ERR_USAGE;
        }
    }
    return RL_OK;
}

static size_t name_len(const char *variable) { return strcspn(variable, "="); }

/* Adds NAME=VALUE; a variable given again replaces the earlier one. */
static void put_env(grants *g, const char *variable) {
    size_t n = name_len(variable);
    for (u32 i = 0; i < g->nenv; i++)
        if (name_len(g->env[i]) == n && !memcmp(g->env[i], variable, n)) {
            g->env[i] = variable;
            return;
        }
    g->env[g->nenv++] = variable;
}

/* rille's own "NAME=VALUE", or NULL. */
static const char *own_env(const char *name) {
    size_t n = strlen(name);
    for (char **e = environ; *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=') return *e;
    return NULL;
}

static rl_err grant_env(const rl_args *a, grants *g) {
    u32 n = a->env.n;
    for (char **e = environ; *e; e++) n++;
    if (!(g->env = calloc(n + 1, sizeof *g->env))) return RL_ERR_NOMEM;
    for (char **e = environ; *e && !a->isolated; e++)
        /* what is not text cannot be given to every guest language; the old runtime crashed on it */
        if (rl_utf8_valid(*e, strlen(*e)) && strchr(*e, '=')) g->env[g->nenv++] = *e;
    for (u32 i = 0; i < a->env.n; i++) {
        const char *text = a->env.v[i], *variable = strchr(text, '=') ? text : own_env(text);
        if (!*text || *text == '=') {
            rl_cli_usage("--env wants NAME[=VALUE], not \"%s\"", text);
            return RL_ERR_USAGE;
        }
        if (variable) put_env(g, variable);
    }
    return RL_OK;
}

static rl_err grant_rights(const rl_args *a, rl_rt_config *c) {
    c->no_spawn = c->no_compile = c->no_configs = c->no_net = a->isolated;
    if (a->net) c->no_net = false;
    const struct { const char *name; bool *denied; } rights[] = {
        {"spawn", &c->no_spawn}, {"compile", &c->no_compile}, {"config", &c->no_configs}};
    for (u32 i = 0; i < a->allow.n; i++) {
        size_t r = 0;
        while (r < RL_LEN(rights) && strcmp(rights[r].name, a->allow.v[i])) r++;
        if (r == RL_LEN(rights)) {
            rl_cli_usage("--allow is one of spawn, compile, config, not \"%s\"", a->allow.v[i]);
            return RL_ERR_USAGE;
        }
        *rights[r].denied = false;
    }
    return RL_OK;
}

/* ---- --invoke: words in, lines out ---- */

static bool parse_int(const char *text, bool is32, u64 *out) {
    char *end;
    errno = 0;
    bool negative = *text == '-';
    u64 v = negative ? (u64)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    if (end == text || *end || errno) return false;
    if (is32 && (negative ? (i64)v < INT32_MIN : v > UINT32_MAX)) return false;
    *out = is32 ? (u32)v : v;
    return true;
}

static bool parse_float(const char *text, bool is32, u64 *out) {
    char *end;
    double d = strtod(text, &end);
    if (end == text || *end) return false;
    if (is32) {
        float f = strtof(text, NULL); /* not by way of a double: that would round twice */
        *out = 0;
        memcpy(out, &f, 4);
    } else {
        memcpy(out, &d, 8);
    }
    return true;
}

/* One parameter; v128 as 0x and 32 hexadecimal digits, most significant first. */
static bool parse_val(const char *text, rl_type t, u64 *out) {
    if (rl_type_is_ref(t)) {
        out[0] = 0;
        return !strcmp(text, "null");
    }
    if (t != RL_V128) return rl_type_is_fp(t) ? parse_float(text, t == RL_F32, out) : parse_int(text, t == RL_I32, out);
    if (strlen(text) != 34 || strncmp(text, "0x", 2)) return false;
    char high[19] = "0x", low[19] = "0x";
    memcpy(high + 2, text + 2, 16);
    memcpy(low + 2, text + 18, 16);
    return parse_int(high, false, &out[1]) && parse_int(low, false, &out[0]);
}

static rl_err invoke_args(const rl_args *a, const rl_module *m, grants *g, rl_diag *d) {
    const rl_export *x = rl_module_export(m, a->invoke, strlen(a->invoke));
    if (!x || x->kind != RL_KIND_FUNC) return rl_diag_set(d, RL_ERR_NOTFOUND, "exports no function \"%s\"", a->invoke);
    const rl_proto *p = rl_module_proto(m, x->index);
    char type[200];
    u32 n = (u32)a->noperands - 1;
    if (n != p->nparams)
        return rl_diag_set(d, RL_ERR_USAGE, "%s takes %u arguments, not %u: %s", a->invoke, p->nparams, n,
                           rl_proto_text(p, type, sizeof type));
    if (!(g->vals = calloc(2 * (size_t)n + 1, sizeof *g->vals))) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    for (u32 i = 0; i < n; i++) {
        if (!parse_val(a->operands[i + 1], (rl_type)p->params[i], &g->vals[g->nvals]))
            return rl_diag_set(d, RL_ERR_USAGE, "%s: argument %u is no %s: \"%s\"", a->invoke, i + 1,
                               rl_type_text((rl_type)p->params[i]), a->operands[i + 1]);
        g->nvals += p->params[i] == RL_V128 ? 2 : 1;
    }
    return RL_OK;
}

static void print_results(void *env, const rl_proto *p, const u64 *vals) {
    (void)env;
    char text[40];
    for (u32 i = 0; i < p->nresults; i++, vals++) {
        float f;
        double d;
        memcpy(&f, vals, 4);
        memcpy(&d, vals, 8);
        switch (p->results[i]) {
        case RL_I32: printf("%d\n", (i32)*vals); break;
        case RL_I64: printf("%lld\n", (long long)*vals); break;
        case RL_F32: printf("%s\n", rl_cli_float(f, true, text, sizeof text)); break;
        case RL_F64: printf("%s\n", rl_cli_float(d, false, text, sizeof text)); break;
        case RL_V128:
            printf("0x%016llx%016llx\n", (unsigned long long)vals[1], (unsigned long long)vals[0]);
            vals++;
            break;
        default: printf("%s\n", *vals ? rl_type_text((rl_type)p->results[i]) : "null");
        }
    }
    fflush(stdout);
}

/* ---- --stats ---- */

static void print_stats(const rl_rt_stats *s, const rl_module *m) {
    rl_compile_stats c = {0};
    for (size_t i = 0; i < RL_LEN(m->code); i++) {
        const rl_code *code = atomic_load(&m->code[i]);
        const rl_compile_stats *one = code ? rl_code_stats(code) : &(rl_compile_stats){0};
        c.native_bytes += one->native_bytes, c.functions += one->functions;
        c.validate_ns += one->validate_ns, c.compile_ns += one->compile_ns;
    }
    struct rusage u = {0};
    getrusage(RUSAGE_SELF, &u);
    fprintf(stderr, "fuel: %llu\n", (unsigned long long)s->fuel);
    fprintf(stderr, "memory: %llu bytes of linear memory at most, %ld KiB resident\n", (unsigned long long)s->memory_peak,
            u.ru_maxrss);
    fprintf(stderr, "compile: %.3f ms for %llu functions, %llu native bytes; validate: %.3f ms\n", (double)c.compile_ns / 1e6,
            (unsigned long long)c.functions, (unsigned long long)c.native_bytes, (double)c.validate_ns / 1e6);
    fprintf(stderr, "time: %.3f ms\n", (double)s->wall_ns / 1e6);
    const struct { const char *name; u64 n; } counts[] = {
        {"processes", s->processes}, {"processes alive at most", s->processes_peak}, {"failures", s->failures},
        {"messages", s->messages}, {"slices", s->slices}, {"yields", s->yields}, {"parks", s->parks}, {"steals", s->steals},
        {"timers", s->timers}, {"polls", s->polls}, {"modules", s->modules}};
    for (size_t i = 0; i < RL_LEN(counts); i++) fprintf(stderr, "%s: %llu\n", counts[i].name, (unsigned long long)counts[i].n);
}

/* ---- the run ---- */

static void configure(const rl_args *a, rl_rt_config *c) {
    if (rl_args_given(a, RL_OPT_max_memory)) c->max_memory = a->max_memory;
    if (rl_args_given(a, RL_OPT_max_stack)) c->max_stack = a->max_stack;
    if (rl_args_given(a, RL_OPT_fuel)) c->max_fuel = a->fuel;
    if (rl_args_given(a, RL_OPT_timeout)) c->timeout_ns = (u64)(a->timeout * 1e9) + 1;
    if (rl_args_given(a, RL_OPT_workers)) c->workers = (unsigned)a->workers;
    if (rl_args_given(a, RL_OPT_slice)) c->slice = (i64)a->slice;
    c->memory = (rl_memory_choice)a->memory;
    c->compile = (rl_compile_mode)a->compile;
    c->handle_signals = true;
    c->leave = true;
    c->entry = a->invoke;
    rl_compile_defaults.max_regs = (u8)a->max_regs;
    rl_compile_defaults.worst_annotations = a->worst;
    if (a->perf_map) rl_code_perf_map(true);
}

/* Guests see the file's name without its directory. */
static const char *program_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int run_module(const rl_args *a, rl_module *m, const grants *g, rl_rt_config *c) {
    char *path = a->operands[0];
    rl_diag d = {0};
    rl_rt_stats stats = {0};
    a->operands[0] = (char *)program_name(path);
    c->args = (const char *const *)a->operands, c->nargs = (u32)a->noperands;
    c->dirs = g->dirs, c->ndirs = g->ndirs;
    c->env = g->env, c->nenv = g->nenv;
    c->entry_args = g->vals, c->nentry_args = g->nvals;
    c->results = a->invoke ? print_results : NULL;
    c->stats = &stats;
    int status = rl_rt_run(c, m, &d);
    if (d.code) rl_cli_complain(path, &d);
    if (a->stats) print_stats(&stats, m);
    return status;
}

/* The module is the caller's. */
static rl_err load_module(const char *path, rl_module **m, rl_diag *d) {
    u8 *bytes = NULL;
    size_t size;
    rl_err e = rl_cli_load(path, &bytes, &size, d);
    return e ? e : rl_module_take(bytes, size, m, d);
}

/* The module stays: its code and memory go faster with the process than one by one. */
static rl_module *volatile kept;

int rl_cli_run(const rl_args *a) {
    grants g = {0};
    rl_rt_config c = rl_rt_defaults();
    rl_module *m = NULL;
    rl_diag d = {0};
    configure(a, &c);
    rl_err e = grant_dirs(a, &g);
    if (!e) e = grant_env(a, &g);
    if (!e) e = grant_rights(a, &c);
    if (!e) e = load_module(a->operands[0], &m, &d);
    if (!e && a->invoke) e = invoke_args(a, m, &g, &d);
    int status = e == RL_ERR_USAGE ? RL_STATUS_USAGE : RL_STATUS_FAILED;
    if (!e) status = run_module(a, m, &g, &c);
    else if (d.code || e != RL_ERR_USAGE) rl_diag_set(&d, e, "%s", rl_err_text(e)), rl_cli_complain(a->operands[0], &d);
    kept = m;
    grants_fini(&g);
    return status;
}
