/* The macro-assembler's moves and memory operands, executed: every kind of load and store through every shape of
 * address, linear memory in the three flavours, and the position it reports for the faulting instruction. */
#include "tests/unit/masm.h"

#include <setjmp.h>
#include <signal.h>

static void expect_flags(const char *what) {
    EXPECT((now.flags & FLAGS_MASK) == (before.flags & FLAGS_MASK), "%s changes flags %lx to %lx\n", what, before.flags, now.flags);
}

static void moves(void **state) {
    (void)state;
    for (u32 i = 0; i < RL_LEN(gps) * RL_LEN(gps); i++) {
        u8 d = gps[i % RL_LEN(gps)], s = gps[i / RL_LEN(gps)];
        code *f[4];
        for (int k = 0; k < 3; k++) {
            begin(RL_FLAVOUR_GUARDED);
            if (k < 2) rl_masm_mov(&m, k ? RL_W64 : RL_W32, d, s);
            else rl_masm_xchg(&m, d, s);
            f[k] = finish();
        }
        for (int flags = 0; flags < 2; flags++) {
            fresh();
            before.flags = flags ? ALL_FLAGS : 0x202;
            u64 was = before.gp[s];
            before.gp[s] = (u32)was;
            run(f[0]);
            EXPECT_RESULT(d, (u32)was, 0, "mov32 d%d s%d\n", d, s);
            expect_flags("mov");
            before.gp[s] = was;
            run(f[1]);
            EXPECT_RESULT(d, was, 0, "mov64 d%d s%d\n", d, s);
            run(f[2]);
            EXPECT_RESULT(d, was, RL_BIT(s), "xchg d%d s%d\n", d, s);
            EXPECT(now.gp[s] == before.gp[d], "xchg d%d s%d\n", d, s);
            expect_flags("xchg");
        }
    }
}

static void constants(void **state) {
    (void)state;
    for (u32 i = 0; i < RL_LEN(gps); i++)
        for (u32 k = 0; k < RL_LEN(edges); k++) {
            for (rl_width w = RL_W32; w <= RL_W64; w++) {
                begin(RL_FLAVOUR_GUARDED);
                rl_masm_movi(&m, w, gps[i], edges[k]);
                code *f = finish();
                fresh();
                before.flags = ALL_FLAGS;
                run(f);
                EXPECT_RESULT(gps[i], trunc_w(w, edges[k]), 0, "movi d%d %lx\n", gps[i], edges[k]);
                expect_flags("movi");
            }
            for (rl_type t = RL_F32; t <= RL_F64; t++) {
                u8 d = (u8)(FP_0 + i), s = (u8)(FP_0 + (i * 7 + k) % FPS);
                begin(RL_FLAVOUR_GUARDED);
                rl_masm_fmovi(&m, t, d, edges[k]);
                if (s != d) rl_masm_fmov(&m, RL_V128, s, d);
                code *f = finish();
                fresh();
                before.flags = ALL_FLAGS;
                run(f);
                u64 got = *reg(&now, d);
                EXPECT((t == RL_F32 ? (u32)got : got) == (t == RL_F32 ? (u32)edges[k] : edges[k]), "fmovi %lx\n", edges[k]);
                EXPECT(*reg(&now, s) == got && now.xmm[s - RL_FP0][1] == now.xmm[d - RL_FP0][1], "fmov d%d s%d\n", s, d);
                EXPECT((changed() & ~(RL_BIT(d) | RL_BIT(s))) == 0, "fmovi\n");
                expect_flags("fmovi");
            }
        }
}

/* many constants: equal ones share an entry, all arrive */
static void pool(void **state) {
    (void)state;
    begin(RL_FLAVOUR_GUARDED);
    u64 sum = 0, last = 0x123456789abcdef0u; /* of no form that needs no pool */
    rl_masm_movi(&m, RL_W64, RESULT, 0);
    for (u64 i = 1; i <= 3000; i++) {
        u64 bits = (i % 1000) * 0x123456789u + 1;
        rl_masm_room(&m, 256);
        rl_masm_fmovi(&m, RL_F64, FP_0, bits);
        rl_masm_cvt(&m, RL_CVT_I64_F64_BITS, OTHER, FP_0);
        rl_masm_bin(&m, RL_BIN_ADD, RL_W64, RESULT, RESULT, OTHER);
        rl_masm_fun(&m, RL_FUN_NEG, RL_F64, FP_0 + 1, FP_0);
        rl_masm_cvt(&m, RL_CVT_I64_F64_BITS, OTHER, FP_0 + 1);
        rl_masm_bin(&m, RL_BIN_XOR, RL_W64, RESULT, RESULT, OTHER);
        sum = (sum + bits) ^ bits ^ (u64)1 << 63;
    }
    rl_masm_fmovi(&m, RL_F64, FP_0, last);
    rl_masm_fmovi(&m, RL_F64, FP_0 + 1, last);
    u32 entries = m.pool_count;
    rl_masm_fmovi(&m, RL_F64, FP_0 + 2, last);
    assert_int_equal(m.pool_count, entries);
    code *f = finish();
    fresh();
    run(f);
    assert_true(now.gp[RESULT] == sum);
    assert_true(*reg(&now, FP_0) == last && *reg(&now, FP_0 + 2) == last);
}

/* ---- loads and stores ---- */

static u64 ref_ld(rl_ldst k, const u8 *p) {
    u64 v;
    memcpy(&v, p, 8);
    switch (k) {
    case RL_LD_8U_32: case RL_LD_8U_64: return (u8)v;
    case RL_LD_8S_32: return (u32)(i32)(i8)v;
    case RL_LD_8S_64: return (u64)(i64)(i8)v;
    case RL_LD_16U_32: case RL_LD_16U_64: return (u16)v;
    case RL_LD_16S_32: return (u32)(i32)(i16)v;
    case RL_LD_16S_64: return (u64)(i64)(i16)v;
    case RL_LD_32: case RL_LD_32U_64: case RL_LD_F32: return (u32)v;
    case RL_LD_32S_64: return (u64)(i64)(i32)v;
    default: return v;
    }
}

static bool is_fp(rl_ldst k) { return (k >= RL_LD_F32 && k <= RL_LD_V128) || k >= RL_ST_F32; }
static u32 st_bytes(rl_ldst k) {
    static const u8 n[] = { 1, 2, 4, 8, 4, 8, 16 };
    return n[k - RL_ST_8];
}

static u8 bytes[256];
static u8 *const cell = bytes + 64;

static void shuffle_bytes(void) {
    for (u32 i = 0; i < sizeof bytes; i++) bytes[i] = (u8)(noise() >> 33);
}

/* After running f, which accessed `at` with register r. */
static void check_access(rl_ldst k, u8 r, const u8 *at, const u8 *old, const char *what) {
    if (k < RL_ST_8) {
        EXPECT_RESULT(r, ref_ld(k, at), 0, "%s: load kind %d into %d\n", what, k, r);
        if (k == RL_LD_V128) EXPECT(!memcmp(&now.xmm[r - RL_FP0], at, 16), "%s: v128\n", what);
        return;
    }
    u32 n = st_bytes(k);
    EXPECT(!memcmp(at, is_fp(k) ? (void *)&before.xmm[r - RL_FP0] : (void *)&before.gp[r], n), "%s: store kind %d\n", what, k);
    EXPECT(!memcmp(at - 16, old, 16) && !memcmp(at + n, old + 16 + n, 32 - n), "%s: store kind %d of too much\n", what, k);
    EXPECT(!changed(), "%s: store changes %x\n", what, changed());
}

static void access_case(rl_ldst k, u8 r, rl_mem a) {
    begin(RL_FLAVOUR_GUARDED);
    if (k < RL_ST_8) rl_masm_ld(&m, k, r, a);
    else rl_masm_st(&m, k, r, a);
    code *f = finish();
    fresh();
    before.flags = ALL_FLAGS;
    shuffle_bytes();
    u64 at = (u64)(uintptr_t)cell - (u64)a.disp;
    if (a.index != RL_NOREG && a.index == a.base) { /* base + (base << scale) = at + slack: only where it divides */
        u64 by = 1 + ((u64)1 << a.scale);
        before.gp[a.base] = at / by;
        at = at / by * by;
    } else if (a.index != RL_NOREG) {
        before.gp[a.index] = a.base == RL_NOREG ? at >> a.scale : 0x1234567;
        if (a.base == RL_NOREG) at = at >> a.scale << a.scale;
        else before.gp[a.base] = at - ((u64)0x1234567 << a.scale);
    } else {
        before.gp[a.base] = at;
    }
    u8 *where = (u8 *)(uintptr_t)(at + (u64)a.disp), old[48];
    memcpy(old, where - 16, 48);
    run(f);
    check_access(k, r, where, old, "plain");
    expect_flags("ld/st");
}

static void accesses(void **state) {
    (void)state;
    static const u8 bases[] = FEW_GP, fps[] = FEW_FP;
    static const i32 disps[] = { 0, 1, 8, 127, 128, -128, -129, 255, -256, 4096, 32760, 65544, INT32_MAX, INT32_MIN };
    u32 at = 0;
    for (u32 k = 0; k <= RL_ST_V128; k++)
        for (u32 b = 0; b <= RL_LEN(bases); b++)
            for (u32 i = 0; i <= RL_LEN(bases); i++)
                for (u32 d = 0; d < RL_LEN(disps); d++) {
                    u8 base = b < RL_LEN(bases) ? bases[b] : RL_NOREG, index = i < RL_LEN(bases) ? bases[i] : RL_NOREG;
                    u8 scale = index == RL_NOREG ? 0 : (u8)(noise() & 3);
                    if ((base == RL_NOREG && index == RL_NOREG) || (STRIDE > 1 && at++ % (STRIDE + 1))) continue;
                    u8 r = is_fp(k) ? fps[noise() % RL_LEN(fps)] : gps[noise() % RL_LEN(gps)];
                    if (k >= RL_ST_8 && (r == base || r == index)) r = is_fp(k) ? r : ARG_1;
                    access_case(k, r, (rl_mem){ base, index, scale, false, false, disps[d] });
                }
}

/* slots of a frame, small and large, from the stack pointer; and what lies above the frame pointer: the machine */
static void stack_slots(void **state) {
    (void)state;
    static const i32 ats[] = { 0, 8, 248, 256, 264, 4088, 32752, 40000 };
    for (u32 s = 0; s < RL_LEN(ats); s++)
        for (u32 i = 0; i < RL_LEN(gps); i++) {
            i32 above = AT_GP(RESULT_2);
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_lea(&m, RL_W64, RL_REG_SP, rl_mem_at(RL_REG_SP, -65536));
            rl_masm_st_frame(&m, RL_ST_64, gps[i], ats[s]);
            rl_masm_movi(&m, RL_W64, RL_REG_TMP, 5);
            rl_masm_ld_frame(&m, RL_LD_64, RL_REG_TMP, ats[s]);
            rl_masm_st_frame(&m, RL_ST_64, RL_REG_TMP, 65528);
            rl_masm_ld_frame(&m, RL_LD_F64, FP_0, 65528);
            rl_masm_ld_frame(&m, RL_LD_F64, FP_0 + 1, -above);
            rl_masm_st_frame(&m, RL_ST_F64, FP_0, -AT_XMM(2));
            rl_masm_ld(&m, RL_LD_F64, FP_0 + 2, rl_mem_at(RL_REG_FP, AT_XMM(2)));
            rl_masm_lea(&m, RL_W64, RL_REG_SP, rl_mem_at(RL_REG_SP, 65536));
            code *f = finish();
            fresh();
            before.flags = ALL_FLAGS;
            run(f);
            EXPECT_RESULT(FP_0, before.gp[gps[i]], RL_BIT(FP_0 + 1) | RL_BIT(FP_0 + 2), "slot %d of %d\n", ats[s], gps[i]);
            EXPECT(*reg(&now, FP_0 + 1) == before.gp[RESULT_2] && *reg(&now, FP_0 + 2) == before.gp[gps[i]], "above %d\n", gps[i]);
            expect_flags("frame");
        }
}

static void store_imm(void **state) {
    (void)state;
    static const i32 imms[] = { 0, 1, -1, 127, 128, -128, 0x1234, 0x12345678, INT32_MIN };
    for (u32 k = RL_ST_8; k <= RL_ST_64; k++)
        for (u32 i = 0; i < RL_LEN(imms); i++) {
            assert_true(rl_masm_st_imm_ok(k, imms[i]));
            begin(RL_FLAVOUR_GUARDED);
            rl_masm_st_imm(&m, k, imms[i], (rl_mem){ KEPT_1, HIGH_2, 3, false, false, 40 });
            code *f = finish();
            fresh();
            shuffle_bytes();
            before.gp[HIGH_2] = 3;
            before.gp[KEPT_1] = (u64)(uintptr_t)cell - 64;
            u8 old[48];
            memcpy(old, cell - 16, 48);
            run(f);
            i64 wide = imms[i];
            u32 n = st_bytes(k);
            EXPECT(!memcmp(cell, &wide, n) && !memcmp(cell - 16, old, 16) && !memcmp(cell + n, old + 16 + n, 32 - n), "st_imm %d %x\n", k, imms[i]);
            EXPECT(!changed(), "st_imm\n");
        }
    assert_false(rl_masm_st_imm_ok(RL_ST_64, (i64)1 << 31));
    assert_false(rl_masm_st_imm_ok(RL_ST_F64, 0));
}

static void lea(void **state) {
    (void)state;
    static const u8 some[] = { RESULT, ARG_2, KEPT_1, HIGH, MARK };
    static const i32 disps[] = { 0, 1, 128, -128, INT32_MAX, INT32_MIN };
    for (u32 i = 0; i < 5 * 6 * 6 * 4 * 6 * 2; i += STRIDE + (STRIDE > 1)) {
        u8 d = some[i % 5], b = i / 5 % 6 < 5 ? some[i / 5 % 6] : RL_NOREG, x = i / 30 % 6 < 5 ? some[i / 30 % 6] : RL_NOREG;
        u8 scale = i / 180 % 4;
        i32 disp = disps[i / 720 % 6];
        rl_width w = i / 4320;
        if (b == RL_NOREG && x == RL_NOREG) continue;
        assert_true(rl_masm_lea_ok(scale));
        begin(RL_FLAVOUR_GUARDED);
        rl_masm_lea(&m, w, d, (rl_mem){ b, x, scale, false, false, disp });
        code *f = finish();
        for (u32 k = 0; k < 4; k++) {
            fresh();
            before.flags = ALL_FLAGS;
            if (w == RL_W32)
                for (u32 r = 0; r < RL_FP0; r++) before.gp[r] = (u32)before.gp[r];
            u64 want = (b == RL_NOREG ? 0 : before.gp[b]) + (x == RL_NOREG ? 0 : before.gp[x] << scale) + (u64)(i64)disp;
            run(f);
            EXPECT_RESULT(d, trunc_w(w, want), 0, "lea w%d d%d b%d x%d s%d %d\n", w, d, b, x, scale, disp);
            expect_flags("lea");
        }
    }
}

/* ---- linear memory ---- */

#define RESERVED ((size_t)9 << 30)
static u8 *linear;

static bool flavour_runs(rl_flavour f) { return f != RL_FLAVOUR_GUARDED_GS || gs_usable(); }

static void linear_case(rl_flavour flavour, rl_ldst k, u8 r, rl_mem a, u64 base, u64 index) {
    begin(flavour);
    if (k < RL_ST_8) rl_masm_ld(&m, k, r, a);
    else rl_masm_st(&m, k, r, a);
    code *f = finish();
    fresh();
    before.flags = ALL_FLAGS;
    *role(&before, RL_REG_BASE) = flavour == RL_FLAVOUR_GUARDED_GS ? noise() : (u64)(uintptr_t)linear;
    if (a.base != RL_NOREG && a.linear) before.gp[a.base] = base;
    if (a.index != RL_NOREG) before.gp[a.index] = index;
    u64 addr = (a.base == RL_NOREG ? 0 : base) + (a.index == RL_NOREG ? 0 : before.gp[a.index] << a.scale) + (u64)a.disp;
    if (a.wrap32) addr = (u32)addr;
    u8 *where = linear + 4096 + addr - 4096, old[48];
    for (int i = -16; i < 32; i++) where[i] = (u8)(noise() >> 33);
    memcpy(old, where - 16, 48);
    run(f);
    char what[128];
    snprintf(what, sizeof what, "flavour %d base %d %lx index %d scale %d disp %lx wrap %d", flavour, a.base, base, a.index, a.scale,
             a.disp, a.wrap32);
    check_access(k, r, where, old, what);
    expect_flags(what);
}

static void linear_memory(void **state) {
    (void)state;
    static const u64 addrs[] = { 0, 1, 4096, 0x7ffffff0, 0x80000000u, 0xffffffffu };
    static const u32 disps[] = { 0, 1, 127, 128, 65536, INT32_MAX, 0x80000000u, 0xfffffff0u };
    static const u8 kinds[] = { RL_LD_8U_32, RL_LD_32, RL_LD_64, RL_LD_F64, RL_LD_V128, RL_ST_8, RL_ST_16, RL_ST_64, RL_ST_F32 };
    static const u8 bases[] = { RESULT, ARG_2, HIGH, KEPT_1, RL_NOREG };
    for (rl_flavour fl = 0; fl < RL_FLAVOUR_COUNT; fl++) {
        if (!flavour_runs(fl)) continue;
        set_gs(linear);
        for (u32 i = 0; i < RL_LEN(kinds) * RL_LEN(bases) * RL_LEN(addrs) * RL_LEN(disps); i++) {
            rl_ldst k = kinds[i % 9];
            u8 base = bases[i / 9 % 5], r = is_fp(k) ? (u8)(FP_0 + i % FPS) : HIGH_2;
            u64 addr = addrs[i / 45 % 6];
            linear_case(fl, k, r, (rl_mem){ base, RL_NOREG, 0, true, false, disps[i / 270] }, addr, 0);
            if (base == RL_NOREG || fl == RL_FLAVOUR_GUARDED_GS) continue;
            /* the sum that the front end has looked at: from the memory's base, by an index with scale */
            linear_case(fl, k, r, (rl_mem){ RL_REG_BASE, base, i & 3, false, false, disps[i / 270] & INT32_MAX }, 0, addr >> (1 + (i & 3)));
        }
    }
    set_gs(NULL);
}

static void linear_wrapped(void **state) {
    (void)state;
    static const i64 disps[] = { 0, 1, -1, 4096, -4096, INT32_MAX, INT32_MIN, 0xfffffff0u };
    static const u8 bases[] = { RESULT, HIGH_2, KEPT_1, RL_REG_BASE, RL_NOREG };
    if (!flavour_runs(RL_FLAVOUR_GUARDED_GS)) skip();
    begin(RL_FLAVOUR_GUARDED_GS);
    assert_true(rl_masm_can_wrap32(&m));
    begin(RL_FLAVOUR_CHECKED);
    assert_false(rl_masm_can_wrap32(&m));
    set_gs(linear);
    for (u32 i = 0; i < 5 * 4 * 4 * 8 * 16; i++) {
        u8 base = bases[i % 5], index = i / 5 % 4 ? bases[(i + i / 5) % 5] : RL_NOREG;
        if (index == base) index = RL_NOREG;
        u64 b = (u32)edges[noise() % RL_LEN(edges)], x = (u32)noise();
        if (i & 1) b = (u32)noise();
        rl_ldst k = i & 2 ? RL_LD_64 : RL_ST_32;
        linear_case(RL_FLAVOUR_GUARDED_GS, k, ARG_1, (rl_mem){ base, index, i / 20 % 4, true, true, disps[i / 80 % 8] }, b, x);
    }
    set_gs(NULL);
}

/* ---- where it faults ---- */

static sigjmp_buf faulted;
static const u8 *fault_pc;
static void on_fault(int sig, siginfo_t *info, void *context) {
    (void)sig;
    (void)info;
    fault_pc = fault_place(context);
    siglongjmp(faulted, 1);
}

static void emit_access(int op, rl_mem a) {
    switch (op) {
    case 0: rl_masm_ld(&m, RL_LD_32, RESULT, a); break;
    case 1: rl_masm_st(&m, RL_ST_V128, FP_0, a); break;
    case 2: rl_masm_st_imm(&m, RL_ST_16, 5, a); break;
    case 3: rl_masm_binm(&m, RL_BIN_MUL, RL_W64, RESULT, OTHER, a); break;
    case 4: rl_masm_binm(&m, RL_BIN_SUB, RL_W64, ARG_2, OTHER, a); break;
    case 5: rl_masm_cmpm(&m, RL_W32, RESULT, a); break;
    case 6: rl_masm_fcmpm(&m, RL_F64, RL_CC_F_EQ, FP_0, a); break;
    case 7: rl_masm_fbinm(&m, RL_FBIN_DIV, RL_F64, FP_0, FP_0 + 1, a); break;
    case 8: rl_masm_trap(&m); break;
    default: rl_masm_callm(&m, a); break;
    }
}

/* Offset in f of the instruction that faults; -1: none did. */
static long fault_of(code *f) {
    fault_pc = NULL;
    if (!sigsetjmp(faulted, 1)) run(f);
    return fault_pc ? (long)(fault_pc - (const u8 *)(void *)f) : -1;
}

/* each operation that touches memory, at an address that is not there */
static void fault_position(void **state) {
    (void)state;
    struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER }, old[2];
    sigaction(SIGSEGV, &sa, &old[0]);
    sigaction(SIGILL, &sa, &old[1]);
    for (int i = 0; i < 40; i++) {
        int op = i % 10;
        bool far = i / 10 % 2;
        cpu_set(i >= 20);
        begin(RL_FLAVOUR_GUARDED);
        emit_access(op, (rl_mem){ ARG_2, RL_NOREG, 0, true, false, far ? 0xffff0000u : 16 });
        u32 pos = rl_masm_fault_pos(&m);
        code *f = finish();
        fresh();
        *role(&before, RL_REG_BASE) = 0x10000; /* base, address and offset together stay below the first mapping */
        before.gp[ARG_2] = far ? (u64)-0x100000000ll : 0;
        long at = fault_of(f);
        EXPECT(at == (long)pos, "op %d faults at %ld, not %u\n", op, at, pos);
    }
    sigaction(SIGSEGV, &old[0], NULL);
    sigaction(SIGILL, &old[1], NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves), cmocka_unit_test(constants),   cmocka_unit_test(pool),      cmocka_unit_test(accesses),
        cmocka_unit_test(lea),   cmocka_unit_test(stack_slots), cmocka_unit_test(store_imm), cmocka_unit_test(linear_memory),
        cmocka_unit_test(linear_wrapped), cmocka_unit_test(fault_position),
    };
    harness_init();
    u8 *p = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    linear = p + 65536; /* room for the bytes looked at before address 0 */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
