/* The client of the network benchmarks: N connections of one thread, each sending a request and waiting for its whole
 * answer, for some seconds.
 *
 *   load PORT CONNECTIONS SECONDS echo|http|churn|idle
 *
 * echo: 64 bytes, which come back. http: a GET with keep-alive, answered with a Content-Length. churn: as echo, but with
 * a new connection for every request. idle: every connection echoes once and stays, until standard input ends; prints
 * "idle". Else prints requests a second, the 50th and 99th percentile of the answers' times in microseconds, and the most
 * answers, in multiples of CONNECTIONS, that others got while one waited: "requests REQS p50 US p99 US total N turns T begin
 * B". A fair server's turns are hardly more than one, on a busy machine too. Nothing counts before every connection had an
 * answer, but N and B: all answers, and how many there were by then, in multiples of CONNECTIONS. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n";
static struct sockaddr_in to = {.sin_family = AF_INET};
static char request[256];
static size_t request_len;
static bool http, churn, idle;
static int epoll;
static int served; /* connections that had an answer */
static double begin;
static uint64_t earlier; /* answers before it began to count */
static uint64_t longest, requests, buckets[64 * 64]; /* times: 64 steps per power of two of nanoseconds */

typedef struct conn {
    int fd;
    size_t got, want; /* of the answer; http: want 0 until the header is there */
    uint64_t start, before; /* before: all answers when it asked */
    bool served;
    char head[1024];
} conn;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void record(uint64_t ns) {
    int power = 63 - __builtin_clzll(ns | 64);
    buckets[power * 64 + (int)((ns >> (power - 6)) & 63)]++;
    requests++;
}

static double percentile(double p) {
    uint64_t left = (uint64_t)((double)requests * p);
    for (int i = 0; i < 64 * 64; i++) {
        if (left < buckets[i]) return (double)((uint64_t)(64 + i % 64) << (i / 64 - 6)) / 1000;
        left -= buckets[i];
    }
    return 0;
}

static void ask(conn *c) {
    c->got = 0;
    c->want = http ? 0 : request_len;
    c->start = now();
    c->before = requests;
    if (send(c->fd, request, request_len, MSG_NOSIGNAL) != (ssize_t)request_len) die("send");
}

static void open_one(conn *c) {
    int on = 1;
    if (churn) c->start = now();
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev);
    ask(c);
}

static void finish(conn *c) {
    if (requests - c->before > longest) longest = requests - c->before;
    record(now() - c->start);
    if (!c->served) {
        c->served = true;
        served++;
        begin = (double)requests / served;
    }
    if (churn) {
        struct linger hard = {1, 0}; /* no port is left in TIME_WAIT */
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(c->fd);
        open_one(c);
    } else if (!idle) {
        ask(c);
    }
}

static void ready(conn *c) {
    char b[65536];
    ssize_t n = recv(c->fd, b, sizeof b, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) die("the server closed");
    if (http && !c->want) {
        size_t part = (size_t)n < sizeof c->head - 1 - c->got ? (size_t)n : sizeof c->head - 1 - c->got;
        memcpy(c->head + c->got, b, part);
        c->head[c->got + part] = 0;
        char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "content-length:");
        if (end && length) c->want = (size_t)(end - c->head) + 4 + strtoul(length + 15, NULL, 10);
    }
    c->got += (size_t)n;
    if (c->want && c->got >= c->want) finish(c);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int count = atoi(argv[2]);
    double seconds = atof(argv[3]);
    to.sin_port = htons((uint16_t)atoi(argv[1]));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    http = !strcmp(argv[4], "http");
    churn = !strcmp(argv[4], "churn");
    idle = !strcmp(argv[4], "idle");
    request_len = http ? sizeof get - 1 : 64;
    if (http) memcpy(request, get, sizeof get);
    else memset(request, 'x', 63), request[63] = '\n';
    epoll = epoll_create1(EPOLL_CLOEXEC);
    conn *c = calloc((size_t)count, sizeof *c);
    struct epoll_event ev[256];
    for (int i = 0; i < count; i++) {
        open_one(&c[i]);
        while (idle && requests <= (uint64_t)i) { /* one after the other: the kernel's queue of connections is short */
            int n = epoll_wait(epoll, ev, 256, -1);
            for (int k = 0; k < n; k++) ready(ev[k].data.ptr);
        }
    }
    if (idle) {
        puts("idle");
        fflush(stdout);
        while (getchar() != EOF) {}
        return 0;
    }
    uint64_t start = now(), warm = start + 200000000u, end = warm + (uint64_t)(seconds * 1e9);
    bool counting = false;
    for (uint64_t t; (t = now()) < end;) {
        if (!counting && t >= warm && served == count) {
            counting = true;
            earlier = requests;
            requests = longest = 0;
            for (int i = 0; i < count; i++) c[i].before = 0;
            memset(buckets, 0, sizeof buckets);
            start = t;
        }
        int n = epoll_wait(epoll, ev, 256, 100);
        for (int i = 0; i < n; i++) ready(ev[i].data.ptr);
    }
    printf("requests %.0f p50 %.1f p99 %.1f total %llu turns %.2f begin %.2f\n", (double)requests / ((double)(now() - start) / 1e9), percentile(0.5),
           percentile(0.99), (unsigned long long)(earlier + requests), (double)longest / count, begin);
    return 0;
}
