/* A decoded and validated module: immutable, shared by every instance, counted by reference. */
#ifndef RL_MODULE_H
#define RL_MODULE_H

#include <pthread.h>
#include <stdatomic.h>

#include "jit/types.h"
#include "src/base/err.h"

typedef enum rl_kind { RL_KIND_FUNC, RL_KIND_TABLE, RL_KIND_MEMORY, RL_KIND_GLOBAL } rl_kind;

typedef struct rl_name { /* bytes inside module->bytes, not terminated */
    const char *p;
    u32 len;
} rl_name;

typedef struct rl_import {
    rl_name module, name;
    u8 kind;   /* rl_kind */
    u32 index; /* in the index space of its kind */
} rl_import;

typedef struct rl_export {
    rl_name name;
    u8 kind;
    u32 index;
} rl_export;

/* Initialiser. The common shapes are decoded; anything longer (extended-const) stays as code. */
typedef enum rl_init_kind { RL_INIT_CONST, RL_INIT_GLOBAL, RL_INIT_FUNC, RL_INIT_NULL, RL_INIT_CODE } rl_init_kind;
typedef struct rl_init {
    u8 kind, type;
    u32 index;     /* global or function index                              */
    u64 value;     /* RL_INIT_CONST: the bits                               */
    u32 code, len; /* RL_INIT_CODE: offset in module->bytes, without `end`  */
} rl_init;
#define RL_INIT_DEPTH 256 /* operands RL_INIT_CODE may have on its stack; more is refused */

typedef struct rl_function {
    rl_proto *proto;
    u32 body;     /* offset in module->bytes of the local declarations; 0 for imports */
    u32 body_len; /* bytes up to and including the last `end`                         */
    u32 max_depth;/* operands on its stack at most                                    */
} rl_function;

typedef struct rl_global {
    rl_global_type type;
    rl_init init; /* not for imports */
} rl_global;

typedef enum rl_segment_mode { RL_SEG_ACTIVE, RL_SEG_PASSIVE, RL_SEG_DECLARED } rl_segment_mode;

typedef struct rl_data {
    u8 mode;
    u32 memory;
    rl_init offset;
    u32 bytes, len; /* offset in module->bytes */
} rl_data;

typedef struct rl_elem {
    u8 mode, type;
    u32 table;
    rl_init offset;
    u32 count;
    rl_init *items;
} rl_elem;

typedef struct rl_custom {
    rl_name name;
    u32 bytes, len; /* contents after the name */
} rl_custom;

struct rl_code;
struct rl_places;

#define RL_MODULE_PAD 32

/* What one module may have at most (RL_ERR_LIMIT); the figures browsers and wasm-tools use. */
enum {
    RL_MAX_MODULE_BYTES = 1 << 30, RL_MAX_TYPES = 1000000, RL_MAX_FUNCS = 1000000, RL_MAX_IMPORTS = 1000000,
    RL_MAX_EXPORTS = 1000000, RL_MAX_GLOBALS = 1000000, RL_MAX_TABLES = 100, RL_MAX_TABLE_ELEMS = 10000000,
    RL_MAX_SEGMENTS = 100000, RL_MAX_SEGMENT_ITEMS = 10000000, RL_MAX_PARAMS = 1000, RL_MAX_LOCALS = 50000,
    RL_MAX_BODY = 7654321, RL_MAX_OPERANDS = 1000000
};

typedef struct rl_module {
    _Atomic u32 refs;
    const u8 *bytes; /* owned copy of the binary */
    u32 size;        /* RL_MODULE_PAD zero bytes follow, so that readers may look ahead */

    u64 validate_ns; /* what decoding and validating took */

    rl_proto **protos;       u32 nprotos;
    rl_import *imports;      u32 nimports;
    rl_export *exports;      u32 nexports;
    rl_function *funcs;      u32 nfuncs, nimported_funcs;
    rl_table_type *tables;   u32 ntables, nimported_tables;
    rl_limits *memories;     u32 nmemories, nimported_memories;
    rl_global *globals;      u32 nglobals, nimported_globals;
    rl_data *datas;          u32 ndatas;
    rl_elem *elems;          u32 nelems;
    rl_custom *customs;      u32 ncustoms;
    bool has_start;
    u32 start;
    u32 code_offset, code_size; /* the code section's payload */
    bool has_data_count;
    u32 *export_order;          /* exports by name, ascending: indices into `exports` */

    bool closed_funcs; /* no funcref can come from another instance: no table imported or exported, no reference
                          type in an imported or exported function or global. Then call_indirect skips the
                          instance test and rl_func records are shared by all instances of the module. */
    bool has_tail_calls;
    u16 tail_words;    /* outgoing words every call of this module reserves: max over the types tail-called */

    u8 *out_words;     /* per function: its proto's, at most 255. A byte per function stays in the cache, where functions
                          and their protos do not: annotations ask at every call */
    u32 *func_slot;    /* per function: index of its rl_func record, or UINT32_MAX when never referenced
                          (export, element segment, ref.func, start) */
    u32 nfunc_slots;

    /* function names from the name section, or of exports, by index; read on first use (rl_module_func_name) */
    _Atomic(rl_name *) names;

    /* positions in its sources that reports looked up, or NULL; one block of malloc, made on demand (jit/backtrace.c) */
    _Atomic(struct rl_places *) places;

    /* compiled code, one per flavour (rl_flavour); made by jit/code.c on demand, under `making` */
    _Atomic(struct rl_code *) code[4];
    pthread_mutex_t making;
} rl_module;

/* Decodes and validates. `bytes` is copied. On failure *out is NULL and d says what and where.
 * Text modules are not accepted here (src/cli converts first). */
rl_err rl_module_new(const u8 *bytes, size_t size, rl_module **out, rl_diag *d);
/* The same without a copy: `bytes` come from malloc and belong to the engine from now on, also on failure. */
rl_err rl_module_take(u8 *bytes, size_t size, rl_module **out, rl_diag *d);
rl_module *rl_module_get(rl_module *m);
void rl_module_put(rl_module *m);

const rl_export *rl_module_export(const rl_module *m, const char *name, size_t len);
/* Name of a function for people: from the name section, else an export or import, else "func[N]". Demangled
 * (Rust and C++) by the caller, see jit/trap.h. Returns buf. */
const char *rl_module_func_name(rl_module *m, u32 index, char *buf, size_t size);
const rl_custom *rl_module_custom(const rl_module *m, const char *name);

static inline const rl_proto *rl_module_proto(const rl_module *m, u32 func) { return m->funcs[func].proto; }

#endif
