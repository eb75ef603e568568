/* Owns the life of an exec: preparing a call on the guest stack, entering and re-entering guest code, nested calls made
 * for host functions, traps with their refunds, and the account of fuel. An exec is one thread's at a time; between
 * rl_exec_resume calls it may move to another thread. Invariant: while no guest code runs, the word at x->guest_sp is
 * an address to resume at. Not taken: a C coroutine per process, whose stack would hold host frames. */
#include "jit/exec.h"

#include <stdarg.h>
#include <stdio.h>

#include "jit/code.h"
#include "jit/stub.h"
#include "jit/trap.h"
#include "jit/walk.h"

_Static_assert(offsetof(rl_exec, host_sp) == RL_EXEC_HOST_SP, "");
_Static_assert(offsetof(rl_exec, guest_sp) == RL_EXEC_GUEST_SP, "");
_Static_assert(offsetof(rl_exec, fuel) == RL_EXEC_FUEL, "");
_Static_assert(offsetof(rl_exec, inst) == RL_EXEC_INST, "");
_Static_assert(offsetof(rl_exec, host) == RL_EXEC_HOST, "");
_Static_assert(offsetof(rl_exec, outcome) == RL_EXEC_OUTCOME, "");
_Static_assert(offsetof(rl_exec, exit) == RL_EXEC_EXIT, "");
_Static_assert(offsetof(rl_exec, guest_fp) == RL_EXEC_GUEST_FP, "");
_Static_assert(offsetof(rl_exec, guest_pc) == RL_EXEC_GUEST_PC, "");
_Static_assert(offsetof(rl_exec, vals) == RL_EXEC_VALS, "");
_Static_assert(offsetof(rl_exec, stack_limit) == RL_EXEC_STACK_LIMIT, "");
_Static_assert(offsetof(rl_exec, gs) == RL_EXEC_GS, "");
_Static_assert(offsetof(rl_exec, next) == RL_EXEC_NEXT, "");
_Static_assert(offsetof(rl_instance, mem_base) == RL_INST_MEM_BASE, "");
_Static_assert(offsetof(rl_instance, mem_bound) == RL_INST_MEM_BOUND, "");
_Static_assert(offsetof(rl_instance, stack_limit) == RL_INST_STACK_LIMIT, "");
_Static_assert(offsetof(rl_instance, exec) == RL_INST_EXEC, "");
_Static_assert(offsetof(rl_instance, funcs) == RL_INST_FUNCS, "");
_Static_assert(offsetof(rl_instance, tail_bytes) == RL_INST_TAIL_BYTES, "");
_Static_assert(offsetof(rl_instance, yield) == RL_INST_YIELD, "");
_Static_assert(offsetof(rl_instance, mem_limit) == RL_INST_MEM_LIMIT, "");
_Static_assert(offsetof(rl_instance, grow) == RL_INST_GROW, "");

/* In the glue; where no segment register serves, it does nothing. */
void rl_glue_set_base(void *base);

bool rl_exec_poison;

/* The exec this thread runs now (innermost), and the memory base in its segment register as far as known. */
static _Thread_local __attribute__((tls_model("initial-exec"))) rl_exec *current;
static _Thread_local __attribute__((tls_model("initial-exec"))) u8 *base_now;
/* Stands in for an instance when a host function is called directly. Never has memory or module. */
static _Thread_local struct rl_instance bare;

void rl_exec_init(rl_exec *x, void *stack, size_t size, rl_host *host) {
    memset(x, 0, offsetof(rl_exec, small_vals)); /* the rest is written before it is read */
    x->stack = stack;
    x->stack_size = size;
    x->host = host;
    x->stack_limit = (u8 *)stack + RL_STACK_MARGIN;
    rl_exec_reset(x);
}

static u8 *stack_top(const rl_exec *x) { return x->stack + x->stack_size / 16 * 16; }

void rl_exec_reset(rl_exec *x) {
    x->guest_sp = stack_top(x);
    x->guest_fp = x->guest_pc = NULL;
    x->nest = NULL;
    x->nested = RL_NESTED_NONE;
    x->outcome = RL_OUT_DONE;
    x->trap = RL_TRAP_NONE;
    x->vals = x->small_vals;
    x->vals_cap = RL_LEN(x->small_vals);
    x->message[0] = 0;
}

/* ---- moving to a larger stack ---- */

/* What moves: [from, to) by `by` bytes. */
typedef struct move { u8 *from, *to; ptrdiff_t by; } move;

static void *moved(const move *m, void *p) { return (u8 *)p >= m->from && (u8 *)p <= m->to ? (u8 *)p + m->by : p; }

/* Frame pointers are the only addresses of the stack in compiled frames. fp is an address before the move. */
static void move_chain(const move *m, u8 *fp) {
    while (fp >= m->from && fp < m->to) {
        void **link = (void **)(fp + m->by);
        u8 *outer = *link;
        *link = moved(m, outer);
        if (outer <= fp) return;
        fp = outer;
    }
}

static void move_frames(rl_exec *x, const move *m) {
    move_chain(m, x->guest_fp);
    for (rl_nest *n = x->nest = moved(m, x->nest); n; n = n->prev) {
        move_chain(m, n->fp);
        n->prev = moved(m, n->prev);
        n->sp = moved(m, n->sp);
        n->fp = moved(m, n->fp);
        n->entry_sp = moved(m, n->entry_sp);
    }
    x->guest_sp = (u8 *)x->guest_sp + m->by;
    x->guest_fp = moved(m, x->guest_fp);
    x->vals = moved(m, x->vals); /* unless they are x->small_vals */
}

/* While the guest does not run: everything on its stack goes to a larger one, to the same distance from the top. */
static rl_err grow(rl_exec *x) {
    u8 *stack;
    size_t size;
    if (!x->more) return RL_ERR_LIMIT;
    RL_TRY(x->more(x->host, &stack, &size));
    move m = { x->guest_sp, stack_top(x), 0 };
    x->stack = stack;
    x->stack_size = size;
    x->stack_limit = stack + RL_STACK_MARGIN;
    m.by = stack_top(x) - m.to;
    memcpy(m.from + m.by, m.from, (size_t)(m.to - m.from));
    move_frames(x, &m);
    if (x->inst && x->inst->store) rl_store_bind(x->inst->store, x); /* every instance has a copy of the limit */
    return RL_OK;
}

/* Compiled code found its stack full. False: it cannot grow, x->trap says why. */
static bool grow_or_trap(rl_exec *x) {
    rl_err e = grow(x);
    if (!e) return true;
    x->trap = RL_TRAP_STACK;
    if (e != RL_ERR_LIMIT) rl_exec_fail(x, "no memory for a larger stack: %s", rl_err_text(e));
    x->exit = RL_EXIT_TRAP;
    return false;
}

static u32 words_of(const u8 *types, u32 n) {
    u32 words = n;
    for (u32 i = 0; i < n; i++) words += types[i] == RL_V128;
    return words;
}

/* Room for the values of f below sp: in x->small_vals, or on the stack. Grows only, so that enclosing calls find theirs
 * large enough too. The buffer of a nested call keeps its distance from what the host stub may push. */
static u8 *place_vals(rl_exec *x, u8 *sp, const rl_proto *p, size_t distance) {
    u32 need = RL_MAX(words_of(p->params, p->nparams), words_of(p->results, p->nresults));
    need = RL_MAX(need, x->vals_cap);
    if (need <= RL_LEN(x->small_vals)) return sp;
    if ((size_t)(sp - x->stack) < distance + need * 8 + RL_STACK_MARGIN) return NULL;
    sp -= distance + rl_align(need * 8, 16);
    x->vals = (u64 *)sp;
    x->vals_cap = need;
    return sp;
}

/* The ENTRY frame's two words: its address to "resume" at, and the function. NULL: no room, or (*e) another reason. */
static u8 *push_entry(rl_exec *x, u8 *sp, rl_func *f, const u64 *args, size_t distance, rl_err *e) {
    const void *entry = rl_stub_get(f->proto, RL_STUB_ENTRY);
    if (!entry || !rl_func_ready(f)) {
        *e = RL_ERR_NOMEM;
        return NULL;
    }
    sp = place_vals(x, sp, f->proto, distance);
    if (!sp || sp - 16 < (u8 *)x->stack_limit) return NULL;
    u32 words = words_of(f->proto->params, f->proto->nparams);
    if (words) memmove(x->vals, args, 8 * words);
    sp -= 16;
    rl_store64(sp, (u64)(uintptr_t)entry);
    rl_store64(sp + 8, (u64)(uintptr_t)f);
    return sp;
}

/* x is to run in x->inst from now on. */
static void settle(rl_exec *x) {
    x->bare = !x->inst || !x->inst->module;
    if (x->bare) x->inst = &bare;
    x->gs = x->inst->flavour == RL_FLAVOUR_GUARDED_GS;
}

rl_err rl_exec_call(rl_exec *x, rl_func *f, const u64 *args) {
    rl_exec_reset(x);
    rl_err e = RL_OK;
    u8 *sp;
    while (!(sp = push_entry(x, x->guest_sp, f, args, 0, &e)))
        if (e || grow(x)) return RL_ERR_NOMEM;
    x->guest_sp = sp;
    if (f->inst) x->inst = f->inst;
    x->entry_inst = x->inst;
    settle(x);
    return RL_OK;
}

/* ---- for host functions ---- */

void rl_exec_trap(rl_exec *x, u32 trap) {
    x->trap = trap;
    x->outcome = RL_OUT_TRAP;
}

void rl_exec_fail(rl_exec *x, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(x->message, sizeof x->message, fmt, ap);
    va_end(ap);
    rl_exec_trap(x, RL_TRAP_HOST);
}

void rl_exec_tax(rl_exec *x, u64 bytes) {
    i64 units = (i64)(bytes >> 4);
    x->fuel -= units;
    x->granted -= units;
}

static rl_nest *nest_below(void *sp) { return (rl_nest *)(((uintptr_t)sp - sizeof(rl_nest)) & ~(uintptr_t)15); }

void rl_exec_nest(rl_exec *x, rl_func *f, const u64 *args, bool catch_traps) {
    rl_err e = RL_OK;
    x->outcome = RL_OUT_NEST;
    do {
        rl_nest *n = nest_below(x->guest_sp);
        if ((u8 *)n < x->stack + RL_STACK_MARGIN / 2) continue;
        *n = (rl_nest){ x->nest, x->guest_sp, x->guest_fp, x->inst, f->inst ? f->inst : x->inst, NULL, catch_traps };
        if ((n->entry_sp = push_entry(x, (u8 *)n, f, args, RL_STACK_MARGIN, &e))) return;
    } while (!e && grow_or_trap(x));
    if (e) rl_exec_fail(x, "no memory for a call");
    x->outcome = RL_OUT_TRAP;
}

static void start_nested(rl_exec *x) {
    rl_nest *n = nest_below(x->guest_sp);
    x->nest = n;
    x->nested = RL_NESTED_NONE;
    x->guest_sp = n->entry_sp;
    x->guest_fp = NULL;
    x->inst = n->callee;
    settle(x);
}

/* Back to the host function that asked: it is called again with the outcome. */
static void finish_nested(rl_exec *x, rl_nest *n, rl_nested how) {
    x->guest_sp = n->sp;
    x->guest_fp = n->fp;
    x->inst = n->inst;
    x->nest = n->prev;
    x->nested = (u8)how;
    settle(x);
}

/* ---- running ---- */

static __attribute__((noinline)) rl_exec *set_base(rl_exec *x) {
    u8 *base = x->inst->mem_base;
    if (!x->gs || !base) return x;
    rl_glue_set_base(base);
    base_now = base;
    return x;
}

/* Returns x. */
static inline rl_exec *prepare(rl_exec *x, bool inner) {
    if (RL_UNLIKELY(x->bare)) x->inst = &bare; /* this thread's */
    rl_instance *i = x->inst;
    i->exec = x;
    i->stack_limit = x->stack_limit;
    x->guest_pc = NULL;
    x->outcome = RL_OUT_DONE;
    return RL_UNLIKELY(x->gs && (inner || i->mem_base != base_now)) ? set_base(x) : x;
}

/* Stubs keep the segment base equal to the running instance's; without a memory it may be anything. */
static inline void note_base(const rl_exec *x) {
    if (x->gs) base_now = x->inst->mem_base;
}

/* Runs x, and those that go on where it parks; `current` is the one that came back. */
static inline void enter(rl_exec *x, bool inner) {
    prepare(x, inner);
    rl_glue_enter(x);
    x = current;
    if (x->exit == RL_EXIT_DONE) {
        x->inst = x->nest ? x->nest->callee : x->entry_inst;
        settle(x);
    }
    note_base(x);
}

/* From rl_glue_host_left, on the worker's stack: who goes on in place of x, or NULL. */
rl_exec *rl_exec_left(rl_exec *x) {
    if (RL_UNLIKELY(x->outcome != RL_OUT_PARK)) return NULL;
    note_base(x);
    rl_exec *y = x->next(x);
    if (RL_UNLIKELY(!y)) return NULL;
    current = y;
    return prepare(y, false);
}

/* The innermost nested call that survives a trap; NULL: none does. */
static rl_nest *catcher(const rl_exec *x) {
    rl_nest *n = x->nest;
    while (n && !n->catch_traps) n = n->prev;
    return n;
}

/* A trap: caught by a nested call that wants it (true), or the end. */
static bool trapped(rl_exec *x) {
    rl_nest *n = x->trap == RL_TRAP_EXIT || x->trap == RL_TRAP_KILLED ? NULL : catcher(x);
    x->fuel += (i64)rl_walk_refund(x, n);
    if (!n) return false;
    finish_nested(x, n, RL_NESTED_TRAPPED);
    return true;
}

/* Enters guest code once; true when *why says why the owner has control again. */
static inline bool step(bool inner, rl_exit *why) {
    enter(current, inner);
    rl_exec *x = current;
    switch (x->exit) {
    case RL_EXIT_DONE:
        *why = RL_EXIT_DONE;
        if (!x->nest) return true;
        finish_nested(x, x->nest, RL_NESTED_RETURNED);
        return false;
    case RL_EXIT_HOST + RL_OUT_NEST: start_nested(x); return false;
    case RL_EXIT_HOST + RL_OUT_PARK: *why = RL_EXIT_PARK; return true;
    case RL_EXIT_HOST + RL_OUT_YIELD:
    case RL_EXIT_YIELD: *why = RL_EXIT_YIELD; return true;
    case RL_EXIT_GROW:
        if (grow_or_trap(x)) return false;
        *why = RL_EXIT_TRAP;
        return !trapped(x);
    case RL_EXIT_HOST + RL_OUT_TRAP:
    case RL_EXIT_TRAP: *why = RL_EXIT_TRAP; return !trapped(x);
    default: rl_assert(!"a reason to leave guest code"); return true;
    }
}

/* A host function of `outer` ran another exec on this thread: put back what that one changed. */
static void resume_outer(rl_exec *outer) {
    if (outer->inst->store) rl_store_bind(outer->inst->store, outer);
    outer->inst->exec = outer;
    outer->inst->stack_limit = outer->stack_limit;
    set_base(outer);
}

rl_exit rl_exec_resume(rl_exec *x, i64 fuel) {
    rl_exec *outer = current;
    rl_exit why = RL_EXIT_TRAP;
    rl_exec_grant(x, fuel);
    current = x;
    while (!step(outer != NULL, &why)) {}
    x = current;
    current = outer;
    if (outer) resume_outer(outer);
    x->exit = why;
    rl_exec_settle(x);
    return why;
}

bool rl_exec_interrupt(rl_exec *x, u32 trap) {
    rl_nest *n = catcher(x);
    x->trap = trap;
    if (!n) return false;
    u64 refund = rl_walk_refund(x, n); /* counted as spent by the slice that is over */
    x->fuel_spent -= refund;
    x->fuel = RL_MIN(x->fuel + (i64)refund, 0);
    finish_nested(x, n, RL_NESTED_TRAPPED);
    return true;
}

/* From rl_glue_lazy, on the host stack: the entry to go on at, or NULL after preparing a trap. */
const void *rl_exec_lazy(rl_exec *x, u64 func) {
    rl_diag d = { 0 };
    const void *entry = rl_code_compile_now(x->inst->code, (u32)func, &d);
    if (entry) return entry;
    rl_exec_fail(x, "%s", d.text);
    x->exit = RL_EXIT_TRAP;
    return NULL;
}
