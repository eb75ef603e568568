/* The gate. Invariant: while the gate is shut one worker is in, and only that one has rl_alone; it alone opens it. What one
 * did that is out is seen by all who come in after. Entering is one locked operation, for a worker that has just slept in
 * the kernel. Not taken: a flag for the whole program that never goes back, as every program that was once worth two
 * workers paid for both from then on; membarrier, which the kernel may lack and which stops others where they are. */
#include "src/gate.h"

#include "src/base/os.h"

void rl_gate_enter(rl_gate *g, _Atomic u32 *asked, u32 entry) {
    u32 x = atomic_load_explicit(&g->word, memory_order_relaxed);
    rl_shared = true;
    for (;;) {
        u32 to = x & RL_GATE_SHUT ? x | RL_GATE_WANTED : x + 1;
        /* acquire: pairs with the release of whoever left or opened */
        if (to != x && !atomic_compare_exchange_weak_explicit(&g->word, &x, to, memory_order_acquire, memory_order_relaxed)) continue;
        if (!(x & RL_GATE_SHUT)) return;
        atomic_fetch_or_explicit(asked, entry, memory_order_relaxed); /* a hint; the mark is what counts */
        rl_os_wait(&g->word, to);
        x = atomic_load_explicit(&g->word, memory_order_relaxed);
    }
}

void rl_gate_leave(rl_gate *g) {
    if (!rl_alone()) {
        atomic_fetch_sub_explicit(&g->word, 1, memory_order_release); /* pairs with rl_gate_enter and rl_gate_shut */
        return;
    }
    rl_shared = true;
    /* release: pairs with rl_gate_enter */
    if (atomic_exchange_explicit(&g->word, 0, memory_order_release) & RL_GATE_WANTED) rl_os_wake(&g->word);
}

void rl_gate_shut(rl_gate *g) {
    u32 one = 1;
    /* acquire: pairs with the release of those that left */
    if (atomic_compare_exchange_strong_explicit(&g->word, &one, 1 | RL_GATE_SHUT, memory_order_acquire, memory_order_relaxed))
        rl_shared = false;
}

void rl_gate_open(rl_gate *g) {
    if (!rl_alone()) return;
    rl_shared = true;
    /* release: pairs with rl_gate_enter */
    if (atomic_exchange_explicit(&g->word, 1, memory_order_release) & RL_GATE_WANTED) rl_os_wake(&g->word);
}
