/* Owns poll_oneoff, and waiting without a scheduler. The thread that runs the process.
 *
 * poll_oneoff looks at every subscription; when nothing is ready it parks until the earliest deadline or until a
 * descriptor is ready: the descriptor itself when there is one, else an epoll set of them kept in the process's part of
 * the table until the call is repeated. All host memory used is of fixed size, whatever number of subscriptions the guest
 * claims: they are read from its memory again at each pass. Deadlines relative to now count from the first pass, which is
 * noted in wait.word[0].
 * A poll of all descriptors in one system call was not taken: it would need an array of the guest's size. */
#include "src/host/wasi_impl.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_SUBS 65536u /* more than a process has descriptors; a pass is one look at each */
#define SUB_BYTES 48u
#define EVENT_BYTES 32u
#define TAG_CLOCK 0u
#define TAG_READ 1u
#define TAG_WRITE 2u
#define CLOCK_ABSOLUTE 1u
#define HANGUP 1u

typedef struct sub {
    u64 userdata;
    u8 tag;
    u32 id;        /* clock or descriptor */
    u64 timeout;
    u32 flags;
} sub;

static sub get_sub(const u8 *p) {
    return (sub){.userdata = rl_load64(p), .tag = p[8], .id = rl_load32(p + 16), .timeout = rl_load64(p + 24),
                 .flags = (u32)p[40] | (u32)p[41] << 8};
}

static void put_event(u8 *p, const sub *s, u64 bytes, u32 flags) {
    memset(p, 0, EVENT_BYTES);
    rl_store64(p, s->userdata);
    p[10] = s->tag;
    rl_store64(p + 16, bytes);
    rl_wasi_store16(p + 24, flags);
}

static u64 add(u64 a, u64 b) { return a + b < a ? UINT64_MAX : a + b; }

typedef struct pass {
    rl_host *h;
    u64 start;       /* monotonic time of the first pass */
    u64 now, real;   /* both clocks at this pass */
    u64 deadline;    /* earliest, monotonic; UINT64_MAX: none */
    int fd;          /* the descriptor to wait for; -1: none yet */
    bool write;
    int epoll;       /* once there are several; -1 */
    u8 *events;
    u32 nevents;
} pass;

/* Monotonic time at which a clock fires. An absolute time of day is worked out again at each pass, as that clock can be
 * set. */
static rl_wasi_errno clock_deadline(const pass *p, const sub *s, u64 *at) {
    if (s->id > 1) return RL_WASI_INVAL;
    if (!(s->flags & CLOCK_ABSOLUTE)) *at = add(p->start, s->timeout);
    else if (s->id == 1) *at = s->timeout;
    else *at = s->timeout <= p->real ? 0 : add(p->now, s->timeout - p->real);
    return RL_WASI_OK;
}

static rl_wasi_errno look_clock(pass *p, const sub *s) {
    u64 at;
    rl_wasi_errno e = clock_deadline(p, s, &at);
    if (e) return e;
    if (at <= p->now) put_event(p->events + EVENT_BYTES * p->nevents++, s, 0, 0);
    else p->deadline = RL_MIN(p->deadline, at);
    return RL_WASI_OK;
}

/* Bytes that can be read without waiting, as far as they can be known. */
static u64 readable(const rl_wasi_fd *f) {
    struct stat st;
    int n;
    if (!fstat(f->host, &st) && S_ISREG(st.st_mode)) {
        off_t at = lseek(f->host, 0, SEEK_CUR);
        return at >= 0 && st.st_size > at ? (u64)(st.st_size - at) : 0;
    }
    return ioctl(f->host, FIONREAD, &n) || n < 0 ? 0 : (u64)n;
}

/* Several descriptors to wait for: all of them go into one epoll set. */
static rl_wasi_errno wait_also(pass *p, int fd, bool write) {
    if (p->fd < 0) {
        p->fd = fd;
        p->write = write;
        return RL_WASI_OK;
    }
    if (p->fd == fd && p->write == write) return RL_WASI_OK;
    if (p->epoll < 0) {
        if ((p->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) return rl_wasi_errno_of(errno);
        struct epoll_event first = {.events = p->write ? EPOLLOUT : EPOLLIN, .data.fd = p->fd};
        if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->fd, &first)) return rl_wasi_errno_of(errno);
    }
    struct epoll_event ev = {.events = write ? EPOLLOUT : EPOLLIN, .data.fd = fd};
    if (!epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev)) return RL_WASI_OK;
    ev.events = EPOLLIN | EPOLLOUT; /* there already: more wakes than needed do no harm */
    if (errno == EEXIST && !epoll_ctl(p->epoll, EPOLL_CTL_MOD, fd, &ev)) return RL_WASI_OK;
    return rl_wasi_errno_of(errno);
}

static rl_wasi_errno look_fd(pass *p, const sub *s) {
    const rl_wasi_fd *f = rl_wasi_fd_get(p->h->wasi, (i32)s->id);
    bool write = s->tag == TAG_WRITE;
    /* wasmtime fails the whole call; a C library that polls gets EBADF either way */
    if (!f || f->kind == RL_WASI_DIR || f->kind == RL_WASI_CAPTURE || (f->kind == RL_WASI_STDIO && !(write ? f->write : f->read))) return RL_WASI_BADF;
    struct pollfd q = {f->host, write ? POLLOUT : POLLIN, 0};
    bool file = f->kind == RL_WASI_FILE && f->type == RL_WASI_TYPE_FILE;
    if (!file && poll(&q, 1, 0) == 0) return wait_also(p, f->host, write);
    u64 bytes = write ? 1 : readable(f);
    /* what is left can still be read after a hang-up */
    bool end = file ? !write && !bytes : (q.revents & (POLLHUP | POLLERR)) && (write || !bytes);
    put_event(p->events + EVENT_BYTES * p->nevents++, s, RL_MAX(bytes, 1), end ? HANGUP : 0);
    return RL_WASI_OK;
}

static rl_wasi_errno look(pass *p, const u8 *subs, u32 count) {
    for (u32 i = 0; i < count; i++) {
        sub s = get_sub(subs + (size_t)SUB_BYTES * i);
        rl_wasi_errno e = s.tag == TAG_CLOCK ? look_clock(p, &s)
                        : s.tag <= TAG_WRITE ? look_fd(p, &s) : RL_WASI_INVAL;
        if (e) return e;
    }
    return RL_WASI_OK;
}

static void drop_epoll(struct rl_wasi *w) {
    if (w->epoll >= 0) close(w->epoll);
    w->epoll = -1;
}

static void park(pass *p) {
    rl_host *h = p->h;
    bool set = p->epoll >= 0;
    h->wasi->epoll = p->epoll;
    rl_host_park(h, set ? p->epoll : p->fd, !set && p->write,
                 p->deadline >= INT64_MAX ? INT64_MAX : (i64)p->deadline);
    h->wait.word[0] = p->start;
}

i32 rl_host_wasi_poll_oneoff(rl_host *h, i32 in, i32 out, i32 count, i32 nevents) {
    u32 n = (u32)count;
    drop_epoll(h->wasi);
    if (!n || n > MAX_SUBS) return RL_WASI_INVAL; /* none: that would wait for ever */
    u8 *subs = rl_host_range(h, (u32)in, (u64)n * SUB_BYTES);
    u8 *events = subs ? rl_host_range(h, (u32)out, (u64)n * EVENT_BYTES) : NULL;
    if (!events || !rl_host_range(h, (u32)nevents, 4)) return 0;
    pass p = {.h = h, .now = rl_wasi_now(CLOCK_MONOTONIC), .real = rl_wasi_now(CLOCK_REALTIME), .deadline = UINT64_MAX, .fd = -1,
              .epoll = -1, .events = events};
    p.start = h->wait.retry ? h->wait.word[0] : p.now;
    rl_wasi_errno e = look(&p, subs, n);
    if (!e && !p.nevents) {
        park(&p);
        return 0;
    }
    if (p.epoll >= 0) close(p.epoll);
    rl_host_done(h);
    if (!e) rl_wasi_put32(h, nevents, p.nevents);
    return (i32)e;
}

/* ---- without a scheduler ---- */

void rl_wasi_wait(rl_host *h) {
    if (h->wait.yield) return;
    for (;;) {
        struct timespec t, *timeout = NULL;
        u64 now = rl_wasi_now(CLOCK_MONOTONIC);
        if (h->wait.deadline_ns != INT64_MAX) {
            i64 left = RL_MAX(h->wait.deadline_ns - (i64)now, 0);
            t = (struct timespec){left / 1000000000, left % 1000000000};
            timeout = &t;
        }
        struct pollfd p = {h->wait.fd, h->wait.write ? POLLOUT : POLLIN, 0};
        int n = ppoll(&p, 1, timeout, NULL);
        h->wait.timed_out = n == 0;
        if (n >= 0 || errno != EINTR) return;
    }
}
