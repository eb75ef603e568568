/* Start of the engine, once per operating-system process. */
#ifndef RL_ENGINE_H
#define RL_ENGINE_H

#include "jit/code.h"

/* Looks at the CPU, installs the fault handler, makes the helpers. Idempotent and thread-safe; before any module is
 * compiled. RL_ERR_UNSUPPORTED names what the CPU lacks. The calling thread also gets its alternate stack; other
 * threads that run guest code call rl_trap_thread_init. */
rl_err rl_engine_init(rl_diag *d);

int rl_engine_code_prot(void); /* how code memory is mapped when it may be run: PROT_READ, PROT_EXEC, and PROT_BTI where it counts */
bool rl_engine_has_gs(void); /* user code may write the segment base (x86-64) */

#endif
