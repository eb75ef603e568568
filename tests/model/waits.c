/* The model of what processes wait for besides messages: sockets and jobs; and of workers that are stopped for a look,
 * started and joined. Over what tests/model/world.h says. */
#include "tests/model/world.h"

/* ---- a socket: bytes arrive, and are read one at a time ---- */

static rl_watch watch;
static u32 share, got[PROCS]; /* bytes, by each process */

static void arrives(void) {
    model_wait("a byte arrives", at_any_time, NULL);
    sock.bytes++;
    sock.event = true;
}
static void two_arrive(void) {
    arrives();
    arrives();
}

/* As rl_sock_recv and what calls it. */
static rl_exit reads(rl_proc *p) {
    while (!p->dying && got[p->id - 1] < share) {
        u8 tried = rl_watch_try(&watch, RL_READY_IN);
        if (tried) model_wait("reads", at_any_time, NULL);
        if (!tried || !sock.bytes) {
            rl_host_park_watch(&p->host, &watch, SOCKET, false, INT64_MAX);
            return RL_EXIT_PARK;
        }
        sock.bytes--;
        got[p->id - 1]++;
        rl_sched_more(&watch, RL_READY_IN, tried);
    }
    if (p->dying) return park(p, INT64_MAX, false);
    rl_host_done(&p->host);
    return RL_EXIT_DONE;
}

static void setup_readers(u32 n, u32 each) {
    memset(&watch, 0, sizeof watch);
    rl_watch_init(&watch);
    memset(got, 0, sizeof got);
    share = each;
    setup_of(n, reads);
    for (u32 i = 0; i < n; i++) {
        procs[i].worker = &workers[i];
        rl_worker_self = &workers[i];
        rl_sched_later(&procs[i]);
    }
}
static void setup_reader(void) {
    setup_readers(1, 2);
    outsiders_from(1);
}
static void setup_killed_reader(void) {
    setup_readers(1, 2);
    senders_in(1);
    outsiders_from(2);
}
static void setup_readers_alone(void) {
    setup_readers(2, 1);
    outsiders_from(2);
}
/* Another is in all the time, as a worker in a long slice. */
static void setup_two_readers(void) {
    setup_readers_alone();
    senders_in(1);
}

/* ---- jobs ---- */

typedef struct errand { rl_job job; u32 ran, dropped; } errand;
static errand errands[PROCS];
static u32 errands_begun;

static void run_errand(rl_job *j) {
    model_write(j, "a job, by who runs it");
    ((errand *)j)->ran++;
}
static void drop_errand(rl_job *j) {
    model_write(j, "a job, by who drops it");
    model_expect(!((errand *)j)->dropped++);
}

static rl_exit sends_for(rl_proc *p) {
    errand *e = &errands[p->id - 1];
    if (p->dying) return park(p, INT64_MAX, false);
    if (!rl_job_of(&p->host)) {
        model_write(&e->job, "a job, by who begins it");
        errands_begun++;
        rl_job_start(&p->host, &e->job, run_errand, drop_errand);
    }
    if (!rl_job_wait(&p->host, INT64_MAX)) return RL_EXIT_PARK;
    model_read(&e->job, "a job, by who waited for it");
    model_expect(e->ran == 1);
    received++;
    drop_errand(&e->job);
    return RL_EXIT_DONE;
}

static void setup_jobs(u32 n) {
    memset(errands, 0, sizeof errands);
    errands_begun = 0;
    setup_of(n, sends_for);
    rt.pool = rl_pool_new();
    for (u32 i = 0; i < n; i++) rl_sched_later(&procs[i]);
}
static void setup_job(void) {
    setup_jobs(1);
    outsiders_from(1);
}
static void setup_two_jobs(void) {
    setup_jobs(2);
    outsiders_from(1);
}
static void setup_killed_job(void) {
    setup_jobs(1);
    senders_in(1);
    outsiders_from(2);
}

/* As rl_rt_fini: the pool ends before the workers. */
static void work_with_jobs(void) {
    rl_worker_run(rl_worker_self);
    rl_pool_free(rt.pool);
}
static void check_jobs(bool stuck) {
    check_all_ended(stuck);
    u32 dropped = 0;
    for (u32 i = 0; i < PROCS; i++) dropped += errands[i].dropped;
    model_expect(dropped == errands_begun);
}
static void check_jobs_done(bool stuck) {
    check_jobs(stuck);
    model_expect(received == to_end);
}

/* ---- halts ---- */

static rl_exit runs_thrice(rl_proc *p) {
    return ++got[p->id - 1] < 3 ? RL_EXIT_YIELD : RL_EXIT_DONE;
}
/* 1 goes on until 2 has ended, which is to be let in for that: nothing else moves it but who asks something */
static bool asked_or_last(void *arg) {
    (void)arg;
    return ended || *(u32 *)&rt.halt.asked;
}
static rl_exit waits_for_other(rl_proc *p) {
    if (p->id == 2 || ended) return RL_EXIT_DONE;
    model_wait("works alone", asked_or_last, NULL);
    return RL_EXIT_YIELD;
}
static void setup_halt_of(rl_exit (*script)(rl_proc *)) {
    memset(got, 0, sizeof got);
    setup_of(2, script);
    outsiders_from(2);
    for (u32 i = 0; i < 2; i++) {
        procs[i].worker = &workers[i];
        rl_worker_self = &workers[i];
        rl_sched_later(&procs[i]);
    }
}
static void setup_halt(void) { setup_halt_of(runs_thrice); }
static void setup_entry(void) { setup_halt_of(waits_for_other); }
static void looks(void) {
    rl_halt_begin(&rt);
    for (u32 i = 0; i < 2; i++) model_read(&procs[i], "a process, by who looks at it");
    model_wait("looks", at_any_time, NULL);
    for (u32 i = 0; i < 2; i++) model_read(&procs[i], "a process, by who still looks at it");
    rl_halt_end(&rt);
}

/* ---- workers that are started when there is work, and joined ---- */

static bool joined;

static rl_exit runs_long(rl_proc *p) {
    return ++got[p->id - 1] < 5 ? RL_EXIT_YIELD : RL_EXIT_DONE;
}
static void setup_start_for(rl_exit (*script)(rl_proc *)) {
    memset(got, 0, sizeof got);
    setup_of(3, script);
    rl_worker_fini(&workers[1]);
    atomic_init(&rt.started, 1);
    epolls = 1;
    joined = false;
    for (u32 i = 0; i < 3; i++) rl_sched_later(&procs[i]);
}
static void setup_start(void) { setup_start_for(runs_thrice); }
static void setup_trial(void) {
    setup_start_for(runs_long);
    atomic_init(&rt.crew.hands, 1);
    rt.crew.again_at = 0;
}
/* All that the workers wrote is the joiner's. */
static void work_and_join(void) {
    rl_worker_run(rl_worker_self);
    rl_crew_join(&rt);
    joined = true;
    model_write(&workers[1], "a worker, by who joined it");
}

static void check_joined(bool stuck) {
    check_all_ended(stuck);
    model_expect(joined && rl_rt_started(&rt) == 2);
}

static void no_workers(uint32_t thread) { rl_worker_self = thread ? NULL : &workers[0]; }

static const model_scenario all[] = {
    {"socket: bytes against a wait", setup_reader, {work, two_arrive}, check_all_ended, entered, 3, 1, 0},
    {"socket: kill of who waits", setup_killed_reader, {work, kill_and_work, arrives}, check_all_ended, entered, 2, 1, 0},
    {"socket: two readers", setup_two_readers, {work, work, two_arrive}, check_all_ended, entered, 2, 1, 0},
    {"socket: readers, one alone", setup_readers_alone, {work, work, two_arrive}, check_all_ended, entered, 1, 1, 0},
    {"job: two, one thread", setup_two_jobs, {work_with_jobs, model_created}, check_jobs_done, no_workers, 2, 1, 0},
    {"job: two", setup_two_jobs, {work_with_jobs, model_created, model_created}, check_jobs_done, no_workers, 1, 1, 0},
    {"job: one", setup_job, {work_with_jobs, model_created}, check_jobs_done, no_workers, 3, 1, 0},
    {"job: kill of who waits", setup_killed_job, {work_with_jobs, kill_and_work, model_created}, check_jobs, entered, 2, 1, 0},
    {"halt: one looks", setup_halt, {work, work, looks}, check_all_ended, entered, 1, 1, 0},
    {"halt: two look", setup_halt, {work, work, looks, looks}, check_all_ended, entered, 1, 0, 0},
    {"halt: of who keeps one from entering", setup_entry, {work, work, looks}, check_all_ended, entered, 2, 0, 0},
    {"end: a worker is tried out and joined", setup_trial, {work_and_join, model_created}, check_joined, entered, 1, 1, 0},
    {"end: a worker is started and joined", setup_start, {work_and_join, model_created}, check_joined, entered, 2, 0, 0},
};

/* Not among them: orders that a lock has anyway (of the watch's registration, of marks made by whoever holds the io's lock),
 * the order of a mark's removal before a system call, which happens where it stands here, and signals for which a sleeper
 * that hears nothing is only late. */
static const model_mutation wanted[] = {
    {"io.h", "fetch_and", "torn", "", "the mark of an arrival is not taken away with an older one", "socket: two"},
    {"io.h", "fetch_or", "relaxed", "", "one waits and looks for a mark, one marks and looks for who waits", "socket: two"},
    {"io.h", "fetch_or", "acquire and release", "", "the same", "socket: two"},
    {"io.h", "load", "relaxed", "w->waiting, memory_order_seq_cst", "the same", "socket: two"},
    {"io.c", "fetch_add", "acquire and release", "", "the same", "socket: two"},
    {"io.c", "load", "relaxed", "watch->ready, memory_order_seq_cst", "the same", "socket: two"},
    {"io.c", "cas", "torn", "&watch->io, &where, io", "a socket is registered once", "socket: two"},
    {"io.c", "lock", "torn", "", "an event finds those who wait as they are", "socket: two"},
    {"jobs.c", "lock", "torn", "^static bool queue(", "who runs a job sees all of it", "job"},
    {"jobs.c", "lock", "torn", "^rl_pool *p = arg;", "the same", "job"},
    {"jobs.c", "lock", "torn", "^j->run(j);", "who drops a job sees all of it", "job"},
    {"jobs.c", "lock", "torn", "^rl_pool *p = j->pool;", "a job is dropped once", "job"},
    {"jobs.c", "store", "relaxed", "&j->done, true, memory_order_release", "who waited sees what the job did", "job"},
    {"jobs.c", "load", "relaxed", "&j->done, memory_order_acquire", "the same", "job"},
    {"jobs.c", "cas", NULL, "&w->told", "no news of a job is lost", "job"},
    {"jobs.c", "exchange", NULL, "&w->told", "the same", "job"},
    {"halt.c", "lock", "torn", "^void rl_halt_enter(", "who begins sees that all are to stop", "halt"},
    {"halt.c", "lock", "torn", "^void rl_halt_leave(", "who looks sees what was done before", "halt"},
    {"halt.c", "lock", "torn", "^void rl_halt_wait(", "the same", "halt"},
    {"halt.c", "fetch_or", "torn", "", "a wish to enter is not lost to a halt", "halt"},
    {"halt.c", "fetch_and", "torn", "", "the same", "halt"},
    {"gate.c", "fetch_or", "torn", "", "a halt is not lost to a wish to enter", "halt"},
    {"sched.c", "fetch_and", "torn", "", "the same", "halt"},
    {"halt.c", "signal", "torn", "", "who looks, and who waits until it has looked, go on", "halt: one"},
};

int main(int argc, char **argv) {
    return model_main(argc, argv, &(model_plan){.scenarios = all, .nscenarios = RL_LEN(all),
                                                .wanted = wanted, .nwanted = RL_LEN(wanted)});
}
