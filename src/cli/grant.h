/* What the options grant a program, for the commands that run one. */
#ifndef RL_GRANT_H
#define RL_GRANT_H

#include "src/cli/args.h"
#include "src/rt.h"

/* Everything a configuration borrows. All zero is empty. */
typedef struct rl_grants {
    rl_rt_dir *dirs; u32 ndirs;
    char **dir_texts;          /* owned copies that dirs point into */
    const char **env; u32 nenv;
    int *socks; u32 nsocks;    /* listening */
    char listen_fds[2][40];    /* variables about them */
    rl_addr prometheus;
    u64 *vals; u32 nvals;      /* --invoke: arguments as words */
} rl_grants;

/* Fills c, which has the defaults, with what the options say; it borrows from g and a. RL_ERR_USAGE: it has been
 * explained on standard error. g is to be finished either way. */
rl_err rl_grants_init(const rl_args *a, rl_grants *g, rl_rt_config *c);
void rl_grants_fini(rl_grants *g);

#endif
