/* The macro-assembler's integer operations, executed: every operation with every aliasing of its registers, against
 * the same operation in C, with the CPU's best instructions and with the fallbacks. */
#include "tests/unit/masm.h"

/* few enough for all triples */
static const u8 few[] = FEW_GP;

static u64 ref_bin(rl_bin op, rl_width w, u64 a, u64 b) {
    u32 bits = w == RL_W64 ? 64 : 32, k = (u32)b & (bits - 1);
    i64 sa = w == RL_W64 ? (i64)a : (i32)a;
    switch (op) {
    case RL_BIN_ADD: return trunc_w(w, a + b);
    case RL_BIN_SUB: return trunc_w(w, a - b);
    case RL_BIN_AND: return trunc_w(w, a & b);
    case RL_BIN_OR: return trunc_w(w, a | b);
    case RL_BIN_XOR: return trunc_w(w, a ^ b);
    case RL_BIN_MUL: return trunc_w(w, a * b);
    case RL_BIN_SHL: return trunc_w(w, a << k);
    case RL_BIN_SHR_S: return trunc_w(w, (u64)(sa >> k));
    case RL_BIN_SHR_U: return trunc_w(w, a) >> k;
    case RL_BIN_ROTL: return k ? trunc_w(w, a << k | trunc_w(w, a) >> (bits - k)) : trunc_w(w, a);
    case RL_BIN_ROTR: return k ? trunc_w(w, a << (bits - k) | trunc_w(w, a) >> k) : trunc_w(w, a);
    }
    return 0;
}

static void bin_case(rl_bin op, rl_width w, u8 d, u8 a, u8 b) {
    begin(RL_FLAVOUR_GUARDED);
    rl_masm_bin(&m, op, w, d, a, b);
    code *f = finish();
    fresh();
    for (u32 i = 0; i < RL_LEN(edges); i++)
        for (u32 j = 0; j < RL_LEN(edges); j++) {
            before.gp[a] = trunc_w(w, edges[i]);
            before.gp[b] = trunc_w(w, edges[j]);
            run(f);
            u64 want = ref_bin(op, w, before.gp[a], before.gp[b]);
            EXPECT_RESULT(d, want, 0, "bin %d w%d d%d a%d b%d: %lx %lx\n", op, w, d, a, b, edges[i], edges[j]);
        }
}

static void bin(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++) {
        cpu_set(cpu);
        for (u32 op = 0; op <= RL_BIN_ROTR; op++)
            for (u32 i = 0; i < RL_LEN(few) * RL_LEN(few) * RL_LEN(few); i++) {
                u8 d = few[i % 7], a = few[i / 7 % 7], b = few[i / 49];
                if (rl_masm_needs_count(op) && (b != RL_REG_COUNTREG || d == b)) continue;
                bin_case(op, RL_W32, d, a, b);
                bin_case(op, RL_W64, d, a, b);
            }
    }
}

static const i64 imms[] = { 0, 1, 2, 3, 4, 5, 8, 9, 31, 32, 33, 63, 64, 100, 127, 128, 129, 255, 256, 1000, 32767, 32768, 65535, 65536,
                            0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x100000000, (i64)1 << 40, INT64_MIN, -1, -2, -3, -127,
                            -128, -129, -256, -65536, -0x7fffffff, -(i64)0x80000000, -(i64)0x80000001 };

static void bini_case(rl_bin op, rl_width w, u8 d, u8 a, i64 imm) {
    begin(RL_FLAVOUR_GUARDED);
    rl_masm_bini(&m, op, w, d, a, imm);
    code *f = finish();
    fresh();
    for (u32 i = 0; i < RL_LEN(edges); i++) {
        before.gp[a] = trunc_w(w, edges[i]);
        run(f);
        u64 want = ref_bin(op, w, before.gp[a], (u64)imm);
        EXPECT_RESULT(d, want, 0, "bini %d w%d d%d a%d: %lx imm %lx\n", op, w, d, a, edges[i], imm);
    }
}

static void bini(void **state) {
    (void)state;
    u32 done = 0;
    for (int cpu = 0; cpu < 2; cpu++) {
        cpu_set(cpu);
        for (u32 op = 0; op <= RL_BIN_ROTR; op++)
            for (u32 k = 0; k < RL_LEN(imms); k++)
                for (u32 i = 0; i < RL_LEN(few) * RL_LEN(few); i++)
                    for (rl_width w = RL_W32; w <= RL_W64; w++) {
                        if (!rl_masm_imm_ok(op, w, imms[k])) continue;
                        bini_case(op, w, few[i % 7], few[i / 7], imms[k]);
                        done++;
                    }
    }
    assert_true(done > 60000);
    assert_true(rl_masm_imm_ok(RL_BIN_ADD, RL_W64, (i64)1 << 40) == EVERY_FORM);
    assert_true(rl_masm_imm_ok(RL_BIN_AND, RL_W64, 0xffffffff));
}

/* memory operand [base + index * 4 + 16] of every shape, destination among its registers or not */
static void binm(void **state) {
    (void)state;
    static const rl_bin ops[] = { RL_BIN_ADD, RL_BIN_SUB, RL_BIN_AND, RL_BIN_OR, RL_BIN_XOR, RL_BIN_MUL };
    static u64 cell[8];
    for (u32 o = 0; o < RL_LEN(ops); o++)
        for (u32 i = 0; i < 7 * 7 * 7 * 2; i++) {
            u8 d = few[i % 7], a = few[i / 7 % 7], base = few[i / 49 % 7];
            rl_width w = i / 343;
            for (int with_index = 0; with_index < 2; with_index++) {
                u8 index = with_index ? few[(i / 49 + 1) % 7] : RL_NOREG;
                if (a == base || a == index) continue;
                begin(RL_FLAVOUR_GUARDED);
                rl_masm_binm(&m, ops[o], w, d, a, (rl_mem){ base, index, 2, false, false, 16 });
                u32 fault = rl_masm_fault_pos(&m);
                assert_true(fault < rl_masm_pos(&m));
                code *f = finish();
                fresh();
                before.gp[base] = (u64)(uintptr_t)&cell[1] - 16;
                if (with_index) before.gp[index] = 2;
                for (u32 k = 0; k < RL_LEN(edges); k++) {
                    before.gp[a] = trunc_w(w, edges[k]);
                    cell[1 + with_index] = noise();
                    run(f);
                    u64 want = ref_bin(ops[o], w, before.gp[a], trunc_w(w, cell[1 + with_index]));
                    EXPECT_RESULT(d, want, 0, "binm %d w%d d%d a%d base%d index%d\n", ops[o], w, d, a, base, index);
                }
            }
        }
}

static u64 ref_un(rl_un op, rl_width w, u64 a) {
    bool wide = w == RL_W64;
    switch (op) {
    case RL_UN_CLZ: return wide ? (a ? (u64)__builtin_clzll(a) : 64) : (u32)a ? (u64)__builtin_clz((u32)a) : 32;
    case RL_UN_CTZ: return wide ? (a ? (u64)__builtin_ctzll(a) : 64) : (u32)a ? (u64)__builtin_ctz((u32)a) : 32;
    case RL_UN_POPCNT: return (u64)(wide ? __builtin_popcountll(a) : __builtin_popcount((u32)a));
    case RL_UN_SX8: return trunc_w(w, (u64)(i64)(i8)a);
    case RL_UN_SX16: return trunc_w(w, (u64)(i64)(i16)a);
    case RL_UN_SX32: return (u64)(i64)(i32)a;
    case RL_UN_ZX32: return (u32)a;
    }
    return 0;
}

static void un_case(u32 op, rl_width w, u8 d, u8 a) { /* RL_UN_ZX32 + 1: neg */
    begin(RL_FLAVOUR_GUARDED);
    if (op <= RL_UN_ZX32) rl_masm_un(&m, op, w, d, a);
    else rl_masm_neg(&m, w, d, a);
    code *f = finish();
    fresh();
    for (u32 i = 0; i < RL_LEN(edges); i++) {
        before.gp[a] = op == RL_UN_ZX32 ? edges[i] : trunc_w(w, edges[i]);
        run(f);
        u64 want = op <= RL_UN_ZX32 ? ref_un(op, w, before.gp[a]) : trunc_w(w, -before.gp[a]);
        EXPECT_RESULT(d, want, 0, "un %d w%d d%d a%d: %lx\n", op, w, d, a, edges[i]);
    }
}

static void un(void **state) {
    (void)state;
    for (int cpu = 0; cpu < 2; cpu++) {
        cpu_set(cpu);
        for (u32 op = 0; op <= RL_UN_ZX32 + 1; op++)
            for (u32 i = 0; i < RL_LEN(gps) * RL_LEN(gps); i++) {
                u8 d = gps[i % RL_LEN(gps)], a = gps[i / RL_LEN(gps)];
                if (op != RL_UN_SX32) un_case(op, RL_W32, d, a);
                if (op != RL_UN_ZX32) un_case(op, RL_W64, d, a);
            }
    }
}

/* ---- division ---- */

/* False: overflow. */
static bool ref_div(rl_div op, rl_width w, u64 a, u64 b, u64 *r) {
    if (op == RL_DIV_U || op == RL_REM_U) {
        *r = op == RL_DIV_U ? a / b : a % b;
        return true;
    }
    i64 sa = w == RL_W64 ? (i64)a : (i32)a, sb = w == RL_W64 ? (i64)b : (i32)b;
    if (sb == -1) {
        if (op == RL_DIV_S && a == (w == RL_W64 ? (u64)INT64_MIN : 0x80000000u)) return false;
        *r = op == RL_DIV_S ? trunc_w(w, -(u64)sa) : 0;
        return true;
    }
    *r = trunc_w(w, (u64)(op == RL_DIV_S ? sa / sb : sa % sb));
    return true;
}

static void div_case(rl_div op, rl_width w, u8 b, bool label) {
    begin(RL_FLAVOUR_GUARDED);
    u8 d = rl_masm_div(&m, op, w, RL_REG_DIV_A, RL_REG_DIV_A, b, label ? &out1 : NULL);
    code *f = finish();
    fresh();
    for (u32 i = 0; i < RL_LEN(edges); i++)
        for (u32 j = 0; j < RL_LEN(edges); j++) {
            u64 want = 0;
            before.gp[RL_REG_DIV_A] = trunc_w(w, edges[i]);
            before.gp[b] = trunc_w(w, edges[j]);
            if (!before.gp[b]) continue;
            bool ok = ref_div(op, w, before.gp[RL_REG_DIV_A], before.gp[b], &want);
            if (!ok && !label) continue;
            run(f);
            EXPECT(now.exit == (ok ? 0 : 1), "div %d w%d: %lx / %lx\n", op, w, edges[i], edges[j]);
            if (ok) EXPECT_RESULT(d, want, RL_BIT(RL_REG_DIV_A) | RL_BIT(RL_REG_DIV_D), "div %d w%d b%d: %lx / %lx\n", op, w, b, edges[i], edges[j]);
        }
}

static void div_(void **state) {
    (void)state;
    for (u32 op = 0; op <= RL_REM_U; op++)
        for (u32 i = 0; i < RL_LEN(gps); i++) {
            if (gps[i] == RL_REG_DIV_A || gps[i] == RL_REG_DIV_D) continue;
            for (int label = 0; label < 2; label++) {
                div_case(op, RL_W32, gps[i], label);
                div_case(op, RL_W64, gps[i], label);
            }
        }
}

static void divi_case(rl_div op, rl_width w, u64 b) {
    b = trunc_w(w, b);
    if (!b) return;
    begin(RL_FLAVOUR_GUARDED);
    u32 start = rl_masm_pos(&m);
    u8 d = rl_masm_divi(&m, op, w, RL_REG_DIV_A, RL_REG_DIV_A, w == RL_W64 ? (i64)b : (i32)b);
    EXPECT(rl_masm_pos(&m) - start <= 64, "divi %d w%d %lx: %u bytes\n", op, w, b, rl_masm_pos(&m) - start);
    code *f = finish();
    fresh();
    u64 values[RL_LEN(edges) + 48];
    memcpy(values, edges, sizeof edges);
    for (u32 i = 0; i < 24; i++) { /* multiples and their neighbours, from both ends */
        u64 k = i < 8 ? i : i < 16 ? trunc_w(w, UINT64_MAX) / b - (i - 8) : noise() % (trunc_w(w, UINT64_MAX) / b);
        values[RL_LEN(edges) + 2 * i] = k * b - (i & 1);
        values[RL_LEN(edges) + 2 * i + 1] = i < 20 ? k * b + b - 1 : noise();
    }
    for (u32 i = 0; i < RL_LEN(values); i++) {
        u64 a = trunc_w(w, values[i]), want = 0;
        if (!ref_div(op, w, a, b, &want)) want = a; /* INT_MIN / -1 wraps */
        before.gp[RL_REG_DIV_A] = a;
        run(f);
        EXPECT_RESULT(d, want, RL_BIT(RL_REG_DIV_A) | RL_BIT(RL_REG_DIV_D), "divi %d w%d: %lx by %lx\n", op, w, a, b);
    }
}

static void divi_all(u64 b) {
    for (u32 op = 0; op <= RL_REM_U; op++) {
        divi_case(op, RL_W32, b);
        divi_case(op, RL_W64, b);
    }
}

static void divi(void **state) {
    (void)state;
    for (u64 b = 1; b <= 1024; b++) {
        divi_all(b);
        divi_all(-b);
    }
    for (u32 k = 0; k < 64; k++)
        for (int off = -3; off <= 3; off++) {
            divi_all(((u64)1 << k) + (u64)(i64)off);
            divi_all((u64)3 << k);
            divi_all((u64)7 << k | 1);
        }
    for (u32 i = 0; i < 6000; i++) divi_all(noise() >> (noise() & 63));
    for (u32 i = 0; i < RL_LEN(edges); i++) divi_all(edges[i]);
}

/* every 32-bit dividend class for a few divisors: 16 million values each, in strides */
static void divi_dense(void **state) {
    (void)state;
    static const u32 by[] = { 3, 7, 10, 641, 65537, 1000000007, 0x7fffffff, 0x80000001, 0xfffffffb };
    for (u32 k = 0; k < RL_LEN(by); k++)
        for (u32 op = 0; op <= RL_REM_U; op++) {
            begin(RL_FLAVOUR_GUARDED);
            u8 d = rl_masm_divi(&m, op, RL_W32, RL_REG_DIV_A, RL_REG_DIV_A, (i32)by[k]);
            code *f = finish();
            fresh();
            now = before;
            for (u64 a = k; a <= UINT32_MAX; a += 65521 / 3) {
                u64 want = 0;
                ref_div(op, RL_W32, a, by[k], &want);
                now.gp[RL_REG_DIV_A] = a;
                f(&now);
                EXPECT(now.gp[d] == want, "divi %d: %lx by %x\n", op, a, by[k]);
            }
        }
}

/* ---- compare ---- */

static bool ref_cc(rl_cc cc, rl_width w, u64 a, u64 b) {
    i64 sa = w == RL_W64 ? (i64)a : (i32)a, sb = w == RL_W64 ? (i64)b : (i32)b;
    switch (cc) {
    case RL_CC_EQ: return a == b;
    case RL_CC_NE: return a != b;
    case RL_CC_LT_S: return sa < sb;
    case RL_CC_GE_S: return sa >= sb;
    case RL_CC_LT_U: return a < b;
    case RL_CC_GE_U: return a >= b;
    case RL_CC_GT_S: return sa > sb;
    case RL_CC_LE_S: return sa <= sb;
    case RL_CC_GT_U: return a > b;
    case RL_CC_LE_U: return a <= b;
    default: return false;
    }
}

/* how the comparison is made */
enum { BY_REG, BY_IMM, BY_MEM, BY_TEST, BY_TESTI, BY_COUNT };
static u64 memory_word;

static void compare(int by, rl_width w, u8 a, u8 b, i64 imm) {
    switch (by) {
    case BY_REG: rl_masm_cmp(&m, w, a, b); break;
    case BY_IMM: rl_masm_cmpi(&m, w, a, imm); break;
    case BY_MEM:
        rl_masm_movi(&m, RL_W64, RL_REG_TMP, (u64)(uintptr_t)&memory_word);
        rl_masm_cmpm(&m, w, a, rl_mem_at(RL_REG_TMP, 0));
        break;
    case BY_TEST: rl_masm_test(&m, w, a, b); break;
    case BY_TESTI: rl_masm_testi(&m, w, a, imm); break;
    }
}

static bool ref_compare(int by, rl_cc cc, rl_width w, u64 a, u64 b, i64 imm) {
    u64 i = trunc_w(w, (u64)imm);
    switch (by) {
    case BY_REG: return ref_cc(cc, w, a, b);
    case BY_IMM: return ref_cc(cc, w, a, i);
    case BY_MEM: return ref_cc(cc, w, a, trunc_w(w, memory_word));
    case BY_TEST: return ref_cc(cc, w, a & b, 0);
    default: return ref_cc(cc, w, a & i, 0);
    }
}

/* setcc, jcc and select after each way to compare */
static void cc_case(int by, rl_cc cc, rl_width w, u8 d, u8 a, u8 b, i64 imm) {
    code *f[3];
    for (int use = 0; use < 3; use++) {
        begin(RL_FLAVOUR_GUARDED);
        compare(by, w, a, b, imm);
        if (use == 0) rl_masm_setcc(&m, cc, d);
        else if (use == 1) rl_masm_jcc(&m, cc, &out1);
        else rl_masm_select(&m, w, cc, d, a, b);
        f[use] = finish();
    }
    for (u32 i = 0; i < RL_LEN(edges); i += 1 + (noise() & 3))
        for (u32 j = 0; j < RL_LEN(edges); j += 1 + (noise() & 3)) {
            fresh();
            before.gp[a] = trunc_w(w, edges[i]);
            before.gp[b] = trunc_w(w, edges[j]);
            memory_word = edges[j];
            bool want = ref_compare(by, cc, w, before.gp[a], before.gp[b], imm);
            run(f[0]);
            EXPECT_RESULT(d, want, 0, "setcc by%d cc%d w%d d%d a%d b%d: %lx %lx imm %lx\n", by, cc, w, d, a, b, edges[i], edges[j], imm);
            run(f[1]);
            EXPECT(now.exit == want && !changed(), "jcc by%d cc%d w%d: %lx %lx\n", by, cc, w, edges[i], edges[j]);
            run(f[2]);
            EXPECT_RESULT(d, want ? before.gp[a] : before.gp[b], 0, "select by%d cc%d w%d d%d a%d b%d\n", by, cc, w, d, a, b);
        }
}

static void conditions(void **state) {
    (void)state;
    for (int by = 0; by < BY_COUNT; by++)
        for (u32 cc = RL_CC_EQ; cc <= RL_CC_LE_U; cc++) {
            if (by >= BY_TEST && cc > RL_CC_GE_S) continue;
            for (u32 i = 0; i < 7 * 7 * 7; i += STRIDE) {
                u8 d = few[i % 7], a = few[i / 7 % 7], b = few[i / 49];
                i64 imm = imms[noise() % RL_LEN(imms)];
                cc_case(by, cc, RL_W32, d, a, b, imm);
                bool wide = by == BY_TESTI ? rl_masm_imm_ok(RL_BIN_AND, RL_W64, imm) && (imm == (i32)imm || cc <= RL_CC_NE)
                                           : rl_masm_cmp_imm_ok(RL_W64, imm);
                if (wide) cc_case(by, cc, RL_W64, d, a, b, imm);
            }
        }
    for (u32 cc = RL_CC_EQ; cc <= RL_CC_LE_U; cc++)
        for (u32 i = 0; i < RL_LEN(edges); i++)
            for (u32 j = 0; j < RL_LEN(edges); j++) {
                assert_true(ref_cc(cc, RL_W64, edges[i], edges[j]) == ref_cc(rl_cc_swap(cc), RL_W64, edges[j], edges[i]));
                assert_true(ref_cc(cc, RL_W64, edges[i], edges[j]) != ref_cc(rl_cc_not(cc), RL_W64, edges[i], edges[j]));
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bin),  cmocka_unit_test(bini), cmocka_unit_test(binm),       cmocka_unit_test(un),
        cmocka_unit_test(div_), cmocka_unit_test(divi), cmocka_unit_test(divi_dense), cmocka_unit_test(conditions),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
