/* The model of processes: two workers, and those who send to them, over what tests/model/world.h says. */
#include "tests/model/world.h"

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

/* Worker 1 has all, and is to go. */
static void setup_dismissed(void) {
    setup_of(3, ends);
    atomic_init(&rt.crew.hands, 1);
    rl_worker_self = &workers[1];
    for (u32 i = 0; i < 3; i++) rl_sched_later(&procs[i]);
    rl_worker_self = &workers[0];
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
