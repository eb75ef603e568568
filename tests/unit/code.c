/* Compiled code as a whole: the same for any number of threads, found again by every address, lazy by need and from
 * several threads at once. The module has many functions that call each other in both directions. */
#include "tests/unit/wasm.h"

#include <pthread.h>

#include "jit/engine.h"
#include "jit/instance.h"
#include "jit/trap.h"
#include "src/base/os.h"

#define FUNCS 12000u
#define STACK ((size_t)1 << 20)

static u32 next_of(u32 i) { return (i * 7921 + 13) % FUNCS; } /* one cycle through all of them */

/* f_i(x) = x == 0 ? i : f_next(i)(x - 1) + 1 */
static void body(wasm *code, u32 i) {
    wasm b = { 0 };
    wasm_bytes(&b, "\0\x20\0\x04\x7f\x20\0\x41\1\x6b\x10", 11); /* if (result i32), x - 1, call */
    wasm_u32_wide(&b, next_of(i));
    wasm_bytes(&b, "\x41\1\x6a\x05\x41", 5); /* 1, add, else, const */
    /* numbers are signed: a byte more keeps bit 6 out of the sign */
    u32 v = i;
    for (int k = 0; k < 3; k++, v >>= 7) wasm_byte(&b, (u8)(v | 0x80));
    wasm_byte(&b, (u8)v);
    wasm_bytes(&b, "\x0b\x0b", 2);
    wasm_u32(code, (u32)b.n);
    wasm_bytes(code, b.p, b.n);
    free(b.p);
}

static rl_module *make(void) {
    wasm w = { 0 }, types = { 0 }, exports = { 0 }, code = { 0 };
    wasm_u32(&types, FUNCS);
    wasm_u32(&code, FUNCS);
    for (u32 i = 0; i < FUNCS; i++) {
        wasm_byte(&types, 0);
        body(&code, i);
    }
    wasm_bytes(&exports, "\1\1f\0\0", 5);
    wasm_header(&w);
    wasm_section(&w, 1, "\1\x60\1\x7f\1\x7f", 6);
    wasm_section(&w, 3, types.p, types.n);
    wasm_section(&w, 7, exports.p, exports.n);
    wasm_section(&w, 10, code.p, code.n);
    rl_diag d = { 0 };
    rl_module *m = NULL;
    if (rl_module_new(w.p, w.n, &m, &d)) fail_msg("at 0x%llx: %s", (unsigned long long)d.offset, d.text);
    free(w.p), free(types.p), free(exports.p), free(code.p);
    return m;
}

static u32 expected(u32 x) {
    u32 i = 0, n = 0;
    for (; x; x--, n++) i = next_of(i);
    return i + n;
}

/* f_0(x) on a store and stack of its own. */
static u32 run(rl_module *m, rl_flavour flavour, u64 x) {
    rl_store_config c = { flavour, UINT64_MAX, 100 };
    rl_store *s;
    rl_instance *inst;
    rl_func *start;
    rl_exec e;
    rl_extern f;
    void *stack = rl_os_map(STACK);
    assert_int_equal(rl_store_new(&c, &s), RL_OK);
    assert_int_equal(rl_instance_new(s, m, NULL, NULL, &inst, &start, NULL), RL_OK);
    assert_true(rl_instance_export(inst, "f", 1, &f));
    rl_exec_init(&e, stack, STACK, NULL);
    assert_int_equal(rl_exec_call(&e, f.func, &x), RL_OK);
    while (rl_exec_resume(&e, 1000) == RL_EXIT_YIELD) {}
    assert_int_equal(e.exit, RL_EXIT_DONE);
    u32 r = (u32)rl_exec_result(&e, 0);
    rl_store_free(s);
    rl_os_unmap(stack, STACK);
    return r;
}

static int start_engine(void **state) {
    (void)state;
    return rl_engine_init(NULL);
}

/* The same code, but for how far its one call goes, and the same rows; wherever it lies. */
static void same_function(rl_code *a, rl_code *b, u32 func) {
    const rl_func_code *f = rl_code_func(a, func), *g = rl_code_func(b, func);
    assert_int_equal(f->size, g->size);
    u32 differ = 0;
    for (u32 i = 0; i < f->size; i++) differ += rl_code_base(a)[f->start + i] != rl_code_base(b)[g->start + i];
    assert_true(differ <= 4);
    rl_rows x = f->rows, y = g->rows;
    for (rl_row r, s; rl_rows_next(&x, &r);) {
        assert_true(rl_rows_next(&y, &s));
        assert_true(r.pc - f->start == s.pc - g->start && r.offset == s.offset && r.refund == s.refund && r.kind == s.kind);
    }
    assert_int_equal(y.size, 0);
}

static void any_number_of_threads(void **state) {
    (void)state;
    rl_module *a = make(), *b = make();
    rl_code *one, *four;
    assert_int_equal(rl_code_get(a, RL_FLAVOUR_CHECKED, RL_COMPILE_EAGER, 1, &one, NULL), RL_OK);
    assert_int_equal(rl_code_get(b, RL_FLAVOUR_CHECKED, RL_COMPILE_EAGER, 4, &four, NULL), RL_OK);
    assert_int_equal(rl_code_stats(one)->native_bytes, rl_code_stats(four)->native_bytes);
    for (u32 i = 0; i < FUNCS; i++) same_function(one, four, i);
    assert_int_equal(run(b, RL_FLAVOUR_CHECKED, 3000), expected(3000));
    rl_module_put(a);
    rl_module_put(b);
}

static void check_function(rl_code *c, u32 func) {
    const rl_func_code *f = rl_code_func(c, func);
    const u8 *base = rl_code_base(c);
    assert_true(f->size > 0);
    assert_ptr_equal(rl_code_find(base + f->start), c);
    assert_int_equal(rl_code_func_at(c, base + f->start), func);
    assert_int_equal(rl_code_func_at(c, base + f->start + f->size - 1), func);
    assert_ptr_equal(rl_code_entry(c, func), base + f->start);
    u32 calls = 0;
    rl_rows rows = f->rows;
    for (rl_row row, found; rl_rows_next(&rows, &row);) {
        bool call = row.kind == RL_ROW_CALL;
        calls += call;
        assert_true(row.pc > f->start && row.pc <= f->start + f->size);
        assert_true(call ? rl_code_ret_at(c, base + row.pc, &found) : rl_code_trap_at(c, base + row.pc, &found));
        assert_true(found.pc == row.pc && found.offset == row.offset && found.refund == row.refund && found.kind == row.kind);
        if (!call) assert_false(rl_code_ret_at(c, base + row.pc + 1, &found));
    }
    assert_true(calls >= 1);
}

static void every_address_is_found(void **state) {
    (void)state;
    rl_module *m = make();
    rl_code *c;
    assert_int_equal(rl_code_get(m, RL_FLAVOUR_CHECKED, RL_COMPILE_EAGER, 2, &c, NULL), RL_OK);
    for (u32 i = 0; i < FUNCS; i++) check_function(c, i);
    assert_null(rl_code_find(&c));
    assert_null(rl_code_find(rl_code_base(c) - 1));
    assert_int_equal(rl_code_func_at(c, rl_code_base(c) + rl_code_stats(c)->native_bytes + (1 << 19)), UINT32_MAX);
    const void *base = rl_code_base(c);
    rl_module_put(m);
    assert_null(rl_code_find(base)); /* given back */
}

static void lazy_compiles_what_is_called(void **state) {
    (void)state;
    rl_module *m = make();
    rl_code *c;
    assert_int_equal(rl_code_get(m, RL_FLAVOUR_CHECKED, RL_COMPILE_LAZY, 1, &c, NULL), RL_OK);
    assert_int_equal(rl_code_stats(c)->functions, 0);
    for (u32 x = 0; x < 20; x++) {
        assert_int_equal(run(m, RL_FLAVOUR_CHECKED, x), expected(x));
        assert_int_equal(rl_code_stats(c)->functions, x + 1);
    }
    check_function(c, 0);
    check_function(c, next_of(0));
    assert_int_equal(rl_code_func(c, 1)->size, 0);
    rl_module_put(m);
}

static void *runner(void *m) {
    if (rl_trap_thread_init()) return (void *)1;
    u32 r = run(m, RL_FLAVOUR_CHECKED, 4000);
    rl_trap_thread_fini();
    return (void *)(uintptr_t)(r != expected(4000));
}

static void lazy_from_several_threads(void **state) {
    (void)state;
    rl_module *m = make();
    rl_code *c;
    pthread_t t[6];
    assert_int_equal(rl_code_get(m, RL_FLAVOUR_CHECKED, RL_COMPILE_LAZY, 1, &c, NULL), RL_OK);
    for (u32 i = 0; i < RL_LEN(t); i++) assert_int_equal(pthread_create(&t[i], NULL, runner, m), 0);
    for (u32 i = 0; i < RL_LEN(t); i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(rl_code_stats(c)->functions, 4001);
    rl_module_put(m);
}

static void both_flavours_of_one_module(void **state) {
    (void)state;
    rl_module *m = make();
    assert_int_equal(run(m, RL_FLAVOUR_CHECKED, 50), expected(50));
    assert_int_equal(run(m, rl_flavour_pick(true), 50), expected(50));
    rl_module_put(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(any_number_of_threads, start_engine),
        cmocka_unit_test_setup(every_address_is_found, start_engine),
        cmocka_unit_test_setup(lazy_compiles_what_is_called, start_engine),
        cmocka_unit_test_setup(lazy_from_several_threads, start_engine),
        cmocka_unit_test_setup(both_flavours_of_one_module, start_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
