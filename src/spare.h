/* Instances of processes that ended, kept for the next ones of the same module. */
#ifndef RL_SPARE_H
#define RL_SPARE_H

#include "jit/instance.h"

#define RL_SPARE_SETS 8u   /* modules and flavours a worker keeps instances of at a time */
#define RL_SPARE_MAX 1024u /* instances of each */

/* One worker's. Zeroed: empty. */
typedef struct rl_spares {
    struct rl_spare_set {
        rl_module *module; /* kept alive by the stores' instances; NULL: unused */
        u32 flavour, count;
        rl_store **stores;
    } sets[RL_SPARE_SETS];
    u32 next; /* set to be given up next */
} rl_spares;

/* A retired store (rl_store_renew) with an instance of m, or NULL. */
rl_store *rl_spare_get(rl_spares *s, const rl_module *m, rl_flavour flavour);
/* Takes s over, whose only instance is i. */
void rl_spare_put(rl_spares *s, rl_store *store, const rl_instance *i);
void rl_spares_fini(rl_spares *s);

#endif
