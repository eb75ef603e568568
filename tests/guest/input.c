/* Standard input, arguments and environment reach a C program.
 * in: forty two
 * args: a bc
 * opts: --env=COLOUR=blue
 * | 3 arguments, the last bc
 * | COLOUR is blue
 * | read: forty two
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    char line[64] = "";
    printf("%d arguments, the last %s\n", argc, argv[argc - 1]);
    printf("COLOUR is %s\n", getenv("COLOUR"));
    fgets(line, sizeof line, stdin);
    printf("read: %s", line);
    return 0;
}
