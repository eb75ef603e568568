/* Decoder and validator: verdicts with their texts and offsets, what a module says about itself, annotations of small
 * bodies as text, and inputs made to be slow or deep. */
#include "tests/unit/test.h"

#include <time.h>

#include "jit/module.h"
#include "jit/opcode.h"
#include "jit/reader.h"
#include "jit/regs.h"
#include "jit/validate.h"
#include "tests/unit/wasm.h"

#define H "\0asm\1\0\0\0"

/* ---- verdicts ---- */

static const struct { const char *bytes; size_t n; rl_err code; u64 at; const char *text; } cases[] = {
#define CASE(bytes, code, at, text) { bytes, sizeof bytes - 1, code, at, text }
    CASE("", RL_ERR_MALFORMED, 0, "unexpected end"),
    CASE("\0asn\1\0\0\0", RL_ERR_MALFORMED, 0, "magic header not detected"),
    CASE("\0asm\2\0\0\0", RL_ERR_MALFORMED, 4, "unknown binary version"),
    CASE("\0asm\x0d\0\1\0", RL_ERR_UNSUPPORTED, 4, "unknown binary version: this is a component"),
    CASE(H "\x0e\1\0", RL_ERR_MALFORMED, 8, "malformed section id"),
    CASE(H "\1\5\0", RL_ERR_MALFORMED, 8, "length out of bounds"),
    CASE(H "\1\2\0\0", RL_ERR_MALFORMED, 11, "section size mismatch"),
    CASE(H "\3\1\0\1\1\0", RL_ERR_MALFORMED, 11, "unexpected content after last section"),
    CASE(H "\1\1\0\1\1\0", RL_ERR_MALFORMED, 11, "unexpected content after last section: type section twice"),
    CASE(H "\0\2\1\xff", RL_ERR_MALFORMED, 11, "malformed UTF-8 encoding"),
    CASE(H "\1\4\1\x60\1\x7f", RL_ERR_MALFORMED, 14, "unexpected end"),
    CASE(H "\1\5\1\x60\1\x7b\0", RL_ERR_UNSUPPORTED, 13, "SIMD"),
    CASE(H "\1\2\1\x5f", RL_ERR_UNSUPPORTED, 11, "GC"),
    CASE(H "\1\6\x80\x80\x80\x80\x80\0", RL_ERR_MALFORMED, 10, "integer representation too long"),
    CASE(H "\1\5\xff\xff\xff\xff\x1f", RL_ERR_MALFORMED, 10, "integer too large"),
    CASE(H "\3\2\1\0", RL_ERR_INVALID, 11, "unknown type 0"),
    CASE(H "\5\3\1\4\0", RL_ERR_UNSUPPORTED, 11, "memory64"),
    CASE(H "\5\5\2\0\0\0\0", RL_ERR_UNSUPPORTED, 13, "multi-memory"),
    CASE(H "\5\4\1\3\0\1", RL_ERR_UNSUPPORTED, 11, "integer too large: shared memory (threads)"),
    CASE(H "\5\4\1\1\2\1", RL_ERR_INVALID, 11, "size minimum must not be greater than maximum"),
    CASE(H "\5\5\1\0\x81\x80\4", RL_ERR_INVALID, 11, "memory size must be at most 65536 pages (4GiB)"),
    CASE(H "\x0d\1\0", RL_ERR_UNSUPPORTED, 8, "exception handling"),
    CASE(H "\7\5\1\1x\2\0", RL_ERR_INVALID, 13, "unknown memory 0"),
    CASE(H "\5\3\1\0\0\7\x09\2\1x\2\0\1x\2\0", RL_ERR_INVALID, 15, "duplicate export name: \"x\""),
    CASE(H "\6\4\1\x7f\0\x0b", RL_ERR_INVALID, 13, "type mismatch: constant expression must give one i32"),
    CASE(H "\6\7\1\x7f\0\x41\0\x45\x0b", RL_ERR_INVALID, 15, "constant expression required"),
    CASE(H "\6\6\1\x7f\0\x23\0\x0b", RL_ERR_INVALID, 13, "unknown global 0"),
    CASE(H "\1\4\1\x60\0\0\3\2\1\0", RL_ERR_MALFORMED, 18, "function and code section have inconsistent lengths"),
    CASE(H "\x0c\1\1", RL_ERR_MALFORMED, 11, "data count and data section have inconsistent lengths"),
#define BODY(n, bytes) H "\1\4\1\x60\0\0\3\2\1\0\x0a" n "\1" bytes /* the body's size comes at 21 */
    CASE(BODY("\3", "\1\0"), RL_ERR_MALFORMED, 23, "unexpected end of section or function: END opcode expected"),
    CASE(BODY("\5", "\3\0\xfd\x0b"), RL_ERR_UNSUPPORTED, 23, "SIMD"),
    CASE(BODY("\5", "\3\0\xfe\x0b"), RL_ERR_UNSUPPORTED, 23, "threads"),
    CASE(BODY("\5", "\3\0\x06\x0b"), RL_ERR_UNSUPPORTED, 23, "exception handling"),
    CASE(BODY("\5", "\3\0\xfb\x0b"), RL_ERR_UNSUPPORTED, 23, "GC"),
    CASE(BODY("\5", "\3\0\x27\x0b"), RL_ERR_MALFORMED, 23, "illegal opcode 0x27"),
    CASE(BODY("\5", "\3\0\x45\x0b"), RL_ERR_INVALID, 23, "type mismatch: i32.eqz expects i32, found nothing"),
    CASE(BODY("\6", "\4\0\x20\0\x0b"), RL_ERR_INVALID, 23, "unknown local 0"),
    CASE(BODY("\6", "\4\0\x10\5\x0b"), RL_ERR_INVALID, 23, "unknown function 5"),
    CASE(BODY("\6", "\4\0\x0c\1\x0b"), RL_ERR_INVALID, 23, "unknown label 1"),
    CASE(BODY("\6", "\4\0\x41\0\x0b"), RL_ERR_INVALID, 25, "type mismatch: 1 operands too many at end"),
    CASE(BODY("\6", "\4\0\xd2\0\x0b"), RL_ERR_INVALID, 23, "undeclared function reference"),
    CASE(BODY("\6", "\4\0\x0b\1\x0b"), RL_ERR_MALFORMED, 24, "section size mismatch"),
    CASE(BODY("\x0a", "\x08\0\x41\0\x28\2\0\x1a\x0b"), RL_ERR_INVALID, 25, "unknown memory 0"),
    CASE(BODY("\x09", "\7\1\xd1\x86\3\x7f\x0b\x0b"), RL_ERR_LIMIT, 23, "too many locals: 50001, at most 50000"),
    CASE(BODY("\x0c", "\x0a\2\xff\xff\xff\xff\x0f\x7f\1\x7f\x0b"), RL_ERR_LIMIT, 23, "too many locals"),
};

static void verdicts(void **state) {
    (void)state;
    for (size_t i = 0; i < RL_LEN(cases); i++) {
        rl_diag d = {0};
        rl_module *m = (rl_module *)&d;
        rl_err e = rl_module_new((const u8 *)cases[i].bytes, cases[i].n, &m, &d);
        if (e != cases[i].code || strncmp(d.text, cases[i].text, strlen(cases[i].text)) || d.offset != cases[i].at)
            fail_msg("case %zu: %d at %llu: \"%s\", expected %d at %llu: \"%s\"", i, e, (unsigned long long)d.offset,
                     d.text, cases[i].code, (unsigned long long)cases[i].at, cases[i].text);
        assert_null(m);
    }
}

/* ---- what a module says about itself ---- */

/* Types [i32]->[i32], []->[]; imports m.f of type 0; functions 1 and 2; table; exports b = 1, a = 2, t = table;
 * start 2; element 1; function 1 tail-calls 0; names: 1 is "one". */
static const char facts_bytes[] = H
    "\1\x09\2\x60\1\x7f\1\x7f\x60\0\0"
    "\2\7\1\1m\1f\0\0"
    "\3\3\2\0\1"
    "\4\4\1\x70\0\1"
    "\7\x0d\3\1b\0\1\1a\0\2\1t\1\0"
    "\x08\1\2"
    "\x09\7\1\0\x41\0\x0b\1\1"
    "\x0a\x0b\2\6\0\x20\0\x12\0\x0b\2\0\x0b"
    "\0\x0e\4name\1\7\1\1\4one\1";

static rl_module *facts_module(void) {
    rl_diag d = {0};
    rl_module *m = NULL;
    if (rl_module_new((const u8 *)facts_bytes, sizeof facts_bytes - 1, &m, &d))
        fail_msg("at %llu: %s", (unsigned long long)d.offset, d.text);
    return m;
}

static void facts(void **state) {
    (void)state;
    rl_module *m = facts_module();
    char name[32];
    assert_int_equal(m->nfuncs, 3);
    assert_int_equal(m->nimported_funcs, 1);
    assert_true(m->has_tail_calls);
    assert_int_equal(m->tail_words, 0);
    assert_false(m->closed_funcs); /* the table is exported */
    assert_int_equal(m->func_slot[0], UINT32_MAX);
    assert_int_equal(m->func_slot[1], 0);
    assert_int_equal(m->func_slot[2], 1);
    assert_int_equal(m->nfunc_slots, 2);
    assert_int_equal(rl_module_export(m, "a", 1)->index, 2);
    assert_int_equal(rl_module_export(m, "b", 1)->index, 1);
    assert_int_equal(rl_module_export(m, "t", 1)->kind, RL_KIND_TABLE);
    assert_null(rl_module_export(m, "c", 1));
    assert_null(rl_module_export(m, "", 0));
    assert_null(rl_module_export(m, "aa", 2));
    assert_string_equal(rl_module_func_name(m, 1, name, sizeof name), "one?"); /* control bytes do not get through */
    assert_string_equal(rl_module_func_name(m, 0, name, sizeof name), "m.f");
    assert_string_equal(rl_module_func_name(m, 2, name, sizeof name), "a");
    assert_string_equal(rl_module_func_name(m, 9, name, sizeof name), "func[9]");
    assert_string_equal(rl_module_func_name(m, 0, name, 3), "m.");
    assert_int_equal(m->elems[0].items[0].index, 1);
    assert_int_equal(m->start, 2);
    assert_int_equal(m->funcs[1].max_depth, 1);
    rl_module_put(m);
}

/* Every prefix ends in a verdict; the only valid ones end at a section's end before any function is promised. */
static void prefixes(void **state) {
    (void)state;
    u32 valid = 0;
    for (size_t n = 0; n < sizeof facts_bytes - 1; n++) {
        u8 *exact = malloc(n + 1); /* no byte more, for the sanitizer */
        memcpy(exact, facts_bytes, n);
        rl_diag d = {0};
        rl_module *m;
        valid += !rl_module_new(exact, n, &m, &d);
        assert_true((m == NULL) == (d.code != RL_OK));
        rl_module_put(m);
        free(exact);
    }
    assert_int_equal(valid, 4); /* header, types, imports; and all but the names */
}

static void protos(void **state) {
    (void)state;
    static const u8 params[] = { RL_I32, RL_F64, RL_I64, RL_I32, RL_I32, RL_I32, RL_I32, RL_I32, RL_FUNCREF };
    static const u8 results[] = { RL_I32, RL_I32, RL_F32, RL_I32 };
    rl_proto *p = rl_proto_intern(params, 9, results, 4), *q = rl_proto_intern(params, 9, results, 3);
    char text[80];
    assert_ptr_equal(p, rl_proto_intern(params, 9, results, 4));
    assert_ptr_not_equal(p, q);
    assert_int_not_equal(p->id, q->id);
    assert_string_equal(rl_proto_text(q, text, sizeof text),
                        "[i32 f64 i64 i32 i32 i32 i32 i32 funcref] -> [i32 i32 f32]");
    assert_int_equal(strlen(rl_proto_text(q, text, 12)), 11);
    /* two results in registers, the third in the area's first word; then the arguments that found no register */
    assert_int_equal(p->out[3].reg, RL_NOREG);
    assert_int_equal(p->out[3].word, 0);
    assert_int_equal(p->in[1].reg, RL_FP0);
    u32 gp = 0, words = 1;
    for (u32 i = 0; i < 9; i++) {
        if (i == 1) continue;
        if (gp++ < RL_ARG_GP_COUNT) assert_int_not_equal(p->in[i].reg, RL_NOREG);
        else assert_int_equal(p->in[i].word, words++);
    }
    assert_int_equal(p->out_words, words);
}

static void leb(void **state) {
    (void)state;
    static const struct { const char *bytes; size_t n; unsigned bits; bool is_signed; i64 value; bool ok; } c[] = {
        { "\0", 1, 32, false, 0, true },
        { "\xff\xff\xff\xff\x0f", 5, 32, false, 0xffffffff, true },
        { "\xff\xff\xff\xff\x1f", 5, 32, false, 0, false },
        { "\x80\x80\x80\x80\x80\0", 6, 32, false, 0, false },
        { "\x80", 1, 32, false, 0, false },
        { "\x7f", 1, 32, true, -1, true },
        { "\x80\x80\x80\x80\x78", 5, 32, true, INT32_MIN, true },
        { "\x80\x80\x80\x80\x70", 5, 32, true, 0, false },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, 64, false, -1, true },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\2", 10, 64, false, 0, false },
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10, 64, true, INT64_MIN, true },
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e", 10, 64, true, 0, false },
        { "\x80\x80\x80\x80\x70", 5, 33, true, -(INT64_C(1) << 32), true },
    };
    for (size_t i = 0; i < RL_LEN(c); i++) {
        rl_reader r = rl_reader_of((const u8 *)c[i].bytes, 0, c[i].n);
        i64 v = (i64)rl_read_leb(&r, c[i].bits, c[i].is_signed);
        assert_int_equal(!r.err, c[i].ok);
        if (!c[i].ok) continue;
        assert_int_equal(v, c[i].value);
        const u8 *p = (const u8 *)c[i].bytes;
        v = c[i].is_signed ? rl_leb_i64(&p) : (i64)rl_leb_u64(&p);
        assert_int_equal(v, c[i].value);
    }
}

/* ---- annotations as text ---- */

static void expect(const char *body, size_t n, u32 params, u32 locals, const char *text) {
    wasm w = { (u8 *)body, n, n };
    rl_module *m = wasm_module_of_body(&w, params, locals);
    rl_annot a = {0};
    rl_diag d = {0};
    assert_int_equal(rl_validate_func(m, 0, true, &a, &d), RL_OK);
    char *got = NULL;
    size_t size;
    FILE *f = open_memstream(&got, &size);
    rl_annot_dump(&a, f);
    fclose(f);
    assert_string_equal(got, text);
    free(got);
    rl_annot_fini(&a);
    rl_module_put(m);
}
#define EXPECT(body, params, locals, text) expect(body, sizeof body - 1, params, locals, text)

static void annotations(void **state) {
    (void)state;
    /* a counting loop: do { i = i + 1 } while (i < n) */
    EXPECT("\3\x40\x20\1\x41\1\x6a\x22\1\x20\0\x49\x0d\0\x0b\x0b", 1, 2,
           "locals=2 tracked=2 depth=2 out=0 loops rbw={0 1} weight=[8 16]\n"
           "segments=[0 7 0]\nevents=[last - -]\n"
           "loop #0 end=15 live={0 1} uses={0 1} writes={1} rbw={0 1} weights=[1 2] branched innermost\n");
    /* code after `unreachable` counts for nothing; memory.grow is a call; a store nobody reads */
    EXPECT("\2\x40\x20\0\x0d\0\0\3\x40\x20\0\x1a\x0b\x0b\x20\0\x40\0\x21\0\x0b", 1, 1,
           "locals=1 tracked=1 depth=1 out=0 calls rbw={0} weight=[3]\n"
           "segments=[2 0 3]\nevents=[- last dead]\n"
           "block #0 end=14 live={0} uses={0} writes={} branched\n"
           "loop #1 end=13 unreachable\n");
    /* both branches define */
    EXPECT("\x20\0\4\x40\x41\5\x21\1\5\x41\6\x21\1\x0b\x20\1\x1a\x0b", 1, 2,
           "locals=2 tracked=2 depth=1 out=0 rbw={0} weight=[1 3]\n"
           "segments=[2 2 2 1]\nevents=[last - - last]\n"
           "if #0 end=14 live={1} uses={1} writes={1}\n");
    /* without else the earlier value may survive; nested loops weigh 8 each; a call in the inner one */
    EXPECT("\3\x40\x20\0\4\x40\x41\5\x21\1\x0b\3\x40\x10\0\x20\0\x0d\0\x0b\x0b\x20\1\x1a\x0b", 0, 2,
           "locals=2 tracked=2 depth=1 out=0 calls loops rbw={0 1} weight=[72 9]\n"
           "segments=[0 2 2 0 3 1]\nevents=[- - - last]\n"
           "loop #0 end=21 live={0 1} uses={0 1} writes={1} rbw={0} weights=[9 1] calls=8\n"
           "if #1 end=11 live={0 1} uses={1} writes={1}\n"
           "loop #2 end=20 live={0 1} uses={0} writes={} rbw={0} weights=[1] calls=1 branched innermost\n");
}

/* ---- slow and deep ---- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void finish(wasm *w, u32 ends, u32 locals, bool annotate) {
    for (u32 i = 0; i <= ends; i++) wasm_byte(w, RL_OP_end);
    double began = seconds();
    rl_module *m = wasm_module_of_body(w, 0, locals);
    rl_annot a = {0};
    rl_diag d = {0};
    if (annotate) assert_int_equal(rl_validate_func(m, 0, true, &a, &d), RL_OK);
    rl_annot_fini(&a);
    rl_module_put(m);
    free(w->p);
    assert_true(seconds() - began < 5);
}

static void deep_blocks(void **state) {
    (void)state;
    wasm w = {0};
    for (u32 i = 0; i < 1000000; i++) wasm_bytes(&w, i % 2 ? "\2\x40" : "\3\x40", 2);
    finish(&w, 1000000, 1, true);
}

/* Every loop branches to the outermost one: nothing may be done per loop between. */
static void far_branches(void **state) {
    (void)state;
    wasm w = {0};
    for (u32 i = 0; i < 200000; i++) {
        wasm_bytes(&w, "\3\x40\x20\0\x0d", 5);
        wasm_u32(&w, i);
    }
    finish(&w, 200000, 1, true);
}

/* Tables over many labels of one type. */
static void wide_tables(void **state) {
    (void)state;
    wasm w = {0};
    for (u32 i = 0; i < 1000; i++) wasm_bytes(&w, "\2\x40", 2);
    for (u32 k = 0; k < 3; k++) {
        wasm_bytes(&w, "\x20\0\x0e", 3);
        wasm_u32(&w, 1000000);
        for (u32 i = 0; i <= 1000000; i++) wasm_u32(&w, i % 1000);
    }
    finish(&w, 1000, 1, true);
}

/* One operand per two bytes, up to the limit and beyond it. */
static void many_operands(void **state) {
    (void)state;
    for (u32 n = RL_MAX_OPERANDS; n <= RL_MAX_OPERANDS + 1; n++) {
        wasm body = {0}, w = {0}, code = {0};
        wasm_bytes(&body, "\0", 1);
        for (u32 i = 0; i < n; i++) wasm_bytes(&body, "\x41\0", 2);
        wasm_bytes(&body, "\0\x0b", 2); /* unreachable: whatever is there may stay */
        wasm_byte(&code, 1);
        wasm_u32_wide(&code, (u32)body.n);
        wasm_bytes(&code, body.p, body.n);
        wasm_header(&w);
        wasm_section(&w, 1, "\1\x60\0\0", 4);
        wasm_section(&w, 3, "\1\0", 2);
        wasm_section(&w, 10, code.p, code.n);
        rl_module *m;
        rl_diag d = {0};
        assert_int_equal(rl_module_new(w.p, w.n, &m, &d), n == RL_MAX_OPERANDS ? RL_OK : RL_ERR_LIMIT);
        rl_module_put(m);
        free(body.p);
        free(code.p);
        free(w.p);
    }
}

static void many_locals(void **state) {
    (void)state;
    wasm w = {0};
    for (u32 i = 0; i < 500000; i++) {
        wasm_op_u32(&w, RL_OP_local_get, i % 50000);
        wasm_byte(&w, RL_OP_drop);
    }
    finish(&w, 0, 50000, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts), cmocka_unit_test(facts), cmocka_unit_test(prefixes), cmocka_unit_test(protos),
        cmocka_unit_test(leb), cmocka_unit_test(annotations), cmocka_unit_test(deep_blocks),
        cmocka_unit_test(far_branches), cmocka_unit_test(wide_tables), cmocka_unit_test(many_locals), cmocka_unit_test(many_operands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
