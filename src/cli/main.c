/* The command: finds the subcommand and runs it. Owns nothing but the exit status. */
#include <stdio.h>

int main(void) {
    fprintf(stderr, "rille %s\n", RL_VERSION);
    return 2;
}
