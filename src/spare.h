/* Shells of processes that ended, kept for the next ones of the same program. */
#ifndef RL_SPARE_H
#define RL_SPARE_H

#include "src/fence.h"
#include "src/loader.h"

#define RL_SPARE_SETS 8u    /* programs and flavours a worker keeps shells of at a time */
#define RL_SPARE_MAX 1024u  /* shells of each */

struct rl_proc;

/* Of one program, which it keeps alive. */
typedef struct rl_spare_set {
    rl_prog *prog; /* NULL: unused */
    u32 flavour, count;
    struct rl_proc *kept;   /* shells with a fenced memory, last in, first out, linked by spare_next */
    struct rl_proc *others; /* without a memory */
    rl_habit habit;
} rl_spare_set;

/* One worker's. Zeroed: empty. */
typedef struct rl_spares {
    rl_spare_set sets[RL_SPARE_SETS];
    u32 next; /* set to be given up next */
} rl_spares;

/* The set for shells of that kind: an old one, or (make) a new one in place of the oldest. NULL: there is none. */
rl_spare_set *rl_spare_find(rl_spares *s, rl_prog *prog, u32 flavour, bool make);
/* A shell, or NULL. */
struct rl_proc *rl_spare_get(rl_spares *s, rl_prog *prog, u32 flavour);
/* Takes p over. */
void rl_spare_put(rl_spare_set *set, struct rl_proc *p);
/* Whether there are more than a few. */
bool rl_spares_full(const rl_spares *s);
/* Drops some of those that are more than a few, and more than `needed` of a set. True: not all. */
bool rl_spares_trim(rl_spares *s, u64 needed);
void rl_spares_fini(rl_spares *s);

#endif
