/* Owns the engine's one-time start and the choice of flavour by what the kernel offers. Any thread; the first one does
 * the work. A constructor function was not taken: linking the library should cost a program nothing. */
#include "jit/engine.h"

#include <stdlib.h>

#include "jit/builtin.h"
#include "jit/masm.h"
#include "jit/trap.h"
#include "src/base/once.h"

static rl_once once = RL_ONCE_INIT;
static const char *missing;

static rl_err start(void) {
    rl_masm_detect();
    return rl_masm_supported(&missing) ? rl_builtin_init() : RL_ERR_UNSUPPORTED;
}

rl_err rl_engine_init(rl_diag *d) {
    rl_err status = rl_once_run(&once, start);
    if (status == RL_ERR_UNSUPPORTED) return rl_diag_set(d, status, "this processor lacks %s", missing);
    if (status) return rl_diag_set(d, status, "the engine cannot start: %s", rl_err_text(status));
    if (rl_trap_init()) return rl_diag_set(d, RL_ERR_SYSTEM, "cannot handle faults");
    rl_err e = rl_trap_thread_init();
    return e ? rl_diag_set(d, e, "no alternate signal stack") : RL_OK;
}

rl_flavour rl_flavour_pick(bool guarded) {
    if (!guarded) return RL_FLAVOUR_CHECKED;
    /* for tests, and for tools that do not know the segment register */
    const char *force = getenv("RILLE_FLAVOUR");
    if (force && !strcmp(force, "guarded")) return RL_FLAVOUR_GUARDED;
    return rl_engine_has_gs() ? RL_FLAVOUR_GUARDED_GS : RL_FLAVOUR_GUARDED;
}
