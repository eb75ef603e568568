/* Owns the sandbox: turns a path of the guest into a host descriptor beneath a directory, never outside it, whatever
 * other programs do to the tree meanwhile. Stateless; any thread.
 *
 * The kernel does it (openat2 with RESOLVE_BENEATH). Where it cannot (before Linux 5.6, or forbidden by a filter) a walk
 * opens one name at a time with O_NOFOLLOW and expands links itself. Invariant of the walk: `cur` was reached from the
 * root by opening plain names only, so it lies beneath it (or did when it was opened: a directory that another program
 * moves away takes its descriptors along, as everywhere). `..` is not looked up, which a concurrent rename could turn
 * into an escape: the walk remembers the names that led to `cur`, drops the last and walks them again. A stack of
 * descriptors would save that, and cost a descriptor a level.
 * Checking a resolved name (realpath and compare) was not taken: it races. */
#include "src/host/wasi_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_LINKS 40   /* as the kernel's */
#define MAX_TRIES 64   /* of openat2 when renames keep disturbing it; then the walk, which they cannot disturb */

typedef struct walk {
    int root, cur;             /* cur == root: not owned */
    int flags;
    u32 mode;
    int links;                 /* expanded so far */
    u32 ndone;
    char done[PATH_MAX];       /* plain names that led from root to cur, each with a slash behind */
    char rest[2 * PATH_MAX];   /* what is still to be walked */
    char *at;                  /* in rest */
} walk;

static void set_cur(walk *w, int fd) {
    if (w->cur != w->root) close(w->cur);
    w->cur = fd;
}

static int open_dir(int dir, const char *name) {
    return openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Back to the directory that holds cur. */
static bool go_up(walk *w) {
    if (!w->ndone) { errno = EPERM; return false; }
    u32 n = w->ndone - 1;
    while (n && w->done[n - 1] != '/') n--;
    w->ndone = n;
    set_cur(w, w->root);
    for (u32 i = 0; i < n;) {
        char name[NAME_MAX + 2];
        u32 len = (u32)((char *)memchr(w->done + i, '/', n - i) - (w->done + i));
        memcpy(name, w->done + i, len);
        name[len] = 0;
        int fd = open_dir(w->cur, name);
        if (fd < 0) return false;
        set_cur(w, fd);
        i += len + 1;
    }
    return true;
}

static bool go_down(walk *w, const char *name) {
    size_t len = strlen(name);
    if (w->ndone + len + 1 > sizeof w->done) { errno = ENAMETOOLONG; return false; }
    int fd = open_dir(w->cur, name);
    if (fd < 0) return false;
    memcpy(w->done + w->ndone, name, len);
    w->done[w->ndone + len] = '/';
    w->ndone += (u32)len + 1;
    set_cur(w, fd);
    return true;
}

/* Puts the text of link `name` in front of what is left. 1: done, 0: not a link, -1: an error. */
static int expand(walk *w, const char *name) {
    char text[PATH_MAX];
    ssize_t n = readlinkat(w->cur, name, text, sizeof text);
    if (n < 0) return errno == EINVAL || errno == ENOENT ? 0 : -1;
    size_t left = strlen(w->at);
    errno = ENAMETOOLONG;
    if ((size_t)n >= sizeof text || (size_t)n + left + 1 > sizeof w->rest) return -1;
    errno = EPERM;
    if (n && text[0] == '/') return -1;
    errno = ELOOP;
    if (++w->links > MAX_LINKS) return -1;
    memmove(w->rest + n, w->at, left + 1); /* it begins with a slash, or is empty */
    memcpy(w->rest, text, (size_t)n);
    w->at = w->rest;
    return 1;
}

/* The path ended at cur itself. */
static int open_cur(walk *w) {
    if (w->flags & O_CREAT) { errno = w->flags & O_EXCL ? EEXIST : EISDIR; return -1; }
    return openat(w->cur, ".", w->flags);
}

/* The last name, not followed by a slash. -2: it was a link, go on. */
static int open_last(walk *w, const char *name) {
    bool follow = !(w->flags & O_NOFOLLOW) && (w->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    if (follow && (w->flags & O_PATH)) { /* O_PATH would open the link itself */
        int e = expand(w, name);
        if (e) return e > 0 ? -2 : -1;
    }
    int fd = openat(w->cur, name, w->flags | O_NOFOLLOW, w->mode);
    if (fd >= 0 && follow && (w->flags & O_PATH)) {
        struct stat st;
        if (fstat(fd, &st) || !S_ISLNK(st.st_mode)) return fd;
        close(fd); /* became a link between the two calls */
        errno = ELOOP;
        return -1;
    }
    if (fd >= 0 || !follow || (errno != ELOOP && errno != ENOTDIR)) return fd;
    int why = errno, e = expand(w, name);
    if (e == 0) errno = why;
    return e > 0 ? -2 : -1;
}

/* One step. -2: go on; else the result, a descriptor or -1. */
static int step(walk *w) {
    while (*w->at == '/') w->at++;
    if (!*w->at) return open_cur(w);
    size_t len = strcspn(w->at, "/");
    char name[NAME_MAX + 1];
    if (len > NAME_MAX) { errno = ENAMETOOLONG; return -1; }
    memcpy(name, w->at, len);
    name[len] = 0;
    w->at += len;
    if (!strcmp(name, ".")) return -2;
    if (!strcmp(name, "..")) return go_up(w) ? -2 : -1;
    if (!*w->at) return open_last(w, name);
    if ((w->flags & O_CREAT) && !w->at[strspn(w->at, "/")]) { errno = EISDIR; return -1; } /* opening makes no "new/" */
    if (go_down(w, name)) return -2;
    if (errno != ENOTDIR && errno != ELOOP) return -1;
    int why = errno, e = expand(w, name);
    if (e == 0) errno = why == ELOOP ? ENOTDIR : why;
    return e > 0 ? -2 : -1;
}

static int open_walk(int dir, const char *path, int flags, u32 mode) {
    walk w = {.root = dir, .cur = dir, .flags = flags, .mode = mode};
    if (!*path) { errno = ENOENT; return -1; }
    if (*path == '/') { errno = EPERM; return -1; }
    strcpy(w.rest, path); /* the caller's paths are shorter than PATH_MAX */
    w.at = w.rest;
    int fd;
    do fd = step(&w);
    while (fd == -2);
    int why = errno;
    set_cur(&w, dir);
    errno = why;
    return fd;
}

static int open_beneath(int dir, const char *path, int flags, u32 mode) {
    struct open_how how = {.flags = (u64)(u32)flags, .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int i = 0; i < MAX_TRIES; i++) {
        int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN) {
            if (fd < 0 && errno == EXDEV) errno = EPERM;
            return fd;
        }
    }
    return open_walk(dir, path, flags, mode);
}

/* Whether the kernel has openat2 and lets us use it. EPERM must be asked for beforehand: an open may fail with it too. */
static bool have_openat2(void) {
    static _Atomic int known; /* relaxed: two threads asking at once get the same answer */
    int k = atomic_load_explicit(&known, memory_order_relaxed);
    if (!k) {
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
        int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how);
        k = fd < 0 && (errno == ENOSYS || errno == EPERM) ? 1 : 2;
        if (fd >= 0) close(fd);
        atomic_store_explicit(&known, k, memory_order_relaxed);
    }
    return k == 2;
}

int rl_wasi_open(const rl_wasi_shared *s, int dir, const char *path, int flags, u32 mode, rl_wasi_errno *e) {
    flags |= O_CLOEXEC;
    int fd = s->walk || !have_openat2() ? open_walk(dir, path, flags, mode) : open_beneath(dir, path, flags, mode);
    if (fd < 0) *e = rl_wasi_errno_of(errno);
    return fd;
}

rl_wasi_errno rl_wasi_at_open(const rl_wasi_shared *s, int dir, char *path, rl_wasi_at *at) {
    *at = (rl_wasi_at){.dir = dir};
    if (!*path) return RL_WASI_NOENT;
    if (*path == '/') return RL_WASI_PERM;
    size_t len = strlen(path), end = len;
    while (end && path[end - 1] == '/') end--;
    size_t start = end;
    while (start && path[start - 1] != '/') start--;
    const char *name = path + start;
    size_t n = end - start;
    bool dots = (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.');
    const char *parent = path;
    if (!dots) {
        if (n > NAME_MAX) return RL_WASI_NAMETOOLONG;
        at->name = name;
        at->slash = end < len;
        path[end] = 0;
        if (!start) return RL_WASI_OK; /* in dir itself: nothing to resolve */
        path[start - 1] = 0;
    }
    rl_wasi_errno e = RL_WASI_OK;
    at->dir = rl_wasi_open(s, dir, parent, O_PATH | O_DIRECTORY, 0, &e);
    at->owned = at->dir >= 0;
    return e;
}

void rl_wasi_at_close(rl_wasi_at *at) {
    if (at->owned) close(at->dir);
    at->owned = false;
}
