/* `rille validate FILE…`: says of each file whether it is a module, and where it breaks if not.
 * Owns nothing that outlives one file, so that a thousand files need no more memory than the largest; main thread
 * only. It makes no difference between malformed and invalid in its exit status: scripts want one answer. */
#include <stdlib.h>

#include "jit/module.h"
#include "src/cli/cli.h"

static rl_err check(const char *path, rl_diag *d) {
    u8 *bytes;
    size_t size;
    rl_module *m;
    RL_TRY(rl_cli_load(path, &bytes, &size, d));
    rl_err e = rl_module_new(bytes, size, &m, d);
    free(bytes);
    if (!e) rl_module_put(m);
    return e;
}

int rl_cli_validate(const rl_args *a) {
    int status = 0;
    for (char **path = a->operands; *path; path++) {
        rl_diag d = {0};
        if (check(*path, &d)) status = rl_cli_complain(*path, &d);
        else printf("%s: valid\n", *path);
    }
    return status;
}
