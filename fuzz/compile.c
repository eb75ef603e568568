/* libFuzzer target: the bytes are a module; decode, validate and compile every function, for one choice of flavour and
 * options taken from a hash of the input, in a build with invariants. Nothing is run and nothing outlives one input.
 * The options come from a hash rather than from a prefix byte, so that every input stays a plain module file. */
#include "jit/builtin.h"
#include "jit/code.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

static u32 hash_of(const u8 *bytes, size_t size) {
    u32 h = 2166136261u;
    for (size_t i = 0; i < size; i++) h = (h ^ bytes[i]) * 16777619u;
    return h ^ (h >> 15);
}

static void check_rows(rl_rows rows) {
    u32 pc = 0, ret = 0;
    for (rl_row row; rl_rows_next(&rows, &row); pc = row.pc) {
        rl_assert(row.pc >= pc);
        if (row.kind != RL_ROW_CALL) continue;
        rl_assert(row.pc > ret);
        ret = row.pc;
    }
}

static void compile_all(rl_module *m, u32 h) {
    rl_layout layout;
    rl_layout_of(m, &layout);
    rl_compile_options o = {.worst_annotations = h & 1, .max_regs = (u8)(h & 2 ? 4 + (h >> 8) % 8 : 0), .no_fuel = (h & 12) == 12};
    const void *entries[1] = {NULL}; /* only its address is used: lazy calls go through the table */
    rl_emitter *e = rl_emitter_new(m, (rl_flavour)((h >> 4) % RL_FLAVOUR_COUNT), &layout, &o, h & 16 ? entries : NULL);
    rl_diag d = {0};
    rl_emitted out;
    for (u32 i = m->nimported_funcs; e && i < m->nfuncs; i++)
        if (rl_emit_func(e, i, &out, &d) == RL_OK) {
            check_rows(out.rows);
        } else {
            rl_assert(d.code == RL_ERR_NOMEM || d.code == RL_ERR_LIMIT || d.code == RL_ERR_UNSUPPORTED);
            d.code = RL_OK;
        }
    rl_emitter_free(e);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size) {
    static bool ready;
    if (!ready) rl_assert(rl_builtin_init() == RL_OK);
    ready = true;
    rl_diag d = {0};
    rl_module *m = NULL;
    if (rl_module_new(bytes, size, &m, &d) == RL_OK) compile_all(m, hash_of(bytes, size));
    rl_module_put(m);
    return 0;
}
