// A server as one writes it for wasi-libc: one listening descriptor, non-blocking clients, poll. Passes what one client
// says to all others, until one says "end".
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct pollfd p[20] = {{atoi(getenv("LISTEN_FDS_START")), POLLIN, 0}};
    int n = 1;
    for (;;) {
        if (poll(p, (nfds_t)n, -1) < 1) return 1;
        if (p[0].revents && n < 20) {
            int fd = accept4(p[0].fd, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0) return 2;
            p[n++] = (struct pollfd){fd, POLLIN, 0};
        }
        for (int i = 1; i < n; i++) {
            char b[100];
            if (!p[i].revents) continue;
            ssize_t got = recv(p[i].fd, b, sizeof b, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                close(p[i].fd);
                p[i--] = p[--n];
                continue;
            }
            if (recv(p[i].fd, b, 1, MSG_PEEK) >= 0 || errno != EAGAIN) return 3;
            if (got >= 3 && !memcmp(b, "end", 3)) return 0;
            if (got >= 4 && !memcmp(b, "quit", 4)) shutdown(p[i].fd, SHUT_WR);
            else for (int k = 1; k < n; k++)
                if (k != i && send(p[k].fd, b, (size_t)got, 0) != got) return 4;
        }
    }
}
