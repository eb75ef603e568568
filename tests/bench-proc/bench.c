/* Costs of process operations, measured inside the guest: bench NAME COUNT [MEMBERS]. Prints nanoseconds per operation.
 * tests/bench-proc/run compiles it and counts instructions, system calls and page faults besides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rille_guest.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int64_t receive_word(void) {
    int64_t v = 0;
    rille_receive(-1);
    rille_read(&v, sizeof v);
    return v;
}
static void send_word(int64_t to, int64_t v) { rille_send(to, 1, &v, sizeof v); }

/* ---- spawn: a child sends one message and ends ---- */
RILLE_ENTRY(one)(int64_t parent) { send_word(parent, 1); }
static void bench_spawn(int64_t n, int64_t members) {
    (void)members;
    for (int64_t i = 0; i < n; i++) {
        rille_spawn("one", rille_self());
        receive_word();
    }
}

/* ---- wave: members children at a time ---- */
static void bench_wave(int64_t n, int64_t members) {
    for (int64_t i = 0; i < n; i += members) {
        for (int64_t j = 0; j < members; j++) rille_spawn("one", rille_self());
        for (int64_t j = 0; j < members; j++) receive_word();
    }
}

/* ---- ping: there and back ---- */
RILLE_ENTRY(echo)(int64_t parent) {
    while (receive_word()) send_word(parent, 1);
}
static void bench_ping(int64_t n, int64_t members) {
    (void)members;
    int64_t peer = rille_spawn("echo", rille_self());
    for (int64_t i = 0; i < n; i++) {
        send_word(peer, 1);
        receive_word();
    }
    send_word(peer, 0);
}

/* ---- ring: a count goes round until it is 0 ---- */
RILLE_ENTRY(member)(int64_t next) {
    for (int64_t v; (v = receive_word()) >= 0;) send_word(next, v ? v - 1 : -1);
    send_word(next, -1);
}
static void bench_ring(int64_t n, int64_t members) {
    int64_t next = rille_self();
    for (int64_t i = 1; i < members; i++) next = rille_spawn("member", next);
    double start = now();
    send_word(next, n);
    for (int64_t v; (v = receive_word()) > 0;) send_word(next, v - 1);
    printf("without spawning: %.1f ns\n", (now() - start) / (double)n);
    send_word(next, -1);
}

/* ---- fan: members senders, one receiver ---- */
RILLE_ENTRY(source)(int64_t parent) {
    for (int64_t n = receive_word(); n > 0; n--) send_word(parent, 1);
}
static void bench_fan(int64_t n, int64_t members) {
    for (int64_t i = 0; i < members; i++) send_word(rille_spawn("source", rille_self()), n / members);
    for (int64_t i = 0; i < n / members * members; i++) receive_word();
}

/* ---- idle: members that wait, for looking at memory from outside ---- */
RILLE_ENTRY(idler)(int64_t parent) {
    send_word(parent, 1);
    receive_word();
}
static void bench_idle(int64_t n, int64_t members) {
    for (int64_t i = 0; i < members; i++) {
        rille_spawn("idler", rille_self());
        receive_word();
    }
    rille_process_sleep_ms(n);
}

/* ---- spin: members that compute, for stealing ---- */
RILLE_ENTRY(cruncher)(int64_t parent) {
    static volatile uint32_t x;
    for (uint32_t i = 0; i < 20000000; i++) x = x * 3 + i;
    send_word(parent, 1);
}
static void bench_crunch(int64_t n, int64_t members) {
    (void)n;
    for (int64_t i = 0; i < members; i++) rille_spawn("cruncher", rille_self());
    for (int64_t i = 0; i < members; i++) receive_word();
}

int main(int argc, char **argv) {
    static const struct { const char *name; void (*run)(int64_t, int64_t); } all[] = {
        {"spawn", bench_spawn}, {"wave", bench_wave}, {"ping", bench_ping}, {"ring", bench_ring},
        {"fan", bench_fan}, {"idle", bench_idle}, {"crunch", bench_crunch},
    };
    int64_t n = argc > 2 ? atoll(argv[2]) : 100000, members = argc > 3 ? atoll(argv[3]) : 1000;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (argc < 2 || strcmp(argv[1], all[i].name)) continue;
        double start = now();
        all[i].run(n, members);
        printf("%s: %.1f ns\n", argv[1], (now() - start) / (double)n);
        return 0;
    }
    fprintf(stderr, "usage: bench spawn|wave|ping|ring|fan|idle|crunch COUNT [MEMBERS]\n");
    return 2;
}
