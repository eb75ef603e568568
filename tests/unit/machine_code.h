/* For tests/unit/masm.h: the code, on either processor, that fills all registers from a machine and stores them there. The
 * machine is at the frame pointer while the code under test runs. */
#ifndef RL_TEST_MACHINE_CODE_H
#define RL_TEST_MACHINE_CODE_H

#define AT_GP(i) (8 * (i32)(i))
#define AT_ROLE(i) ((i32)offsetof(machine, roles) + 8 * (i32)(i))
#define AT_XMM(i) ((i32)offsetof(machine, xmm) + 16 * (i32)(i))

#ifdef RL_A64_REGS_H
enum { FLAGS_MASK = -0x10000000 /* NZCV */, HARNESS_REGS = 0 };
#define ALL_FLAGS 0xf0000000u
#define ALL_GP { RL_A64_X0, RL_A64_X1, RL_A64_X2, RL_A64_X3, RL_A64_X8, RL_A64_X9, RL_A64_X19, RL_A64_X25 }
#define FEW_GP { RL_A64_X0, RL_A64_X1, RL_A64_X2, RL_A64_X4, RL_A64_X9, RL_A64_X19, RL_A64_X24 }
#define FEW_FP { FP_0, FP_0 + 1, FP_0 + 7, FP_0 + 8, FP_0 + 12 }

static inline void cpu_keep(void) {}
static inline void cpu_set(bool full) { (void)full; }

static inline void put_word(rl_masm *to, u32 word) {
    rl_store32(to->p, word);
    to->p += 4;
}

static inline void put_nops(rl_masm *to, u32 bytes) {
    for (; bytes; bytes -= 4) put_word(to, a64_nop());
}

/* Those that are not in masks: of memory, the instance, fuel. */
static inline u64 *role(machine *c, u32 r) { return &c->roles[r - RL_REG_FUEL]; }
static inline const u8 *fault_place(const ucontext_t *c) { return (const u8 *)(uintptr_t)c->uc_mcontext.pc; }

static inline void load_machine(rl_masm *to) {
    put_word(to, a64_pair(A64_STP_PRE, 29, 30, A64_SP, -96));
    for (u32 i = 0; i < 5; i++) put_word(to, a64_pair(A64_STP, 19 + 2 * i, 20 + 2 * i, A64_SP, 16 + 16 * (i32)i));
    put_word(to, a64_mov(1, 29, 0));
    for (u32 i = 0; i < RL_REG_COUNT - RL_FP0; i++) rl_masm_ld(to, RL_LD_V128, (u8)(FP_0 + i), rl_mem_at(RL_REG_FP, AT_XMM(i)));
    rl_masm_ld(to, RL_LD_64, RL_A64_X17, rl_mem_at(RL_REG_FP, offsetof(machine, flags)));
    put_word(to, 0xd51b4200 | 17); /* msr nzcv */
    for (u32 i = 0; i < ROLES; i++) rl_masm_ld(to, RL_LD_64, (u8)(RL_REG_FUEL + i), rl_mem_at(RL_REG_FP, AT_ROLE(i)));
    for (u32 i = 0; i < RL_FP0; i++) rl_masm_ld(to, RL_LD_64, (u8)i, rl_mem_at(RL_REG_FP, AT_GP(i)));
}

static inline void store_machine(rl_masm *to) {
    for (u32 i = 0; i < RL_FP0; i++) rl_masm_st(to, RL_ST_64, (u8)i, rl_mem_at(RL_REG_FP, AT_GP(i)));
    for (u32 i = 0; i < ROLES; i++) rl_masm_st(to, RL_ST_64, (u8)(RL_REG_FUEL + i), rl_mem_at(RL_REG_FP, AT_ROLE(i)));
    put_word(to, 0xd53b4200 | 17); /* mrs */
    rl_masm_st(to, RL_ST_64, RL_A64_X17, rl_mem_at(RL_REG_FP, offsetof(machine, flags)));
    for (u32 i = 0; i < RL_REG_COUNT - RL_FP0; i++) rl_masm_st(to, RL_ST_V128, (u8)(FP_0 + i), rl_mem_at(RL_REG_FP, AT_XMM(i)));
    for (u32 i = 0; i < 5; i++) put_word(to, a64_pair(A64_LDP, 19 + 2 * i, 20 + 2 * i, A64_SP, 16 + 16 * (i32)i));
    put_word(to, a64_pair(A64_LDP_POST, 29, 30, A64_SP, 96));
    put_word(to, a64_ret());
}
#else
enum { FLAGS_MASK = 0x8d5 /* OF SF ZF AF PF CF */, HARNESS_REGS = RL_BIT(RL_RSP) | RL_BIT(RL_RBP) };
#define ALL_FLAGS 0xad7u /* with IF and the bit that is always set */
#define ALL_GP { RL_RAX, RL_RCX, RL_RDX, RL_RBX, RL_RSI, RL_RDI, RL_R8, RL_R9, RL_R10, RL_R12, RL_R13 }
/* rax and rcx with their fixed roles, low, r8 and up, and the awkward encodings */
#define FEW_GP { RL_RAX, RL_RCX, RL_RDX, RL_RSI, RL_R9, RL_R12, RL_R13 }
#define FEW_FP { RL_XMM0, RL_XMM0 + 1, RL_XMM0 + 7, RL_XMM0 + 8, RL_XMM0 + 14 }

static x64_cpu full_cpu;
static inline void cpu_keep(void) { full_cpu = rl_x64_cpu; }
/* Feature sets worth testing: everything this machine has, and nothing but the required ones. */
static inline void cpu_set(bool full) { rl_x64_cpu = full ? full_cpu : (x64_cpu){ .popcnt = true, .sse41 = true }; }

static inline void put_nops(rl_masm *to, u32 bytes) { to->p = x64_nops(to->p, bytes); }
static inline u64 *role(machine *c, u32 r) { return &c->gp[r]; }
static inline const u8 *fault_place(const ucontext_t *c) { return (const u8 *)(uintptr_t)c->uc_mcontext.gregs[REG_RIP]; }

static inline void load_machine(rl_masm *to) {
    static const u8 saved[] = { RL_RBX, RL_RBP, RL_R12, RL_R13, RL_R14, RL_R15 };
    u8 *p = to->p;
    for (u32 i = 0; i < RL_LEN(saved); i++) p = x64_push(p, saved[i]);
    p = x64_push(p, RL_RDI);
    p = x64_mov_rr(p, 1, RL_RBP, RL_RDI);
    for (u32 i = 0; i < 16; i++) p = x64_rm(p, X64_MOVUPS, RL_XMM0 + i, x64_at(RL_RBP, AT_XMM(i)));
    p = x64_rm(p, 0xff, 6, x64_at(RL_RBP, offsetof(machine, flags))); /* push, popfq */
    *p++ = 0x9d;
    for (u32 i = 0; i < 16; i++)
        if (!(HARNESS_REGS >> i & 1)) p = x64_ld(p, 1, i, x64_at(RL_RBP, AT_GP(i)));
    to->p = p;
}

static inline void store_machine(rl_masm *to) {
    static const u8 saved[] = { RL_R15, RL_R14, RL_R13, RL_R12, RL_RBP, RL_RBX };
    u8 *p = to->p;
    for (u32 i = 0; i < 16; i++)
        if (!(HARNESS_REGS >> i & 1)) p = x64_st(p, 1, i, x64_at(RL_RBP, AT_GP(i)));
    *p++ = 0x9c; /* pushfq, pop */
    p = x64_rm(p, 0x8f, 0, x64_at(RL_RBP, offsetof(machine, flags)));
    for (u32 i = 0; i < 16; i++) p = x64_rm(p, X64_MOVUPS_ST, RL_XMM0 + i, x64_at(RL_RBP, AT_XMM(i)));
    p = x64_pop(p, RL_RDI);
    for (u32 i = 0; i < RL_LEN(saved); i++) p = x64_pop(p, saved[i]);
    to->p = x64_ret(p);
}
#endif

#endif
