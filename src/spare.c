/* Shells. Most of making a process (its stack, an instance, imports, its files, references to what it runs) gives the same
 * result for every process of a program, so what is left of one that ended is kept, and only what a guest can change is
 * made anew. The memory stays too when it is known what the process wrote to it (src/fence.h), else it goes back to the
 * slots. Invariant: a shell is a record that is in no queue and no table, with a retired or kept store of the set's
 * program in the set's flavour. One worker's; a shell may have been made on another. */
#include "src/spare.h"

#include "src/proc.h"

#define FEW 32u   /* shells of a set that stay however long nothing happens */
#define BATCH 32u /* that are dropped at a time: some hundred microseconds */

static rl_proc *pop(rl_spare_set *set) {
    rl_proc **from = set->kept ? &set->kept : &set->others, *p = *from;
    *from = p->spare_next;
    set->count--;
    return p;
}

static void empty(rl_spare_set *set) {
    while (set->count) rl_proc_scrap(pop(set));
    rl_habit_fini(&set->habit);
    rl_prog_put(set->prog);
    *set = (rl_spare_set){ 0 };
}

rl_spare_set *rl_spare_find(rl_spares *s, rl_prog *prog, u32 flavour, bool make) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++)
        if (s->sets[i].prog == prog && s->sets[i].flavour == flavour) return &s->sets[i];
    if (!make) return NULL;
    rl_spare_set *set = &s->sets[s->next++ % RL_SPARE_SETS];
    empty(set);
    set->prog = rl_prog_get(prog);
    set->flavour = flavour;
    return set;
}

rl_proc *rl_spare_get(rl_spares *s, rl_prog *prog, u32 flavour) {
    rl_spare_set *set = rl_spare_find(s, prog, flavour, false);
    if (!set || !set->count) return NULL;
    return pop(set);
}

void rl_spare_put(rl_spare_set *set, rl_proc *p) {
    rl_proc **to = p->fence.base ? &set->kept : &set->others;
    p->spare_next = *to;
    *to = p;
    set->count++;
}

bool rl_spares_full(const rl_spares *s) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++)
        if (s->sets[i].count > FEW) return true;
    return false;
}

bool rl_spares_trim(rl_spares *s, u64 needed) {
    u32 n = 0;
    for (u32 i = 0; i < RL_SPARE_SETS; i++)
        for (rl_spare_set *set = &s->sets[i]; set->count > RL_MAX(needed, (u64)FEW); n++) {
            if (n == BATCH) return true;
            rl_proc_scrap(pop(set));
        }
    return false;
}

void rl_spares_fini(rl_spares *s) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++) empty(&s->sets[i]);
}
