/* Owns the loaded SQLite and its one VFS, which keeps every file SQLite touches (databases, attached ones, journals, targets of
 * VACUUM INTO) in the directories a process was granted. A name is made absolute as text, the longest granted directory
 * above it is found, and the rest is resolved beneath that by the WASI resolver, without following a link at the end; SQLite's
 * own unix VFS then works on /proc/self/fd/DIRECTORY/name. Invariant: no file is opened, asked about or deleted by any
 * other path. Whose grants count is the thread's `files`, set around every call that may open something.
 *
 * Files have no shared memory and are never mapped (version 1 methods): a guest may cut the file behind a mapping short, and
 * the runtime would die of it. So journal_mode=WAL stays what it was, unless a connection has the database for itself
 * (locking_mode=exclusive). Checking names and leaving the opening to SQLite was not taken: it follows links. */
#include "src/host/sqlite.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "src/host/lib.h"

struct rl_sqlite_funcs rl_sql;

static sqlite3_vfs *unix_vfs;
static _Thread_local struct rl_wasi *files;

void rl_sqlite_may(struct rl_wasi *w) { files = w; }

/* ---- names ---- */

/* Absolute and without ".", ".." and empty parts, as text: links are not looked at. False: too long. */
static bool absolute(const char *path, char out[PATH_MAX]) {
    size_t n = 0;
    if (*path != '/') {
        if (!getcwd(out, PATH_MAX)) return false;
        n = strlen(out);
        if (n == 1) n = 0;
    }
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len == 2 && path[0] == '.' && path[1] == '.') {
            while (n && out[--n] != '/') {}
        } else if (len && !(len == 1 && *path == '.')) {
            if (n + 1 + len >= PATH_MAX) return false;
            out[n++] = '/';
            memcpy(out + n, path, len);
            n += len;
        }
        path += len + (path[len] == '/');
    }
    if (!n) out[n++] = '/';
    out[n] = 0;
    return true;
}

/* The part of `path` below `dir` (both absolute), or NULL when it is not there. */
static const char *below(const char *path, const char *dir) {
    size_t n = strcmp(dir, "/") ? strlen(dir) : 0;
    if (strncmp(path, dir, n) || (path[n] && path[n] != '/')) return NULL;
    return path + n + (path[n] == '/');
}

/* The granted directory nearest above an absolute path, and the rest of the path; NULL: none. */
static const rl_wasi_fd *granted(const rl_wasi_shared *s, const char *path, const char **rest) {
    const rl_wasi_fd *best = NULL;
    char dir[PATH_MAX];
    for (u32 i = 0; i < s->nbase; i++) {
        const rl_wasi_fd *f = &s->base[i];
        const char *r = f->kind == RL_WASI_DIR && f->preopen >= 0 && absolute(s->dirs[f->preopen].name, dir) ? below(path, dir) : NULL;
        if (!r || (best && r >= *rest)) continue;
        best = f;
        *rest = r;
    }
    return best;
}

bool rl_sqlite_granted(struct rl_wasi *w, const char *path) {
    char full[PATH_MAX];
    const char *rest;
    return absolute(path, full) && granted(w->s, full, &rest);
}

/* Where an absolute name really is. */
typedef struct place {
    rl_wasi_at at;
    bool read_only;
    bool exists, regular;
    off_t size;
    char rest[PATH_MAX]; /* at.name points into it */
} place;

/* False: not granted, or its directory is not there. Else to be left with rl_wasi_at_close. */
static bool find(const char *path, place *p) {
    const char *rest;
    struct stat st;
    const rl_wasi_fd *dir = files ? granted(files->s, path, &rest) : NULL;
    if (!dir) return false;
    strcpy(p->rest, rest);
    if (rl_wasi_at_open(files->s, dir->host, p->rest, &p->at)) return false;
    p->read_only = dir->read_only;
    p->exists = p->at.name && !fstatat(p->at.dir, p->at.name, &st, AT_SYMLINK_NOFOLLOW);
    p->regular = p->exists && S_ISREG(st.st_mode);
    p->size = p->regular ? st.st_size : 0;
    if (p->at.name) return true;
    rl_wasi_at_close(&p->at);
    return false;
}

#define PROC_PATH (32 + NAME_MAX)
static void proc_path(const place *p, char out[PROC_PATH]) {
    snprintf(out, PROC_PATH, "/proc/self/fd/%d/%s", p->at.dir, p->at.name);
}

/* ---- files ---- */

/* Behind the unix VFS's own part of a file. */
typedef struct tail {
    const sqlite3_io_methods *methods; /* the unix VFS's */
    int dir;                           /* named by path; -1: none */
    char path[PROC_PATH];              /* the unix VFS keeps a pointer to it */
} tail;

static tail *tail_of(sqlite3_file *f) { return (tail *)((char *)f + (((size_t)unix_vfs->szOsFile + 15) & ~(size_t)15)); }

static int file_close(sqlite3_file *f) {
    tail *t = tail_of(f);
    int rc = t->methods->xClose(f);
    if (t->dir >= 0) close(t->dir);
    return rc;
}

/* The unix VFS has one table of methods for each way of locking: ours are the same but for closing and for what needs a
 * mapping. Under the lock until they are there. */
static const sqlite3_io_methods *methods_like(const sqlite3_io_methods *theirs) {
    static struct { const sqlite3_io_methods *theirs; sqlite3_io_methods ours; } known[8];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    const sqlite3_io_methods *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < RL_LEN(known) && !found; i++) {
        if (!known[i].theirs) {
            known[i].ours = *theirs;
            known[i].ours.iVersion = 1;
            known[i].ours.xClose = file_close;
            known[i].theirs = theirs;
        }
        if (known[i].theirs == theirs) found = &known[i].ours;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* Temporary files have no name: the unix VFS makes them outside of any grant and deletes them at once. */
static int file_open(const char *path, sqlite3_file *f, int flags, int *out) {
    int rc = unix_vfs->xOpen(unix_vfs, path, f, flags, out);
    const sqlite3_io_methods *theirs = f->pMethods, *ours = theirs ? methods_like(theirs) : NULL;
    if (theirs && !ours) {
        theirs->xClose(f);
        rc = SQLITE_CANTOPEN;
    }
    tail_of(f)->methods = theirs;
    f->pMethods = ours;
    return rc;
}

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
    (void)v;
    place p;
    tail *t = tail_of(f);
    t->dir = -1;
    f->pMethods = NULL;
    if (!name) return file_open(NULL, f, flags, out);
    if (!find(name, &p)) return SQLITE_CANTOPEN;
    if ((p.exists && !p.regular) || (p.read_only && !p.exists)) {
        rl_wasi_at_close(&p.at);
        return SQLITE_CANTOPEN;
    }
    flags &= ~SQLITE_OPEN_URI;
    if (p.read_only) flags = (flags & ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READONLY;
    /* an O_PATH descriptor of ours, that the file keeps */
    t->dir = p.at.owned ? p.at.dir : fcntl(p.at.dir, F_DUPFD_CLOEXEC, 0);
    if (t->dir < 0) return SQLITE_CANTOPEN;
    p.at.dir = t->dir;
    proc_path(&p, t->path);
    int rc = file_open(t->path, f, flags, out);
    if (f->pMethods) return rc;
    close(t->dir);
    t->dir = -1;
    return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync) {
    (void)v;
    place p;
    char path[PROC_PATH];
    if (!find(name, &p)) return SQLITE_IOERR_DELETE;
    proc_path(&p, path);
    int rc = !p.exists ? SQLITE_IOERR_DELETE_NOENT : p.read_only ? SQLITE_IOERR_DELETE : unix_vfs->xDelete(unix_vfs, path, sync);
    rl_wasi_at_close(&p.at);
    return rc;
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *out) {
    (void)v;
    place p;
    *out = 0;
    if (!find(name, &p)) return SQLITE_OK;
    if (flags == SQLITE_ACCESS_EXISTS) *out = p.regular && p.size > 0; /* an empty journal is none */
    else *out = p.regular && !p.read_only && !faccessat(p.at.dir, p.at.name, R_OK | W_OK, 0);
    rl_wasi_at_close(&p.at);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *v, const char *name, int size, char *out) {
    (void)v;
    char full[PATH_MAX];
    if (!absolute(name, full) || strlen(full) >= (size_t)size) return SQLITE_CANTOPEN;
    strcpy(out, full);
    return SQLITE_OK;
}

/* Extensions are native code. */
static void *vfs_dlopen(sqlite3_vfs *v, const char *name) { return (void)v, (void)name, NULL; }
static void vfs_dlerror(sqlite3_vfs *v, int size, char *out) {
    (void)v;
    snprintf(out, (size_t)size, "extensions cannot be loaded");
}
static void (*vfs_dlsym(sqlite3_vfs *v, void *so, const char *name))(void) { return (void)v, (void)so, (void)name, NULL; }
static void vfs_dlclose(sqlite3_vfs *v, void *so) { (void)v, (void)so; }

/* ---- the library ---- */

#define ENTRY(name) { "sqlite3_" #name, &rl_sql.name },
static const rl_lib_func funcs[] = { RL_SQLITE_FUNCS(ENTRY) { NULL, NULL } };
#undef ENTRY

#define HEAP ((sqlite3_int64)1 << 30) /* bytes SQLite may have, for all processes together */

static bool init(void) {
    static sqlite3_vfs vfs;
    /* 3.34: files are opened without following a link at the end */
    if (rl_sql.libversion_number() < 3034000 || !rl_sql.threadsafe()) return false;
    /* names are names: a URI could choose another VFS */
    if (rl_sql.config(SQLITE_CONFIG_URI, 0) || rl_sql.config(SQLITE_CONFIG_MMAP_SIZE, (sqlite3_int64)0, (sqlite3_int64)0)) return false;
    if (rl_sql.initialize() || !(unix_vfs = rl_sql.vfs_find("unix"))) return false;
    /* databases in memory, prepared statements and large values are memory no process is charged for */
    if (!rl_sql.hard_heap_limit64(-1)) rl_sql.hard_heap_limit64(HEAP);
    vfs = *unix_vfs; /* clock, sleep, random bytes */
    vfs.iVersion = 2;
    vfs.pNext = NULL;
    vfs.zName = RL_SQLITE_VFS;
    vfs.szOsFile = (int)(((size_t)unix_vfs->szOsFile + 15) & ~(size_t)15) + (int)sizeof(tail);
    vfs.mxPathname = PATH_MAX - 1;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    vfs.xAccess = vfs_access;
    vfs.xFullPathname = vfs_full_path;
    vfs.xDlOpen = vfs_dlopen;
    vfs.xDlError = vfs_dlerror;
    vfs.xDlSym = vfs_dlsym;
    vfs.xDlClose = vfs_dlclose;
    return !rl_sql.vfs_register(&vfs, 0);
}

static rl_lib lib = { "lunatic::sqlite", "libsqlite3.so.0", "libsqlite3-0", funcs, init, 0, "" };

const char *rl_sqlite_load(void) { return rl_lib_open(&lib) ? lib.why : NULL; }
