/* The timing wheel: six levels of 64 slots, 65.5 µs to 52 days; what lies beyond the present 52 days waits in a ring.
 * Invariant: a timer lies at the level of the highest 6-bit digit in which its tick differs from `now`, in the slot of
 * that digit; so a level is looked at only when the digits below have run through, and equal ticks stay in the order
 * armed. One worker's; nobody else touches it. A heap was not taken: arming and disarming are far more frequent than
 * firing, and cost O(log n) misses there. */
#include "src/timer.h"

#define DIGITS 6
#define SPAN (1ull << (DIGITS * RL_WHEEL_LEVELS))

static void ring_init(rl_timer *h) { h->next = h->prev = h; }

static void ring_add(rl_timer *h, rl_timer *t) {
    t->next = h;
    t->prev = h->prev;
    h->prev->next = t;
    h->prev = t;
}

static void ring_del(rl_timer *t) {
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->next = t->prev = NULL;
}

/* Slots are made at their first use: three pages that many a run never touches. */
void rl_wheel_init(rl_wheel *w, i64 now_ns) {
    memset(w, 0, offsetof(rl_wheel, slot));
    w->now = (u64)now_ns / RL_WHEEL_TICK_NS;
    ring_init(&w->due);
    ring_init(&w->far);
}

static u32 digit(u64 tick, u32 level) { return tick >> (DIGITS * level) & (RL_WHEEL_SLOTS - 1); }

/* Deals t, whose tick is after now or due, to its slot. */
static void deal(rl_wheel *w, rl_timer *t) {
    if (t->tick <= w->now) {
        ring_add(&w->due, t);
        return;
    }
    if ((t->tick ^ w->now) >= SPAN) {
        ring_add(&w->far, t);
        return;
    }
    u32 level = (63 - (u32)__builtin_clzll(t->tick ^ w->now)) / DIGITS, s = digit(t->tick, level);
    if (!(w->busy[level] >> s & 1)) ring_init(&w->slot[level][s]);
    ring_add(&w->slot[level][s], t);
    w->busy[level] |= 1ull << s;
}

void rl_wheel_arm(rl_wheel *w, rl_timer *t, i64 deadline_ns) {
    rl_check(!t->next);
    if (deadline_ns == INT64_MAX) return;
    t->tick = deadline_ns <= 0 ? 0 : ((u64)deadline_ns + RL_WHEEL_TICK_NS - 1) / RL_WHEEL_TICK_NS;
    w->armed++;
    deal(w, t);
}

void rl_wheel_disarm(rl_wheel *w, rl_timer *t) {
    if (!t->next) return;
    /* the last of a slot leaves its bit set; the look there finds nothing and clears it */
    ring_del(t);
    w->armed--;
}

/* The first ring ahead that may hold something, and the tick at which it must be looked at. NULL: none. */
static rl_timer *next_ring(rl_wheel *w, u64 *start) {
    for (u32 l = 0; l < RL_WHEEL_LEVELS; l++) {
        u64 ahead = w->busy[l] & ~0ull << digit(w->now, l);
        if (!ahead) continue;
        u64 low = (1ull << (DIGITS * (l + 1))) - 1, s = (u64)__builtin_ctzll(ahead);
        *start = (w->now & ~low) | s << (DIGITS * l);
        return &w->slot[l][s];
    }
    *start = (w->now | (SPAN - 1)) + 1;
    return w->far.next != &w->far ? &w->far : NULL;
}

/* Moves time to the start of a ring and deals its timers again: to the due ring or a lower level. */
static void enter(rl_wheel *w, rl_timer *h, u64 start) {
    rl_timer list;
    if (start > w->now) w->now = start;
    if (h != &w->far) {
        u32 at = (u32)(h - &w->slot[0][0]);
        w->busy[at / RL_WHEEL_SLOTS] &= ~(1ull << at % RL_WHEEL_SLOTS);
    }
    if (h->next == h) return;
    list = *h; /* take the whole ring first: far timers may be dealt to the same ring */
    list.next->prev = list.prev->next = &list;
    ring_init(h);
    while (list.next != &list) {
        rl_timer *t = list.next;
        ring_del(t);
        deal(w, t);
    }
}

rl_timer *rl_wheel_pop(rl_wheel *w, i64 now_ns) {
    u64 now = (u64)now_ns / RL_WHEEL_TICK_NS, start;
    while (w->due.next == &w->due) {
        rl_timer *ring = w->armed ? next_ring(w, &start) : NULL;
        if (!ring || start > now) {
            if (!w->armed && now > w->now) w->now = now;
            return NULL;
        }
        enter(w, ring, start);
    }
    rl_timer *t = w->due.next;
    ring_del(t);
    w->armed--;
    return t;
}

rl_timer *rl_wheel_any(rl_wheel *w) {
    rl_timer *t = w->due.next != &w->due ? w->due.next : w->far.next != &w->far ? w->far.next : NULL;
    for (u32 l = 0; w->armed && !t && l < RL_WHEEL_LEVELS; l++)
        for (u32 i = 0; !t && i < RL_WHEEL_SLOTS; i++)
            if ((w->busy[l] >> i & 1) && w->slot[l][i].next != &w->slot[l][i]) t = w->slot[l][i].next;
    if (t) rl_wheel_disarm(w, t);
    return t;
}

i64 rl_wheel_next(rl_wheel *w) {
    u64 start;
    if (w->due.next != &w->due) return 0;
    if (!w->armed || !next_ring(w, &start)) return INT64_MAX;
    return start > (u64)INT64_MAX / RL_WHEEL_TICK_NS ? INT64_MAX : (i64)(start * RL_WHEEL_TICK_NS);
}
