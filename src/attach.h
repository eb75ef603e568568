/* Letting other programs look at a run: a socket, opened when first asked for. */
#ifndef RL_ATTACH_H
#define RL_ATTACH_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "src/base/err.h"

struct rl_rt;

/* The address of the process's socket; returns its length. It is a name, not a file: nothing is left behind. */
socklen_t rl_attach_address(struct sockaddr_un *a, pid_t pid);
/* Whether the other end of a connected socket is ours: the same user, or root. *pid: whose it is. */
bool rl_attach_trusted(int fd, pid_t *pid);

/* Opens the socket and serves it on a thread of its own, unless that is so already. What it answers:
 *   rows KEY MOST\n    rl_survey_rows
 *   one ID\n           rl_survey_one
 * each answer ended by a line with a single dot. */
rl_err rl_attach_open(struct rl_rt *rt);
/* No more answers; the thread has ended. Before the runtime is taken apart. */
void rl_attach_close(struct rl_rt *rt);

#endif
