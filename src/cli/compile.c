/* The `compile` command: compiles a whole module on the calling thread, without instantiating it, and says what that
 * took. Owns the module for the time of the command. Imports are not looked at: code does not depend on them. Repeating
 * and averaging was not taken: tools/bench runs the command as often as it likes. */
#include <stdlib.h>

#include "jit/engine.h"
#include "src/base/os.h"
#include "src/cli/cli.h"

typedef struct figures {
    u64 code_bytes, native_bytes, functions, validate_ns, compile_ns, cpu_ns, peak_bytes, spills, ops;
} figures;

/* Takes *bytes. */
static rl_err measure(const rl_args *a, u8 **bytes, size_t size, figures *out, rl_diag *d) {
    rl_module *m;
    rl_code *c;
    u64 wall = rl_os_now_ns(), cpu = rl_os_thread_cpu_ns();
    u8 *taken = *bytes;
    *bytes = NULL;
    RL_TRY(rl_module_take(taken, size, &m, d));
    out->validate_ns = rl_os_now_ns() - wall;
    rl_err e = rl_code_get(m, rl_flavour_pick(a->memory != 2), RL_COMPILE_EAGER, 1, &c, d);
    out->cpu_ns = rl_os_thread_cpu_ns() - cpu;
    if (!e) {
        const rl_compile_stats *s = rl_code_stats(c);
        out->code_bytes = s->code_bytes;
        out->native_bytes = s->native_bytes;
        out->functions = s->functions;
        out->compile_ns = s->compile_ns;
        out->spills = s->spills;
        out->ops = s->ops;
        out->peak_bytes = rl_os_peak_bytes();
    }
    rl_module_put(m);
    return e;
}

#define FIGURES(F) \
    F(code_bytes) F(native_bytes) F(functions) F(validate_ns) F(compile_ns) F(cpu_ns) F(peak_bytes) F(spills) F(ops)

static void print_json(const figures *f) {
    const char *sep = "{";
#define FIGURE(name) \
    printf("%s\"" #name "\": %llu", sep, (unsigned long long)f->name); \
    sep = ", ";
    FIGURES(FIGURE)
#undef FIGURE
    puts("}");
}

static void print_text(const figures *f) {
    double seconds = (double)f->cpu_ns / 1e9, mb = (double)f->code_bytes / 1e6;
    printf("%llu functions, %llu bytes of code to %llu bytes of native code (%.2f each)\n", (unsigned long long)f->functions,
           (unsigned long long)f->code_bytes, (unsigned long long)f->native_bytes,
           f->code_bytes ? (double)f->native_bytes / (double)f->code_bytes : 0);
    printf("decoding and validation %.2f ms, compilation %.2f ms; %.1f MB/s of CPU time; %.1f MB of memory at most\n",
           (double)f->validate_ns / 1e6, (double)f->compile_ns / 1e6, seconds > 0 ? mb / seconds : 0, (double)f->peak_bytes / 1e6);
    printf("%.1f spills per 1000 operators\n", f->ops ? 1000.0 * (double)f->spills / (double)f->ops : 0);
}

int rl_cli_compile(const rl_args *a) {
    const char *path = a->operands[0];
    rl_diag d = { 0 };
    u8 *bytes = NULL;
    size_t size;
    figures f = { 0 };
    rl_compile_defaults.max_regs = (u8)a->max_regs;
    rl_compile_defaults.worst_annotations = a->worst;
    rl_err e = rl_engine_init(&d);
    if (!e) e = rl_cli_load(path, &bytes, &size, &d);
    if (!e) e = measure(a, &bytes, size, &f, &d);
    free(bytes);
    if (e) return rl_cli_complain(path, &d);
    if (a->json) print_json(&f);
    else print_text(&f);
    return 0;
}
