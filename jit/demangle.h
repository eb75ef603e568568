/* Names of functions as people wrote them. */
#ifndef RL_DEMANGLE_H
#define RL_DEMANGLE_H

#include "src/base/base.h"

/* The Rust (both schemes) or C++ name behind a symbol, or the symbol itself; control characters become '?'. Truncated
 * to size - 1 bytes. Returns buf. */
const char *rl_demangle(const char *symbol, char *buf, size_t size);

#endif
