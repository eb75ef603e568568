/* The run queue: two rings that their owner fills and anyone empties, each with a list of the owner's own for what does not
 * fit, and a list of newborns. Invariants: head and tail only grow (modulo 2^32) and tail - head <= RL_RUNQ_RING; a slot is
 * written only by the owner and only while it is free; everything in the overflow list came after everything in the ring, so
 * these are first in, first out. Newborns are linked from the newest to the oldest: the owner takes the newest, whose memory
 * is in the cache, so that a tree of processes is run depth first and few of them are there at a time; thieves take the
 * oldest, which have the most before them. Not taken: a ring that grows, as thieves would have to follow it; a deque without
 * a lock for newborns, which needs a fence where the lock needs an exchange. */
#include "src/runq.h"

void rl_runq_init(rl_runq *q) {
    memset(q, 0, sizeof *q);
    for (u32 i = 0; i < RL_LEN(q->rings); i++) q->rings[i].last = &q->rings[i].first;
}

void rl_runq_fini(rl_runq *q) {
    for (u32 i = 0; i < RL_LEN(q->rings); i++) q->rings[i].last = NULL;
}

/* ---- rings ---- */

/* acquire on head: the slot's previous content has been read by whoever moved head on */
static u32 room(rl_ring *q) {
    /* acquire: pairs with the release of whoever took from the slot that is written next */
    return RL_RUNQ_RING - (atomic_load_explicit(&q->tail, memory_order_relaxed) -
                           atomic_load_explicit(&q->head, memory_order_acquire));
}

static void ring_push(rl_ring *q, rl_run *r) {
    u32 t = atomic_load_explicit(&q->tail, memory_order_relaxed);
    atomic_store_explicit(&q->ring[t % RL_RUNQ_RING], r, memory_order_relaxed);
    atomic_store_explicit(&q->tail, t + 1, memory_order_release); /* pairs with the acquire of tail in take */
}

static void overflow_push(rl_ring *q, rl_run *r) {
    r->next = NULL;
    *q->last = r;
    q->last = &r->next;
    q->overflow++;
}

/* Takes from the front; any thread. */
static rl_run *take(rl_ring *q) {
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

static void refill(rl_ring *q) {
    for (u32 n = RL_RUNQ_RING / 2; n && q->first; n--, q->overflow--) {
        rl_run *r = q->first;
        q->first = r->next;
        ring_push(q, r);
    }
    if (!q->first) q->last = &q->first;
}

static rl_run *ring_pop(rl_ring *q) {
    rl_run *r = take(q);
    if (!r && q->overflow) {
        refill(q);
        r = take(q);
    }
    return r;
}

static u32 ring_steal(rl_ring *q, rl_ring *to) {
    /* relaxed: only a guess, out of order perhaps; take looks for itself */
    u32 have = atomic_load_explicit(&q->tail, memory_order_relaxed) - atomic_load_explicit(&q->head, memory_order_relaxed);
    u32 n = RL_MIN((have + 1) / 2, RL_RUNQ_RING / 2), got = 0;
    for (rl_run *r; got < n && (r = take(q)); got++) ring_push(to, r);
    return got;
}

/* ---- newborns ---- */

static void hold(rl_runq *q) {
    if (!rl_alone()) rl_lock_take(&q->lock);
}
static void release(rl_runq *q) {
    if (!rl_alone()) rl_lock_drop(&q->lock);
}

static void count(rl_runq *q, u32 add) {
    atomic_store_explicit(&q->newborns, rl_runq_newborns(q) + add, memory_order_relaxed);
}

static void newborn_push(rl_runq *q, rl_run *r) {
    hold(q);
    r->next = q->newest;
    r->newer = NULL;
    if (q->newest) q->newest->newer = r;
    else q->oldest = r;
    q->newest = r;
    count(q, 1);
    release(q);
}

/* Under the lock: r, one of q's ends or NULL. */
static rl_run *take_out(rl_runq *q, rl_run *r) {
    if (!r) return NULL;
    *(r->newer ? &r->newer->next : &q->newest) = r->next;
    *(r->next ? &r->next->newer : &q->oldest) = r->newer;
    count(q, -1u);
    return r;
}

static rl_run *newborn_pop(rl_runq *q, bool eldest) {
    if (!rl_runq_newborns(q)) return NULL; /* relaxed: others only take */
    hold(q);
    rl_run *r = take_out(q, eldest ? q->oldest : q->newest);
    release(q);
    return r;
}

static u32 newborn_steal(rl_runq *q, rl_runq *to) {
    u32 have = rl_runq_newborns(q), n = RL_MIN((have + 1) / 2, RL_RUNQ_RING / 2), got = 0; /* relaxed: only a guess */
    rl_run *oldest = NULL, **last = &oldest;
    if (!n) return 0;
    hold(q);
    for (rl_run *r; got < n && (r = take_out(q, q->oldest)); got++, last = &r->newer) *last = r;
    release(q);
    *last = NULL;
    for (rl_run *r = oldest, *newer; r; r = newer) {
        newer = r->newer;
        newborn_push(to, r);
    }
    return got;
}

/* ---- all kinds ---- */

void rl_runq_push(rl_runq *q, rl_turn kind, rl_run *r) {
    if (kind == RL_TURN_NEWBORN) {
        newborn_push(q, r);
        return;
    }
    rl_ring *ring = &q->rings[kind];
    if (ring->overflow || !room(ring)) overflow_push(ring, r);
    else ring_push(ring, r);
}

rl_run *rl_runq_pop(rl_runq *q, rl_turn kind) {
    return kind == RL_TURN_NEWBORN ? newborn_pop(q, false) : ring_pop(&q->rings[kind]);
}

rl_run *rl_runq_pop_eldest(rl_runq *q) { return newborn_pop(q, true); }

u32 rl_runq_steal(rl_runq *q, rl_runq *to) {
    u32 got = newborn_steal(q, to);
    for (u32 i = RL_LEN(q->rings); !got && i--;) got = ring_steal(&q->rings[i], &to->rings[i]);
    return got;
}
