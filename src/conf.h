/* What a process is born with: limits, rights, and what WASI shows it. */
#ifndef RL_CONF_H
#define RL_CONF_H

#include <stdatomic.h>

#include "src/reach.h"

struct rl_wasi;

typedef struct rl_conf_dir {
    char *host, *guest; /* host: resolved, so that what beneath it can be compared */
    bool readonly;
    bool granted;       /* by a process, to a child: no link may appear on the way */
} rl_conf_dir;

/* What a guest wrote: may hold zero bytes, and has one more behind its end. */
typedef struct rl_texts {
    char **v;
    u32 *bytes, n;
} rl_texts;

/* A limit of processes that are alive at one time: those of a configuration and of all that are made beneath it. Counted;
 * any thread. */
typedef struct rl_quota {
    _Atomic u32 refs;
    u64 limit;
    _Atomic u64 alive;
    struct rl_quota *above; /* which it counts for as well, with a reference; NULL: none */
    u32 depth; /* how many are above */
} rl_quota;

/* One process more in q and all above; NULL, or else the one whose limit keeps it out: nothing is counted then. */
rl_quota *rl_quota_enter(rl_quota *q);
void rl_quota_leave(rl_quota *q);

/* Changed only by the process that made it. Processes run with what rl_conf_under made of it, which is constant. */
typedef struct rl_conf {
    _Atomic u32 refs;
    u64 max_memory;        /* bytes of linear memory */
    u64 max_fuel;          /* units of 100,000 instructions; 0: no limit */
    u64 max_processes;     /* alive at one time, as long as nobody made the quota of it; 0: no limit of its own */
    rl_quota *quota;       /* of what rl_conf_under made, and of the root's; NULL: none */
    bool can_compile, can_configure, can_spawn;
    rl_reach *net;         /* NULL: says nothing; a child's is within its parent's then */
    rl_texts args, env;    /* env: "NAME=VALUE" */
    rl_conf_dir *dirs; u32 ndirs;
    const int *socks; u32 nsocks; /* host descriptors of sockets; the run's caller's, not inherited by other configurations */
    struct rl_wasi *wasi;  /* made at first use; processes get clones. NULL: not made */
    struct rl_conf *given; /* what rl_conf_under made of it last; NULL after a change */
    u64 held;              /* bytes that its maker's process is charged for, see rl_proc_hold */
} rl_conf;

#define RL_CONF_MEMORY 0xffffffffu /* default of max_memory */
#define RL_FUEL_UNIT 100000u       /* instructions per unit of max_fuel */

/* To be called with every change. */
void rl_conf_changed(rl_conf *c);

/* No rights, nothing visible, default memory, no fuel limit. NULL when memory is out. */
rl_conf *rl_conf_new(void);
rl_conf *rl_conf_get(rl_conf *c);
void rl_conf_put(rl_conf *c);

rl_err rl_conf_add_arg(rl_conf *c, const char *p, size_t n);
/* name, value; or, with value NULL, name is the whole NAME=VALUE */
rl_err rl_conf_add_env(rl_conf *c, const char *name, size_t nname, const char *value, size_t nvalue);
/* guest NULL: the same as host */
rl_err rl_conf_add_dir(rl_conf *c, const char *host, size_t nhost, const char *guest, bool readonly);

/* The configuration that a child asked to have `want` really gets from a parent with `have`: never more than the
 * parent's limits and rights, directories only beneath the parent's (read-only where the parent's are). A new
 * reference, kept in `want` for the next time: `have` must always be the same. RL_ERR_USAGE: a directory that the
 * parent may not give, or that is not there; RL_ERR_LIMIT: the parent has too many above it. */
rl_err rl_conf_under(rl_conf *want, const rl_conf *have, rl_conf **out, rl_diag *d);

#define RL_CONF_DEPTH 1000u /* quotas, and sets of rules, above each other: they outlive the processes between */

/* Makes a quota of c->max_processes, within the one above (NULL: none). RL_ERR_NOMEM, RL_ERR_LIMIT. */
rl_err rl_conf_count(rl_conf *c, rl_quota *above);

/* Makes c->wasi if it is not there yet (opens the directories). */
rl_err rl_conf_open(rl_conf *c, rl_diag *d);

#endif
