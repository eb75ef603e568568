/* The table of processes. Invariant: a process in it is alive, and stays so while its shard is locked; whoever sends to a
 * process by its id does so under that lock, and a process leaves the table before it is taken apart. Any thread; the
 * locks are for a few instructions. A table without locks (slot number and generation in the id) was not taken: ids count
 * up from 1, as guests of the old runtime see, and a lookup that must keep its process from ending needs an atomic
 * operation in any case. */
#include "src/pids.h"

rl_err rl_pid_add(rl_pids *t, u64 id, struct rl_proc *p) {
    rl_pid_hold(t, id);
    rl_err e = rl_map_put(&rl_pid_shard(t, id)->map, id / RL_PID_SHARDS, p, NULL);
    rl_pid_release(t, id);
    return e;
}

void rl_pid_remove(rl_pids *t, u64 id) {
    rl_pid_hold(t, id);
    rl_map_del(&rl_pid_shard(t, id)->map, id / RL_PID_SHARDS);
    rl_pid_release(t, id);
}

/* Goes on where it found the last one, or clearing a million would look at the table's emptied part a million times.
 * rl_map_del moves keys only backwards to the hole, so nothing appears behind. */
struct rl_proc *rl_pid_any(rl_pids *t) {
    for (; t->clearing < RL_PID_SHARDS; t->clearing++, t->at = 0) {
        const rl_map *m = &t->shards[t->clearing].map;
        for (; m->count && t->at < m->cap; t->at++)
            if (m->slots[t->at].val) return m->slots[t->at].val;
    }
    return NULL;
}

void rl_pids_fit(rl_pids *t) {
    for (u32 i = 0; i < RL_PID_SHARDS; i++) {
        rl_pid_hold(t, i);
        rl_map_fit(&t->shards[i].map);
        rl_pid_release(t, i);
    }
}

void rl_pids_fini(rl_pids *t) {
    for (u32 i = 0; i < RL_PID_SHARDS; i++) rl_map_fini(&t->shards[i].map);
}
