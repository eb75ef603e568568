/* Sections of the binary format into a module. Private to module.c and validate.c. */
#ifndef RL_DECODE_H
#define RL_DECODE_H

#include "jit/module.h"

struct rl_reader;

/* Fills m (whose bytes and size are set, everything else zero). Does not look into function bodies. On failure m holds
 * what was decoded so far; rl_module_put frees it. Functions referenced from outside bodies have func_slot 0, all
 * others UINT32_MAX. */
rl_err rl_decode(rl_module *m, rl_diag *d);

/* One value type (reference type with ref_only). Types of other proposals are refused by the proposal's name. */
rl_err rl_decode_type(struct rl_reader *r, rl_diag *d, bool ref_only, u8 *out);

#endif
