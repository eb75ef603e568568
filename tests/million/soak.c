/* Random deaths in a crowd, for tests/million/soak to look at from outside: soak COUNT SECONDS SEED. COUNT processes are
 * alive at any time: some wait for ever, some sleep, some compute, some recurse, some hold messages and timers, some die by
 * themselves. They are killed at random and replaced. Prints "round N" now and then, after every process of that round
 * has been watched to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rille_guest.h"

static uint32_t seed;
static uint32_t dice(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static uint32_t (*volatile again)(uint32_t);
static uint32_t deep(uint32_t n) { return n ? again(n - 1) + 1 : (rille_sleep(20), 0); }

RILLE_ENTRY(victim)(int64_t luck) {
    static char data[5000];
    seed = (uint32_t)luck;
    again = deep;
    switch (dice(10)) {
    case 0: rille_sleep(dice(5000)); break;
    case 1: for (volatile uint32_t i = 0; i < 200000; i++) {} break;
    case 2: deep(dice(5000)); break;
    case 3: memset(malloc(300000), 1, 300000); break;
    case 4: rille_send(rille_self() - dice(100), 1, data, dice(sizeof data)); break;
    case 5: rille_message_create_data(1, 8), rille_timer_send_after(rille_self(), dice(100)); break;
    case 6: rille_process_link(1, rille_self() > 200 ? rille_self() - 1 - dice(50) : 2); break;
    case 7: if (!dice(4)) __builtin_trap(); break;
    default: break;
    }
    data[dice(sizeof data)] = 1;
    for (;;) rille_receive(-1);
}

int main(int argc, char **argv) {
    uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000;
    time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 5), said = 0;
    seed = argc > 3 ? (uint32_t)atoi(argv[3]) : 1;
    rille_process_die_when_link_dies(0);
    int64_t *id = calloc(count, sizeof *id);
    uint32_t rounds = 0;
    for (uint32_t i = 0; i < count; i++) id[i] = rille_spawn("victim", dice(1u << 24));
    while (time(NULL) < end) {
        for (uint32_t i = 0; i < 2000; i++) {
            uint32_t who = dice(count);
            if (dice(3)) rille_process_kill(id[who]);
            if (!rille_process_exists(id[who]) || dice(2)) {
                rille_process_kill(id[who]);
                if (!(id[who] = rille_spawn("victim", dice(1u << 24)))) return fprintf(stderr, "cannot spawn\n"), 1;
            }
        }
        rille_sleep(0);
        rounds++;
        if (time(NULL) == said) continue;
        said = time(NULL);
        printf("round %u\n", (unsigned)rounds);
        fflush(stdout);
    }
    for (uint32_t i = 0; i < count; i++) rille_process_kill(id[i]);
    for (uint32_t i = 0; i < count; i++)
        while (rille_process_exists(id[i])) rille_sleep(1);
    puts("over");
    fflush(stdout);
    getchar();
    return 0;
}
