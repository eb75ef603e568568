/* Owns nothing: hands symbols to libiberty's demanglers, which know both schemes of Rust and that of C++. Any thread.
 * Symbols are the guest's bytes, so their length is bounded, and what comes out is stripped of control characters before
 * a terminal sees it. A demangler of our own was not taken: the two grammars are longer than this engine's decoder. */
#include "jit/demangle.h"

#include <libiberty/demangle.h>
#include <stdlib.h>

#define LONGEST 4000 /* symbols beyond it are shown as they are */

static char *demangle(const char *symbol) {
    if (symbol[0] != '_' || strnlen(symbol, LONGEST + 1) > LONGEST) return NULL;
    char *name = rust_demangle(symbol, DMGL_AUTO);
    return name ? name : cplus_demangle_v3(symbol, DMGL_PARAMS | DMGL_ANSI);
}

const char *rl_demangle(const char *symbol, char *buf, size_t size) {
    char *name = demangle(symbol);
    const char *from = name ? name : symbol;
    size_t n = 0;
    for (; n + 1 < size && from[n]; n++) buf[n] = (u8)from[n] < 0x20 || from[n] == 0x7f ? '?' : from[n];
    buf[n] = 0;
    free(name);
    return buf;
}
