/* The one hash map: 64-bit keys to non-NULL pointers. */
#ifndef RL_MAP_H
#define RL_MAP_H

#include "src/base/err.h"

typedef struct rl_map_slot {
    u64 key;
    void *val; /* NULL: free */
} rl_map_slot;

/* Zeroed storage is an empty map and holds no memory. */
typedef struct rl_map {
    rl_map_slot *slots;
    u32 cap; /* power of two, or 0 */
    u32 count;
} rl_map;

/* Where a key belongs. Keys are our own counters, hashes of our own, or file descriptors: nothing a guest can choose
 * freely. */
static inline u32 rl_map_home(const rl_map *m, u64 key) { return (u32)(key ^ key >> 32) & (m->cap - 1); }
/* The key's slot, or NULL. The map must have memory. */
static inline rl_map_slot *rl_map_find(const rl_map *m, u64 key) {
    u32 mask = m->cap - 1, i = rl_map_home(m, key);
    for (u32 away = 0; m->slots[i].val; i = (i + 1) & mask, away++) {
        if (RL_LIKELY(m->slots[i].key == key)) return &m->slots[i];
        /* it would stand in front of one whose home lies behind its own */
        if (((i - rl_map_home(m, m->slots[i].key)) & mask) < away) break;
    }
    return NULL;
}
/* NULL: not there. */
static inline void *rl_map_get(const rl_map *m, u64 key) {
    rl_map_slot *s = m->count ? rl_map_find(m, key) : NULL;
    return s ? s->val : NULL;
}
/* Sets key to val (not NULL); *old, if old is given, is what was there. RL_ERR_NOMEM leaves the map as it was. */
rl_err rl_map_put(rl_map *m, u64 key, void *val, void **old);
/* Removes key and returns its value, or NULL. */
void *rl_map_del(rl_map *m, u64 key);
/* Gives memory back where at most an eighth is in use. */
void rl_map_fit(rl_map *m);
/* Frees the map's own memory; the values are the caller's. */
void rl_map_fini(rl_map *m);

#define RL_MAP_EACH(m, s) \
    for (rl_map_slot *s = (m)->slots; s && s != (m)->slots + (m)->cap; s++) if (s->val)

/* For keys that are not numbers. Guests choose them (names, types of functions), so the hash depends on a secret of this run:
 * else a program could fill one place with all it has, and hold up everyone behind the lock of a table. */
u64 rl_hash_bytes(const void *p, size_t n);

#endif
