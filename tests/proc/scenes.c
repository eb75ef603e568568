/* A program of many small scenes for tests/proc/run; the first argument names the one to play. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rille_guest.h"

static void say(const char *text) {
    write(1, text, strlen(text));
    write(1, "\n", 1);
}

/* reads standard input to its end and echoes it */
RILLE_ENTRY(reader)(int64_t parent) {
    char buffer[100];
    ssize_t n;
    while ((n = read(0, buffer, sizeof buffer)) > 0) write(1, buffer, (size_t)n);
    rille_send(parent, 0, "", 0);
}
RILLE_ENTRY(sleeper)(int64_t unused) {
    (void)unused;
    rille_process_sleep_ms(3600000);
}
RILLE_ENTRY(faulty)(int64_t unused) {
    (void)unused;
    const char *name = "string/json/Process/the-faulty-one";
    rille_registry_put(rille_address(name), (int32_t)strlen(name), 0, rille_self());
    __builtin_trap();
}
RILLE_ENTRY(leaver)(int64_t status) { _Exit((int)status); }
RILLE_ENTRY(lacking)(int64_t unused) {
    (void)unused;
    rille_distributed_test_root_cert(0);
}
RILLE_ENTRY(linked)(int64_t to) {
    rille_process_link(1, to);
    rille_process_sleep_ms(3600000);
}
RILLE_ENTRY(taker)(int64_t unused) {
    (void)unused;
    for (;;) rille_receive(RILLE_FOREVER);
}
RILLE_ENTRY(spinner)(int64_t unused) {
    (void)unused;
    for (volatile int i = 0;; i++) {}
}

/* the module in child.wasm, compiled */
static int64_t child_module(void) {
    static uint8_t bytes[4096];
    int64_t id = -1;
    FILE *f = fopen("child.wasm", "rb");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    rille_process_compile_module(rille_address(bytes), (int32_t)n, rille_address(&id));
    return id;
}
static int32_t spawn_child(int64_t link, int64_t *id) {
    return rille_process_spawn(link, RILLE_SAME, child_module(), rille_address("entry"), 5, 0, 0, rille_address(id));
}
RILLE_ENTRY(spawner)(int64_t link) {
    int64_t id;
    rille_send(1, 1, "", 0);
    spawn_child(link, &id);
    rille_send(1, 2, "", 0);
    rille_receive_tag(99, RILLE_FOREVER);
}
RILLE_ENTRY(namer)(int64_t unused) {
    int64_t node, id;
    int32_t result = rille_process_get_or_spawn(rille_address("the child"), 9, 0, RILLE_SAME, child_module(),
                                                rille_address("entry"), 5, 0, 0, rille_address(&node), rille_address(&id));
    (void)unused;
    rille_send(1, 20 + result, "", 0);
}

RILLE_ENTRY(dozer)(int64_t to) {
    rille_process_sleep_ms(600);
    rille_send(to, 0, "", 0);
}
/* compiles this program again and again */
static uint8_t own_bytes[1 << 20];
static int64_t compile_own(void) {
    int64_t id = -1;
    FILE *f = fopen("scenes.wasm", "rb");
    size_t n = f ? fread(own_bytes, 1, sizeof own_bytes, f) : 0;
    int32_t failed = rille_process_compile_module(rille_address(own_bytes), (int32_t)n, rille_address(&id));
    if (f) fclose(f);
    return failed ? -1 : id;
}
RILLE_ENTRY(compiler)(int64_t to) {
    for (;;) {
        int64_t id = compile_own();
        rille_send(to, id + 1, "", 0);
        rille_process_drop_module(id);
    }
}

/* ---- for looking at from outside ---- */

RILLE_ENTRY(named_waiter)(int64_t peer) {
    const char *name = "string/json/Process/the \x1b[31mwaiter";
    rille_registry_put(rille_address(name), (int32_t)strlen(name), 0, rille_self());
    rille_process_link(1, peer);
    rille_send(1, 1, "", 0);
    rille_receive_tag(99, RILLE_FOREVER);
}

/* ---- time in slices: 64 spin, and each leaves a tick with the clock whenever it has had about a slice. The clock spins,
 * too, so that nothing wakes it; the order of what is in its mailbox at the end is the order of events. ---- */

#define SLICE 20000 /* instructions, what --slice is unless given */
enum { TICK = 1, ASKED = 2, ANSWERED = 3, READY = 4, QUESTION = 5, DONE = 6 };

RILLE_ENTRY(ticker)(int64_t clock) {
    for (;;) {
        for (volatile int i = 0; i < SLICE / 6; i++) {} /* six instructions a round */
        rille_send(clock, TICK, "", 0);
    }
}
/* asks the 65th now and then, and spins on whatever comes */
static struct { int64_t answerer, workers; } told;
RILLE_ENTRY(asker)(int64_t clock) {
    rille_receive_tag(READY, RILLE_FOREVER);
    rille_read(&told, sizeof told);
    for (int n = 0; n < 40; n++) {
        for (volatile int i = 0; i < SLICE / 6 * 3 + n * 97; i++) {} /* asks at any point of a slice */
        rille_send(clock, ASKED, "", 0);
        /* one that never ran is as good; with more workers the others' slices would count how long it takes to make one */
        if (told.workers == 1 && n % 2) rille_spawn("newborn", clock);
        else rille_send(told.answerer, QUESTION, "", 0);
        for (volatile int i = 0; i < SLICE / 6 * 4; i++) {} /* does not give way to the 65th */
    }
    rille_send(clock, DONE, "", 0);
    for (volatile int i = 0;; i++) {}
}
RILLE_ENTRY(answerer)(int64_t clock) {
    for (;;) {
        rille_receive_tag(QUESTION, RILLE_FOREVER);
        rille_send(clock, ANSWERED, "", 0);
    }
}
RILLE_ENTRY(newborn)(int64_t clock) { rille_send(clock, ANSWERED, "", 0); }
/* prints how many questions were answered, and how many of them after more ticks than two for each worker */
RILLE_ENTRY(clock_of_slices)(int64_t workers) {
    int answers = 0, asked = 0, ticks = 0, late = 0;
    while (rille_receive_tag(DONE, 0) == RILLE_TIMED_OUT)
        for (volatile int i = 0; i < SLICE; i++) {}
    while (rille_receive(0) == RILLE_DATA) {
        int64_t tag = rille_message_get_tag();
        if (tag == ASKED) asked = 1, ticks = 0;
        if (tag == TICK) ticks += asked;
        if (tag != ANSWERED || !asked) continue;
        late += ticks > 2 * workers;
        answers++;
        asked = 0;
    }
    printf("%d answers, %d late\n", answers, late);
    fflush(stdout);
    rille_send(1, 1, "", 0);
}
static void play_65th(int64_t workers) {
    int64_t clock = rille_spawn("clock_of_slices", workers), answers = rille_spawn("answerer", clock);
    int64_t asks = rille_spawn("asker", clock), ready[2] = {answers, workers};
    for (int i = 0; i < 62; i++) rille_spawn("ticker", clock);
    rille_send(asks, READY, ready, sizeof ready);
    rille_receive(RILLE_FOREVER);
}

/* ---- the eldest of those that never ran has its turn, although there are always younger ones, more than can run ---- */

RILLE_ENTRY(eldest)(int64_t parent) { rille_send(parent, 1, "", 0); }
RILLE_ENTRY(busy)(int64_t unused) {
    (void)unused;
    for (volatile int i = 0; i < SLICE; i++) {}
}
RILLE_ENTRY(fountain)(int64_t unused) {
    (void)unused;
    for (;;) rille_spawn("busy", 0);
}
static void play_eldest(void) {
    rille_spawn("eldest", rille_self());
    rille_spawn("fountain", 0);
    for (volatile int i = 0; i < SLICE; i++) {} /* there are younger ones before anybody has to wait for us */
    rille_receive(RILLE_FOREVER);
    say("the eldest ran");
}

/* ---- programs of many shapes, none of which ends by itself ---- */

RILLE_ENTRY(storm)(int64_t depth) {
    for (;;) rille_process_sleep_ms(rille_spawn(depth ? "storm" : "sleeper", depth - 1) % 2);
}
RILLE_ENTRY(echo)(int64_t unused) {
    (void)unused;
    for (;;) {
        int64_t from = 0;
        rille_receive(RILLE_FOREVER);
        rille_read(&from, sizeof from);
        int64_t me = rille_self();
        rille_send(from, 1, &me, sizeof me);
    }
}
static void ping(int64_t peer) {
    int64_t me = rille_self();
    for (;;) {
        rille_send(peer, 1, &me, sizeof me);
        rille_receive(RILLE_FOREVER);
    }
}
RILLE_ENTRY(pinger)(int64_t peer) { ping(peer); }
static int deep(volatile int n) { return n ? deep(n - 1) + 1 : 0; }

/* False: no such shape. */
static int take_shape(const char *shape) {
    static char block[1 << 20];
    if (!strcmp(shape, "storm")) rille_spawn("storm", 3), rille_receive(RILLE_FOREVER);
    else if (!strcmp(shape, "ping")) ping(rille_spawn("echo", 0));
    else if (!strcmp(shape, "pings")) {
        for (int i = 0; i < 50; i++) rille_spawn("pinger", rille_spawn("echo", 0));
        rille_receive(RILLE_FOREVER);
    } else if (!strcmp(shape, "copy")) for (;;) memmove(block, block + 1, sizeof block - 1);
    else if (!strcmp(shape, "deep")) for (;;) deep(1000);
    else if (!strcmp(shape, "flood")) for (int n = 0;; n++) rille_send(rille_self(), 1, block, n < 100000 ? 1 : 0), n < 1000000 || rille_receive(0);
    else if (!strcmp(shape, "chatter")) for (;;) write(1, block, sizeof block); /* into a pipe nobody reads */
    else if (!strcmp(shape, "read")) read(0, block, 1);
    else if (!strcmp(shape, "yield")) for (;;) rille_process_sleep_ms(0);
    else return 0;
    return 1;
}

/* ---- the end of others: whoever is watched says so when it dies ---- */

static void kill_one(const char *entry) {
    int64_t id = rille_spawn(entry, rille_self());
    rille_process_monitor(id);
    for (volatile int i = 0; i < SLICE * 3; i++) {} /* by then it does what it does */
    rille_process_kill(id);
    printf("%s: %s\n", entry, rille_receive(RILLE_FOREVER) == RILLE_PROCESS_DIED && !rille_process_exists(id) ? "gone" : "there");
}
RILLE_ENTRY(receiver)(int64_t unused) {
    (void)unused;
    rille_receive_tag(99, RILLE_FOREVER);
}
RILLE_ENTRY(catcher)(int64_t unused) { /* a spinner that cannot be told from one that works */
    (void)unused;
    for (;;) rille_process_exists(1);
}
static void play_kill(void) {
    static const char *const all[] = {"spinner", "sleeper", "receiver", "reader", "catcher"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) kill_one(all[i]);
    int64_t busy = rille_spawn("echo", 0), id = rille_spawn("pinger", busy);
    rille_process_monitor(id);
    rille_process_sleep_ms(1);
    rille_process_kill(id);
    printf("pinger: %s\n", rille_receive(RILLE_FOREVER) == RILLE_PROCESS_DIED ? "gone" : "there");
}

/* says something at once, and again much later; and something when it has been given much and left it for long */
RILLE_ENTRY(twice)(int64_t parent) {
    rille_send(parent, 1, "", 0);
    rille_process_sleep_ms(300);
    rille_send(parent, 1, "", 0);
}
RILLE_ENTRY(hoarder)(int64_t parent) {
    rille_process_sleep_ms(300);
    rille_send(parent, 1, "", 0);
    rille_process_sleep_ms(3600000);
}
/* A wait without an end has none, whatever came before it: a wait with one, or a moment's sleep because a mailbox was
 * half full. */
static void play_patient(void) {
    static char lump[100000];
    rille_spawn("twice", rille_self());
    printf("%d", rille_receive(100));
    printf(" %d\n", rille_receive(RILLE_FOREVER));
    rille_spawn("spinner", 0); /* wants a worker for itself */
    rille_spawn("spinner", 0);
    rille_process_sleep_ms(20);
    int64_t id = rille_spawn("hoarder", rille_self());
    for (int i = 0; i < 7; i++) {
        rille_send(id, 1, lump, sizeof lump);
        for (volatile int k = 0; k < 100; k++) {}
    }
    printf("%d\n", rille_receive(RILLE_FOREVER));
}

static void wait_gone(int64_t id) {
    while (rille_process_exists(id)) rille_process_sleep_ms(1);
}

int main(int argc, char **argv) {
    const char *scene = argc > 1 ? argv[1] : "";
    if (!strcmp(scene, "stdin")) { /* another process goes on while one waits for input */
        rille_spawn("reader", rille_self());
        rille_process_sleep_ms(100);
        say("not blocked");
        rille_receive(RILLE_FOREVER);
        say("end of input");
    } else if (!strcmp(scene, "kill-stdin")) {
        int64_t id = rille_spawn("reader", rille_self());
        rille_process_sleep_ms(50);
        rille_process_kill(id);
        wait_gone(id);
        say("killed while reading");
    } else if (!strcmp(scene, "eldest")) {
        play_eldest();
    } else if (!strcmp(scene, "fault")) {
        wait_gone(rille_spawn("faulty", 0));
    } else if (!strcmp(scene, "leave")) {
        wait_gone(rille_spawn("leaver", 7));
        wait_gone(rille_spawn("leaver", 0));
    } else if (!strcmp(scene, "absent")) {
        wait_gone(rille_spawn("lacking", 0));
    } else if (!strcmp(scene, "entry")) {
        wait_gone(rille_spawn("no such entry", 0));
    } else if (!strcmp(scene, "link")) {
        int64_t id = rille_spawn("faulty", 0);
        wait_gone(rille_spawn("linked", id));
    } else if (!strcmp(scene, "sleep")) {
        rille_spawn("sleeper", 0);
        rille_receive(RILLE_FOREVER);
    } else if (!strcmp(scene, "spin")) {
        for (int i = 0; i < 20; i++) rille_spawn("spinner", 0);
        rille_receive(RILLE_FOREVER);
    } else if (!strcmp(scene, "self-kill")) {
        rille_process_kill(rille_self());
        rille_receive(RILLE_FOREVER);
    } else if (!strcmp(scene, "many")) { /* alive at once, then gone */
        int n = atoi(argv[2]);
        for (int i = 0; i < n; i++) rille_spawn("sleeper", 0);
        printf("%lld spawned\n", (long long)rille_spawn("sleeper", 0) - 1);
    } else if (!strcmp(scene, "late")) { /* whoever stops us meanwhile, the earlier deadline comes first */
        rille_spawn("dozer", rille_self());
        printf("%d\n", rille_receive(300));
        printf("%d\n", rille_receive(5000));
    } else if (!strcmp(scene, "compile")) { /* processes wait for the compiler, and nobody else does */
        int64_t id[20];
        for (int i = 0; i < 20; i++) id[i] = rille_spawn("compiler", rille_self());
        for (int i = 0; i < 50; i++) {
            rille_receive(RILLE_FOREVER);
            if (rille_message_get_tag() < 1) return 3;
        }
        for (int i = 0; i < 20; i++, rille_process_sleep_ms(1)) rille_process_kill(id[i]);
        for (int i = 0; i < 20; i++) wait_gone(id[i]);
        int64_t child;
        if (rille_process_spawn(0, RILLE_SAME, compile_own(), rille_address("faulty"), 6, 0, 0, rille_address(&child))) return 4;
        puts("compiled");
    } else if (!strcmp(scene, "start")) { /* spawn waits for a start function that waits; others run meanwhile */
        int64_t id = rille_spawn("spawner", 1);
        for (int i = 0; i < 4; i++) {
            rille_receive(RILLE_FOREVER);
            printf("%lld ", (long long)rille_message_get_tag());
        }
        printf("child %d\n", rille_process_exists(id + 1));
    } else if (!strcmp(scene, "start-kill")) { /* its spawner is killed: the child never comes to life */
        int64_t id = rille_spawn("spawner", 0);
        rille_receive(RILLE_FOREVER);
        rille_process_sleep_ms(10);
        rille_process_kill(id);
        printf("then %d\n", rille_receive(200));
    } else if (!strcmp(scene, "start-name")) { /* two want the name at once: one spawns, the other waits and finds it */
        rille_spawn("namer", 0);
        rille_spawn("namer", 0);
        for (int i = 0; i < 4; i++) {
            rille_receive(RILLE_FOREVER);
            printf("%lld ", (long long)rille_message_get_tag());
        }
        puts("");
    } else if (!strcmp(scene, "start-name-kill")) { /* who reserved it is killed: the name is free */
        int64_t id = rille_spawn("namer", 0);
        rille_process_sleep_ms(10);
        rille_process_kill(id);
        rille_spawn("namer", 0);
        for (int i = 0; i < 3; i++) {
            rille_receive(RILLE_FOREVER);
            printf("%lld ", (long long)rille_message_get_tag());
        }
        puts("");
    } else if (!strcmp(scene, "inside")) {
        int64_t id = rille_spawn("named_waiter", rille_spawn("sleeper", 0));
        rille_receive(RILLE_FOREVER);
        rille_send(id, 1, "", 0);
        rille_send(id, 1, "", 0);
        rille_spawn("spinner", 0);
        for (int i = 0; i < 3; i++) rille_spawn("sleeper", 0);
        say("ready");
        rille_receive(RILLE_FOREVER);
    } else if (!strcmp(scene, "overflow")) { /* who never receives ends; who does keeps up with a fast sender */
        static char lump[1000];
        int64_t id = rille_spawn(argv[2], 0), n = 0;
        rille_process_monitor(id);
        while (n < 100000 && rille_process_exists(id)) rille_send(id, 1, lump, sizeof lump), n++;
        printf("%s after %s\n", rille_process_exists(id) ? "alive" : "gone", n == 100000 ? "all" : n > 900 ? "a megabyte" : "too few");
    } else if (!strcmp(scene, "65th")) {
        play_65th(atoi(argv[2]));
    } else if (!strcmp(scene, "patient")) {
        play_patient();
    } else if (!strcmp(scene, "kill")) {
        play_kill();
    } else {
        return take_shape(scene) ? 0 : 2;
    }
}
