/* The macro-assembler's labels, jump tables, calls, frames, fuel and its buffer, executed. */
#include "tests/unit/masm.h"

static void set(u8 d, u64 v) { rl_masm_movi(&m, RL_W64, d, v); }

/* padding between jump and target: over every border between short and long displacements */
static void jumps(void **state) {
    (void)state;
    for (u32 pad = 0; pad < 300; pad++)
        for (int backward = 0; backward < 2; backward++)
            for (int cond = 0; cond < 2; cond++) {
                rl_label target = RL_LABEL_INIT, past = RL_LABEL_INIT;
                begin(RL_FLAVOUR_GUARDED);
                if (!cond) rl_masm_cmpi(&m, RL_W64, RL_RCX, 5);
                if (backward) {
                    rl_masm_jmp(&m, &past);
                    rl_masm_bind(&m, &target);
                    set(RL_RAX, 7);
                    rl_masm_jmp(&m, &out1);
                    m.p = x64_nops(m.p, pad);
                    rl_masm_bind(&m, &past);
                }
                u32 at = rl_masm_pos(&m);
                if (cond) {
                    rl_masm_cmpi(&m, RL_W64, RL_RCX, 5);
                    rl_masm_jcc(&m, RL_CC_LT_S, &target);
                } else {
                    rl_masm_jmp(&m, &target);
                }
                if (backward && !cond && (u32)target.pos + 128 >= at + 2) assert_int_equal(rl_masm_pos(&m) - at, 2);
                set(RL_RAX, 8);
                rl_masm_jmp(&m, &out2);
                if (!backward) {
                    m.p = x64_nops(m.p, pad);
                    rl_masm_bind(&m, &target);
                    set(RL_RAX, 7);
                    rl_masm_jmp(&m, &out1);
                }
                code *f = finish();
                for (u64 rcx = 4; rcx < 6; rcx++) {
                    fresh();
                    before.gp[RL_RCX] = rcx;
                    run(f);
                    bool taken = !cond || rcx < 5;
                    EXPECT(now.exit == (taken ? 1 : 2) && now.gp[RL_RAX] == (taken ? 7 : 8), "pad %u back %d cond %d\n", pad, backward, cond);
                }
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
        rl_masm_cmpi(&m, RL_W64, RL_RDI, i);
        rl_masm_jcc(&m, RL_CC_NE, &next);
        set(RL_RAX, i);
        if (i % 13 == 5) {
            set(RL_RSI, 1);
            tables[i / 13] = rl_masm_switch(&m, RL_RSI, 2);
            rl_masm_switch_entry(&m, tables[i / 13], 0, &out2);
            rl_masm_switch_entry(&m, tables[i / 13], 1, &target);
        } else if (i % 3 == 0) {
            rl_masm_cmpi(&m, RL_W64, RL_RDI, 0);
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
        before.gp[RL_RDI] = i;
        run(f);
        assert_int_equal(now.exit, i < 40 ? 1 : 2);
        if (i < 40) assert_int_equal(now.gp[RL_RAX], i);
    }
}

/* entries filled at once (bound), later, and by labels bound in between */
static void switches(void **state) {
    (void)state;
    enum { N = 1000 };
    static const u8 index[] = { RL_RAX, RL_RSI, RL_R8, RL_R12, RL_R13 };
    for (u32 r = 0; r < RL_LEN(index); r++) {
        rl_label l[N], past = RL_LABEL_INIT;
        for (u32 i = 0; i < N; i++) l[i] = RL_LABEL_INIT;
        begin(RL_FLAVOUR_GUARDED);
        m.p = x64_nops(m.p, r);
        rl_masm_jmp(&m, &past);
        for (u32 i = 0; i < N / 3; i++) {
            rl_masm_room(&m, 64);
            rl_masm_bind(&m, &l[i]);
            set(RL_RBX, i);
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
            set(RL_RBX, i);
            rl_masm_jmp(&m, &out1);
        }
        for (u32 i = 0; i < N; i += 2) rl_masm_switch_entry(&m, t, i, &l[i]);
        code *f = finish();
        for (u32 i = 0; i < N; i++) {
            fresh();
            before.gp[index[r]] = i;
            run(f);
            assert_int_equal(now.exit, 1);
            assert_int_equal(now.gp[RL_RBX], i);
            assert_int_equal(changed() & ~(RL_BIT(index[r]) | RL_BIT(RL_RBX)), 0);
        }
    }
}

/* ---- frames and calls ---- */

/* A function with this frame; it clobbers the saved registers, calls itself (rdi times) and counts in rax. The gap
 * before it is filled with traps. */
static u32 function(u32 frame, bool check, u32 saved, u32 saves, bool early_cold, u32 *size) {
    rl_label overflow = RL_LABEL_INIT, end = RL_LABEL_INIT;
    rl_masm_reset(&m);
    rl_masm_room(&m, 4096);
    if (early_cold) { /* the cold code may come before the prologue is written, at any place */
        rl_masm_bind(&m, &overflow);
        set(RL_RAX, 0xdead);
        m.p = x64_ret(x64_leave(m.p));
    }
    for (u32 i = 0; i < RL_PROLOGUE_MAX; i++) *m.p++ = 0xcc;
    u32 body = rl_masm_pos(&m);
    for (u32 s = saved; s; s &= s - 1) set((u8)__builtin_ctz(s), 0x77);
    rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RL_RAX, RL_RAX, 1);
    rl_masm_bini(&m, RL_BIN_SUB, RL_W64, RL_RDI, RL_RDI, 1);
    rl_masm_cmpi(&m, RL_W64, RL_RDI, 0);
    rl_masm_jcc(&m, RL_CC_LE_S, &end);
    u32 at = rl_masm_call(&m);
    rl_masm_bind(&m, &end);
    rl_masm_epilogue(&m, saved, saves);
    rl_masm_ret(&m);
    u32 start = rl_masm_prologue(&m, body, frame, check, saved, saves, &overflow);
    assert_true(start < body && body - start <= RL_PROLOGUE_MAX);
    rl_store32(m.base + at, start - (at + 4));
    if (check && !early_cold) {
        rl_masm_bind(&m, &overflow);
        set(RL_RAX, 0xdead);
        m.p = x64_ret(x64_leave(m.p));
    }
    *size = rl_masm_pos(&m);
    return start;
}

static void frames(void **state) {
    (void)state;
    static const u32 sizes[] = { 64, 120, 128, 144, 4096, 100000 };
    for (u32 i = 0; i < RL_LEN(sizes) * 2 * 2 * 16; i++) {
        u32 frame = sizes[i % 6], check = i / 6 % 2, early = i / 12 % 2, pick = i / 24, saved = 0, size;
        static const u8 callee[] = { RL_RBX, RL_R10, RL_R12, RL_R13 };
        for (u32 k = 0; k < 4; k++)
            if (pick >> k & 1) saved |= RL_BIT(callee[k]);
        u32 start = function(frame, check, saved, frame - 40, early, &size);
        const u8 *fn = (const u8 *)(void *)publish(m.base, size) + start;
        const void *slot = fn;
        struct { u64 pad[2]; u64 limit; } inst = { .limit = 0 };
        begin(RL_FLAVOUR_GUARDED);
        m.p = x64_alu_ri(m.p, X64_SUB, 1, RL_RSP, 200); /* as the ABI demands nothing of masm code, only room */
        if (i & 1) rl_masm_call_abs(&m, &slot);
        else rl_masm_callm(&m, rl_mem_at(RL_RSI, 0));
        m.p = x64_lea(m.p, 1, RL_RSP, x64_at(RL_RSP, 200));
        code *f = finish();
        fresh();
        before.gp[RL_RSI] = (u64)(uintptr_t)&slot;
        before.gp[RL_R14] = (u64)(uintptr_t)&inst;
        before.gp[RL_RAX] = 0;
        before.gp[RL_RDI] = 9;
        run(f);
        EXPECT(now.gp[RL_RAX] == 9, "frame %u saved %x: %lx\n", frame, saved, now.gp[RL_RAX]);
        EXPECT((changed() & ~(RL_BIT(RL_RAX) | RL_BIT(RL_RDI))) == 0, "frame %u saved %x changes %x\n", frame, saved, changed());
        inst.limit = UINT64_MAX;
        run(f);
        EXPECT(now.gp[RL_RAX] == (check ? 0xdead : 9), "frame %u check %u\n", frame, check);
    }
}

/* tail calls: direct, through memory, through a table known now */
static void tails(void **state) {
    (void)state;
    rl_masm_reset(&m);
    set(RL_RAX, 1234);
    rl_masm_ret(&m);
    const void *slot = (const void *)publish(m.base, rl_masm_pos(&m));
    for (int how = 0; how < 3; how++) {
        rl_masm_reset(&m);
        u32 at = 0;
        if (how == 0) at = rl_masm_tail(&m);
        else if (how == 1) rl_masm_tailm(&m, rl_mem_at(RL_RSI, -8));
        else rl_masm_tail_abs(&m, &slot);
        m.p = x64_ud2(m.p);
        if (how == 0) rl_store32(m.base + at, (u32)((u8 *)slot - (code_rx + code_at + at + 4)));
        const void *jumper = (const void *)publish(m.base, rl_masm_pos(&m));
        begin(RL_FLAVOUR_GUARDED);
        rl_masm_call_abs(&m, &jumper);
        code *f = finish();
        fresh();
        before.gp[RL_RSI] = (u64)(uintptr_t)&slot + 8;
        run(f);
        EXPECT_RESULT(RL_RAX, 1234, 0, "tail %d\n", how);
    }
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
            before.flags = 0xad7;
            before.gp[RL_REG_FUEL] = ks[i] + (u64)have;
            run(f);
            EXPECT_RESULT(RL_REG_FUEL, (u64)have, 0, "charge %u\n", ks[i]);
            assert_int_equal(now.flags & FLAGS_MASK, before.flags & FLAGS_MASK);
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_charge_check(&m, ks[i], &out1);
            f = finish();
            run(f);
            EXPECT_RESULT(RL_REG_FUEL, (u64)have, 0, "charge_check %u\n", ks[i]);
            EXPECT(now.exit == (have < 0), "charge_check %u with %ld left\n", ks[i], (long)have);
        }
}

/* ---- buffer ---- */

static void alignment(void **state) {
    (void)state;
    for (u32 pad = 0; pad < 64; pad++)
        for (u32 to = 4; to <= 32; to *= 2) {
            begin(RL_FLAVOUR_GUARDED);
            m.p = x64_nops(m.p, pad);
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
    set(RL_RAX, 1);
    for (u32 i = 0; i < 200000; i++) {
        rl_masm_room(&m, 64);
        rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RL_RAX, RL_RAX, i);
    }
    rl_masm_room(&m, 64);
    rl_masm_bind(&m, &far);
    rl_masm_bini(&m, RL_BIN_ADD, RL_W64, RL_RAX, RL_RAX, 5);
    rl_masm_jmp(&m, &out1);
    code *f = finish();
    fresh();
    run(f);
    EXPECT_RESULT(RL_RAX, before.gp[RL_RAX] + 5, 0, "far jump\n");
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
    u32 table = rl_masm_switch(&m, RL_RAX, 4);
    rl_masm_fmovi(&m, RL_F64, RL_XMM0, 12345);
    rl_masm_grow(&m, (u32)INT32_MAX);
    assert_true(m.failed);
    for (u32 i = 0; i < 100000; i++) {
        rl_masm_room(&m, 160);
        rl_masm_trunc(&m, RL_TRUNC_I64U, RL_F64, false, RL_RAX, RL_XMM0, &late, &early);
        rl_masm_fmovi(&m, RL_F64, RL_XMM0, noise());
        if (i % 1000 == 0) rl_masm_switch(&m, RL_RAX, 1 << 20);
    }
    rl_masm_switch_entry(&m, table, 3, &late);
    rl_masm_bind(&m, &late);
    rl_masm_prologue(&m, 0, 64, true, RL_BIT(RL_RBX), 0, &early);
    rl_masm_pool(&m);
    assert_true(m.failed);
    rl_masm_reset(&m);
    assert_false(m.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jumps), cmocka_unit_test(chain),     cmocka_unit_test(switches), cmocka_unit_test(frames), cmocka_unit_test(tails),
        cmocka_unit_test(fuel),  cmocka_unit_test(alignment), cmocka_unit_test(growth),   cmocka_unit_test(failure),
    };
    harness_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
