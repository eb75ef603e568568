/* Names of Unix sockets: what they lead to, and the rules about them. */
#ifndef RL_UPATH_H
#define RL_UPATH_H

#include <limits.h>

#include "src/base/base.h"

/* Where the name of a Unix socket leads: absolute, every link on the way there resolved as far as the way exists, the
 * last part as it stands; after a slash at the end, a slash. "@NAME", an abstract one, stays as it is. False: no such
 * name can be (empty, a NUL, "." or ".." where they cannot be resolved, too long). Relative ones start where rille did. */
bool rl_upath_resolve(const char *text, size_t n, char out[PATH_MAX]);
/* Whether a rule covers a name, both resolved: the same, or a rule that ends in a slash and the name is beneath it. */
bool rl_upath_covers(const char *rule, const char *name);
/* The directory of a resolved name that is not abstract, opened without following any link: a descriptor (O_PATH), or -1
 * and errno. *last: the part of name in it. */
int rl_upath_open_dir(const char *name, const char **last);

#endif
