/* The one hash map: open addressing, linear probing, deletion by shifting back, at most three quarters full.
 * Invariant: no free slot lies between a key's home and the key. One thread at a time. Keys are mostly ids counted up
 * from a small number, so the hash keeps neighbours together: a table of consecutive ids is an array with no
 * collisions. Chained buckets were not taken: they cost an allocation and a miss per entry. */
#include "src/base/map.h"

#include <stdlib.h>

static rl_err grow(rl_map *m) {
    rl_map bigger = { .cap = m->cap ? m->cap * 2 : 8, .count = m->count };
    if (!bigger.cap) return RL_ERR_LIMIT;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots) return RL_ERR_NOMEM;
    RL_MAP_EACH(m, s) *rl_map_find(&bigger, s->key) = *s;
    free(m->slots);
    *m = bigger;
    return RL_OK;
}

rl_err rl_map_put(rl_map *m, u64 key, void *val, void **old) {
    if (m->count + 1 > m->cap / 4 * 3) RL_TRY(grow(m));
    rl_map_slot *s = rl_map_find(m, key);
    if (old) *old = s->val;
    m->count += !s->val;
    *s = (rl_map_slot){ key, val };
    return RL_OK;
}

void *rl_map_del(rl_map *m, u64 key) {
    if (!m->count) return NULL;
    rl_map_slot *hole = rl_map_find(m, key);
    void *val = hole->val;
    if (!val) return NULL;
    m->count--;
    u32 mask = m->cap - 1, h = (u32)(hole - m->slots);
    for (u32 i = (h + 1) & mask; m->slots[i].val; i = (i + 1) & mask) {
        /* a key may move back into the hole unless its home lies behind the hole */
        if (((i - rl_map_home(m, m->slots[i].key)) & mask) < ((i - h) & mask)) continue;
        m->slots[h] = m->slots[i];
        h = i;
    }
    m->slots[h].val = NULL;
    return val;
}

void rl_map_fini(rl_map *m) {
    free(m->slots);
    *m = (rl_map){ 0 };
}

u64 rl_hash_bytes(const void *p, size_t n) {
    const u8 *b = p;
    u64 h = 0x9e3779b97f4a7c15u ^ n;
    for (; n >= 8; n -= 8, b += 8) h = (h ^ rl_load64(b)) * 0xff51afd7ed558ccdu, h ^= h >> 32;
    u64 tail = 0;
    memcpy(&tail, b, n);
    h = (h ^ tail) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}
