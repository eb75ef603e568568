/* The table of processes: by id, every process of the runtime. */
#ifndef RL_PIDS_H
#define RL_PIDS_H

#include "src/base/map.h"
#include "src/lock.h"

#define RL_PID_SHARDS 64u

struct rl_proc;

typedef struct rl_pids {
    struct rl_pid_shard {
        _Alignas(64) rl_lock lock;
        rl_map map; /* id / RL_PID_SHARDS: process */
    } shards[RL_PID_SHARDS];
    u32 clearing, at; /* of rl_pid_any: everything before this shard and slot is gone */
} rl_pids;

static inline struct rl_pid_shard *rl_pid_shard(rl_pids *t, u64 id) { return &t->shards[id % RL_PID_SHARDS]; }
/* The process with that id, or NULL. It does not end before rl_pid_release of the same id, which must always follow, and
 * soon. */
static inline struct rl_proc *rl_pid_hold(rl_pids *t, u64 id) {
    struct rl_pid_shard *s = rl_pid_shard(t, id);
    if (!rl_alone()) rl_lock_take(&s->lock);
    return rl_map_get(&s->map, id / RL_PID_SHARDS);
}
static inline void rl_pid_release(rl_pids *t, u64 id) {
    if (!rl_alone()) rl_lock_drop(&rl_pid_shard(t, id)->lock);
}

rl_err rl_pid_add(rl_pids *t, u64 id, struct rl_proc *p);
/* After it nobody finds the process any more, and nobody holds it. Fine when it is not there. */
void rl_pid_remove(rl_pids *t, u64 id);
/* Any process; NULL: none is left. For taking all away, at the end: nothing is added any more. One thread only. */
struct rl_proc *rl_pid_any(rl_pids *t);
/* Gives back what a crowd took. Any thread. */
void rl_pids_fit(rl_pids *t);
void rl_pids_fini(rl_pids *t);

#endif
