/* Runs what the macro-assembler emits, on either processor. A snippet gets every register from a record, and every register is stored back
 * afterwards, so a test sees the result and also that nothing else has changed.
 *
 *   begin(flavour);  rl_masm_bin(&m, ...);  code *f = finish();  run(f)  changes `now`; changed() lists registers. */
#ifndef RL_TEST_MASM_H
#define RL_TEST_MASM_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/unit/machine.h"

enum { ROLES = 3, FPS = RL_REG_COUNT - RL_FP0 - 1 /* without the scratch register */ };

typedef struct machine {
    u64 gp[RL_FP0]; /* those in HARNESS_REGS are the harness's */
    u64 xmm[RL_REG_COUNT - RL_FP0][2];
    u64 roles[ROLES]; /* see role(), where they are not among gp */
    u64 flags;
    u64 exit;        /* 0: fell through; 1, 2: left by label `out1`, `out2` */
} machine;

typedef void code(machine *);

static rl_masm m;
static rl_label out1, out2;
static machine before, now; /* run copies before to now */
static u8 *code_rw, *code_rx, *old_rw, *old_rx;
static size_t code_at;
enum { CODE_BYTES = 16 << 20 };

#include "tests/unit/machine_code.h" /* load_machine, store_machine */

static const u8 gps[] = ALL_GP;

static inline u64 *reg(machine *c, u32 r) { return r < RL_FP0 ? &c->gp[r] : &c->xmm[r - RL_FP0][0]; }

/* Writable here, executable there: the same pages, never both at one address. */
static inline void map_code(void) {
    int fd = memfd_create("masm-test", 0);
    assert_true(fd >= 0 && ftruncate(fd, CODE_BYTES) == 0);
    code_rw = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    code_rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    assert_true(code_rw != MAP_FAILED && code_rx != MAP_FAILED);
    close(fd);
}

static inline void harness_init(void) {
    map_code();
    rl_masm_detect();
    cpu_keep();
    assert_true(rl_masm_supported(NULL));
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
}

/* Addresses that held other code are never used again, as emulators may not notice. */
static inline code *publish(const u8 *from, size_t size) {
    if (code_at + size + 64 > CODE_BYTES) {
        if (old_rw) munmap(old_rw, CODE_BYTES), munmap(old_rx, CODE_BYTES);
        old_rw = code_rw, old_rx = code_rx; /* a test may be about to run what lies there */
        map_code();
        code_at = 0;
    }
    memcpy(code_rw + code_at, from, size);
    code *f = (code *)(void *)(code_rx + code_at);
    __builtin___clear_cache((char *)code_rx + code_at, (char *)code_rx + code_at + size);
    code_at = rl_align(code_at + size, 32);
    return f;
}

static inline void begin(rl_flavour flavour) {
    rl_masm_reset(&m);
    m.flavour = (u8)flavour;
    rl_masm_room(&m, 1024);
    out1 = out2 = RL_LABEL_INIT;
    load_machine(&m);
    rl_masm_room(&m, 1024);
}

/* Without the code that stores the registers: `exit` gets n, then on to the common end. */
static inline void leave_with(u32 n, rl_label *end) {
    rl_masm_st_imm(&m, RL_ST_64, (i32)n, rl_mem_at(RL_REG_FP, offsetof(machine, exit)));
    rl_masm_jmp(&m, end);
}

static inline code *finish(void) {
    rl_label end = RL_LABEL_INIT;
    rl_masm_room(&m, 1024);
    leave_with(0, &end);
    rl_masm_bind(&m, &out1);
    leave_with(1, &end);
    rl_masm_bind(&m, &out2);
    leave_with(2, &end);
    rl_masm_bind(&m, &end);
    store_machine(&m);
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
    for (u32 i = 0; i < RL_FP0; i++) before.gp[i] = noise();
    for (u32 i = 0; i < RL_LEN(before.xmm); i++) before.xmm[i][0] = noise(), before.xmm[i][1] = noise();
    for (u32 i = 0; i < ROLES; i++) before.roles[i] = noise();
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
    for (u32 i = 0; i < RL_FP0; i++) mask |= (u32)(!(HARNESS_REGS >> i & 1) && before.gp[i] != now.gp[i]) << i;
    for (u32 i = 0; i < RL_LEN(now.xmm); i++)
        mask |= (u32)(before.xmm[i][0] != now.xmm[i][0] || before.xmm[i][1] != now.xmm[i][1]) << (RL_FP0 + i);
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
