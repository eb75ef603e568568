/* Jobs: done before or after the process parks, given up while queued, running, resting and done, many at once, and a runtime that
 * ends before its jobs. */
#include "src/jobs.h"

#include <stdlib.h>
#include <unistd.h>

#include "src/sched.h"
#include "tests/unit/test.h"

typedef struct job {
    rl_job job;
    _Atomic bool *gate; /* run waits until it is set */
    int answer;
} job;

static _Atomic u32 runs, drops, cancels;

static void run(rl_job *j) {
    job *t = RL_CONTAINER(j, job, job);
    atomic_fetch_add(&runs, 1);
    while (t->gate && !atomic_load(t->gate)) usleep(100);
    t->answer = 42;
}
static void drop(rl_job *j) {
    atomic_fetch_add(&drops, 1);
    free(RL_CONTAINER(j, job, job));
}
static void cancel(rl_job *j) {
    atomic_fetch_add(&cancels, 1);
    atomic_store(RL_CONTAINER(j, job, job)->gate, true);
}

/* A runtime of one worker that is never run, and processes without code. */
static rl_rt rt;
static rl_rt_config config;

static int setup(void **state) {
    (void)state;
    memset(&rt, 0, sizeof rt);
    rt.config = &config;
    rt.workers = aligned_alloc(_Alignof(rl_worker), sizeof *rt.workers);
    rt.pool = rl_pool_new();
    atomic_store(&runs, 0);
    atomic_store(&drops, 0);
    atomic_store(&cancels, 0);
    rl_worker_self = rt.workers;
    return rl_worker_init(rt.workers, &rt, 0);
}
static int teardown(void **state) {
    (void)state;
    rl_pool_free(rt.pool);
    rl_worker_fini(rt.workers);
    rl_pids_fini(&rt.pids);
    rl_msg_thread_fini();
    free(rt.workers);
    return 0;
}

static void proc_init(rl_proc *p, u64 id) {
    memset(p, 0, sizeof *p);
    rl_mailbox_init(&p->mail);
    p->id = id;
    p->worker = rt.workers;
    assert_int_equal(rl_pid_add(&rt.pids, id, p), RL_OK);
}
static void proc_fini(rl_proc *p) {
    rl_pid_remove(&rt.pids, p->id);
    rl_job_abandon(p->cold ? p->cold->job : NULL);
    rl_mailbox_fini(&p->mail);
    free(p->cold);
}

static job *start(rl_proc *p, _Atomic bool *gate) {
    job *t = calloc(1, sizeof *t);
    t->gate = gate;
    if (gate) t->job.cancel = cancel;
    rl_job_start(&p->host, &t->job, run, drop);
    return t;
}
static bool until(_Atomic u32 *count, u32 value) {
    for (u32 i = 0; i < 50000 && atomic_load(count) != value; i++) usleep(100);
    return atomic_load(count) == value;
}
static bool until_least(_Atomic u32 *count, u32 value) {
    for (u32 i = 0; i < 100000 && atomic_load(count) < value; i++) usleep(100);
    return atomic_load(count) >= value;
}
/* What the scheduler does until p is to run again. */
static void sleep_until_told(rl_proc *p) {
    for (u32 i = 0; !p->ready && i < 50000; i++) {
        rl_jobs_deliver(rt.workers);
        rl_sig_drain(p);
        usleep(100);
    }
    assert_true(p->ready);
    p->ready = false;
}
static void finished(rl_proc *p) {
    rl_job *j = rl_job_wait(&p->host, INT64_MAX);
    assert_non_null(j);
    assert_int_equal(RL_CONTAINER(j, job, job)->answer, 42);
    assert_null(rl_job_of(&p->host));
    assert_false(p->host.wait.retry);
    drop(j);
}

static void waits(void **state) {
    (void)state;
    rl_proc p;
    _Atomic bool gate = false;
    proc_init(&p, 1);
    start(&p, &gate);
    assert_non_null(rl_job_of(&p.host));
    assert_null(rl_job_wait(&p.host, INT64_MAX));
    assert_true(p.host.wait.retry);
    assert_null(rl_job_wait(&p.host, INT64_MAX)); /* woken by something else */
    assert_true(until(&runs, 1));
    assert_false(rl_jobs_deliver(rt.workers));
    atomic_store(&gate, true);
    sleep_until_told(&p);
    finished(&p);
    assert_int_equal(atomic_load(&cancels), 0);
    proc_fini(&p);
}

static void done_at_once(void **state) {
    (void)state;
    rl_proc p;
    proc_init(&p, 1);
    job *t = start(&p, NULL);
    for (u32 i = 0; i < 50000 && !atomic_load(&t->job.done); i++) usleep(100);
    finished(&p); /* and what is told later finds no job */
    proc_fini(&p);
    assert_int_equal(atomic_load(&drops), 1);
}

static void parked_process_is_queued(void **state) {
    (void)state;
    rl_proc p;
    proc_init(&p, 1);
    start(&p, NULL);
    assert_true(rl_mailbox_park(&p.mail));
    for (u32 i = 0; i < 50000 && !rl_jobs_deliver(rt.workers); i++) usleep(100);
    assert_ptr_equal(rt.workers->next, &p);
    rt.workers->next = NULL;
    rl_sig_drain(&p);
    finished(&p);
    proc_fini(&p);
}

static void too_late(void **state) {
    (void)state;
    rl_proc p;
    _Atomic bool gate = false;
    proc_init(&p, 1);
    start(&p, &gate);
    assert_true(until(&runs, 1));
    assert_null(rl_job_wait(&p.host, 1));
    assert_int_equal(p.host.wait.deadline_ns, 1);
    p.host.wait.timed_out = true;
    assert_null(rl_job_wait(&p.host, 1));
    assert_null(rl_job_of(&p.host));
    assert_true(until(&drops, 1));
    assert_int_equal(atomic_load(&cancels), 1);
    assert_false(rl_jobs_deliver(rt.workers));
    proc_fini(&p);
}

static void given_up_when_done(void **state) {
    (void)state;
    rl_proc p;
    proc_init(&p, 1);
    job *t = start(&p, NULL);
    for (u32 i = 0; i < 50000 && !atomic_load(&t->job.done); i++) usleep(100);
    proc_fini(&p);
    assert_int_equal(atomic_load(&drops), 1);
    assert_true(rl_jobs_deliver(rt.workers)); /* to nobody */
}

/* More than there are threads: those that wait in the queue never run once they are given up. */
static void many(void **state) {
    (void)state;
    enum { COUNT = 3 * RL_JOB_THREADS };
    static rl_proc p[COUNT];
    _Atomic bool gate[COUNT];
    for (u32 i = 0; i < COUNT; i++) {
        atomic_init(&gate[i], false);
        proc_init(&p[i], i + 1);
        start(&p[i], &gate[i]);
    }
    assert_true(until(&runs, RL_JOB_THREADS));
    usleep(10000);
    assert_int_equal(atomic_load(&runs), RL_JOB_THREADS);
    u32 queued = 0;
    for (u32 i = RL_JOB_THREADS; i < COUNT; i += 2, queued++) proc_fini(&p[i]);
    assert_int_equal(atomic_load(&drops), queued);
    assert_int_equal(atomic_load(&cancels), 0);
    for (u32 i = 0; i < COUNT; i++) atomic_store(&gate[i], true);
    for (u32 i = 0; i < COUNT; i++) {
        if (i >= RL_JOB_THREADS && (i - RL_JOB_THREADS) % 2 == 0) continue;
        sleep_until_told(&p[i]);
        finished(&p[i]);
        proc_fini(&p[i]);
    }
    assert_int_equal(atomic_load(&runs), COUNT - queued);
    assert_int_equal(atomic_load(&drops), COUNT);
}

/* Jobs without an end take turns, let others through, and end when they are given up, wherever they are. */
static _Atomic u32 turns[300];
static void run_endless(rl_job *j) {
    job *t = RL_CONTAINER(j, job, job);
    do {
        atomic_fetch_add(&turns[t->answer], 1);
        usleep(200);
    } while (rl_job_breathe(j));
}

static void endless(void **state) {
    (void)state;
    enum { COUNT = 3 * RL_JOB_THREADS };
    static rl_proc p[COUNT + 1];
    for (u32 i = 0; i < COUNT; i++) {
        job *t = calloc(1, sizeof *t);
        t->answer = (int)i;
        proc_init(&p[i], i + 1);
        rl_job_start(&p[i].host, &t->job, run_endless, drop);
    }
    proc_init(&p[COUNT], COUNT + 1);
    start(&p[COUNT], NULL);
    sleep_until_told(&p[COUNT]);
    finished(&p[COUNT]);
    proc_fini(&p[COUNT]);
    for (u32 i = 0; i < COUNT; i++) assert_true(until_least(&turns[i], 20));
    for (u32 i = 0; i < COUNT; i++) proc_fini(&p[i]);
    assert_true(until(&drops, COUNT + 1));
}

/* More than there may be stacks: for each of those behind them, and for a short one, one that has run longest is ended, and
 * not the short one. */
static void too_many_endless(void **state) {
    (void)state;
    enum { COUNT = RL_JOB_STACKS + 20 };
    static rl_proc p[COUNT + 1];
    for (u32 i = 0; i < COUNT; i++) {
        job *t = calloc(1, sizeof *t);
        t->answer = (int)i;
        atomic_store(&turns[i], 0);
        proc_init(&p[i], i + 1);
        rl_job_start(&p[i].host, &t->job, run_endless, drop);
    }
    for (u32 i = 0; i < COUNT; i++) assert_true(until_least(&turns[i], 1));
    for (u32 k = 0; k < 5; k++) {
        proc_init(&p[COUNT], COUNT + 1);
        start(&p[COUNT], NULL);
        sleep_until_told(&p[COUNT]);
        finished(&p[COUNT]);
        proc_fini(&p[COUNT]);
    }
    u32 over = 0;
    for (u32 i = 0; i < COUNT; i++) over += atomic_load(&rl_job_of(&p[i].host)->done);
    assert_in_range(over, COUNT - RL_JOB_STACKS, COUNT - RL_JOB_STACKS + 5);
    for (u32 i = 0; i < COUNT; i++) proc_fini(&p[i]);
    assert_true(until(&drops, COUNT + 5));
}

/* The runtime goes while a job runs that cannot be cancelled. */
static void runtime_gone(void **state) {
    (void)state;
    rl_proc p;
    static _Atomic bool gate;
    atomic_store(&gate, false);
    proc_init(&p, 1);
    start(&p, &gate)->job.cancel = NULL;
    assert_true(until(&runs, 1));
    proc_fini(&p);
    rl_pool_free(rt.pool);
    rt.pool = NULL;
    assert_int_equal(atomic_load(&drops), 0);
    atomic_store(&gate, true);
    assert_true(until(&drops, 1));
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = { TEST(waits), TEST(done_at_once), TEST(parked_process_is_queued), TEST(too_late),
                                        TEST(given_up_when_done), TEST(many), TEST(endless), TEST(too_many_endless),
                                        TEST(runtime_gone) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
