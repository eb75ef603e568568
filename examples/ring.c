/* ring.c: passes a token around a ring of processes.
 *
 *   rille ring.wasm [PROCESSES [ROUNDS]] */
#include <stdio.h>
#include <stdlib.h>

#include "rille_guest.h"

/* One member: passes on what it gets, plus one, until it gets a negative token. */
RILLE_ENTRY(member)(int64_t next) {
    int64_t token;
    do {
        rille_receive(RILLE_FOREVER);
        rille_read(&token, sizeof token);
        token += token >= 0;
        rille_send(next, 0, &token, sizeof token);
    } while (token >= 0);
}

int main(int argc, char **argv) {
    int processes = argc > 1 ? atoi(argv[1]) : 1000, rounds = argc > 2 ? atoi(argv[2]) : 100;
    int64_t token = 0, first = rille_self();
    for (int i = 0; i < processes; i++)
        if (!(first = rille_spawn("member", first))) return fprintf(stderr, "cannot spawn process %d\n", i), 1;
    for (int i = 0; i < rounds; i++) {
        rille_send(first, 0, &token, sizeof token);
        rille_receive(RILLE_FOREVER);
        rille_read(&token, sizeof token);
    }
    printf("%d processes, %d rounds: the token was passed on %lld times\n", processes, rounds, (long long)token);
    token = -1; /* the end: goes around once more, each member leaves after it */
    rille_send(first, 0, &token, sizeof token);
    rille_receive(RILLE_FOREVER);
    return 0;
}
