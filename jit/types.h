/* WebAssembly types as the rest of the engine sees them. A function type is a "proto": interned, so that two
 * equal types are one pointer and call_indirect compares one number. */
#ifndef RL_TYPES_H
#define RL_TYPES_H

#include "src/base/base.h"

/* Dense, so that tables can be indexed by type. RL_BOT is the validator's "any" in unreachable code. */
typedef enum rl_type { RL_I32, RL_I64, RL_F32, RL_F64, RL_V128, RL_FUNCREF, RL_EXTERNREF, RL_BOT, RL_TYPE_COUNT } rl_type;

static inline bool rl_type_is_fp(rl_type t) { return t == RL_F32 || t == RL_F64 || t == RL_V128; }
static inline bool rl_type_is_ref(rl_type t) { return t == RL_FUNCREF || t == RL_EXTERNREF; }
/* true when a value of this type fills a 64-bit general register (i64 and references) */

/* Machine stubs made on demand, one per proto and kind; see jit/stub.h. */
typedef enum rl_stub {
    RL_STUB_ENTRY,   /* C enters guest code: arguments from, results to x->vals                              */
    RL_STUB_CROSS,   /* guest code calls a function of another instance                                      */
    RL_STUB_HOST,    /* guest code calls a typed C function; its first argument is x->host                   */
    RL_STUB_LEAF,    /* the same for one that neither parks, nests, nor grows a memory: done, or a trap      */
    RL_STUB_BUILTIN, /* guest code calls a typed C helper of the engine; its first argument is the instance  */
    RL_STUB_GENERIC, /* guest code calls fn(env, x, u64 *slots): arguments in, results out, one slot each    */
    RL_STUB_COUNT
} rl_stub;

/* Where the internal calling convention puts one parameter or result: a register (0..31), or RL_NOREG and an
 * index of a 8-byte word in the caller's outgoing area. The area holds the stack results first, then the stack
 * arguments. */
#define RL_NOREG 0xffu
typedef struct rl_place {
    u8 reg;
    u8 type;
    u16 word;
} rl_place;

typedef struct rl_proto {
    u32 id; /* process-wide number, compared by call_indirect */
    u16 nparams, nresults;
    u16 out_words;       /* words of outgoing area a call needs: stack results + stack arguments */
    const rl_place *in;  /* nparams */
    const rl_place *out; /* nresults */
    const u8 *params, *results; /* rl_type each */
    _Atomic(const void *) stub[RL_STUB_COUNT];
} rl_proto;

/* The registers that carry values between functions, in order; floats are in consecutive ones. */
typedef struct rl_convention {
    u8 arg_gp[8], narg_gp, narg_fp;
    u8 res_gp[2], nres_gp, nres_fp;
    u8 fp0;
} rl_convention;
/* For listings of another target's code: its convention, for the types made from now on. Before anything else. */
void rl_proto_use(const rl_convention *c);

/* The one proto of this type. Never freed; thread-safe. NULL when memory is out. */
rl_proto *rl_proto_intern(const u8 *params, u32 nparams, const u8 *results, u32 nresults);
/* "[i32 i64] -> [f32]" into buf; returns buf. */
const char *rl_proto_text(const rl_proto *p, char *buf, size_t size);
const char *rl_type_text(rl_type t);

#define RL_PAGE 65536u /* bytes of a wasm page */

typedef struct rl_limits {
    u64 min, max; /* max == UINT64_MAX: none given */
    bool is64;    /* memory64 */
} rl_limits;

typedef struct rl_table_type {
    u8 elem; /* RL_FUNCREF or RL_EXTERNREF */
    rl_limits limits;
} rl_table_type;

typedef struct rl_global_type {
    u8 type;
    bool mut;
} rl_global_type;

#endif
