/* The one hash map: open addressing, linear probing, neighbours in the order of their homes, deletion by shifting back, at
 * most three quarters full. Invariant: no free slot lies between a key's home and the key, and no key stands behind one
 * whose home lies behind its own; so a search and a deletion end at the first key that is at home. One thread at a time.
 * Keys are mostly ids counted up from a small number, so the hash keeps neighbours together: a table of consecutive ids is
 * an array with no collisions. Without the order, deleting the eldest of a hundred thousand ids in a row would look at
 * them all. Chained buckets were not taken: they cost an allocation and a miss per entry. */
#include "src/base/map.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>

/* Adds a key that is not there; there is room. */
static void add(rl_map *m, rl_map_slot new) {
    u32 mask = m->cap - 1, i = rl_map_home(m, new.key);
    for (u32 away = 0; m->slots[i].val; i = (i + 1) & mask, away++) {
        u32 its = (i - rl_map_home(m, m->slots[i].key)) & mask;
        if (its >= away) continue;
        rl_map_slot moved = m->slots[i];
        m->slots[i] = new;
        new = moved;
        away = its;
    }
    m->slots[i] = new;
    m->count++;
}

/* There is room for all in cap. */
static rl_err move(rl_map *m, u32 cap) {
    rl_map other = { .cap = cap };
    if (!cap) return RL_ERR_LIMIT;
    other.slots = calloc(cap, sizeof *other.slots);
    if (!other.slots) return RL_ERR_NOMEM;
    RL_MAP_EACH(m, s) add(&other, *s);
    free(m->slots);
    *m = other;
    return RL_OK;
}

static rl_err grow(rl_map *m) { return move(m, m->cap ? m->cap * 2 : 8); }

void rl_map_fit(rl_map *m) {
    u32 cap = m->cap;
    while (cap > 8 && m->count <= cap / 8) cap /= 2;
    if (cap < m->cap) (void)move(m, cap); /* without memory it stays as it is */
}

rl_err rl_map_put(rl_map *m, u64 key, void *val, void **old) {
    rl_map_slot *there = m->count ? rl_map_find(m, key) : NULL;
    if (old) *old = there ? there->val : NULL;
    if (there) {
        there->val = val;
        return RL_OK;
    }
    if (m->count + 1 > m->cap / 4 * 3) RL_TRY(grow(m));
    add(m, (rl_map_slot){ key, val });
    return RL_OK;
}

void *rl_map_del(rl_map *m, u64 key) {
    rl_map_slot *there = m->count ? rl_map_find(m, key) : NULL;
    if (!there) return NULL;
    void *val = there->val;
    u32 mask = m->cap - 1, hole = (u32)(there - m->slots);
    for (u32 i; m->slots[i = (hole + 1) & mask].val && rl_map_home(m, m->slots[i].key) != i; hole = i)
        m->slots[hole] = m->slots[i];
    m->slots[hole].val = NULL;
    m->count--;
    return val;
}

void rl_map_fini(rl_map *m) {
    free(m->slots);
    *m = (rl_map){ 0 };
}

/* What the kernel gave this program at its start; the same for all threads, so a race stores the same. */
static u64 secret(void) {
    static _Atomic u64 known;
    u64 s = atomic_load_explicit(&known, memory_order_relaxed);
    if (RL_UNLIKELY(!s)) {
        const u8 *bytes = (const u8 *)getauxval(AT_RANDOM);
        s = (bytes ? rl_load64(bytes) * 0x9e3779b97f4a7c15u ^ rl_load64(bytes + 8) : 0) | 1;
        atomic_store_explicit(&known, s, memory_order_relaxed);
    }
    return s;
}

static u64 mix(u64 a, u64 b) {
    __extension__ unsigned __int128 p = (unsigned __int128)a * b;
    return (u64)p ^ (u64)(p >> 64);
}

u64 rl_hash_bytes(const void *p, size_t n) {
    const u8 *b = p;
    u64 s = secret(), h = s ^ n, tail = 0;
    for (; n >= 8; n -= 8, b += 8) h = mix(h ^ rl_load64(b), s ^ 0xff51afd7ed558ccdu);
    if (n) memcpy(&tail, b, n); /* p may be NULL then */
    return mix(h ^ tail ^ 0x9e3779b97f4a7c15u, s ^ 0xc4ceb9fe1a85ec53u);
}
