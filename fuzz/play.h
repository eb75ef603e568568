/* Plays a module: instantiates it, calls its exports with fixed arguments and writes down all that can be observed. Two
 * transcripts of one module must agree, whoever made them (fuzz/differ.py makes the same ones with wasmtime). */
#ifndef RL_PLAY_H
#define RL_PLAY_H

#include "jit/code.h"

typedef struct play_mode {
    const char *name;
    rl_flavour flavour;
    rl_compile_options options;
    rl_compile_mode compile;
    i64 slice; /* fuel between two yields */
} play_mode;

extern const play_mode play_modes[];
extern const unsigned play_nmodes;

/* Lines of text, malloc'ed:
 *   refused | link | instantiate trap       nothing follows
 *   start KIND, call NAME KIND VALUES       KIND: ok or a trap's name; then "fuel N", this library's own
 *   global NAME VALUE, memory PAGES CRC, table SIZE NULLS
 *   stop REASON                             the rest depends on the engine (stack depth, running for ever) */
char *play(const u8 *bytes, size_t size, const play_mode *mode);
/* NULL when a and b agree up to the first stop of either, else the line of a that differs from b's. */
const char *play_compare(const char *a, const char *b);

#endif
