/* Guest stacks: equal slots in large mappings, touched from the top down. */
#ifndef RL_STACK_H
#define RL_STACK_H

#include <pthread.h>

#include "src/base/err.h"

/* All of a runtime's; rl_stack_cache is a worker's share. */
typedef struct rl_stacks {
    pthread_mutex_t lock;
    size_t size, page;      /* bytes of a slot, of the system's pages */
    struct rl_stack_map *maps;
    void *free;             /* list through the top words of free slots */
    u32 keep;               /* free slots whose pages are kept; UINT32_MAX: all, as everything ends soon */
    u32 nfree, ncold;       /* slots in it, and in the lists of slots whose pages were given back */
    u32 next_count;         /* slots of the next mapping */
    u32 low;                /* least nfree was since rl_stacks_mark */
} rl_stacks;

#define RL_STACK_FIRST 65536u /* bytes a process begins with; more when it needs more */

/* size: rounded up to a page, at least 32 KiB. */
void rl_stacks_init(rl_stacks *s, size_t size);
void rl_stacks_fini(rl_stacks *s);

#define RL_STACK_CACHE 64u

typedef struct rl_stack_cache {
    rl_stacks *all;
    u32 n;
    u8 *stacks[RL_STACK_CACHE]; /* free ones */
} rl_stack_cache;

/* For src/tidy.c. Whether more than a few free slots keep their pages; a period begins; gives back some of those that were
 * free throughout it, true: not all. */
bool rl_stacks_full(rl_stacks *s);
void rl_stacks_mark(rl_stacks *s);
bool rl_stacks_trim(rl_stacks *s);

/* Slots that were ever given out. */
u64 rl_stacks_used(rl_stacks *s);

/* Lowest byte of a slot of c->all->size bytes, or NULL. Its contents are unspecified. */
void *rl_stack_get(rl_stack_cache *c);
void rl_stack_put(rl_stack_cache *c, void *stack);
/* Gives back the pages of a slot, in use no longer, that few tenants would touch. */
void rl_stack_trim(const rl_stacks *s, void *stack);

#endif
