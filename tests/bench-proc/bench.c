/* Costs of process operations, measured inside the guest: bench NAME COUNT [MEMBERS]. Prints nanoseconds per operation.
 * bench.rs, bench.go and bench.erl beside it do the same under the same names; tools/bench --only processes compares
 * them, and tests/bench-proc/run counts instructions, system calls and page faults of this one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wasi/api.h>

#define RILLE_RAW
#include "rille_guest.h"

static double began, ended; /* of what is measured; a benchmark may leave out its preparations */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int64_t receive_word(void) {
    int64_t v = 0;
    rille_receive(RILLE_FOREVER);
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

/* ---- cross: the same while neither ever sleeps, so that each keeps a core and every message crosses ---- */
static int64_t poll_word(void) {
    int64_t v = 0;
    while (rille_receive(0) != RILLE_DATA) {}
    rille_read(&v, sizeof v);
    return v;
}
RILLE_ENTRY(poller)(int64_t parent) {
    while (poll_word()) send_word(parent, 1);
}
static void bench_cross(int64_t n, int64_t members) {
    (void)members;
    int64_t peer = rille_spawn("poller", rille_self());
    for (int64_t i = -n / 10; i < n; i++) {
        if (!i) began = now(); /* by then they are apart */
        send_word(peer, 1);
        poll_word();
    }
    send_word(peer, 0);
}

/* ---- pairs: many pairs play ping at once ---- */
RILLE_ENTRY(player)(int64_t parent) {
    int64_t n = receive_word();
    bench_ping(n, 0);
    send_word(parent, 1);
}
static void bench_pairs(int64_t n, int64_t members) {
    for (int64_t i = 0; i < members; i++) send_word(rille_spawn("player", rille_self()), n / members);
    for (int64_t i = 0; i < members; i++) receive_word();
}

/* ---- ring: a count goes round until it is 0; the members outlive the measurement ---- */
RILLE_ENTRY(member)(int64_t next) {
    for (;;) send_word(next, receive_word() - 1);
}
static void bench_ring(int64_t n, int64_t members) {
    int64_t next = rille_self();
    for (int64_t i = 1; i < members; i++) next = rille_spawn("member", next);
    send_word(next, members); /* once round, so that all have started */
    for (int64_t v; (v = receive_word()) > members;) send_word(next, v - 1);
    began = now();
    send_word(next, n);
    for (int64_t v; (v = receive_word()) > 0;) send_word(next, v - 1);
    ended = now();
}

/* ---- fan: members senders, one receiver ---- */
RILLE_ENTRY(source)(int64_t parent) {
    for (int64_t n = receive_word(); n > 0; n--) send_word(parent, 1);
}
static void bench_fan(int64_t n, int64_t members) {
    for (int64_t i = 0; i < members; i++) send_word(rille_spawn("source", rille_self()), n / members);
    for (int64_t i = 0; i < n / members * members; i++) receive_word();
}

/* ---- unread: n messages lie in the mailbox before the first is received, in order ---- */
static void bench_unread(int64_t n, int64_t members) {
    (void)members;
    for (int64_t i = 0; i < n; i++) send_word(rille_self(), i);
    for (int64_t i = 0; i < n; i++)
        if (receive_word() != i) abort();
}

/* ---- selective: an answer by its tag, with members unread messages in front of it ---- */
RILLE_ENTRY(answerer)(int64_t parent) {
    for (int64_t v; (v = receive_word());) rille_send(parent, 2, &v, sizeof v);
}
static int64_t start_selective(int64_t members) {
    int64_t peer = rille_spawn("answerer", rille_self());
    for (int64_t i = 0; i < members; i++) send_word(rille_self(), 1);
    rille_receive_tag(2, 0); /* what has arrived is now in the mailbox, everywhere */
    began = now();
    return peer;
}
static void bench_selective(int64_t n, int64_t members) {
    int64_t peer = start_selective(members);
    for (int64_t i = 0; i < n; i++) {
        send_word(peer, 1);
        rille_receive_tag(2, RILLE_FOREVER);
    }
}
/* ---- call: the same, but only what comes after the question can be the answer ---- */
static void bench_call(int64_t n, int64_t members) {
    int64_t peer = start_selective(members), v = 1;
    for (int64_t i = 0; i < n; i++) {
        rille_message_create_data(1, sizeof v);
        rille_message_write_data(rille_address(&v), sizeof v);
        rille_message_send_receive_skip_search(peer, 2, RILLE_FOREVER);
    }
}

/* ---- cancel: a timer is set and called off ---- */
static int64_t send_after(int64_t ms) {
    rille_message_create_data(1, 0);
    return rille_timer_send_after(rille_self(), ms);
}
static void bench_cancel(int64_t n, int64_t members) {
    (void)members;
    for (int64_t i = 0; i < n; i++) rille_timer_cancel_timer(send_after(3600000));
}
/* ---- fire: n timers of a millisecond, and their messages ---- */
static void bench_fire(int64_t n, int64_t members) {
    (void)members;
    for (int64_t i = 0; i < n; i++) send_after(1);
    for (int64_t i = 0; i < n; i++) rille_receive(RILLE_FOREVER);
}

/* ---- skynet: a tree of tens down to n leaves, summed up ---- */
static void sky_spawn(int64_t parent, int64_t number, int64_t size) {
    const int64_t words[] = {parent, number, size};
    uint8_t parameters[3 * 17];
    int64_t id;
    for (int i = 0; i < 3; i++) {
        parameters[17 * i] = 0x7e;
        memset(parameters + 17 * i + 1, 0, 16);
        memcpy(parameters + 17 * i + 1, &words[i], 8);
    }
    rille_process_spawn(0, RILLE_SAME, RILLE_SAME, rille_address("sky"), 3, rille_address(parameters), sizeof parameters,
                        rille_address(&id));
}
RILLE_ENTRY(sky)(int64_t parent, int64_t number, int64_t size) {
    int64_t sum = 0;
    if (size == 1) {
        send_word(parent, number);
        return;
    }
    for (int64_t i = 0; i < 10; i++) sky_spawn(rille_self(), number + i * (size / 10), size / 10);
    for (int64_t i = 0; i < 10; i++) sum += receive_word();
    send_word(parent, sum);
}
static void bench_skynet(int64_t n, int64_t members) {
    (void)members;
    sky_spawn(rille_self(), 0, n);
    if (receive_word() != n * (n - 1) / 2) abort();
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
    puts("ready");
    fflush(stdout);
    rille_sleep(n);
}

/* ---- spin: members that compute and never wait; how late another wakes from a millisecond's sleep and has an answer ---- */
RILLE_ENTRY(spinner)(int64_t unused) {
    (void)unused;
    for (volatile uint32_t x = 0;;) x++;
}
static void bench_spin(int64_t n, int64_t members) {
    int64_t peer = rille_spawn("echo", rille_self());
    for (int64_t i = 0; i < members; i++) rille_spawn("spinner", 0);
    began = now();
    for (int64_t i = 0; i < n; i++) {
        rille_sleep(1);
        send_word(peer, 1);
        receive_word();
    }
    ended = now() - (double)n * 1e6;
}

/* ---- crunch: members that compute, for stealing ---- */
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

/* ---- kernel: children whose memory the system writes to ---- */
RILLE_ENTRY(asker)(int64_t parent) {
    uint8_t *b = malloc(10000);
    send_word(parent, __wasi_random_get(b + 4000, 5000) ? 0 : 1 + b[4000]);
}
static void bench_kernel(int64_t n, int64_t members) {
    (void)members;
    for (int64_t i = 0; i < n; i++) {
        rille_spawn("asker", rille_self());
        if (!receive_word()) abort();
    }
}

#define ALL(X) X(spawn) X(wave) X(kernel) X(ping) X(cross) X(pairs) X(ring) X(fan) X(unread) X(selective) X(call) X(cancel) X(fire) \
    X(skynet) X(idle) X(spin) X(crunch)

int main(int argc, char **argv) {
    static const struct { const char *name; void (*run)(int64_t, int64_t); } all[] = {
#define ROW(name) {#name, bench_##name},
        ALL(ROW)
#undef ROW
    };
    int64_t n = argc > 2 ? atoll(argv[2]) : 100000, members = argc > 3 ? atoll(argv[3]) : 1000;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (argc < 2 || strcmp(argv[1], all[i].name)) continue;
        began = now();
        all[i].run(n, members);
        if (!ended) ended = now();
        printf("%s: %.1f ns\n", argv[1], (ended - began) / (double)n);
        return 0;
    }
#define NAME(name) #name "|"
    fprintf(stderr, "usage: bench " ALL(NAME) " COUNT [MEMBERS]\n");
    return 2;
}
