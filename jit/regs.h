/* Register numbers and roles. Whatever may be allocated has a number below 32, so that a u32 holds a set of registers:
 * general ones from 0, floats from RL_FP0 (x64: the machine's numbers; a64: logical ones). The front end only uses the
 * names of roles. */
#ifndef RL_REGS_H
#define RL_REGS_H

#include "jit/types.h"

#if defined(RL_TARGET_A64) || (defined(__aarch64__) && !defined(RL_TARGET_X64))
#include "jit/a64_regs.h"
#else
#include "jit/x64_regs.h"
#endif

#endif
