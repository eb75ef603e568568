/* Machine code as text, by the library that knows the target: Zydis for x86-64, Capstone for aarch64. */
#ifndef RL_DISASM_H
#define RL_DISASM_H

#include "src/base/err.h"

/* Loads the library, once. */
rl_err rl_disasm_open(bool a64, rl_diag *d);
/* One instruction as text; its length, at least 1. `pc` is what relative addresses count from. */
u32 rl_disasm_op(const u8 *code, u32 size, u32 pc, char *buf, size_t cap);

#endif
