/* The module "spectest" that scripts of the official test suite import. */
#ifndef RL_SPECTEST_H
#define RL_SPECTEST_H

#include "jit/instance.h"

#define RL_SPECTEST_FUNCS 7
#define RL_SPECTEST_GLOBALS 4

typedef struct rl_spectest {
    rl_func funcs[RL_SPECTEST_FUNCS];
    rl_cell globals[RL_SPECTEST_GLOBALS];
    rl_table *table;
    rl_memory *memory;
} rl_spectest;

/* Objects belong to the store, the rest to *t, which must outlive it. */
rl_err rl_spectest_init(rl_spectest *t, rl_store *s);
bool rl_spectest_find(rl_spectest *t, rl_name name, rl_extern *out);

#endif
