/* A crowd of processes alive at one time, for tests/million/run to look at from outside: crowd COUNT. Each member is
 * spawned and waits; is sent a number and answers; waits again (this is when the crowd is measured); is told to leave, and
 * watched going. The guest stops at each stage until it is sent a line on standard input. */
#include <stdio.h>
#include <stdlib.h>

#define RILLE_RAW
#include "rille_guest.h"

static int64_t receive_word(void) {
    int64_t v = -1;
    rille_receive(-1);
    rille_read(&v, sizeof v);
    return v;
}
static void send_word(int64_t to, int64_t v) { rille_send(to, 1, &v, sizeof v); }

RILLE_ENTRY(member)(int64_t parent) {
    for (int64_t v; (v = receive_word());) send_word(parent, v * 3);
    send_word(parent, 1);
}

static void stage(const char *name) {
    puts(name);
    fflush(stdout);
    if (getchar() < 0) exit(0);
}

int main(int argc, char **argv) {
    int64_t count = argc > 1 ? atoll(argv[1]) : 1000, sum = 0, first = 0;
    stage("empty");
    for (int64_t i = 0; i < count; i++) {
        int64_t id = rille_spawn("member", rille_self());
        if (!id) return fprintf(stderr, "process %lld could not be spawned\n", (long long)i), 1;
        if (!i) first = id;
        else if (id != first + i) return fprintf(stderr, "ids do not count up\n"), 1;
    }
    stage("spawned");
    for (int64_t i = 1; i <= count; i++) send_word(first + i - 1, i);
    for (int64_t i = 0; i < count; i++) sum += receive_word();
    if (sum != 3 * (count * (count + 1) / 2)) return fprintf(stderr, "wrong answers: %lld\n", (long long)sum), 1;
    stage("answered");
    for (int64_t i = 0; i < count; i++) send_word(first + i, 0);
    for (sum = 0; sum < count;) sum += receive_word();
    stage("gone");
    for (int64_t i = 0; i < count; i++) rille_spawn("member", rille_self());
    stage("again");
    return 0;
}
