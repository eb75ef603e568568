/* rille::net, Unix sockets. What they give are listeners and streams like those of TCP, with the same calls. Invariant: a
 * name is resolved, then asked for among the rules, then opened part by part without following a link (src/upath.h): what
 * is bound lies in the directory that was opened, what is connected to is the very socket that was opened. The kernel
 * takes them by /proc/self/fd, which also spares long paths the limit of 108 bytes. The calling process's worker.
 * Handing the kernel the resolved name was not taken: a directory on its way could meanwhile have become a link. */
#include "src/host/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/os.h"
#include "src/upath.h"

#define AGAIN_NS 5000000ll /* between attempts while a listener's queue is full: the kernel does not tell when it is not */

typedef struct name {
    struct sockaddr_un a;
    socklen_t len;
    int fd; /* that the address goes by; -1: none, as it is abstract, or could not be opened (errno) */
} name;

static int new_socket(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

static int fail_with(int fd, int error) {
    if (fd >= 0) close(fd);
    errno = error;
    return -1;
}

static bool abstract_name(const char *path, name *n) {
    *n = (name){ .a.sun_family = AF_UNIX, .fd = -1 };
    if (*path != '@') return false;
    size_t len = strlen(path + 1);
    memcpy(n->a.sun_path + 1, path + 1, len);
    n->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    return true;
}

/* By way of a descriptor that is open: the thing itself, or `last` in a directory. Takes fd over. */
static bool by_descriptor(name *n, int fd, const char *last) {
    int len = snprintf(n->a.sun_path, sizeof n->a.sun_path, *last ? "/proc/self/fd/%d/%s" : "/proc/self/fd/%d", fd, last);
    n->len = sizeof n->a;
    if (fd >= 0 && len < (int)sizeof n->a.sun_path) {
        n->fd = fd;
        return true;
    }
    if (fd >= 0) fail_with(fd, ENAMETOOLONG);
    return false;
}

/* The socket that lies at `last` in dir. */
static bool there(name *n, int dir, const char *last) {
    struct stat st;
    int fd = *last ? openat(dir, last, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (!*last) errno = EISDIR;
    if (fd >= 0 && (fstat(fd, &st) || !S_ISSOCK(st.st_mode))) fd = fail_with(fd, ECONNREFUSED);
    return by_descriptor(n, fd, "");
}

/* ---- listening ---- */

/* A socket that lies at `last` in dir and at which nobody listens any more is taken away. */
static bool clear(int dir, const char *last) {
    name n = { .a.sun_family = AF_UNIX, .fd = -1 };
    int probe = there(&n, dir, last) ? new_socket() : -1;
    bool dead = probe >= 0 && connect(probe, (struct sockaddr *)&n.a, n.len) && errno == ECONNREFUSED;
    if (probe >= 0) close(probe);
    if (n.fd >= 0) close(n.fd);
    return dead && !unlinkat(dir, last, 0);
}

static int bind_path(int fd, const char *path) {
    const char *last;
    name n = { .a.sun_family = AF_UNIX, .fd = -1 };
    int dir = rl_upath_open_dir(path, &last);
    if (dir >= 0 && !*last) dir = fail_with(dir, EISDIR);
    if (!by_descriptor(&n, dir, last)) return -1;
    int result = bind(fd, (struct sockaddr *)&n.a, n.len), error = errno;
    if (result && error == EADDRINUSE && clear(dir, last)) {
        result = bind(fd, (struct sockaddr *)&n.a, n.len);
        error = errno;
    }
    close(n.fd);
    errno = error;
    return result;
}

static int listen_on(const char *path) {
    name n;
    rl_sock_raise_limit();
    int fd = new_socket();
    if (fd < 0) return -1;
    int result = abstract_name(path, &n) ? bind(fd, (struct sockaddr *)&n.a, n.len) : bind_path(fd, path);
    return result || listen(fd, RL_BACKLOG) ? fail_with(fd, errno) : fd;
}

i32 rl_host_net_unix_listen(rl_host *h, i32 ptr, i32 len, i32 id_ptr) {
    char path[PATH_MAX];
    const char *text = rl_guest_text(h, ptr, len);
    if (!text) return 0;
    if (!rl_upath_resolve(text, (u32)len, path)) return rl_net_failed(h, id_ptr, EINVAL);
    if (!rl_net_may_path(h, RL_REACH_LISTEN, path)) return rl_net_refused(h, id_ptr);
    rl_sock *s = rl_sock_new(listen_on(path));
    return s ? rl_sock_give(h, id_ptr, RL_RES_TCP_LISTENER, s) : rl_net_failed(h, id_ptr, errno);
}

/* ---- connecting ---- */

/* A connected socket. -1 and errno; EAGAIN: the other's queue is full. */
static int connect_to(const char *path) {
    name n;
    const char *last;
    if (!abstract_name(path, &n)) {
        int dir = rl_upath_open_dir(path, &last);
        if (dir < 0) return -1;
        bool good = there(&n, dir, last);
        fail_with(dir, errno);
        if (!good) return -1;
    }
    int fd = new_socket(), result = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&n.a, n.len), error = errno;
    if (n.fd >= 0) close(n.fd);
    return result ? fail_with(fd, error) : fd;
}

/* Begins anew at each attempt. The limit is kept in wait.word[0]. */
i32 rl_host_net_unix_connect(rl_host *h, i32 ptr, i32 len, i64 timeout, i32 id_ptr) {
    char path[PATH_MAX];
    const char *text = rl_guest_text(h, ptr, len);
    i64 now = rl_sched_now(), limit = h->wait.retry ? (i64)h->wait.word[0] : rl_guest_deadline((u64)timeout);
    i32 result = 0;
    if (!text) return 0;
    bool is_name = rl_upath_resolve(text, (u32)len, path), may = is_name && rl_net_may_path(h, RL_REACH_CONNECT, path);
    rl_sock *s = may ? rl_sock_new(connect_to(path)) : NULL;
    int error = errno;
    if (may && !s && error == EAGAIN && !(h->wait.retry && limit <= now)) {
        rl_host_park(h, -1, false, RL_MIN(limit, now + AGAIN_NS));
        h->wait.word[0] = (u64)limit;
        return 0;
    }
    rl_host_done(h);
    if (s) return rl_sock_give(h, id_ptr, RL_RES_TCP, s);
    if (!is_name) result = rl_net_failed(h, id_ptr, EINVAL);
    else if (!may) result = rl_net_refused(h, id_ptr);
    else result = error == EAGAIN ? rl_net_late(h, id_ptr) : rl_net_failed(h, id_ptr, error);
    return result;
}
