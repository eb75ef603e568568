/* The mailbox: one atomic word that any thread may push to, and a private queue. Invariants: the word is NULL while the
 * owner runs or waits in a run queue with nothing new, RL_PARKED only between rl_mailbox_park and the push or unpark
 * that ends it; exactly one of those sees RL_PARKED. One locked operation delivers and wakes; a separate state word
 * would need two. The private part is its owner's (the worker that runs the process). */
#include "src/mailbox.h"

rl_msg rl_parked_mark;

void rl_mailbox_init(rl_mailbox *b) {
    memset(b, 0, sizeof *b);
    b->last = &b->first;
}

static void free_list(rl_msg *m) {
    while (m) {
        rl_msg *next = m->next;
        rl_msg_free(m);
        m = next;
    }
}

void rl_mailbox_fini(rl_mailbox *b) {
    free_list(rl_mailbox_arrivals(b));
    free_list(b->first);
    rl_mailbox_init(b);
}

rl_msg *rl_mailbox_arrivals(rl_mailbox *b) {
    rl_msg *m = atomic_load_explicit(&b->word, memory_order_relaxed);
    if (!m || m == RL_PARKED) return NULL;
    if (rl_alone()) atomic_store_explicit(&b->word, NULL, memory_order_relaxed);
    else m = atomic_exchange_explicit(&b->word, NULL, memory_order_acquire); /* pairs with rl_mailbox_push */
    rl_msg *list = NULL;
    while (m) {
        rl_msg *older = m->next;
        m->next = list;
        list = m;
        m = older;
    }
    return list;
}

static bool matches(i64 tag, const u8 *tags, u32 n) {
    if (!tag) return false;
    for (u32 i = 0; i < n; i++)
        if (rl_load64(tags + 8 * (size_t)i) == (u64)tag) return true;
    return false;
}

/* The search for one tag is remembered: who waits for answers behind a long queue does not go through it every time. */
static rl_msg **find_tag(rl_mailbox *b, rl_msg **at, i64 tag) {
    bool whole = at == &b->first;
    if (whole && b->mark && b->mark_tag == tag) at = b->mark;
    while (*at && (*at)->tag != tag) at = &(*at)->next;
    if (whole) {
        b->mark = at;
        b->mark_tag = tag;
    }
    return at;
}

rl_msg *rl_mailbox_take(rl_mailbox *b, rl_msg ***from, const void *tags, u32 n) {
    rl_msg **at = *from;
    i64 one = n == 1 ? (i64)rl_load64(tags) : 0;
    if (one) at = find_tag(b, at, one);
    else
        while (*at && n && !matches((*at)->tag, tags, n)) at = &(*at)->next;
    *from = at;
    return *at ? rl_mailbox_remove(b, at) : NULL;
}
