/* aarch64: roles of registers in compiled code.
 *
 * The numbers are logical: the front end keeps masks of 32 bits over what may be allocated, the machine has 62 usable
 * registers, so rl_a64_phys (a64.h) says which is meant. Below RL_REG_COUNT are the allocatable ones and the two scratch
 * registers; roles that never enter a mask come after. The lowest numbers are what a limit of registers leaves: the
 * fixed ones and one that calls leave alone.
 *
 * Machine registers: x28 fuel, x27 instance, x26 memory base; x16 RL_REG_TMP; x17, x15, x14 the masm's own, never alive
 * between two of its calls; x10 to x13 are the stubs' (jit/stub.h) and the glue's, never the compiler's; x18 is the
 * system's. v8 to v15, whose lower halves C wants back, are not used at all, so that entering compiled code need not save
 * them. */
#ifndef RL_A64_REGS_H
#define RL_A64_REGS_H

enum {
    RL_A64_X0, RL_A64_X1, RL_A64_X2, RL_A64_X19, RL_A64_X3, RL_A64_X4, RL_A64_X5, RL_A64_X6, RL_A64_X7, RL_A64_X8,
    RL_A64_X20, RL_A64_X21, RL_A64_X22, RL_A64_X23, RL_A64_X24, RL_A64_X25, RL_A64_X9, RL_A64_X16,
    RL_A64_V0, RL_A64_V31 = 31,
    /* not in masks */
    RL_A64_SP, RL_A64_X29, RL_A64_X28, RL_A64_X27, RL_A64_X26, RL_A64_X17, RL_A64_X15, RL_A64_X14, RL_A64_X10, RL_A64_X11,
    RL_A64_X30, RL_A64_ZR, RL_A64_COUNT
};

#define RL_TARGET rl_target_a64
#define RL_TARGET_GUARDED RL_FLAVOUR_GUARDED

#define RL_REG_COUNT 32u
#define RL_FP0 18u
#define RL_REG_SP RL_A64_SP
#define RL_REG_FP RL_A64_X29
#define RL_REG_FUEL RL_A64_X28
#define RL_REG_INST RL_A64_X27
#define RL_REG_BASE RL_A64_X26
#define RL_REG_TMP RL_A64_X16  /* emit may keep a value in it between masm calls: the masm writes it only when named */
#define RL_REG_FTMP RL_A64_V31 /* scratch of the masm too                       */
#define RL_REG_FUNC RL_A64_X0  /* callee's rl_func on a call through xcode      */

#define RL_BIT(r) (1u << (r))
#define RL_GP_MASK ((1u << RL_FP0) - 1)
#define RL_FP_MASK (~RL_GP_MASK)

#define RL_ALLOC_GP (RL_GP_MASK & ~RL_BIT(RL_REG_TMP))
#define RL_ALLOC_GS 0u /* allocatable besides when the memory base is in a segment register */
#define RL_ALLOC_FP (RL_FP_MASK & ~RL_BIT(RL_REG_FTMP))
#define RL_CALLEE_SAVED (RL_BIT(RL_A64_X19) | RL_BIT(RL_A64_X20) | RL_BIT(RL_A64_X21) | RL_BIT(RL_A64_X22) | \
                         RL_BIT(RL_A64_X23) | RL_BIT(RL_A64_X24) | RL_BIT(RL_A64_X25))
/* never pinned to a loop's local: results and records of calls, division */
#define RL_NEVER_PIN (RL_BIT(RL_A64_X0) | RL_BIT(RL_A64_X1) | RL_BIT(RL_A64_X2))

#define RL_REG_DIV_A RL_A64_X0    /* dividend and quotient; carries no argument */
#define RL_REG_DIV_D RL_A64_X1    /* remainder                                  */
#define RL_REG_COUNTREG RL_A64_X2 /* never asked for: shifts take any register  */

#define RL_ARG_GP { RL_A64_X3, RL_A64_X4, RL_A64_X5, RL_A64_X6, RL_A64_X7, RL_A64_X8, RL_A64_X1, RL_A64_X2 }
#define RL_ARG_GP_COUNT 8
#define RL_ARG_FP_COUNT 8 /* v0..v7 */
#define RL_RES_GP { RL_A64_X0, RL_A64_X1 }
#define RL_RES_GP_COUNT 2
#define RL_RES_FP_COUNT 2 /* v0, v1 */

#endif
