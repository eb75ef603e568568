/* Runs what the macro-assembler emits. A snippet gets every register from a record, and every register is stored back
 * afterwards, so a test sees the result and also that nothing else has changed.
 *
 *   begin(flavour);  rl_masm_bin(&m, ...);  code *f = finish();  run(f)  changes `now`; changed() lists registers. */
#ifndef RL_TEST_MASM_H
#define RL_TEST_MASM_H

#include "tests/unit/test.h"

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/masm.h"
#include "jit/x64.h"

typedef struct machine {
    u64 gp[16];      /* rsp and rbp are the harness's */
    u64 xmm[16][2];
    u64 flags;
    u64 exit;        /* 0: fell through; 1, 2: left by label `out1`, `out2` */
} machine;

typedef void code(machine *);

static rl_masm m;
static rl_label out1, out2;
static machine before, now; /* run copies before to now */
static u8 *code_rw, *code_rx;
static size_t code_at;
static x64_cpu full_cpu;
enum { CODE_BYTES = 16 << 20, FLAGS_MASK = 0x8d5 /* OF SF ZF AF PF CF */ };

static const u8 gps[] = { RL_RAX, RL_RCX, RL_RDX, RL_RBX, RL_RSI, RL_RDI, RL_R8, RL_R9, RL_R10, RL_R12, RL_R13 };

static inline u64 *reg(machine *c, u32 r) { return r < 16 ? &c->gp[r] : &c->xmm[r - 16][0]; }

/* Writable here, executable there: the same pages, never both at one address. */
static inline void harness_init(void) {
    int fd = memfd_create("masm-test", 0);
    assert_true(fd >= 0 && ftruncate(fd, CODE_BYTES) == 0);
    code_rw = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    code_rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    assert_true(code_rw != MAP_FAILED && code_rx != MAP_FAILED);
    close(fd);
    rl_masm_detect();
    full_cpu = rl_x64_cpu;
    assert_true(rl_masm_supported(NULL));
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
}

/* Feature sets worth testing: everything this machine has, and nothing but the required ones. */
static inline void cpu_set(bool full) {
    rl_x64_cpu = full ? full_cpu : (x64_cpu){ .popcnt = true, .sse41 = true };
}

static inline void begin(rl_flavour flavour) {
    static const u8 saved[] = { RL_RBX, RL_RBP, RL_R12, RL_R13, RL_R14, RL_R15 };
    rl_masm_reset(&m);
    m.flavour = (u8)flavour;
    rl_masm_room(&m, 1024);
    out1 = out2 = RL_LABEL_INIT;
    u8 *p = m.p;
    for (u32 i = 0; i < RL_LEN(saved); i++) p = x64_push(p, saved[i]);
    p = x64_push(p, RL_RDI);
    p = x64_mov_rr(p, 1, RL_RBP, RL_RDI);
    for (u32 i = 0; i < 16; i++) p = x64_rm(p, X64_MOVUPS, RL_XMM0 + i, x64_at(RL_RBP, (i32)offsetof(machine, xmm) + 16 * (i32)i));
    p = x64_rm(p, 0xff, 6, x64_at(RL_RBP, offsetof(machine, flags))); /* push, popfq */
    *p++ = 0x9d;
    for (u32 i = 0; i < 16; i++)
        if (i != RL_RSP && i != RL_RBP) p = x64_ld(p, 1, i, x64_at(RL_RBP, 8 * (i32)i));
    m.p = p;
    rl_masm_room(&m, 1024);
}

static inline code *publish(const u8 *from, size_t size) {
    if (code_at + size + 64 > CODE_BYTES) {
        u32 a, b, c, d;
        code_at = 0;
        __cpuid(0, a, b, c, d); /* serialises: these addresses held other code */
        (void)a, (void)b, (void)c, (void)d;
    }
    memcpy(code_rw + code_at, from, size);
    code *f = (code *)(void *)(code_rx + code_at);
    code_at = rl_align(code_at + size, 32);
    return f;
}

/* Without the code that stores the registers: `exit` gets n, then on to the common end. */
static inline void leave_with(u32 n, rl_label *end) {
    m.p = x64_st_i32(m.p, 1, (i32)n, x64_at(RL_RBP, offsetof(machine, exit)));
    rl_masm_jmp(&m, end);
}

static inline code *finish(void) {
    static const u8 saved[] = { RL_R15, RL_R14, RL_R13, RL_R12, RL_RBP, RL_RBX };
    rl_label end = RL_LABEL_INIT;
    rl_masm_room(&m, 1024);
    leave_with(0, &end);
    rl_masm_bind(&m, &out1);
    leave_with(1, &end);
    rl_masm_bind(&m, &out2);
    leave_with(2, &end);
    rl_masm_bind(&m, &end);
    u8 *p = m.p;
    for (u32 i = 0; i < 16; i++)
        if (i != RL_RSP && i != RL_RBP) p = x64_st(p, 1, i, x64_at(RL_RBP, 8 * (i32)i));
    *p++ = 0x9c; /* pushfq, pop */
    p = x64_rm(p, 0x8f, 0, x64_at(RL_RBP, offsetof(machine, flags)));
    for (u32 i = 0; i < 16; i++) p = x64_rm(p, X64_MOVUPS_ST, RL_XMM0 + i, x64_at(RL_RBP, (i32)offsetof(machine, xmm) + 16 * (i32)i));
    p = x64_pop(p, RL_RDI);
    for (u32 i = 0; i < RL_LEN(saved); i++) p = x64_pop(p, saved[i]);
    m.p = x64_ret(p);
    rl_masm_pool(&m);
    assert_false(m.failed);
    return publish(m.base, rl_masm_pos(&m));
}

static inline u64 noise(void) { /* xorshift64* */
    static u64 s = 0x9e3779b97f4a7c15u;
    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    return s * 0x2545f4914f6cdd1du;
}

/* Registers get recognisable rubbish; the test then sets its inputs in `before`. */
static inline void fresh(void) {
    for (u32 i = 0; i < 16; i++) {
        before.gp[i] = noise();
        before.xmm[i][0] = noise();
        before.xmm[i][1] = noise();
    }
    before.flags = 0x202;
    before.exit = 99;
}

static inline void run(code *f) {
    now = before;
    f(&now);
}

/* Registers that differ from before, as a mask; TMP, FTMP do not count. */
static inline u32 changed(void) {
    u32 mask = 0;
    for (u32 i = 0; i < 16; i++) {
        mask |= (u32)(i != RL_RSP && i != RL_RBP && before.gp[i] != now.gp[i]) << i;
        mask |= (u32)(before.xmm[i][0] != now.xmm[i][0] || before.xmm[i][1] != now.xmm[i][1]) << (16 + i);
    }
    return mask & ~(RL_BIT(RL_REG_TMP) | RL_BIT(RL_REG_FTMP));
}

#define EXPECT(c, ...) do { if (RL_UNLIKELY(!(c))) { print_error(__VA_ARGS__); fail_msg(" <- %s", #c); } } while (0)

/* Register d has this value and no register outside `may` has changed. */
#define EXPECT_RESULT(d, want, may, ...) do { \
    EXPECT(*reg(&now, d) == (want), __VA_ARGS__); \
    EXPECT((changed() & ~(RL_BIT(d) | (may))) == 0, __VA_ARGS__); } while (0)

static const u64 edges[] = { 0, 1, 2, 3, 5, 7, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000u,
                             0x80000001u, 0xfffffffeu, 0xffffffffu, 0x100000000u, 0x123456789abcdef0u, 0x7fffffffffffffffu,
                             0x8000000000000000u, 0x8000000000000001u, 0xffffffff80000000u, 0xfffffffffffffffeu, 0xffffffffffffffffu };

static inline u64 trunc_w(rl_width w, u64 v) { return w == RL_W32 ? (u32)v : v; }

#endif
