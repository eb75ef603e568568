/* The socket by which `rille top` looks inside. SIGUSR2 opens it, so a run that nobody asks pays nothing. Invariant: the
 * thread touches the runtime only inside a survey, and has ended when rl_attach_close returns. Only the same user and root
 * are answered. Commands are lines of text, few and small; who does not read its answer within a moment is dropped, so the
 * end of the run waits for nobody. A file in a directory was not taken: it would outlive a run that is killed. */
#include "src/attach.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "src/sched.h"
#include "src/survey.h"

#define CLIENTS 8u
#define PATIENCE_US 200000

typedef struct client {
    int fd; /* -1: none */
    u32 len;
    char line[64];
    rl_survey_seen seen;
} client;

typedef struct rl_attach {
    rl_rt *rt;
    pthread_t thread;
    int listen, quit;
    client clients[CLIENTS];
} rl_attach;

socklen_t rl_attach_address(struct sockaddr_un *a, pid_t pid) {
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "rille-%d", (int)pid);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

bool rl_attach_trusted(int fd, pid_t *pid) {
    struct ucred who;
    socklen_t size = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size)) return false;
    *pid = who.pid;
    return who.uid == geteuid() || who.uid == 0;
}

/* ---- one onlooker ---- */

static void drop(client *c) {
    if (c->fd >= 0) close(c->fd);
    rl_survey_forget(&c->seen);
    *c = (client){ .fd = -1 };
}

static bool write_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
        if (done <= 0) return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static void answer(rl_rt *rt, client *c, FILE *out) {
    static const char *const keys[] = {
#define KEY(name) #name,
        RL_SURVEY_KEYS
#undef KEY
    };
    char key[16];
    unsigned long long n;
    if (sscanf(c->line, "one %llu", &n) == 1) rl_survey_one(rt, n, out);
    if (sscanf(c->line, "rows %15s %llu", key, &n) != 2) return;
    for (u32 i = 0; i < RL_LEN(keys); i++)
        if (!strcmp(keys[i], key)) rl_survey_rows(rt, (rl_survey_key)i, n, &c->seen, out);
}

/* False: nothing more to say to this one. */
static bool obey(rl_rt *rt, client *c) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) return false;
    answer(rt, c, out);
    fputs(".\n", out);
    bool ok = !fclose(out) && write_all(c->fd, text, size);
    free(text);
    return ok;
}

static void hear(rl_rt *rt, client *c) {
    ssize_t n = recv(c->fd, c->line + c->len, sizeof c->line - 1 - c->len, MSG_DONTWAIT);
    bool ok = n > 0;
    if (ok) c->len += (u32)n;
    for (char *end; ok && (end = memchr(c->line, '\n', c->len));) {
        *end = 0;
        ok = obey(rt, c);
        c->len -= (u32)(end + 1 - c->line);
        memmove(c->line, end + 1, c->len);
    }
    if (!ok || c->len == sizeof c->line - 1) drop(c);
}

/* ---- the thread ---- */

static void welcome(rl_attach *a) {
    struct timeval patience = { .tv_usec = PATIENCE_US };
    pid_t pid;
    int fd = accept4(a->listen, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    client *c = a->clients;
    while (c < a->clients + CLIENTS && c->fd >= 0) c++;
    if (c == a->clients + CLIENTS || !rl_attach_trusted(fd, &pid) ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience)) close(fd);
    else c->fd = fd;
}

static void *serve(void *arg) {
    rl_attach *a = arg;
    struct pollfd fds[CLIENTS + 2];
    for (;;) {
        fds[0] = (struct pollfd){ .fd = a->quit, .events = POLLIN };
        fds[1] = (struct pollfd){ .fd = a->listen, .events = POLLIN };
        for (u32 i = 0; i < CLIENTS; i++) fds[i + 2] = (struct pollfd){ .fd = a->clients[i].fd, .events = POLLIN };
        if (poll(fds, RL_LEN(fds), -1) < 0) continue;
        if (fds[0].revents) break;
        for (u32 i = 0; i < CLIENTS; i++)
            if (fds[i + 2].revents) hear(a->rt, &a->clients[i]);
        if (fds[1].revents) welcome(a);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static void attach_free(rl_attach *a) {
    for (u32 i = 0; i < CLIENTS; i++) drop(&a->clients[i]);
    if (a->listen >= 0) close(a->listen);
    if (a->quit >= 0) close(a->quit);
    free(a);
}

static bool start(rl_attach *a) {
    struct sockaddr_un address;
    socklen_t size = rl_attach_address(&address, getpid());
    sigset_t all, old;
    if (a->quit < 0 || a->listen < 0 || bind(a->listen, (struct sockaddr *)&address, size) || listen(a->listen, 8)) return false;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are for the workers */
    bool ok = !pthread_create(&a->thread, NULL, serve, a);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

rl_err rl_attach_open(rl_rt *rt) {
    if (rt->attach) return RL_OK;
    rl_attach *a = calloc(1, sizeof *a);
    if (!a) return RL_ERR_NOMEM;
    a->rt = rt;
    a->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a->quit = eventfd(0, EFD_CLOEXEC);
    for (u32 i = 0; i < CLIENTS; i++) a->clients[i].fd = -1;
    if (!start(a)) {
        attach_free(a);
        return RL_ERR_SYSTEM;
    }
    rt->attach = a;
    return RL_OK;
}

void rl_attach_close(rl_rt *rt) {
    rl_attach *a = rt->attach;
    u64 one = 1;
    if (!a) return;
    while (write(a->quit, &one, sizeof one) < 0) {}
    pthread_join(a->thread, NULL);
    attach_free(a);
    rt->attach = NULL;
}
