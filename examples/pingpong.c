/* Two processes throw a ball back and forth, and say how long that takes.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/pingpong.c -o pingpong.wasm && rille pingpong.wasm 1000000
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rille_guest.h"

RILLE_ENTRY(pong)(int64_t player) {
    for (;;) {
        rille_receive(RILLE_FOREVER);
        rille_message_send(player); /* what was received is the open message: it goes back as it is */
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 100000;
    int64_t other = rille_spawn("pong", rille_self());
    long ball = 0;
    double start = now();
    for (long i = 0; i < rounds; i++) {
        ball++;
        rille_send(other, 0, &ball, sizeof ball);
        rille_receive(RILLE_FOREVER);
        rille_read(&ball, sizeof ball);
    }
    double each = (now() - start) / (double)rounds;
    printf("the ball came back %ld times\n", ball);
    fprintf(stderr, "%.0f ns a round\n", each);
}
