/* Embedding API of rille: compile WebAssembly modules to native code and call them from C.
 *
 *   rille_engine *engine;  rille_module *module;  rille_store *store;  rille_instance *instance;
 *   rille_error error;
 *   if (rille_engine_new(NULL, &engine, &error) ||
 *       rille_module_new(engine, bytes, size, &module, &error) ||
 *       rille_store_new(engine, NULL, &store, &error) ||
 *       rille_instance_new(store, module, NULL, &instance, &error))
 *       fprintf(stderr, "%s\n", error.text);
 *   rille_value args[] = { rille_i32(2), rille_i32(3) }, sum;
 *   if (rille_call(rille_instance_func(instance, "add"), args, 2, &sum, 1, &error)) …
 *
 * Errors. Functions that can fail return a rille_status, RILLE_OK (0) on success, and describe a failure in the caller's
 * rille_error, which may be NULL. Nothing needs to be freed in it. On failure, results by pointer are set to NULL.
 * Traps are values of the same kind: RILLE_TRAP, with error.trap saying which.
 *
 * Ownership. What a `_new` function gives is the caller's, to be given to its `_free`, which accepts NULL. Instances,
 * functions, memories and globals belong to their store and live until rille_store_free. A store, its linker and its
 * modules may be freed in any order: they keep what they still need. Texts passed in are copied.
 *
 * Threads. An engine and modules may be used by any number of threads at once. A store, and everything that belongs to
 * it, by one thread at a time; rille_store_interrupt alone may be called from anywhere, signal handlers included.
 * Native code is shared memory: a child made by fork may exec, but must not use what its parent made. */
#ifndef RILLE_H
#define RILLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RILLE_API __attribute__((visibility("default")))

typedef struct rille_engine rille_engine;
typedef struct rille_module rille_module;
typedef struct rille_linker rille_linker;
typedef struct rille_store rille_store;
typedef struct rille_instance rille_instance;
typedef struct rille_func rille_func;
typedef struct rille_memory rille_memory;
typedef struct rille_global rille_global;
typedef struct rille_caller rille_caller;

/* ---- errors and traps ---- */

typedef enum rille_status {
    RILLE_OK = 0,
    RILLE_NOMEM,        /* out of memory                                            */
    RILLE_MALFORMED,    /* not a module, or a broken one                            */
    RILLE_INVALID,      /* a module that does not validate                          */
    RILLE_UNSUPPORTED,  /* needs a proposal this version lacks, or another processor */
    RILLE_LIMIT,        /* beyond an implementation's or a configured limit         */
    RILLE_LINK,         /* imports not satisfied: error.text names all of them      */
    RILLE_USAGE,        /* wrong use of this API: counts or types do not match      */
    RILLE_SYSTEM,       /* the operating system refused                             */
    RILLE_TRAP          /* guest code trapped: error.trap says why                  */
} rille_status;

typedef enum rille_trap {
    RILLE_TRAP_NONE = 0,
    RILLE_TRAP_UNREACHABLE,
    RILLE_TRAP_MEMORY,      /* access out of bounds of a memory     */
    RILLE_TRAP_TABLE,       /* … of a table                         */
    RILLE_TRAP_INDIRECT,    /* call of a null or wrongly typed entry */
    RILLE_TRAP_DIVISION,    /* integer division by zero, or overflow */
    RILLE_TRAP_CONVERSION,  /* float to integer without a result    */
    RILLE_TRAP_STACK,       /* calls nested too deep                */
    RILLE_TRAP_FUEL,        /* rille_store_set_fuel's limit         */
    RILLE_TRAP_INTERRUPTED, /* rille_store_interrupt                */
    RILLE_TRAP_HOST         /* a host function said so              */
} rille_trap;

typedef struct rille_error {
    rille_status status;
    rille_trap trap;
    bool has_offset;
    uint64_t offset;      /* in the module, where there is one */
    char text[1200];      /* for people, without a newline at the end; zero-terminated */
    char backtrace[2000]; /* traps: guest frames, innermost first, one per line; "" otherwise */
} rille_error;

/* ---- values ---- */

typedef enum rille_type {
    RILLE_I32, RILLE_I64, RILLE_F32, RILLE_F64, RILLE_V128, RILLE_FUNCREF, RILLE_EXTERNREF
} rille_type;

typedef struct rille_value {
    rille_type type;
    union {
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
        uint8_t v128[16];
        rille_func *func; /* NULL: null reference */
        void *ref;        /* RILLE_EXTERNREF: the host's own, never looked into; NULL: null reference */
    } of;
} rille_value;

static inline rille_value rille_i32(int32_t v) { rille_value r; r.type = RILLE_I32; r.of.i64 = 0; r.of.i32 = v; return r; }
static inline rille_value rille_i64(int64_t v) { rille_value r; r.type = RILLE_I64; r.of.i64 = v; return r; }
static inline rille_value rille_f32(float v) { rille_value r; r.type = RILLE_F32; r.of.i64 = 0; r.of.f32 = v; return r; }
static inline rille_value rille_f64(double v) { rille_value r; r.type = RILLE_F64; r.of.f64 = v; return r; }

/* Parameter and result types of a function. */
typedef struct rille_signature {
    const rille_type *params;
    size_t nparams;
    const rille_type *results;
    size_t nresults;
} rille_signature;

/* ---- engine ---- */

typedef enum rille_memory_kind {
    RILLE_MEMORY_GUARDED, /* 8 GiB of address space per memory, no compare per access: fastest code        */
    RILLE_MEMORY_CHECKED  /* compact memories, a compare per access: for very many instances               */
} rille_memory_kind;

typedef enum rille_compile_kind {
    RILLE_COMPILE_AUTO,  /* whichever starts sooner                    */
    RILLE_COMPILE_EAGER, /* whole modules, in rille_module_new         */
    RILLE_COMPILE_LAZY   /* each function when it is first called      */
} rille_compile_kind;

/* Zeroed storage is a valid configuration. */
typedef struct rille_config {
    rille_memory_kind memory;
    rille_compile_kind compile;
    unsigned threads;     /* of eager compilation; 0: one per processor */
} rille_config;

/* config NULL: the defaults. The first engine of a program installs handlers for the signals of faults (SIGSEGV,
 * SIGBUS, SIGILL, SIGTRAP, SIGFPE); faults outside of guest code go to the handlers that were there before. Another
 * engine takes back those that were replaced meanwhile. Handlers for other signals must use an alternate stack
 * (SA_ONSTACK) on threads that run guest code: a guest's stack is small. */
RILLE_API rille_status rille_engine_new(const rille_config *config, rille_engine **out, rille_error *error);
RILLE_API void rille_engine_free(rille_engine *engine);

/* ---- modules ---- */

/* Decodes, validates and (by the configuration) compiles a binary module. The bytes are copied. */
RILLE_API rille_status rille_module_new(rille_engine *engine, const void *bytes, size_t size, rille_module **out,
                                        rille_error *error);
RILLE_API void rille_module_free(rille_module *module);

typedef enum rille_kind { RILLE_FUNC, RILLE_TABLE, RILLE_MEMORY, RILLE_GLOBAL } rille_kind;

/* Names are not terminated and live as long as the module. `module` is empty for exports. */
typedef struct rille_item {
    rille_kind kind;
    const char *module, *name;
    size_t module_len, name_len;
} rille_item;

/* The i-th import or export, counting from 0; false when there is none. */
RILLE_API bool rille_module_import(const rille_module *module, size_t i, rille_item *out);
RILLE_API bool rille_module_export(const rille_module *module, size_t i, rille_item *out);

/* ---- host functions ---- */

/* args and results have the counts and types of the signature; results are preset to zeros of the right types and only
 * `of` is read back. To trap, call rille_caller_trap and return. May call guest functions (rille_call), up to a depth
 * of 64. Must return normally: no longjmp, no exception. */
typedef void rille_host_func(void *env, rille_caller *caller, const rille_value *args, rille_value *results);

RILLE_API rille_status rille_linker_new(rille_engine *engine, rille_linker **out, rille_error *error);
RILLE_API void rille_linker_free(rille_linker *linker);
/* Provides the import MODULE.NAME. A later definition replaces an earlier one for instances made after it. env is the
 * caller's and must live as long as instances use it. */
RILLE_API rille_status rille_linker_func(rille_linker *linker, const char *module, const char *name,
                                         rille_signature signature, rille_host_func *func, void *env, rille_error *error);
/* Provides all exports of an instance as imports MODULE.*; only for instances of the same store. */
RILLE_API rille_status rille_linker_instance(rille_linker *linker, const char *module, rille_instance *instance,
                                             rille_error *error);

/* What a host function may ask about its call; `caller` dies with it. */
RILLE_API rille_store *rille_caller_store(rille_caller *caller);
/* Memory 0 of the calling instance, or NULL. */
RILLE_API rille_memory *rille_caller_memory(rille_caller *caller);
/* The call ends in RILLE_TRAP_HOST with this text (at most 150 bytes) once the host function returns. */
RILLE_API void rille_caller_trap(rille_caller *caller, const char *text);

/* ---- stores and instances ---- */

/* Zeroed storage is valid: no limits, 1 MiB of native stack. */
typedef struct rille_limits {
    uint64_t memory;      /* bytes of all linear memories of the store together; 0: no limit */
    uint64_t table;       /* elements of one table; 0: ten million */
    size_t stack;         /* bytes of native stack for guest calls; 0: 1 MiB */
} rille_limits;

RILLE_API rille_status rille_store_new(rille_engine *engine, const rille_limits *limits, rille_store **out,
                                       rille_error *error);
RILLE_API void rille_store_free(rille_store *store);

/* Instructions this store may execute from now on; the call that would exceed them ends in RILLE_TRAP_FUEL.
 * UINT64_MAX (the default): no limit. Accounting is exact and the same on every machine. */
RILLE_API void rille_store_set_fuel(rille_store *store, uint64_t fuel);
/* Instructions executed so far. */
RILLE_API uint64_t rille_store_fuel_spent(const rille_store *store);
/* Ends the running call, or the next one, in RILLE_TRAP_INTERRUPTED, within a few milliseconds. Any thread. */
RILLE_API void rille_store_interrupt(rille_store *store);

/* Links, instantiates and runs the start function. linker NULL: no imports. After RILLE_TRAP the instance is gone, but
 * what it did to imported memories and tables stays. */
RILLE_API rille_status rille_instance_new(rille_store *store, rille_module *module, rille_linker *linker,
                                          rille_instance **out, rille_error *error);

/* Exports by name; NULL when there is none of that kind. */
RILLE_API rille_func *rille_instance_func(rille_instance *instance, const char *name);
RILLE_API rille_memory *rille_instance_memory(rille_instance *instance, const char *name);
RILLE_API rille_global *rille_instance_global(rille_instance *instance, const char *name);

/* ---- functions ---- */

RILLE_API size_t rille_func_param_count(const rille_func *func);
RILLE_API size_t rille_func_result_count(const rille_func *func);
RILLE_API rille_type rille_func_param(const rille_func *func, size_t i);
RILLE_API rille_type rille_func_result(const rille_func *func, size_t i);

/* Runs a guest function to its end. func NULL is RILLE_USAGE, as are counts and types that do not match. */
RILLE_API rille_status rille_call(rille_func *func, const rille_value *args, size_t nargs, rille_value *results,
                                  size_t nresults, rille_error *error);

/* ---- memories and globals ---- */

/* The bytes of a memory. The pointer is valid until guest code runs or the memory grows. Not NULL, even for size 0. */
RILLE_API void *rille_memory_data(rille_memory *memory, size_t *size);
/* Copy within bounds, or copy nothing and return false. */
RILLE_API bool rille_memory_read(rille_memory *memory, uint64_t offset, void *to, size_t n);
RILLE_API bool rille_memory_write(rille_memory *memory, uint64_t offset, const void *from, size_t n);
/* Grows by pages of 64 KiB; the old size in pages, or -1 when a limit forbids it. */
RILLE_API int64_t rille_memory_grow(rille_memory *memory, uint64_t pages);

RILLE_API rille_value rille_global_get(const rille_global *global);
/* RILLE_USAGE when the global is immutable or of another type. */
RILLE_API rille_status rille_global_set(rille_global *global, rille_value value, rille_error *error);

#ifdef __cplusplus
}
#endif

#endif
