/* Owns what the reference interpreter calls "spectest": printing functions (silent here), constants, a table and a
 * memory. One per script. The values are those of the suite's interpreter (host module "spectest"). */
#include "src/cli/spectest.h"

static const struct { const char *name, *params; } prints[RL_SPECTEST_FUNCS] = {
    { "print", "" }, { "print_i32", "i" }, { "print_i64", "l" }, { "print_f32", "f" }, { "print_f64", "d" },
    { "print_i32_f32", "if" }, { "print_f64_f64", "dd" },
};

static const struct { const char *name; u8 type; } constants[RL_SPECTEST_GLOBALS] = {
    { "global_i32", RL_I32 }, { "global_i64", RL_I64 }, { "global_f32", RL_F32 }, { "global_f64", RL_F64 },
};

static void print(void *env, rl_exec *x, u64 *slots) { (void)env, (void)x, (void)slots; }

static u32 types_of(const char *letters, u8 *out) {
    u32 n = 0;
    for (; letters[n]; n++)
        out[n] = letters[n] == 'i' ? RL_I32 : letters[n] == 'l' ? RL_I64 : letters[n] == 'f' ? RL_F32 : RL_F64;
    return n;
}

rl_err rl_spectest_init(rl_spectest *t, rl_store *s) {
    for (u32 i = 0; i < RL_SPECTEST_FUNCS; i++) {
        u8 types[4];
        rl_proto *p = rl_proto_intern(types, types_of(prints[i].params, types), NULL, 0);
        if (!p) return RL_ERR_NOMEM;
        RL_TRY(rl_func_host(&t->funcs[i], RL_STUB_GENERIC, (const void *)(uintptr_t)print, NULL, p, prints[i].name));
    }
    t->globals[0].u32 = 666;
    t->globals[1].u64 = 666;
    t->globals[2].f32 = 666.6f;
    t->globals[3].f64 = 666.6;
    RL_TRY(rl_table_new(s, &(rl_table_type){ RL_FUNCREF, { 10, 20, false } }, NULL, &t->table));
    return rl_memory_new(s, &(rl_limits){ 1, 2, false }, &t->memory);
}

static bool is(rl_name n, const char *text) { return n.len == strlen(text) && !memcmp(n.p, text, n.len); }

bool rl_spectest_find(rl_spectest *t, rl_name name, rl_extern *out) {
    for (u32 i = 0; i < RL_SPECTEST_FUNCS; i++)
        if (is(name, prints[i].name)) {
            *out = (rl_extern){ .kind = RL_KIND_FUNC, .func = &t->funcs[i] };
            return true;
        }
    for (u32 i = 0; i < RL_SPECTEST_GLOBALS; i++)
        if (is(name, constants[i].name)) {
            *out = (rl_extern){ .kind = RL_KIND_GLOBAL };
            out->global.cell = &t->globals[i];
            out->global.type = (rl_global_type){ constants[i].type, false };
            return true;
        }
    if (is(name, "table")) {
        *out = (rl_extern){ .kind = RL_KIND_TABLE, .table = t->table, .limits = { t->table->size, 20, false } };
        out->table_type = (rl_table_type){ RL_FUNCREF, out->limits };
        return true;
    }
    if (!is(name, "memory")) return false;
    *out = (rl_extern){ .kind = RL_KIND_MEMORY, .memory = t->memory, .limits = { t->memory->bytes / RL_PAGE, 2, false } };
    return true;
}
