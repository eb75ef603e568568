/* Eager compilation: a module's functions cut into chunks of consecutive ones, compiled on several threads. What comes
 * out does not depend on the number of threads. */
#ifndef RL_COMPILE_H
#define RL_COMPILE_H

#include "jit/code.h"

typedef struct rl_chunk {
    u32 first, count;   /* functions, by index minus imports */
    struct rl_code_block *block; /* what code lies in, shared with neighbours */
    u8 *code;           /* their code, each at its alignment; offsets in relocs and funcs[].start are within it */
    u32 size;
    rl_reloc *relocs;   /* at: within code */
    u32 nrelocs, relocs_cap;
    size_t at;          /* for code.c: where it was placed */
    u64 spills, ops;
} rl_chunk;

typedef struct rl_compile_job {
    const rl_module *module;
    rl_flavour flavour;
    const rl_layout *layout;
    rl_chunk *chunks;
    u32 nchunks;
    rl_func_code *funcs;  /* filled: start within the chunk, size, rows relative to the function */
    bool (*copy_rows)(rl_func_code *f, const rl_emitted *e);
    size_t limit;         /* native bytes of all chunks together */
} rl_compile_job;

/* One allocation, the caller frees it. */
rl_err rl_chunks_new(const rl_module *m, rl_chunk **out, u32 *n);
void rl_chunk_fini(rl_chunk *k);
/* Compiles all chunks on `threads` threads (0: one per core), the calling one included. */
rl_err rl_compile_chunks(const rl_compile_job *job, unsigned threads, rl_diag *d);

#endif
