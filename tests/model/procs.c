/* The model of processes: two workers over the real scheduler, processes, signals, timers and tables of processes. The
 * guest is a script below, in place of compiled code; so are the kernel (a worker sleeps until it is woken, or until its
 * timeout, which may pass at any time) and whatever only makes or drops instances. */
#include <stdlib.h>

#include "jit/trap.h"
#include "src/base/os.h"
#include "src/jobs.h"
#include "src/sched.h"
#include "src/upper.h"

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
rl_err rl_io_init(rl_io *io) {
    *io = (rl_io){ .epoll = -1, .wake = -1 };
    return RL_OK;
}
void rl_io_fini(rl_io *io) { (void)io; }
rl_err rl_io_wait(rl_io *io, rl_waiter *w, int fd, bool write) { return (void)io, (void)w, (void)fd, (void)write, RL_ERR_IO; }
void rl_io_cancel(rl_io *io, rl_waiter *w) { (void)io, (void)w; }

bool model_shared[MODEL_THREADS];

/* As the kernel's futex, but for waking without reason. */
static u32 wakes_at_gate;
static bool is_woken_at_gate(void *before) { return wakes_at_gate != *(u32 *)before; }
void rl_os_wait(_Atomic u32 *word, u32 value) {
    u32 now, before = wakes_at_gate;
    memcpy(&now, (void *)word, sizeof now);
    if (now == value) model_wait("waits at the gate", is_woken_at_gate, &before);
}
void rl_os_wake(_Atomic u32 *word) {
    (void)word;
    wakes_at_gate++;
}

static u32 index_of(rl_io *io) { return io == &workers[0].io ? 0 : 1; }
static bool is_woken(void *arg) { return *(bool *)arg; }
static bool at_any_time(void *arg) { return (void)arg, true; }

void rl_io_sleep(rl_io *io, i64 timeout, rl_io_found *found) {
    u32 i = index_of(io);
    (void)found;
    if (!timeout) return;
    sleeping[i] = true;
    model_wait("a worker sleeps", timeout < 0 ? is_woken : at_any_time, &woken[i]);
    if (!woken[i]) now_ns += timeout;
    woken[i] = sleeping[i] = false;
    model_take(io); /* the kernel orders what was before the wake */
}
void rl_io_tell(rl_io *io, const rl_io_found *found, pthread_mutex_t *lock, void (*ready)(void *env, rl_waiter *w), void *env) {
    (void)io, (void)found, (void)lock, (void)ready, (void)env;
}
void rl_io_wake(rl_io *io) {
    model_give(io);
    woken[index_of(io)] = true;
}

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

static rl_exit park(rl_proc *p, i64 deadline, bool mail) {
    p->wait_mail = mail;
    rl_host_park(&p->host, -1, false, deadline);
    return RL_EXIT_PARK;
}

/* As lunatic::message::receive: 1 a message, 0 the deadline, -1: parks. */
static int receive(rl_proc *p, i64 deadline) {
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

/* ---- scripts ---- */

static rl_exit takes_one(rl_proc *p) {
    if (receive(p, INT64_MAX) < 0) return RL_EXIT_PARK;
    received++;
    return RL_EXIT_DONE;
}
static rl_exit sleeps(rl_proc *p) {
    if (!p->host.wait.timed_out) return park(p, TICK, false);
    rl_host_done(&p->host);
    timeouts++;
    return RL_EXIT_DONE;
}
static rl_exit ends(rl_proc *p) { return (void)p, RL_EXIT_DONE; }
/* two slices, and on when it has been killed: then it may have one more, if its worker does not see it at once */
static rl_exit spins(rl_proc *p) {
    (void)p;
    if (slices >= 2) model_wait("spins", is_woken, &killed);
    if (killed) model_expect(++slices_killed <= 2);
    return RL_EXIT_YIELD;
}
/* ends where it was taken to, or as the last; who has several of them needs help, again and again */
static bool alone_or_last(void *arg) {
    (void)arg;
    return ended + 1 == to_end || *(u32 *)&rt.halt.asked || (sleeping[1] && !woken[1]);
}
static rl_exit shares(rl_proc *p) {
    if (p->worker != &workers[0] || ended + 1 == to_end) return RL_EXIT_DONE;
    if (slices > 4) model_wait("works alone", alone_or_last, NULL);
    return RL_EXIT_YIELD;
}
/* a message within a tick; then, whichever came, the other: a later deadline, or the late message */
static rl_exit takes_or_times_out(rl_proc *p) {
    if (!received && !timeouts) {
        int how = receive(p, TICK);
        if (how < 0) return RL_EXIT_PARK;
        how ? received++ : timeouts++;
    }
    int how = receive(p, received ? 100 * TICK : INT64_MAX);
    if (how < 0) return RL_EXIT_PARK;
    how ? received++ : timeouts++;
    return RL_EXIT_DONE;
}

/* 1 spawns 2, whose start function is over in one slice */
static rl_exit spawns(rl_proc *p) {
    if (p->id == 2) return RL_EXIT_DONE;
    if (p->dying || atomic_load(&procs[1].launch) != RL_LAUNCH_THROUGH) return park(p, INT64_MAX, false);
    rl_proc_drop(p->starting); /* for the end: what spawn would publish */
    p->starting = NULL;
    return RL_EXIT_DONE;
}

/* ---- processes without instances ---- */

static void make(u32 i) {
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

static void setup_of(u32 n, rl_exit (*script)(rl_proc *)) {
    rl_pids_fini(&rt.pids);
    memset(&rt, 0, sizeof rt);
    config = (rl_rt_config){ .slice = 1000, .quiet = true, .max_mailbox = 1u << 30 };
    rt.config = &config;
    rt.workers = workers;
    rt.more_workers = workers + 1;
    config.workers = 2;
    rl_crew_init(&rt);
    atomic_init(&rt.crew.hands, 2); /* and so it stays */
    rt.crew.again_at = INT64_MAX;
    for (u32 i = 0; i < MODEL_THREADS; i++) model_shared[i] = true;
    rt.crowd = RL_CROWD;
    atomic_init(&rt.started, 2);
    atomic_init(&rt.status, -1);
    rl_names_init(&rt.names);
    now_ns = 0;
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
/* Worker 1 has all, and is to go. */
static void setup_dismissed(void) {
    setup_of(3, ends);
    atomic_init(&rt.crew.hands, 1);
    rl_worker_self = &workers[1];
    for (u32 i = 0; i < 3; i++) rl_sched_later(&procs[i]);
    rl_worker_self = &workers[0];
}
static void entered(u32 thread) { rl_worker_self = &workers[thread]; }

/* Who sends is in from the beginning, as a worker in the middle of a slice. */
static void senders_in(u32 n) { atomic_init(&rt.gate.word, n); }

/* All are parked on worker 0. */
static void setup_parked(u32 n, rl_exit (*script)(rl_proc *)) {
    setup_of(n, script);
    for (u32 i = 0; i < n; i++) rl_proc_run(&procs[i], 1000);
    model_expect(atomic_load(&procs[0].mail.word) == RL_PARKED);
    now_ns = 10 * TICK; /* deadlines of the scripts have passed */
}
static void setup_receiver(void) {
    setup_parked(1, takes_one);
    senders_in(2);
}
static void setup_sleeper(void) {
    setup_parked(1, sleeps);
    senders_in(1);
}
static void setup_timed(void) {
    setup_parked(1, takes_or_times_out);
    senders_in(1);
}
static void setup_queued(rl_exit (*script)(rl_proc *)) {
    setup_of(1, script);
    rl_sched_later(&procs[0]);
}
static void setup_ending(void) {
    setup_queued(ends);
    senders_in(1);
}
static void setup_spinner(void) {
    setup_queued(spins);
    senders_in(1);
}
static void setup_spawner(void) {
    setup_of(2, spawns);
    procs[1].phase = RL_PHASE_START;
    procs[1].known = false;
    procs[1].parent = 1;
    atomic_init(&procs[1].launch, RL_LAUNCH_RUNNING);
    procs[0].starting = &procs[1];
    rl_proc_run(&procs[0], 1000); /* parks */
    rl_proc_launch(&procs[1]);
    senders_in(1);
}
static void setup_three(void) {
    setup_of(3, shares);
    for (u32 i = 0; i < 3; i++) rl_sched_later(&procs[i]);
}

/* ---- threads ---- */

static void work(void) { rl_worker_run(rl_worker_self); }
static void send_data(void) {
    rl_msg *m = rl_msg_new(RL_SIG_DATA, 1, 0);
    model_write(m, "a message, by its sender");
    rl_send(&rt, 1, m);
    rl_gate_leave(&rt.gate);
}
static void send_kill(void) {
    rl_send(&rt, 1, rl_msg_new(RL_SIG_KILL, 0, 0));
    killed = true;
    rl_gate_leave(&rt.gate);
}
static void send_and_work(void) {
    send_data();
    work();
}
static void kill_and_work(void) {
    send_kill();
    work();
}
static void check_all_ended(bool stuck) {
    if (stuck) model_fail("nobody goes on: %u of %u ended, %u slices, %u messages, %u deadlines", ended, to_end, slices, received, timeouts);
    else model_expect(ended == to_end);
    rl_names_fini(&rt.names);
}
static void check_timed(bool stuck) {
    check_all_ended(stuck);
    model_expect(received >= 1 && received + timeouts == 2);
}

static const model_scenario all[] = {
    {"message against kill", setup_receiver, {send_and_work, kill_and_work}, check_all_ended, entered, 3, 1, 0},
    {"deadline against kill", setup_sleeper, {work, kill_and_work}, check_all_ended, entered, 3, 1, 0},
    {"deadline against message", setup_timed, {work, send_and_work}, check_timed, entered, 2, 1, 0},
    {"kill of one that spins", setup_spinner, {work, send_kill}, check_all_ended, entered, 4, 1, 0},
    {"message to one that ends", setup_ending, {work, send_data}, check_all_ended, entered, 5, 2, 0},
    {"kill of one that spawns", setup_spawner, {work, kill_and_work}, check_all_ended, entered, 3, 1, 0},
    {"a worker is dismissed", setup_dismissed, {work, work}, check_all_ended, entered, 2, 1, 0},
    {"help from a worker that falls asleep", setup_three, {work, work}, check_all_ended, entered, 2, 1, 0},
};

/* What holds it together, taken away piece by piece. The queues alone are in queues.c. */
static const model_mutation wanted[] = {
    {"pids.h", "lock", "torn", "", "keeps a process from ending while it is sent something"},
    {"sched.h", "lock", "torn", "", "keeps a deadline from waking who has left its wait"},
    {"mailbox.h", "cas", "torn", "&b->word, &old, m", "one push takes the parked mark"},
    {"mailbox.h", "cas", "only acquire", "&b->word, &old, m", "the receiver sees the message"},
    {"mailbox.c", "exchange", "torn", "atomic_exchange", "no arrival is lost"},
    {"mailbox.c", "exchange", "relaxed", "atomic_exchange", "the receiver sees the message"},
    {"mailbox.h", "cas", "torn", "&b->word, &none, RL_PARKED", "who parks has seen all arrivals"},
    {"mailbox.h", "cas", "relaxed", "&b->word, &none, RL_PARKED", "who wakes sees the parked state"},
    {"runq.c", "store", "relaxed", "&q->tail, t + 1", "a thief sees the process"},
    {"runq.c", "load", "relaxed", "h == atomic_load", "a thief sees the process"},
    {"runq.c", "cas", "torn", "&q->head, &h, h + 1", "one worker takes it"},
    {"proc.c", "exchange", "torn", "RL_LAUNCH_THROUGH, memory", "a child that starts is taken away by its spawner or by itself"},
    {"proc.c", "exchange", "torn", "RL_LAUNCH_ABANDONED, memory", "a child that starts is taken away by its spawner or by itself"},
    {"proc.c", "exchange", "relaxed", "RL_LAUNCH_THROUGH, memory", "who takes it away sees all of it"},
};

int main(int argc, char **argv) {
    return model_main(argc, argv, &(model_plan){.scenarios = all, .nscenarios = RL_LEN(all), .wanted = wanted, .nwanted = RL_LEN(wanted)});
}

/* ---- never called, or nothing to do, in these scenarios ---- */

_Atomic u32 rl_rt_signals;
const rl_upper rl_upper_host;
void rl_halt_enter(rl_halt *h) { (void)h; }
void rl_halt_leave(rl_halt *h) { (void)h; }
void rl_halt_wait(rl_halt *h) { (void)h; }
void rl_slots_init(rl_slots *s) { (void)s; }
void rl_slots_fini(rl_slots *s) { (void)s; }
void rl_spares_fini(rl_spares *s) { (void)s; }
i64 rl_tidy_up(rl_worker *w) { return (void)w, INT64_MAX; }
void rl_fence_drop(rl_fence *f) { (void)f; }
void rl_store_free(rl_store *s) { (void)s; }
_Atomic(rl_trap_open *) rl_trap_opener;
void rl_conf_put(rl_conf *c) { (void)c; }
void rl_prog_put(rl_prog *p) { (void)p; }
void rl_job_abandon(rl_job *j) { (void)j; }
bool rl_jobs_deliver(rl_worker *w) { return (void)w, false; }
void rl_trap_thread_fini(void) {}
unsigned rl_os_cores(void) { return 2; }
unsigned rl_os_quota(void) { return 2; }
