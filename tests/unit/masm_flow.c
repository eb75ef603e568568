/* The macro-assembler's labels, jump tables, calls, frames, fuel and its buffer, executed. */
#include "tests/unit/masm.h"

static void set(u8 d, u64 v) { rl_masm_movi(&m, RL_W64, d, v); }

/* padding between jump and target: over every border between short and long displacements of one byte */
static void jumps(void **state) {
    (void)state;
    for (u32 pad = 0; pad < 300; pad += NOP_BYTES)
        for (int backward = 0; backward < 2; backward++)
            for (int cond = 0; cond < 2; cond++) {
                rl_label target = RL_LABEL_INIT, past = RL_LABEL_INIT;
                begin(RL_FLAVOUR_GUARDED);
                if (!cond) rl_masm_cmpi(&m, RL_W64, OTHER, 5);
                if (backward) {
                    rl_masm_jmp(&m, &past);
                    rl_masm_bind(&m, &target);
                    set(RESULT, 7);
                    rl_masm_jmp(&m, &out1);
                    put_nops(&m, pad);
                    rl_masm_bind(&m, &past);
                }
                u32 at = rl_masm_pos(&m);
                if (cond) {
                    rl_masm_cmpi(&m, RL_W64, OTHER, 5);
                    rl_masm_jcc(&m, RL_CC_LT_S, &target);
                } else {
                    rl_masm_jmp(&m, &target);
                }
                if (backward && !cond && (u32)target.pos + 128 >= at + 2) assert_int_equal(rl_masm_pos(&m) - at, SHORT_JUMP);
                set(RESULT, 8);
                rl_masm_jmp(&m, &out2);
                if (!backward) {
                    put_nops(&m, pad);
                    rl_masm_bind(&m, &target);
                    set(RESULT, 7);
                    rl_masm_jmp(&m, &out1);
                }
                code *f = finish();
                for (u64 other = 4; other < 6; other++) {
                    fresh();
                    before.gp[OTHER] = other;
                    run(f);
                    bool taken = !cond || other < 5;
                    EXPECT(now.exit == (taken ? 1 : 2) && now.gp[RESULT] == (taken ? 7 : 8), "pad %u back %d cond %d\n", pad, backward, cond);
                }
            }
}

/* A branch over this much code, to both sides of what its kind reaches: where it does not, the masm says so, and with
 * `far` it does. kind 0: of flags, 1: a register against 0, 2: a bit. True: it was made far. */
static bool branch_over(u32 kind, bool backward, u32 pad) {
    bool far = false;
    code *f;
    for (;;) {
        rl_label target = RL_LABEL_INIT, past = RL_LABEL_INIT;
        m.near = true, m.far = far;
        begin(RL_FLAVOUR_GUARDED);
        if (backward) {
            rl_masm_jmp(&m, &past);
            rl_masm_bind(&m, &target);
            rl_masm_jmp(&m, &out1);
            rl_masm_room(&m, pad);
            put_nops(&m, pad);
            rl_masm_bind(&m, &past);
        }
        if (kind == 0) rl_masm_cmpi(&m, RL_W64, OTHER, 5);
        else if (kind == 1) rl_masm_test(&m, RL_W64, OTHER, OTHER);
        else rl_masm_testi(&m, RL_W64, OTHER, 1);
        rl_masm_jcc(&m, kind == 0 ? RL_CC_LT_S : RL_CC_EQ, &target);
        rl_masm_jmp(&m, &out2);
        if (!backward) {
            rl_masm_room(&m, pad);
            put_nops(&m, pad);
            rl_masm_room(&m, 1024);
            rl_masm_bind(&m, &target);
            rl_masm_jmp(&m, &out1);
        }
        f = finish();
        if (!m.too_far) break;
        assert_false(far);
        far = true;
    }
    m.near = m.far = false;
    for (u32 k = 0; k < 4; k++) {
        static const u64 values[] = { 0, 1, 4, 5 };
        u64 v = values[k];
        fresh();
        before.gp[OTHER] = v;
        run(f);
        bool taken = kind == 0 ? v < 5 : kind == 1 ? v == 0 : !(v & 1);
        EXPECT(now.exit == (taken ? 1 : 2) && !changed(), "kind %u back %d over %u: %lu\n", kind, backward, pad, v);
    }
    return far;
}

static void reach(void **state) {
    (void)state;
    for (u32 kind = 0; kind < 3; kind++)
        for (int backward = 0; backward < 2; backward++) {
            u32 most = kind == 2 ? 1 << 15 : 1 << 20, far = 0, tries = 0;
            for (u32 pad = most - 8 * NOP_BYTES; pad <= most + 8 * NOP_BYTES; pad += NOP_BYTES, tries++)
                far += branch_over(kind, backward, pad);
            /* each kind has its border within; nowhere is there one where displacements have 32 bits */
            assert_true(NOP_BYTES == 1 ? far == 0 : far > 0 && far < tries);
        }
}

/* a chain of uses of one label, of all kinds, tables among them */
static void chain(void **state) {
    (void)state;
    rl_label target = RL_LABEL_INIT;
    begin(RL_FLAVOUR_GUARDED);
    u32 tables[3];
    for (u32 i = 0; i < 40; i++) {
        rl_label next = RL_LABEL_INIT;
        rl_masm_room(&m, 512);
        rl_masm_cmpi(&m, RL_W64, ARG_1, i);
        rl_masm_jcc(&m, RL_CC_NE, &next);
        set(RESULT, i);
        if (i % 13 == 5) {
            set(ARG_2, 1);
            tables[i / 13] = rl_masm_switch(&m, ARG_2, 2);
            rl_masm_switch_entry(&m, tables[i / 13], 0, &out2);
            rl_masm_switch_entry(&m, tables[i / 13], 1, &target);
        } else if (i % 3 == 0) {
            rl_masm_cmpi(&m, RL_W64, ARG_1, 0);
            rl_masm_jcc(&m, RL_CC_GE_S, &target);
        } else {
            rl_masm_jmp(&m, &target);
        }
        rl_masm_bind(&m, &next);
    }
    rl_masm_jmp(&m, &out2);
    rl_masm_bind(&m, &target);
    rl_masm_jmp(&m, &out1);
    code *f = finish();
    for (u64 i = 0; i <= 40; i++) {
        fresh();
        before.gp[ARG_1] = i;
        run(f);
        assert_int_equal(now.exit, i < 40 ? 1 : 2);
        if (i < 40) assert_int_equal(now.gp[RESULT], i);
    }
}

/* entries filled at once (bound), later, and by labels bound in between */
static void switches(void **state) {
    (void)state;
    enum { N = 1000 };
    static const u8 index[] = FEW_GP;
    for (u32 r = 0; r < RL_LEN(index); r++) {
        rl_label l[N], past = RL_LABEL_INIT;
        for (u32 i = 0; i < N; i++) l[i] = RL_LABEL_INIT;
        begin(RL_FLAVOUR_GUARDED);
        put_nops(&m, r * NOP_BYTES);
        rl_masm_jmp(&m, &past);
        for (u32 i = 0; i < N / 3; i++) {
            rl_masm_room(&m, 64);
            rl_masm_bind(&m, &l[i]);
            set(MARK, i);
            rl_masm_jmp(&m, &out1);
        }
        rl_masm_bind(&m, &past);
        rl_masm_room(&m, 64 + 4 * N);
        u32 t = rl_masm_switch(&m, index[r], N);
        assert_int_equal(t % 4, 0);
        for (u32 i = 0; i < N; i++)
            if (i % 2) rl_masm_switch_entry(&m, t, i, &l[i]);
        for (u32 i = N / 3; i < N; i++) {
            rl_masm_room(&m, 64);
            rl_masm_bind(&m, &l[i]);
            set(MARK, i);
            rl_masm_jmp(&m, &out1);
        }
        for (u32 i = 0; i < N; i += 2) rl_masm_switch_entry(&m, t, i, &l[i]);
        code *f = finish();
        for (u32 i = 0; i < N; i++) {
            fresh();
            before.gp[index[r]] = i;
            run(f);
            assert_int_equal(now.exit, 1);
            assert_int_equal(now.gp[MARK], i);
            assert_int_equal(changed() & ~(RL_BIT(index[r]) | RL_BIT(MARK)), 0);
        }
    }
}

/* ---- frames and calls ---- */

/* The end of a function whose prologue found no room. */
static void no_room(rl_label *overflow) {
    rl_masm_bind(&m, overflow);
    set(RESULT, 0xdead);
    rl_masm_epilogue(&m, 0, 0);
    rl_masm_ret(&m);
}

/* A function with this frame; it clobbers the saved registers, calls itself (ARG_1 times) and counts in RESULT. The gap
 * before it is filled with traps. */
static u32 function(u32 frame, bool check, u32 saved, u32 saves, bool early_cold, u32 *size) {
    rl_label overflow = RL_LABEL_INIT, end = RL_LABEL_INIT;
    rl_masm_reset(&m);
    rl_masm_room(&m, 4096);
    if (early_cold) no_room(&overflow); /* the cold code may come before the prologue is written, at any place */
    for (u32 i = 0; i < RL_PROLOGUE_MAX / 2; i++) rl_masm_trap(&m);
    u32 body = rl_masm_pos(&m);
    for (u32 s = saved; s; s &= s - 1) set((u8)__builtin_ctz(s), 0x77);
    rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RESULT, RESULT, 1);
    rl_masm_bini(&m, RL_BIN_SUB, RL_W64, ARG_1, ARG_1, 1);
    rl_masm_cmpi(&m, RL_W64, ARG_1, 0);
    rl_masm_jcc(&m, RL_CC_LE_S, &end);
    u32 at = rl_masm_call(&m);
    rl_masm_bind(&m, &end);
    rl_masm_epilogue(&m, saved, saves);
    rl_masm_ret(&m);
    u32 start = rl_masm_prologue(&m, body, frame, check, saved, saves, &overflow);
    assert_true(start < body && body - start <= RL_PROLOGUE_MAX);
    assert_true(rl_masm_relocate(m.base + at, at, start));
    if (check && !early_cold) no_room(&overflow);
    *size = rl_masm_pos(&m);
    return start;
}

static void frames(void **state) {
    (void)state;
    static const u32 sizes[] = { 64, 80, 128, 144, 4096, 100000 };
    for (u32 i = 0; i < RL_LEN(sizes) * 2 * 2 * 16; i++) {
        u32 frame = sizes[i % 6], check = i / 6 % 2, early = i / 12 % 2, pick = i / 24, saved = 0, size;
        static const u8 callee[] = SAVED_REGS;
        for (u32 k = 0; k < 4; k++)
            if (pick >> k & 1) saved |= RL_BIT(callee[k]);
        u32 saves = frame - (u32)rl_align(8 * (u32)__builtin_popcount(saved), 16); /* where the emitter has them */
        u32 start = function(frame, check, saved, saves, early, &size);
        const u8 *fn = (const u8 *)(void *)publish(m.base, size) + start;
        const void *slot = fn;
        u64 inst[RL_INST_STACK_LIMIT / 8 + 1] = { 0 };
        begin(RL_FLAVOUR_GUARDED);
        if (i & 1) rl_masm_call_abs(&m, &slot);
        else rl_masm_callm(&m, rl_mem_at(ARG_2, 0));
        code *f = finish();
        fresh();
        before.gp[ARG_2] = (u64)(uintptr_t)&slot;
        *role(&before, RL_REG_INST) = (u64)(uintptr_t)inst;
        before.gp[RESULT] = 0;
        before.gp[ARG_1] = 9;
        run(f);
        EXPECT(now.gp[RESULT] == 9, "frame %u saved %x: %lx\n", frame, saved, now.gp[RESULT]);
        EXPECT((changed() & ~(RL_BIT(RESULT) | RL_BIT(ARG_1))) == 0, "frame %u saved %x changes %x\n", frame, saved, changed());
        inst[RL_INST_STACK_LIMIT / 8] = UINT64_MAX;
        run(f);
        EXPECT(now.gp[RESULT] == (check ? 0xdead : 9), "frame %u check %u\n", frame, check);
    }
}

/* tail calls: direct, through memory, through a table known now */
static void tails(void **state) {
    (void)state;
    rl_masm_reset(&m);
    set(RESULT, 1234);
    rl_masm_ret(&m);
    const void *slot = (const void *)publish(m.base, rl_masm_pos(&m));
    for (int how = 0; how < 3; how++) {
        rl_masm_reset(&m);
        u32 at = 0;
        if (how == 0) at = rl_masm_tail(&m);
        else if (how == 1) rl_masm_tailm(&m, rl_mem_at(ARG_2, -8));
        else rl_masm_tail_abs(&m, &slot);
        rl_masm_trap(&m);
        if (how == 0) assert_true(rl_masm_relocate(m.base + at, (i64)(uintptr_t)(code_rx + code_at + at), (i64)(uintptr_t)slot));
        const void *jumper = (const void *)publish(m.base, rl_masm_pos(&m));
        begin(RL_FLAVOUR_GUARDED);
        rl_masm_call_abs(&m, &jumper);
        code *f = finish();
        fresh();
        before.gp[ARG_2] = (u64)(uintptr_t)&slot + 8;
        run(f);
        EXPECT_RESULT(RESULT, 1234, 0, "tail %d\n", how);
    }
}

static void expect_fuel(i64 have, const char *what, u32 k) {
    EXPECT(*role(&now, RL_REG_FUEL) == (u64)have, "%s %u leaves %ld\n", what, k, (long)*role(&now, RL_REG_FUEL));
    *role(&now, RL_REG_FUEL) = *role(&before, RL_REG_FUEL);
    EXPECT(!changed(), "%s %u changes %x\n", what, k, changed());
}

static void fuel(void **state) {
    (void)state;
    static const u32 ks[] = { 1, 2, 127, 128, 129, 1000, 4095, 65535 };
    for (u32 i = 0; i < RL_LEN(ks); i++)
        for (i64 have = -1; have <= 1; have++) {
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_charge(&m, ks[i]);
            code *f = finish();
            fresh();
            before.flags = ALL_FLAGS;
            *role(&before, RL_REG_FUEL) = ks[i] + (u64)have;
            run(f);
            expect_fuel(have, "charge", ks[i]);
            assert_int_equal(now.flags & FLAGS_MASK, before.flags & FLAGS_MASK);
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_charge_check(&m, ks[i], &out1);
            f = finish();
            run(f);
            expect_fuel(have, "charge_check", ks[i]);
            EXPECT(now.exit == (have < 0), "charge_check %u with %ld left\n", ks[i], (long)have);
        }
}

/* ---- buffer ---- */

static void alignment(void **state) {
    (void)state;
    for (u32 pad = 0; pad < 64; pad += NOP_BYTES)
        for (u32 to = 4; to <= 32; to *= 2) {
            begin(RL_FLAVOUR_GUARDED);
            put_nops(&m, pad);
            rl_masm_align(&m, to);
            assert_int_equal(rl_masm_pos(&m) % to, 0);
            code *f = finish();
            fresh();
            run(f);
            assert_int_equal(changed(), 0);
            assert_int_equal(now.exit, 0);
        }
}

static void growth(void **state) {
    (void)state;
    begin(RL_FLAVOUR_GUARDED);
    rl_label far = RL_LABEL_INIT;
    rl_masm_jmp(&m, &far);
    set(RESULT, 1);
    for (u32 i = 0; i < 200000; i++) {
        rl_masm_room(&m, 64);
        rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RESULT, RESULT, i);
    }
    rl_masm_room(&m, 64);
    rl_masm_bind(&m, &far);
    rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RESULT, RESULT, 5);
    rl_masm_jmp(&m, &out1);
    code *f = finish();
    fresh();
    run(f);
    EXPECT_RESULT(RESULT, before.gp[RESULT] + 5, 0, "far jump\n");
    assert_int_equal(now.exit, 1);
    assert_true(rl_masm_pos(&m) > 1000000);
}

/* Out of memory: nothing is written outside the buffer whatever follows (a sanitizer watches), reset recovers. */
static void failure(void **state) {
    (void)state;
    begin(RL_FLAVOUR_GUARDED);
    rl_label early = RL_LABEL_INIT, late = RL_LABEL_INIT;
    rl_masm_bind(&m, &early);
    rl_masm_jmp(&m, &late);
    u32 table = rl_masm_switch(&m, RESULT, 4);
    rl_masm_fmovi(&m, RL_F64, FP_0, 12345);
    rl_masm_grow(&m, (u32)INT32_MAX);
    assert_true(m.failed);
    for (u32 i = 0; i < 100000; i++) {
        rl_masm_room(&m, 160);
        rl_masm_trunc(&m, RL_TRUNC_I64U, RL_F64, false, RESULT, FP_0, &late, &early);
        rl_masm_fmovi(&m, RL_F64, FP_0, noise());
        if (i % 1000 == 0) rl_masm_switch(&m, RESULT, 1 << 20);
    }
    rl_masm_switch_entry(&m, table, 3, &late);
    rl_masm_bind(&m, &late);
    rl_masm_prologue(&m, 0, 16, true, RL_BIT(MARK), 0, &early);
    rl_masm_pool(&m);
    assert_true(m.failed);
    rl_masm_reset(&m);
    assert_false(m.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumps), cmocka_unit_test(reach), cmocka_unit_test(chain),     cmocka_unit_test(switches), cmocka_unit_test(frames),
        cmocka_unit_test(tails), cmocka_unit_test(fuel),  cmocka_unit_test(alignment), cmocka_unit_test(growth),   cmocka_unit_test(failure),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
