/* The macro-assembler's float operations, executed: edge values in every aliasing of registers, with AVX and without,
 * against C written from the specification (execution/numerics). */
#include "tests/unit/masm.h"

#include <math.h>

static const u8 few[] = FEW_FP;
#define PAIRS (RL_LEN(few) * RL_LEN(few))
#define TRIPLES (PAIRS * RL_LEN(few))

static const u64 f64_edges[] = {
    0, 0x8000000000000000u, 1, 0x8000000000000001u, 0x0010000000000000u, 0x3fe0000000000000u, 0xbfe0000000000000u, /* 0.5 */
    0x3fdfffffffffffffu, 0xbfdfffffffffffffu, 0x3ff0000000000000u, 0xbff0000000000000u, 0xbfefffffffffffffu, 0xbff0000000000001u,
    0x3ff8000000000000u, 0x4004000000000000u, 0xc004000000000000u, 0x400c000000000000u, /* 1.5, 2.5, -2.5, 3.5 */
    0x41dfffffffc00000u, 0x41dfffffffffffffu, 0x41e0000000000000u, 0xc1e0000000000000u, 0xc1e00000001fffffu, 0xc1e0000000200000u,
    0xc1e0000000200001u, 0x41efffffffe00000u, 0x41efffffffffffffu, 0x41f0000000000000u, 0x432fffffffffffffu, 0x4330000000000001u,
    0x433fffffffffffffu, 0x4340000000000000u, 0x43dfffffffffffffu, 0x43e0000000000000u, 0x43e0000000000001u, 0xc3e0000000000000u,
    0xc3e0000000000001u, 0x43efffffffffffffu, 0x43f0000000000000u, 0x47efffffe0000000u, 0x47f0000000000000u, 0x36a0000000000000u,
    0x3fb999999999999au, 0x400921fb54442d18u, 0x7fefffffffffffffu, 0xffefffffffffffffu, 0x7ff0000000000000u, 0xfff0000000000000u,
    0x7ff8000000000000u, 0xfff8000000000000u, 0x7ff0000000000001u, 0xfff4000000000000u, 0x7fffffffffffffffu };
static const u64 f32_edges[] = {
    0, 0x80000000u, 1, 0x80000001u, 0x00800000u, 0x3f000000u, 0xbf000000u, 0x3effffffu, 0xbeffffffu, 0x3f800000u, 0xbf800000u, 0xbf7fffffu,
    0xbf800001u, 0x3fc00000u, 0x40200000u, 0xc0200000u, 0x40600000u, 0x4effffffu, 0x4f000000u, 0xcf000000u, 0xcf000001u, 0xcefffffeu,
    0x4f7fffffu, 0x4f800000u, 0x4affffffu, 0x4b000001u, 0x4b7fffffu, 0x5effffffu, 0x5f000000u, 0x5f000001u, 0xdf000000u, 0xdf000001u,
    0x5f7fffffu, 0x5f800000u, 0x3dcccccdu, 0x40490fdbu, 0x7f7fffffu, 0xff7fffffu, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00000u,
    0x7f800001u, 0xffa00000u, 0x7fffffffu };

static u32 edge_count(rl_type t) { return t == RL_F64 ? RL_LEN(f64_edges) : RL_LEN(f32_edges); }
static u64 edge(rl_type t, u32 i) { return t == RL_F64 ? f64_edges[i] : f32_edges[i]; }

static double as64(u64 b) { double d; memcpy(&d, &b, 8); return d; }
static float as32(u64 b) { u32 x = (u32)b; float f; memcpy(&f, &x, 4); return f; }
static u64 bits64(double d) { u64 b; memcpy(&b, &d, 8); return b; }
static u64 bits32(float f) { u32 b; memcpy(&b, &f, 4); return b; }
static double value(rl_type t, u64 b) { return t == RL_F64 ? as64(b) : (double)as32(b); }
static u64 sign_of(rl_type t) { return t == RL_F64 ? (u64)1 << 63 : 0x80000000u; }
static u64 quiet_bit(rl_type t) { return t == RL_F64 ? (u64)1 << 51 : 1 << 22; }
static bool is_nan(rl_type t, u64 b) { return isnan(value(t, b)); }
static bool canonical(rl_type t, u64 b) { return (b & ~sign_of(t)) == (t == RL_F64 ? 0x7ff8000000000000u : 0x7fc00000u); }
static u64 only(rl_type t, u64 b) { return t == RL_F64 ? b : (u32)b; }

/* wasm's freedom: a NaN result is canonical when every NaN input is, else any quiet one */
static bool agrees(rl_type t, u64 got, u64 want, bool all_canonical) {
    got = only(t, got);
    if (!is_nan(t, want)) return got == want;
    return is_nan(t, got) && (got & quiet_bit(t)) && (!all_canonical || canonical(t, got));
}

static u64 ref_fbin64(rl_fbin op, u64 x, u64 y) {
    double a = as64(x), b = as64(y);
    switch (op) {
    case RL_FBIN_ADD: return bits64(a + b);
    case RL_FBIN_SUB: return bits64(a - b);
    case RL_FBIN_MUL: return bits64(a * b);
    case RL_FBIN_DIV: return bits64(a / b);
    case RL_FBIN_COPYSIGN: return (x & ~sign_of(RL_F64)) | (y & sign_of(RL_F64));
    default: break;
    }
    if (isnan(a) || isnan(b)) return 0x7ff8000000000000u;
    if (a == b) return op == RL_FBIN_MIN ? x | y : x & y;
    return (op == RL_FBIN_MIN) == (a < b) ? x : y;
}
static u64 ref_fbin32(rl_fbin op, u64 x, u64 y) {
    float a = as32(x), b = as32(y);
    switch (op) {
    case RL_FBIN_ADD: return bits32(a + b);
    case RL_FBIN_SUB: return bits32(a - b);
    case RL_FBIN_MUL: return bits32(a * b);
    case RL_FBIN_DIV: return bits32(a / b);
    case RL_FBIN_COPYSIGN: return (x & ~sign_of(RL_F32)) | (y & sign_of(RL_F32));
    default: break;
    }
    if (isnan(a) || isnan(b)) return 0x7fc00000u;
    if (a == b) return op == RL_FBIN_MIN ? x | y : x & y;
    return (op == RL_FBIN_MIN) == (a < b) ? x : y;
}
static u64 ref_fbin(rl_fbin op, rl_type t, u64 a, u64 b) { return t == RL_F64 ? ref_fbin64(op, a, b) : ref_fbin32(op, a, b); }

static void expect_float(rl_type t, u8 d, u64 want, bool canon, const char *what, int op, u64 a, u64 b) {
    EXPECT(agrees(t, *reg(&now, d), want, canon), "%s %d %s d%d: %lx %lx gives %lx, not %lx\n", what, op, rl_type_text(t), d, a, b,
           *reg(&now, d), want);
    EXPECT((changed() & ~RL_BIT(d)) == 0, "%s %d d%d changes %x\n", what, op, d, changed());
}

/* copysign is about bits: no freedom. agrees() would let it have some. */
static void fbin_run(code *f, rl_fbin op, rl_type t, u8 d, u8 a, u8 b) {
    fresh();
    for (u32 i = 0; i < edge_count(t); i++)
        for (u32 j = 0; j < edge_count(t); j++) {
            *reg(&before, a) = edge(t, i);
            *reg(&before, b) = edge(t, j);
            u64 x = *reg(&before, a), y = *reg(&before, b), want = ref_fbin(op, t, x, y);
            run(f);
            if (op == RL_FBIN_COPYSIGN) {
                EXPECT(only(t, *reg(&now, d)) == want, "copysign d%d a%d b%d %lx %lx\n", d, a, b, x, y);
                continue;
            }
            bool canon = (!is_nan(t, x) || canonical(t, x)) && (!is_nan(t, y) || canonical(t, y));
            expect_float(t, d, want, canon, "fbin", op, x, y);
        }
}

static void fbin(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++)
        for (rl_type t = RL_F32; t <= RL_F64; t++)
            for (u32 op = 0; op <= RL_FBIN_COPYSIGN; op++)
                for (u32 i = 0; i < TRIPLES; i++) {
                    u8 d = few[i % 5], a = few[i / 5 % 5], b = few[i / 25];
                    cpu_set(cpu);
                    begin(RL_FLAVOUR_GUARDED);
                    rl_masm_fbin(&m, op, t, d, a, b);
                    fbin_run(finish(), op, t, d, a, b);
                }
}

/* second operand in memory and in the constant pool */
static void fbin_memory(void **state) {
    (void)state;
    static u64 word;
    for (int cpu = 0; cpu < 2; cpu++)
        for (rl_type t = RL_F32; t <= RL_F64; t++)
            for (u32 op = 0; op <= RL_FBIN_DIV; op++)
                for (u32 i = 0; i < PAIRS * edge_count(t); i++) {
                    u8 d = few[i % 5], a = few[i / 5 % 5];
                    word = edge(t, i / 25);
                    cpu_set(cpu);
                    for (int pool = 0; pool < 2; pool++) {
                        begin(RL_FLAVOUR_GUARDED);
                        if (pool) rl_masm_fbini(&m, op, t, d, a, word);
                        else rl_masm_fbinm(&m, op, t, d, a, rl_mem_at(KEPT_1, -8));
                        code *f = finish();
                        fresh();
                        before.gp[KEPT_1] = (u64)(uintptr_t)&word + 8;
                        for (u32 j = 0; j < edge_count(t); j += 1 + (noise() & 7)) {
                            u64 x = *reg(&before, a) = edge(t, j);
                            run(f);
                            bool canon = (!is_nan(t, x) || canonical(t, x)) && (!is_nan(t, word) || canonical(t, word));
                            expect_float(t, d, ref_fbin(op, t, x, word), canon, pool ? "fbini" : "fbinm", op, x, word);
                        }
                    }
                }
}

static u64 ref_fun(rl_fun op, rl_type t, u64 b) {
    bool f64 = t == RL_F64;
    switch (op) {
    case RL_FUN_ABS: return b & ~sign_of(t);
    case RL_FUN_NEG: return b ^ sign_of(t);
    case RL_FUN_SQRT: return f64 ? bits64(sqrt(as64(b))) : bits32(sqrtf(as32(b)));
    case RL_FUN_CEIL: return f64 ? bits64(ceil(as64(b))) : bits32(ceilf(as32(b)));
    case RL_FUN_FLOOR: return f64 ? bits64(floor(as64(b))) : bits32(floorf(as32(b)));
    case RL_FUN_TRUNC: return f64 ? bits64(trunc(as64(b))) : bits32(truncf(as32(b)));
    case RL_FUN_NEAREST: return f64 ? bits64(rint(as64(b))) : bits32(rintf(as32(b)));
    }
    return 0;
}

static void fun(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++)
        for (rl_type t = RL_F32; t <= RL_F64; t++)
            for (u32 op = 0; op <= RL_FUN_NEAREST; op++)
                for (u32 i = 0; i < PAIRS; i++) {
                    u8 d = few[i % 5], a = few[i / 5];
                    cpu_set(cpu);
                    begin(RL_FLAVOUR_GUARDED);
                    rl_masm_fun(&m, op, t, d, a);
                    code *f = finish();
                    fresh();
                    for (u32 j = 0; j < edge_count(t); j++) {
                        u64 x = *reg(&before, a) = edge(t, j), want = ref_fun(op, t, x);
                        run(f);
                        if (op <= RL_FUN_NEG) EXPECT(only(t, *reg(&now, d)) == want, "fun %d: %lx\n", op, x);
                        else expect_float(t, d, want, !is_nan(t, x) || canonical(t, x), "fun", op, x, 0);
                    }
                }
}

/* ---- conversions ---- */

static u64 ref_cvt(rl_cvt op, u64 v) {
    switch (op) {
    case RL_CVT_F32_I32S: return bits32((float)(i32)v);
    case RL_CVT_F32_I32U: return bits32((float)(u32)v);
    case RL_CVT_F32_I64S: return bits32((float)(i64)v);
    case RL_CVT_F32_I64U: return bits32((float)v);
    case RL_CVT_F64_I32S: return bits64((double)(i32)v);
    case RL_CVT_F64_I32U: return bits64((double)(u32)v);
    case RL_CVT_F64_I64S: return bits64((double)(i64)v);
    case RL_CVT_F64_I64U: return bits64((double)v);
    case RL_CVT_F32_F64: return bits32((float)as64(v));
    case RL_CVT_F64_F32: return bits64((double)as32(v));
    case RL_CVT_I32_F32_BITS:
    case RL_CVT_F32_I32_BITS: return (u32)v;
    case RL_CVT_I64_F64_BITS:
    case RL_CVT_F64_I64_BITS: return v;
    }
    return 0;
}

static void cvt_case(rl_cvt op, u8 d, u8 a) {
    static const u64 round[] = { 0x8000000000000400u, 0x8000000000000401u, 0x8000000000000c00u, 0xfffffffffffffc00u, 0xfffffffffffffbffu,
                                 0x8000008000000000u, 0x8000008000000001u, 0xffffff8000000000u, 0xffffff7fffffffffu, 0x0020000000000001u,
                                 0x0000000001000001u, 0x0000000001000003u, 0x4000004000000001u, 0xc000004000000001u };
    begin(RL_FLAVOUR_GUARDED);
    rl_masm_cvt(&m, op, d, a);
    code *f = finish();
    fresh();
    bool from32 = op == RL_CVT_F64_F32 || op == RL_CVT_I32_F32_BITS, from64 = op == RL_CVT_F32_F64 || op == RL_CVT_I64_F64_BITS;
    bool word = op == RL_CVT_F32_I32S || op == RL_CVT_F32_I32U || op == RL_CVT_F64_I32S || op == RL_CVT_F64_I32U || op == RL_CVT_F32_I32_BITS;
    bool bits = op >= RL_CVT_I32_F32_BITS;
    rl_type to = op <= RL_CVT_F32_I64U || op == RL_CVT_F32_F64 || op == RL_CVT_F32_I32_BITS || op == RL_CVT_I32_F32_BITS ? RL_F32 : RL_F64;
    u32 n = from32 ? RL_LEN(f32_edges) : from64 ? RL_LEN(f64_edges) : RL_LEN(edges) + RL_LEN(round) + 200;
    for (u32 i = 0; i < n; i++) {
        u64 v = from32 ? f32_edges[i] : from64 ? f64_edges[i] : i < RL_LEN(edges) ? edges[i]
                : i < RL_LEN(edges) + RL_LEN(round) ? round[i - RL_LEN(edges)] : noise() >> (noise() & 63);
        *reg(&before, a) = word ? (u32)v : v;
        if (from32) *reg(&before, a) |= noise() << 32; /* the upper half of a float register is anything */
        u64 want = ref_cvt(op, v);
        run(f);
        if (bits) EXPECT(d < RL_FP0 ? *reg(&now, d) == want : only(to, *reg(&now, d)) == want, "cvt %d: %lx\n", op, v);
        else {
            bool canon = from32 ? canonical(RL_F32, v) : from64 ? canonical(RL_F64, v) : true;
            EXPECT(agrees(to, *reg(&now, d), want, canon), "cvt %d d%d a%d: %lx gives %lx, not %lx\n", op, d, a, v, *reg(&now, d), want);
        }
        EXPECT((changed() & ~RL_BIT(d)) == 0, "cvt %d changes %x\n", op, changed());
    }
}

static void cvt(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++)
        for (u32 op = 0; op <= RL_CVT_F64_I64_BITS; op++)
            for (u32 i = 0; i < RL_LEN(gps) * RL_LEN(few); i++) {
                u8 g = gps[i % RL_LEN(gps)], x = few[i / RL_LEN(gps)];
                bool floats = op == RL_CVT_F32_F64 || op == RL_CVT_F64_F32, to_int = op == RL_CVT_I32_F32_BITS || op == RL_CVT_I64_F64_BITS;
                cpu_set(cpu);
                if (floats) cvt_case(op, few[i % RL_LEN(few)], x);
                else if (to_int) cvt_case(op, g, x);
                else cvt_case(op, x, g);
            }
}

/* 0: in range; 1: NaN; 2: out of range. Bounds are exact in double. */
static int ref_trunc(rl_trunc op, double v, bool sat, u64 *r) {
    double t = trunc(v), lo = op == RL_TRUNC_I32S ? -0x1p31 : op == RL_TRUNC_I64S ? -0x1p63 : 0;
    double hi = op == RL_TRUNC_I32S ? 0x1p31 : op == RL_TRUNC_I32U ? 0x1p32 : op == RL_TRUNC_I64S ? 0x1p63 : 0x1p64;
    static const u64 min[] = { 0x80000000u, 0, 0x8000000000000000u, 0 }, max[] = { 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX };
    *r = 0;
    if (isnan(v)) return sat ? 0 : 1;
    if (t < lo || t >= hi) {
        *r = t < lo ? min[op] : max[op];
        return sat ? 0 : 2;
    }
    *r = op == RL_TRUNC_I64U ? (u64)t : (u64)(i64)t;
    if (op <= RL_TRUNC_I32U) *r = (u32)*r;
    return 0;
}

static void trunc_case(rl_trunc op, rl_type t, bool sat, u8 d, u8 a) {
    begin(RL_FLAVOUR_GUARDED);
    u32 start = rl_masm_pos(&m);
    rl_masm_trunc(&m, op, t, sat, d, a, sat ? NULL : &out1, sat ? NULL : &out2);
    EXPECT(rl_masm_pos(&m) - start <= 160, "trunc %d: %u bytes\n", op, rl_masm_pos(&m) - start);
    code *f = finish();
    fresh();
    for (u32 i = 0; i < edge_count(t) + 400; i++) {
        u64 v = i < edge_count(t) ? edge(t, i) : t == RL_F64 ? noise() : (u32)noise();
        if (i >= edge_count(t) + 200) { /* exponents near the limits */
            u32 e = (u32)noise() % 40 + 28;
            v = t == RL_F64 ? (v & 0x800fffffffffffffu) | (u64)(1023 + e) << 52 : (v & 0x807fffffu) | (u64)(127 + e) << 23;
        }
        *reg(&before, a) = t == RL_F32 ? v | noise() << 32 : v;
        u64 want;
        int out = ref_trunc(op, value(t, v), sat, &want);
        run(f);
        EXPECT(now.exit == (u64)out, "trunc %d %s sat%d: %lx leaves by %lu, not %d\n", op, rl_type_text(t), sat, v, now.exit, out);
        if (!out) EXPECT_RESULT(d, want, 0, "trunc %d %s sat%d: %lx\n", op, rl_type_text(t), sat, v);
    }
}

static void truncate_(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++)
        for (rl_type t = RL_F32; t <= RL_F64; t++)
            for (u32 op = 0; op <= RL_TRUNC_I64U; op++)
                for (u32 i = 0; i < RL_LEN(gps) * RL_LEN(few); i++) {
                    cpu_set(cpu);
                    trunc_case(op, t, false, gps[i % RL_LEN(gps)], few[i / RL_LEN(gps)]);
                    trunc_case(op, t, true, gps[i % RL_LEN(gps)], few[i / RL_LEN(gps)]);
                }
}

/* ---- compare ---- */

static bool ref_fcc(rl_cc cc, double a, double b) {
    switch (cc) {
    case RL_CC_F_EQ: return a == b;
    case RL_CC_F_NE: return !(a == b);
    case RL_CC_F_LT: return a < b;
    case RL_CC_F_NLT: return !(a < b);
    case RL_CC_F_GT: return a > b;
    case RL_CC_F_NGT: return !(a > b);
    case RL_CC_F_LE: return a <= b;
    case RL_CC_F_NLE: return !(a <= b);
    case RL_CC_F_GE: return a >= b;
    case RL_CC_F_NGE: return !(a >= b);
    default: return false;
    }
}

static u64 float_word;

static void fcompare(rl_type t, rl_cc cc, u8 a, u8 b, bool mem) {
    if (mem) {
        rl_masm_movi(&m, RL_W64, RL_REG_TMP, (u64)(uintptr_t)&float_word);
        rl_masm_fcmpm(&m, t, cc, a, rl_mem_at(RL_REG_TMP, 0));
    } else {
        rl_masm_fcmp(&m, t, cc, a, b);
    }
}

/* uses: setcc, jcc forward, jcc backward, select of general registers, of float registers */
static void fcc_case(rl_type t, rl_cc cc, u8 a, u8 b, bool mem, u8 fd, u8 fa, u8 fb, u8 d, u8 x, u8 y) {
    code *f[5];
    for (int use = 0; use < 5; use++) {
        begin(RL_FLAVOUR_GUARDED);
        rl_label back = RL_LABEL_INIT, start = RL_LABEL_INIT;
        if (use == 2) {
            rl_masm_jmp(&m, &start);
            rl_masm_bind(&m, &back);
            rl_masm_jmp(&m, &out1);
            rl_masm_bind(&m, &start);
        }
        fcompare(t, cc, a, b, mem);
        if (use == 0) rl_masm_setcc(&m, cc, d);
        else if (use == 1) rl_masm_jcc(&m, cc, &out1);
        else if (use == 2) rl_masm_jcc(&m, cc, &back);
        else if (use == 3) rl_masm_select(&m, RL_W64, cc, d, x, y);
        else rl_masm_fselect(&m, t, cc, fd, fa, fb);
        f[use] = finish();
    }
    for (u32 i = 0; i < edge_count(t); i += 1 + (noise() & 3))
        for (u32 j = 0; j < edge_count(t); j += 1 + (noise() & 3)) {
            fresh();
            *reg(&before, a) = edge(t, i);
            *reg(&before, b) = edge(t, j);
            float_word = edge(t, j);
            bool want = ref_fcc(cc, value(t, *reg(&before, a)), mem ? value(t, float_word) : value(t, *reg(&before, b)));
            run(f[0]);
            EXPECT_RESULT(d, want, 0, "fcmp setcc cc%d d%d a%d b%d: %lx %lx\n", cc, d, a, b, edge(t, i), edge(t, j));
            for (int use = 1; use < 3; use++) {
                run(f[use]);
                EXPECT(now.exit == want && !changed(), "fcmp jcc cc%d: %lx %lx\n", cc, edge(t, i), edge(t, j));
            }
            run(f[3]);
            EXPECT_RESULT(d, want ? before.gp[x] : before.gp[y], 0, "fcmp select cc%d d%d x%d y%d\n", cc, d, x, y);
            run(f[4]);
            EXPECT(only(t, *reg(&now, fd)) == only(t, want ? *reg(&before, fa) : *reg(&before, fb)) && !(changed() & ~RL_BIT(fd)),
                   "fselect cc%d d%d a%d b%d\n", cc, fd, fa, fb);
        }
}

static void fcompare_all(void **state) {
    (void)state;
    static const u8 g[] = { RESULT, ARG_2, KEPT_1 };
    for (rl_type t = RL_F32; t <= RL_F64; t++)
        for (u32 cc = RL_CC_F_EQ; cc <= RL_CC_F_NGE; cc++)
            for (u32 i = 0; i < TRIPLES; i += STRIDE) {
                u8 a = few[noise() % 5], b = few[noise() % 5], fd = few[i % 5], fa = few[i / 5 % 5], fb = few[i / 25];
                u32 k = i % 27;
                fcc_case(t, cc, a, b, false, fd, fa, fb, g[k % 3], g[k / 3 % 3], g[k / 9]);
                if (rl_masm_fcmpm_ok(cc)) fcc_case(t, cc, a, b, true, fd, fa, fb, g[k % 3], g[k / 3 % 3], g[k / 9]);
            }
    assert_true(rl_masm_fcmpm_ok(RL_CC_F_GT) && rl_masm_fcmpm_ok(RL_CC_F_LT) == EVERY_FORM);
}

/* float select after an integer comparison; the moves before its jump must spare the flags */
static void fselect_int(void **state) {
    (void)state;
    for (u32 cc = RL_CC_EQ; cc <= RL_CC_LE_U; cc++)
        for (u32 i = 0; i < TRIPLES; i++) {
            u8 d = few[i % 5], a = few[i / 5 % 5], b = few[i / 25];
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_cmp(&m, RL_W64, OTHER, RESULT_2);
            rl_masm_fselect(&m, RL_V128, cc, d, a, b);
            rl_masm_setcc(&m, cc, RESULT);
            code *f = finish();
            for (int k = -1; k <= 1; k++) {
                fresh();
                before.gp[RESULT_2] = before.gp[OTHER] + (u64)(i64)k;
                run(f);
                u8 from = now.gp[RESULT] ? a : b;
                assert_true(now.gp[RESULT] <= 1);
                EXPECT_RESULT(d, *reg(&before, from), RL_BIT(RESULT), "fselect cc%d d%d a%d b%d\n", cc, d, a, b);
                assert_true(now.xmm[d - RL_FP0][1] == before.xmm[from - RL_FP0][1]);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fbin),      cmocka_unit_test(fbin_memory),  cmocka_unit_test(fun),         cmocka_unit_test(cvt),
        cmocka_unit_test(truncate_), cmocka_unit_test(fcompare_all), cmocka_unit_test(fselect_int),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
