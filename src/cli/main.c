/* The command: parses the line, then hands over to the command named.
 *
 * Owns nothing but the exit status. Commands are a table of their entry points (commands.def), not a chain of ifs. */
#include <stdio.h>

#include "src/cli/cli.h"

static int (*const commands[RL_CMD_COUNT])(const rl_args *) = {
#define CMD(name, operands, least, most, sentence) rl_cli_##name,
#include "src/cli/commands.def"
#undef CMD
};

static int dispatch(const rl_args *a, int argc) {
    if (a->version) {
        printf("rille %s\n", RL_VERSION);
        return 0;
    }
    if (a->help) {
        if (argc == 2) rl_help_all(stdout);
        else rl_help_command(stdout, a->command);
        return 0;
    }
    return commands[a->command](a);
}

int main(int argc, char **argv) {
    rl_args a;
    rl_cli_begin();
    int status = rl_args_parse(&a, argc, argv) ? dispatch(&a, argc) : RL_STATUS_USAGE;
    rl_args_fini(&a);
    return rl_cli_end(status);
}
