/* Deadlines: a timing wheel. */
#ifndef RL_TIMER_H
#define RL_TIMER_H

#include "src/base/base.h"

/* ns + ms milliseconds; INT64_MAX, which is never reached, when that is beyond 292 years. */
static inline i64 rl_after_ms(i64 ns, u64 ms) {
    return ms > (u64)(INT64_MAX - ns) / 1000000 ? INT64_MAX : ns + (i64)ms * 1000000;
}

/* Embedded in whatever waits. Zeroed: not armed. */
typedef struct rl_timer {
    struct rl_timer *next, *prev; /* ring of its slot; NULL: not armed */
    u64 tick;
    u8 kind;                      /* the owner's: what fired */
} rl_timer;

#define RL_WHEEL_LEVELS 6
#define RL_WHEEL_SLOTS 64
#define RL_WHEEL_TICK_NS (1 << 16) /* 65.5 µs */

typedef struct rl_wheel {
    u64 now; /* ticks; everything due at or before it has fired */
    u64 armed;
    u64 busy[RL_WHEEL_LEVELS]; /* bit per slot that is not empty; the others are not even initialised */
    rl_timer slot[RL_WHEEL_LEVELS][RL_WHEEL_SLOTS]; /* ring heads */
    rl_timer due; /* ring of those that have come, in order */
    rl_timer far; /* ring of those beyond the top level */
} rl_wheel;

void rl_wheel_init(rl_wheel *w, i64 now_ns);
/* Arms t for deadline_ns (rounded up to a tick; never fires early). INT64_MAX arms nothing. t must not be armed.
 * Timers with the same tick fire in the order armed. */
void rl_wheel_arm(rl_wheel *w, rl_timer *t, i64 deadline_ns);
/* Fine when t is not armed. */
void rl_wheel_disarm(rl_wheel *w, rl_timer *t);
static inline bool rl_timer_armed(const rl_timer *t) { return t->next; }
/* Takes one timer due at now_ns, disarmed, or NULL when there is none left. */
rl_timer *rl_wheel_pop(rl_wheel *w, i64 now_ns);
/* Takes any armed timer, due or not, disarmed; NULL: none is armed. */
rl_timer *rl_wheel_any(rl_wheel *w);
/* A time not after the next deadline (looking again then finds it or something nearer), INT64_MAX when none is armed. */
i64 rl_wheel_next(rl_wheel *w);

#endif
