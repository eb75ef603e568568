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
    } else {
        return 2;
    }
}
