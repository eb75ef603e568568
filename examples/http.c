/* http.c: a web server with a process for every connection. Whatever happens in one - a crash, an endless loop, a client
 * that says nothing - the others do not notice.
 *
 *   rille http.wasm [ADDRESS:PORT]        then: curl localhost:8080/hello, /count, /crash, /loop
 *   rille --net=listen=unix:http.sock http.wasm unix:http.sock        then: curl --unix-socket http.sock localhost/hello */
#include <stdio.h>
#include <stdlib.h>

#include "rille_net.h"

static void answer(int64_t stream, const char *status, const char *body) {
    char text[1024];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    rille_stream_write(stream, RILLE_TCP, text, (uint32_t)n);
}

/* Counts for all: a process is the only place for state that others share. */
RILLE_ENTRY(counter)(int64_t unused) {
    int64_t count = unused, asker;
    for (;;) {
        rille_receive(RILLE_FOREVER);
        rille_read(&asker, sizeof asker);
        count++;
        rille_send(asker, 0, &count, sizeof count);
    }
}

static int64_t count(void) {
    int64_t counter = 0, node, self = rille_self(), n = -1;
    if (rille_registry_get(rille_address("counter"), 7, rille_address(&node), rille_address(&counter))) return n;
    rille_send(counter, 0, &self, sizeof self);
    if (rille_receive(1000) == RILLE_DATA) rille_read(&n, sizeof n);
    return n;
}

static void get(int64_t stream, const char *path) {
    char body[64];
    if (!strcmp(path, "/hello")) answer(stream, "200 OK", "Hello from a process of its own.\n");
    else if (!strcmp(path, "/crash")) __builtin_trap();
    else if (!strcmp(path, "/loop")) for (volatile int i = 0;; i++) {}
    else if (!strcmp(path, "/count")) {
        snprintf(body, sizeof body, "%lld\n", (long long)count());
        answer(stream, "200 OK", body);
    } else answer(stream, "404 Not Found", "There is nothing here.\n");
}

/* One connection: requests one after the other, each read up to its empty line. */
RILLE_ENTRY(connection)(int64_t kind) {
    static char request[8192];
    int64_t stream = rille_take_stream(kind), n;
    size_t size = 0;
    rille_stream_read_timeout(stream, RILLE_TCP, 10000);
    while ((n = rille_stream_read(stream, RILLE_TCP, request + size, (uint32_t)(sizeof request - 1 - size))) > 0) {
        size += (size_t)n;
        request[size] = 0;
        for (char *end; (end = strstr(request, "\r\n\r\n"));) {
            char path[256];
            if (sscanf(request, "GET %255s", path) == 1) get(stream, path);
            else answer(stream, "405 Method Not Allowed", "Only GET.\n");
            size -= (size_t)(end + 4 - request);
            memmove(request, end + 4, size + 1);
        }
        if (size == sizeof request - 1) {
            answer(stream, "431 Request Header Fields Too Large", "That is too long.\n");
            return;
        }
    }
}

int main(int argc, char **argv) {
    char why[200];
    const char *at = argc > 1 ? argv[1] : "127.0.0.1:8080";
    int local = !strncmp(at, "unix:", 5);
    int64_t listener = local ? rille_unix_listen(at + 5) : rille_tcp_listen(at);
    if (listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", rille_why(why, sizeof why));
        return 1;
    }
    rille_registry_put(rille_address("counter"), 7, 0, rille_spawn("counter", 0));
    if (local) printf("listening on %s\n", at);
    else printf("listening on port %u\n", rille_tcp_port(listener));
    fflush(stdout);
    for (;;) {
        int64_t stream = rille_tcp_accept(listener);
        if (stream >= 0) rille_spawn_stream("connection", stream, RILLE_TCP);
        else rille_sleep(100); /* out of descriptors, most likely: some will be closed */
    }
}
