/* Instances: what compiled code finds through its instance register, and the objects behind it.
 *
 * Compiled code reaches everything by a constant offset from its instance: the header below, then (offsets in
 * rl_layout) imported function pointers, globals, tables and memories. */
#ifndef RL_INSTANCE_H
#define RL_INSTANCE_H

#include "jit/exec.h"
#include "jit/module.h"

/* How compiled code reaches linear memory; a module may be compiled for several (module->code[flavour]). */
typedef enum rl_flavour {
    RL_FLAVOUR_GUARDED_GS, /* 8 GiB reservation, base in the segment register (x86-64 with FSGSBASE)       */
    RL_FLAVOUR_GUARDED,    /* 8 GiB reservation, base in a general register                                  */
    RL_FLAVOUR_CHECKED,    /* compact memory: a compare per access against mem_bound                         */
    RL_FLAVOUR_COUNT
} rl_flavour;

/* What a funcref points at: &rl_func, or NULL. */
struct rl_func {
    const void *code;   /* entry by the internal convention, called with the instance register = owner   */
    const void *xcode;  /* entry from anywhere, with this record's address in RL_REG_FUNC: switches the
                           instance (RL_STUB_CROSS) or leaves to C (RL_STUB_HOST/BUILTIN/GENERIC)        */
    rl_instance *inst;  /* owner; NULL for a host function, and in records shared by a closed module     */
    u32 type_id;        /* proto->id */
    u32 index;          /* function index in its module; UINT32_MAX for a host function */
    const void *fn;     /* C function, for host functions */
    void *env;          /* its environment (RL_STUB_GENERIC) */
    rl_proto *proto;
    const char *name;   /* host functions: for backtraces; static or owned by the linker */
};

typedef struct rl_table {
    void **elems;  /* rl_func * or opaque host references; NULL is the null reference */
    u32 size;
    u32 capacity;
    u64 max;       /* by the type; UINT64_MAX: none given */
    u64 limit;     /* by configuration */
    u8 type;
    bool owned; /* elems is this table's own allocation (false: shared with the module, copy before writing) */
} rl_table;

/* A linear memory. mem_base/mem_bound are cached in every instance that uses it as memory 0; grow refreshes them.
 * A guarded memory never moves. A compact one may move when it grows. */
typedef struct rl_memory {
    u8 *base;
    u64 bytes;      /* current size, the bound */
    u64 max_bytes;  /* by the type; UINT64_MAX: none given */
    u64 limit_bytes;/* by configuration and address width; growing past it fails */
    u64 capacity;   /* bytes that can be used without moving */
    bool guarded;
    struct rl_instance *users; /* instances with this as memory 0, linked by next_user */
    struct rl_store *store; /* whose limit on the sum of all memories applies; may be NULL */
    struct rl_memory_source *source; /* who gave the storage; NULL: a mapping of its own */
} rl_memory;

typedef union rl_cell { u64 u64; u32 u32; double f64; float f32; void *ref; } rl_cell; /* a global's value */

struct rl_instance {
    /* 0 */ u8 *mem_base;      /* memory 0, or NULL */
    /* 8 */ u64 mem_bound;     /* bytes of memory 0 */
    /* 16 */ void *stack_limit;/* x->stack_limit, copied at entry; prologues compare against it */
    /* 24 */ rl_exec *exec;    /* the exec running this instance */
    /* 32 */ rl_func *funcs;   /* rl_func records by slot (module->func_slot): own, or the module's shared ones */
    /* 40 */ u64 tail_bytes;   /* module->tail_words * 8, for cross stubs */
    /* 48 */ const void *yield;/* rl_glue_yield, where a call through memory is shorter than an address */
    /* 56 */ u64 mem_limit[4]; /* for accesses of 1, 2, 4, 8 bytes: the first address that is out of bounds, or 0 when
                                  all are; see rl_instance_set_memory */
    /* 88 */ const void *grow; /* rl_glue_grow */
    const rl_layout *layout;
    rl_module *module;
    rl_code *code;
    u32 flavour;            /* rl_flavour of code and memories */
    bool host_memory;       /* memory 0 is exported as "memory", the name by which host functions know it */
    struct rl_store *store;
    struct rl_instance *next_user; /* of memory 0 */
    u8 *dropped_data, *dropped_elem; /* bit sets of dropped segments */
    struct rl_func_own *own_funcs;   /* records made on demand (rl_instance_func) */
    u64 data[]; /* by rl_layout: imports, globals, tables, memories */
};
#define RL_INST_MEM_BASE 0
#define RL_INST_MEM_BOUND 8
#define RL_INST_STACK_LIMIT 16
#define RL_INST_EXEC 24
#define RL_INST_FUNCS 32
#define RL_INST_TAIL_BYTES 40
#define RL_INST_YIELD 48
#define RL_INST_MEM_LIMIT 56
#define RL_INST_GROW 88

/* Byte offsets from the instance, the same for all instances of a module. Computed by rl_layout_of. */
struct rl_layout {
    u32 imports;  /* rl_func * per imported function                                                     */
    u32 globals;  /* imported: rl_cell * each; then own: rl_cell each (all 8 bytes apart, by global index) */
    u32 tables;   /* imported: rl_table * each, 8 bytes; own_tables: struct rl_table each                 */
    u32 own_tables;
    u32 memories; /* rl_memory * per memory */
    u32 size;     /* of the whole instance */
};
void rl_layout_of(const rl_module *m, rl_layout *out);

static inline u32 rl_layout_global(const rl_layout *l, u32 index) { return l->globals + 8 * index; }
/* Offset of table `index`: of a rl_table * when imported, of the rl_table itself otherwise. */
static inline u32 rl_layout_table(const rl_layout *l, const rl_module *m, u32 index) {
    return index < m->nimported_tables ? l->tables + 8 * index
                                       : l->own_tables + (u32)sizeof(rl_table) * (index - m->nimported_tables);
}

/* ---- making instances (instance.c) ---- */

typedef struct rl_extern { /* something that can be imported or exported */
    u8 kind;               /* rl_kind */
    union { rl_func *func; rl_table *table; rl_memory *memory; struct { rl_cell *cell; rl_global_type type; } global; };
    rl_table_type table_type; /* kind table, memory: the declared type, for import matching */
    rl_limits limits;
} rl_extern;

/* Owns instances and everything they may share with each other (tables, memories, globals, records). A process has
 * one; a test script has one. Not thread-safe. */
typedef struct rl_store rl_store;

/* Where compact memories come from when they are not to have mappings of their own. */
typedef struct rl_memory_source {
    /* At least `bytes` bytes, all zero up to *capacity. NULL: none left, the memory makes its own mapping. */
    u8 *(*get)(struct rl_memory_source *s, u64 bytes, u64 *capacity);
    void (*put)(struct rl_memory_source *s, u8 *base, u64 capacity);
} rl_memory_source;

typedef struct rl_store_config {
    rl_flavour flavour;
    u64 max_memory;   /* bytes of all linear memories together; UINT64_MAX: no limit */
    u64 max_table;    /* elements of one table */
    rl_memory_source *source; /* of checked memories; NULL: a mapping each. Must outlive the store */
} rl_store_config;

rl_err rl_store_new(const rl_store_config *c, rl_store **out);
/* The same at a place of the caller's, 16-byte aligned, that must stay until rl_store_free. Objects of the store lie there
 * too, as long as there is room; at least rl_store_room bytes are needed for a store with an instance of m in it. */
rl_store *rl_store_place(const rl_store_config *c, void *at, size_t size);
size_t rl_store_room(const rl_module *m);
void rl_store_free(rl_store *s);
/* Makes x the exec of every instance (after another exec ran some of them). */
void rl_store_bind(rl_store *s, rl_exec *x);

/* Using a store again, with a configuration of the same flavour, for the price of what differs between two instances of a module. retire gives back the memory of a
 * store with one instance and nothing imported but functions; false: it is of another kind, and was left alone. renew
 * gives the instance of a retired store memory again and puts it in the state rl_instance_new made (same results). */
bool rl_store_retire(rl_store *s);
rl_err rl_store_renew(rl_store *s, const rl_store_config *c, rl_instance **out, rl_func **start, rl_diag *d);

/* The same without giving the memory back: keep leaves it in place, reuse finds it in the state that a new one has (its
 * owner saw to that), with a configuration that allows its first size. */
bool rl_store_keep(rl_store *s);
rl_err rl_store_reuse(rl_store *s, const rl_store_config *c, rl_instance **out, rl_func **start, rl_diag *d);

/* Resolves one import; returns false when there is none by that name. */
typedef bool rl_resolver(void *env, const rl_module *m, const rl_import *imp, rl_extern *out);

/* Instantiates: links, allocates, applies segments. Does not run the start function: *start is it, or NULL; the
 * caller runs it (rl_exec_call) before anything else. RL_ERR_LINK names every import that fails, RL_ERR_TRAP a
 * segment out of bounds (d says which; segments before it stay applied). The instance belongs to the store. */
rl_err rl_instance_new(rl_store *s, rl_module *m, rl_resolver *resolve, void *env, rl_instance **out, rl_func **start,
                       rl_diag *d);
bool rl_instance_export(rl_instance *i, const char *name, size_t len, rl_extern *out);
/* The record of function `index` (made on demand when the module gave it no slot). */
rl_func *rl_instance_func(rl_instance *i, u32 index);

/* Host function records: kind is RL_STUB_HOST, _BUILTIN or _GENERIC. Owned by the caller, must outlive instances.
 * rl_func_declare leaves the stub to be made when the function is first linked or called by rl_exec_call: for tables
 * of many functions. Compiled code may only see a record that is ready. */
rl_err rl_func_host(rl_func *f, rl_stub kind, const void *fn, void *env, rl_proto *proto, const char *name);
void rl_func_declare(rl_func *f, rl_stub kind, const void *fn, void *env, rl_proto *proto, const char *name);
bool rl_func_ready(rl_func *f); /* false: out of memory. Thread-safe. */

rl_err rl_memory_new(rl_store *s, const rl_limits *l, rl_memory **out);
/* Previous size in pages, or -1. May move a compact memory: every cached base is refreshed. */
i64 rl_memory_grow(rl_memory *m, u64 pages);
rl_err rl_table_new(rl_store *s, const rl_table_type *t, void *init, rl_table **out);
i64 rl_table_grow(rl_table *t, u64 n, void *init);

/* Frees what the object holds, not the object. Accept zeroed storage. */
void rl_memory_fini(rl_memory *m);
void rl_table_fini(rl_table *t);
/* Gives t an allocation of its own before it is written. False: out of memory. */
bool rl_table_own(rl_table *t);
/* The base and size of memory 0 as compiled code sees them, in every instance that uses m. */
void rl_memory_refresh(rl_memory *m);
/* Objects made in place of the store's own allocation; rl_memory_new and rl_table_new use them. */
rl_err rl_memory_init(rl_memory *m, rl_store *s, const rl_limits *l);
rl_err rl_table_init(rl_table *t, const rl_store *s, const rl_table_type *type, void *init);
const rl_store_config *rl_store_settings(const rl_store *s);
/* Counts bytes of linear memory; false when the store's limit forbids them (nothing is counted then). */
bool rl_store_charge(rl_store *s, u64 bytes);
void rl_store_refund(rl_store *s, u64 bytes);
/* Zeroed storage that lives as long as the store. */
void *rl_store_alloc(rl_store *s, size_t size);

/* The cached copies of memory 0's base and size. */
static inline void rl_instance_set_memory(rl_instance *i, const rl_memory *m) {
    i->mem_base = m->base;
    i->mem_bound = m->bytes;
    for (u32 k = 0; k < RL_LEN(i->mem_limit); k++) i->mem_limit[k] = m->bytes ? m->bytes - (1u << k) + 1 : 0;
}

static inline rl_memory *rl_instance_memory(const rl_instance *i, u32 index) {
    return *(rl_memory **)((char *)i + i->layout->memories + 8 * index);
}
static inline rl_table *rl_instance_table(const rl_instance *i, u32 index) {
    void *p = (char *)i + rl_layout_table(i->layout, i->module, index);
    return index < i->module->nimported_tables ? *(rl_table **)p : (rl_table *)p;
}
static inline rl_cell *rl_instance_global(const rl_instance *i, u32 index) {
    void *p = (char *)i + rl_layout_global(i->layout, index);
    return index < i->module->nimported_globals ? *(rl_cell **)p : (rl_cell *)p;
}

#endif
