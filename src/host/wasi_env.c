/* Owns what a process is given: the shared part made from a config, and the calls that need nothing else (arguments,
 * environment, clocks, random bytes, exit). The shared part is immutable and counted, so any thread may make, clone or free
 * a process's part; a part itself belongs to its process. Preopens are opened here, once, and only as directories to
 * resolve paths in (O_PATH); a descriptor for each process was the alternative, and a limit on processes. */
#include "src/host/wasi_impl.h"
#include "src/sched.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/os.h"

/* ---- the shared part ---- */

static void shared_put(rl_wasi_shared *s) {
    /* release: what this thread did with s comes before its end; acquire: of the last one, pairs with the others' release */
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) return;
    for (u32 i = 0; s->base && i < s->nbase; i++)
        if (s->base[i].kind == RL_WASI_DIR || s->base[i].kind == RL_WASI_SOCK) close(s->base[i].host);
    for (u32 i = 0; s->dirs && i < s->ndirs; i++) free(s->dirs[i].name);
    free(s->dirs);
    free(s->base);
    free(s->args.text);
    free(s->env.text);
    free(s);
}

/* False when memory is out or 4 GiB are not enough. */
static bool pack(const char *const *text, const u32 *bytes, u32 n, rl_wasi_texts *out) {
    u64 total = 0;
    for (u32 i = 0; i < n; i++) total += (bytes ? bytes[i] : strlen(text[i])) + 1u;
    if (total > UINT32_MAX || !(out->text = malloc(total + (u64)n * 4 + 1))) return false;
    out->n = n;
    out->size = (u32)total;
    for (u32 i = 0, at = 0; i < n; i++) {
        u32 len = bytes ? bytes[i] : (u32)strlen(text[i]);
        memcpy(out->text + at, text[i], len + 1u);
        rl_store32(out->text + total + 4u * i, at);
        at += len + 1;
    }
    return true;
}

static void add_std(rl_wasi_shared *s, int host, bool out) {
    struct stat st;
    rl_wasi_fd *f = &s->base[s->nbase++];
    if (host < 0 || fstat(host, &st)) return; /* stays FREE */
    *f = (rl_wasi_fd){.kind = RL_WASI_STDIO, .type = S_ISCHR(st.st_mode) && isatty(host) ? RL_WASI_TYPE_CHARACTER : RL_WASI_TYPE_UNKNOWN,
                      .read = !out, .write = out, .regular = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode), .host = host, .list = -1,
                      .preopen = -1};
}

static rl_err add_dir(rl_wasi_shared *s, const rl_wasi_dir *d, rl_diag *diag) {
    int fd = d->no_links ? rl_os_open_dir(d->host, strlen(d->host)) : open(d->host, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return rl_diag_set(diag, RL_ERR_IO, "cannot open directory %s: %s", d->host, strerror(errno));
    s->base[s->nbase++] = (rl_wasi_fd){.kind = RL_WASI_DIR, .type = RL_WASI_TYPE_DIRECTORY, .read = true,
                                       .write = !d->read_only, .read_only = d->read_only, .host = fd, .list = -1,
                                       .preopen = (i32)s->ndirs};
    s->dirs[s->ndirs].len = (u32)strlen(d->guest);
    if (!(s->dirs[s->ndirs].name = strdup(d->guest))) return RL_ERR_NOMEM;
    s->ndirs++;
    return RL_OK;
}

static rl_err add_sock(rl_wasi_shared *s, int sock, rl_diag *diag) {
    int type, fd = fcntl(sock, F_DUPFD_CLOEXEC, 0), flags = fcntl(sock, F_GETFL);
    socklen_t len = sizeof type;
    if (fd >= 0)
        s->base[s->nbase++] = (rl_wasi_fd){.kind = RL_WASI_SOCK, .read = true, .write = true, .host = fd, .list = -1,
                                           .preopen = -1};
    if (fd < 0 || flags < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
        return rl_diag_set(diag, RL_ERR_IO, "descriptor %d is not usable as a socket: %s", sock, strerror(errno));
    s->base[s->nbase - 1].type = type == SOCK_DGRAM ? RL_WASI_TYPE_DGRAM : RL_WASI_TYPE_STREAM;
    return RL_OK;
}

static rl_err shared_fill(rl_wasi_shared *s, const rl_wasi_config *c, rl_diag *d) {
    s->walk = c->walk;
    s->base = calloc(3 + (size_t)c->ndirs + c->nsocks, sizeof *s->base);
    s->dirs = calloc((size_t)c->ndirs + 1, sizeof *s->dirs);
    if (!s->base || !s->dirs || !pack(c->args, c->arg_bytes, c->nargs, &s->args) || !pack(c->env, c->env_bytes, c->nenv, &s->env))
        return RL_ERR_NOMEM;
    for (int i = 0; i < 3; i++) add_std(s, c->std[i], i > 0);
    for (u32 i = 0; i < c->ndirs; i++) RL_TRY(add_dir(s, &c->dirs[i], d));
    for (u32 i = 0; i < c->nsocks; i++) RL_TRY(add_sock(s, c->socks[i], d));
    return RL_OK;
}

static struct rl_wasi *part_of(rl_wasi_shared *s) {
    struct rl_wasi *w = malloc(sizeof *w); /* malloc, because calloc has no thread's cache to take from */
    if (w) *w = (struct rl_wasi){ .s = s, .epoll = -1 };
    return w;
}

rl_err rl_wasi_new(const rl_wasi_config *c, struct rl_wasi **out, rl_diag *d) {
    rl_wasi_shared *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    atomic_init(&s->refs, 1);
    rl_err e = shared_fill(s, c, d);
    if (!e && !(*out = part_of(s))) e = RL_ERR_NOMEM;
    if (!e) return RL_OK;
    shared_put(s);
    return rl_diag_set(d, e, "%s", rl_err_text(e));
}

struct rl_wasi *rl_wasi_clone(const struct rl_wasi *like) {
    struct rl_wasi *w = part_of(like->s);
    /* relaxed: `like` holds a reference, so the count is not about to end */
    if (w) atomic_fetch_add_explicit(&like->s->refs, 1, memory_order_relaxed);
    return w;
}

bool rl_wasi_untouched(const struct rl_wasi *w) { return !w->fds && w->epoll < 0; }

void rl_wasi_free(struct rl_wasi *w) {
    if (!w) return;
    if (w->epoll >= 0) close(w->epoll);
    rl_wasi_fd_fini(w);
    shared_put(w->s);
    free(w);
}

/* ---- imports ---- */

#define API(space, name, proto, permission, blocks, params, sentence)                                               \
    {"wasi_snapshot_preview1", #name, #proto, (const void *)rl_host_##space##_##name, RL_WASI_##blocks, #permission, \
     params, sentence},
#define RL_WASI_NO false
#define RL_WASI_YES true
static const rl_api_row rows[] = {
#include "src/host/wasi.def"
};
#undef RL_WASI_NO
#undef RL_WASI_YES
#undef API

const rl_api_table rl_api_wasi = {rows, RL_LEN(rows)};

static rl_func records[RL_LEN(rows)]; /* each written once, at its first import, under `making` */
static bool made[RL_LEN(rows)];
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static rl_proto *proto_of(const char *letters) {
    u8 types[16], result = RL_I32;
    u32 n = 0;
    for (const char *p = letters + 2; *p; p++) types[n++] = *p == 'l' ? RL_I64 : RL_I32;
    return rl_proto_intern(types, n, &result, letters[0] != 'v');
}

static rl_err make_record(u32 i) {
    pthread_mutex_lock(&making);
    rl_proto *p = made[i] ? NULL : proto_of(rows[i].letters);
    if (p) rl_func_declare(&records[i], RL_STUB_HOST, rows[i].fn, NULL, p, rows[i].name);
    bool ok = made[i] |= p != NULL;
    pthread_mutex_unlock(&making);
    return ok ? RL_OK : RL_ERR_NOMEM;
}

rl_err rl_wasi_import(const rl_name *name, rl_extern *out) {
    for (u32 i = 0; i < RL_LEN(rows); i++) {
        if (strlen(rows[i].name) != name->len || memcmp(rows[i].name, name->p, name->len)) continue;
        *out = (rl_extern){.kind = RL_KIND_FUNC, .func = &records[i]};
        return make_record(i);
    }
    return RL_ERR_NOTFOUND;
}

/* ---- arguments and environment ---- */

static i32 put_sizes(rl_host *h, i32 count_at, i32 size_at, u32 count, u32 size) {
    if (rl_wasi_put32(h, count_at, count)) rl_wasi_put32(h, size_at, size);
    return RL_WASI_OK;
}

static i32 put_texts(rl_host *h, i32 pointers, i32 buffer, const rl_wasi_texts *t) {
    if (!t->n) return RL_WASI_OK;
    u8 *to = rl_host_range(h, (u32)pointers, (u64)t->n * 4);
    char *text = to ? rl_host_range(h, (u32)buffer, t->size) : NULL;
    if (!text) return 0;
    memcpy(text, t->text, t->size);
    for (u32 i = 0; i < t->n; i++) rl_store32(to + 4 * i, (u32)buffer + rl_load32(t->text + t->size + 4u * i));
    return RL_WASI_OK;
}

i32 rl_host_wasi_args_sizes_get(rl_host *h, i32 count, i32 size) {
    return put_sizes(h, count, size, h->wasi->s->args.n, h->wasi->s->args.size);
}
i32 rl_host_wasi_args_get(rl_host *h, i32 argv, i32 buffer) {
    return put_texts(h, argv, buffer, &h->wasi->s->args);
}
i32 rl_host_wasi_environ_sizes_get(rl_host *h, i32 count, i32 size) {
    return put_sizes(h, count, size, h->wasi->s->env.n, h->wasi->s->env.size);
}
i32 rl_host_wasi_environ_get(rl_host *h, i32 environ_at, i32 buffer) {
    return put_texts(h, environ_at, buffer, &h->wasi->s->env);
}

/* ---- clocks, random bytes ---- */

/* Clocks of CPU time have numbers, 2 and 3, and are bad descriptors, as in wasmtime: a process is no thread of the host. */
static i32 clock_get(rl_host *h, i32 clock, i32 out, u64 (*ask)(clockid_t)) {
    if ((u32)clock > 3) return RL_WASI_INVAL;
    if ((u32)clock > 1) return RL_WASI_BADF;
    rl_wasi_put64(h, out, ask(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC));
    return RL_WASI_OK;
}

static u64 ns_of(struct timespec t) { return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec; }

static u64 resolution(clockid_t clock) {
    struct timespec t;
    clock_getres(clock, &t);
    return ns_of(t);
}

u64 rl_wasi_now(clockid_t clock) {
    const rl_seeded *s = rl_sched_seeded();
    if (s) return (u64)(clock == CLOCK_MONOTONIC ? s->now_ns : rl_seeded_time(s));
    struct timespec t;
    clock_gettime(clock, &t);
    return ns_of(t);
}

i32 rl_host_wasi_clock_res_get(rl_host *h, i32 clock, i32 out) { return clock_get(h, clock, out, resolution); }

#define LOOK_NS 1000 /* in a seeded run */

i32 rl_host_wasi_clock_time_get(rl_host *h, i32 clock, i64 precision, i32 out) {
    (void)precision;
    if (rl_sched_seeded()) rl_seeded_pass(rl_sched_seeded(), LOOK_NS);
    return clock_get(h, clock, out, rl_wasi_now);
}

#define RANDOM_SLICE (1u << 20) /* bytes between two looks at other processes: about 3 ms */

static ssize_t randomly(void *to, size_t n) {
    rl_seeded *s = rl_sched_seeded();
    if (!s) return getrandom(to, n, 0);
    rl_seeded_fill(s, to, n);
    rl_seeded_pass(s, (u32)n);
    return (ssize_t)n;
}

i32 rl_host_wasi_random_get(rl_host *h, i32 buffer, i32 len) {
    u8 *to = rl_host_range(h, (u32)buffer, (u32)len);
    if (!to) return 0;
    rl_host_direct(h, to, (u32)len, true);
    u64 at = h->wait.retry ? h->wait.word[0] : 0, end = RL_MIN((u64)(u32)len, at + RANDOM_SLICE);
    while (at < end) {
        ssize_t n = randomly(to + at, end - at);
        if (n < 0 && errno != EINTR) {
            rl_host_done(h);
            return rl_wasi_errno_of(errno);
        }
        if (n > 0) at += (u64)n;
    }
    if (at < (u32)len) {
        rl_host_yield(h);
        h->wait.word[0] = at;
    } else rl_host_done(h);
    return RL_WASI_OK;
}

/* ---- the process ---- */

void rl_host_wasi_proc_exit(rl_host *h, i32 status) {
    h->exec.exit_code = status;
    rl_exec_trap(&h->exec, RL_TRAP_EXIT);
}

i32 rl_host_wasi_proc_raise(rl_host *h, i32 signal) {
    rl_exec_fail(&h->exec, "proc_raise(%d): there are no signals", (int)signal);
    return RL_WASI_NOSYS;
}

i32 rl_host_wasi_sched_yield(rl_host *h) {
    if (h->wait.retry) rl_host_done(h);
    else rl_host_yield(h);
    return RL_WASI_OK;
}
