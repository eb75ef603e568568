/* Tables of host functions: one row per function a guest can import, expanded from include/rille_api.def and
 * src/host/wasi.def, and the C types that include/rille_proto.def gives their implementations. */
#ifndef RL_TABLE_H
#define RL_TABLE_H

#include "src/host/host.h"

/* rl_fn_i_li is the type of a function int32_t f(rl_host *, int64_t, int32_t). Declaring `rl_fn_i_li f;` makes a
 * definition that disagrees fail to compile. */
#define PROTO0(letters, result) typedef result rl_fn_##letters(rl_host *);
#define PROTO(letters, result, ...) typedef result rl_fn_##letters(rl_host *, __VA_ARGS__);
#include "include/rille_proto.def"
#undef PROTO
#undef PROTO0

/* Every lunatic function implemented here, rl_host_NAMESPACE_NAME. */
#define API(ns, name, letters, ...) rl_fn_##letters rl_host_##ns##_##name;
#define LATER(...)
#include "include/rille_api.def"
#undef LATER
#undef API

typedef struct rl_api_row {
    const char *ns, *name;  /* as the guest imports them                                     */
    const char *letters;    /* type, see rille_proto.def                                     */
    const void *fn;         /* implementation; NULL: not in this build, fails when called    */
    bool blocks;            /* may park                                                      */
    const char *permission, *params, *text; /* for `rille api`                               */
} rl_api_row;

typedef struct rl_api_table {
    const rl_api_row *rows;
    u32 count;
} rl_api_table;

/* lunatic::… (bind.c) and wasi_snapshot_preview1 (wasi). */
extern const rl_api_table rl_api_lunatic, rl_api_wasi;

#endif
