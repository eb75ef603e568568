/* Pooled linear memories: slots of a few sizes, side by side in large mappings. */
#ifndef RL_SLOT_H
#define RL_SLOT_H

#include <pthread.h>

#include "jit/instance.h"

#define RL_SLOT_CLASSES 7

typedef struct rl_slots {
    rl_memory_source source; /* first: what stores are given */
    struct rl_slot_class {
        u64 size;
        u32 per_group;
        struct rl_slot_group *ready;              /* groups with clean slots */
        struct rl_slot_group *dirty, **dirty_last;/* groups with dirty free slots, longest waiting first */
        struct rl_slot_group *cold;               /* groups that were given back whole: clean, and nothing there */
        u32 ndirty, keep;                         /* dirty free slots, and how many there may be */
        u32 used, most;                           /* slots in use, and the most that were since rl_slots_mark */
        u32 warm;                                 /* slots that were handed out and not given back to the system since */
        struct rl_slot_chunk *chunks;
        u32 next_groups;                          /* of the next chunk */
        u64 kept;                                 /* statistics: pages cleared in place, so the next tenant takes no fault */
    } classes[RL_SLOT_CLASSES];
    pthread_mutex_t lock;
    int pagemap;             /* /proc/self/pagemap, opened at the first scan; -1: not yet, or not there */
    bool no_scan;            /* the kernel has no PAGEMAP_SCAN */
    u64 cleaned, scans;      /* statistics: slots made clean again, and system calls for it */
} rl_slots;

/* For src/tidy.c, any thread. Whether more than a few free slots may keep pages; a period begins; gives back some of those
 * that are more than were in use at any time of it, true: not all. */
bool rl_slots_full(rl_slots *s);
void rl_slots_mark(rl_slots *s);
bool rl_slots_trim(rl_slots *s);

/* rl_slots_fini comes soon: no more is given back one by one. */
void rl_slots_end(rl_slots *s);
void rl_slots_init(rl_slots *s);
/* All memories must have been given back. */
void rl_slots_fini(rl_slots *s);

#endif
