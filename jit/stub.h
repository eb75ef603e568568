/* A stub is a short piece of machine code, complete in itself, that stands between a caller and what it calls (linkers use
 * the word so); nothing is left out of one.
 *
 * The protocol between compiled code's stubs (bodies: rl_masm_stub) and the glue (glue_x64.S): which words of rl_exec
 * are valid when, and what every register holds. x64 names; a64 has the same roles.
 *
 * rl_glue_enter(x), called by C on the worker's stack, saves the host's callee-saved registers there, stores its stack
 * pointer in x->host_sp and jumps to the resume address popped from x->guest_sp with
 *     r14 = x->inst, r15 = x->fuel, rbp = x->guest_fp, r11 = rdi = x, r13 = x->inst->mem_base (every flavour), and the
 *     segment base set when x->gs.
 * It returns x->exit when somebody jumps to rl_glue_leave (r11 = x; guest_sp, guest_fp, inst, fuel and exit stored).
 * Where a host function parks, another exec may go on instead (rl_exec_next); then x is that one.
 *
 * rl_glue_grow, called with every register live and sp within the stack's limit, returns with every register as it was
 * but sp and rbp, which lie in the stack that is used from now on, at the same distance from its top.
 *
 * ENTRY      starts with [rsp] = rl_func *, rsp = 8 modulo 16, rbp = 0; arguments in x->vals. Calls f->xcode with
 *            rax = f. At the end results are in x->vals, fuel in x->fuel, exit = RL_EXIT_DONE: jump to rl_glue_leave.
 * HOST, BUILTIN, GENERIC  push rbp and make a frame, so that x->guest_fp = rbp starts a chain whose first return
 *            address lies in the compiled caller; keep the caller's callee-saved registers and the arguments in it;
 *            store inst, fuel, guest_fp and guest_sp, whose top word is the retry address; call C on x->host_sp, with
 *            x->outcome as rl_glue_enter found it: 0.
 *            Outcome 0: reload fuel from x->fuel, drop the frame, return. Else jump to rl_glue_host_left with r11 = x;
 *            the owner's next rl_glue_enter then arrives at the retry address, or at rl_glue_host_done, which returns with a
 *            result that is in the record's place (rl_exec_finish). Either way r13 comes back from the
 *            frame when x->gs, else from inst->mem_base (memory may have moved).
 * LEAF       like HOST, but nothing needs to survive a retry: arguments go from register to register, C keeps the
 *            callee-saved ones but r10, and memory stays where it is. Types that do not fit (floats, more than five
 *            parameters) get HOST's body.
 * CROSS      sets exec and stack_limit of the callee's instance from the caller's, r14 and the memory registers for
 *            the callee, and on return those of the caller. */
#ifndef RL_STUB_H
#define RL_STUB_H

#include "jit/exec.h"

/* Reasons rl_glue_enter returns that rl_exec_resume handles itself. */
#define RL_EXIT_HOST 16 /* + rl_outcome */
#define RL_EXIT_GROW 32 /* the stack is too small: guest_pc has the row of the trap, if it cannot grow */

int rl_glue_enter(rl_exec *x);
rl_exec *rl_exec_left(rl_exec *x);              /* called by rl_glue_host_left */
const void *rl_exec_lazy(rl_exec *x, u64 func); /* called by rl_glue_lazy */
/* Never called from C; addresses for stubs and compiled code. */
void rl_glue_leave(void);
void rl_glue_host_left(void);
void rl_glue_yield(void);
void rl_glue_grow(void);
void rl_glue_lazy(void);
/* What memory.copy calls: copies of at most 128 bytes within memory 0 are done here, others (and those that trap)
 * by the stub. */
void rl_glue_memory_copy(void);
extern const void *rl_glue_copy_long; /* that stub; set before the first call */
void rl_glue_trap(void);

/* Head of rl_code, read by rl_glue_lazy. */
typedef struct rl_lazy_head {
    /* 0 */ const void **entries;   /* by function index                                                  */
    /* 8 */ const void *stubs_end;  /* entries at or above this address are compiled functions, not stubs */
} rl_lazy_head;

/* Is this rl_codemem_owner result the stubs' range? Async-signal-safe. */
bool rl_stub_owns(const void *owner);

/* What a lazy stub points r11 at. */
typedef struct rl_lazy_record {
    rl_code *code;
    u64 func;
} rl_lazy_record;

#endif
