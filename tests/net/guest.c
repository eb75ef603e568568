// The guest of tests/net/run: one scene per first argument, talking to real clients and servers, printing what it hears.
#include <stdio.h>
#include <stdlib.h>

#include "rille_guest.h"
#include "say.h"

static const uint8_t loopback[4] = {127, 0, 0, 1};
static int A(const void *p) { return rille_address(p); }

static const char *text_of(uint64_t error) {
    static char text[500];
    uint32_t n = (uint32_t)rille_error_string_size((int64_t)error);
    if (n >= sizeof text) return "(long)";
    rille_error_to_string((int64_t)error, A(text));
    text[n] = 0;
    rille_error_drop((int64_t)error);
    return text;
}

// "ok", "late" with what was left in the error's place, or the error.
static const char *how(int32_t result, uint64_t id) {
    static char text[600];
    if (!result) return "ok";
    snprintf(text, sizeof text, "%s%s", result == 9027 ? "late: " : "", text_of(id));
    return text;
}

static uint16_t port_of(uint64_t iterator) {
    uint32_t type, flow, scope;
    uint16_t port = 0;
    uint8_t bytes[16];
    rille_networking_resolve_next((int64_t)iterator, A(&type), A(bytes), A(&port), A(&flow), A(&scope));
    rille_networking_drop_dns_iterator((int64_t)iterator);
    return port;
}

static int64_t listen_on(const uint8_t *host, int port) {
    uint64_t l, it;
    int32_t r = rille_networking_tcp_bind(4, A(host), port, 0, 0, A(&l));
    if (r) {
        say("bind: %s", how(r, l));
        return -1;
    }
    rille_networking_tcp_local_addr((int64_t)l, A(&it));
    say("port %u", port_of(it));
    return (int64_t)l;
}

static int64_t listen_tls(void) {
    static char cert[8192], key[8192];
    uint64_t l, it;
    FILE *c = fopen("cert.pem", "r"), *k = fopen("key.pem", "r");
    uint32_t nc = (uint32_t)fread(cert, 1, sizeof cert, c), nk = (uint32_t)fread(key, 1, sizeof key, k);
    int32_t r = rille_networking_tls_bind(4, A(loopback), 0, 0, 0, A(&l), A(cert), (int)nc, A(key), (int)nk);
    if (r) {
        say("bind: %s", how(r, l));
        exit(1);
    }
    rille_networking_tls_local_addr((int64_t)l, A(&it));
    say("port %u", port_of(it));
    return (int64_t)l;
}

static void put(int64_t s, const char *text, int tls) {
    struct { const char *at; uint32_t len; } v = {text, (uint32_t)strlen(text)};
    uint64_t n;
    while (v.len) {
        int32_t r = tls ? rille_networking_tls_write_vectored(s, A(&v), 1, A(&n)) : rille_networking_tcp_write_vectored(s, A(&v), 1, A(&n));
        if (r) {
            say("write: %s", how(r, n));
            return;
        }
        v.at += n, v.len -= (uint32_t)n;
    }
}

static void resolve(const char *name, int64_t timeout) {
    uint64_t it = 99;
    int32_t r = rille_networking_resolve(A(name), (int)strlen(name), timeout, A(&it));
    if (r) {
        say("%s: %s", name, how(r, it));
        return;
    }
    uint32_t type, flow, scope;
    uint16_t port;
    uint8_t b[16];
    while (!rille_networking_resolve_next((int64_t)it, A(&type), A(b), A(&port), A(&flow), A(&scope)))
        if (type == 4) say("%s: %d.%d.%d.%d:%d", name, b[0], b[1], b[2], b[3], port);
        else say("%s: v6 %d...%d:%d", name, b[0], b[15], port);
    rille_networking_drop_dns_iterator((int64_t)it);
}

static void connect_to(const uint8_t *host, int port) {
    uint64_t id;
    int32_t r = rille_networking_tcp_connect(4, A(host), port, 0, 0, 5000, A(&id));
    say("connect: %s", how(r, id));
    if (!r) rille_networking_drop_tcp_stream((int64_t)id);
}

// ---- servers ----

// Answers every line with itself; says how each connection ends.
RILLE_ENTRY(echo)(int64_t tls) {
    static char b[20000];
    uint64_t n;
    rille_receive(RILLE_FOREVER);
    int64_t s = tls ? rille_message_take_tls_stream(0) : rille_message_take_tcp_stream(0);
    for (;;) {
        int32_t r = tls ? rille_networking_tls_read(s, A(b), sizeof b - 1, A(&n)) : rille_networking_tcp_read(s, A(b), sizeof b - 1, A(&n));
        if (r || !n) {
            say("end: %s", how(r, n));
            return;
        }
        b[n] = 0;
        if (!strncmp(b, "GET ", 4)) {
            put(s, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n", (int)tls);
            return;
        }
        if (!strncmp(b, "trap", 4)) __builtin_trap();
        if (!strncmp(b, "die", 3)) for (;;) {}
        put(s, b, (int)tls);
    }
}

static void serve(int64_t l, int tls, int count) {
    int64_t last = 0;
    for (int i = 0; i != count; i++) {
        uint64_t s, it;
        int32_t r = tls ? rille_networking_tls_accept(l, A(&s), A(&it)) : rille_networking_tcp_accept(l, A(&s), A(&it));
        if (r) {
            say("accept: %s", how(r, s));
            if (!tls) rille_sleep(50);
            continue;
        }
        rille_networking_drop_dns_iterator((int64_t)it);
        last = rille_spawn("echo", tls);
        rille_message_create_data(0, 0);
        if (tls) rille_message_push_tls_stream((int64_t)s);
        else rille_message_push_tcp_stream((int64_t)s);
        rille_message_send(last);
    }
    while (count > 0 && rille_process_exists(last)) rille_sleep(5);
}

// ---- rights of children ----

RILLE_ENTRY(child)(int64_t port) {
    connect_to(loopback, (int)port);
    connect_to((const uint8_t[]){127, 0, 0, 2}, (int)port);
    resolve("localhost:1", -1);
}

static void spawn_limited(const char *rules, int64_t port) {
    uint8_t parameter[17] = {0x7e};
    uint64_t error, id;
    int64_t config = rille_process_create_config();
    if (rules && rille_config_net_allow(config, A(rules), (int)strlen(rules), A(&error))) {
        say("rule: %s", text_of(error));
        return;
    }
    if (rules && !*rules) rille_config_net_none(config);
    memcpy(parameter + 1, &port, 8);
    if (rille_process_spawn(0, config, -1, A("child"), 5, A(parameter), 17, A(&id))) say("spawn: %s", text_of(id));
    else while (rille_process_exists((int64_t)id)) rille_sleep(5);
}

RILLE_ENTRY(holder)(int64_t what) {
    uint64_t s;
    int64_t l = what & 1 ? listen_on(loopback, 0) : -1;
    if (what >> 1) rille_networking_tcp_connect(4, A(loopback), (int)(what >> 1), 0, 0, -1, A(&s));
    say("holding");
    (void)l;
    rille_sleep(3600000);
}

// ---- metrics ----

RILLE_ENTRY(nothing)(int64_t unused) { (void)unused; }
RILLE_ENTRY(deaf)(int64_t unused) { (void)unused, rille_sleep(3600000); }

// A linked process with two messages of 100 bytes that it does not receive, a module in one of them.
static void send_things(void) {
    static const uint8_t empty[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 }, bytes[100];
    uint64_t module;
    int64_t p = rille_spawn_link("deaf", 0);
    rille_process_compile_module(A(empty), sizeof empty, A(&module));
    for (int i = 0; i < 2; i++) {
        rille_message_create_data(0, 0);
        rille_message_write_data(A(bytes), sizeof bytes);
        if (i) rille_message_push_module((int64_t)module);
        rille_message_send(p);
    }
}

static void count_things(void) {
    static const char name[] = "guest.requests", gauge[] = "guest-level", histogram[] = "2 times", latin[] = "caf\xc3\xa9";
    rille_metrics_increment_counter(A(name), sizeof name - 1);
    rille_metrics_counter(A(name), sizeof name - 1, 41);
    rille_metrics_gauge(A(gauge), sizeof gauge - 1, 2.5);
    rille_metrics_increment_gauge(A(gauge), sizeof gauge - 1, 1);
    rille_metrics_decrement_gauge(A(gauge), sizeof gauge - 1, 10);
    for (int i = 0; i < 10; i++) rille_metrics_histogram(A(histogram), sizeof histogram - 1, i);
    rille_metrics_histogram(A(histogram), sizeof histogram - 1, __builtin_inf());
    rille_metrics_gauge(A(latin), sizeof latin - 1, __builtin_nan(""));
    rille_metrics_gauge(A(name), sizeof name - 1, 7); // a counter already
    rille_process_drop_config(rille_process_create_config());
    rille_process_create_config();
    rille_registry_put(A(name), 5, 0, rille_self());
    rille_registry_put(A(gauge), 6, 0, rille_self());
    rille_registry_remove(A(gauge), 6);
    rille_message_create_data(0, 0);
    int64_t timer = rille_timer_send_after(rille_self(), 1);
    rille_receive(-1);
    rille_message_create_data(0, 0);
    timer = rille_timer_send_after(rille_self(), 100000);
    rille_timer_cancel_timer(timer);
    int64_t p = rille_spawn("nothing", 0);
    while (rille_process_exists(p)) rille_sleep(1);
    send_things();
}

int main(int argc, char **argv) {
    const char *scene = argc > 1 ? argv[1] : "";
    int number = argc > 2 ? atoi(argv[2]) : 0;
    int64_t l;
    if (!strcmp(scene, "resolve")) {
        for (int i = 3; i < argc; i++) resolve(argv[i], number ? number : -1);
    } else if (!strcmp(scene, "connect")) {
        uint8_t host[4];
        if (sscanf(argv[3], "%hhu.%hhu.%hhu.%hhu", &host[0], &host[1], &host[2], &host[3]) == 4) connect_to(host, number);
    } else if (!strcmp(scene, "named")) { // looks a name up and connects to what it heard
        resolve(argv[3], -1);
        connect_to(loopback, number);
    } else if (!strcmp(scene, "rights")) {
        spawn_limited(NULL, number);
        spawn_limited("connect=127.0.0.1", number);
        spawn_limited("none", number);
        spawn_limited("connect=nonsense=", number);
    } else if (!strcmp(scene, "tcp")) {
        if ((l = listen_on(loopback, 0)) >= 0) serve(l, 0, number);
    } else if (!strcmp(scene, "listen")) {
        listen_on((const uint8_t[]){0, 0, 0, 0}, number);
        listen_on(loopback, number);
    } else if (!strcmp(scene, "tls")) {
        serve(listen_tls(), 1, number);
    } else if (!strcmp(scene, "tls-connect")) {
        char b[100];
        uint64_t id, n;
        int32_t r = rille_networking_tls_connect(A(argv[3]), (int)strlen(argv[3]), number, argc > 4 ? atoi(argv[4]) : -1, A(&id), 0, 0);
        say("connect: %s", how(r, id));
        if (r) return 0;
        put((int64_t)id, "ping\n", 1);
        r = rille_networking_tls_read((int64_t)id, A(b), sizeof b, A(&n));
        say("read: %s %.*s", how(r, n), r ? 0 : (int)n, b);
    } else if (!strcmp(scene, "metrics")) {
        count_things();
        for (int i = 0; i < number; i++) { // very many names
            char name[40];
            int n = snprintf(name, sizeof name, "series.%d", i);
            rille_metrics_increment_counter(A(name), n);
        }
        say("counted");
        rille_sleep(3600000);
    } else if (!strcmp(scene, "options")) { // ends its own direction, then hears what the other says
        char b[100];
        uint64_t s, it, n, e = 0;
        l = listen_on(loopback, 0);
        rille_networking_tcp_accept(l, A(&s), A(&it));
        say("nodelay: %s", how(rille_net_tcp_set_nodelay((int64_t)s, 1, A(&e)), e));
        say("keepalive: %s", how(rille_net_tcp_set_keepalive((int64_t)s, 60, A(&e)), e));
        say("too long: %s", how(rille_net_tcp_set_keepalive((int64_t)s, 100000, A(&e)), e));
        say("no direction: %s", how(rille_net_tcp_shutdown((int64_t)s, 4, A(&e)), e));
        put((int64_t)s, "all I have", 0);
        say("shutdown: %s", how(rille_net_tcp_shutdown((int64_t)s, 2, A(&e)), e));
        int32_t r = rille_networking_tcp_read((int64_t)s, A(b), sizeof b, A(&n));
        say("read: %s %.*s", how(r, n), r ? 0 : (int)n, b);
        put((int64_t)s, "more", 0);
    } else if (!strcmp(scene, "many")) { // a process for each of so many connections; then none
        static int64_t p[20000];
        uint64_t s, it;
        l = listen_on(loopback, 0);
        for (int i = 0; i < number; i++) {
            if (rille_networking_tcp_accept(l, A(&s), A(&it))) return 1;
            rille_networking_drop_dns_iterator((int64_t)it);
            p[i] = rille_spawn("echo", 0);
            rille_message_create_data(0, 0);
            rille_message_push_tcp_stream((int64_t)s);
            rille_message_send(p[i]);
        }
        say("all here");
        getchar();
        for (int i = 0; i < number; i++) rille_process_kill(p[i]);
        rille_sleep(100);
        say("all gone");
        rille_sleep(3600000);
    } else if (!strcmp(scene, "starve")) { // connects until no descriptor is left; what else says then; and after one is closed
        uint64_t id = 0, last = 0;
        int32_t r;
        while (!(r = rille_networking_tcp_connect(4, A(loopback), number, 0, 0, 5000, A(&id)))) last = id;
        say("connect: %s", how(r, id));
        resolve(argv[3], -1);
        r = rille_networking_tls_connect(A("127.0.0.1"), 9, number, 5000, A(&id), 0, 0);
        say("tls: %s", how(r, id));
        r = rille_networking_udp_bind(4, A(loopback), 0, 0, 0, A(&id));
        say("udp: %s", how(r, id));
        listen_on(loopback, 0);
        rille_networking_drop_tcp_stream((int64_t)last);
        connect_to(loopback, number);
    } else if (!strcmp(scene, "kill")) { // one that listens, one that is connected, one that is connecting
        int64_t p[3] = {rille_spawn("holder", 1), rille_spawn("holder", 2 * number), rille_spawn("holder", 2 * atoi(argv[3]))};
        rille_sleep(300);
        for (int i = 0; i < 3; i++) rille_process_kill(p[i]);
        say("killed");
        rille_sleep(3600000);
    }
    return 0;
}
