/* Compiled code: one rl_code per module and flavour. Owns executable memory, the tables that map code addresses back
 * to the module, and publication. Memory is never writable and executable at once: see codemem.h for the two ways code
 * gets there. */
#ifndef RL_CODE_H
#define RL_CODE_H

#include "jit/instance.h"
#include "jit/rows.h"

/* One compiled function. */
typedef struct rl_func_code {
    u32 start, size;    /* code offset of the entry and bytes, from the code's base; size 0: not compiled yet */
    rl_rows rows;       /* of the code's arena; pc relative to the code's base */
} rl_func_code;

/* Where the code of an operator begins (what it left pending comes out later). For listings. */
typedef struct rl_position {
    u32 pc;      /* offset within rl_emitted.code */
    u32 offset;  /* of the operator in the module */
} rl_position;

/* Output of the emitter for one function: position independent, except calls to other functions of the module. */
typedef struct rl_reloc {
    u32 at;     /* offset of the rel32 (x86-64) or of the instruction (aarch64): what rl_masm_call returned, inside this function's code */
    u32 func;   /* target function index */
} rl_reloc;

typedef struct rl_emitted {
    u8 *code;   u32 size;        /* first byte is before the entry: see there                          */
    u32 entry;                   /* offset of the entry in code                                        */
    u32 align;                   /* the code wants to start at a multiple of this (32)                 */
    rl_rows rows;                /* pc relative to the entry */
    rl_reloc *relocs;   u32 nrelocs;
    u64 spills, ops;             /* statistics; ops: reachable operators that cost fuel */
    rl_position *positions; u32 npositions; /* with options.positions: one per operator that was reachable */
} rl_emitted;

typedef struct rl_compile_options {
    bool worst_annotations; /* replace sweep V's annotations by the sound worst case */
    u8 max_regs;            /* 0: all; else limit of allocatable general (and float) registers, at least 4 */
    bool positions;         /* keep rl_emitted.positions */
    bool no_fuel;           /* never set in production: for measuring what fuel costs */
} rl_compile_options;

/* Compiles function `index`. With lazy, calls to other functions of the module go through code->entries (a table of
 * code addresses) instead of a relocated direct call. `e` is a reusable emitter (rl_emitter_new). */
typedef struct rl_emitter rl_emitter;
rl_emitter *rl_emitter_new(const rl_module *m, rl_flavour flavour, const rl_layout *layout, const rl_compile_options *o,
                           const void *const *entries /* lazy: table of addresses, by function index; else NULL */);
void rl_emitter_free(rl_emitter *e);
/* The result lives in the emitter until the next call. */
rl_err rl_emit_func(rl_emitter *e, u32 index, rl_emitted *out, rl_diag *d);

typedef enum rl_compile_mode { RL_COMPILE_AUTO, RL_COMPILE_EAGER, RL_COMPILE_LAZY } rl_compile_mode;

typedef struct rl_compile_stats {
    u64 code_bytes, native_bytes, functions;
    u64 validate_ns, compile_ns;
    u64 spills, ops;
} rl_compile_stats;

/* The module's code for a flavour; compiles it (eager: on `threads` threads, 0 = one per core) or prepares lazy
 * compilation. Thread-safe; the same pointer every time. Lives as long as the module. */
rl_err rl_code_get(rl_module *m, rl_flavour flavour, rl_compile_mode mode, unsigned threads, rl_code **out, rl_diag *d);
/* Entry of a function: compiled code, or its lazy stub. */
const void *rl_code_entry(rl_code *c, u32 func);
/* Compiles function `func` of lazy code now (called by the lazy stub's helper); NULL: d says why not. Thread-safe. */
const void *rl_code_compile_now(rl_code *c, u32 func, rl_diag *d);
void rl_code_free(rl_code *c); /* by rl_module_put */
const rl_compile_stats *rl_code_stats(const rl_code *c);
extern rl_compile_options rl_compile_defaults; /* set once at start, before any compilation */

/* Address lookup; async-signal-safe. NULL when pc is not in compiled code. */
rl_code *rl_code_find(const void *pc);
/* Function of an address, or UINT32_MAX. */
u32 rl_code_func_at(const rl_code *c, const void *pc);
/* What is known about the instruction at pc that may trap, and about the call that returns to an address. */
bool rl_code_trap_at(const rl_code *c, const void *pc, rl_row *out);
bool rl_code_ret_at(const rl_code *c, const void *return_address, rl_row *out);
rl_module *rl_code_module(const rl_code *c);
const rl_layout *rl_code_layout(const rl_code *c);
/* rl_func records of a closed module (module->closed_funcs), by slot; inst is NULL in all of them. Else NULL. */
rl_func *rl_code_records(rl_code *c);
/* One word for instance.c to keep with the code: what all instances share. Freed by rl_code_free with free(). */
_Atomic(void *) *rl_code_shared(rl_code *c);
/* The machine code of a function and its tables; size 0 when not compiled (listing, tests). */
const rl_func_code *rl_code_func(const rl_code *c, u32 func);
const u8 *rl_code_base(const rl_code *c);

/* Stubs: small code made once per proto, shared by everything, never freed. */
const void *rl_stub_get(rl_proto *p, rl_stub kind);
/* Copies finished code into executable memory that is never freed (stubs, glue made at run time). */
const void *rl_code_publish(const void *code, size_t size);

/* /tmp/perf-PID.map lines for every function published from now on. */
void rl_code_perf_map(bool on);
rl_flavour rl_flavour_pick(bool guarded); /* guarded: GS where the kernel allows it */

#endif
