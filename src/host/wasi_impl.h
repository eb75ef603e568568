/* Shared by the wasi_*.c files and their tests: numbers of preview 1, the descriptor table, path resolution. Layouts and
 * numbers are those of the preview 1 witx files. */
#ifndef RL_WASI_IMPL_H
#define RL_WASI_IMPL_H

#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "src/host/wasi.h"

typedef enum rl_wasi_errno {
    RL_WASI_OK = 0,
#define ERRNO(name) RL_WASI_##name,
#include "src/host/wasi_errno.def"
#undef ERRNO
    RL_WASI_NOTCAPABLE,
} rl_wasi_errno;

/* fdflags */
#define RL_WASI_APPEND 1u
#define RL_WASI_DSYNC 2u
#define RL_WASI_NONBLOCK 4u
#define RL_WASI_RSYNC 8u
#define RL_WASI_SYNC 16u
/* oflags */
#define RL_WASI_CREAT 1u
#define RL_WASI_DIRECTORY 2u
#define RL_WASI_EXCL 4u
#define RL_WASI_TRUNC 8u
/* lookupflags */
#define RL_WASI_FOLLOW 1u
/* rights that mean something here */
#define RL_WASI_RIGHT_READ (1ull << 1)
#define RL_WASI_RIGHT_WRITE (1ull << 6)

typedef enum rl_wasi_filetype {
    RL_WASI_TYPE_UNKNOWN, RL_WASI_TYPE_BLOCK, RL_WASI_TYPE_CHARACTER, RL_WASI_TYPE_DIRECTORY, RL_WASI_TYPE_FILE,
    RL_WASI_TYPE_DGRAM, RL_WASI_TYPE_STREAM, RL_WASI_TYPE_SYMLINK,
} rl_wasi_filetype;

typedef enum rl_wasi_kind {
    RL_WASI_FREE,  /* not open */
    RL_WASI_STDIO, /* the runtime's own 0, 1, 2: shared, perhaps with other programs; blocking */
    RL_WASI_CAPTURE,/* standard output or error of a process whose run captures them; host is the stream */
    RL_WASI_DIR,   /* opened O_PATH when it is a preopen, else O_RDONLY */
    RL_WASI_FILE,  /* anything else path_open opened; O_NONBLOCK, which regular files ignore */
    RL_WASI_SOCK,  /* O_NONBLOCK */
} rl_wasi_kind;

typedef struct rl_wasi_fd {
    u8 kind;         /* rl_wasi_kind */
    u8 type;         /* rl_wasi_filetype */
    u8 flags;        /* fdflags */
    bool read, write;/* may be read, written; for a directory what its rights were */
    bool read_only;  /* beneath a read-only preopen */
    bool regular;    /* STDIO: a file or a disk, which are always ready */
    bool owned;      /* host is the process's own, closed with the entry; false for what the config opened */
    int host;
    int list;        /* DIR: private descriptor for fd_readdir, made on first use; -1. Preopens are shared, and an
                        offset cannot be */
    i32 preopen;     /* index of the directory's name in rl_wasi_shared, or -1 */
} rl_wasi_fd;

/* Texts one after the other, each with a zero byte behind it, `size` bytes in all; then 4 bytes for each: where it begins. */
typedef struct rl_wasi_texts {
    char *text;
    u32 n, size;
} rl_wasi_texts;

/* What the processes of a config share: immutable after rl_wasi_new. */
typedef struct rl_wasi_shared {
    _Atomic u32 refs;
    rl_wasi_texts args, env;
    struct { char *name; u32 len; } *dirs;
    u32 ndirs;
    rl_wasi_fd *base;          /* the table a process starts with; its host descriptors are closed with this */
    u32 nbase;
    bool walk;
} rl_wasi_shared;

/* One process's. Only the thread that runs the process uses it. */
struct rl_wasi {
    rl_wasi_shared *s;
    rl_wasi_fd *fds;    /* NULL: still s->base */
    u32 nfds, cap;      /* numbers ever used; entries at fds */
    u32 nfree;          /* FREE entries below nfds */
    int epoll;          /* of a parked poll_oneoff with several descriptors, or -1 */
};

#define RL_WASI_MAX_FDS (1u << 20)

/* errno of the host as one of preview 1. */
rl_wasi_errno rl_wasi_errno_of(int host_errno);

/* ---- descriptors (wasi_fd.c) ---- */

/* The entry of a number, or NULL. To be read only; it dies with the next change of the table. */
const rl_wasi_fd *rl_wasi_fd_get(const struct rl_wasi *w, i32 fd);
/* The same, to be changed; NULL also when memory is out. */
rl_wasi_fd *rl_wasi_fd_edit(struct rl_wasi *w, i32 fd);
/* Puts an entry under a free number: the highest that was used before, else a new one. On failure the entry's host
 * descriptor is closed. */
rl_wasi_errno rl_wasi_fd_add(struct rl_wasi *w, const rl_wasi_fd *entry, u32 *number);
/* Closes everything the process opened and drops the table. */
void rl_wasi_fd_fini(struct rl_wasi *w);
rl_wasi_filetype rl_wasi_type_of(u32 st_mode);
/* Writes a filestat (64 bytes). */
void rl_wasi_put_stat(u8 *to, const struct stat *st);
/* times for utimensat from the arguments of *_set_times; INVAL for contradicting flags. */
rl_wasi_errno rl_wasi_times(struct timespec to[2], u64 atim, u64 mtim, u32 flags);

/* Reads a vector's slices into v (room for RL_WASI_SLICES), leaving empty ones out; later slices than that many are left
 * to the guest's next call. write: the system will write to them. false after a trap. */
#define RL_WASI_SLICES 1024u
bool rl_wasi_slices(rl_host *h, u32 at, u32 count, bool write, struct iovec *v, int *n);

/* ---- paths (wasi_resolve.c) ---- */

/* Opens what path names beneath dir: nothing outside is ever opened, made or truncated. flags as for open(2), O_CLOEXEC is
 * added. Returns a host descriptor or -1 with *e set: PERM for an escape. */
int rl_wasi_open(const rl_wasi_shared *s, int dir, const char *path, int flags, u32 mode, rl_wasi_errno *e);

/* A path split at its last name, for calls that work on the name and follow no link. */
typedef struct rl_wasi_at {
    int dir;             /* the directory of the name */
    bool owned;          /* dir is to be closed */
    const char *name;    /* one name, without slashes; NULL when the path ends in . or .. or is one: then dir is the
                            directory it names */
    bool slash;          /* slashes follow the name: it must be a directory */
} rl_wasi_at;
/* Cuts path up; the result points into it. */
rl_wasi_errno rl_wasi_at_open(const rl_wasi_shared *s, int dir, char *path, rl_wasi_at *at);
void rl_wasi_at_close(rl_wasi_at *at);

/* ---- memory ---- */

static inline bool rl_wasi_put32(rl_host *h, i32 at, u32 v) {
    void *p = rl_host_range(h, (u32)at, 4);
    if (p) rl_store32(p, v);
    return p;
}
/* Nanoseconds by one of the system's clocks, or a seeded run's. */
u64 rl_wasi_now(clockid_t clock);
static inline bool rl_wasi_put64(rl_host *h, i32 at, u64 v) {
    void *p = rl_host_range(h, (u32)at, 8);
    if (p) rl_store64(p, v);
    return p;
}
static inline void rl_wasi_store16(u8 *p, u32 v) { p[0] = (u8)v, p[1] = (u8)(v >> 8); }

#endif
