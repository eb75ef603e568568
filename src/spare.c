/* Shells. Most of making a process (its stack, an instance, imports, its files, references to what it runs) gives the same
 * result for every process of a program, so what is left of one that ended is kept, and only what a guest can change is
 * made anew. The memory stays too when it is known what the process wrote to it (src/fence.h), else it goes back to the
 * slots. Invariant: a shell is a record that is in no queue and no table, with a retired or kept store of the set's
 * program in the set's flavour. One worker's; a shell may have been made on another. */
#include "src/spare.h"

#include "src/proc.h"

static void empty(rl_spare_set *set) {
    for (rl_proc *p; (p = set->kept ? set->kept : set->others);) {
        if (set->kept) set->kept = p->spare_next;
        else set->others = p->spare_next;
        rl_proc_scrap(p);
    }
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
    rl_proc **from = set->kept ? &set->kept : &set->others, *p = *from;
    *from = p->spare_next;
    set->count--;
    return p;
}

void rl_spare_put(rl_spare_set *set, rl_proc *p) {
    rl_proc **to = p->fence.base ? &set->kept : &set->others;
    p->spare_next = *to;
    *to = p;
    set->count++;
}

void rl_spares_fini(rl_spares *s) {
    for (u32 i = 0; i < RL_SPARE_SETS; i++) empty(&s->sets[i]);
}
