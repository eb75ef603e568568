// The guest of tests/net/run for databases in trouble: queries without an end, a disk that is full.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rille_guest.h"

#define SAY(...) (printf(__VA_ARGS__), putchar('\n'), fflush(stdout))

__attribute__((export_name("lunatic_alloc"))) void *lunatic_alloc(uint32_t size) { return malloc(size ? size : 1); }

static int64_t open_db(const char *path) {
    uint64_t id = 0;
    if (rille_sqlite_open(rille_address(path), (int)strlen(path), rille_address(&id))) SAY("open: failed"), exit(1);
    return (int64_t)id;
}
static int execute(int64_t db, const char *sql) { return rille_sqlite_execute(db, rille_address(sql), (int)strlen(sql)); }
static int step(int64_t db, const char *sql) {
    int64_t s = rille_sqlite_query_prepare(db, rille_address(sql), (int)strlen(sql));
    int result = rille_sqlite_sqlite3_step(s);
    rille_sqlite_sqlite3_finalize(s);
    return result;
}
// What went wrong last: whether there is a code, the code, whether there is a text, its length (8 bytes) and the text.
static void last_error(int64_t db, const char *label, int rc) {
    uint64_t n = 0;
    const uint8_t *at = (const uint8_t *)(intptr_t)rille_sqlite_last_error(db, rille_address(&n));
    SAY("%s: %d, %.*s", label, rc, (int)at[6], at + 14);
}

#define NUMBERS "with recursive n(i) as (select 1 union all select i + 1 from n%s) select count(*) from n"
static const char *numbers(const char *limit) {
    static char text[200];
    snprintf(text, sizeof text, NUMBERS, limit);
    return text;
}

RILLE_ENTRY(endless)(int64_t crowd) {
    int64_t db = open_db(":memory:");
    int rc = execute(db, numbers(""));
    if (!crowd) SAY("the query came to its end");
    else if (rc != 9) last_error(db, "evicted", rc);
}

int main(int argc, char **argv) {
    const char *scene = argc > 1 ? argv[1] : "";
    int number = argc > 2 ? atoi(argv[2]) : 0;
    if (!strcmp(scene, "endless")) {
        int64_t p[300], db = open_db(":memory:");
        for (int i = 0; i < number; i++) p[i] = rille_spawn("endless", 0);
        rille_sleep(500);
        SAY("so many");
        SAY("mine: %d", step(db, "select 1"));
        for (int i = 0; i < number; i++) rille_process_kill(p[i]);
        SAY("killed");
        SAY("mine: %d", step(db, "select 1"));
        getchar();
    } else if (!strcmp(scene, "crowd")) {
        int64_t p[500], db = open_db(":memory:");
        for (int i = 0; i < number; i++) p[i] = rille_spawn("endless", 1);
        rille_sleep(1000);
        for (int i = 0; i < 3; i++) SAY("mine: %d", step(db, "select 1"));
        int left = 0;
        for (int i = 0; i < number; i++) left += rille_process_exists(p[i]);
        SAY("left: %d", left);
    } else if (!strcmp(scene, "execute")) {
        SAY("executed: %d", execute(open_db(":memory:"), numbers(argv[2])));
        for (int i = 0; i < 1000; i++) argc += i;
        SAY("more");
    } else if (!strcmp(scene, "step")) {
        SAY("stepped: %d", step(open_db(":memory:"), numbers(argv[2])));
    } else if (!strcmp(scene, "full")) {
        char path[200], bytes[4096] = {0};
        snprintf(path, sizeof path, "%s/data.db", argv[2]);
        int64_t db = open_db(path);
        SAY("create: %d", execute(db, "create table t(x); insert into t values (1), (2)"));
        last_error(db, "insert", execute(db, "with recursive n(i) as (select 1 union all select i + 1 from n limit 10000) "
                                             "insert into t select randomblob(1000) from n"));
        SAY("kept: %d", step(db, "select 1 where (select count(*) from t) = 2") == 100);
        SAY("whole: %d", step(db, "select 1 from pragma_integrity_check where integrity_check = 'ok'") == 100);
        snprintf(path, sizeof path, "%s/file", argv[2]);
        int fd = open(path, O_CREAT | O_WRONLY, 0666);
        for (int i = 0; fd >= 0 && i < 1000; i++)
            if (write(fd, bytes, sizeof bytes) < 0) {
                SAY("file: %s", strerror(errno));
                break;
            }
        close(fd);
        unlink(path);
        SAY("again: %d", execute(db, "insert into t values (3)"));
    }
    return 0;
}
