/* Owns the report of where a stopped exec is: frames from the walk, names from the name section, positions from DWARF.
 * Runs on the thread that owns the exec, after it stopped; reads the module, never the guest's memory. Only the
 * innermost and outermost frames are printed, because a stack overflow has thousands. */
#include <stdlib.h>

#include "jit/demangle.h"
#include "jit/dwarf.h"
#include "jit/module.h"
#include "jit/trap.h"
#include "jit/walk.h"

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

/* Positions of frames[0..n), one pass over the tables per run of frames of one module. */
static void find_sources(const rl_frame *frames, u32 n, rl_source *out) {
    u32 offsets[SHOWN];
    for (u32 i = 0, to; i < n; i = to) {
        for (to = i; to < n && frames[to].module == frames[i].module; to++) offsets[to - i] = frames[to].wasm_offset;
        rl_dwarf_lines(frames[i].module, offsets, to - i, &out[i]);
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
