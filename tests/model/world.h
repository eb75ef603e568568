/* What the models of processes share: workers over the real scheduler, processes, signals, timers, tables of processes,
 * readiness, jobs, halts, the gate and the crew. The guest is a script of each program's, in place of compiled code; so are
 * the kernel (a worker sleeps until it is woken, or until its timeout, which may pass at any time) and whatever only makes or
 * drops instances. */
#ifndef WORLD_H
#define WORLD_H

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "jit/trap.h"
#include "src/base/os.h"
#include "src/jobs.h"
#include "src/sched.h"
#include "src/upper.h"
#include "tests/model/futex.h"

#define PROCS 4
#define TICK ((i64)RL_WHEEL_TICK_NS)

static rl_rt_config config;
static rl_rt rt;
static rl_worker workers[2];
static rl_proc procs[PROCS];
static rl_instance instance;
static rl_conf conf;
static bool woken[2];          /* the worker was told, or will be when it sleeps */
static bool sleeping[2];       /* in the kernel, or on the way out of it */
static i64 now_ns;
static u32 ended, to_end;      /* processes: that are over; with which of them the run is */
static u32 slices, received, timeouts, slices_killed;
static bool killed;           /* the signal was sent */
static rl_exit (*guest)(rl_proc *p);

/* ---- in place of the kernel ---- */

u64 rl_os_now_ns(void) { return (u64)now_ns; }
u64 rl_os_thread_cpu_ns(void) { return (u64)now_ns; } /* of patient runs, which these are not */

static inline bool is_woken(void *arg) { return *(bool *)arg; }
static inline bool at_any_time(void *arg) { return (void)arg, true; }

/* Worker i's epoll and eventfd are EPOLL + i and WAKE + i; there is one socket. */
enum { SOCKET = 999, EPOLL = 1000, WAKE = 2000 };
static int epolls;
static struct { int epoll; u64 data; u32 bytes; bool event; } sock; /* event: since it was last told */

int world_epoll_create(int flags) { return (void)flags, EPOLL + epolls; }
int world_eventfd(unsigned value, int flags) { return (void)value, (void)flags, WAKE + epolls++; }
int world_close(int fd) { return (void)fd, 0; }
int world_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e) {
    (void)op;
    if (fd != SOCKET) return 0;
    sock.epoll = epoll;
    sock.data = e->data.u64;
    sock.event = sock.bytes != 0;
    return 0;
}
static inline bool wakes(void *arg) {
    u32 i = *(u32 *)arg;
    return woken[i] || (sock.event && sock.epoll == EPOLL + (int)i);
}
/* A wake is not told as an event, as nothing but the counter of its descriptor hangs on it. */
int world_epoll_pwait(int epoll, struct epoll_event *e, int n, const struct timespec *t, const sigset_t *s) {
    u32 i = (u32)(epoll - EPOLL);
    (void)n, (void)s;
    if (!t || t->tv_sec || t->tv_nsec) {
        sleeping[i] = true;
        model_wait("a worker sleeps", t ? at_any_time : wakes, &i);
        if (!wakes(&i)) now_ns += t->tv_sec * 1000000000 + t->tv_nsec;
        woken[i] = sleeping[i] = false;
        model_take(&woken[i]); /* the kernel orders what was before the wake */
    }
    if (!sock.event || sock.epoll != epoll) return 0;
    sock.event = false;
    *e = (struct epoll_event){ .events = EPOLLIN, .data.u64 = sock.data };
    return 1;
}
ssize_t world_write(int fd, const void *p, size_t n) {
    (void)p;
    model_give(&woken[fd - WAKE]);
    woken[fd - WAKE] = true;
    return (ssize_t)n;
}

bool model_shared[MODEL_THREADS];
unsigned rl_os_cores(void) { return 2; }
unsigned rl_os_quota(void) { return 2; }

/* ---- in place of compiled code ---- */

rl_exit rl_exec_resume(rl_exec *x, i64 fuel) {
    (void)fuel;
    for (rl_exit how;;) {
        rl_proc *p = RL_CONTAINER(x, rl_proc, host.exec);
        model_write(p, "a process runs");
        model_expect(p->worker == rl_worker_self);
        slices++;
        how = guest(p);
        rl_exec *next = how == RL_EXIT_PARK ? x->next(x) : NULL;
        if (!next) return how;
        x = next;
    }
}

static inline rl_exit park(rl_proc *p, i64 deadline, bool mail) {
    p->wait_mail = mail;
    rl_host_park(&p->host, -1, false, deadline);
    return RL_EXIT_PARK;
}

/* As lunatic::message::receive: 1 a message, 0 the deadline, -1: parks. */
static inline int receive(rl_proc *p, i64 deadline) {
    rl_sig_drain(p);
    rl_msg *m = p->dying || !p->mail.first ? NULL : rl_mailbox_remove(&p->mail, &p->mail.first);
    if (!m && (p->dying || !p->host.wait.timed_out)) return park(p, deadline, true), -1;
    if (!m) model_expect(now_ns >= deadline); /* else an alarm of another wait */
    if (m) model_read(m, "a message, by its receiver");
    rl_msg_free(m);
    p->wait_mail = false;
    rl_host_done(&p->host);
    return m != NULL;
}

/* ---- processes without instances ---- */

static inline void make(u32 i) {
    rl_proc *p = &procs[i];
    memset(p, 0, sizeof *p);
    rl_mailbox_init(&p->mail);
    p->host.instance = &instance;
    p->host.wait.fd = -1;
    p->host.wait.deadline_ns = INT64_MAX;
    p->host.exec.next = rl_proc_pass_on;
    p->id = i + 1;
    p->worker = &workers[0];
    p->conf = &conf;
    p->fuel_limit = UINT64_MAX;
    p->phase = RL_PHASE_RUN;
    p->known = true;
    p->timer.kind = RL_DUE_PROC;
    p->alarm.sig = RL_SIG_ALARM;
    p->alarm.more = true;
    rl_pid_add(&rt.pids, p->id, p);
}

/* The end of a record: nothing is kept, and what it lies in is given back. */
rl_spare_set *rl_spare_find(rl_spares *s, rl_prog *prog, u32 flavour, bool fresh) {
    return (void)s, (void)prog, (void)flavour, (void)fresh, NULL;
}
void rl_stack_put(rl_stack_cache *c, void *stack) {
    rl_proc *p = stack;
    (void)c;
    model_write(p, "the end of a process");
    model_freed(p, sizeof *p);
    if (++ended == to_end) rl_sched_stop(&rt, 0);
}

static inline void setup_of(u32 n, rl_exit (*script)(rl_proc *)) {
    rl_pids_fini(&rt.pids);
    memset(&rt, 0, sizeof rt);
    config = (rl_rt_config){ .slice = 1000, .quiet = true, .max_mailbox = 1u << 30, .workers = 2 };
    rt.config = &config;
    rt.workers = workers;
    rt.more_workers = workers + 1;
    rl_crew_init(&rt);
    atomic_init(&rt.crew.hands, 2); /* and so it stays */
    rt.crew.again_at = INT64_MAX;
    for (u32 i = 0; i < MODEL_THREADS; i++) model_shared[i] = true;
    rt.crowd = RL_CROWD;
    atomic_init(&rt.started, 2);
    atomic_init(&rt.status, -1);
    rl_names_init(&rt.names);
    rl_halt_init(&rt.halt);
    now_ns = 1; /* 0 stands for no time */
    wakes_at_gate = 0;
    epolls = 0;
    memset(&sock, 0, sizeof sock);
    for (u32 i = 0; i < 2; i++) rl_worker_init(&workers[i], &rt, i);
    ended = slices = received = timeouts = 0;
    to_end = n;
    guest = script;
    slices_killed = 0;
    killed = woken[0] = woken[1] = sleeping[0] = sleeping[1] = false;
    rl_worker_self = &workers[0];
    for (u32 i = 0; i < n; i++) {
        make(i);
        procs[i].stack = &procs[i];
    }
}
static inline void entered(u32 thread) { rl_worker_self = &workers[thread]; }

/* Who sends is in from the beginning, as a worker in the middle of a slice. */
static inline void senders_in(u32 n) { atomic_init(&rt.gate.word, n); }
/* Threads from this one on are no workers, and never in. */
static inline void outsiders_from(u32 thread) {
    for (u32 i = thread; i < MODEL_THREADS; i++) model_shared[i] = false;
}

/* All are parked on worker 0. */
static inline void setup_parked(u32 n, rl_exit (*script)(rl_proc *)) {
    setup_of(n, script);
    for (u32 i = 0; i < n; i++) rl_proc_run(&procs[i], 1000);
    model_expect(atomic_load(&procs[0].mail.word) == RL_PARKED);
    now_ns = 10 * TICK; /* deadlines of the scripts have passed */
}
static inline void setup_queued(rl_exit (*script)(rl_proc *)) {
    setup_of(1, script);
    rl_sched_later(&procs[0]);
}

/* ---- threads ---- */

static inline void work(void) { rl_worker_run(rl_worker_self); }
static inline void send_data(void) {
    rl_msg *m = rl_msg_new(RL_SIG_DATA, 1, 0);
    model_write(m, "a message, by its sender");
    rl_send(&rt, 1, m);
    rl_gate_leave(&rt.gate);
}
static inline void send_kill(void) {
    rl_send(&rt, 1, rl_msg_new(RL_SIG_KILL, 0, 0));
    killed = true;
    rl_gate_leave(&rt.gate);
}
static inline void send_and_work(void) {
    send_data();
    work();
}
static inline void kill_and_work(void) {
    send_kill();
    work();
}
static inline void check_all_ended(bool stuck) {
    if (stuck) model_fail("nobody goes on: %u of %u ended, %u slices, %u messages, %u deadlines", ended, to_end, slices, received, timeouts);
    else model_expect(ended == to_end);
    rl_names_fini(&rt.names);
}
/* ---- never called, or nothing to do, in these scenarios ---- */

_Atomic u32 rl_rt_signals;
static void (*const no_drops[RL_RES_COUNT])(void *);
const rl_upper rl_upper_host = { .drop = no_drops };
rl_err rl_trap_thread_init(void) { return RL_OK; }
void rl_slots_init(rl_slots *s) { (void)s; }
void rl_slots_fini(rl_slots *s) { (void)s; }
void rl_spares_fini(rl_spares *s) { (void)s; }
i64 rl_tidy_up(rl_worker *w) { return (void)w, INT64_MAX; }
void rl_fence_drop(rl_fence *f) { (void)f; }
void rl_store_free(rl_store *s) { (void)s; }
_Atomic(rl_trap_open *) rl_trap_opener;
void rl_conf_put(rl_conf *c) { (void)c; }
void rl_prog_put(rl_prog *p) { (void)p; }
void rl_trap_thread_fini(void) {}

#endif
