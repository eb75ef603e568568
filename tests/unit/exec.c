/* Execs without the compiler: functions assembled by hand enter, yield, park, nest, trap and are dropped. What compiled
 * code does is tested by the official suite; this file pins down the machinery below it. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "jit/masm.h"
#include "jit/stub.h"
#include "jit/trap.h"
#include "tests/unit/machine.h"

static struct rl_module no_module; /* hand-made instances only need it to be there */

typedef struct world {
    rl_instance *inst;
    rl_exec x;
    u8 *stack;
    int calls;
    rl_func *inner;
    bool catch_traps;
    rl_nested seen;
    u64 got;
} world;

static world *w;

static int setup(void **state) {
    (void)state;
    rl_masm_detect();
    w = calloc(1, sizeof *w);
    w->inst = calloc(1, sizeof *w->inst);
    w->inst->module = &no_module;
    w->inst->flavour = RL_FLAVOUR_CHECKED;
    w->inst->yield = (const void *)(uintptr_t)rl_glue_yield;
    w->inst->grow = (const void *)(uintptr_t)rl_glue_grow;
    w->stack = aligned_alloc(4096, 65536);
    rl_exec_init(&w->x, w->stack, 65536, (rl_host *)w);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rl_exec_poison = false;
    free(w->stack);
    free(w->inst);
    free(w);
    return 0;
}

static rl_proto *proto(const char *params, const char *results) {
    u8 in[16], out[16];
    u32 n = 0, k = 0;
    for (; params[n]; n++) in[n] = params[n] == 'i' ? RL_I32 : params[n] == 'd' ? RL_F64 : RL_I64;
    for (; results[k]; k++) out[k] = results[k] == 'i' ? RL_I32 : results[k] == 'd' ? RL_F64 : RL_I64;
    return rl_proto_intern(in, n, out, k);
}

/* A function: prologue with a frame, body, epilogue. */
static void begin(rl_masm *m) {
    assert_true(rl_masm_init(m, RL_FLAVOUR_CHECKED));
    rl_masm_room(m, 4096);
    m->p += RL_PROLOGUE_MAX;
}

static rl_func finish(rl_masm *m, rl_proto *p) {
    rl_label never = RL_LABEL_INIT;
    rl_masm_epilogue(m, 0, 128);
    rl_masm_ret(m);
    m->landing = true;
    u32 start = rl_masm_prologue(m, RL_PROLOGUE_MAX, 128, false, 0, 128, &never);
    const void *code = rl_code_publish(m->base + start, rl_masm_pos(m) - start);
    rl_masm_fini(m);
    return (rl_func){ .code = code, .xcode = rl_stub_get(p, RL_STUB_CROSS), .inst = w->inst, .type_id = p->id, .proto = p };
}

static void call_record(rl_masm *m, const rl_func *f) {
    rl_masm_movi(m, RL_W64, RL_REG_FUNC, (u64)(uintptr_t)f);
    rl_masm_callm(m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode)));
}

static void returns_a_constant(void **state) {
    (void)state;
    rl_masm m = { 0 };
    begin(&m);
    rl_masm_movi(&m, RL_W32, RESULT, 42);
    rl_func f = finish(&m, proto("", "i"));
    assert_int_equal(rl_exec_call(&w->x, &f, NULL), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_DONE);
    assert_int_equal(rl_exec_result(&w->x, 0), 42);
    assert_int_equal(w->x.fuel_spent, 0);
}

/* Sums n, n-1, … 1 in RESULT with every other register holding a value that must survive; 3 units per round. */
static rl_func summing(void) {
    rl_masm m = { 0 };
    rl_label head = RL_LABEL_INIT, cold = RL_LABEL_INIT, back = RL_LABEL_INIT, done = RL_LABEL_INIT;
    begin(&m);
    rl_masm_movi(&m, RL_W64, RESULT, 0);
    rl_masm_movi(&m, RL_W64, KEPT_1, 1);
    rl_masm_fmovi(&m, RL_F64, FP_0 + 9, 0x3ff0000000000000);
    rl_masm_fmovi(&m, RL_F64, FP_0 + 12, 0);
    rl_masm_bind(&m, &head);
    rl_masm_charge_check(&m, 3, &cold);
    rl_masm_bind(&m, &back);
    rl_masm_bin(&m, RL_BIN_ADD, RL_W64, RESULT, RESULT, ARG_1);
    rl_masm_fbin(&m, RL_FBIN_ADD, RL_F64, FP_0 + 12, FP_0 + 12, FP_0 + 9);
    rl_masm_bin(&m, RL_BIN_SUB, RL_W64, ARG_1, ARG_1, KEPT_1);
    rl_masm_cmpi(&m, RL_W64, ARG_1, 0);
    rl_masm_jcc(&m, RL_CC_NE, &head);
    rl_masm_jmp(&m, &done);
    rl_masm_bind(&m, &cold);
    rl_masm_yield(&m);
    rl_masm_jmp(&m, &back);
    rl_masm_pool(&m);
    rl_masm_bind(&m, &done);
    rl_masm_fmov(&m, RL_F64, FP_0, FP_0 + 12);
    return finish(&m, proto("l", "ld"));
}

static void yields_keep_every_register(void **state) {
    (void)state;
    rl_func f = summing();
    for (i64 slice = 1; slice < 5000; slice = slice * 7 + 1) {
        for (int poison = 0; poison < 2; poison++) {
            rl_exec_poison = poison;
            u64 n = 1000, before = w->x.fuel_spent, yields = 0;
            assert_int_equal(rl_exec_call(&w->x, &f, &n), RL_OK);
            while (rl_exec_resume(&w->x, slice) == RL_EXIT_YIELD) yields++;
            assert_int_equal(w->x.exit, RL_EXIT_DONE);
            assert_int_equal(rl_exec_result(&w->x, 0), 500500);
            double d;
            memcpy(&d, &w->x.vals[1], 8);
            assert_true(d == 1000.0);
            assert_int_equal(w->x.fuel_spent - before, 3000);
            if (slice == 1) assert_int_equal(yields, 1000);
        }
    }
}

static void dropped_in_a_loop(void **state) {
    (void)state;
    rl_func f = summing();
    u64 n = 1000000000;
    assert_int_equal(rl_exec_call(&w->x, &f, &n), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 5000), RL_EXIT_YIELD);
    n = 2; /* the next call simply drops the frames */
    assert_int_equal(rl_exec_call(&w->x, &f, &n), RL_OK);
    while (rl_exec_resume(&w->x, 5000) == RL_EXIT_YIELD) {}
    assert_int_equal(rl_exec_result(&w->x, 0), 3);
}

/* ---- host functions ---- */

static i32 parking(world *host, i32 a, i64 b, double c) {
    assert_ptr_equal(host, w);
    if (++w->calls % 3) rl_exec_park(&w->x);
    return a + (i32)b + (i32)c;
}

/* f(a) = host(a, 7, 0.5) + KEPT_1, which has to survive the park */
static rl_func calling(rl_func *host, rl_proto *p) {
    rl_masm m = { 0 };
    begin(&m);
    rl_masm_movi(&m, RL_W64, KEPT_1, 100000);
    rl_masm_movi(&m, RL_W64, ARG_2, 7);
    rl_masm_movi(&m, RL_W64, RESULT, 0x3fe0000000000000);
    rl_masm_cvt(&m, RL_CVT_F64_I64_BITS, FP_0, RESULT);
    call_record(&m, host);
    rl_masm_bin(&m, RL_BIN_ADD, RL_W32, RESULT, RESULT, KEPT_1);
    return finish(&m, p);
}

static void parks_and_is_called_again(void **state) {
    (void)state;
    rl_func host;
    assert_int_equal(rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)parking, NULL, proto("ild", "i"), "parking"), RL_OK);
    rl_func f = calling(&host, proto("i", "i"));
    rl_exec_poison = true;
    for (u64 a = 1; a < 4; a++) {
        assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
        assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_PARK);
        assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_PARK);
        assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_DONE);
        assert_int_equal(rl_exec_result(&w->x, 0), 100000 + a + 7);
    }
    assert_int_equal(w->calls, 9);
    u64 a = 1; /* dropped while parked */
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_PARK);
    rl_exec_reset(&w->x);
}

/* Two that take turns where they park, on one entry. */
static rl_exec pair[2];

static i32 in_turn(rl_exec *x, i32 a, i64 b, double c) {
    if (++w->calls <= 4) rl_exec_park(x);
    return a + (i32)b + (i32)c;
}
static rl_exec *other(rl_exec *x) {
    rl_exec *y = &pair[x == pair];
    if (w->calls == 2 && !w->seen) { /* once it does not want to */
        w->seen = RL_NESTED_RETURNED;
        return NULL;
    }
    rl_exec_settle(x);
    rl_exec_grant(y, 500);
    return y;
}

static void another_goes_on_where_one_parks(void **state) {
    (void)state;
    rl_func host;
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)in_turn, NULL, proto("ild", "i"), "in_turn");
    rl_func f = calling(&host, proto("i", "i"));
    rl_exec_poison = true;
    for (u64 i = 0; i < 2; i++) {
        rl_exec_init(&pair[i], w->stack + 32768 * i, 32768, (rl_host *)&pair[i]);
        pair[i].next = other;
        assert_int_equal(rl_exec_call(&pair[i], &f, &i), RL_OK);
    }
    assert_int_equal(rl_exec_resume(&pair[0], 1000), RL_EXIT_PARK); /* the second came back */
    assert_int_equal(w->calls, 2);
    assert_int_equal(pair[1].exit, RL_EXIT_PARK);
    assert_int_equal(pair[0].fuel, 0);
    assert_int_equal(rl_exec_resume(&pair[0], 1000), RL_EXIT_DONE);
    assert_int_equal(w->calls, 5);
    assert_int_equal(rl_exec_result(&pair[0], 0), 100007);
    assert_int_equal(rl_exec_resume(&pair[1], 1000), RL_EXIT_DONE);
    assert_int_equal(rl_exec_result(&pair[1], 0), 100008);
    assert_true(pair[0].fuel_spent == pair[1].fuel_spent);
}

/* Where one parks, the other goes on with a result that nobody computed. */
static rl_exec *other_done(rl_exec *x) {
    rl_exec *y = &pair[x == pair];
    if (w->calls < 2) return NULL;
    rl_exec_finish(y, 1000u * (u32)++w->calls);
    rl_exec_settle(x);
    rl_exec_grant(y, 500);
    return y;
}

static i32 never(rl_exec *x, i32 a, i64 b, double c) {
    (void)a, (void)b, (void)c;
    w->calls++;
    rl_exec_park(x);
    return 0;
}

static void parked_call_is_finished(void **state) {
    (void)state;
    rl_func host;
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)never, NULL, proto("ild", "i"), "never");
    rl_func f[2] = { calling(&host, proto("i", "i")), calling(&host, proto("i", "i")) };
    for (u64 round = 0; round < 4; round++) { /* both at the same place or not; registers lost or not */
        rl_exec_poison = round & 1;
        w->calls = 0;
        for (u64 i = 0; i < 2; i++) {
            rl_exec_init(&pair[i], w->stack + 32768 * i, 32768, (rl_host *)&pair[i]);
            pair[i].next = other_done;
            assert_int_equal(rl_exec_call(&pair[i], &f[i & round >> 1], &i), RL_OK);
        }
        assert_int_equal(rl_exec_resume(&pair[0], 1000), RL_EXIT_PARK);
        assert_int_equal(rl_exec_resume(&pair[1], 1000), RL_EXIT_DONE); /* the first came back */
        assert_int_equal(w->calls, 3);
        assert_int_equal(rl_exec_result(&pair[0], 0), 103000);
        rl_exec_finish(&pair[1], 1);
        assert_int_equal(rl_exec_resume(&pair[1], 1000), RL_EXIT_DONE);
        assert_int_equal(rl_exec_result(&pair[1], 0), 100001);
        assert_int_equal(w->calls, 3);
    }
}

static i32 trapping(world *host, i32 a, i64 b, double c) {
    (void)host, (void)b, (void)c;
    if (a == 1) rl_exec_trap(&w->x, RL_TRAP_EXIT);
    else rl_exec_fail(&w->x, "no %d", a);
    return 0;
}

static void host_traps(void **state) {
    (void)state;
    rl_func host;
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)trapping, NULL, proto("ild", "i"), "trapping");
    rl_func f = calling(&host, proto("i", "i"));
    u64 a = 5;
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_TRAP);
    assert_int_equal(w->x.trap, RL_TRAP_HOST);
    assert_string_equal(w->x.message, "no 5");
}

/* Runs w->inner first, then reports what it saw. */
static i32 nesting(world *host, i32 a, i64 b, double c) {
    (void)host, (void)b, (void)c;
    w->calls++;
    w->seen = rl_exec_nested(&w->x);
    if (w->seen == RL_NESTED_NONE) {
        u64 args[] = { (u64)a, 7 };
        rl_exec_nest(&w->x, w->inner, args, w->catch_traps);
        return 0;
    }
    w->got = rl_exec_result(&w->x, 0);
    return (i32)w->got;
}

static void nested_call_returns(void **state) {
    (void)state;
    rl_func host, sum = summing();
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)nesting, NULL, proto("ild", "i"), "nesting");
    rl_func f = calling(&host, proto("i", "i"));
    w->inner = &sum;
    u64 a = 10, yields = 0;
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    while (rl_exec_resume(&w->x, 1) == RL_EXIT_YIELD) yields++;
    assert_int_equal(w->x.exit, RL_EXIT_DONE);
    assert_int_equal(w->seen, RL_NESTED_RETURNED);
    assert_int_equal(rl_exec_result(&w->x, 0), 100055);
    assert_int_equal(yields, 10);
    assert_int_equal(w->calls, 2);
}

static void nested_traps(void **state) {
    (void)state;
    rl_func host, bad;
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)nesting, NULL, proto("ild", "i"), "nesting");
    rl_func_host(&bad, RL_STUB_HOST, (const void *)(uintptr_t)trapping, NULL, proto("ild", "i"), "trapping");
    rl_func f = calling(&host, proto("i", "i")), inner = calling(&bad, proto("i", "i"));
    w->inner = &inner;
    u64 a = 5;
    w->catch_traps = true; /* caught */
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_DONE);
    assert_int_equal(w->seen, RL_NESTED_TRAPPED);
    w->catch_traps = false; /* ends the exec */
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_TRAP);
    w->catch_traps = true; /* proc_exit passes through */
    a = 1;
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_TRAP);
    assert_int_equal(w->x.trap, RL_TRAP_EXIT);
}

/* Many values: more than x->small_vals holds, through a GENERIC stub called directly. */
static void generic(void *env, rl_exec *x, u64 *slots) {
    assert_ptr_equal(env, w);
    assert_ptr_equal(x, &w->x);
    for (int i = 0; i < 12; i++) slots[i] = slots[i] * 2 + 1;
}

static void many_values(void **state) {
    (void)state;
    rl_func f;
    u64 args[12];
    for (u64 i = 0; i < 12; i++) args[i] = i * 1000;
    rl_func_host(&f, RL_STUB_GENERIC, (const void *)(uintptr_t)generic, w, proto("llllllllllll", "llllllllllll"), "generic");
    assert_int_equal(rl_exec_call(&w->x, &f, args), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_DONE);
    for (u64 i = 0; i < 12; i++) assert_int_equal(rl_exec_result(&w->x, (u32)i), i * 2000 + 1);
}

/* A host function that runs another exec on the same thread, as the embedding API may. */
static i32 reentering(world *host, i32 a, i64 b, double c) {
    (void)host, (void)b, (void)c;
    rl_exec x;
    void *stack = aligned_alloc(4096, 16384);
    rl_exec_init(&x, stack, 16384, (rl_host *)w);
    u64 n = (u64)a;
    assert_int_equal(rl_exec_call(&x, w->inner, &n), RL_OK);
    while (rl_exec_resume(&x, 2) == RL_EXIT_YIELD) {}
    i32 r = (i32)rl_exec_result(&x, 0);
    free(stack);
    return r;
}

static void another_exec_inside_a_host_call(void **state) {
    (void)state;
    rl_func host, sum = summing();
    rl_func_host(&host, RL_STUB_HOST, (const void *)(uintptr_t)reentering, NULL, proto("ild", "i"), "reentering");
    rl_func f = calling(&host, proto("i", "i"));
    w->inner = &sum;
    u64 a = 4;
    assert_int_equal(rl_exec_call(&w->x, &f, &a), RL_OK);
    assert_int_equal(rl_exec_resume(&w->x, 1000), RL_EXIT_DONE);
    assert_int_equal(rl_exec_result(&w->x, 0), 100010);
    assert_ptr_equal(w->inst->exec, &w->x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(returns_a_constant, setup, teardown),
        cmocka_unit_test_setup_teardown(yields_keep_every_register, setup, teardown),
        cmocka_unit_test_setup_teardown(dropped_in_a_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(parks_and_is_called_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_goes_on_where_one_parks, setup, teardown),
        cmocka_unit_test_setup_teardown(parked_call_is_finished, setup, teardown),
        cmocka_unit_test_setup_teardown(host_traps, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_call_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_traps, setup, teardown),
        cmocka_unit_test_setup_teardown(many_values, setup, teardown),
        cmocka_unit_test_setup_teardown(another_exec_inside_a_host_call, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
