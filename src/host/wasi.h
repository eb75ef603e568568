/* WASI preview 1: what a process sees of files, arguments, environment, clocks and sockets.
 *
 * What a config grants is opened once (struct shared, counted) and used by every process that has the config: a preopened
 * directory is one host descriptor however many processes use it. A process adds a small descriptor table of its own,
 * made when it first opens or closes something.
 *
 * Where the old runtime and wasmtime 48 differ this follows wasmtime. Chosen beyond both:
 *   - an escape from a preopen is PERM, whatever way it was tried;
 *   - a read-only preopen answers ROFS to every change, as a read-only file system does;
 *   - a pointer outside the memory traps; alignment is not asked for;
 *   - vectors are read and written whole (wasmtime takes the first slice only), fd_allocate works, a descriptor opened
 *     without FD_WRITE refuses to write even when opening it created the file;
 *   - sockets: those given by the config follow the preopened directories, as a C library enumerates the directories up to
 *     the first number that is none. */
#ifndef RL_WASI_H
#define RL_WASI_H

#include "src/host/table.h"

/* The definitions must have the types of wasi.def's rows. */
#define API(space, name, proto, ...) rl_fn_##proto rl_host_##space##_##name;
#include "src/host/wasi.def"
#undef API

typedef struct rl_wasi_dir {
    const char *host;    /* opened by rl_wasi_new, relative to the current directory */
    const char *guest;   /* the name the guest sees */
    bool read_only;
    bool no_links;       /* no part of host may be a symbolic link (any more) */
} rl_wasi_dir;

/* Borrowed for the time of rl_wasi_new. */
typedef struct rl_wasi_config {
    const char *const *args; u32 nargs;  /* args[0] is the program's name */
    const char *const *env;  u32 nenv;   /* "NAME=VALUE" */
    const u32 *arg_bytes, *env_bytes;    /* their lengths, when they may hold zero bytes; NULL: they end at the first */
    const rl_wasi_dir *dirs; u32 ndirs;  /* descriptors 3, 4, … */
    const int *socks;        u32 nsocks; /* then these sockets (listening or connected). They become non-blocking;
                                            copies are kept, the caller may close his */
    int std[3];                          /* host descriptors of 0, 1 and 2; stay the caller's; -1: not there. Their
                                            flags are not touched: others share them */
    bool walk;                           /* resolve paths component by component even where openat2 works */
} rl_wasi_config;

/* Everything granted by c, for one process. On failure d names the directory and says why. */
rl_err rl_wasi_new(const rl_wasi_config *c, struct rl_wasi **out, rl_diag *d);
/* For another process with the same grants: descriptors as at the start, nothing is opened. Thread-safe against use of
 * `like` by its own process. NULL when memory is out. */
struct rl_wasi *rl_wasi_clone(const struct rl_wasi *like);
/* Descriptors 1 and 2 write to this stream of the run's rl_capture from now on. RL_ERR_NOMEM. */
rl_err rl_wasi_capture(struct rl_wasi *w, u32 stream);
/* Closes what the process opened. NULL is accepted. */
void rl_wasi_free(struct rl_wasi *w);
/* Whether w is as a new clone is. */
bool rl_wasi_untouched(const struct rl_wasi *w);

/* Import of module "wasi_snapshot_preview1" by name; RL_ERR_NOTFOUND when there is none. Thread-safe. */
rl_err rl_wasi_import(const rl_name *name, rl_extern *out);

/* Blocks the calling thread until what a parked process waits for (h->wait: descriptor, deadline) has come; sets timed_out
 * when it was the deadline. For runs without a scheduler. */
void rl_wasi_wait(rl_host *h);

#endif
