/* Backtraces for people: the frames of a stopped exec, one line each.
 *
 * Owns nothing; called by whoever owns the exec, while it is stopped. It allocates only what names need and touches no
 * guest memory, since it runs after failures. Names come from the module, not from a symbolizer kept beside it. */
#include "jit/trap.h"

#include "jit/module.h"
#include "jit/walk.h"

u32 rl_backtrace(const rl_exec *x, rl_frame *frames, u32 cap) {
    rl_walk w;
    u32 n = 0;
    for (rl_walk_start(&w, x); rl_walk_next(&w, NULL); n++)
        if (n < cap) frames[n] = (rl_frame){rl_code_module(w.code), w.func, w.offset};
    return n;
}

void rl_backtrace_print(const rl_exec *x, FILE *out) {
    rl_frame frames[30];
    u32 n = rl_backtrace(x, frames, RL_LEN(frames));
    for (u32 i = 0; i < n && i < RL_LEN(frames); i++) {
        char name[200];
        rl_module_func_name(frames[i].module, frames[i].func, name, sizeof name);
        fprintf(out, "%5u: %s at 0x%x\n", i, name, frames[i].wasm_offset);
    }
    if (n > RL_LEN(frames)) fprintf(out, "       and %u more\n", n - (u32)RL_LEN(frames));
}
