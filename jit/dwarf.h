/* Source positions of wasm code, from the DWARF line tables a module may carry (versions 2 to 5). Read only when
 * something failed. The bytes are the guest's: nothing in them is believed. */
#ifndef RL_DWARF_H
#define RL_DWARF_H

#include "jit/module.h"

typedef struct rl_source {
    char file[200]; /* "" : unknown */
    u32 line, column; /* column 0: unknown */
} rl_source;

/* For n offsets in the module, all in one pass over the tables. out[i].file is "" where nothing is known. At most 64
 * of them are looked up. */
void rl_dwarf_lines(const rl_module *m, const u32 *offsets, u32 n, rl_source *out);

#endif
