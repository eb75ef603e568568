/* What the others are compared with: one thread, epoll, nothing that is not needed. Prints its port.
 *
 *   server echo|http */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";

/* False: the client is gone. A request is taken to come in one piece, as it does here. */
static bool serve(int fd, bool http) {
    char b[16384];
    ssize_t n = recv(fd, b, sizeof b, 0);
    if (n < 0) return errno == EAGAIN;
    if (!n) return false;
    if (!http) return send(fd, b, (size_t)n, MSG_NOSIGNAL) == n;
    if (n < 4 || memcmp(b + n - 4, "\r\n\r\n", 4)) return false;
    return send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) > 0;
}

int main(int argc, char **argv) {
    bool http = argc > 1 && !strcmp(argv[1], "http");
    int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    if (bind(l, (struct sockaddr *)&a, sizeof a) || listen(l, 1024) || getsockname(l, (struct sockaddr *)&a, &len)) return 1;
    printf("port %d\n", ntohs(a.sin_port));
    fflush(stdout);
    struct epoll_event ev[256] = {{.events = EPOLLIN, .data.fd = l}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, l, &ev[0]);
    for (;;) {
        int n = epoll_wait(epoll, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ev[i].data.fd;
            if (fd != l) {
                if (!serve(fd, http)) close(fd);
                continue;
            }
            while ((fd = accept4(l, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                struct epoll_event in = {.events = EPOLLIN, .data.fd = fd};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &in);
            }
        }
    }
}
