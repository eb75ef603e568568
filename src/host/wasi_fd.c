/* Owns the descriptor table of a process and the fd_* calls but reading directories. A table belongs to its process and is
 * touched by the thread that runs it; until the first change a process uses the table its config came with, which nobody
 * changes. Offsets are the host's, so that pipes, terminals and files need no telling apart here; wasmtime keeps its own
 * and reads everything at an offset.
 *
 * Waiting: descriptors opened here are non-blocking, so a transfer is tried and its EAGAIN becomes a park. Standard
 * descriptors are shared with other programs and stay as they are: readiness is asked for first, and the transfer made with
 * RWF_NOWAIT where the kernel takes it. Regular files never wait. */
#include "src/host/wasi_impl.h"
#include "src/capture.h"
#include "src/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

rl_wasi_errno rl_wasi_errno_of(int host_errno) {
    switch (host_errno) {
    case 0: return RL_WASI_OK;
#define ERRNO(name) case E##name: return RL_WASI_##name;
#include "src/host/wasi_errno.def"
#undef ERRNO
    default: return RL_WASI_IO;
    }
}

/* ---- the table ---- */

const rl_wasi_fd *rl_wasi_fd_get(const struct rl_wasi *w, i32 fd) {
    u32 n = w->fds ? w->nfds : w->s->nbase;
    if ((u32)fd >= n) return NULL;
    const rl_wasi_fd *f = &(w->fds ? w->fds : w->s->base)[(u32)fd];
    return f->kind == RL_WASI_FREE ? NULL : f;
}

/* Makes the table the process's own, with room for `more` entries. */
static bool own(struct rl_wasi *w, u32 more) {
    u32 used = w->fds ? w->nfds : w->s->nbase, need = used + more;
    if (w->fds && need <= w->cap) return true;
    u32 cap = RL_MAX(need, w->fds ? w->cap * 2 : need + 5);
    rl_wasi_fd *fds = need > RL_WASI_MAX_FDS ? NULL : realloc(w->fds, cap * sizeof *fds);
    if (!fds) return false;
    if (!w->fds) {
        memcpy(fds, w->s->base, used * sizeof *fds);
        w->nfree = 0;
        for (u32 i = 0; i < used; i++) w->nfree += fds[i].kind == RL_WASI_FREE;
        w->nfds = used;
    }
    w->fds = fds;
    w->cap = cap;
    return true;
}

rl_wasi_fd *rl_wasi_fd_edit(struct rl_wasi *w, i32 fd) {
    return rl_wasi_fd_get(w, fd) && own(w, 0) ? &w->fds[(u32)fd] : NULL;
}

static void close_host(const rl_wasi_fd *f) {
    if (f->owned) close(f->host);
    if (f->kind == RL_WASI_DIR && f->list >= 0) close(f->list);
}

rl_wasi_errno rl_wasi_fd_add(struct rl_wasi *w, const rl_wasi_fd *entry, u32 *number) {
    if (!own(w, w->fds && w->nfree ? 0 : 1)) {
        close_host(entry);
        return RL_WASI_NOMEM;
    }
    u32 n = w->nfds;
    if (w->nfree) {
        do n--;
        while (w->fds[n].kind != RL_WASI_FREE);
        w->nfree--;
    } else w->nfds++;
    w->fds[n] = *entry;
    *number = n;
    return RL_WASI_OK;
}

rl_err rl_wasi_capture(struct rl_wasi *w, u32 stream) {
    if (!own(w, 0)) return RL_ERR_NOMEM;
    for (u32 i = 1; i <= 2; i++)
        w->fds[i] = (rl_wasi_fd){.kind = RL_WASI_CAPTURE, .type = RL_WASI_TYPE_UNKNOWN, .flags = RL_WASI_APPEND, .write = true,
                                 .host = (int)stream, .list = -1, .preopen = -1};
    return RL_OK;
}

void rl_wasi_fd_fini(struct rl_wasi *w) {
    for (u32 i = 0; w->fds && i < w->nfds; i++) close_host(&w->fds[i]);
    free(w->fds);
    w->fds = NULL;
}

i32 rl_host_wasi_fd_close(rl_host *h, i32 fd) {
    const rl_wasi_fd *old = rl_wasi_fd_get(h->wasi, fd);
    if (!old) return RL_WASI_BADF;
    rl_wasi_fd *f = rl_wasi_fd_edit(h->wasi, fd);
    if (!f) return RL_WASI_NOMEM;
    close_host(f);
    *f = (rl_wasi_fd){.kind = RL_WASI_FREE};
    h->wasi->nfree++;
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_renumber(rl_host *h, i32 from, i32 to) {
    struct rl_wasi *w = h->wasi;
    if (!rl_wasi_fd_get(w, from) || !rl_wasi_fd_get(w, to)) return RL_WASI_BADF;
    if (from == to) return RL_WASI_OK;
    if (!own(w, 0)) return RL_WASI_NOMEM;
    close_host(&w->fds[(u32)to]);
    w->fds[(u32)to] = w->fds[(u32)from];
    w->fds[(u32)from] = (rl_wasi_fd){.kind = RL_WASI_FREE};
    w->nfree++;
    return RL_WASI_OK;
}

/* The entry when it is of a kind, else *e: what is not there and what is of another kind are both bad numbers. */
static const rl_wasi_fd *get_kind(rl_host *h, i32 fd, rl_wasi_kind kind, rl_wasi_errno *e) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (f && f->kind == kind) return f;
    *e = RL_WASI_BADF;
    return NULL;
}

/* A descriptor with an offset: a file; the standard ones are told apart, as in POSIX. */
static const rl_wasi_fd *get_seekable(rl_host *h, i32 fd, rl_wasi_errno *e) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (f && f->kind == RL_WASI_FILE) return f;
    *e = f && f->kind != RL_WASI_DIR && f->kind != RL_WASI_CAPTURE ? RL_WASI_SPIPE : RL_WASI_BADF;
    return NULL;
}

/* ---- transfers ---- */

bool rl_wasi_slices(rl_host *h, u32 at, u32 count, bool write, struct iovec *v, int *n) {
    const u8 *p = rl_host_range(h, at, (u64)count * 8);
    if (!p) return false;
    *n = 0;
    for (u32 i = 0; i < RL_MIN(count, RL_WASI_SLICES); i++, p += 8) {
        u32 len = rl_load32(p + 4);
        void *base = rl_host_range(h, rl_load32(p), len);
        if (!base) return false;
        rl_host_direct(h, base, len, write);
        if (len) v[(*n)++] = (struct iovec){base, len};
    }
    return true;
}

typedef enum transfer { READ, WRITE } transfer;

/* One preadv2 or pwritev2; offset -1: the descriptor's own. */
static ssize_t move(int fd, transfer t, const struct iovec *v, int n, i64 offset, int flags) {
    ssize_t got;
    do got = t == READ ? preadv2(fd, v, n, offset, flags) : pwritev2(fd, v, n, offset, flags);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The leading slices that hold PIPE_BUF bytes at most; the first is cut to that. */
static int portion(struct iovec *v, int n) {
    size_t total = v[0].iov_len = RL_MIN(v[0].iov_len, (size_t)PIPE_BUF);
    int i = 1;
    while (i < n && v[i].iov_len <= PIPE_BUF - total) total += v[i++].iov_len;
    return i;
}

static ssize_t move_std(int fd, transfer t, struct iovec *v, int n) {
    ssize_t got = move(fd, t, v, n, -1, RWF_NOWAIT);
    if (got >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return got;
    /* A terminal, perhaps, or an old kernel. Once it is ready this waits only if another program was faster: a pipe that
     * is ready takes PIPE_BUF bytes. */
    struct pollfd p = {fd, t == READ ? POLLIN : POLLOUT, 0};
    if (poll(&p, 1, 0) == 0) { errno = EAGAIN; return -1; }
    return move(fd, t, v, t == READ ? n : portion(v, n), -1, 0);
}

static ssize_t move_any(rl_host *h, const rl_wasi_fd *f, transfer t, struct iovec *v, int n, i64 offset) {
    if (f->kind == RL_WASI_CAPTURE) return rl_capture_write(rl_proc_of(h)->worker->rt->config->capture, (u32)f->host, v, n);
    if (f->kind == RL_WASI_STDIO && !f->regular) return move_std(f->host, t, v, n);
    if (f->kind == RL_WASI_SOCK && t == WRITE)
        return sendmsg(f->host, &(struct msghdr){.msg_iov = v, .msg_iovlen = (size_t)n}, MSG_NOSIGNAL);
    return move(f->host, t, v, n, offset, 0);
}

/* v: room for `count` slices, or RL_WASI_SLICES */
static i32 transfer_by(rl_host *h, i32 fd, i32 iovs, i32 count, transfer t, i64 offset, i32 out, struct iovec *v) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    rl_host_done(h);
    if (!f || !(t == READ ? f->read : f->write) || f->kind == RL_WASI_DIR) return RL_WASI_BADF;
    if (offset >= 0 && f->kind != RL_WASI_FILE) return f->kind == RL_WASI_CAPTURE ? RL_WASI_BADF : RL_WASI_SPIPE;
    int n;
    if (!rl_wasi_slices(h, (u32)iovs, (u32)count, t == READ, v, &n) || !rl_host_range(h, (u32)out, 4)) return 0;
    ssize_t got = n ? move_any(h, f, t, v, n, offset) : 0;
    if (got < 0 && errno == EAGAIN && !(f->flags & RL_WASI_NONBLOCK)) {
        rl_host_park(h, f->host, t == WRITE, INT64_MAX);
        return 0;
    }
    if (got < 0) return rl_wasi_errno_of(errno);
    rl_wasi_put32(h, out, (u32)got);
    return RL_WASI_OK;
}

static __attribute__((noinline)) i32 transfer_many(rl_host *h, i32 fd, i32 iovs, i32 count, transfer t, i64 offset, i32 out) {
    struct iovec v[RL_WASI_SLICES];
    return transfer_by(h, fd, iovs, count, t, offset, out, v);
}

/* Most vectors are short, and a stack that is not deep yet is spared the pages for a long one. */
static i32 transfer_at(rl_host *h, i32 fd, i32 iovs, i32 count, transfer t, i64 offset, i32 out) {
    struct iovec v[8];
    if ((u32)count > RL_LEN(v)) return transfer_many(h, fd, iovs, count, t, offset, out);
    return transfer_by(h, fd, iovs, count, t, offset, out, v);
}

i32 rl_host_wasi_fd_read(rl_host *h, i32 fd, i32 iovs, i32 count, i32 out) {
    return transfer_at(h, fd, iovs, count, READ, -1, out);
}
i32 rl_host_wasi_fd_write(rl_host *h, i32 fd, i32 iovs, i32 count, i32 out) {
    return transfer_at(h, fd, iovs, count, WRITE, -1, out);
}
i32 rl_host_wasi_fd_pread(rl_host *h, i32 fd, i32 iovs, i32 count, i64 offset, i32 out) {
    if (offset < 0) return rl_wasi_fd_get(h->wasi, fd) ? RL_WASI_INVAL : RL_WASI_BADF; /* beyond any file */
    return transfer_at(h, fd, iovs, count, READ, offset, out);
}
i32 rl_host_wasi_fd_pwrite(rl_host *h, i32 fd, i32 iovs, i32 count, i64 offset, i32 out) {
    if (offset < 0) return rl_wasi_fd_get(h->wasi, fd) ? RL_WASI_INVAL : RL_WASI_BADF;
    return transfer_at(h, fd, iovs, count, WRITE, offset, out);
}

i32 rl_host_wasi_fd_seek(rl_host *h, i32 fd, i64 offset, i32 whence, i32 out) {
    static const int host[] = {SEEK_SET, SEEK_CUR, SEEK_END};
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_seekable(h, fd, &e);
    if (!f) return (i32)e;
    if ((u32)whence >= RL_LEN(host)) return RL_WASI_INVAL;
    if (!rl_host_range(h, (u32)out, 8)) return 0;
    off_t at = lseek(f->host, offset, host[whence]);
    if (at < 0) return rl_wasi_errno_of(errno);
    rl_wasi_put64(h, out, (u64)at);
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_tell(rl_host *h, i32 fd, i32 out) { return rl_host_wasi_fd_seek(h, fd, 0, 1, out); }

/* ---- what a descriptor is ---- */

rl_wasi_filetype rl_wasi_type_of(u32 st_mode) {
    switch (st_mode & S_IFMT) {
    case S_IFBLK: return RL_WASI_TYPE_BLOCK;
    case S_IFCHR: return RL_WASI_TYPE_CHARACTER;
    case S_IFDIR: return RL_WASI_TYPE_DIRECTORY;
    case S_IFREG: return RL_WASI_TYPE_FILE;
    case S_IFLNK: return RL_WASI_TYPE_SYMLINK;
    case S_IFSOCK: return RL_WASI_TYPE_STREAM;
    default: return RL_WASI_TYPE_UNKNOWN; /* a FIFO: preview 1 has no number for it */
    }
}

static u64 nanoseconds(struct timespec t) {
    return t.tv_sec < 0 ? 0 : (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

void rl_wasi_put_stat(u8 *to, const struct stat *st) {
    memset(to, 0, 64);
    rl_store64(to, st->st_dev);
    rl_store64(to + 8, st->st_ino);
    to[16] = (u8)rl_wasi_type_of(st->st_mode);
    rl_store64(to + 24, st->st_nlink);
    rl_store64(to + 32, (u64)st->st_size);
    rl_store64(to + 40, nanoseconds(st->st_atim));
    rl_store64(to + 48, nanoseconds(st->st_mtim));
    rl_store64(to + 56, nanoseconds(st->st_ctim));
}

i32 rl_host_wasi_fd_filestat_get(rl_host *h, i32 fd, i32 out) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (!f) return RL_WASI_BADF;
    struct stat st = {0};
    if (f->kind > RL_WASI_CAPTURE && fstat(f->host, &st)) return rl_wasi_errno_of(errno);
    u8 *to = rl_host_range(h, (u32)out, 64);
    if (!to) return 0;
    rl_wasi_put_stat(to, &st);
    to[16] = f->type; /* of a standard descriptor this is all the guest learns: the rest is the host's business */
    return RL_WASI_OK;
}

/* Rights as wasmtime reports them. Guests (the C library) mask what they ask for with a preopen's inheriting ones. */
#define ALL_RIGHTS ((1ull << 30) - 1)
#define DIR_BASE 0x07b7fe00ull       /* path_* (but set_size), fd_readdir, fd_filestat_get, fd_filestat_set_times */
#define DIR_INHERITING 0x0ff7ffffull /* and what files can do */

static void rights(const rl_wasi_fd *f, u64 *base, u64 *inheriting) {
    if (f->kind <= RL_WASI_CAPTURE) *base = f->read ? RL_WASI_RIGHT_READ : RL_WASI_RIGHT_WRITE;
    else if (f->preopen >= 0) *base = DIR_BASE;
    else {
        *base = ALL_RIGHTS;
        if (f->kind == RL_WASI_DIR) *base &= ~(1ull << 2 | 1ull << 19 | 1ull << 22); /* seek, two set_size */
        if (!f->read) *base &= ~(RL_WASI_RIGHT_READ | 1ull << 14);                   /* readdir */
        if (!f->write) *base &= ~RL_WASI_RIGHT_WRITE;
    }
    *inheriting = f->preopen >= 0 && f->kind == RL_WASI_DIR ? DIR_INHERITING : *base;
}

i32 rl_host_wasi_fd_fdstat_get(rl_host *h, i32 fd, i32 out) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (!f) return RL_WASI_BADF;
    u8 *to = rl_host_range(h, (u32)out, 24);
    if (!to) return 0;
    u64 base, inheriting;
    rights(f, &base, &inheriting);
    memset(to, 0, 24);
    to[0] = f->type;
    rl_wasi_store16(to + 2, f->flags);
    rl_store64(to + 8, base);
    rl_store64(to + 16, inheriting);
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_fdstat_set_flags(rl_host *h, i32 fd, i32 flags) {
    const rl_wasi_fd *old = rl_wasi_fd_get(h->wasi, fd);
    if (!old || (old->kind != RL_WASI_FILE && old->kind != RL_WASI_SOCK)) return RL_WASI_BADF;
    if (flags & ~(i32)(RL_WASI_APPEND | RL_WASI_NONBLOCK)) return RL_WASI_INVAL;
    rl_wasi_fd *f = rl_wasi_fd_edit(h->wasi, fd);
    if (!f) return RL_WASI_NOMEM;
    if ((f->flags ^ flags) & (i32)RL_WASI_APPEND && f->kind == RL_WASI_FILE) {
        int host = fcntl(f->host, F_GETFL);
        host = (flags & (i32)RL_WASI_APPEND) ? host | O_APPEND : host & ~O_APPEND;
        if (fcntl(f->host, F_SETFL, host)) return rl_wasi_errno_of(errno);
    }
    f->flags = (u8)flags;
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_fdstat_set_rights(rl_host *h, i32 fd, i64 base, i64 inheriting) {
    (void)base, (void)inheriting;
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    return f && f->kind > RL_WASI_CAPTURE ? RL_WASI_NOTSUP : RL_WASI_BADF;
}

i32 rl_host_wasi_fd_prestat_get(rl_host *h, i32 fd, i32 out) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (!f || f->preopen < 0) return RL_WASI_BADF;
    u8 *to = rl_host_range(h, (u32)out, 8);
    if (!to) return 0;
    rl_store32(to, 0); /* a directory: the only kind there is */
    rl_store32(to + 4, h->wasi->s->dirs[f->preopen].len);
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_prestat_dir_name(rl_host *h, i32 fd, i32 path, i32 len) {
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (!f) return RL_WASI_BADF;
    if (f->preopen < 0) return RL_WASI_NOTDIR;
    const rl_wasi_shared *s = h->wasi->s;
    u32 n = s->dirs[f->preopen].len;
    if (n > (u32)len) return RL_WASI_NAMETOOLONG;
    void *to = rl_host_range(h, (u32)path, n);
    if (to) memcpy(to, s->dirs[f->preopen].name, n);
    return RL_WASI_OK;
}

/* ---- changing files ---- */

rl_wasi_errno rl_wasi_times(struct timespec to[2], u64 atim, u64 mtim, u32 flags) {
    u64 at[2] = {atim, mtim};
    for (int i = 0; i < 2; i++, flags >>= 2) { /* bits: set, now */
        if ((flags & 3) == 3) return RL_WASI_INVAL;
        to[i].tv_sec = (time_t)(at[i] / 1000000000u);
        to[i].tv_nsec = flags & 1 ? (long)(at[i] % 1000000000u) : flags & 2 ? UTIME_NOW : UTIME_OMIT;
    }
    return RL_WASI_OK;
}

i32 rl_host_wasi_fd_filestat_set_times(rl_host *h, i32 fd, i64 atim, i64 mtim, i32 flags) {
    struct timespec t[2];
    rl_wasi_errno e = rl_wasi_times(t, (u64)atim, (u64)mtim, (u32)flags);
    if (e) return (i32)e;
    const rl_wasi_fd *f = rl_wasi_fd_get(h->wasi, fd);
    if (!f || (f->kind != RL_WASI_FILE && f->kind != RL_WASI_DIR)) return RL_WASI_BADF;
    if (f->read_only) return RL_WASI_ROFS;
    /* "." as a preopen is O_PATH, which futimens refuses */
    int r = f->kind == RL_WASI_DIR ? utimensat(f->host, ".", t, 0) : futimens(f->host, t);
    return r ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

i32 rl_host_wasi_fd_filestat_set_size(rl_host *h, i32 fd, i64 size) {
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_kind(h, fd, RL_WASI_FILE, &e);
    if (!f) return (i32)e;
    if (!f->write || size < 0) return RL_WASI_INVAL;
    return ftruncate(f->host, size) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

i32 rl_host_wasi_fd_allocate(rl_host *h, i32 fd, i64 offset, i64 len) {
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_kind(h, fd, RL_WASI_FILE, &e);
    if (!f) return (i32)e;
    if (!f->write) return RL_WASI_BADF;
    return fallocate(f->host, 0, offset, len) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

i32 rl_host_wasi_fd_advise(rl_host *h, i32 fd, i64 offset, i64 len, i32 advice) {
    static const int host[] = {POSIX_FADV_NORMAL,   POSIX_FADV_SEQUENTIAL, POSIX_FADV_RANDOM,
                               POSIX_FADV_WILLNEED, POSIX_FADV_DONTNEED,   POSIX_FADV_NOREUSE};
    if ((u32)advice >= RL_LEN(host)) return RL_WASI_INVAL;
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_kind(h, fd, RL_WASI_FILE, &e);
    if (!f) return (i32)e;
    return rl_wasi_errno_of(posix_fadvise(f->host, offset, len, host[advice]));
}

i32 rl_host_wasi_fd_sync(rl_host *h, i32 fd) {
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_kind(h, fd, RL_WASI_FILE, &e);
    if (!f) return (i32)e;
    return fsync(f->host) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}

i32 rl_host_wasi_fd_datasync(rl_host *h, i32 fd) {
    rl_wasi_errno e;
    const rl_wasi_fd *f = get_kind(h, fd, RL_WASI_FILE, &e);
    if (!f) return (i32)e;
    return fdatasync(f->host) ? rl_wasi_errno_of(errno) : RL_WASI_OK;
}
