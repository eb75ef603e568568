/* Eager compilation: all of a module's functions, on several threads, straight to where they will run. What a function
 * becomes does not depend on the number of threads; where it lies does. */
#ifndef RL_COMPILE_H
#define RL_COMPILE_H

#include "jit/code.h"

typedef struct rl_compile_job {
    const rl_module *module;
    rl_flavour flavour;
    const rl_layout *layout;
    u8 *base;             /* writable memory for the code */
    bool in_place;        /* it is fresh pages, where the code will run */
    size_t reserved;
    rl_func_code *funcs;  /* filled */
    rl_row_arena *rows;   /* filled: the rows of all */
    size_t used;          /* out: bytes from base on that hold code */
    u64 native, spills, ops; /* out: bytes of functions, statistics */
} rl_compile_job;

/* On `threads` threads (0: one per core), the calling one included. Calls between functions are complete afterwards. */
rl_err rl_compile_all(rl_compile_job *job, unsigned threads, rl_diag *d);

#endif
