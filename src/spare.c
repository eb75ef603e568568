/* Spare instances. Most of making one (allocation, resolving imports, tables) gives the same result for every process of a
 * module, so an instance whose process ended is kept, without its memory, and only what a guest can change is made anew.
 * Invariant: every store in a set is retired and holds one instance of the set's module in the set's flavour. One
 * worker's; a store may have been made on another. Keeping the memory with the instance was not taken: slots are cleaned
 * many at a time (src/slot.c), wherever their tenants come from. The stack stays with it, because the instance lies on it:
 * a process that waits is one page of both. */
#include "src/spare.h"

#include <stdlib.h>

static struct rl_spare_set *find(rl_spares *s, const rl_module *m, u32 flavour) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++)
        if (s->sets[i].module == m && s->sets[i].flavour == flavour) return &s->sets[i];
    return NULL;
}

static void drop(rl_spares *s, rl_spare spare) {
    rl_store_free(spare.store);
    rl_stack_put(s->stacks, spare.slot);
}

static void empty(rl_spares *s, struct rl_spare_set *set) {
    set->module = NULL;
    while (set->count) drop(s, set->spares[--set->count]);
}

/* A set of nothing yet: an unused one, or the one that has been there longest. NULL: no memory. */
static struct rl_spare_set *fresh(rl_spares *s) {
    struct rl_spare_set *set = &s->sets[s->next++ % RL_SPARE_SETS];
    empty(s, set);
    if (!set->spares) set->spares = malloc(RL_SPARE_MAX * sizeof *set->spares);
    return set->spares ? set : NULL;
}

rl_spare rl_spare_get(rl_spares *s, const rl_module *m, rl_flavour flavour) {
    struct rl_spare_set *set = find(s, m, flavour);
    return set && set->count ? set->spares[--set->count] : (rl_spare){ NULL, NULL };
}

void rl_spare_put(rl_spares *s, rl_spare spare, const rl_instance *i) {
    struct rl_spare_set *set = i ? find(s, i->module, i->flavour) : NULL;
    if (i && !set && (set = fresh(s))) {
        set->module = i->module;
        set->flavour = i->flavour;
    }
    /* a set without stores holds no reference, so its module's address may be another module's by now: still right */
    if (!set || set->count == RL_SPARE_MAX || !rl_store_retire(spare.store)) {
        drop(s, spare);
        return;
    }
    rl_stack_trim(s->stacks->all, spare.slot);
    set->spares[set->count++] = spare;
}

void rl_spares_fini(rl_spares *s) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++) {
        empty(s, &s->sets[i]);
        free(s->sets[i].spares);
        s->sets[i].spares = NULL;
    }
}
