/* Owns the few instructions between C and compiled code on aarch64: entering, leaving, the yield that keeps every
 * register, and the lazy stub's way into the compiler. Offsets are the RL_EXEC_* and RL_INST_* of the headers; exec.c
 * asserts them. Runs on whichever thread runs the exec. d8 to d15 are not saved, because compiled code has no use for
 * them. Not taken: ucontext or setjmp, which save signal masks and floating-point environments nobody changes. */

#define X_HOST_SP 0
#define X_GUEST_SP 8
#define X_FUEL 16
#define X_INST 24
#define X_OUTCOME 40
#define X_EXIT 44
#define X_GUEST_FP 48
#define X_GUEST_PC 56
#define X_NEXT 112
#define I_MEM_BASE 0
#define I_MEM_BOUND 8
#define I_EXEC 24
#define EXIT_YIELD 1
#define EXIT_GROW 32
#define EXIT_HOST 16

/* Each begins with a landing pad: it is called by C, or jumped to by code that may have pages that want them. */
#define BTI_C hint #34
#define BTI_J hint #36
#define GLOBAL(name) .globl name; .hidden name; .type name, %function; .balign 32; name: BTI_C;
#define END(name) .size name, . - name

    .text

/* int rl_glue_enter(rl_exec *x): resumes the guest at the address on top of its stack. */
GLOBAL(rl_glue_enter)
    stp x29, x30, [sp, #-96]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
enter_on:
    mov x9, sp
    str x9, [x0, #X_HOST_SP]
    adrp x9, rl_exec_poison
    ldrb w9, [x9, #:lo12:rl_exec_poison]
    cbnz w9, poison
enter_go:
    mov x16, x0
    ldr x27, [x0, #X_INST]
    ldr x28, [x0, #X_FUEL]
    ldr x29, [x0, #X_GUEST_FP]
    ldr x26, [x27, #I_MEM_BASE]
    ldr x17, [x0, #X_GUEST_SP]
    mov sp, x17
    ldr x17, [x17]
    br x17
poison:
    movz x1, #0xbeef
    movk x1, #0xdead, lsl #16
    movk x1, #0x5a5a, lsl #32
    movk x1, #0x5a5a, lsl #48
    .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 19, 20, 21, 22, 23, 24, 25, 30
    mov x\n, x1
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    dup v\n\().2d, x1
    .endr
    b enter_go
END(rl_glue_enter)

/* void rl_glue_set_base(void *base): no segment base here. */
GLOBAL(rl_glue_set_base)
    ret
END(rl_glue_set_base)

/* A host stub whose function did not finish: x16 = x. Another may go on; who comes back to C next restores its registers. A
 * guest's calls have no returns in between and its returns had their calls before, so the return predictor is in step
 * where one process follows another that waits at the same place. */
GLOBAL(rl_glue_host_left)
    ldr w9, [x16, #X_OUTCOME]
    add w9, w9, #EXIT_HOST
    str w9, [x16, #X_EXIT]
    ldr x9, [x16, #X_NEXT]
    cbz x9, rl_glue_leave
    ldr x9, [x16, #X_HOST_SP]
    mov sp, x9
    mov x19, x16
    mov x0, x16
    bl rl_exec_left
    mov x16, x19
    cbnz x0, enter_on
/* Back to C: x16 = x, everything already stored. The fault handler sends traps here too. */
    .globl rl_glue_leave, rl_glue_trap
    .hidden rl_glue_leave, rl_glue_trap
    .type rl_glue_leave, %function
    .type rl_glue_trap, %function
rl_glue_leave:
rl_glue_trap:
    BTI_C
    ldr x9, [x16, #X_HOST_SP]
    mov sp, x9
    ldr w0, [x16, #X_EXIT]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp x29, x30, [sp], #96
    ret
END(rl_glue_host_left)

/* Where an exec goes on whose host function has finished without being called again (rl_exec_finish): drops the frame
 * of the host stub (jit/stub.h) it was called by. */
GLOBAL(rl_glue_host_done)
    ldur x0, [x29, #-8]
    ldur x25, [x29, #-16]
    ldp x23, x24, [x29, #-32]
    ldp x21, x22, [x29, #-48]
    ldp x19, x20, [x29, #-64]
    mov sp, x29
    ldp x29, x30, [sp], #16
    ret
END(rl_glue_host_done)

/* Called from the cold path of a fuel check with every register live. Frame, upwards: the pair with the resume address,
 * 14 vectors, 19 general registers, padding. */
#define Y_V 16
#define Y_X (Y_V + 14*16)
#define Y_SIZE (Y_X + 20*8)
.macro everything pair, single /* saves or loads */
    \pair q0, q1, [sp, #Y_V]
    \pair q2, q3, [sp, #Y_V + 32]
    \pair q4, q5, [sp, #Y_V + 64]
    \pair q6, q7, [sp, #Y_V + 96]
    \pair q16, q17, [sp, #Y_V + 128]
    \pair q18, q19, [sp, #Y_V + 160]
    \pair q20, q31, [sp, #Y_V + 192]
    \pair x0, x1, [sp, #Y_X]
    \pair x2, x3, [sp, #Y_X + 16]
    \pair x4, x5, [sp, #Y_X + 32]
    \pair x6, x7, [sp, #Y_X + 48]
    \pair x8, x9, [sp, #Y_X + 64]
    \pair x16, x19, [sp, #Y_X + 80]
    \pair x20, x21, [sp, #Y_X + 96]
    \pair x22, x23, [sp, #Y_X + 112]
    \pair x24, x25, [sp, #Y_X + 128]
    \single x30, [sp, #Y_X + 144]
.endm
.macro save_all exit
    sub sp, sp, #Y_SIZE
    everything stp, str
    ldr x16, [x27, #I_EXEC]
    str x27, [x16, #X_INST]
    str x28, [x16, #X_FUEL]
    str x29, [x16, #X_GUEST_FP]
    str x30, [x16, #X_GUEST_PC]       /* for the backtrace of a process stopped here */
    adr x9, yield_back
    str x9, [sp]
    mov x9, sp
    str x9, [x16, #X_GUEST_SP]
    mov w9, #\exit
    str w9, [x16, #X_EXIT]
    b rl_glue_leave
.endm
/* Called from the cold path of a stack check: the same, but the stack may be another one when it is resumed. */
GLOBAL(rl_glue_grow)
    save_all EXIT_GROW
END(rl_glue_grow)
GLOBAL(rl_glue_yield)
    save_all EXIT_YIELD
yield_back:                           /* x26 to x29 as rl_glue_enter left them */
    BTI_J
    everything ldp, ldr
    add sp, sp, #Y_SIZE
    ret
END(rl_glue_yield)

/* A lazy stub: x16 = rl_lazy_record {code, func}; every argument register and x0 live, x30 the return address. Goes
 * straight on when the function has been compiled meanwhile. x19 to x25 are callee-saved in C too. */
#define L_SIZE (8*16 + 10*8)
.macro arguments pair /* saves or loads them, and x0 to x2 */
    \pair q0, q1, [sp]
    \pair q2, q3, [sp, #32]
    \pair q4, q5, [sp, #64]
    \pair q6, q7, [sp, #96]
    \pair x0, x1, [sp, #128]
    \pair x2, x3, [sp, #144]
    \pair x4, x5, [sp, #160]
    \pair x6, x7, [sp, #176]
    \pair x8, x9, [sp, #192]
.endm
/* The first and the last bytes, which may overlap, by way of registers of that size. */
.macro copy_ends size, a, b
    ldr \a, [x6]
    ldur \b, [x11, #-\size]
    str \a, [x5]
    stur \b, [x12, #-\size]
    ret
.endm

/* memory.copy: x3, x4 memories, x5 to, x6 from, x7 bytes; like the stub's. Everything is read before anything is written, as
 * the ranges may overlap. */
GLOBAL(rl_glue_memory_copy)
    orr w9, w3, w4
    cbnz w9, copy_long
    cmp w7, #128
    b.hi copy_long
    mov w5, w5
    mov w6, w6
    mov w7, w7
    ldp x9, x10, [x27, #I_MEM_BASE]
    add x11, x6, x7
    cmp x11, x10
    b.hi copy_long
    add x12, x5, x7
    cmp x12, x10
    b.hi copy_long
    add x5, x5, x9                    /* and the ends */
    add x6, x6, x9
    add x11, x11, x9
    add x12, x12, x9
    cmp w7, #16
    b.lo copy_words
    cmp w7, #32
    b.hi 1f
    ldr q0, [x6]
    ldur q1, [x11, #-16]
    str q0, [x5]
    stur q1, [x12, #-16]
    ret
1:  cmp w7, #64
    b.hi 2f
    ldp q0, q1, [x6]
    ldp q2, q3, [x11, #-32]
    stp q0, q1, [x5]
    stp q2, q3, [x12, #-32]
    ret
2:  ldp q0, q1, [x6]
    ldp q2, q3, [x6, #32]
    ldp q4, q5, [x11, #-64]
    ldp q6, q7, [x11, #-32]
    stp q0, q1, [x5]
    stp q2, q3, [x5, #32]
    stp q4, q5, [x12, #-64]
    stp q6, q7, [x12, #-32]
    ret
copy_words:
    tbz w7, #3, 3f
    copy_ends 8, x9, x10
3:  tbz w7, #2, 4f
    copy_ends 4, w9, w10
4:  cbz w7, 5f
    lsr w13, w7, #1
    ldrb w9, [x6]
    ldrb w10, [x6, x13]
    ldurb w14, [x11, #-1]
    strb w9, [x5]
    strb w10, [x5, x13]
    sturb w14, [x12, #-1]
5:  ret
copy_long:
    adrp x17, rl_glue_copy_long
    ldr x17, [x17, #:lo12:rl_glue_copy_long]
    br x17
END(rl_glue_memory_copy)

GLOBAL(rl_glue_lazy)
    ldp x10, x11, [x16]               /* rl_code, which starts with rl_lazy_head; func */
    ldr x12, [x10, #8]                /* stubs_end */
    ldr x10, [x10]                    /* entries */
    add x10, x10, x11, lsl #3
    ldar x17, [x10]
    cmp x17, x12
    b.lo lazy_slow
    br x17
lazy_slow:
    stp x29, x30, [sp, #-16]!         /* a frame like any other, for the walk when compilation fails */
    mov x29, sp
    sub sp, sp, #L_SIZE
    arguments stp
    ldr x0, [x27, #I_EXEC]
    mov x1, x11
    str x27, [x0, #X_INST]
    str x28, [x0, #X_FUEL]
    str x29, [x0, #X_GUEST_FP]
    mov x9, sp
    str x9, [x0, #X_GUEST_SP]         /* nobody resumes here: only for the way back */
    ldr x9, [x0, #X_HOST_SP]
    mov sp, x9
    bl rl_exec_lazy                   /* x19 to x29 are callee-saved in C */
    ldr x16, [x27, #I_EXEC]
    cbz x0, rl_glue_leave             /* rl_exec_lazy has stored trap and exit */
    mov x17, x0
    ldr x9, [x16, #X_GUEST_SP]
    mov sp, x9
    arguments ldp
    mov sp, x29
    ldp x29, x30, [sp], #16
    br x17
END(rl_glue_lazy)

    .section .note.GNU-stack, "", %progbits
/* The linker may mark a program whose other parts say so too as one with landing pads (GNU property, BTI). */
    .section .note.gnu.property, "a"
    .balign 8
    .word 4, 16, 5                    /* sizes of name and contents, NT_GNU_PROPERTY_TYPE_0 */
    .asciz "GNU"
    .word 0xc0000000, 4, 1, 0         /* AARCH64_FEATURE_1_AND, size, BTI, padding */
