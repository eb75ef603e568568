/* An exec is one native stack that runs compiled code: the machine half of a process.
 *
 * The stack holds compiled frames only. Whoever owns the exec calls rl_exec_resume on its own (worker) stack; control
 * comes back with the reason. C called by compiled code (host functions, helpers) runs on that same worker stack.
 * An exec can be resumed by another thread than the one that ran it before, and can be dropped at any return: frames
 * own nothing.
 *
 *   rl_exec_call(x, f, args)            prepare a call
 *   while (rl_exec_resume(x, slice)) …  RL_EXIT_DONE: x->vals has the results
 *
 * A host function ends in one of these ways (decisions: "done, park or call"):
 *   return a value            done
 *   rl_exec_park(x)           leave with RL_EXIT_PARK; on the next resume the function is called again, same arguments
 *   rl_exec_trap(x, kind)     the call traps
 *   rl_exec_nest(x, f, args)  run guest function f first, then call me again with x->nested = its outcome */
#ifndef RL_EXEC_H
#define RL_EXEC_H

#include "jit/types.h"
#include "src/base/err.h"

typedef struct rl_instance rl_instance;
typedef struct rl_func rl_func;
typedef struct rl_layout rl_layout;
typedef struct rl_code rl_code;
typedef struct rl_exec rl_exec;
typedef struct rl_host rl_host; /* the owner's context, opaque here */

typedef enum rl_exit {
    RL_EXIT_DONE = 0, /* the function given to rl_exec_call returned; results in x->vals                  */
    RL_EXIT_YIELD,    /* fuel of this slice is spent                                                       */
    RL_EXIT_PARK,     /* a host function waits                                                             */
    RL_EXIT_TRAP,     /* x->trap says why; the frames are intact until the next rl_exec_call or _reset     */
} rl_exit;

typedef enum rl_outcome { RL_OUT_DONE = 0, RL_OUT_PARK, RL_OUT_TRAP, RL_OUT_NEST, RL_OUT_YIELD } rl_outcome;

/* Outcome of the guest function a host function asked for by rl_exec_nest. */
typedef enum rl_nested { RL_NESTED_NONE = 0, RL_NESTED_RETURNED, RL_NESTED_TRAPPED } rl_nested;

/* Asks the owner for a larger stack, when this one is full: lowest byte and size. RL_ERR_LIMIT: it has its largest, which
 * traps with RL_TRAP_STACK. What lies on the old stack is copied, and the old one is not used any more. */
typedef rl_err rl_stack_more(rl_host *host, u8 **stack, size_t *size);

/* A host function of x has parked: the owner may name another exec that runs at once, on the same worker stack, as if
 * rl_exec_resume had returned and been called for that one; rl_exec_resume returns when the last of such a row comes back,
 * and its owner knows which that is. Before it names one it settles x (rl_exec_settle) and grants the other its fuel; from
 * then on x is not touched, so it may be gone. NULL: nothing was done. */
typedef rl_exec *rl_exec_next(rl_exec *x);

#define RL_MAX_VALS 1024 /* parameters or results of one function */

struct rl_exec {
    /* first the words compiled code, glue and stubs know by offset (RL_EXEC_*) */
    /* 0 */ void *host_sp;    /* worker stack while guest code runs                             */
    /* 8 */ void *guest_sp;   /* guest stack while it does not; top word is the resume address  */
    /* 16 */ i64 fuel;        /* counter while guest code does not run                          */
    /* 24 */ rl_instance *inst;/* instance to resume in                                         */
    /* 32 */ rl_host *host;   /* first argument of RL_STUB_HOST functions                       */
    /* 40 */ u32 outcome;     /* rl_outcome of the host function that just returned             */
    /* 44 */ u32 exit;        /* rl_exit */
    /* 48 */ void *guest_fp;  /* frame pointer at the last exit or host call: start of backtraces */
    /* 56 */ void *guest_pc;  /* code address at a trap; 0 when the trap came from a host call  */
    /* 64 */ u64 *vals;       /* RL_STUB_ENTRY: arguments in, results out                        */
    /* 72 */ void *stack_limit;
    /* 80 */ u32 gs;           /* the instance runs in RL_FLAVOUR_GUARDED_GS: r13 is an ordinary callee-saved register */

    u8 nested;                /* rl_nested, for the retried host function: read it by rl_exec_nested */
    bool bare;                /* inst is the thread's stand-in for none */
    struct rl_nest *nest;     /* innermost nested call, on the guest stack */
    i64 granted;              /* fuel handed out for the current slice; afterwards what it spent */
    u64 fuel_spent;           /* by all slices before */
    /* 112 */ rl_exec_next *next; /* who goes on where this one parks; NULL: whoever called rl_exec_resume */
    /* two cache lines up to here, which every slice uses; the rest is for calls and traps */
    rl_instance *entry_inst;  /* instance of the outermost call */
    u32 vals_cap;             /* words behind vals */
    u32 trap;                 /* rl_trap, when exit is RL_EXIT_TRAP */
    i32 exit_code;            /* RL_TRAP_EXIT: proc_exit status */
    u8 *stack;                /* lowest byte */
    size_t stack_size;
    rl_stack_more *more;      /* NULL: this stack is all there is */
    u64 small_vals[8];
    char message[160];        /* RL_TRAP_HOST: text */
};

#define RL_EXEC_HOST_SP 0
#define RL_EXEC_GUEST_SP 8
#define RL_EXEC_FUEL 16
#define RL_EXEC_INST 24
#define RL_EXEC_HOST 32
#define RL_EXEC_OUTCOME 40
#define RL_EXEC_EXIT 44
#define RL_EXEC_GUEST_FP 48
#define RL_EXEC_GUEST_PC 56
#define RL_EXEC_VALS 64
#define RL_EXEC_STACK_LIMIT 72
#define RL_EXEC_GS 80
#define RL_EXEC_NEXT 112
#define RL_HOST_RESULT (-8) /* of rl_exec_finish, from the frame pointer of a host stub (what that is: jit/stub.h) */

/* Bytes below stack_limit that compiled code may use unchecked: leaf frames up to RL_RED_ZONE, a yield's save area
 * (all registers), a host stub's frame. */
#define RL_STACK_MARGIN 2048
#define RL_RED_ZONE 512

/* `stack` is the caller's (rl_exec never allocates it); low end, at least 4 KiB. x->more and x->next may be set after it. */
void rl_exec_init(rl_exec *x, void *stack, size_t size, rl_host *host);
/* Forgets all frames. */
void rl_exec_reset(rl_exec *x);

/* Prepares a call of f with proto->nparams arguments. The results will be in x->vals, one u64 each (v128: two).
 * Frames of a previous call are dropped. RL_ERR_NOMEM when the arguments do not fit. A record without an instance (host
 * function, or shared by a closed module) runs in x->inst, which the caller may set before. */
rl_err rl_exec_call(rl_exec *x, rl_func *f, const u64 *args);

/* Runs until the call is done, the fuel is spent, a host function parks, or a trap. fuel > 0: instructions for this
 * slice. x->fuel_spent is brought up to date at every return (exact at DONE and TRAP). Nested calls are driven here;
 * the owner only sees the four reasons. */
rl_exit rl_exec_resume(rl_exec *x, i64 fuel);

/* Only after RL_EXIT_YIELD: the guest traps where it stopped. True: a nested call catches it, and x may be resumed. False:
 * nobody does; the frames are intact, as after RL_EXIT_TRAP. */
bool rl_exec_interrupt(rl_exec *x, u32 trap);

/* The account of fuel before and after a slice, for rl_exec_next. */
static inline void rl_exec_grant(rl_exec *x, i64 fuel) { x->granted = x->fuel += fuel; }
static inline void rl_exec_settle(rl_exec *x) {
    x->granted -= x->fuel;
    x->fuel_spent += (u64)x->granted;
    if (x->fuel > 0) x->fuel = 0; /* unused fuel is not saved up; a deficit is paid back first */
}

/* The owner of x, in which a typed host function (RL_STUB_HOST) has parked, knows its result: it is not called again, and
 * x goes on behind the call when it is resumed. An i32 has its upper half zero. */
void rl_glue_host_done(void);
static inline void rl_exec_finish(rl_exec *x, u64 result) {
    *(u64 *)((u8 *)x->guest_fp + RL_HOST_RESULT) = result;
    *(void **)x->guest_sp = (void *)rl_glue_host_done;
}

/* Tests: fill every register with rubbish before guest code goes on. */
extern bool rl_exec_poison;

/* ---- for host functions ---- */
static inline void rl_exec_park(rl_exec *x) { x->outcome = RL_OUT_PARK; }
void rl_exec_trap(rl_exec *x, u32 trap);
/* RL_TRAP_HOST with a text */
void rl_exec_fail(rl_exec *x, const char *fmt, ...) RL_PRINTF(2, 3);
/* Work by length (bytes copied, filled, read): shortens this slice by one unit per 16 bytes, so that nobody holds a
 * worker by large operations, without counting as instructions executed. */
void rl_exec_tax(rl_exec *x, u64 bytes);
/* Run f(args) first. With catch_traps, a trap in f comes back as RL_NESTED_TRAPPED instead of ending the exec (except
 * RL_TRAP_EXIT and RL_TRAP_KILLED; x->trap and x->message still tell which). Then the host function is called again
 * with the same arguments and the results in x->vals. A function that nests first asks rl_exec_nested: the answer is
 * given once, so a function that parks after it must remember it itself. f->inst == NULL (a record shared by a closed
 * module): runs in the current instance. */
void rl_exec_nest(rl_exec *x, rl_func *f, const u64 *args, bool catch_traps);
static inline rl_nested rl_exec_nested(rl_exec *x) {
    rl_nested n = (rl_nested)x->nested;
    x->nested = RL_NESTED_NONE;
    return n;
}

/* Result of one function type, read by the host side. */
static inline u64 rl_exec_result(const rl_exec *x, u32 i) { return x->vals[i]; }

#endif
