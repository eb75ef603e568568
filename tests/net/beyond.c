// The guest of tests/net/run for what rille::net adds to lunatic: Unix sockets, ports shared by listeners, TLS with
// protocols and certificates on both sides. One scene per first argument.
#include <stdio.h>
#include <stdlib.h>

#include "rille_net.h"
#include "say.h"

static const char *why(void) {
    static char text[300];
    return rille_why(text, sizeof text);
}

static const char *file(const char *name, uint32_t *size) {
    FILE *f = *name ? fopen(name, "r") : NULL;
    char *text = NULL;
    *size = 0;
    if (!f) return NULL;
    text = malloc(40000);
    *size = (uint32_t)fread(text, 1, 40000, f);
    fclose(f);
    return text;
}

RILLE_ENTRY(echo)(int64_t kind) {
    static char bytes[4096];
    int64_t stream = rille_take_stream(kind), n;
    while ((n = rille_stream_read(stream, (int)kind, bytes, sizeof bytes)) > 0)
        if (rille_stream_write(stream, (int)kind, bytes, (uint32_t)n) < 0) return;
    say("end: %s", n ? why() : "ok");
}

RILLE_ENTRY(try)(int64_t what) {
    const char *path = what ? "sub/own" : "app";
    int64_t s = rille_unix_connect(path, 1000);
    say("child, %s: %s", path, s < 0 ? why() : "ok");
}

static void child(const char *rules, int64_t what) {
    uint64_t error;
    uint8_t parameter[17] = {0x7e};
    int64_t config = rille_process_create_config(), id = 0;
    if (*rules) {
        if (rille_config_net_allow(config, rille_address(rules), (int32_t)strlen(rules), rille_address(&error))) {
            rille_net_failed(1, error);
            say("rule: %s", why());
            return;
        }
    }
    memcpy(parameter + 1, &what, 8);
    rille_process_spawn(0, config, -1, rille_address("try"), 3, rille_address(parameter), 17, rille_address(&id));
    while (rille_process_exists(id)) rille_sleep(5);
}

static void ask(int64_t s, int kind) {
    char b[100];
    if (rille_stream_write(s, kind, "ping\n", 5) < 0) say("write: %s", why());
    int64_t n = rille_stream_read(s, kind, b, sizeof b);
    if (n < 0) say("read: %s", why());
    else say("read: %.*s", (int)(n ? n - 1 : 0), b); // without the end of the line
}

static rille_tls_options options(char **argv) { // ROOTS CERTIFICATE KEY PROTOCOLS FLAGS
    rille_tls_options o = {0};
    o.roots = file(argv[0], &o.roots_size);
    o.certificate = file(argv[1], &o.certificate_size);
    o.key = file(argv[2], &o.key_size);
    o.protocols = argv[3];
    o.protocols_size = (uint32_t)strlen(argv[3]);
    o.flags = (uint32_t)atoi(argv[4]);
    return o;
}

static void who(int64_t s) {
    char protocol[20], subject[100], der[2];
    rille_tls_protocol(s, protocol, sizeof protocol);
    rille_tls_peer_subject(s, subject, sizeof subject);
    int32_t size = rille_net_tls_peer_certificate(s, rille_address(der), sizeof der);
    say("protocol '%s', peer '%s', %s", protocol, subject, !size ? "no certificate" : size > 200 && der[0] == 0x30 ? "a certificate" : "?");
}

int main(int argc, char **argv) {
    const char *scene = argc > 1 ? argv[1] : "";
    int64_t l = -1, s;
    if (!strcmp(scene, "unix-serve")) {
        if ((l = rille_unix_listen(argv[2])) < 0) return say("listen: %s", why()), 0;
        say("listening");
        while ((s = rille_tcp_accept(l)) >= 0) rille_spawn_stream("echo", s, RILLE_TCP);
        say("accept: %s", why());
    } else if (!strcmp(scene, "unix-connect")) {
        if ((s = rille_unix_connect(argv[2], argc > 3 ? atoi(argv[3]) : 1000)) < 0) return say("connect: %s", why()), 0;
        uint64_t list, error = 0;
        say("peer: %s", rille_networking_tcp_peer_addr(s, rille_address(&list)) ? (rille_net_failed(1, list), why()) : "?");
        say("nodelay: %s", rille_net_tcp_set_nodelay(s, 1, rille_address(&error)) ? (rille_net_failed(1, error), why()) : "?");
        ask(s, RILLE_TCP);
    } else if (!strcmp(scene, "unix-children")) { // names and rules are of the directory that rille was started in
        child("", 0);
        child("connect=unix:app", 0);
        child("connect=unix:sub/", 0);
        child("connect=unix:sub/", 1);
        child("all", 0);
        child("connect=*", 0);
        child("connect=unix:..", 0);
    } else if (!strcmp(scene, "shared")) {
        if ((l = rille_tcp_listen_with(argv[2], RILLE_SHARED)) < 0) return say("listen: %s", why()), 0;
        say("port %u", rille_tcp_port(l));
        for (int i = 1; (s = rille_tcp_accept(l)) >= 0; i++) {
            say("connection %d", i);
            rille_stream_close(s, RILLE_TCP);
        }
    } else if (!strcmp(scene, "flags")) {
        say("%s", rille_tcp_listen_with("127.0.0.1:0", 4) < 0 ? why() : "?");
        uint64_t id;
        rille_addr a = rille_addr_take(rille_resolve("127.0.0.1:0", -1));
        for (int i = 0; i < 2; i++) { // the second on the port of the first
            int32_t r = rille_net_udp_bind(4, rille_address(a.bytes), a.port, 0, 0, RILLE_SHARED, rille_address(&id));
            if (r) return say("udp: %s", (rille_net_failed(r, id), why())), 0;
            uint64_t list;
            rille_networking_udp_local_addr((int64_t)id, rille_address(&list));
            a = rille_addr_take((int64_t)list);
        }
        say("udp: ok");
    } else if (!strcmp(scene, "tls-serve")) {
        rille_tls_options o = options(argv + 2);
        if ((l = rille_tls_listen_with("127.0.0.1:0", &o)) < 0) return say("listen: %s", why()), 0;
        say("port %u", rille_tls_port(l));
        for (;;) {
            if ((s = rille_tls_accept(l)) < 0) {
                say("accept: %s", why());
                continue;
            }
            who(s);
            rille_spawn_stream("echo", s, RILLE_TLS);
        }
    } else if (!strcmp(scene, "tls-connect")) {
        rille_tls_options o = options(argv + 4);
        if ((s = rille_tls_connect_with(argv[2], (uint16_t)atoi(argv[3]), 5000, &o)) < 0) return say("connect: %s", why()), 0;
        who(s);
        ask(s, RILLE_TLS);
    }
    return 0;
}
