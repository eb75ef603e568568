/* Instances of processes that ended, kept for the next ones of the same module. */
#ifndef RL_SPARE_H
#define RL_SPARE_H

#include "jit/instance.h"
#include "src/stack.h"

#define RL_SPARE_SETS 8u   /* modules and flavours a worker keeps instances of at a time */
#define RL_SPARE_MAX 1024u /* instances of each */

/* A retired store (rl_store_renew) and the slot it lies in, or that goes with it. */
typedef struct rl_spare {
    rl_store *store;
    void *slot;
} rl_spare;

/* One worker's. Zeroed but for stacks: empty. */
typedef struct rl_spares {
    rl_stack_cache *stacks; /* where slots go back to */
    struct rl_spare_set {
        rl_module *module; /* kept alive by the stores' instances; NULL: unused */
        u32 flavour, count;
        rl_spare *spares;
    } sets[RL_SPARE_SETS];
    u32 next; /* set to be given up next */
} rl_spares;

/* A store with an instance of m; {NULL, NULL}: there is none. */
rl_spare rl_spare_get(rl_spares *s, const rl_module *m, rl_flavour flavour);
/* Takes both over; i is the store's only instance, or NULL. */
void rl_spare_put(rl_spares *s, rl_spare spare, const rl_instance *i);
void rl_spares_fini(rl_spares *s);

#endif
