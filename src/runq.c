/* The run queue: a ring that its owner fills and anyone empties, and its own list for what does not fit. Invariants:
 * head and tail only grow (modulo 2^32) and tail - head <= RL_RUNQ_RING; a slot is written only by the owner and only
 * while it is free; everything in the overflow list came after everything in the ring, so the whole is first in, first
 * out. A ring that grows was not taken: thieves would have to follow it. */
#include "src/runq.h"

void rl_runq_init(rl_runq *q) {
    memset(q, 0, sizeof *q);
    q->last = &q->first;
}

void rl_runq_fini(rl_runq *q) {
    q->last = NULL;
}

/* acquire on head: the slot's previous content has been read by whoever moved head on */
static u32 room(rl_runq *q) {
    return RL_RUNQ_RING - (atomic_load_explicit(&q->tail, memory_order_relaxed) -
                           atomic_load_explicit(&q->head, memory_order_acquire));
}

static void ring_push(rl_runq *q, rl_run *r) {
    u32 t = atomic_load_explicit(&q->tail, memory_order_relaxed);
    atomic_store_explicit(&q->ring[t % RL_RUNQ_RING], r, memory_order_relaxed);
    atomic_store_explicit(&q->tail, t + 1, memory_order_release); /* pairs with the acquire of tail in take */
}

static void overflow_push(rl_runq *q, rl_run *r) {
    r->next = NULL;
    *q->last = r;
    q->last = &r->next;
    q->overflow++;
}

void rl_runq_push(rl_runq *q, rl_run *r) {
    if (q->overflow || !room(q)) overflow_push(q, r);
    else ring_push(q, r);
}

/* Takes from the front; any thread. */
static rl_run *take(rl_runq *q) {
    /* acquire: pairs with the release of whoever moved head here, who had seen tail at least here; an older tail would
     * look as if there were something */
    u32 h = atomic_load_explicit(&q->head, memory_order_acquire);
    for (;;) {
        if (h == atomic_load_explicit(&q->tail, memory_order_acquire)) return NULL;
        rl_run *r = atomic_load_explicit(&q->ring[h % RL_RUNQ_RING], memory_order_relaxed);
        /* release: our read of the slot comes before the owner may fill it again; pairs with room */
        if (atomic_compare_exchange_weak_explicit(&q->head, &h, h + 1, memory_order_acq_rel, memory_order_acquire)) return r;
    }
}

static void refill(rl_runq *q) {
    for (u32 n = RL_RUNQ_RING / 2; n && q->first; n--, q->overflow--) {
        rl_run *r = q->first;
        q->first = r->next;
        ring_push(q, r);
    }
    if (!q->first) q->last = &q->first;
}

rl_run *rl_runq_pop(rl_runq *q) {
    rl_run *r = take(q);
    if (!r && q->overflow) {
        refill(q);
        r = take(q);
    }
    return r;
}

u32 rl_runq_steal(rl_runq *q, rl_runq *to) {
    /* relaxed: only a guess, out of order perhaps; take looks for itself */
    u32 have = atomic_load_explicit(&q->tail, memory_order_relaxed) - atomic_load_explicit(&q->head, memory_order_relaxed);
    u32 n = RL_MIN((have + 1) / 2, RL_RUNQ_RING / 2), got = 0;
    for (rl_run *r; got < n && (r = take(q)); got++) ring_push(to, r);
    return got;
}
