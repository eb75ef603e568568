/* chat.c: a chat room for any number of telnet or nc clients. Two processes for each client, one that reads and one that
 * writes, so that neither waits for the other; and one process, the room, that knows everybody.
 *
 *   rille chat.wasm [ADDRESS:PORT]        then, several times: nc localhost 7000 */
#include <stdio.h>
#include <stdlib.h>

#include "rille_net.h"

enum { JOIN = 1, LEAVE, SAY, TEXT }; /* tags */
#define LINE 512

typedef struct talk {
    int64_t who; /* the writer's process */
    char text[LINE];
} talk;

static void post(int64_t room, int64_t tag, int64_t who, const char *text) {
    talk t = {who, ""};
    snprintf(t.text, sizeof t.text, "%s", text);
    rille_send(room, tag, &t, sizeof t);
}

/* ---- the room ---- */

static struct { int64_t writer; char name[32]; } guests[256];
static int nguests;

static int find(int64_t writer) {
    for (int i = 0; i < nguests; i++)
        if (guests[i].writer == writer) return i;
    return -1;
}

static void tell_all(const char *text, int64_t except) {
    for (int i = 0; i < nguests; i++)
        if (guests[i].writer != except) rille_send(guests[i].writer, TEXT, text, (uint32_t)strlen(text));
}

RILLE_ENTRY(room)(int64_t unused) {
    char line[LINE + 64];
    talk t;
    (void)unused;
    for (;;) {
        if (rille_receive(RILLE_FOREVER) != RILLE_DATA || rille_read(&t, sizeof t) != sizeof t) continue;
        int64_t tag = rille_message_get_tag();
        int i = find(t.who);
        if (tag == JOIN && nguests < 256) {
            guests[nguests].writer = t.who;
            snprintf(guests[nguests++].name, sizeof guests[0].name, "%s", t.text);
            snprintf(line, sizeof line, "* %s came in\n", guests[nguests - 1].name);
            tell_all(line, 0);
        } else if (tag == SAY && i >= 0) {
            snprintf(line, sizeof line, "%s: %s\n", guests[i].name, t.text);
            tell_all(line, t.who);
        } else if (tag == LEAVE && i >= 0) {
            snprintf(line, sizeof line, "* %s left\n", guests[i].name);
            guests[i] = guests[--nguests];
            tell_all(line, 0);
        }
    }
}

/* ---- a client ---- */

/* Writes what the room says; linked with the reader, so that both go. */
RILLE_ENTRY(writer)(int64_t unused) {
    static char text[LINE + 64];
    int64_t stream = rille_take_stream(RILLE_TCP);
    (void)unused;
    for (;;) {
        rille_receive(RILLE_FOREVER);
        uint32_t n = rille_read(text, sizeof text);
        if (rille_stream_write(stream, RILLE_TCP, text, n) < 0) return;
    }
}

/* The next line, without its end; 0 when the client is gone. */
static int read_line(int64_t stream, char line[LINE]) {
    static char bytes[LINE];
    static int have;
    for (;;) {
        char *end = memchr(bytes, '\n', (size_t)have);
        if (end || have == LINE) {
            int n = end ? (int)(end - bytes) : LINE - 1, past = end ? n + 1 : n;
            memcpy(line, bytes, (size_t)n);
            line[n - (n && line[n - 1] == '\r')] = 0;
            have -= past;
            memmove(bytes, bytes + past, (size_t)have);
            return 1;
        }
        int64_t n = rille_stream_read(stream, RILLE_TCP, bytes + have, (uint32_t)(LINE - have));
        if (n <= 0) return 0;
        have += (int)n;
    }
}

RILLE_ENTRY(reader)(int64_t kind) {
    char line[LINE];
    int64_t stream = rille_take_stream(kind), node, room = 0, out = rille_spawn_link("writer", 0);
    if (!out || rille_registry_get(rille_address("room"), 4, rille_address(&node), rille_address(&room))) return;
    rille_stream_write(stream, RILLE_TCP, "Your name? ", 11);
    rille_send_stream(out, rille_networking_clone_tcp_stream(stream), RILLE_TCP);
    if (read_line(stream, line)) {
        post(room, JOIN, out, line);
        while (read_line(stream, line)) post(room, SAY, out, line);
    }
    post(room, LEAVE, out, "");
    rille_process_kill(out); /* it would wait for ever: this is a normal end, which links do not tell of */
}

int main(int argc, char **argv) {
    char why[200];
    int64_t listener = rille_tcp_listen(argc > 1 ? argv[1] : "127.0.0.1:7000");
    if (listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", rille_why(why, sizeof why));
        return 1;
    }
    rille_registry_put(rille_address("room"), 4, 0, rille_spawn("room", 0));
    printf("listening on port %u\n", rille_tcp_port(listener));
    fflush(stdout);
    for (;;) {
        int64_t stream = rille_tcp_accept(listener);
        if (stream >= 0) rille_spawn_stream("reader", stream, RILLE_TCP);
        else rille_sleep(100);
    }
}
