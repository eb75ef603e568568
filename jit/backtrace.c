/* Owns the report of where a stopped exec is: frames from the walk, names from the name section, positions from DWARF.
 * Runs on the thread that owns the exec, after it stopped; reads the module, never the guest's memory. Only the
 * innermost and outermost frames are printed, because a stack overflow has thousands. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "jit/demangle.h"
#include "jit/dwarf.h"
#include "jit/module.h"
#include "jit/trap.h"
#include "jit/walk.h"
#include "src/base/os.h"

#define SHOWN 30 /* frames printed at most */
#define LAST 5   /* of them outermost ones */

u32 rl_backtrace(const rl_exec *x, rl_frame *frames, u32 cap) {
    u32 n = 0;
    rl_walk w;
    rl_walk_start(&w, x);
    while (rl_walk_next(&w, NULL)) {
        if (n < cap) frames[n] = (rl_frame){ rl_code_module(w.code), w.func, w.offset };
        n++;
    }
    return n;
}

static void print_frame(FILE *out, u32 number, const rl_frame *f, const rl_source *s) {
    char symbol[1024], name[1024];
    rl_module_func_name(f->module, f->func, symbol, sizeof symbol);
    fprintf(out, "%5u: %s", number, rl_demangle(symbol, name, sizeof name));
    if (s->file[0]) {
        fprintf(out, " (%s:%u", rl_demangle(s->file, name, sizeof name), s->line);
        if (s->column) fprintf(out, ":%u", s->column);
        fputc(')', out);
    }
    if (f->wasm_offset) fprintf(out, " at 0x%x", f->wasm_offset);
    fputc('\n', out);
}

#define KNOWN 128               /* positions remembered of a module */
#define BUDGET_NS 1000000000    /* CPU time for looking up those of one module */

/* Positions of one module that were looked up. Processes mostly fail where others did, and a look reads all of the line
 * tables: without this a program whose processes fail one after the other would keep a worker from all others. When the
 * budget is spent, new positions stay unknown. */
struct rl_places {
    pthread_mutex_t lock; /* for all below */
    bool none;            /* the module has no line tables; constant */
    u64 spent_ns;
    u32 n, oldest;
    u32 offset[KNOWN];
    rl_source source[KNOWN];
};

/* NULL: no memory. */
static struct rl_places *places_of(rl_module *m) {
    struct rl_places *k = atomic_load_explicit(&m->places, memory_order_acquire), *other = NULL; /* pairs with the exchange below */
    if (k || !(k = calloc(1, sizeof *k))) return k;
    pthread_mutex_init(&k->lock, NULL);
    k->none = !rl_module_custom(m, ".debug_line");
    if (atomic_compare_exchange_strong_explicit(&m->places, &other, k, memory_order_acq_rel, memory_order_acquire)) return k;
    free(k); /* another thread was first */
    return other;
}

/* Under lock. */
static const rl_source *known(const struct rl_places *k, u32 offset) {
    for (u32 i = 0; i < k->n; i++)
        if (k->offset[i] == offset) return &k->source[i];
    return NULL;
}

/* Under lock. */
static void remember(struct rl_places *k, u32 offset, const rl_source *s) {
    if (known(k, offset)) return;
    u32 at = k->n < KNOWN ? k->n++ : k->oldest++ % KNOWN;
    k->offset[at] = offset;
    k->source[at] = *s;
}

/* Positions of n offsets, at most SHOWN. out is zeroed, and stays so where nothing is known. */
static void look_up(rl_module *m, const u32 *offsets, u32 n, rl_source *out) {
    struct rl_places *k = places_of(m);
    u32 at[SHOWN], missing[SHOWN], nmissing = 0;
    rl_source found[SHOWN];
    if (!k || k->none) return;
    pthread_mutex_lock(&k->lock);
    for (u32 i = 0; i < n; i++) {
        const rl_source *s = known(k, offsets[i]);
        if (s) out[i] = *s;
        else at[nmissing] = i, missing[nmissing++] = offsets[i];
    }
    bool look = nmissing && k->spent_ns < BUDGET_NS;
    pthread_mutex_unlock(&k->lock);
    if (!look) return;
    u64 began = rl_os_thread_cpu_ns();
    rl_dwarf_lines(m, missing, nmissing, found);
    pthread_mutex_lock(&k->lock);
    k->spent_ns += rl_os_thread_cpu_ns() - began;
    for (u32 i = 0; i < nmissing; i++) {
        out[at[i]] = found[i];
        remember(k, missing[i], &found[i]);
    }
    pthread_mutex_unlock(&k->lock);
}

/* Positions of frames[0..n), one look per run of frames of one module. */
static void find_sources(const rl_frame *frames, u32 n, rl_source *out) {
    u32 offsets[SHOWN];
    for (u32 i = 0, to; i < n; i = to) {
        for (to = i; to < n && frames[to].module == frames[i].module; to++) offsets[to - i] = frames[to].wasm_offset;
        look_up(frames[i].module, offsets, to - i, &out[i]);
    }
}

void rl_backtrace_print(const rl_exec *x, FILE *out) {
    u32 n = rl_backtrace(x, NULL, 0);
    rl_frame *frames = calloc((size_t)n + 1, sizeof *frames);
    rl_source *sources = calloc(SHOWN, sizeof *sources);
    if (frames && sources) {
        rl_backtrace(x, frames, n);
        u32 shown = RL_MIN(n, (u32)SHOWN), head = n > SHOWN ? SHOWN - LAST : n;
        rl_frame pick[SHOWN];
        for (u32 i = 0; i < shown; i++) pick[i] = frames[i < head ? i : n - shown + i];
        find_sources(pick, shown, sources);
        for (u32 i = 0; i < shown; i++) {
            if (i == head) fprintf(out, "       … %u more …\n", n - shown);
            print_frame(out, i < head ? i : n - shown + i, &pick[i], &sources[i]);
        }
    }
    free(frames);
    free(sources);
}
