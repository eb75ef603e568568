/* The runtime: everything one program run needs, from the root process to the last one, and what the command line and
 * the embedding API may set.
 *
 *   rl_rt_config c = rl_rt_defaults();  fill in;  int status = rl_rt_run(&c, module, &diag);
 *
 * One run per operating-system process at a time when handle_signals is set; otherwise independent runs may follow each
 * other or overlap on different threads. */
#ifndef RL_RT_H
#define RL_RT_H

#include <stdio.h>

#include "jit/code.h"
#include "jit/module.h"
#include "src/addr.h"
#include "src/base/err.h"

typedef struct rl_rt rl_rt;

typedef enum rl_memory_choice {
    RL_MEMORY_AUTO,    /* root process guarded, spawned ones checked */
    RL_MEMORY_GUARDED, /* every process */
    RL_MEMORY_CHECKED, /* every process */
} rl_memory_choice;

typedef struct rl_rt_dir { /* a directory the guest may use */
    const char *host, *guest;
    bool readonly;
} rl_rt_dir;

/* What happened, for --stats. Counts are of the whole run. */
typedef struct rl_rt_stats {
    u64 fuel;             /* instructions, all processes                              */
    u64 processes;        /* spawned, the root included                               */
    u64 processes_peak;   /* alive at one time                                        */
    u64 failures;         /* processes that trapped, were killed or exited non-zero   */
    u64 messages;         /* put into a mailbox                                       */
    u64 slices;           /* times a process was resumed                              */
    u64 yields, parks;    /* how slices ended                                         */
    u64 steals;           /* processes taken over by another worker                   */
    u64 timers;           /* deadlines that passed                                    */
    u64 polls;            /* looks at the kernel for readiness or sleep               */
    u64 memory_peak;      /* bytes of linear memory, all processes together, at most  */
    u64 modules;          /* compiled, the program's own included                     */
    u64 calls_avoided;    /* system calls: mapping and unmapping what was used again, less the looks for what to clear */
    u64 faults_avoided;   /* page faults: pages of stacks and memories that were used again in place */
    u64 wall_ns;
} rl_rt_stats;

/* Everything is borrowed for the time of rl_rt_run. */
typedef struct rl_rt_config {
    /* what the guest sees */
    const char *const *args; u32 nargs;    /* args[0] is the program's name           */
    const char *const *env;  u32 nenv;     /* "NAME=VALUE"                            */
    const rl_rt_dir *dirs;   u32 ndirs;    /* in this order from descriptor 3         */
    const int *socks;        u32 nsocks;   /* sockets, listening or connected, on the descriptors after those */
    bool no_spawn, no_compile, no_configs; /* rights the root process does not get    */
    bool limit_net;                        /* the root reaches only what `net` names */
    const char *const *net; u32 nnet;      /* rules, see rl_reach_add                 */
    const rl_addr *prometheus;             /* where metrics are served; NULL: nowhere         */
    const char *dns;                       /* name servers, "ADDRESS[:PORT],…"; NULL: the system's */

    /* limits of the root process, and so of all (a child never gets more) */
    u64 max_memory;       /* bytes of linear memory per process; default 2^32-1       */
    u64 max_fuel;         /* units of 100,000 instructions; 0: no limit               */
    u64 max_stack;        /* bytes of native stack per process; default 1 MiB         */
    u64 timeout_ns;       /* of the run; 0: none                                      */
    u64 max_mailbox;      /* bytes of messages a process has not received; default 1 GiB */
    u64 max_processes;    /* alive at one time; 0: no limit                           */

    /* how to run */
    rl_memory_choice memory;
    rl_compile_mode compile;
    unsigned workers;     /* threads that run processes, at most; 0: one for each core. With more than one the order in which
                             unrelated processes run is nobody's promise */
    u64 seed;             /* not 0: it decides whose turn it is, for how long, what time it is and what is random, so that
                             the same run can be had again; one worker, and no time is spent waiting. See src/seeded.h */
    i64 slice;            /* instructions between two looks at other processes        */
    bool handle_signals;  /* SIGINT and SIGTERM end the run: status 130, 143          */
    bool leave;           /* free nothing at the end: the caller's process ends, which frees it all faster */
    bool quiet;           /* no failure reports on standard error                     */
    bool patient;         /* timers do not count time in which the kernel ran something else although this run had work:
                             for tests that measure short times on a busy machine */
    FILE *log;            /* where reports go; NULL: stderr                           */
    struct rl_capture *capture; /* where standard output and error go; NULL: to ours  */
    u64 environment;      /* its id, as guests ask for it                             */

    /* what to run */
    const char *entry;    /* export of the root process; NULL: "_start"               */
    const u64 *entry_args; u32 nentry_args; /* words, v128 two; checked against the type */
    /* called once when the entry returned, with its results (one word each, v128 two); may be NULL */
    void (*results)(void *env, const rl_proto *proto, const u64 *vals);
    void *results_env;

    rl_rt_stats *stats;   /* filled before rl_rt_run returns; may be NULL             */
} rl_rt_config;

rl_rt_config rl_rt_defaults(void);

/* Runs the module's entry as the root process until it ends. Returns the exit status of the run: the guest's
 * proc_exit status, 0 on a normal return, 134 after a trap or an exceeded limit (reported on the log), 130/143 after
 * SIGINT/SIGTERM, 1 when the module cannot be linked, instantiated or has no such entry (d says why; nothing was
 * printed). The module stays the caller's. */
int rl_rt_run(const rl_rt_config *c, rl_module *m, rl_diag *d);

#endif
