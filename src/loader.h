/* A program: a module with its imports resolved, ready to be instantiated many times. */
#ifndef RL_LOADER_H
#define RL_LOADER_H

#include "jit/code.h"
#include "jit/instance.h"

#define RL_PROG_ROOM 1024u /* stores up to this size lie with their process's record and stack, in one page */

typedef struct rl_prog {
    _Atomic u32 refs;
    rl_module *module;
    rl_func **imports; /* by import number (all are functions) */
    u64 counted;       /* bytes, see rl_prog_count; 0: not counted */
    u32 room;          /* of an instance's store on its process's stack; 0: it lies elsewhere */
} rl_prog;

/* Takes its own reference to m. RL_ERR_LINK when imports are missing: d names the first, and *list (if given, to be
 * freed by the caller) has a line for each with its type and the nearest known name. */
rl_err rl_prog_new(rl_module *m, rl_prog **out, char **list, rl_diag *d);
/* From bytes: decodes, validates, resolves. */
rl_err rl_prog_load(const u8 *bytes, size_t size, rl_prog **out, char **list, rl_diag *d);
#define RL_PROG_COUNTED (256ull << 20) /* bytes of modules that guests may have brought and that are still there */
#define RL_PROG_EACH 16384u            /* that a module counts as besides its size */
/* For a program that a guest has brought, of so many bytes, before anybody else knows it. False: there are too many. */
bool rl_prog_count(rl_prog *p, u64 bytes);
rl_prog *rl_prog_get(rl_prog *p);
void rl_prog_put(rl_prog *p);

/* For rl_instance_new; env is the rl_prog. */
bool rl_prog_resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out);

#endif
