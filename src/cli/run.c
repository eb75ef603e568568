/* The `run` command: runs a module with what grant.c made of the options, reports what it took. Main thread only. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "jit/code.h"
#include "src/cli/cli.h"
#include "src/cli/grant.h"

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

static rl_err invoke_args(const rl_args *a, const rl_module *m, rl_grants *g, rl_diag *d) {
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
}

/* ---- --stats ---- */

static void print_stats(const rl_rt_stats *s, const rl_module *m) {
    rl_compile_stats c = {0};
    for (size_t i = 0; i < RL_LEN(m->code); i++) {
        /* acquire: pairs with the release in rl_code_get */
        const rl_code *code = atomic_load_explicit(&m->code[i], memory_order_acquire);
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
        {"timers", s->timers}, {"polls", s->polls}, {"modules", s->modules},
        {"page faults", (u64)(u.ru_minflt + u.ru_majflt)}, {"page faults avoided", s->faults_avoided},
        {"system calls avoided", s->calls_avoided}};
    for (size_t i = 0; i < RL_LEN(counts); i++) fprintf(stderr, "%s: %llu\n", counts[i].name, (unsigned long long)counts[i].n);
}

/* ---- the run ---- */

/* Guests see the file's name without its directory. */
static const char *program_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int run_module(const rl_args *a, rl_module *m, const rl_grants *g, rl_rt_config *c) {
    char *path = a->operands[0];
    rl_diag d = {0};
    rl_rt_stats stats = {0};
    a->operands[0] = (char *)program_name(path);
    c->args = (const char *const *)a->operands, c->nargs = (u32)a->noperands;
    c->entry_args = g->vals, c->nentry_args = g->nvals;
    c->results = a->invoke ? print_results : NULL;
    c->stats = &stats;
    int status = rl_rt_run(c, m, &d);
    if (d.code) rl_cli_complain(path, &d);
    if (a->stats) print_stats(&stats, m);
    return status;
}

static rl_err load(const rl_args *a, rl_module **m, rl_diag *d) {
    u8 *bytes = NULL;
    size_t size;
    RL_TRY(rl_cli_read(a->operands[0], &bytes, &size, d));
    if (a->seen) a->seen(a, bytes, size);
    RL_TRY(rl_cli_binary(&bytes, &size, d));
    return rl_module_take(bytes, size, m, d);
}

/* The module stays: its code and memory go faster with the process than one by one. */
static rl_module *volatile kept;

static int run(const rl_args *a) {
    rl_grants g = {0};
    rl_rt_config c = rl_rt_defaults();
    rl_module *m = NULL;
    rl_diag d = {0};
    rl_err e = rl_grants_init(a, &g, &c);
    c.handle_signals = true;
    c.leave = true;
    c.entry = a->invoke;
    if (!e) e = load(a, &m, &d);
    if (!e && a->invoke) e = invoke_args(a, m, &g, &d);
    int status = e == RL_ERR_USAGE ? RL_STATUS_USAGE : RL_STATUS_FAILED;
    if (!e) status = run_module(a, m, &g, &c);
    else if (d.code || e != RL_ERR_USAGE) rl_diag_set(&d, e, "%s", rl_err_text(e)), rl_cli_complain(a->operands[0], &d);
    kept = m;
    rl_grants_fini(&g);
    return status;
}

/* Cargo's tests: what it runs are files in .../TARGET/PROFILE/deps/, with its variables set. Benchmarks are run with
 * --bench, and are programs. */
static bool of_cargo_test(const rl_args *a) {
    const char *file = a->operands[0], *slash = strrchr(file, '/');
    size_t n = strlen(file);
    if (!getenv("CARGO_MANIFEST_DIR") || a->invoke || !slash || n < 6 || strcmp(file + n - 5, ".wasm")) return false;
    for (int i = 1; i < a->noperands; i++)
        if (!strcmp(a->operands[i], "--bench")) return false;
    return slash - file >= 5 && !memcmp(slash - 5, "/deps", 5) && strstr(file, "/wasm32-");
}

/* The same line as words for `rille test`. */
static int run_tests(const rl_args *a, bool *ran) {
    rl_args t;
    int skip = a->argc > 1 && !strcmp(a->argv[1], "run") ? 2 : 1, n = a->argc - skip + 2;
    char **words = calloc((size_t)n + 1, sizeof *words);
    if (!words) return RL_STATUS_FAILED;
    words[0] = a->argv[0];
    words[1] = (char *)"test";
    memcpy(words + 2, a->argv + skip, (size_t)(n - 2) * sizeof *words);
    int status = rl_args_parse(&t, n, words) ? rl_cli_run_tests(&t, ran) : RL_STATUS_USAGE;
    rl_args_fini(&t);
    free(words);
    return status;
}

int rl_cli_run(const rl_args *a) {
    bool ran = true;
    if (!of_cargo_test(a)) return run(a);
    int status = run_tests(a, &ran);
    return ran ? status : run(a);
}
