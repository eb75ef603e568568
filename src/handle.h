/* Ids of one kind of resource of one process: u64 from 0, counted up, never used again. */
#ifndef RL_HANDLE_H
#define RL_HANDLE_H

#include "src/base/map.h"

/* Zeroed storage is an empty table. The objects are the table's once added; whoever owns the table knows how to
 * release them. */
typedef struct rl_handles {
    rl_map map;
    u64 next;
} rl_handles;

/* On failure object stays the caller's. */
rl_err rl_handle_add(rl_handles *h, void *object, u64 *id);
/* NULL: no such id. */
static inline void *rl_handle_get(const rl_handles *h, u64 id) { return rl_map_get(&h->map, id); }
static inline void *rl_handle_del(rl_handles *h, u64 id) { return rl_map_del(&h->map, id); }
/* Releases every object with drop. */
void rl_handles_fini(rl_handles *h, void (*drop)(void *object));

#endif
