/* Stubs: random function types travel from C through entry, two changes of instance and a host stub into C and back,
 * parking on the way, with every register poisoned; typed host functions get every argument where C expects it. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "jit/builtin.h"
#include "jit/engine.h"
#include "jit/masm.h"
#include "jit/stub.h"
#include "jit/trap.h"
#include "tests/unit/machine.h"

enum { MAX = 40, STACK = 65536 };

static struct rl_module no_module;
static struct rl_instance *a, *b; /* caller and callee */
static rl_exec x;
static u8 *stack;
static u8 memory[4][16]; /* addresses for memory bases; never touched */

static u64 noise(void) {
    static u64 s = 88172645463325252u;
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return s;
}

static int setup(void **state) {
    (void)state;
    rl_masm_detect();
    a = calloc(1, sizeof *a);
    b = calloc(1, sizeof *b);
    a->module = b->module = &no_module;
    stack = mmap(NULL, 3 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(stack != MAP_FAILED && mprotect(stack, 4096, PROT_NONE) == 0); /* a guard below it */
    stack += 4096;
    rl_exec_poison = true;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rl_exec_poison = false;
    free(a);
    free(b);
    munmap(stack - 4096, 3 * STACK);
    return 0;
}

/* A larger stack to go on with, or NULL. */
static u8 *larger;
static rl_err more(rl_host *h, u8 **to, size_t *size) {
    (void)h;
    if (!larger) return RL_ERR_LIMIT;
    *to = larger;
    *size = STACK + 64;
    larger = NULL;
    b->stack_limit = a->stack_limit = *to + RL_STACK_MARGIN; /* no store does it here */
    return RL_OK;
}

static void set_flavour(rl_flavour f) {
    a->flavour = b->flavour = f;
    a->grow = b->grow = (const void *)(uintptr_t)rl_glue_grow;
    a->mem_base = memory[0];
    b->mem_base = memory[1];
    /* most calls outgrow their stack somewhere on the way */
    rl_exec_init(&x, stack, 2560 + noise() % 8192 / 8 * 8, (rl_host *)memory);
    larger = stack + STACK;
    x.more = more;
}

/* A function in `inst` that passes its arguments on to another record. */
static rl_func forwarder(rl_instance *inst, const rl_func *to) {
    rl_masm m = { 0 };
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
    rl_masm_landing(&m, true);
    rl_masm_movi(&m, RL_W64, RL_REG_FUNC, (u64)(uintptr_t)to);
    rl_masm_tailm(&m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode)));
    const void *code = rl_code_publish(m.base, rl_masm_pos(&m));
    rl_masm_fini(&m);
    return (rl_func){ .code = code, .xcode = rl_stub_get(to->proto, RL_STUB_CROSS), .inst = inst, .proto = to->proto };
}

static u64 *run(rl_func *f, const u64 *args, u32 parks) {
    assert_int_equal(rl_exec_call(&x, f, args), RL_OK);
    for (u32 i = 0; i < parks; i++) assert_int_equal(rl_exec_resume(&x, 100), RL_EXIT_PARK);
    assert_int_equal(rl_exec_resume(&x, 100), RL_EXIT_DONE);
    assert_int_equal(x.fuel_spent, 0);
    return x.vals;
}

/* ---- random types through GENERIC ---- */

static struct {
    u8 params[MAX], results[MAX];
    u32 nparams, nresults, in_words, out_words, parks, area_words;
    u64 in[2 * MAX], out[2 * MAX];
} g;

/* The value a slot is to have: 32-bit types leave the upper half open here, and zero at the end. */
static bool same(const u8 *types, u32 n, const u64 *got, const u64 *want, bool upper_zero) {
    for (u32 i = 0, w = 0; i < n; i++, w++) {
        if (types[i] == RL_I32 || types[i] == RL_F32) {
            if ((u32)got[w] != (u32)want[w] || (upper_zero && got[w] >> 32)) return false;
        } else {
            if (got[w] != want[w]) return false;
            if (types[i] == RL_V128 && (w++, got[w] != want[w])) return false;
        }
    }
    return true;
}

static void generic(void *env, rl_exec *e, u64 *slots) {
    assert_ptr_equal(env, &g);
    assert_ptr_equal(e, &x);
    assert_ptr_equal(x.inst, b);
    assert_ptr_equal(b->exec, &x);
    assert_ptr_equal(b->stack_limit, x.stack_limit);
    assert_int_equal((uintptr_t)slots % 16, 0);
    /* between this stub's frame and the saves of the crossing one: its outgoing area, with room for any tail call */
    char *frame = x.guest_fp, *outer = *(char **)frame;
    size_t area = (size_t)(outer - 16 - (frame + 16));
    assert_true(area >= b->tail_bytes && area >= g.area_words * 8);
    assert_true(same(g.params, g.nparams, slots, g.in, true));
    if (b->flavour == RL_FLAVOUR_GUARDED_GS) assert_ptr_equal(gs_base(), b->mem_base);
    if (g.parks) {
        g.parks--;
        rl_exec_park(e);
        return;
    }
    memcpy(slots, g.out, g.out_words * 8);
}

static u32 random_types(u8 *types, u32 n, u64 *vals) {
    u32 words = 0;
    for (u32 i = 0; i < n; i++) {
        types[i] = (u8)(noise() % (RL_EXTERNREF + 1));
        vals[words++] = noise();
        if (types[i] == RL_V128) vals[words++] = noise();
    }
    return words;
}

static void random_types_travel(void **state) {
    (void)state;
    for (u32 i = 0; i < 600; i++) {
        if (i % 3 == RL_FLAVOUR_GUARDED_GS && !rl_engine_has_gs()) continue;
        set_flavour(i % 3);
        g.nparams = (u32)(noise() % (i < 300 ? 8 : MAX));
        g.nresults = (u32)(noise() % (i < 300 ? 4 : MAX));
        g.in_words = random_types(g.params, g.nparams, g.in);
        g.out_words = random_types(g.results, g.nresults, g.out);
        a->tail_bytes = noise() % 50 * 8;
        b->tail_bytes = noise() % 50 * 8;
        rl_proto *p = rl_proto_intern(g.params, g.nparams, g.results, g.nresults);
        g.area_words = p->out_words;
        rl_func host, inner, outer;
        assert_int_equal(rl_func_host(&host, RL_STUB_GENERIC, (const void *)(uintptr_t)generic, &g, p, "generic"), RL_OK);
        inner = forwarder(b, &host);
        outer = forwarder(a, &inner);
        u32 parks = g.parks = (u32)(noise() % 3);
        u64 *vals = run(&outer, g.in, parks);
        assert_true(same(g.results, g.nresults, vals, g.out, true));
        assert_ptr_equal(x.inst, a);
    }
}

/* ---- what a caller keeps ---- */

static u32 keep_parks;
static void move_memories(void *env, rl_exec *e, u64 *slots) {
    (void)env;
    (void)slots;
    if (a->flavour != RL_FLAVOUR_GUARDED_GS) { /* compact memories move when they grow */
        a->mem_base = memory[2];
        b->mem_base = memory[3];
    }
    if (keep_parks) {
        keep_parks--;
        rl_exec_park(e);
    }
}

static const u8 kept[] = KEPT_REGS;
#define KEPT(r) (0x1111111111111111u * (r))

/* Fills the callee-saved registers, calls, and returns which of them were kept, as bits; then the memory's base. */
static rl_func keeper(const rl_func *callee, rl_proto *p) {
    rl_masm m = { 0 };
    rl_label never = RL_LABEL_INIT;
    u32 gs = a->flavour == RL_FLAVOUR_GUARDED_GS;
    assert_true(rl_masm_init(&m, a->flavour));
    m.p += RL_PROLOGUE_MAX;
    for (u32 i = 0; i < 3 + gs; i++) rl_masm_movi(&m, RL_W64, kept[i], KEPT(kept[i]));
    rl_masm_movi(&m, RL_W64, RL_REG_FUNC, (u64)(uintptr_t)callee);
    rl_masm_callm(&m, rl_mem_at(RL_REG_FUNC, offsetof(rl_func, xcode)));
    rl_masm_movi(&m, RL_W64, RESULT, 0);
    for (u32 i = 0; i < 3 + gs; i++) {
        rl_masm_movi(&m, RL_W64, RL_REG_TMP, KEPT(kept[i]));
        rl_masm_cmp(&m, RL_W64, RL_REG_TMP, kept[i]);
        rl_masm_setcc(&m, RL_CC_EQ, OTHER);
        rl_masm_bini(&m, RL_BIN_SHL, RL_W64, OTHER, OTHER, i);
        rl_masm_bin(&m, RL_BIN_OR, RL_W64, RESULT, RESULT, OTHER);
    }
    rl_masm_mov(&m, RL_W64, RESULT_2, RL_REG_BASE);
    rl_masm_epilogue(&m, 0, 128);
    rl_masm_ret(&m);
    m.landing = true;
    u32 start = rl_masm_prologue(&m, RL_PROLOGUE_MAX, 128, false, 0, 128, &never);
    const void *code = rl_code_publish(m.base + start, rl_masm_pos(&m) - start);
    rl_masm_fini(&m);
    return (rl_func){ .code = code, .xcode = rl_stub_get(p, RL_STUB_CROSS), .inst = a, .proto = p };
}

static void caller_keeps(void **state) {
    (void)state;
    u8 two[] = { RL_I64, RL_I64 };
    rl_proto *none = rl_proto_intern(NULL, 0, NULL, 0), *p = rl_proto_intern(NULL, 0, two, 2);
    for (rl_flavour f = 0; f < RL_FLAVOUR_COUNT; f++)
        for (u32 parks = 0; parks < 3; parks++)
            for (int cross = 0; cross < 2; cross++) {
                if (f == RL_FLAVOUR_GUARDED_GS && !rl_engine_has_gs()) continue;
                set_flavour(f);
                rl_func host;
                assert_int_equal(rl_func_host(&host, RL_STUB_GENERIC, (const void *)(uintptr_t)move_memories, NULL, none, "move"), RL_OK);
                rl_func inner = forwarder(b, &host), outer = keeper(cross ? &inner : &host, p);
                keep_parks = parks;
                u64 *vals = run(&outer, NULL, parks);
                if (f == RL_FLAVOUR_GUARDED_GS) {
                    assert_int_equal(vals[0], 15);
                    assert_ptr_equal(gs_base(), a->mem_base);
                } else {
                    assert_int_equal(vals[0], 7);
                    assert_int_equal(vals[1], (uintptr_t)a->mem_base);
                    assert_ptr_equal(a->mem_base, memory[2]);
                }
            }
}

/* ---- typed C functions ---- */

static u32 typed_parks;
static u64 arguments[32];

static bool park_first(void) {
    if (!typed_parks) return false;
    typed_parks--;
    rl_exec_park(&x);
    return true;
}
static u64 d2u(double d) { u64 v; memcpy(&v, &d, 8); return v; }
static u64 f2u(float f) { u32 v; memcpy(&v, &f, 4); return v; }

/* more of each kind than registers; a 32-bit result with rubbish above it */
static u64 many(void *first, i32 i0, i64 i1, double d0, float f1, i32 i2, i64 i3, double d2, i64 i4, i32 i5, float f3, i64 i6, double d4,
                i32 i7, double d5, double d6, float f7, double d8, float f9, i64 j8, i32 i9) {
    assert_true(first == memory || first == a);
    if (park_first()) return 0;
    u64 got[] = { (u32)i0, (u64)i1, d2u(d0), f2u(f1), (u32)i2, (u64)i3, d2u(d2), (u64)i4, (u32)i5, f2u(f3), (u64)i6, d2u(d4),
                  (u32)i7, d2u(d5), d2u(d6), f2u(f7), d2u(d8), f2u(f9), (u64)j8, (u32)i9 };
    memcpy(arguments, got, sizeof got);
    return 0xbad0000012345678u;
}
static float half(void *host, float v) { (void)host; park_first(); return v / 2; }
static double twice(void *host, double v) { (void)host; park_first(); return v * 2; }
static i64 negate(void *host, i64 v) { (void)host; park_first(); return -v; }
static void nothing(void *host) { (void)host; park_first(); }

static rl_func typed(rl_stub kind, const void *fn, const char *params, const char *results) {
    u8 in[32], out[2];
    u32 n = 0, k = 0;
    static const u8 of[] = { ['i'] = RL_I32, ['l'] = RL_I64, ['f'] = RL_F32, ['d'] = RL_F64 };
    for (; params[n]; n++) in[n] = of[(u8)params[n]];
    for (; results[k]; k++) out[k] = of[(u8)results[k]];
    rl_func f;
    assert_int_equal(rl_func_host(&f, kind, fn, NULL, rl_proto_intern(in, n, out, k), "typed"), RL_OK);
    return f;
}

static void typed_functions(void **state) {
    (void)state;
    static const char types[] = "ildfildlifldiddfdfli";
    for (u32 i = 0; i < 12; i++) {
        rl_stub kind = i & 1 ? RL_STUB_BUILTIN : RL_STUB_HOST;
        set_flavour(RL_FLAVOUR_CHECKED);
        rl_func f = typed(kind, (const void *)(uintptr_t)many, types, "i"), via = forwarder(a, &f);
        u64 args[32];
        for (u32 k = 0; types[k]; k++) args[k] = types[k] == 'i' ? (u32)noise() : types[k] == 'f' ? 0x3f800000u + (noise() & 0xffffff)
                                                 : types[k] == 'd' ? 0x3ff0000000000000u + (noise() >> 12) : noise();
        typed_parks = i / 4;
        u64 *vals = run(&via, args, i / 4);
        assert_int_equal(vals[0], 0x12345678);
        assert_memory_equal(arguments, args, 8 * strlen(types));
    }
    for (u32 parks = 0; parks < 2; parks++) {
        set_flavour(RL_FLAVOUR_CHECKED);
        rl_func f = typed(RL_STUB_HOST, (const void *)(uintptr_t)half, "f", "f"), via = forwarder(a, &f);
        typed_parks = parks;
        assert_int_equal(*run(&via, &(u64){ f2u(3) }, parks), f2u(1.5f));
        f = typed(RL_STUB_HOST, (const void *)(uintptr_t)twice, "d", "d"), via = forwarder(a, &f);
        typed_parks = parks;
        assert_int_equal(*run(&via, &(u64){ d2u(3) }, parks), d2u(6));
        f = typed(RL_STUB_HOST, (const void *)(uintptr_t)negate, "l", "l"), via = forwarder(a, &f);
        typed_parks = parks;
        assert_int_equal(*run(&via, &(u64){ (u64)1 << 40 }, parks), (u64)-((i64)1 << 40));
        f = typed(RL_STUB_HOST, (const void *)(uintptr_t)nothing, "", ""), via = forwarder(a, &f);
        typed_parks = parks;
        run(&via, NULL, parks);
    }
}

static u64 leaf5(void *host, i64 a0, i32 a1, i64 a2, i32 a3, i64 a4) {
    u64 got[] = { (u64)a0, (u32)a1, (u64)a2, (u32)a3, (u64)a4 };
    (void)host;
    memcpy(arguments, got, sizeof got);
    return 0xbad0000012345678u;
}

/* All numbers of parameters; what does not fit registers has HOST's body. */
static void leaf_functions(void **state) {
    (void)state;
    static const char *const types[] = { "", "l", "li", "lil", "lili", "lilil" };
    for (u32 n = 0; n <= 5; n++)
        for (u32 wide = 0; wide < 2; wide++) {
            u64 args[5] = { noise(), (u32)noise(), noise(), (u32)noise(), noise() };
            set_flavour(RL_FLAVOUR_CHECKED);
            rl_func f = typed(RL_STUB_LEAF, (const void *)(uintptr_t)leaf5, types[n], wide ? "l" : "i"), via = forwarder(a, &f);
            assert_int_equal(*run(&via, args, 0), wide ? 0xbad0000012345678u : 0x12345678u);
            assert_memory_equal(arguments, args, 8 * n);
        }
    set_flavour(RL_FLAVOUR_CHECKED);
    rl_func f = typed(RL_STUB_LEAF, (const void *)(uintptr_t)half, "f", "f"), via = forwarder(a, &f);
    assert_int_equal(*run(&via, &(u64){ f2u(3) }, 0), f2u(1.5f));
}

/* ---- the end of the stack ---- */

static void endless_crossing(void **state) {
    (void)state;
    u8 types[MAX];
    for (u32 n = 0; n < MAX; n += 3) {
        memset(types, RL_I64, n);
        rl_proto *p = rl_proto_intern(types, n, types, n);
        u64 args[MAX] = { 0 };
        set_flavour(RL_FLAVOUR_CHECKED);
        a->tail_bytes = b->tail_bytes = n * 16;
        rl_func f = { .proto = p };
        f = forwarder(b, &f);
        rl_func self = f; /* forwards to the record whose address it was given: make that one itself */
        self = forwarder(b, &self);
        assert_int_equal(rl_exec_call(&x, &self, args), RL_OK);
        assert_int_equal(rl_exec_resume(&x, 100), RL_EXIT_TRAP);
        assert_int_equal(x.trap, RL_TRAP_STACK);
    }
}

/* A host frame larger than the margin below the limit: every stack size works or traps, and nothing is written into
 * the guard below the stack. */
static void large_host_frames(void **state) {
    (void)state;
    enum { N = 500 };
    u8 types[N];
    u64 args[N] = { 0 };
    memset(types, RL_I64, N);
    rl_proto *p = rl_proto_intern(types, N, NULL, 0);
    rl_func host;
    assert_int_equal(rl_func_host(&host, RL_STUB_GENERIC, (const void *)(uintptr_t)move_memories, NULL, p, "large"), RL_OK);
    u32 done = 0, trapped = 0, moved = 0;
    keep_parks = 0;
    for (size_t step = 0; step <= 2 * 28672; step += 64) {
        size_t size = RL_MAX(step % 28672, (size_t)4096);
        bool grows = step >= 28672;
        set_flavour(RL_FLAVOUR_CHECKED);
        rl_exec_init(&x, stack, size, NULL);
        larger = grows ? stack + STACK : NULL;
        x.more = more;
        a->tail_bytes = b->tail_bytes = 0;
        rl_func inner = forwarder(b, &host), outer = forwarder(a, &inner);
        if (rl_exec_call(&x, &outer, args) != RL_OK) continue;
        rl_exit why = rl_exec_resume(&x, 100);
        moved += grows && !larger;
        if (grows) assert_int_equal(why, RL_EXIT_DONE), done++;
        else if (why == RL_EXIT_TRAP) assert_int_equal(x.trap, RL_TRAP_STACK), assert_int_equal(done, 0), trapped++;
        else assert_int_equal(why, RL_EXIT_DONE), done++;
    }
    assert_true(done > 10 && trapped > 10 && moved > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_types_travel, setup, teardown),
        cmocka_unit_test_setup_teardown(caller_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(typed_functions, setup, teardown),
        cmocka_unit_test_setup_teardown(leaf_functions, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_crossing, setup, teardown),
        cmocka_unit_test_setup_teardown(large_host_frames, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
