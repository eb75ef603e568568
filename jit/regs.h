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

#define RL_CONVENTION { RL_ARG_GP, RL_ARG_GP_COUNT, RL_ARG_FP_COUNT, RL_RES_GP, RL_RES_GP_COUNT, RL_RES_FP_COUNT, RL_FP0 }

#endif
