/* Owns the path_* calls and fd_readdir. Stateless; the thread that runs the process. Every path goes through
 * wasi_resolve.c: either it is opened as a whole beneath its directory, or split into a directory opened that way and one
 * name, on which the *at calls work without following links. Texts are copied from the guest first, as another program
 * may not see its memory change under a lookup. A path never reaches the kernel with a slash behind its last name but
 * through openat2, as the kernel follows links there. */
#include "src/host/wasi_impl.h"
#include "src/sched.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/utf8.h"

/* Copies a text of the guest; room for PATH_MAX. RL_WASI_FAULT: it trapped. */
static rl_wasi_errno get_text(rl_host *h, i32 at, i32 len, char *to) {
    const char *p = rl_host_range(h, (u32)at, (u32)len);
    if (!p) return RL_WASI_FAULT;
    if ((u32)len >= PATH_MAX) return RL_WASI_NAMETOOLONG;
    memcpy(to, p, (u32)len);
    to[(u32)len] = 0;
    if (!rl_utf8_valid(to, (u32)len)) return RL_WASI_ILSEQ;
    return memchr(to, 0, (u32)len) ? RL_WASI_INVAL : RL_WASI_OK;
}

/* A directory's entry; with `change`, one that may be changed. */
static rl_wasi_errno get_dir(rl_host *h, i32 fd, bool change, const rl_wasi_fd **out) {
    const rl_wasi_fd *f = *out = rl_wasi_fd_get(h->wasi, fd);
    if (!f || f->kind != RL_WASI_DIR) return RL_WASI_BADF;
    return change && f->read_only ? RL_WASI_ROFS : RL_WASI_OK;
}

/* Directory and name for a call that changes something: the entry, the text (in path, room for PATH_MAX), the split. */
static rl_wasi_errno get_at(rl_host *h, i32 fd, i32 text, i32 len, char *path, rl_wasi_at *at) {
    const rl_wasi_fd *f;
    *at = (rl_wasi_at){0};
    rl_wasi_errno e = get_dir(h, fd, true, &f), e2 = e == RL_WASI_BADF ? e : get_text(h, text, len, path);
    if (e2 || e) return e2 ? e2 : e;
    return rl_wasi_at_open(h->wasi->s, f->host, path, at);
}

static rl_wasi_errno finish(rl_wasi_at *at, int result) {
    rl_wasi_errno e = result < 0 ? rl_wasi_errno_of(errno) : RL_WASI_OK;
    rl_wasi_at_close(at);
    return e;
}

static rl_wasi_errno refuse(rl_wasi_at *at, rl_wasi_errno e) {
    rl_wasi_at_close(at);
    return e;
}

/* Whether the name is a directory, a link not followed. -1 with errno when there is nothing. */
static int is_dir(const rl_wasi_at *at) {
    struct stat st;
    if (fstatat(at->dir, at->name, &st, AT_SYMLINK_NOFOLLOW)) return -1;
    return S_ISDIR(st.st_mode);
}

/* Why "name/" cannot be made as something else than a directory. */
static rl_wasi_errno slash_taken(const rl_wasi_at *at) {
    int dir = is_dir(at);
    return dir < 0 ? RL_WASI_NOENT : dir ? RL_WASI_EXIST : RL_WASI_NOTDIR;
}

/* ---- making and removing names ---- */

i32 rl_host_wasi_path_create_directory(rl_host *h, i32 fd, i32 path, i32 len) {
    char text[PATH_MAX];
    rl_wasi_at at;
    rl_wasi_errno e = get_at(h, fd, path, len, text, &at);
    if (e) return (i32)e;
    if (!at.name) return (i32)refuse(&at, RL_WASI_EXIST);
    return (i32)finish(&at, mkdirat(at.dir, at.name, 0777));
}

i32 rl_host_wasi_path_remove_directory(rl_host *h, i32 fd, i32 path, i32 len) {
    char text[PATH_MAX];
    rl_wasi_at at;
    rl_wasi_errno e = get_at(h, fd, path, len, text, &at);
    if (e) return (i32)e;
    if (!at.name) return (i32)refuse(&at, RL_WASI_INVAL);
    return (i32)finish(&at, unlinkat(at.dir, at.name, AT_REMOVEDIR));
}

i32 rl_host_wasi_path_unlink_file(rl_host *h, i32 fd, i32 path, i32 len) {
    char text[PATH_MAX];
    rl_wasi_at at;
    rl_wasi_errno e = get_at(h, fd, path, len, text, &at);
    if (e) return (i32)e;
    if (!at.name) return (i32)refuse(&at, RL_WASI_ISDIR);
    if (at.slash) {
        int dir = is_dir(&at);
        if (dir >= 0) return (i32)refuse(&at, dir ? RL_WASI_ISDIR : RL_WASI_NOTDIR);
        return (i32)finish(&at, -1);
    }
    return (i32)finish(&at, unlinkat(at.dir, at.name, 0));
}

i32 rl_host_wasi_path_symlink(rl_host *h, i32 target, i32 target_len, i32 fd, i32 path, i32 len) {
    char text[PATH_MAX], to[PATH_MAX];
    rl_wasi_at at;
    rl_wasi_errno e = get_text(h, target, target_len, to), e2 = get_at(h, fd, path, len, text, &at);
    if (e2 || e) return (i32)refuse(&at, e2 ? e2 : e);
    if (to[0] == '/') return (i32)refuse(&at, RL_WASI_PERM);
    if (!at.name) return (i32)refuse(&at, RL_WASI_EXIST);
    if (at.slash) return (i32)refuse(&at, slash_taken(&at));
    return (i32)finish(&at, symlinkat(to, at.dir, at.name));
}

/* ---- two paths ---- */

static rl_wasi_errno link_at(const rl_wasi_at *old, const rl_wasi_at *new) {
    int dir = old->name ? is_dir(old) : 1;
    if (dir < 0) return rl_wasi_errno_of(errno);
    if (old->slash && !dir) return RL_WASI_NOTDIR;
    if (!new->name) return RL_WASI_EXIST;
    if (new->slash) return slash_taken(new);
    if (!old->name) return RL_WASI_PERM;
    return linkat(old->dir, old->name, new->dir, new->name, 0) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

static rl_wasi_errno rename_at(const rl_wasi_at *old, const rl_wasi_at *new) {
    if (!old->name || !new->name) return RL_WASI_BUSY;
    if (old->slash || new->slash) {
        int dir = is_dir(old);
        if (dir < 0) return rl_wasi_errno_of(errno);
        if (!dir) return RL_WASI_NOTDIR;
    }
    return renameat(old->dir, old->name, new->dir, new->name) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

static i32 two_paths(rl_host *h, i32 fd, i32 path, i32 len, i32 new_fd, i32 new_path, i32 new_len,
                     rl_wasi_errno (*call)(const rl_wasi_at *, const rl_wasi_at *)) {
    char text[PATH_MAX], new_text[PATH_MAX];
    rl_wasi_at old, new = {0};
    const rl_wasi_fd *f;
    if (get_dir(h, fd, false, &f) || get_dir(h, new_fd, false, &f)) return RL_WASI_BADF;
    rl_wasi_errno e = get_at(h, fd, path, len, text, &old);
    if (!e) e = get_at(h, new_fd, new_path, new_len, new_text, &new);
    if (!e) e = call(&old, &new);
    rl_wasi_at_close(&old);
    rl_wasi_at_close(&new);
    return (i32)e;
}

i32 rl_host_wasi_path_link(rl_host *h, i32 fd, i32 flags, i32 path, i32 len, i32 new_fd, i32 new_path, i32 new_len) {
    if (flags & (i32)RL_WASI_FOLLOW) return RL_WASI_INVAL; /* as wasmtime: a link to a link's target is not offered */
    return two_paths(h, fd, path, len, new_fd, new_path, new_len, link_at);
}

i32 rl_host_wasi_path_rename(rl_host *h, i32 fd, i32 path, i32 len, i32 new_fd, i32 new_path, i32 new_len) {
    return two_paths(h, fd, path, len, new_fd, new_path, new_len, rename_at);
}

/* ---- looking ---- */

/* Opens, only to look, what a path names. */
static int look(rl_host *h, i32 fd, bool change, i32 flags, i32 path, i32 len, rl_wasi_errno *e) {
    char text[PATH_MAX];
    const rl_wasi_fd *f;
    rl_wasi_errno access = get_dir(h, fd, change, &f);
    *e = access == RL_WASI_BADF ? access : get_text(h, path, len, text);
    if (!*e) *e = access;
    if (*e) return -1;
    return rl_wasi_open(h->wasi->s, f->host, text, O_PATH | (flags & (i32)RL_WASI_FOLLOW ? 0 : O_NOFOLLOW), 0, e);
}

i32 rl_host_wasi_path_filestat_get(rl_host *h, i32 fd, i32 flags, i32 path, i32 len, i32 out) {
    rl_wasi_errno e;
    u8 *to = rl_host_range(h, (u32)out, 64);
    if (!to) return 0;
    int at = look(h, fd, false, flags, path, len, &e);
    if (at < 0) return (i32)e;
    struct stat st;
    int r = fstat(at, &st) ? errno : 0;
    close(at);
    if (!r) rl_wasi_put_stat(to, &st);
    return rl_wasi_errno_of(r);
}

/* utimensat on an O_PATH descriptor: by the empty path since Linux 5.8, before that by its name in /proc. A link is
 * never followed here: the descriptor is the link itself when it was opened so, and /proc cannot name that. */
static int set_times(int at, const struct timespec t[2]) {
    if (!utimensat(at, "", t, AT_EMPTY_PATH)) return 0;
    if (errno != EINVAL && errno != ENOENT) return errno;
    struct stat st;
    if (fstat(at, &st) || S_ISLNK(st.st_mode)) return ENOTSUP;
    char name[40];
    snprintf(name, sizeof name, "/proc/self/fd/%d", at);
    return utimensat(AT_FDCWD, name, t, 0) ? errno : 0;
}

i32 rl_host_wasi_path_filestat_set_times(rl_host *h, i32 fd, i32 flags, i32 path, i32 len, i64 atim, i64 mtim, i32 which) {
    struct timespec t[2];
    rl_wasi_errno e = rl_wasi_times(t, (u64)atim, (u64)mtim, (u32)which);
    if (e) return (i32)e;
    int at = look(h, fd, true, flags, path, len, &e);
    if (at < 0) return (i32)e;
    int r = set_times(at, t);
    close(at);
    return rl_wasi_errno_of(r);
}

i32 rl_host_wasi_path_readlink(rl_host *h, i32 fd, i32 path, i32 len, i32 buf, i32 room, i32 out) {
    rl_wasi_errno e;
    char *to = rl_host_range(h, (u32)buf, (u32)room);
    if (!to || !rl_host_range(h, (u32)out, 4)) return 0;
    int at = look(h, fd, false, 0, path, len, &e);
    if (at < 0) return (i32)e;
    char text[PATH_MAX];
    ssize_t n = readlinkat(at, "", text, sizeof text);
    int r = n < 0 ? (errno == ENOENT ? EINVAL : errno) : 0; /* ENOENT: there, but no link */
    close(at);
    if (r) return rl_wasi_errno_of(r);
    if (text[0] == '/') return RL_WASI_PERM; /* where the host keeps things is not the guest's to know */
    n = RL_MIN(n, (ssize_t)(u32)room);
    memcpy(to, text, (size_t)n);
    rl_wasi_put32(h, out, (u32)n);
    return RL_WASI_OK;
}

/* ---- opening ---- */

/* The kind (S_IF*) of what a path names, a link followed or not; 0: nothing, or not to be reached. */
static u32 kind_at(rl_host *h, const rl_wasi_fd *dir, const char *path, int nofollow) {
    rl_wasi_errno e;
    struct stat st;
    int at = rl_wasi_open(h->wasi->s, dir->host, path, O_PATH | nofollow, 0, &e);
    u32 kind = at >= 0 && !fstat(at, &st) ? st.st_mode & S_IFMT : 0;
    if (at >= 0) close(at);
    return kind;
}

/* A FIFO that nobody reads cannot be opened for writing without blocking, and nothing tells when somebody does. */
#define FIFO_RETRY_NS 10000000

/* What a failed open means: the errno, or 0 after parking to try again. */
static i32 open_failed(rl_host *h, const rl_wasi_fd *dir, const char *path, int flags, i32 fdflags, rl_wasi_errno e) {
    if (e == RL_WASI_NXIO && !(fdflags & (i32)RL_WASI_NONBLOCK) && kind_at(h, dir, path, 0) == S_IFIFO) {
        rl_host_park(h, -1, false, rl_sched_now() + FIFO_RETRY_NS);
        return RL_WASI_OK;
    }
    /* Linux says ENOTDIR of a link that must be a directory and may not be followed; wasmtime (and BSD) say ELOOP */
    int both = O_DIRECTORY | O_NOFOLLOW;
    if (e == RL_WASI_NOTDIR && (flags & both) == both && kind_at(h, dir, path, O_NOFOLLOW) == S_IFLNK) return RL_WASI_LOOP;
    return (i32)e;
}

static int open_flags(i32 lookup, i32 oflags, bool read, bool write, i32 fdflags) {
    int f = O_NONBLOCK | O_NOCTTY | (write ? read ? O_RDWR : O_WRONLY : O_RDONLY);
    if (!(lookup & (i32)RL_WASI_FOLLOW)) f |= O_NOFOLLOW;
    if (oflags & (i32)RL_WASI_CREAT) f |= O_CREAT;
    if (oflags & (i32)RL_WASI_EXCL) f |= O_EXCL;
    if (oflags & (i32)RL_WASI_TRUNC) f |= O_TRUNC;
    if (oflags & (i32)RL_WASI_DIRECTORY) f |= O_DIRECTORY;
    if (fdflags & (i32)RL_WASI_APPEND) f |= O_APPEND;
    return f;
}

/* What the guest may ask for; *e says why not. */
static bool may_open(const rl_wasi_fd *dir, i32 oflags, bool write, i32 fdflags, rl_wasi_errno *e) {
    i32 change = oflags & (i32)(RL_WASI_CREAT | RL_WASI_EXCL | RL_WASI_TRUNC);
    *e = RL_WASI_OK;
    if (!dir) *e = RL_WASI_BADF;
    else if (dir->kind == RL_WASI_FILE) *e = RL_WASI_NOTDIR;
    else if (dir->kind != RL_WASI_DIR) *e = RL_WASI_BADF;
    else if (fdflags & (i32)(RL_WASI_DSYNC | RL_WASI_RSYNC | RL_WASI_SYNC)) *e = RL_WASI_NOTSUP; /* as wasmtime */
    else if ((oflags & (i32)RL_WASI_DIRECTORY) && change) *e = RL_WASI_INVAL;
    else if (dir->read_only && (write || (change & (i32)(RL_WASI_CREAT | RL_WASI_TRUNC)))) *e = RL_WASI_ROFS;
    return !*e;
}

i32 rl_host_wasi_path_open(rl_host *h, i32 fd, i32 lookup, i32 path, i32 len, i32 oflags, i64 base, i64 inheriting,
                           i32 fdflags, i32 out) {
    (void)inheriting; /* what a directory hands on is what it may do itself */
    bool write = base & (i64)RL_WASI_RIGHT_WRITE, read = !write || (base & (i64)RL_WASI_RIGHT_READ);
    char text[PATH_MAX];
    rl_wasi_errno e;
    rl_host_done(h);
    const rl_wasi_fd *dir = rl_wasi_fd_get(h->wasi, fd);
    if (!rl_host_range(h, (u32)out, 4)) return 0;
    if ((e = get_text(h, path, len, text)) || !may_open(dir, oflags, write, fdflags, &e)) return (i32)e;
    int flags = open_flags(lookup, oflags, read, write, fdflags);
    int host = rl_wasi_open(h->wasi->s, dir->host, text, flags, 0666, &e);
    if (host < 0) return open_failed(h, dir, text, flags, fdflags, e);
    struct stat st;
    if (fstat(host, &st)) {
        e = rl_wasi_errno_of(errno);
        close(host);
        return (i32)e;
    }
    bool is_directory = S_ISDIR(st.st_mode);
    rl_wasi_fd entry = {.kind = is_directory ? RL_WASI_DIR : RL_WASI_FILE, .type = (u8)rl_wasi_type_of(st.st_mode),
                        .flags = is_directory ? 0 : fdflags & (i32)(RL_WASI_APPEND | RL_WASI_NONBLOCK),
                        .read = read, .write = write, .read_only = dir->read_only, .owned = true, .host = host,
                        .list = -1, .preopen = -1};
    u32 number;
    if ((e = rl_wasi_fd_add(h->wasi, &entry, &number))) return (i32)e;
    rl_wasi_put32(h, out, number);
    return RL_WASI_OK;
}

/* ---- listing ---- */

#define ENTRY_HEAD 24u

typedef struct listing {
    u8 *to;          /* what is left of the guest's buffer */
    u32 room;
    u64 self;        /* inode of the directory */
    int fd;
} listing;

/* Appends one record, cut off where the buffer ends. */
static void put_entry(listing *l, const struct dirent64 *d) {
    struct stat st;
    u8 head[ENTRY_HEAD] = {0};
    u32 len = (u32)strlen(d->d_name);
    u32 mode = DTTOIF(d->d_type);
    if (d->d_type == DT_UNKNOWN && !fstatat(l->fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW)) mode = st.st_mode;
    bool dots = !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
    rl_store64(head, (u64)d->d_off);
    rl_store64(head + 8, dots ? l->self : d->d_ino); /* what lies above a preopen is not told */
    rl_store32(head + 16, len);
    head[20] = (u8)rl_wasi_type_of(mode);
    u32 n = RL_MIN(l->room, ENTRY_HEAD);
    memcpy(l->to, head, n);
    u32 m = RL_MIN(l->room - n, len);
    memcpy(l->to + n, d->d_name, m);
    l->to += n + m;
    l->room -= n + m;
}

/* The descriptor that lists a directory: its own, or a private one for a preopen. -1: *e. */
static int list_fd(rl_host *h, i32 fd, rl_wasi_errno *e) {
    const rl_wasi_fd *f;
    if ((*e = get_dir(h, fd, false, &f))) return -1;
    if (f->owned) return f->host;
    if (f->list >= 0) return f->list;
    rl_wasi_fd *mine = rl_wasi_fd_edit(h->wasi, fd);
    if (!mine) { *e = RL_WASI_NOMEM; return -1; }
    mine->list = openat(mine->host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mine->list < 0) *e = rl_wasi_errno_of(errno);
    return mine->list;
}

/* The host's own positions are the cookies: they stay valid while entries come and go. A buffer not filled says the end;
 * so entries are read until it is full. */
i32 rl_host_wasi_fd_readdir(rl_host *h, i32 fd, i32 buf, i32 len, i64 cookie, i32 out) {
    rl_wasi_errno e;
    listing l = {.to = rl_host_range(h, (u32)buf, (u32)len), .room = (u32)len};
    if (!l.to || !rl_host_range(h, (u32)out, 4)) return 0;
    if ((l.fd = list_fd(h, fd, &e)) < 0) return (i32)e;
    struct stat st;
    if (fstat(l.fd, &st)) return rl_wasi_errno_of(errno);
    l.self = st.st_ino;
    bool seen = lseek(l.fd, cookie, SEEK_SET) >= 0;
    if (!seen && errno != EINVAL) return rl_wasi_errno_of(errno);
    while (seen && l.room) { /* behind a cookie that cannot be one is nothing */
        union { struct dirent64 align; char bytes[8192]; } chunk;
        long n = syscall(SYS_getdents64, l.fd, &chunk, sizeof chunk);
        if (n < 0 && errno != ENOENT) return rl_wasi_errno_of(errno);
        if (n <= 0) break; /* ENOENT: the directory was removed; it has no entries */
        for (long at = 0; at < n && l.room;) {
            const struct dirent64 *d = (const void *)(chunk.bytes + at);
            put_entry(&l, d);
            at += d->d_reclen;
        }
    }
    rl_wasi_put32(h, out, (u32)len - l.room);
    return RL_WASI_OK;
}
