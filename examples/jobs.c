/* jobs.c: a queue of jobs that survives everything, as it is a SQLite database. Whoever does not get through with a job -
 * a crash, the whole program killed - leaves it to another; who fails three times has failed. Jobs come by HTTP, or from
 * whoever else writes to the file.
 *
 *   rille jobs.wasm [ADDRESS:PORT [FILE]]      then: curl -d 'sum 1 2 3' localhost:8080/jobs; curl localhost:8080/jobs/1
 *                                or: sqlite3 -cmd '.timeout 5000' jobs.db "insert into jobs (what) values ('sum 4 5')" */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "rille_net.h"

#define WORKERS 4
#define LONGEST 200 /* bytes of a job or its result */

typedef struct job { int64_t id; char text[LONGEST + 1]; } job;
enum { ADD = 1, LOOK, NEXT, DONE }; /* what the queue is asked: job.text for an id, a job for its state, for work, to note a result */

/* ---- the database ---- */

static int64_t database;

/* Rows come into memory that the program gives. */
__attribute__((export_name("lunatic_alloc"))) int32_t lunatic_alloc(int32_t n) { return rille_address(malloc((size_t)n)); }

static uint8_t *put(uint8_t *to, uint64_t value, size_t size) { return (uint8_t *)memcpy(to, &value, size) + size; }

/* A statement with its parameters in place: for each letter of kinds a t(ext) or an i(nteger), in the order of their
 * numbers. They travel in Rust's bincode: a count; for each a key (1: by number) and a value (2: text, 5: 64 bits). */
static int64_t query(const char *text, const char *kinds, ...) {
    uint8_t bytes[1000], *p = put(bytes, strlen(kinds), 8);
    int64_t statement = rille_sqlite_query_prepare(database, rille_address(text), (int32_t)strlen(text));
    va_list args;
    va_start(args, kinds);
    for (uint64_t n = 0; kinds[n]; n++) {
        p = put(put(p, 1, 4), n + 1, 8);
        if (kinds[n] == 'i') {
            p = put(put(p, 5, 4), va_arg(args, uint64_t), 8);
        } else {
            const char *t = va_arg(args, const char *);
            p = put(put(p, 2, 4), strlen(t), 8);
            p = (uint8_t *)memcpy(p, t, strlen(t)) + strlen(t);
        }
    }
    va_end(args);
    rille_sqlite_bind_value(statement, rille_address(bytes), (int32_t)(p - bytes));
    return statement;
}

/* The next row: true, or the statement is through. An error ends the process. */
static int row(int64_t statement) {
    if (rille_sqlite_sqlite3_step(statement) == 100) return 1;
    rille_sqlite_sqlite3_finalize(statement);
    return 0;
}

static uint8_t *column(int64_t statement, int32_t n) {
    uint32_t size;
    return (uint8_t *)(intptr_t)rille_sqlite_read_column(statement, n, rille_address(&size));
}

/* Columns 0 and 1, an integer and a text, after which the statement is over; with no row id 0. */
static job take(int64_t statement) {
    job j = {0};
    if (!row(statement)) return j;
    uint8_t *id = column(statement, 0), *text = column(statement, 1);
    uint32_t kind;
    uint64_t n;
    memcpy(&j.id, id + 4, sizeof j.id);
    memcpy(&kind, text, sizeof kind);
    memcpy(&n, text + 4, sizeof n);
    if (kind == 2) memcpy(j.text, text + 12, n < LONGEST ? n : LONGEST);
    free(id), free(text);
    while (row(statement)) {}
    return j;
}

static void run(int64_t statement) {
    while (row(statement)) {}
}

static void open_database(const char *file) {
    static const char setup[] =
        "pragma busy_timeout = 10000;" /* for others who write to it */
        "create table if not exists jobs (id integer primary key, what text not null, state text not null default 'waiting',"
        " worker integer, tries integer not null default 0, result text not null default '');"
        "create index if not exists jobs_waiting on jobs (id) where state = 'waiting';"
        "update jobs set state = 'waiting' where state = 'running'"; /* of a program that was killed */
    if (rille_sqlite_open(rille_address(file), (int32_t)strlen(file), rille_address(&database)) ||
        rille_sqlite_execute(database, rille_address(setup), sizeof setup - 1)) {
        fprintf(stderr, "%s cannot be opened\n", file);
        exit(1);
    }
}

/* ---- the queue: one process has the database ---- */

static job next_for(int64_t worker) {
    job j = take(query("select id, what from jobs where state = 'waiting' order by id limit 1", ""));
    if (j.id) run(query("update jobs set state = 'running', tries = tries + 1, worker = ?1 where id = ?2", "ii", worker, j.id));
    return j;
}

static void worker(int64_t queue);

static void employ(void) { rille_monitor(rille_start(worker, rille_self())); }

static void answer(void) {
    rille_asker asker = rille_asked();
    job j;
    int what = (int)rille_tag();
    rille_read(&j, sizeof j);
    if (what == ADD) j = take(query("insert into jobs (what) values (?1) returning id, ''", "t", j.text));
    else if (what == LOOK) j = take(query("select id, rtrim(state || ' ' || result) from jobs where id = ?1", "i", j.id));
    else if (what == NEXT) j = next_for(asker.process);
    else run(query("update jobs set state = 'done', result = ?1, worker = null where id = ?2", "ti", j.text, j.id));
    rille_answer(asker, &j, sizeof j);
}

static void keep_queue(int64_t main) {
    char file[300];
    rille_receive(RILLE_FOREVER);
    file[rille_read(file, sizeof file - 1)] = 0;
    open_database(file);
    rille_send(main, 0, NULL, 0);
    for (int i = 0; i < WORKERS; i++) employ();
    for (;;) {
        if (rille_receive(RILLE_FOREVER) == RILLE_DATA) {
            answer();
            continue;
        }
        run(query("update jobs set state = iif(tries < 3, 'waiting', 'failed') where worker = ?1 and state = 'running'", "i", rille_about()));
        employ();
    }
}

static job ask(int64_t queue, int what, job j) {
    rille_ask(queue, what, &j, sizeof j, RILLE_FOREVER);
    rille_read(&j, sizeof j);
    return j;
}

/* ---- those who do the work ---- */

static void work(job *j) {
    long long sum = 0;
    char *p = j->text + 3;
    if (!strncmp(j->text, "sum", 3))
        for (char *end; (sum += strtoll(p, &end, 10)), end != p;) p = end;
    else if (!strncmp(j->text, "sleep", 5)) rille_sleep(atoll(j->text + 5));
    else __builtin_trap(); /* nobody knows how to do that */
    snprintf(j->text, sizeof j->text, "%lld", sum);
}

static void worker(int64_t queue) {
    for (;;) {
        job j = ask(queue, NEXT, (job){0});
        if (j.id) work(&j), ask(queue, DONE, j);
        else rille_sleep(100); /* others may write to the file: it has to be looked at */
    }
}

/* ---- HTTP ---- */

static void reply(int64_t stream, const char *status, const char *body) {
    char text[LONGEST + 200];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s\n", status, strlen(body) + 1, body);
    rille_stream_write(stream, RILLE_TCP, text, (uint32_t)n);
}

static void request(int64_t stream, char *head, const char *body) {
    int64_t queue = rille_lookup("queue");
    long long id;
    job j = {0};
    if (!strncmp(head, "POST /jobs ", 11) && strlen(body) <= LONGEST) {
        strcpy(j.text, body);
        snprintf(j.text, sizeof j.text, "%lld", (long long)ask(queue, ADD, j).id);
        reply(stream, "201 Created", j.text);
    } else if (sscanf(head, "GET /jobs/%lld ", &id) == 1 && (j.id = id, j = ask(queue, LOOK, j)).id) {
        reply(stream, "200 OK", j.text);
    } else reply(stream, "404 Not Found", "There is nothing like that.");
}

/* Requests one after the other, each a head and as much as its Content-Length says. */
RILLE_ENTRY(connection)(int64_t kind) {
    static char in[8192];
    int64_t stream = rille_take_stream(kind), n;
    size_t size = 0;
    rille_stream_read_timeout(stream, RILLE_TCP, 10000);
    while ((n = rille_stream_read(stream, RILLE_TCP, in + size, (uint32_t)(sizeof in - 1 - size))) > 0) {
        size += (size_t)n;
        in[size] = 0;
        char *body = strstr(in, "\r\n\r\n"), *length = strcasestr(in, "\r\ncontent-length:");
        if (!body) continue;
        size_t whole = (size_t)(body + 4 - in), more = length && length < body ? strtoul(length + 17, NULL, 10) : 0;
        if (more > sizeof in - 1 - whole) return;
        if (size < whole + more) continue;
        char after = in[whole + more];
        in[whole + more] = *body = 0;
        request(stream, in, body + 4);
        in[whole + more] = after;
        memmove(in, in + whole + more, size -= whole + more);
    }
}

int main(int argc, char **argv) {
    const char *file = argc > 2 ? argv[2] : "jobs.db";
    char why[200];
    int64_t listener = rille_tcp_listen(argc > 1 ? argv[1] : "127.0.0.1:8080");
    if (listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", rille_why(why, sizeof why));
        return 1;
    }
    int64_t queue = rille_start_link(keep_queue, rille_self(), 1);
    rille_send(queue, 0, file, (uint32_t)strlen(file));
    rille_receive(RILLE_FOREVER); /* it is open */
    rille_register("queue", queue);
    printf("listening on port %u\n", rille_tcp_port(listener));
    fflush(stdout);
    for (;;) {
        int64_t stream = rille_tcp_accept(listener);
        if (stream >= 0) rille_spawn_stream("connection", stream, RILLE_TCP);
        else rille_sleep(100); /* out of descriptors, most likely: some will be closed */
    }
}
