/* Owns the fault handler: machine faults in compiled code become traps, all others go to whoever handled them before.
 * A fault is ours when its address has a row in the trap table and the accessed address is one that row may fault on.
 * The handler only rewrites the interrupted context (to rl_glue_trap) and a few words of the exec that thread runs;
 * everything else (refunds, backtraces) happens after, on the worker's stack. Not taken: siglongjmp out of the
 * handler, which would need a jump buffer per entry into guest code. */
#include "jit/trap.h"

#include <errno.h>
#include <stdatomic.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>

#include "jit/code.h"
#include "jit/stub.h"
#include "src/base/once.h"
#include "src/base/os.h"

/* Field accesses of a null rl_func or table fault below this. */
#define NULL_ZONE 65536u
/* A guarded access cannot go further from its base than this: 32-bit index, 32-bit offset, 16 bytes. */
#define GUARDED_SPAN (((u64)1 << 33) + 16)
#define ALT_STACK_SIZE 65536u

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
static struct sigaction before[RL_LEN(signals)];
static pthread_mutex_t installing = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool alt_ready;

const char *rl_trap_text(rl_trap t) {
    static const char *const texts[] = {
#define TRAP(name, text) text,
#include "jit/trap.def"
#undef TRAP
    };
    return (u32)t < RL_LEN(texts) ? texts[t] : "unknown trap";
}

/* ---- the interrupted context: the one place that knows the machine ---- */

#if defined(__x86_64__)
static const void *ctx_pc(const ucontext_t *c) { return (const void *)c->uc_mcontext.gregs[REG_RIP]; }
static rl_instance *ctx_inst(const ucontext_t *c) { return (rl_instance *)c->uc_mcontext.gregs[REG_R14]; }

static void ctx_redirect(ucontext_t *c, rl_exec *x) {
    greg_t *r = c->uc_mcontext.gregs;
    x->guest_fp = (void *)r[REG_RBP];
    x->guest_sp = (void *)r[REG_RSP];
    x->fuel = r[REG_R15];
    r[REG_R11] = (greg_t)x;
    r[REG_RIP] = (greg_t)(uintptr_t)rl_glue_trap;
    r[REG_RSP] = (greg_t)x->host_sp;
}
#elif defined(__aarch64__)
static const void *ctx_pc(const ucontext_t *c) { return (const void *)c->uc_mcontext.pc; }
static rl_instance *ctx_inst(const ucontext_t *c) { return (rl_instance *)c->uc_mcontext.regs[27]; }

static void ctx_redirect(ucontext_t *c, rl_exec *x) {
    mcontext_t *m = &c->uc_mcontext;
    x->guest_fp = (void *)m->regs[29];
    x->guest_sp = (void *)m->sp;
    x->fuel = (i64)m->regs[28];
    m->regs[16] = (u64)(uintptr_t)x;
    m->pc = (u64)(uintptr_t)rl_glue_trap;
    m->sp = (u64)(uintptr_t)x->host_sp;
}
#endif

/* May an instruction with this row fault at `addr` by this signal? */
static bool plausible(const rl_row *row, const rl_instance *inst, int sig, const void *addr) {
    if (sig == SIGILL || sig == SIGTRAP || sig == SIGFPE) return true;
    if ((uintptr_t)addr < NULL_ZONE) return row->kind == RL_TRAP_NULL_FUNC || (row->kind == RL_TRAP_MEMORY && !inst->mem_base);
    if (row->kind != RL_TRAP_MEMORY) return false;
    return (u64)((uintptr_t)addr - (uintptr_t)inst->mem_base) < GUARDED_SPAN;
}

static bool ours(int sig, siginfo_t *info, ucontext_t *c) {
    const void *pc = ctx_pc(c);
    rl_code *code = rl_code_find(pc);
    if (!code) return false;
    rl_row row;
    rl_instance *inst = ctx_inst(c);
    if (!rl_code_trap_at(code, pc, &row) || !plausible(&row, inst, sig, info->si_addr)) return false;
    rl_exec *x = inst->exec;
    x->trap = row.kind;
    x->exit = RL_EXIT_TRAP;
    x->guest_pc = (void *)pc;
    x->inst = inst;
    ctx_redirect(c, x);
    return true;
}

static void pass_on(int sig, siginfo_t *info, void *ctx, const struct sigaction *old) {
    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(sig, info, ctx);
    } else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
        signal(sig, SIG_DFL); /* the instruction faults again and the process dies of it */
        if (info->si_code <= 0) raise(sig); /* sent by kill(): it would not come again */
    } else {
        old->sa_handler(sig);
    }
}

_Atomic(rl_trap_open *) rl_trap_opener;

static bool opened(int sig, const siginfo_t *info) {
    /* acquire: pairs with the release of whoever installs one */
    rl_trap_open *open = sig == SIGSEGV ? atomic_load_explicit(&rl_trap_opener, memory_order_acquire) : NULL;
    return open && open(info->si_addr);
}

static void on_fault(int sig, siginfo_t *info, void *ctx) {
    int saved = errno;
    bool done = info->si_code > 0 && (opened(sig, info) || ours(sig, info, ctx));
    for (u32 i = 0; !done && i < RL_LEN(signals); i++)
        if (signals[i] == sig) pass_on(sig, info, ctx, &before[i]);
    errno = saved;
}

/* Takes the signal; it may be ours already, or somebody may have replaced our handler since. */
static bool install(u32 i) {
    struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER }, now;
    sigemptyset(&a.sa_mask);
    if (sigaction(signals[i], &a, &now)) return false;
    if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != on_fault) before[i] = now;
    return true;
}

rl_err rl_trap_init(void) {
    bool ok = true;
    pthread_mutex_lock(&installing);
    for (u32 i = 0; i < RL_LEN(signals); i++) ok &= install(i);
    pthread_mutex_unlock(&installing);
    return ok ? RL_OK : RL_ERR_SYSTEM;
}

static void drop_alt_stack(void *stack) {
    stack_t s = { .ss_flags = SS_DISABLE };
    sigaltstack(&s, NULL);
    rl_os_unmap(stack, ALT_STACK_SIZE);
}

static pthread_key_t alt_key; /* its destructor drops the stack of a thread that ends */
static rl_once alt_once = RL_ONCE_INIT;

static rl_err make_alt_key(void) { return pthread_key_create(&alt_key, drop_alt_stack) ? RL_ERR_SYSTEM : RL_OK; }

rl_err rl_trap_thread_init(void) {
    if (alt_ready) return RL_OK;
    stack_t now, s = { .ss_size = ALT_STACK_SIZE };
    if (rl_once_run(&alt_once, make_alt_key) || sigaltstack(NULL, &now)) return RL_ERR_SYSTEM;
    if (!(now.ss_flags & SS_DISABLE) && now.ss_size >= ALT_STACK_SIZE / 2) { /* somebody else's is large enough */
        alt_ready = true;
        return RL_OK;
    }
    s.ss_sp = rl_os_map(ALT_STACK_SIZE);
    if (!s.ss_sp) return RL_ERR_NOMEM;
    if (sigaltstack(&s, NULL) || pthread_setspecific(alt_key, s.ss_sp)) {
        drop_alt_stack(s.ss_sp);
        return RL_ERR_SYSTEM;
    }
    alt_ready = true;
    return RL_OK;
}

void rl_trap_thread_fini(void) {
    void *stack = alt_ready ? pthread_getspecific(alt_key) : NULL;
    alt_ready = false;
    if (!stack) return;
    pthread_setspecific(alt_key, NULL);
    drop_alt_stack(stack);
}
