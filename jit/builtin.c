/* Owns the C helpers compiled code calls (builtin.def): bulk memory and table operations, growth. They run on the
 * worker's stack, on the thread that runs the instance, and end by returning or by rl_exec_trap. All sums are 64-bit, so
 * none can wrap. What takes time by length shortens the slice. Inline code for these was not taken:
 * libc's memmove is better than ours; only short copies, with which compilers move structures, have a way of their own
 * (rl_glue_memory_copy). */
#include "jit/builtin.h"

#include "jit/code.h"
#include "jit/link.h"
#include "jit/stub.h"
#include "jit/trap.h"

rl_func rl_builtin_funcs[RL_BUILTIN_COUNT];

static void trap(rl_instance *i, rl_trap t) { rl_exec_trap(i->exec, t); }
static void tax(rl_instance *i, u64 bytes) { rl_exec_tax(i->exec, bytes); }

static u32 memory_grow(rl_instance *i, u32 memory, u32 pages) {
    return (u32)rl_memory_grow(rl_instance_memory(i, memory), pages);
}

static void memory_fill(rl_instance *i, u32 memory, u32 at, u32 byte, u32 n) {
    rl_memory *m = rl_instance_memory(i, memory);
    if ((u64)at + n > m->bytes) trap(i, RL_TRAP_MEMORY);
    else if (n) memset(m->base + at, (int)(byte & 0xff), n);
    tax(i, n);
}

static void memory_copy(rl_instance *i, u32 to_memory, u32 from_memory, u32 to, u32 from, u32 n) {
    rl_memory *a = rl_instance_memory(i, to_memory), *b = rl_instance_memory(i, from_memory);
    if ((u64)to + n > a->bytes || (u64)from + n > b->bytes) trap(i, RL_TRAP_MEMORY);
    else if (n) memmove(a->base + to, b->base + from, n);
    tax(i, n);
}

static void memory_init(rl_instance *i, u32 memory, u32 segment, u32 to, u32 from, u32 n) {
    if (!rl_data_copy(i, rl_instance_memory(i, memory), segment, to, from, n)) trap(i, RL_TRAP_MEMORY);
    tax(i, n);
}

static void data_drop(rl_instance *i, u32 segment) { rl_set_bit(i->dropped_data, segment); }

static u32 table_grow(rl_instance *i, u32 table, u64 value, u32 n) {
    return (u32)rl_table_grow(rl_instance_table(i, table), n, (void *)(uintptr_t)value);
}

/* The table ready to be written at [at, at + n), or NULL after a trap. */
static rl_table *writable(rl_instance *i, u32 table, u32 at, u32 n) {
    rl_table *t = rl_instance_table(i, table);
    if ((u64)at + n > t->size) {
        trap(i, RL_TRAP_TABLE);
        return NULL;
    }
    if (rl_table_own(t)) return t;
    rl_exec_fail(i->exec, "out of memory for a table");
    return NULL;
}

static void table_fill(rl_instance *i, u32 table, u32 at, u64 value, u32 n) {
    rl_table *t = writable(i, table, at, n);
    for (u32 k = 0; t && k < n; k++) t->elems[at + k] = (void *)(uintptr_t)value;
    tax(i, 8 * (u64)n);
}

static void table_copy(rl_instance *i, u32 to_table, u32 from_table, u32 to, u32 from, u32 n) {
    rl_table *b = rl_instance_table(i, from_table);
    if ((u64)from + n > b->size) {
        trap(i, RL_TRAP_TABLE);
        return;
    }
    rl_table *a = writable(i, to_table, to, n); /* may move the elements of b, when it is a */
    if (a && n) memmove(a->elems + to, b->elems + from, n * sizeof *a->elems);
    tax(i, 8 * (u64)n);
}

static void table_init(rl_instance *i, u32 table, u32 segment, u32 to, u32 from, u32 n) {
    rl_table *t = writable(i, table, to, n);
    if (t && !rl_elem_copy(i, t, segment, to, from, n)) trap(i, RL_TRAP_TABLE);
    tax(i, 8 * (u64)n);
}

static void table_set(rl_instance *i, u32 table, u32 index, u64 value) {
    rl_table *t = writable(i, table, index, 1);
    if (t) t->elems[index] = (void *)(uintptr_t)value;
}

static void elem_drop(rl_instance *i, u32 segment) { rl_set_bit(i->dropped_elem, segment); }

static u32 types_of(const char *letters, u8 *types) {
    u32 n = 0;
    for (; letters[n]; n++) types[n] = letters[n] == 'i' ? RL_I32 : RL_I64;
    return n;
}

static rl_err set(rl_func *f, const void *fn, const char *name, const char *results, const char *params) {
    u8 in[8], out[2];
    u32 nin = types_of(params, in), nout = types_of(results, out);
    rl_proto *p = rl_proto_intern(in, nin, out, nout);
    if (!p) return RL_ERR_NOMEM;
    rl_func_declare(f, RL_STUB_BUILTIN, fn, NULL, p, name);
    return RL_OK;
}

const void *rl_glue_copy_long;

bool rl_builtin_ready(rl_builtin b) {
    rl_func *f = &rl_builtin_funcs[b];
    if (b != RL_BUILTIN_memory_copy) return rl_func_ready(f);
    const void *glue = (const void *)(uintptr_t)rl_glue_memory_copy;
    /* acquire: pairs with the release below; several threads may come here, and write the same */
    if (RL_LIKELY(__atomic_load_n(&f->xcode, __ATOMIC_ACQUIRE) == glue)) return true;
    const void *stub = rl_stub_get(f->proto, RL_STUB_BUILTIN);
    if (!stub) return false;
    __atomic_store_n(&rl_glue_copy_long, stub, __ATOMIC_RELAXED);
    __atomic_store_n(&f->code, glue, __ATOMIC_RELAXED);
    /* release: pairs with the acquire above; who sees the glue sees where it goes on */
    __atomic_store_n(&f->xcode, glue, __ATOMIC_RELEASE);
    return true;
}

rl_err rl_builtin_init(void) {
#define BUILTIN(name, results, params) \
    RL_TRY(set(&rl_builtin_funcs[RL_BUILTIN_##name], (const void *)(uintptr_t)name, #name, results, params));
#include "jit/builtin.def"
#undef BUILTIN
    return RL_OK;
}
