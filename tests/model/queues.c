/* The model of mailboxes, run queues and the gate: a few threads each, over the real src/mailbox.c, src/runq.c and
 * src/gate.c. */
#include "src/base/os.h"
#include "src/gate.h"
#include "src/mailbox.h"
#include "src/runq.h"
#include "tests/model/futex.h"

#include <stdlib.h>

/* ---- mailbox: senders, and an owner that parks whenever there is nothing ---- */

#define EACH 2

static rl_mailbox box;
static rl_msg sent[2][EACH];
static u32 got, next_of[2], wakes, parks;
static bool owner_ready; /* somebody made the parked owner runnable */

static void box_setup(void) {
    rl_mailbox_init(&box);
    got = wakes = parks = 0;
    next_of[0] = next_of[1] = 0;
    owner_ready = false;
}

static void wake_owner(void) {
    model_expect(!owner_ready); /* or it would be queued twice */
    model_write(&owner_ready, "the owner's record, by who wakes it");
    owner_ready = true;
    model_give(&owner_ready);
    wakes++;
}

static void send_all(u32 who) {
    for (u32 i = 0; i < EACH; i++) {
        rl_msg *m = &sent[who][i];
        model_write(m, "a message, by its sender");
        m->pid = who, m->tag = i;
        if (rl_mailbox_push(&box, m)) wake_owner();
    }
}
static void sender0(void) { send_all(0); }
static void sender1(void) { send_all(1); }

static bool woken(void *arg) {
    (void)arg;
    return owner_ready;
}

static void take_all(u32 *count) {
    for (rl_msg *m = rl_mailbox_arrivals(&box), *next; m; m = next) {
        model_read(m, "a message, by its receiver");
        next = m->next;
        model_expect(m->tag == (i64)next_of[m->pid]); /* in the order sent */
        next_of[m->pid]++;
        rl_mailbox_left(&box, m);
        (*count)++;
    }
}

/* Parks, and goes on (on whatever worker) when woken. */
static void owner_parks(void) {
    model_write(&owner_ready, "the owner's record, by itself"); /* its stack, too, is saved by now */
    if (!rl_mailbox_park(&box)) return;
    parks++;
    model_wait("the owner sleeps", woken, NULL);
    model_take(&owner_ready); /* whoever runs it got it from who woke it */
    model_write(&owner_ready, "the owner's record, when it goes on");
    owner_ready = false;
}

static void owner_of_two(void) {
    while (got < 2 * EACH) {
        take_all(&got);
        if (got < 2 * EACH) owner_parks();
    }
}
static void owner_of_one(void) {
    while (got < EACH) {
        take_all(&got);
        if (got < EACH) owner_parks();
    }
}
/* Wakes for another reason, such as a deadline. */
static void alarm_clock(void) {
    if (rl_mailbox_unpark(&box)) wake_owner();
}

/* A sender that looks how full it is. */
static void onlooker(void) {
    for (u32 i = 0; i < 2; i++) model_expect((i64)rl_mailbox_bytes(&box) >= 0);
}

static void box_check(bool stuck) {
    if (stuck) model_fail("the owner sleeps for ever, %u messages taken", got);
    model_expect(wakes == parks);
    model_expect(!rl_mailbox_bytes(&box));
}

/* ---- run queue: its owner, and thieves ---- */

#define ITEMS 7 /* more than the ring has room for */

typedef struct item { rl_run run; u32 taken; } item;
static item items[ITEMS];
static rl_runq victim, loot[2];
static u32 pushed, taken, limit;
static rl_turn kind;

static void queue_setup_of(rl_turn of, u32 n, u32 before) {
    kind = of;
    rl_runq_init(&victim);
    rl_runq_init(&loot[0]);
    rl_runq_init(&loot[1]);
    memset(items, 0, sizeof items);
    limit = n;
    taken = 0;
    for (pushed = 0; pushed < before; pushed++) rl_runq_push(&victim, kind, &items[pushed].run);
}
static void queue_few(void) { queue_setup_of(RL_TURN_RAN, 3, 1); }
static void queue_newborns(void) { queue_setup_of(RL_TURN_NEWBORN, 3, 2); }
static void queue_full(void) { queue_setup_of(RL_TURN_RAN, 6, 4); }

static void run_item(rl_run *r) {
    item *i = (item *)r;
    model_write(i, "an item, by who took it");
    model_expect(!i->taken++);
    taken++;
}

static void queue_owner(void) {
    while (pushed < limit) {
        item *i = &items[pushed++];
        model_write(i, "an item, by its owner");
        rl_runq_push(&victim, kind, &i->run);
    }
    for (rl_run *r; (r = rl_runq_pop(&victim, kind));) run_item(r);
}

/* What is pushed after something was taken lies behind what a thief has seen. */
static void queue_owner_mixed(void) {
    while (pushed < limit) {
        item *i = &items[pushed++];
        model_write(i, "an item, by its owner");
        rl_runq_push(&victim, kind, &i->run);
        rl_run *r = rl_runq_pop(&victim, kind);
        if (r) run_item(r);
    }
}

static void steal_into(u32 who) {
    rl_runq_steal(&victim, &loot[who]);
    for (rl_run *r; (r = rl_runq_pop(&loot[who], kind));) run_item(r);
}
static void thief0(void) { steal_into(0); }
static void thief1(void) { steal_into(1); }

static void queue_check(bool stuck) {
    if (stuck) model_fail("stuck");
    for (rl_run *r; (r = rl_runq_pop(&victim, kind));) run_item(r);
    if (taken != limit) model_fail("%u of %u items were run", taken, limit);
    rl_runq_fini(&victim);
    rl_runq_fini(&loot[0]);
    rl_runq_fini(&loot[1]);
}

/* ---- gate: who is alone needs no lock ---- */

bool model_shared[MODEL_THREADS];
static rl_gate gate;
static _Atomic u32 asked;
static rl_lock lock;
static u32 shared_thing;

static void gate_setup(void) {
    atomic_init(&gate.word, 0);
    atomic_init(&asked, 0);
    memset(&lock, 0, sizeof lock);
    shared_thing = wakes_at_gate = 0;
    for (u32 i = 0; i < MODEL_THREADS; i++) model_shared[i] = true;
}

/* As every operation of the process layer. */
static void touch(void) {
    if (!rl_alone()) rl_lock_take(&lock);
    model_write(&shared_thing, "what is shared");
    shared_thing++;
    if (!rl_alone()) rl_lock_drop(&lock);
}

/* As a worker's loop. */
static void slices(u32 n) {
    rl_gate_enter(&gate, &asked, 1);
    for (u32 i = 0; i < n; i++) {
        if (i == 1) rl_gate_open(&gate); /* it wants help */
        if (atomic_load_explicit(&asked, memory_order_relaxed)) {
            atomic_store_explicit(&asked, 0, memory_order_relaxed);
            rl_gate_open(&gate);
        }
        if (!i) rl_gate_shut(&gate);
        touch();
    }
    rl_gate_leave(&gate);
}
static void two_slices(void) { slices(2); }
static void one_slice_twice(void) {
    slices(1);
    slices(1);
}
static void gate_check(bool stuck) {
    if (stuck) model_fail("somebody waits at the gate for ever");
    model_expect(shared_thing == 4 || shared_thing == 6);
    model_expect(!atomic_load(&gate.word));
}

static const model_scenario all[] = {
    {"gate", gate_setup, {two_slices, one_slice_twice}, gate_check, NULL, 4, 2, 1},
    {"gate of three", gate_setup, {two_slices, one_slice_twice, one_slice_twice}, gate_check, NULL, 2, 1, 0},
    {"push and park", box_setup, {owner_of_one, sender0}, box_check, NULL, 6, 4, 1},
    {"two senders", box_setup, {owner_of_two, sender0, sender1}, box_check, NULL, 3, 1, 0},
    {"push against unpark", box_setup, {owner_of_one, sender0, alarm_clock}, box_check, NULL, 3, 2, 1},
    {"push against a look", box_setup, {owner_of_one, sender0, onlooker}, box_check, NULL, 3, 2, 0},
    {"steal", queue_few, {queue_owner, thief0}, queue_check, NULL, 3, 2, 1},
    {"steal from a full queue", queue_full, {queue_owner, thief0}, queue_check, NULL, 2, 2, 0},
    {"steal, push, pop", queue_few, {queue_owner_mixed, thief0}, queue_check, NULL, 3, 2, 0},
    {"newborns", queue_newborns, {queue_owner_mixed, thief0}, queue_check, NULL, 3, 2, 0},
    {"two thieves", queue_few, {queue_owner, thief0, thief1}, queue_check, NULL, 2, 1, 0},
};

static const model_mutation excused[] = {
    {"gate.c", "fetch_or", "torn", "fetch_or", "there is one bit here"},
    {"runq.c", "load", "relaxed", "atomic_load_explicit(&q->head, memory_order_acquire));",
     "room: keeps a thief's load of the slot from seeing what comes after; loads from the future are not explored"},
    {"runq.c", "cas", "only release", "(&q->head, &h, h + 1,", "take has acquired the same value already"},
};

int main(int argc, char **argv) {
    return model_main(argc, argv, &(model_plan){.scenarios = all, .nscenarios = RL_LEN(all),
                                                .excused = excused, .nexcused = RL_LEN(excused)});
}
