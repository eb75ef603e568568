/* Owns the one constant by which a program with two emitters tells them apart: the functions of this one. */
#include "jit/target.h"

#include "jit/masm.h"
#include "jit/regs.h"

const rl_target RL_TARGET = { RL_CONVENTION, RL_TARGET_GUARDED, rl_masm_assume_all, rl_emitter_new, rl_emit_func, rl_emitter_free };
