/* A process's one incoming queue, and the messages it has not received yet. */
#ifndef RL_MAILBOX_H
#define RL_MAILBOX_H

#include <stdatomic.h>

#include "src/lock.h"
#include "src/msg.h"

typedef struct rl_mailbox {
    /* NULL: nothing has arrived, the owner is not parked. RL_PARKED: nothing, and the owner is parked. Else the newest
     * arrival, each pointing to the one before. */
    _Alignas(64) _Atomic(rl_msg *) word;
    _Atomic u64 sent; /* bytes of all messages ever handed over (rl_msg_weight); senders add */
    _Atomic u64 taken; /* bytes of all that left again; the owner writes */
    /* the owner's alone from here */
    rl_msg *first, **last; /* saved messages in order of arrival; last is where the next one is hung */
    u64 count;
    rl_msg **mark;         /* before this no saved message has the tag mark_tag; NULL: nothing is known */
    i64 mark_tag;
} rl_mailbox;

extern rl_msg rl_parked_mark;
#define RL_PARKED (&rl_parked_mark)

void rl_mailbox_init(rl_mailbox *b);
/* Frees every message. */
void rl_mailbox_fini(rl_mailbox *b);

/* Bytes of messages that are in b, with what is about to arrive. Any thread; near enough while others send. */
static inline u64 rl_mailbox_bytes(const rl_mailbox *b) {
    /* acquire: pairs with the release in rl_mailbox_left; what is seen to have left is seen to have been sent */
    u64 taken = atomic_load_explicit(&b->taken, memory_order_acquire);
    return atomic_load_explicit(&b->sent, memory_order_relaxed) - taken;
}
/* Owner: m, which has arrived, is in b no more. */
static inline void rl_mailbox_left(rl_mailbox *b, const rl_msg *m) {
    /* release: pairs with the acquire in rl_mailbox_bytes */
    atomic_store_explicit(&b->taken, atomic_load_explicit(&b->taken, memory_order_relaxed) + rl_msg_weight(m), memory_order_release);
}

/* Any thread: hands m over. True: the owner was parked and is the caller's to make runnable (no one else will). */
static inline bool rl_mailbox_push(rl_mailbox *b, rl_msg *m) {
    rl_msg *old = atomic_load_explicit(&b->word, memory_order_relaxed);
    atomic_fetch_add_explicit(&b->sent, rl_msg_weight(m), memory_order_relaxed);
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
    if (rl_alone()) {
        if (atomic_load_explicit(&b->word, memory_order_relaxed)) return false;
        atomic_store_explicit(&b->word, RL_PARKED, memory_order_relaxed);
        return true;
    }
    /* release: pairs with the acquire of the push or unpark that sees RL_PARKED */
    return atomic_compare_exchange_strong_explicit(&b->word, &none, RL_PARKED, memory_order_release, memory_order_relaxed);
}
/* Whoever wakes for another reason (timer, readiness): true when the caller is the one to make the owner runnable. */
static inline bool rl_mailbox_unpark(rl_mailbox *b) {
    rl_msg *parked = RL_PARKED;
    /* acquire: pairs with the release in rl_mailbox_park */
    return atomic_compare_exchange_strong_explicit(&b->word, &parked, NULL, memory_order_acquire, memory_order_relaxed);
}

/* Owner: appends to the saved messages. */
static inline void rl_mailbox_save(rl_mailbox *b, rl_msg *m) {
    m->next = NULL;
    *b->last = m;
    b->last = &m->next;
    b->count++;
}
/* While rl_alone, in place of rl_mailbox_push and of what the owner would do with a message that is only saved: appends
 * m. False: something arrived before it and waits for the owner, so m has to be pushed. */
static inline bool rl_mailbox_save_alone(rl_mailbox *b, rl_msg *m) {
    rl_msg *word = atomic_load_explicit(&b->word, memory_order_relaxed);
    if (RL_UNLIKELY(word && word != RL_PARKED)) return false;
    atomic_store_explicit(&b->sent, atomic_load_explicit(&b->sent, memory_order_relaxed) + rl_msg_weight(m), memory_order_relaxed);
    rl_mailbox_save(b, m);
    return true;
}
/* Owner, which is not parked: whether nothing has arrived. */
static inline bool rl_mailbox_quiet(rl_mailbox *b) { return !atomic_load_explicit(&b->word, memory_order_relaxed); }
/* While rl_alone, in place of rl_mailbox_park when the mailbox is quiet. */
static inline void rl_mailbox_park_alone(rl_mailbox *b) { atomic_store_explicit(&b->word, RL_PARKED, memory_order_relaxed); }
/* While rl_alone: takes the parked mark away; true: it was there, and the caller makes the owner runnable. */
static inline bool rl_mailbox_unpark_alone(rl_mailbox *b) {
    if (atomic_load_explicit(&b->word, memory_order_relaxed) != RL_PARKED) return false;
    atomic_store_explicit(&b->word, NULL, memory_order_relaxed);
    return true;
}
/* Owner: takes out the saved message at `at`, a `next` field or &b->first. */
static inline rl_msg *rl_mailbox_remove(rl_mailbox *b, rl_msg **at) {
    rl_msg *m = *at;
    *at = m->next;
    if (b->last == &m->next) b->last = at;
    if (RL_UNLIKELY(b->mark == &m->next)) b->mark = at;
    b->count--;
    rl_mailbox_left(b, m);
    return m;
}
/* Owner: takes out the first message from *from on (a `next` field or &b->first) whose tag is one of the n tags, which
 * lie at `tags` in little-endian, unaligned; with n 0 the first of all. Tag 0 matches nothing. NULL: none, and *from is
 * moved to the end, so that the next search with it looks only at what came since. */
rl_msg *rl_mailbox_take(rl_mailbox *b, rl_msg ***from, const void *tags, u32 n);

#endif
