/* C helpers compiled code calls: one record per row of builtin.def, usable as the target of a call through xcode. */
#ifndef RL_BUILTIN_H
#define RL_BUILTIN_H

#include "jit/instance.h"

typedef enum rl_builtin {
#define BUILTIN(name, results, params) RL_BUILTIN_##name,
#include "jit/builtin.def"
#undef BUILTIN
    RL_BUILTIN_COUNT
} rl_builtin;

#define RL_MAX_BUILTIN_PARAMS 8 /* of one helper, immediates included */

/* Records with constant addresses (compiled code embeds them); declared by rl_builtin_init, once, before compiling, made
 * ready (rl_builtin_ready) by the compiler when it first embeds one. */
extern rl_func rl_builtin_funcs[RL_BUILTIN_COUNT];
rl_err rl_builtin_init(void);
bool rl_builtin_ready(rl_builtin b); /* false: out of memory. Thread-safe. */

#endif
