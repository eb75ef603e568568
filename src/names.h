/* The registry: names of processes. */
#ifndef RL_NAMES_H
#define RL_NAMES_H

#include <pthread.h>
#include <stdatomic.h>

#include "src/base/map.h"

typedef struct rl_named {
    struct rl_named *next;            /* same hash */
    struct rl_named *of_next, **of_at;/* other names of the same process */
    struct head *of;                  /* its list */
    u64 hash, node, pid;
    u8 reserved;                      /* RL_NAME_RESERVED, RL_NAME_CLAIMED or 0 */
    u32 len;
    u8 text[];
} rl_named;

typedef struct rl_names {
    pthread_mutex_t lock;
    rl_map by_hash;  /* hash of the name: first rl_named with it */
    rl_map by_pid;   /* pid on this node: list of its names; 0: those of nobody here */
    _Atomic u32 owners; /* entries in by_pid, for looks without the lock */
} rl_names;

void rl_names_init(rl_names *n);
void rl_names_fini(rl_names *n);

typedef enum rl_name_state {
    RL_NAME_NONE,
    RL_NAME_TAKEN,
    RL_NAME_RESERVED, /* its process is being made, by the one that is told */
    RL_NAME_CLAIMED,  /* it belongs to the process that is told, as soon as others know that process */
    RL_NAME_NOMEM,
    RL_NAME_FULL,     /* `pid` has too many */
} rl_name_state;

/* Whose name it becomes: a process on this node, or nobody here (node not 0, or a pid that is nobody's yet). `most` bytes of
 * names may be those of one process, and of nobody: else RL_ERR_LIMIT. */
typedef struct rl_name_owner { u64 node, pid, most; bool nobody; } rl_name_owner;

/* All of these may be called from any thread. Names are any bytes. node 0: this one. */
rl_err rl_names_put(rl_names *n, const void *name, u32 len, const rl_name_owner *o);
rl_name_state rl_names_get(rl_names *n, const void *name, u32 len, u64 *node, u64 *pid);
void rl_names_remove(rl_names *n, const void *name, u32 len);
/* Takes a free name for a process that `pid` is about to make: RL_NAME_NONE on success, else what is there. A later
 * rl_names_put gives it to the child; rl_names_unreserve gives it up. NOMEM and FULL
 * come from here only; nothing changed then. */
rl_name_state rl_names_reserve(rl_names *n, const void *name, u32 len, u64 pid, u64 most, u64 *node, u64 *owner);
/* Hands a reserved name on to its process, which is not known yet; it becomes claimed. After it rl_names_put with that
 * process cannot fail. */
rl_err rl_names_claim(rl_names *n, const void *name, u32 len, u64 pid);
void rl_names_unreserve(rl_names *n, const void *name, u32 len, u64 pid);
/* The process is gone: so are its names and what it had reserved. */
void rl_names_forget(rl_names *n, u64 pid);
u32 rl_names_count(rl_names *n);
/* "'a' / 'b'" for reports: what follows the third slash of each name of pid, as the old runtime shows it. False: none. */
bool rl_names_text(rl_names *n, u64 pid, char *buf, size_t size);

#endif
