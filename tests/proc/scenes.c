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
RILLE_ENTRY(networker)(int64_t unused) {
    (void)unused;
    rille_networking_tcp_flush(0, 0);
}
RILLE_ENTRY(linked)(int64_t to) {
    rille_process_link(1, to);
    rille_process_sleep_ms(3600000);
}
RILLE_ENTRY(spinner)(int64_t unused) {
    (void)unused;
    for (volatile int i = 0;; i++) {}
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
        wait_gone(rille_spawn("networker", 0));
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
    } else {
        return 2;
    }
}
