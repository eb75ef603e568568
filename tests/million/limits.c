/* Does what standard input says, a word a line, and answers with a line each: for tests/million/limits, which takes memory
 * and descriptors away meanwhile. */
#include <fcntl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rille_guest.h"

static int64_t word(int64_t timeout) {
    int64_t v = -1;
    if (rille_receive(timeout) == RILLE_DATA) rille_read(&v, sizeof v);
    return v;
}

RILLE_ENTRY(idler)(int64_t unused) {
    (void)unused;
    rille_receive(-1);
}
static int32_t (*volatile again)(int32_t);
static int32_t down(int32_t n) { return n ? again(n - 1) + 1 : 0; }
RILLE_ENTRY(diver)(int64_t parent) {
    again = down;
    int64_t depth = down(5000);
    rille_send(parent, 1, &depth, sizeof depth);
}
RILLE_ENTRY(answerer)(int64_t parent) {
    int64_t v = 7;
    rille_send(parent, 1, &v, sizeof v);
}

static int32_t spawn(const char *entry, int64_t *id) {
    int64_t self = rille_self();
    uint8_t parameter[17] = {0x7e};
    memcpy(parameter + 1, &self, sizeof self);
    return rille_process_spawn(0, RILLE_SAME, RILLE_SAME, rille_address(entry), (int32_t)strlen(entry), rille_address(parameter),
                               sizeof parameter, rille_address(id));
}
static const char *why(int64_t error) {
    static char text[400];
    uint32_t n = (uint32_t)rille_error_string_size(error);
    if (n >= sizeof text) n = 0;
    if (n) rille_error_to_string(error, rille_address(text));
    text[n] = 0;
    rille_error_drop(error);
    return text;
}

static void many(void) {
    int64_t id, first = 0, last = 0;
    int n = 0;
    while (n < 100000) {
        if (spawn("idler", &id)) break;
        if (!n++) first = id;
        last = id;
    }
    printf("many %d: %s\n", n, n < 100000 ? why(id) : "no end");
    for (int64_t i = first; n && i <= last; i++) rille_process_kill(i);
    for (int64_t i = first; n && i <= last; i++)
        while (rille_process_exists(i)) rille_sleep(1);
}
static void one(const char *entry) {
    int64_t id, got;
    if (spawn(entry, &id)) {
        printf("%s: %s\n", entry, why(id));
        return;
    }
    rille_process_monitor(id);
    got = word(5000);
    printf("%s: %lld\n", entry, (long long)got); /* -1: it died */
    if (got >= 0) rille_receive(5000);
}
static void grow(void) {
    void *p = malloc(200u << 20);
    printf("grow: %s\n", p ? "done" : "refused");
    free(p);
}
static void files(void) {
    int fd = open("file", O_CREAT | O_RDWR, 0600);
    printf("open: %s\n", fd < 0 ? strerror(errno) : "done");
    if (fd >= 0) close(fd);
}

int main(void) {
    char line[40];
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        switch (line[0]) {
        case 'm': many(); break;
        case 'd': one("diver"); break;
        case 'a': one("answerer"); break;
        case 'g': grow(); break;
        case 'o': files(); break;
        }
        fflush(stdout);
    }
    return 0;
}
