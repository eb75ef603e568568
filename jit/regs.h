/* Register numbers and roles. General registers are 0..15 (x64) or 0..30 (a64 keeps its own numbers below 32);
 * float registers follow at RL_FP0. The front end only uses these names. */
#ifndef RL_REGS_H
#define RL_REGS_H

#include "jit/types.h"

#if defined(RL_TARGET_A64) || (defined(__aarch64__) && !defined(RL_TARGET_X64))
#include "jit/a64_regs.h"
#else
#include "jit/x64_regs.h"
#endif

#endif
