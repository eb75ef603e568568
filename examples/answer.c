/* answer.c: the program of the README: one process is spawned, gets a number, sends the next one back. */
#include <stdio.h>

#include "rille_guest.h"

/* A process starts in an exported function; waiting parks it, not a thread. */
RILLE_ENTRY(worker)(int64_t parent) {
    int number;
    rille_receive(RILLE_FOREVER);
    rille_read(&number, sizeof number);
    number++;
    rille_send(parent, 0, &number, sizeof number);
}

int main(void) {
    int number = 41;
    int64_t child = rille_spawn("worker", rille_self());
    rille_send(child, 0, &number, sizeof number);
    rille_receive(RILLE_FOREVER);
    rille_read(&number, sizeof number);
    printf("the answer came back: %d\n", number);
    return 0;
}
