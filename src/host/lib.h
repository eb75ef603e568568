/* Libraries that are loaded when first used: a table of where its functions go, filled once.
 *
 *   #define FUNCS(F) F(ares_init) F(ares_destroy)
 *   #define SLOT(name) typeof(name) *name;
 *   static struct { FUNCS(SLOT) } ares;
 *   #define ENTRY(name) { #name, &ares.name },
 *   static const rl_lib_func funcs[] = { FUNCS(ENTRY) { 0 } };
 *   static rl_lib lib = { "name resolution", "libcares.so.2", "libc-ares2", funcs, init };
 *
 * Before each use: if (rl_lib_open(&lib)) … the guest is told lib.why. */
#ifndef RL_LIB_H
#define RL_LIB_H

#include <pthread.h>

#include "src/base/err.h"

typedef struct rl_lib_func {
    const char *name; /* NULL: the last row */
    void *slot;       /* of a pointer to the function */
} rl_lib_func;

typedef struct rl_lib {
    const char *purpose, *file, *package;
    const rl_lib_func *funcs;
    bool (*init)(void); /* called once after loading; NULL: nothing to do. False: it cannot be used */
    _Atomic bool loaded;
    char why[240];      /* what a user can do about it, once it was refused */
} rl_lib;

/* Loads it unless it is. RL_ERR_NOTFOUND: l->why tells. Any thread. */
rl_err rl_lib_open(rl_lib *l);

#endif
