/* Commands whose own files have not landed yet say so. Each function leaves with the file that brings the command. */
#include "src/cli/cli.h"

static int pending(const char *name) { return rl_cli_usage("this build has no \"%s\" command", name); }

int rl_cli_objdump(const rl_args *a) { (void)a; return pending("objdump"); }
