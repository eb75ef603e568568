/* Walking the guest frames of a stopped exec: for backtraces and for the fuel of segments that will not be finished. */
#ifndef RL_WALK_H
#define RL_WALK_H

#include "jit/code.h"

/* A guest call made for a host function (rl_exec_nest); lies on the guest stack below the host stub's frame. */
typedef struct rl_nest {
    struct rl_nest *prev;
    void *sp, *fp;        /* of the host stub, to call it again */
    rl_instance *inst;    /* its instance                       */
    rl_instance *callee;  /* instance the nested function runs in */
    void *entry_sp;       /* where the nested ENTRY frame starts */
    bool catch_traps;
} rl_nest;

typedef struct rl_walk {
    /* the frame found by rl_walk_next */
    rl_code *code;
    const void *pc;       /* trapping instruction, or return address */
    u32 func;             /* UINT32_MAX: none found */
    u32 offset;           /* of the wasm operator; 0 when no row says */
    u32 refund;           /* fuel charged in this frame but not executed */
    /* private */
    const rl_exec *x;
    const rl_nest *nest;
    const u64 *fp;
    bool started;
} rl_walk;

void rl_walk_start(rl_walk *w, const rl_exec *x);
/* Next frame outwards that belongs to a module; stops before leaving `until`'s nested call (NULL: walks all). */
bool rl_walk_next(rl_walk *w, const rl_nest *until);
/* Fuel to give back when every frame inside `until` (NULL: all) is dropped. */
u64 rl_walk_refund(const rl_exec *x, const rl_nest *until);

#endif
