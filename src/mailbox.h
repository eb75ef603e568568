/* A process's one incoming queue, and the messages it has not received yet. */
#ifndef RL_MAILBOX_H
#define RL_MAILBOX_H

#include <stdatomic.h>

#include "src/msg.h"

typedef struct rl_mailbox {
    /* NULL: nothing has arrived, the owner is not parked. RL_PARKED: nothing, and the owner is parked. Else the newest
     * arrival, each pointing to the one before. */
    _Alignas(64) _Atomic(rl_msg *) word;
    /* the owner's alone from here */
    rl_msg *first, **last; /* saved messages in order of arrival; last is where the next one is hung */
    u64 count;
} rl_mailbox;

extern rl_msg rl_parked_mark;
#define RL_PARKED (&rl_parked_mark)

void rl_mailbox_init(rl_mailbox *b);
/* Frees every message. */
void rl_mailbox_fini(rl_mailbox *b);

/* Any thread: hands m over. True: the owner was parked and is the caller's to make runnable (no one else will). */
static inline bool rl_mailbox_push(rl_mailbox *b, rl_msg *m) {
    rl_msg *old = atomic_load_explicit(&b->word, memory_order_relaxed);
    do {
        m->next = old == RL_PARKED ? NULL : old;
        /* release: pairs with the acquire in rl_mailbox_arrivals, so that the owner sees the message's contents.
         * acquire: pairs with the release in rl_mailbox_park; who wakes sees the owner's saved state. */
    } while (!atomic_compare_exchange_weak_explicit(&b->word, &old, m, memory_order_acq_rel, memory_order_relaxed));
    return old == RL_PARKED;
}

/* Owner: whether rl_mailbox_arrivals would find something. */
static inline bool rl_mailbox_arrived(rl_mailbox *b) {
    rl_msg *m = atomic_load_explicit(&b->word, memory_order_relaxed);
    return m && m != RL_PARKED;
}
/* Owner: everything that has arrived, oldest first, linked by next; NULL when nothing has. */
rl_msg *rl_mailbox_arrivals(rl_mailbox *b);
/* Owner, after its stack is saved: false when something has arrived and the owner must look first. */
static inline bool rl_mailbox_park(rl_mailbox *b) {
    rl_msg *none = NULL;
    /* release: pairs with the acquire of the push or unpark that sees RL_PARKED */
    return atomic_compare_exchange_strong_explicit(&b->word, &none, RL_PARKED, memory_order_release, memory_order_relaxed);
}
/* Whoever wakes for another reason (timer, readiness): true when the caller is the one to make the owner runnable. */
static inline bool rl_mailbox_unpark(rl_mailbox *b) {
    rl_msg *parked = RL_PARKED;
    return atomic_compare_exchange_strong_explicit(&b->word, &parked, NULL, memory_order_acquire, memory_order_relaxed);
}

/* Owner: appends to the saved messages. */
static inline void rl_mailbox_save(rl_mailbox *b, rl_msg *m) {
    m->next = NULL;
    *b->last = m;
    b->last = &m->next;
    b->count++;
}
/* Owner: takes out the first message from *from on (a `next` field or &b->first) whose tag is one of the n tags, which
 * lie at `tags` in little-endian, unaligned; with n 0 the first of all. Tag 0 matches nothing. NULL: none, and *from is
 * moved to the end, so that the next search with it looks only at what came since. */
rl_msg *rl_mailbox_take(rl_mailbox *b, rl_msg ***from, const void *tags, u32 n);

#endif
