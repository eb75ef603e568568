/* Operators of validated code as text, from opcode.def. */
#ifndef RL_DIS_H
#define RL_DIS_H

#include "jit/module.h"

/* Text of the operator at offset `at` of the module ("i32.load offset=8"), into buf; *code is its opcode. Returns the
 * offset of the next one. The body must be validated. */
u32 rl_dis_op(const rl_module *m, u32 at, u32 *code, char *buf, size_t size);
/* Offset of the first operator of function `func` (not an import), behind its local declarations. */
u32 rl_dis_first(const rl_module *m, u32 func);

#endif
