/* Owns the few instructions between C and compiled code on x86-64: entering, leaving, the yield that keeps every
 * register, and the lazy stub's way into the compiler. Offsets are the RL_EXEC_* and RL_INST_* of the headers; exec.c
 * asserts them. Runs on whichever thread runs the exec. Not taken: ucontext or setjmp, which save signal masks and
 * floating-point environments nobody changes. */

#define X_HOST_SP 0
#define X_GUEST_SP 8
#define X_FUEL 16
#define X_INST 24
#define X_OUTCOME 40
#define X_EXIT 44
#define X_GUEST_FP 48
#define X_GUEST_PC 56
#define X_GS 80
#define X_NEXT 112
#define I_MEM_BASE 0
#define I_MEM_BOUND 8
#define I_EXEC 24
#define EXIT_YIELD 1
#define EXIT_GROW 32
#define EXIT_HOST 16

#define GLOBAL(name) .globl name; .hidden name; .type name, @function; .balign 32; name:
#define END(name) .size name, . - name

    .text

/* int rl_glue_enter(rl_exec *x): resumes the guest at the address on top of its stack. */
GLOBAL(rl_glue_enter)
    endbr64
    push %rbp
    push %rbx
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp                      /* 16-byte alignment for C called on this stack by stubs */
    xor %r12d, %r12d
enter_on:
    mov %rsp, X_HOST_SP(%rdi)
    cmpb $0, rl_exec_poison(%rip)
    jne poison
enter_go:
    mov %rdi, %r11
    mov X_INST(%rdi), %r14
    mov X_FUEL(%rdi), %r15
    mov X_GUEST_FP(%rdi), %rbp
    mov I_MEM_BASE(%r14), %r13
    mov X_GUEST_SP(%rdi), %rsp
    add $8, %rsp
    jmp *-8(%rsp)                     /* not ret: the return predictor knows nothing of this stack */
poison:
    mov $0x5a5a5a5adeadbeef, %rax
    mov %rax, %rbx
    mov %rax, %rcx
    mov %rax, %rdx
    mov %rax, %rsi
    mov %rax, %r8
    mov %rax, %r9
    mov %rax, %r10
    mov %rax, %r12
    movq %rax, %xmm0
    punpcklqdq %xmm0, %xmm0
    movaps %xmm0, %xmm1
    movaps %xmm0, %xmm2
    movaps %xmm0, %xmm3
    movaps %xmm0, %xmm4
    movaps %xmm0, %xmm5
    movaps %xmm0, %xmm6
    movaps %xmm0, %xmm7
    movaps %xmm0, %xmm8
    movaps %xmm0, %xmm9
    movaps %xmm0, %xmm10
    movaps %xmm0, %xmm11
    movaps %xmm0, %xmm12
    movaps %xmm0, %xmm13
    movaps %xmm0, %xmm14
    movaps %xmm0, %xmm15
    jmp enter_go
END(rl_glue_enter)

/* void rl_glue_set_base(void *base): the segment base compiled code of the GS flavour adds to addresses. */
GLOBAL(rl_glue_set_base)
    endbr64
    wrgsbase %rdi
    ret
END(rl_glue_set_base)

/* A host stub whose function did not finish: r11 = x. Another may go on; who comes back to C next restores its registers. A
 * guest's calls have no returns in between and its returns had their calls before, so the return predictor is in step
 * where one process follows another that waits at the same place; r12 is that place, 0 where C was before. */
GLOBAL(rl_glue_host_left)
    mov X_OUTCOME(%r11), %eax
    add $EXIT_HOST, %eax
    mov %eax, X_EXIT(%r11)
    cmpq $0, X_NEXT(%r11)
    je rl_glue_leave
    mov X_HOST_SP(%r11), %rsp
    mov 8(%rbp), %r12
    mov %r11, %rbx
    mov %r11, %rdi
    call rl_exec_left
    mov %rbx, %r11
    mov %rax, %rdi
    test %rax, %rax
    jnz enter_on
/* Back to C: r11 = x, everything already stored. The fault handler sends traps here too. */
    .globl rl_glue_leave, rl_glue_trap
    .hidden rl_glue_leave, rl_glue_trap
    .type rl_glue_leave, @function
    .type rl_glue_trap, @function
rl_glue_leave:
rl_glue_trap:
    mov X_HOST_SP(%r11), %rsp
    mov X_EXIT(%r11), %eax
    add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbx
    pop %rbp
    ret
END(rl_glue_host_left)

/* Where an exec goes on whose host function has finished without being called again (rl_exec_finish): drops the frame
 * of the host stub (jit/stub.h) it was called by.
 * The return predictor has the place where the process before waits. If it is another, a jump is better foreseen, although
 * the predictor has one place too many after it; too few after C, where nothing but a return keeps it in step. */
GLOBAL(rl_glue_host_done)
    cmpl $0, X_GS(%r11)
    cmovne -40(%rbp), %r13            /* an ordinary register in the segment flavour */
    mov -8(%rbp), %rax
    mov -16(%rbp), %rbx
    mov %r12, %rcx
    mov -24(%rbp), %r12
    mov -32(%rbp), %r10
    mov %rbp, %rsp
    pop %rbp
    test %rcx, %rcx
    jz 1f
    cmp (%rsp), %rcx
    jne 2f
1:  ret
2:  pop %rcx
    jmp *%rcx
END(rl_glue_host_done)

/* The first and the last bytes, which may overlap, by way of registers of that size. */
.macro copy_ends size, a, b
    mov (%r9), \a
    mov -\size(%r9, %rdx), \b
    mov \a, (%r8)
    mov \b, -\size(%r8, %rdx)
    ret
.endm

/* memory.copy: rdi, rsi memories, r8 to, r9 from, rdx bytes; like the stub's. Everything is read before anything is
 * written, as the ranges may overlap. */
GLOBAL(rl_glue_memory_copy)
    endbr64
    mov %edi, %ecx
    or %esi, %ecx
    jnz copy_long
    cmp $128, %edx
    ja copy_long
    mov %r8d, %r8d                    /* whatever the upper halves hold: the guest must not get further than this */
    mov %r9d, %r9d
    mov %edx, %edx
    lea (%r8, %rdx), %rcx
    cmp I_MEM_BOUND(%r14), %rcx
    ja copy_long
    lea (%r9, %rdx), %rcx
    cmp I_MEM_BOUND(%r14), %rcx
    ja copy_long
    add I_MEM_BASE(%r14), %r8
    add I_MEM_BASE(%r14), %r9
    cmp $16, %edx
    jb copy_words
    movups (%r9), %xmm0
    movups -16(%r9, %rdx), %xmm1
    cmp $32, %edx
    jbe 1f
    movups 16(%r9), %xmm2
    movups -32(%r9, %rdx), %xmm3
    cmp $64, %edx
    jbe 2f
    movups 32(%r9), %xmm4
    movups 48(%r9), %xmm5
    movups -64(%r9, %rdx), %xmm6
    movups -48(%r9, %rdx), %xmm7
    movups %xmm4, 32(%r8)
    movups %xmm5, 48(%r8)
    movups %xmm6, -64(%r8, %rdx)
    movups %xmm7, -48(%r8, %rdx)
2:  movups %xmm2, 16(%r8)
    movups %xmm3, -32(%r8, %rdx)
1:  movups %xmm0, (%r8)
    movups %xmm1, -16(%r8, %rdx)
    ret
copy_words:
    cmp $8, %edx
    jb 3f
    copy_ends 8, %rcx, %rsi
3:  cmp $4, %edx
    jb 4f
    copy_ends 4, %ecx, %esi
4:  test %edx, %edx
    jz 5f
    movzbl (%r9), %ecx
    movzbl -1(%r9, %rdx), %esi
    cmp $3, %edx
    jne 6f
    movzbl 1(%r9), %edi
    mov %dil, 1(%r8)
6:  mov %cl, (%r8)
    mov %sil, -1(%r8, %rdx)
5:  ret
copy_long:
    jmp *rl_glue_copy_long(%rip)
END(rl_glue_memory_copy)

/* Registers and their places from rsp on; each list is used with `save` and with `load`. */
.macro save reg, at, op=mov
    \op %\reg, \at(%rsp)
.endm
.macro load reg, at, op=mov
    \op \at(%rsp), %\reg
.endm
.macro low_vectors do
    \do xmm0, 0, movups
    \do xmm1, 16, movups
    \do xmm2, 32, movups
    \do xmm3, 48, movups
    \do xmm4, 64, movups
    \do xmm5, 80, movups
    \do xmm6, 96, movups
    \do xmm7, 112, movups
.endm
.macro high_vectors do
    \do xmm8, 128, movups
    \do xmm9, 144, movups
    \do xmm10, 160, movups
    \do xmm11, 176, movups
    \do xmm12, 192, movups
    \do xmm13, 208, movups
    \do xmm14, 224, movups
    \do xmm15, 240, movups
.endm
.macro general do
    \do rax, 256
    \do rcx, 264
    \do rdx, 272
    \do rbx, 280
    \do rsi, 296
    \do rdi, 304
    \do r8, 312
    \do r9, 320
    \do r10, 328
    \do r11, 336
    \do r12, 344
.endm
.macro arguments do /* and rax */
    \do rdi, 128
    \do rsi, 136
    \do rdx, 144
    \do rcx, 152
    \do r8, 160
    \do r9, 168
    \do r10, 176
    \do rax, 184
.endm

/* Called from the cold path of a fuel check with every register live. Frame, upwards: 16 vectors, 15 registers (all
 * but rsp, and r15 whose place stays unused), the return address. */
#define Y_SIZE (256 + 15*8)
.macro save_all exit
    lea -Y_SIZE(%rsp), %rsp
    low_vectors save
    high_vectors save
    general save
    mov %rbp, 288(%rsp)
    mov %r13, 352(%rsp)
    mov I_EXEC(%r14), %r11
    mov %r14, X_INST(%r11)
    mov %r15, X_FUEL(%r11)
    mov %rbp, X_GUEST_FP(%r11)
    mov Y_SIZE(%rsp), %rax
    mov %rax, X_GUEST_PC(%r11)        /* for the backtrace of a process stopped here */
    lea yield_back(%rip), %rax
    push %rax
    mov %rsp, X_GUEST_SP(%r11)
    movl $\exit, X_EXIT(%r11)
    jmp rl_glue_leave
.endm
/* Called from the cold path of a stack check: the same, but the stack may be another one when it is resumed. */
GLOBAL(rl_glue_grow)
    save_all EXIT_GROW
END(rl_glue_grow)
GLOBAL(rl_glue_yield)
    save_all EXIT_YIELD
yield_back:                           /* r11 = x, r13 = base, r14, r15 and rbp as rl_glue_enter left them */
    cmpl $0, X_GS(%r11)
    je 1f
    mov 352(%rsp), %r13               /* an ordinary register in the segment flavour */
1:  low_vectors load
    high_vectors load
    general load
    lea Y_SIZE(%rsp), %rsp
    ret
END(rl_glue_yield)

/* A lazy stub: r11 = rl_lazy_record {code, func}; every argument register and rax live, a return address on the stack.
 * Goes straight on when the function has been compiled meanwhile. r10, rbx, r12, r13 are callee-saved inside. */
#define L_SIZE (8*16 + 8*8)
GLOBAL(rl_glue_lazy)
    push %rax
    push %rcx
    mov 0(%r11), %rax                 /* rl_code, which starts with rl_lazy_head */
    mov 8(%r11), %rcx
    mov 8(%rax), %r11                 /* stubs_end */
    mov 0(%rax), %rax                 /* entries */
    mov (%rax,%rcx,8), %rax
    cmp %r11, %rax
    jb lazy_slow
    mov %rax, %r11
    pop %rcx
    pop %rax
    jmp *%r11
lazy_slow:
    mov %rcx, %r11                    /* func */
    pop %rcx
    pop %rax
    push %rbp                         /* a frame like any other, for the walk when compilation fails */
    mov %rsp, %rbp
    sub $L_SIZE, %rsp
    low_vectors save
    arguments save
    mov I_EXEC(%r14), %rdi
    mov %r11, %rsi
    mov %r14, X_INST(%rdi)
    mov %r15, X_FUEL(%rdi)
    mov %rbp, X_GUEST_FP(%rdi)
    mov %rsp, X_GUEST_SP(%rdi)        /* nobody resumes here: only for the way back */
    mov X_HOST_SP(%rdi), %rsp
    call rl_exec_lazy                 /* rbx, rbp, r12 to r15 are callee-saved in C */
    mov I_EXEC(%r14), %r11
    test %rax, %rax
    jz rl_glue_leave                  /* rl_exec_lazy has stored trap and exit */
    mov X_GUEST_SP(%r11), %rsp
    mov %rax, %r11
    low_vectors load
    arguments load
    leave
    jmp *%r11
END(rl_glue_lazy)

    .section .note.GNU-stack, "", @progbits
