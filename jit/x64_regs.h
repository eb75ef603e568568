/* x86-64: roles of registers in compiled code. */
#ifndef RL_X64_REGS_H
#define RL_X64_REGS_H

enum {
    RL_RAX, RL_RCX, RL_RDX, RL_RBX, RL_RSP, RL_RBP, RL_RSI, RL_RDI,
    RL_R8, RL_R9, RL_R10, RL_R11, RL_R12, RL_R13, RL_R14, RL_R15,
    RL_XMM0 = 16, RL_XMM15 = 31
};

#define RL_TARGET rl_target_x64
#define RL_TARGET_GUARDED RL_FLAVOUR_GUARDED_GS

#define RL_REG_COUNT 32u
#define RL_FP0 16u
#define RL_REG_SP RL_RSP
#define RL_REG_FP RL_RBP
#define RL_REG_FUEL RL_R15
#define RL_REG_INST RL_R14
#define RL_REG_BASE RL_R13   /* memory base, except in the GS flavour where it is allocatable */
#define RL_REG_TMP RL_R11    /* masm's own scratch; emit may use it between two masm calls     */
#define RL_REG_FTMP RL_XMM15 /* likewise                                                       */
#define RL_REG_FUNC RL_RAX   /* callee's rl_func on a call through xcode                       */

#define RL_BIT(r) (1u << (r))
#define RL_GP_MASK 0x0000ffffu
#define RL_FP_MASK 0xffff0000u

/* allocatable: all but rsp rbp r11 r13 r14 r15, xmm15; the GS flavour adds r13 */
#define RL_ALLOC_GP (RL_GP_MASK & ~(RL_BIT(RL_RSP) | RL_BIT(RL_RBP) | RL_BIT(RL_R11) | RL_BIT(RL_R13) | RL_BIT(RL_R14) | RL_BIT(RL_R15)))
#define RL_ALLOC_GS RL_BIT(RL_REG_BASE) /* allocatable besides when the memory base is in a segment register */
#define RL_ALLOC_FP (RL_FP_MASK & ~RL_BIT(RL_XMM15))
#define RL_CALLEE_SAVED (RL_BIT(RL_RBX) | RL_BIT(RL_R12) | RL_BIT(RL_R10) | RL_BIT(RL_R13))
/* never pinned to a loop's local: the fixed registers of division and shifts */
#define RL_NEVER_PIN (RL_BIT(RL_RAX) | RL_BIT(RL_RCX) | RL_BIT(RL_RDX))

#define RL_REG_DIV_A RL_RAX   /* dividend and quotient; div clobbers both */
#define RL_REG_DIV_D RL_RDX   /* remainder                                */
#define RL_REG_COUNTREG RL_RCX /* variable shift count where the masm asks for one */

/* Internal convention (rl_place): integer arguments, float arguments; results. Everything else on the stack. */
#define RL_ARG_GP { RL_RDI, RL_RSI, RL_R8, RL_R9, RL_RDX, RL_RCX }
#define RL_ARG_GP_COUNT 6
#define RL_ARG_FP_COUNT 8 /* xmm0..xmm7 */
#define RL_RES_GP { RL_RAX, RL_RDX }
#define RL_RES_GP_COUNT 2
#define RL_RES_FP_COUNT 2 /* xmm0, xmm1 */

#endif
