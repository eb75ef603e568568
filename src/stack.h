/* Guest stacks: equal slots in large mappings, touched from the top down. */
#ifndef RL_STACK_H
#define RL_STACK_H

#include "src/base/err.h"

typedef struct rl_stacks {
    size_t size;            /* bytes of a slot */
    struct rl_stack_map *maps;
    void *free;             /* list through the top words of free slots */
    u32 nfree, in_use;
    u32 next_count;         /* slots of the next mapping */
} rl_stacks;

/* size: rounded up to a page, at least 32 KiB. */
void rl_stacks_init(rl_stacks *s, size_t size);
void rl_stacks_fini(rl_stacks *s);
/* Lowest byte of a slot of s->size bytes, or NULL. Its contents are unspecified. */
void *rl_stack_get(rl_stacks *s);
void rl_stack_put(rl_stacks *s, void *stack);

#endif
