/* A status of its own, with output flushed before.
 * exit: 42
 * | going
 */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    printf("going\n");
    exit(42);
}
