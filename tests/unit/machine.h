/* Registers by what tests want of them, on either processor. */
#ifndef RL_TEST_MACHINE_H
#define RL_TEST_MACHINE_H

#include "jit/masm.h"

#ifdef RL_A64_REGS_H
#include "jit/a64.h"

enum { RESULT = RL_A64_X0, RESULT_2 = RL_A64_X1, OTHER = RL_A64_X2,
       ARG_1 = RL_A64_X3, ARG_2 = RL_A64_X4, KEPT_1 = RL_A64_X19, FP_0 = RL_A64_V0 };
#define KEPT_REGS { RL_A64_X19, RL_A64_X20, RL_A64_X25, RL_REG_BASE } /* the last one: when the base is elsewhere */
enum { EVERY_FORM = true, STRIDE = 6 /* of many cases, as this may be emulated */ };
#define WIDEST_SELECT RL_F64
static inline void *gs_base(void) { return NULL; } /* never asked for */
#else
#include "jit/x64.h"

enum { RESULT = RL_RAX, RESULT_2 = RL_RDX, OTHER = RL_RCX,
       ARG_1 = RL_RDI, ARG_2 = RL_RSI, KEPT_1 = RL_R12, FP_0 = RL_XMM0 };
#define KEPT_REGS { RL_RBX, RL_R12, RL_R10, RL_R13 }
enum { EVERY_FORM = false, STRIDE = 1 };
#define WIDEST_SELECT RL_V128
static inline void *gs_base(void) {
    void *base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}
#endif

#endif
