/* The embedding API, used as an embedder would: this file includes rille.h and nothing of the engine. */
#include "tests/unit/test.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "include/rille.h"

/* tests/unit/embed.wat, converted by wasm-tools. */
static const unsigned char bytes[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x22, 0x06, 0x60, 0x04, 0x7f, 0x7e, 0x7d, 0x7c, 0x01, 0x7c, 0x60,
    0x01, 0x7f, 0x01, 0x7f, 0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x60, 0x01, 0x7c, 0x01, 0x7c, 0x60, 0x00, 0x00, 0x60, 0x01,
    0x7e, 0x02, 0x7e, 0x7f, 0x02, 0x19, 0x02, 0x04, 0x68, 0x6f, 0x73, 0x74, 0x03, 0x6d, 0x69, 0x78, 0x00, 0x00, 0x04, 0x68,
    0x6f, 0x73, 0x74, 0x05, 0x61, 0x67, 0x61, 0x69, 0x6e, 0x00, 0x01, 0x03, 0x09, 0x08, 0x02, 0x03, 0x02, 0x04, 0x04, 0x05,
    0x01, 0x01, 0x05, 0x04, 0x01, 0x01, 0x01, 0x03, 0x06, 0x0b, 0x02, 0x7e, 0x01, 0x42, 0x05, 0x0b, 0x7f, 0x00, 0x41, 0x07,
    0x0b, 0x07, 0x4b, 0x0b, 0x06, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 0x02, 0x00, 0x01, 0x67, 0x03, 0x00, 0x01, 0x63, 0x03,
    0x01, 0x03, 0x73, 0x75, 0x6d, 0x00, 0x02, 0x05, 0x6d, 0x69, 0x78, 0x65, 0x64, 0x00, 0x03, 0x03, 0x64, 0x69, 0x76, 0x00,
    0x04, 0x04, 0x73, 0x70, 0x69, 0x6e, 0x00, 0x05, 0x04, 0x64, 0x65, 0x65, 0x70, 0x00, 0x06, 0x03, 0x74, 0x77, 0x6f, 0x00,
    0x07, 0x04, 0x6c, 0x6f, 0x61, 0x64, 0x00, 0x08, 0x07, 0x72, 0x65, 0x63, 0x75, 0x72, 0x73, 0x65, 0x00, 0x09, 0x0a, 0x44,
    0x08, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6a, 0x0b, 0x0f, 0x00, 0x41, 0x7d, 0x42, 0x28, 0x43, 0x00, 0x00, 0x00, 0x3f,
    0x20, 0x00, 0x10, 0x00, 0x0b, 0x07, 0x00, 0x20, 0x00, 0x20, 0x01, 0x6d, 0x0b, 0x07, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b,
    0x0b, 0x04, 0x00, 0x10, 0x06, 0x0b, 0x06, 0x00, 0x20, 0x00, 0x41, 0x09, 0x0b, 0x07, 0x00, 0x20, 0x00, 0x28, 0x02, 0x00,
    0x0b, 0x06, 0x00, 0x20, 0x00, 0x10, 0x01, 0x0b,
};

static rille_engine *engine;
static rille_module *module;
static rille_linker *linker;
static rille_store *store;
static rille_instance *instance;
static rille_error error;
static int mixed;

static void mix(void *env, rille_caller *caller, const rille_value *args, rille_value *results) {
    assert_ptr_equal(env, &mixed);
    assert_ptr_equal(rille_caller_store(caller), store);
    assert_int_equal(args[0].type, RILLE_I32);
    mixed++;
    if (args[3].of.f64 < 0) rille_caller_trap(caller, "negative");
    results[0].of.f64 = args[0].of.i32 + (double)args[1].of.i64 + args[2].of.f32 + args[3].of.f64;
    assert_true(rille_memory_write(rille_caller_memory(caller), 100, "hello", 6));
}

/* Calls back into the guest, n deep. */
static void again(void *env, rille_caller *caller, const rille_value *args, rille_value *results) {
    (void)env;
    rille_value next = rille_i32(args[0].of.i32 - 1);
    rille_error inner;
    if (args[0].of.i32 == 0) results[0].of.i32 = 1000;
    else if (rille_call(rille_instance_func(instance, "recurse"), &next, 1, &results[0], 1, &inner)) rille_caller_trap(caller, inner.text);
    else results[0].of.i32++;
}

static int open_all(rille_memory_kind memory, rille_compile_kind compile, const rille_limits *limits) {
    const rille_type four[] = { RILLE_I32, RILLE_I64, RILLE_F32, RILLE_F64 }, one[] = { RILLE_I32 }, f64[] = { RILLE_F64 };
    rille_config c = { .memory = memory, .compile = compile };
    assert_int_equal(rille_engine_new(&c, &engine, &error), RILLE_OK);
    assert_int_equal(rille_module_new(engine, bytes, sizeof bytes, &module, &error), RILLE_OK);
    assert_int_equal(rille_linker_new(engine, &linker, &error), RILLE_OK);
    assert_int_equal(rille_store_new(engine, limits, &store, &error), RILLE_OK);
    assert_int_equal(rille_linker_func(linker, "host", "mix", (rille_signature){ four, 4, f64, 1 }, mix, &mixed, &error), RILLE_OK);
    assert_int_equal(rille_linker_func(linker, "host", "again", (rille_signature){ one, 1, one, 1 }, again, NULL, &error), RILLE_OK);
    assert_int_equal(rille_instance_new(store, module, linker, &instance, &error), RILLE_OK);
    return 0;
}

/* Frees everything but the store first: it must keep what it needs. */
static void close_all(void) {
    rille_linker_free(linker);
    rille_module_free(module);
    rille_engine_free(engine);
    rille_value args[] = { rille_i32(2), rille_i32(3) }, sum;
    assert_int_equal(rille_call(rille_instance_func(instance, "sum"), args, 2, &sum, 1, &error), RILLE_OK);
    assert_int_equal(sum.of.i32, 5);
    rille_store_free(store);
}

static void calls_and_values(void **state) {
    (void)state;
    for (int memory = 0; memory < 2; memory++)
        for (int compile = 0; compile < 3; compile++) {
            open_all((rille_memory_kind)memory, (rille_compile_kind)compile, NULL);
            mixed = 0;
            rille_value x = rille_f64(0.25), out[2];
            assert_int_equal(rille_call(rille_instance_func(instance, "mixed"), &x, 1, out, 1, &error), RILLE_OK);
            assert_true(out[0].of.f64 == 37.75);
            assert_int_equal(mixed, 1);
            char text[6];
            assert_true(rille_memory_read(rille_instance_memory(instance, "memory"), 100, text, 6));
            assert_string_equal(text, "hello");
            rille_value l = rille_i64(1ll << 40);
            assert_int_equal(rille_call(rille_instance_func(instance, "two"), &l, 1, out, 2, &error), RILLE_OK);
            assert_true(out[0].of.i64 == 1ll << 40);
            assert_int_equal(out[1].of.i32, 9);
            close_all();
        }
}

static void wrong_use(void **state) {
    (void)state;
    open_all(RILLE_MEMORY_GUARDED, RILLE_COMPILE_AUTO, NULL);
    rille_value v = rille_i64(1), out;
    assert_int_equal(rille_call(rille_instance_func(instance, "mixed"), &v, 1, &out, 1, &error), RILLE_USAGE);
    assert_int_equal(rille_call(rille_instance_func(instance, "mixed"), &v, 0, &out, 1, NULL), RILLE_USAGE);
    assert_int_equal(rille_call(rille_instance_func(instance, "nobody"), &v, 0, &out, 1, &error), RILLE_USAGE);
    rille_instance *none;
    assert_int_equal(rille_instance_new(store, module, NULL, &none, &error), RILLE_LINK);
    assert_null(none);
    assert_non_null(strstr(error.text, "host.mix"));
    assert_non_null(strstr(error.text, "host.again"));
    rille_module *bad;
    assert_int_equal(rille_module_new(engine, bytes, 50, &bad, &error), RILLE_MALFORMED);
    assert_true(error.has_offset);
    assert_null(bad);
    close_all();
}

static void traps_are_values(void **state) {
    (void)state;
    open_all(RILLE_MEMORY_GUARDED, RILLE_COMPILE_AUTO, NULL);
    rille_value args[] = { rille_i32(1), rille_i32(0) }, out, x = rille_f64(-1), far = rille_i32(65533);
    assert_int_equal(rille_call(rille_instance_func(instance, "div"), args, 2, &out, 1, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_DIVISION);
    assert_non_null(strstr(error.backtrace, "div"));
    assert_int_equal(rille_call(rille_instance_func(instance, "load"), &far, 1, &out, 1, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_MEMORY);
    assert_int_equal(rille_call(rille_instance_func(instance, "mixed"), &x, 1, &out, 1, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_HOST);
    assert_string_equal(error.text, "negative");
    assert_int_equal(rille_call(rille_instance_func(instance, "deep"), NULL, 0, NULL, 0, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_STACK);
    close_all();
}

static void memories_and_globals(void **state) {
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        open_all((rille_memory_kind)memory, RILLE_COMPILE_AUTO, &(rille_limits){ .memory = 2 * 65536 });
        rille_memory *m = rille_instance_memory(instance, "memory");
        size_t size;
        assert_non_null(rille_memory_data(m, &size));
        assert_int_equal(size, 65536);
        assert_int_equal(rille_memory_grow(m, 1), 1);
        assert_int_equal(rille_memory_grow(m, 1), -1); /* the store's limit */
        assert_true(rille_memory_write(m, 131068, "\1\2\3\4", 4));
        assert_false(rille_memory_write(m, 131069, "\1\2\3\4", 4));
        assert_false(rille_memory_read(m, UINT64_MAX, &size, 2));
        rille_value at = rille_i32(131068), out;
        assert_int_equal(rille_call(rille_instance_func(instance, "load"), &at, 1, &out, 1, &error), RILLE_OK);
        assert_int_equal(out.of.i32, 0x04030201);
        rille_global *g = rille_instance_global(instance, "g"), *c = rille_instance_global(instance, "c");
        assert_ptr_equal(g, rille_instance_global(instance, "g"));
        assert_true(rille_global_get(g).of.i64 == 5);
        assert_int_equal(rille_global_set(g, rille_i64(-6), &error), RILLE_OK);
        assert_true(rille_global_get(g).of.i64 == -6);
        assert_int_equal(rille_global_set(g, rille_i32(1), &error), RILLE_USAGE);
        assert_int_equal(rille_global_set(c, rille_i32(1), &error), RILLE_USAGE);
        close_all();
    }
}

static void fuel_and_interrupt(void **state) {
    (void)state;
    open_all(RILLE_MEMORY_GUARDED, RILLE_COMPILE_AUTO, NULL);
    rille_value args[] = { rille_i32(2), rille_i32(3) }, sum;
    assert_int_equal(rille_call(rille_instance_func(instance, "sum"), args, 2, &sum, 1, &error), RILLE_OK);
    assert_int_equal(rille_store_fuel_spent(store), 3);
    rille_store_set_fuel(store, 10000);
    assert_int_equal(rille_call(rille_instance_func(instance, "spin"), NULL, 0, NULL, 0, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_FUEL);
    assert_in_range(rille_store_fuel_spent(store), 10003, 10010);
    rille_store_set_fuel(store, UINT64_MAX);
    rille_store_interrupt(store);
    assert_int_equal(rille_call(rille_instance_func(instance, "spin"), NULL, 0, NULL, 0, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_INTERRUPTED);
    close_all();
}

static void *interrupter(void *arg) {
    usleep(20000);
    rille_store_interrupt(arg);
    return NULL;
}

static void interrupted_by_another_thread(void **state) {
    (void)state;
    open_all(RILLE_MEMORY_CHECKED, RILLE_COMPILE_AUTO, NULL);
    pthread_t t;
    pthread_create(&t, NULL, interrupter, store);
    assert_int_equal(rille_call(rille_instance_func(instance, "spin"), NULL, 0, NULL, 0, &error), RILLE_TRAP);
    assert_int_equal(error.trap, RILLE_TRAP_INTERRUPTED);
    pthread_join(t, NULL);
    close_all();
}

static void host_functions_call_back(void **state) {
    (void)state;
    for (int memory = 0; memory < 2; memory++) {
        open_all((rille_memory_kind)memory, RILLE_COMPILE_AUTO, NULL);
        rille_value n = rille_i32(50), out;
        assert_int_equal(rille_call(rille_instance_func(instance, "recurse"), &n, 1, &out, 1, &error), RILLE_OK);
        assert_int_equal(out.of.i32, 1050);
        n = rille_i32(500);
        assert_int_equal(rille_call(rille_instance_func(instance, "recurse"), &n, 1, &out, 1, &error), RILLE_TRAP);
        close_all();
    }
}

static void *worker(void *arg) {
    rille_store *s;
    rille_instance *i;
    long bad = 0;
    for (int k = 0; k < 20; k++) {
        rille_value args[] = { rille_i32(k), rille_i32(0) }, out;
        bad += rille_store_new(engine, NULL, &s, NULL) != 0;
        bad += rille_instance_new(s, module, arg, &i, NULL) != 0;
        bad += rille_call(rille_instance_func(i, "sum"), args, 2, &out, 1, NULL) != 0 || out.of.i32 != k;
        bad += rille_call(rille_instance_func(i, "div"), args, 2, &out, 1, NULL) != RILLE_TRAP;
        rille_store_free(s);
    }
    return (void *)bad;
}

/* One module, lazily compiled, first called by several threads at once. */
static void threads_share_a_module(void **state) {
    (void)state;
    open_all(RILLE_MEMORY_GUARDED, RILLE_COMPILE_LAZY, NULL);
    pthread_t t[8];
    for (int i = 0; i < 8; i++) pthread_create(&t[i], NULL, worker, linker);
    for (int i = 0; i < 8; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    close_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_and_values),
        cmocka_unit_test(wrong_use),
        cmocka_unit_test(traps_are_values),
        cmocka_unit_test(memories_and_globals),
        cmocka_unit_test(fuel_and_interrupt),
        cmocka_unit_test(interrupted_by_another_thread),
        cmocka_unit_test(host_functions_call_back),
        cmocka_unit_test(threads_share_a_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
