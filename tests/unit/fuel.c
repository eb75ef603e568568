/* Fuel is exact: what was charged in advance and not executed is given back at a trap, in every frame, by every way of
 * compiling and at every slice. The expected numbers are counted by hand from tests/unit/fuel.wat; an instruction that
 * traps counts as executed. */
#include "tests/unit/test.h"

#include <string.h>

#include "include/rille.h"

/* tests/unit/fuel.wat, converted by wasm-tools. */
static const unsigned char bytes[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x02, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7f, 0x00,
    0x02, 0x0d, 0x01, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x04, 0x66, 0x61, 0x69, 0x6c, 0x00, 0x01, 0x03, 0x09, 0x08, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x04, 0x01, 0x70, 0x00, 0x02, 0x05, 0x03, 0x01, 0x00, 0x01, 0x07, 0x32, 0x07,
    0x03, 0x64, 0x69, 0x76, 0x00, 0x02, 0x04, 0x6c, 0x6f, 0x61, 0x64, 0x00, 0x03, 0x04, 0x64, 0x65, 0x65, 0x70, 0x00, 0x04,
    0x04, 0x6e, 0x75, 0x6c, 0x6c, 0x00, 0x05, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x00, 0x06, 0x04, 0x6c, 0x6f, 0x6f, 0x70, 0x00,
    0x07, 0x05, 0x73, 0x74, 0x61, 0x63, 0x6b, 0x00, 0x08, 0x0a, 0x83, 0x01, 0x08, 0x0b, 0x00, 0x41, 0xe4, 0x00, 0x20, 0x00,
    0x6d, 0x41, 0x01, 0x6a, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x10, 0x01, 0x41, 0x05, 0x6a, 0x41, 0x07, 0x6c, 0x0b, 0x0d, 0x00,
    0x20, 0x00, 0x28, 0x02, 0x00, 0x20, 0x00, 0x28, 0x02, 0x04, 0x6a, 0x0b, 0x14, 0x00, 0x20, 0x00, 0x45, 0x04, 0x7f, 0x00,
    0x05, 0x20, 0x00, 0x41, 0x01, 0x6b, 0x10, 0x04, 0x0b, 0x41, 0x01, 0x6a, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x41, 0x01, 0x11,
    0x00, 0x00, 0x41, 0x01, 0x6a, 0x0b, 0x0b, 0x00, 0x20, 0x00, 0x10, 0x00, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x0b, 0x1f, 0x01,
    0x01, 0x7f, 0x03, 0x40, 0x20, 0x01, 0x41, 0x03, 0x6a, 0x21, 0x01, 0x41, 0xe8, 0x07, 0x20, 0x00, 0x6d, 0x1a, 0x20, 0x00,
    0x41, 0x01, 0x6b, 0x21, 0x00, 0x0c, 0x00, 0x0b, 0x00, 0x0b, 0x0c, 0x00, 0x20, 0x00, 0x41, 0x01, 0x6a, 0x10, 0x08, 0x41,
    0x01, 0x6a, 0x0b,
};

static rille_engine *engine;
static rille_module *module;
static rille_linker *linker;

static void fail_(void *env, rille_caller *caller, const rille_value *args, rille_value *results) {
    (void)env, (void)args, (void)results;
    rille_caller_trap(caller, "failed");
}

/* Fuel of one call in a fresh store. */
static uint64_t spent(const char *name, int arg, rille_trap want, rille_error *error) {
    rille_store *store;
    rille_instance *instance;
    rille_value v = rille_i32(arg), out;
    assert_int_equal(rille_store_new(engine, NULL, &store, error), RILLE_OK);
    assert_int_equal(rille_instance_new(store, module, linker, &instance, error), RILLE_OK);
    rille_status s = rille_call(rille_instance_func(instance, name), &v, 1, &out, 1, error);
    assert_int_equal(s, want ? RILLE_TRAP : RILLE_OK);
    if (want) assert_int_equal(error->trap, want);
    uint64_t fuel = rille_store_fuel_spent(store);
    rille_store_free(store);
    return fuel;
}

static void all_cases(void) {
    rille_error e;
    /* get call; const get div const add; const add const mul */
    assert_int_equal(spent("div", 5, RILLE_TRAP_NONE, &e), 2 + 5 + 4);
    assert_int_equal(spent("div", 0, RILLE_TRAP_DIVISION, &e), 2 + 3);
    assert_int_equal(spent("load", 0, RILLE_TRAP_NONE, &e), 5);
    assert_int_equal(spent("load", 65536, RILLE_TRAP_MEMORY, &e), 2);
    assert_int_equal(spent("load", 65532, RILLE_TRAP_MEMORY, &e), 4);
    /* each level: get eqz if, get const sub call; the innermost: get eqz if, and unreachable is free */
    assert_int_equal(spent("deep", 10, RILLE_TRAP_UNREACHABLE, &e), 10 * 7 + 3);
    assert_non_null(strstr(e.backtrace, "deep"));
    assert_int_equal(spent("null", 1, RILLE_TRAP_INDIRECT, &e), 3);
    assert_int_equal(spent("host", 1, RILLE_TRAP_HOST, &e), 2);
    assert_string_equal(e.text, "failed");
    /* 11 a round (drop is free), 7 in the round that divides by zero */
    assert_int_equal(spent("loop", 100, RILLE_TRAP_DIVISION, &e), 100 * 12 + 7);
    /* as deep as the stack goes, but always whole calls of four instructions */
    uint64_t deep = spent("stack", 0, RILLE_TRAP_STACK, &e);
    assert_int_equal(deep % 4, 0);
    assert_true(deep > 4000);
}

static void exact_everywhere(void **state) {
    (void)state;
    const rille_type i32 = RILLE_I32;
    for (int memory = 0; memory < 2; memory++)
        for (int compile = 1; compile < 3; compile++) {
            rille_config c = { .memory = (rille_memory_kind)memory, .compile = (rille_compile_kind)compile };
            rille_error e;
            assert_int_equal(rille_engine_new(&c, &engine, &e), RILLE_OK);
            assert_int_equal(rille_module_new(engine, bytes, sizeof bytes, &module, &e), RILLE_OK);
            assert_int_equal(rille_linker_new(engine, &linker, &e), RILLE_OK);
            assert_int_equal(rille_linker_func(linker, "host", "fail", (rille_signature){ &i32, 1, NULL, 0 }, fail_, NULL, &e), RILLE_OK);
            all_cases();
            rille_linker_free(linker);
            rille_module_free(module);
            rille_engine_free(engine);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(exact_everywhere) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
