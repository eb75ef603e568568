/* lunatic::trap::catch: calls a guest function and survives its trap. Kills and proc_exit are not caught (the engine sees
 * to it). Reference: section 8.12. */
#include "src/host/guest.h"

static const char export_name[] = "_lunatic_catch_trap";

i32 rl_host_trap_catch(rl_host *h, i32 function, i32 pointer) {
    rl_extern e;
    u64 args[2] = { (u32)function, (u32)pointer };
    rl_exec *x = &h->exec;
    switch (rl_exec_nested(x)) {
    case RL_NESTED_RETURNED: return (i32)rl_exec_result(x, 0);
    case RL_NESTED_TRAPPED: return 0;
    case RL_NESTED_NONE: break;
    }
    if (!rl_instance_export(h->instance, export_name, sizeof export_name - 1, &e) || e.kind != RL_KIND_FUNC) {
        rl_exec_fail(x, "the module exports no function '%s'", export_name);
        return 0;
    }
    const rl_proto *t = e.func->proto;
    bool fits = t->nparams == 2 && t->params[0] == RL_I32 && t->params[1] == RL_I32 && t->nresults == 1 && t->results[0] == RL_I32;
    if (fits) rl_exec_nest(x, e.func, args, true);
    return 0;
}
