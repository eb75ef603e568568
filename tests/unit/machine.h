/* Registers by what tests want of them, on either processor. */
#ifndef RL_TEST_MACHINE_H
#define RL_TEST_MACHINE_H

#include "jit/masm.h"

#ifdef RL_A64_REGS_H
#include "jit/a64.h"

enum { RESULT = RL_A64_X0, RESULT_2 = RL_A64_X1, OTHER = RL_A64_X2, ARG_1 = RL_A64_X3, ARG_2 = RL_A64_X4,
       HIGH = RL_A64_X8, HIGH_2 = RL_A64_X9, KEPT_1 = RL_A64_X19, MARK = RL_A64_X20, FP_0 = RL_A64_V0 };
#define KEPT_REGS { RL_A64_X19, RL_A64_X20, RL_A64_X25, RL_REG_BASE } /* the last one: when the base is elsewhere */
#define SAVED_REGS { RL_A64_X19, RL_A64_X20, RL_A64_X22, RL_A64_X25 }
enum { EVERY_FORM = true, STRIDE = 6 /* of many cases, as this may be emulated */ };
enum { NOP_BYTES = 4, SHORT_JUMP = 4 };
static inline void *gs_base(void) { return NULL; } /* never asked for */
static inline void set_gs(void *base) { (void)base; }
static inline bool gs_usable(void) { return false; }
#else
#include "jit/x64.h"

#include <sys/auxv.h>

enum { RESULT = RL_RAX, RESULT_2 = RL_RDX, OTHER = RL_RCX, ARG_1 = RL_RDI, ARG_2 = RL_RSI,
       HIGH = RL_R8, HIGH_2 = RL_R9, KEPT_1 = RL_R12, MARK = RL_RBX, FP_0 = RL_XMM0 };
#define KEPT_REGS { RL_RBX, RL_R12, RL_R10, RL_R13 }
#define SAVED_REGS KEPT_REGS
enum { EVERY_FORM = false, STRIDE = 1 };
enum { NOP_BYTES = 1, SHORT_JUMP = 2 };
static inline void *gs_base(void) {
    void *base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}
static inline bool gs_usable(void) { return getauxval(AT_HWCAP2) & 2; }
static inline void set_gs(void *base) {
    if (gs_usable()) __asm__ volatile("wrgsbase %0" : : "r"(base));
}
#endif

#endif
