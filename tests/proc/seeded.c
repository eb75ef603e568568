/* A run whose end depends on chance in every way there is: four processes sleep, work, print and draw; one asks the clock
 * until a millisecond has passed; at last an hour is slept. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "rille_guest.h"

static void player(int64_t number) {
    for (int i = 0; i < 6; i++) {
        unsigned char drawn;
        getentropy(&drawn, 1);
        if (drawn % 2) rille_sleep(drawn % 5);
        else for (volatile int work = 0; work < drawn * 100; work++) {}
        printf("%c", (char)('a' + number));
        fflush(stdout);
    }
    rille_send(1, 1, &number, sizeof number);
}

static long long ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(void) {
    for (int i = 0; i < 4; i++) rille_start(player, i);
    for (int i = 0; i < 4; i++) rille_receive_tag(1, -1);
    long long began = ns(CLOCK_MONOTONIC), drawn;
    while (ns(CLOCK_MONOTONIC) - began < 1000000) {}
    rille_sleep(3600 * 1000);
    getentropy(&drawn, sizeof drawn);
    printf(" %016llx, %lld ns, %lld s\n", drawn, ns(CLOCK_MONOTONIC) - began, (long long)time(NULL));
    return 0;
}
