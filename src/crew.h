/* The crew: how many of a runtime's workers share the work. */
#ifndef RL_CREW_H
#define RL_CREW_H

#include "src/lock.h"
#include "src/runq.h"

struct rl_rt;
struct rl_worker;

typedef enum rl_crew_phase {
    RL_CREW_SETTLED, /* nothing is tried out */
    RL_CREW_BEFORE,  /* the pace of `fewer` is measured */
    RL_CREW_AFTER,   /* and now that of twice as many, once one of the new ones has found work */
} rl_crew_phase;

typedef struct rl_crew {
    _Atomic bool busy;     /* somebody changes what follows or starts a worker, or no more are to start */
    _Atomic u32 hands;     /* workers below that number take work from others; the rest are dismissed */
    _Atomic u32 phase;     /* rl_crew_phase */
    _Atomic bool arrived;  /* one that is new has found work */
    bool marked;           /* and measuring has begun, */
    _Atomic u32 round;     /* for the so-manieth time */
    u32 most;              /* workers; 0: nobody has asked yet. Known before there is a second one */
    u32 fewer;
    i64 since;             /* when the phase began, or measuring */
    i64 not_before;        /* then more may be tried again, */
    i64 pause;             /* which waits so long after the next failure */
    i64 again_at, keep;    /* the same for looking whether so many are still worth it */
    double pace;           /* instructions per nanosecond of `fewer` */
    rl_lock lock;          /* of what follows */
    _Atomic(rl_run *) handed; /* by the dismissed to the others */
    rl_run **last;
} rl_crew;

/* What a worker did since measuring began. Its own; others read it as it is. */
typedef struct rl_pace {
    u32 round;
    i64 ns;
    u64 fuel;
    i64 slept;        /* besides, while there were others */
    i64 asleep_since; /* 0: it does not sleep */
    i64 at;           /* when it was noted last, */
    u64 fuel_at;      /* and the worker's count then */
} rl_pace;

void rl_crew_init(struct rl_rt *rt);
/* Whether rl_crew_note is to be called between slices. */
static inline bool rl_crew_measures(const rl_crew *c) {
    return atomic_load_explicit(&c->phase, memory_order_relaxed) != RL_CREW_SETTLED;
}
void rl_crew_note(struct rl_worker *w);
/* w, between two slices, has or has not had more to run than it can at once for so long. */
void rl_crew_look(struct rl_worker *w, i64 surplus_ns, i64 now);
/* w, whose `dismissed` is not as it should be. */
void rl_crew_turn(struct rl_worker *w);
/* w has found work of others. */
void rl_crew_arrive(struct rl_worker *w);
/* Takes over what the dismissed handed over, if anything. */
void rl_crew_take(struct rl_worker *w);
/* After the run: waits for all other workers to end. */
void rl_crew_join(struct rl_rt *rt);

#endif
