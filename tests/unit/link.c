/* Linking and instances: what matches an import and how a failure reads, table contents shared by instances until one
 * writes, dropped segments, limits of a store. The module is closed: its records belong to its code. */
#include "tests/unit/test.h"

#include "jit/engine.h"
#include "jit/link.h"
#include "jit/trap.h"
#include "src/base/os.h"

/* tests/unit/link.wat, converted by wasm-tools. */
static const u8 bytes[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x17, 0x05, 0x60, 0x00, 0x00, 0x60, 0x00, 0x01, 0x7f, 0x60, 0x01,
    0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x00, 0x02, 0x16, 0x03, 0x01, 0x61, 0x01, 0x66,
    0x00, 0x01, 0x01, 0x61, 0x01, 0x6d, 0x02, 0x01, 0x01, 0x03, 0x01, 0x61, 0x01, 0x67, 0x03, 0x7f, 0x01, 0x03, 0x09, 0x08,
    0x01, 0x02, 0x03, 0x04, 0x00, 0x04, 0x02, 0x02, 0x04, 0x05, 0x01, 0x70, 0x01, 0x04, 0x08, 0x07, 0x31, 0x07, 0x04, 0x63,
    0x61, 0x6c, 0x6c, 0x00, 0x02, 0x03, 0x70, 0x75, 0x74, 0x00, 0x03, 0x04, 0x69, 0x6e, 0x69, 0x74, 0x00, 0x04, 0x04, 0x64,
    0x72, 0x6f, 0x70, 0x00, 0x05, 0x05, 0x65, 0x6c, 0x65, 0x6d, 0x73, 0x00, 0x06, 0x04, 0x67, 0x72, 0x6f, 0x77, 0x00, 0x07,
    0x03, 0x61, 0x64, 0x64, 0x00, 0x08, 0x09, 0x0d, 0x02, 0x00, 0x41, 0x01, 0x0b, 0x02, 0x00, 0x01, 0x01, 0x00, 0x02, 0x01,
    0x01, 0x0c, 0x01, 0x02, 0x0a, 0x50, 0x08, 0x04, 0x00, 0x41, 0x2a, 0x0b, 0x07, 0x00, 0x20, 0x00, 0x11, 0x01, 0x00, 0x0b,
    0x08, 0x00, 0x20, 0x00, 0xd2, 0x01, 0x26, 0x00, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfc, 0x08, 0x01,
    0x00, 0x0b, 0x08, 0x00, 0xfc, 0x09, 0x01, 0xfc, 0x0d, 0x01, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfc,
    0x0c, 0x01, 0x00, 0x0b, 0x09, 0x00, 0xd0, 0x70, 0x20, 0x00, 0xfc, 0x0f, 0x00, 0x0b, 0x0b, 0x00, 0x23, 0x00, 0x20, 0x00,
    0x6a, 0x24, 0x00, 0x23, 0x00, 0x0b, 0x0b, 0x10, 0x02, 0x00, 0x41, 0x08, 0x0b, 0x03, 0x61, 0x62, 0x63, 0x01, 0x05, 0x64,
    0x65, 0x66, 0x67, 0x68,
};

#define STACK 65536u

typedef struct world {
    rl_store *store;
    rl_module *m;
    rl_instance *inst;
    rl_func imported;
    rl_memory *memory;
    rl_cell global;
    rl_exec x;
    rl_diag d;
    u32 answer;      /* of the imported function */
    bool no_func, small_memory, const_global;
} world;

static world w;

static u32 imported(void *host) { return ((world *)host)->answer; }

static bool is(rl_name n, const char *text) { return n.len == strlen(text) && !memcmp(n.p, text, n.len); }

static bool resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out) {
    (void)env, (void)m;
    *out = (rl_extern){ .kind = imp->kind };
    if (is(imp->name, "f")) {
        out->func = &w.imported;
        return !w.no_func;
    }
    if (is(imp->name, "m")) {
        out->memory = w.memory;
        out->limits = (rl_limits){ w.small_memory ? 0 : 1, 3, false };
        return true;
    }
    out->global.cell = &w.global;
    out->global.type = (rl_global_type){ RL_I32, !w.const_global };
    return true;
}

static int setup(void **state) {
    (void)state;
    u8 result = RL_I32;
    rl_store_config c = { RL_FLAVOUR_CHECKED, 3 * RL_PAGE, 6 };
    memset(&w, 0, sizeof w);
    w.answer = 7;
    return rl_engine_init(&w.d) || rl_store_new(&c, &w.store) || rl_module_new(bytes, sizeof bytes, &w.m, &w.d) ||
           rl_memory_new(w.store, &(rl_limits){ 1, 3, false }, &w.memory) ||
           rl_func_host(&w.imported, RL_STUB_HOST, (const void *)(uintptr_t)imported, NULL, rl_proto_intern(NULL, 0, &result, 1), "f");
}

static int teardown(void **state) {
    (void)state;
    rl_store_free(w.store);
    rl_module_put(w.m);
    rl_os_unmap(w.x.stack, STACK);
    return 0;
}

static rl_err instantiate(void) {
    rl_func *start;
    assert_int_equal(rl_trap_init(), RL_OK); /* cmocka takes the signals before each test */
    if (!w.x.stack) rl_exec_init(&w.x, rl_os_map(STACK), STACK, (rl_host *)&w);
    return rl_instance_new(w.store, w.m, resolve, NULL, &w.inst, &start, &w.d);
}

/* Result, or minus the trap. */
static i64 call(rl_instance *inst, const char *name, u64 a, u64 b, u64 c) {
    rl_extern f;
    assert_true(rl_instance_export(inst, name, strlen(name), &f));
    assert_int_equal(rl_exec_call(&w.x, f.func, (u64[]){ a, b, c }), RL_OK);
    rl_exit why;
    while ((why = rl_exec_resume(&w.x, 100000)) == RL_EXIT_YIELD) {}
    return why == RL_EXIT_TRAP ? -(i64)w.x.trap : (i64)rl_exec_result(&w.x, 0);
}

static void failures_are_named_together(void **state) {
    (void)state;
    w.no_func = w.small_memory = w.const_global = true;
    assert_int_equal(instantiate(), RL_ERR_LINK);
    assert_non_null(strstr(w.d.text, "a.f: function [] -> [i32], not found"));
    assert_non_null(strstr(w.d.text, "a.m: memory min 1 max 3, but found memory min 0 max 3"));
    assert_non_null(strstr(w.d.text, "a.g: global mut i32, but found global i32"));
    assert_null(w.inst);
}

static void shared_until_written(void **state) {
    (void)state;
    assert_true(w.m->closed_funcs);
    assert_int_equal(instantiate(), RL_OK);
    rl_instance *a = w.inst;
    assert_int_equal(instantiate(), RL_OK);
    rl_instance *b = w.inst;
    rl_table *ta = rl_instance_table(a, 0), *tb = rl_instance_table(b, 0);
    assert_ptr_equal(ta->elems, tb->elems);
    assert_int_equal(call(a, "call", 1, 0, 0), 7); /* the import, through its slot */
    assert_int_equal(call(a, "call", 2, 0, 0), 42);
    assert_int_equal(call(a, "call", 0, 0, 0), -RL_TRAP_NULL_FUNC);
    assert_int_equal(call(a, "call", 4, 0, 0), -RL_TRAP_UNDEFINED);
    call(a, "put", 0, 0, 0);
    assert_ptr_not_equal(ta->elems, tb->elems);
    assert_int_equal(call(a, "call", 0, 0, 0), 42);
    assert_int_equal(call(b, "call", 0, 0, 0), -RL_TRAP_NULL_FUNC);
    assert_int_equal(call(a, "put", 4, 0, 0), -RL_TRAP_TABLE);
    assert_int_equal(call(b, "grow", 3, 0, 0), (u32)-1); /* the store allows six */
    assert_int_equal(call(b, "grow", 2, 0, 0), 4);
    assert_int_equal(call(b, "call", 2, 0, 0), 42);
    assert_int_equal(call(b, "call", 5, 0, 0), -RL_TRAP_NULL_FUNC);
}

static void segments(void **state) {
    (void)state;
    assert_int_equal(instantiate(), RL_OK);
    assert_memory_equal(w.memory->base + 8, "abc", 3);
    call(w.inst, "init", 65533, 2, 3);
    assert_memory_equal(w.memory->base + 65533, "fgh", 3);
    assert_int_equal(call(w.inst, "init", 65534, 2, 3), -RL_TRAP_MEMORY);
    assert_int_equal(call(w.inst, "init", 0, 3, 3), -RL_TRAP_MEMORY);
    assert_int_equal(call(w.inst, "init", UINT32_MAX, 0, UINT32_MAX), -RL_TRAP_MEMORY);
    call(w.inst, "elems", 2, 0, 2);
    assert_int_equal(call(w.inst, "call", 3, 0, 0), 42);
    assert_int_equal(call(w.inst, "elems", 3, 0, 2), -RL_TRAP_TABLE);
    call(w.inst, "drop", 0, 0, 0);
    assert_int_equal(call(w.inst, "init", 0, 0, 1), -RL_TRAP_MEMORY);
    assert_int_equal(call(w.inst, "elems", 0, 0, 1), -RL_TRAP_TABLE);
    assert_true(call(w.inst, "init", 65536, 0, 0) >= 0 || w.x.exit == RL_EXIT_DONE);
}

static void memory_moves_and_limits(void **state) {
    (void)state;
    assert_int_equal(instantiate(), RL_OK);
    rl_instance *a = w.inst;
    assert_int_equal(instantiate(), RL_OK);
    assert_ptr_equal(a->mem_base, w.memory->base);
    assert_int_equal(rl_memory_grow(w.memory, 2), 1);
    assert_ptr_equal(a->mem_base, w.memory->base);
    assert_ptr_equal(w.inst->mem_base, w.memory->base);
    assert_int_equal(w.inst->mem_bound, 3 * RL_PAGE);
    assert_memory_equal(w.memory->base + 8, "abc", 3);
    assert_int_equal(w.memory->base[3 * RL_PAGE - 1], 0);
    assert_int_equal(rl_memory_grow(w.memory, 1), -1);
    assert_int_equal(rl_memory_grow(w.memory, UINT64_MAX), -1);
    rl_memory *more;
    assert_int_equal(rl_memory_new(w.store, &(rl_limits){ 1, UINT64_MAX, false }, &more), RL_ERR_LIMIT); /* three in all */
}

static void globals_are_shared(void **state) {
    (void)state;
    assert_int_equal(instantiate(), RL_OK);
    rl_instance *a = w.inst;
    assert_int_equal(instantiate(), RL_OK);
    w.global.u32 = 10;
    assert_int_equal(call(a, "add", 5, 0, 0), 15);
    assert_int_equal(call(w.inst, "add", (u32)-20, 0, 0), (u32)-5);
    assert_int_equal(w.global.u32, (u32)-5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failures_are_named_together, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_until_written, setup, teardown),
        cmocka_unit_test_setup_teardown(segments, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_moves_and_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(globals_are_shared, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
