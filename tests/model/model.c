/* The explorer. A scenario's threads are coroutines on one real thread; every atomic operation and lock of the real code is
 * a step, before which another may be chosen to go on. A run is determined by its choices; depth first, the last choice
 * that has another alternative is changed, until there is none: every interleaving with at most so many preemptions.
 *
 * Memory is not what the last one wrote. For each location all stores are kept, in the order made (which stands for the
 * modification order). A load may see any of them but those it knows to be overwritten: before one that happens before the
 * load, that this thread or one before it has seen newer, or that a sequentially consistent fence or operation puts in
 * front. Which one, is a choice as well: so are reorderings of store buffers and of weaker machines found. Release and
 * acquire carry vector clocks, which also tell whether two ordinary accesses are ordered.
 *
 * Not explored: stores that take effect in another order than made (2+2W), loads of values from the future.
 *
 * A mutation weakens one site: its order becomes a weaker one, or (for what reads and writes at once) the two halves come
 * apart, or a lock is not taken, or nobody hears a signal.
 * A library for it was not taken: those for C++ and Rust want the code in their types. */
#include "tests/model/model.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK (256u << 10)
#define STEPS 4000u       /* of one run; more is a loop that never ends */
#define STORES 128u       /* of one location in one run */
#define LOCATIONS 256u
#define CHOICES 20000u
#define RUNS 3000000u     /* of one scenario */
#define SITES 300u
#define PLAIN 128u

typedef struct stamps { uint32_t t[MODEL_THREADS]; } stamps; /* a vector clock */

typedef struct store {
    uint64_t value;
    uint32_t thread, time; /* time 0: there from the beginning */
    stamps released;        /* what an acquiring load of it learns */
} store;

typedef struct location {
    uintptr_t at;
    uint32_t nstores;
    int last_sc;                          /* index of the last sequentially consistent store; -1: none */
    store stores[STORES];
    uint32_t nreads;
    struct { uint32_t thread, time, index; } reads[STORES * 2];
    uint32_t fenced[MODEL_THREADS];       /* what a fence of the thread puts in front, as index */
} location;

typedef struct lock { const void *at; bool taken; stamps released; } lock;

typedef struct plain {
    const void *at;
    bool written;
    uint32_t writer, write_time;
    uint32_t read_time[MODEL_THREADS];
} plain;

typedef struct thread {
    ucontext_t context;     /* where it begins */
    jmp_buf at;             /* where it left off: unlike swapcontext, no system call */
    char *stack;
    bool begun, over;
    bool unborn;            /* nobody has made it yet */
    const void *cond;       /* the condition variable it sleeps at */
    bool (*ready)(void *);  /* waits for it; NULL: does not wait */
    void *arg;
    const char *what;
    uint32_t yielded;       /* it waits for a later step than this */
    stamps hb;               /* what happens before here */
    stamps visible;          /* more: what it cannot but see */
    stamps acquired;         /* by relaxed loads, for an acquire fence */
    stamps fence_released;   /* at the last release fence */
} thread;

typedef struct event { uint32_t thread; const model_site *site; const char *what; uint64_t value; uintptr_t at; } event;

static const model_scenario *scenario;
static thread threads[MODEL_THREADS];
static uint32_t nthreads, current;
static bool running;                      /* threads run: accesses are explored */
static jmp_buf main_context;
static struct { uint32_t chosen, count; } path[CHOICES];
static uint32_t depth, path_length;
static uint32_t preemptions, stale, spurious, steps;
static location *locations;
static uint32_t nlocations;
static lock locks[LOCATIONS];
static uint32_t nlocks;
static plain plains[PLAIN];
static uint32_t nplains;
static struct { uintptr_t from, to; } freed[16];
static uint32_t nfreed;
static stamps sc_visible;                  /* of all sequentially consistent fences so far */
static event events[STEPS];
static uint32_t nevents;
static bool failed;
static char failure[400];

static struct { const char *file, *kind; int line, order, failed; } sites[SITES];
static uint32_t nsites, mutation_run = 1;
static int mutated_site = -1;             /* index in sites; -1: none */
static enum { RELAXED, ACQUIRE, RELEASE, BOTH, FAILURE, TORN, MUTATIONS } mutation;
static const char *const mutation_names[MUTATIONS] = {"relaxed", "only acquire", "only release", "acquire and release",
                                                      "relaxed on failure", "torn"};
static const int mutation_orders[] = {memory_order_relaxed, memory_order_acquire, memory_order_release, memory_order_acq_rel};

/* ---- clocks ---- */

static void join(stamps *a, const stamps *b) {
    for (int i = 0; i < MODEL_THREADS; i++)
        if (b->t[i] > a->t[i]) a->t[i] = b->t[i];
}
static bool knows(const stamps *c, uint32_t who, uint32_t time) { return !time || c->t[who] >= time; }

static thread *self(void) { return &threads[current]; }

static uint32_t tick(void) {
    uint32_t now = ++self()->hb.t[current];
    join(&self()->visible, &self()->hb);
    return now;
}

/* ---- failing ---- */

_Noreturn static void give_way(void) { longjmp(main_context, 1); }

_Noreturn static void go_on(uint32_t i) {
    thread *t = &threads[i];
    current = i;
    t->ready = NULL;
    if (t->begun) longjmp(t->at, 1);
    t->begun = true;
    setcontext(&t->context);
    abort();
}

void model_fail(const char *fmt, ...) {
    va_list ap;
    if (failed) return;
    failed = true;
    va_start(ap, fmt);
    vsnprintf(failure, sizeof failure, fmt, ap);
    va_end(ap);
    if (running) give_way(); /* for good: a failed run does not go on */
}

static const char *base(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static void print_failure(void) {
    printf("FAIL %s: %s\n", scenario->name, failure);
    for (uint32_t i = nevents > 60 ? nevents - 60 : 0; i < nevents; i++) {
        const event *e = &events[i];
        if (e->site) printf("    thread %u: %s:%d %s %s of %llx: %llx\n", e->thread, base(e->site->file), e->site->line,
                            e->site->kind, e->what, (unsigned long long)e->at, (unsigned long long)e->value);
        else printf("    thread %u: %s\n", e->thread, e->what);
    }
}

static void note(const model_site *s, const char *what, const void *at, uint64_t value) {
    if (nevents < STEPS) events[nevents++] = (event){current, s, what, value, (uintptr_t)at};
}

/* ---- choices ---- */

uint32_t model_choose(uint32_t n) {
    if (n < 2) return 0;
    if (depth == path_length) {
        if (path_length == CHOICES) abort();
        path[path_length].chosen = 0;
        path[path_length++].count = n;
    }
    return path[depth++].chosen;
}

/* False: all has been tried. */
static bool next_path(void) {
    while (path_length && path[path_length - 1].chosen + 1 == path[path_length - 1].count) path_length--;
    if (!path_length) return false;
    path[path_length - 1].chosen++;
    return true;
}

static bool able(uint32_t i) { return !threads[i].over && (!threads[i].ready || threads[i].ready(threads[i].arg)); }

/* Who goes on: the present one if it can and nothing else is chosen. -1: nobody can. */
static int pick(void) {
    uint32_t able_ones[MODEL_THREADS], n = 0;
    bool stays = able(current);
    if (stays && preemptions >= scenario->preemptions) return (int)current;
    if (stays) able_ones[n++] = current;
    for (uint32_t i = 0; i < nthreads; i++)
        if (i != current && able(i)) able_ones[n++] = i;
    if (!n) return -1;
    uint32_t c = model_choose(n);
    if (stays && c) preemptions++;
    return (int)able_ones[c];
}

/* Before every step: perhaps somebody else first. */
static void step(void) {
    uint32_t me = current;
    if (!running || failed) return;
    if (++steps > STEPS) model_fail("no end after %u steps", STEPS);
    int next = pick();
    if (next == (int)me) {
        threads[me].ready = NULL;
        return;
    }
    if (next < 0) give_way(); /* stuck */
    if (!_setjmp(threads[me].at)) go_on((uint32_t)next);
    if (scenario->entered) scenario->entered(me);
}

void model_wait(const char *what, bool (*ready)(void *), void *arg) {
    if (!running) return;
    self()->ready = ready;
    self()->arg = arg;
    self()->what = what;
    step();
    note(NULL, what, NULL, 0);
}

uint32_t model_thread(void) { return current; }

/* ---- locations ---- */

/* A signed value comes with bits above its size. */
static uint64_t cut(uint64_t v, unsigned size) { return size == 8 ? v : v & ((1ull << 8 * size) - 1); }
static uint64_t get(const void *at, unsigned size) {
    uint64_t v = 0;
    memcpy(&v, at, size);
    return v;
}
static void put(void *at, unsigned size, uint64_t v) { memcpy(at, &v, size); }

static void check_alive(const model_site *s, const void *at) {
    for (uint32_t i = 0; i < nfreed; i++)
        if ((uintptr_t)at >= freed[i].from && (uintptr_t)at < freed[i].to)
            model_fail("%s:%d: %s of what was freed", base(s->file), s->line, s->kind);
}

static location *location_of(void *at, unsigned size) {
    static uint32_t last[256]; /* where it probably is, by its address */
    uint32_t *guess = &last[(uintptr_t)at / 4 % 256];
    if (*guess < nlocations && locations[*guess].at == (uintptr_t)at) return &locations[*guess];
    for (uint32_t i = 0; i < nlocations; i++)
        if (locations[i].at == (uintptr_t)at) return &locations[*guess = i];
    if (nlocations == LOCATIONS) abort();
    location *l = &locations[*guess = nlocations++];
    l->at = (uintptr_t)at;
    l->nstores = 1;
    l->nreads = 0;
    l->last_sc = -1;
    l->stores[0] = (store){.value = get(at, size)};
    memset(l->fenced, 0, sizeof l->fenced);
    return l;
}

/* The oldest store that the present thread may still see. */
static uint32_t oldest(const location *l, bool sc) {
    const thread *t = self();
    uint32_t low = l->fenced[current];
    if (sc && l->last_sc >= 0 && (uint32_t)l->last_sc > low) low = (uint32_t)l->last_sc;
    for (uint32_t i = l->nstores; i-- > low;) {
        const store *s = &l->stores[i];
        if (knows(&t->visible, s->thread, s->time) || (sc && knows(&sc_visible, s->thread, s->time))) {
            low = i;
            break;
        }
    }
    for (uint32_t i = 0; i < l->nreads; i++)
        if (l->reads[i].index > low && knows(&t->visible, l->reads[i].thread, l->reads[i].time)) low = l->reads[i].index;
    return low;
}

static bool acquires(int order) { return order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst; }
static bool releases(int order) { return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst; }

static void read_store(location *l, uint32_t index, int order) {
    thread *t = self();
    uint32_t now = tick();
    if (l->nreads < STORES * 2) {
        l->reads[l->nreads].thread = current;
        l->reads[l->nreads].time = now;
        l->reads[l->nreads++].index = index;
    } else model_fail("too many loads of one location");
    join(acquires(order) ? &t->hb : &t->acquired, &l->stores[index].released);
    join(&t->visible, &t->hb);
}

static void add_store(location *l, void *at, unsigned size, uint64_t v, int order, const stamps *sequence) {
    thread *t = self();
    if (l->nstores == STORES) {
        model_fail("too many stores to one location");
        return;
    }
    store *s = &l->stores[l->nstores++];
    *s = (store){.value = v, .thread = current, .time = tick(), .released = t->fence_released};
    if (releases(order)) join(&s->released, &t->hb);
    if (sequence) join(&s->released, sequence);
    if (order == memory_order_seq_cst) l->last_sc = (int)l->nstores - 1;
    put(at, size, v);
}

/* ---- sites and mutations ---- */

/* The order in which the site counts in this run. */
static int order_of(model_site *s) {
    if (s->seen != mutation_run) {
        uint32_t i = 0;
        while (i < nsites && (sites[i].line != s->line || strcmp(sites[i].kind, s->kind) || strcmp(sites[i].file, s->file))) i++;
        if (i == nsites) {
            if (nsites == SITES) abort();
            sites[nsites].file = s->file, sites[nsites].line = s->line;
            sites[nsites].kind = s->kind, sites[nsites].order = s->order;
            sites[nsites++].failed = s->failed;
        }
        s->mutated = (int)i == mutated_site;
        s->seen = mutation_run;
    }
    return s->mutated && mutation <= BOTH ? mutation_orders[mutation] : s->order;
}
static bool torn(const model_site *s) { return s->mutated && mutation == TORN; }

/* ---- operations ---- */

void model_init(void *at, unsigned size, uint64_t v) {
    v = cut(v, size);
    put(at, size, v);
    if (!running) return;
    location *l = location_of(at, size);
    l->nstores = 0;
    l->nreads = 0;
    l->last_sc = -1;
    memset(l->fenced, 0, sizeof l->fenced);
    add_store(l, at, size, v, memory_order_relaxed, NULL);
}

uint64_t model_load(model_site *s, void *at, unsigned size) {
    if (!running) return get(at, size);
    int order = order_of(s);
    step();
    check_alive(s, at);
    location *l = location_of(at, size);
    uint32_t low = oldest(l, order == memory_order_seq_cst), back = 0;
    if (stale < scenario->stale) back = model_choose(l->nstores - low);
    stale += back != 0;
    uint32_t index = l->nstores - 1 - back;
    read_store(l, index, order);
    note(s, back ? "(old)" : "", at, l->stores[index].value);
    return l->stores[index].value;
}

void model_store(model_site *s, void *at, unsigned size, uint64_t v) {
    v = cut(v, size);
    if (!running) {
        put(at, size, v);
        return;
    }
    int order = order_of(s);
    step();
    check_alive(s, at);
    note(s, "", at, v);
    add_store(location_of(at, size), at, size, v, order, NULL);
}

static uint64_t changed(int op, uint64_t old, uint64_t v) {
    return op == MODEL_SWAP ? v : op == MODEL_ADD ? old + v : op == MODEL_SUB ? old - v : op == MODEL_OR ? old | v : old & v;
}

uint64_t model_rmw(model_site *s, int op, void *at, unsigned size, uint64_t v) {
    if (!running) {
        uint64_t old = get(at, size);
        put(at, size, cut(changed(op, old, v), size));
        return old;
    }
    int order = order_of(s);
    step();
    check_alive(s, at);
    location *l = location_of(at, size);
    uint32_t last = l->nstores - 1;
    uint64_t old = l->stores[last].value;
    read_store(l, last, order);
    note(s, "", at, old);
    if (torn(s)) step();
    add_store(l, at, size, cut(changed(op, old, v), size), order, &l->stores[last].released);
    return old;
}

bool model_cas(model_site *s, bool weak, void *at, unsigned size, uint64_t *expected, uint64_t v) {
    v = cut(v, size);
    *expected = cut(*expected, size);
    if (!running) {
        bool same = get(at, size) == *expected;
        if (same) put(at, size, v);
        else *expected = get(at, size);
        return same;
    }
    int order = order_of(s);
    step();
    check_alive(s, at);
    location *l = location_of(at, size);
    uint32_t last = l->nstores - 1;
    bool same = l->stores[last].value == *expected;
    if (same && weak && spurious < scenario->spurious && model_choose(2)) {
        spurious++;
        note(s, "(fails for no reason)", at, *expected);
        return false;
    }
    if (!same) { /* a failed one is a load, which may see something old, but not what was expected */
        uint32_t low = oldest(l, false), index = last;
        if (stale < scenario->stale && last > low) {
            index = last - model_choose(last - low + 1);
            if (l->stores[index].value == *expected) index = last;
            stale += index != last;
        }
        read_store(l, index, s->mutated && mutation == FAILURE ? memory_order_relaxed : s->failed);
        *expected = l->stores[index].value;
        note(s, "(fails)", at, *expected);
        return false;
    }
    read_store(l, last, order);
    note(s, "", at, v);
    if (torn(s)) step();
    add_store(l, at, size, cut(v, size), order, &l->stores[last].released);
    return true;
}

void model_fence(model_site *s) {
    if (!running) return;
    int order = order_of(s);
    thread *t = self();
    step();
    note(s, "", NULL, 0);
    tick();
    if (order == memory_order_relaxed) return;
    if (acquires(order)) join(&t->hb, &t->acquired);
    join(&t->visible, &t->hb);
    if (releases(order)) t->fence_released = t->hb;
    if (order != memory_order_seq_cst) return;
    join(&t->visible, &sc_visible);
    join(&sc_visible, &t->visible);
    for (uint32_t i = 0; i < nlocations; i++)
        if (locations[i].last_sc >= 0 && (uint32_t)locations[i].last_sc > locations[i].fenced[current])
            locations[i].fenced[current] = (uint32_t)locations[i].last_sc;
}

static lock *lock_of(const void *at) {
    for (uint32_t i = 0; i < nlocks; i++)
        if (locks[i].at == at) return &locks[i];
    if (nlocks == LOCATIONS) abort();
    locks[nlocks] = (lock){.at = at};
    return &locks[nlocks++];
}

static bool is_free(void *arg) { return !((lock *)arg)->taken; }

void model_lock(model_site *s, void *at) {
    if (!running) return;
    (void)order_of(s);
    check_alive(s, at);
    lock *l = lock_of(at);
    bool broken = torn(s);
    if (!broken) model_wait("takes a lock", is_free, l);
    else step(); /* the mutation: no lock */
    l->taken = true;
    tick();
    if (broken) return;
    join(&self()->hb, &l->released);
    join(&self()->visible, &self()->hb);
}

void model_unlock(model_site *s, void *at) {
    if (!running) return;
    (void)order_of(s);
    lock *l = lock_of(at);
    tick();
    if (!torn(s)) join(&l->released, &self()->hb);
    l->taken = false;
    step();
}

void model_give(const void *at) {
    if (running) join(&lock_of(at)->released, &self()->hb);
}
void model_take(const void *at) {
    if (!running) return;
    join(&self()->hb, &lock_of(at)->released);
    join(&self()->visible, &self()->hb);
}

/* ---- condition variables, threads that are made ---- */

static bool nobody_else(const thread *t) {
    static bool asking; /* two that may run out of time do not wait for each other */
    if (asking) return false;
    asking = true;
    bool any = false;
    for (uint32_t i = 0; i < nthreads; i++) any |= &threads[i] != t && able(i);
    asking = false;
    return !any;
}
static bool signalled(void *arg) { return !((thread *)arg)->cond; }
/* Time may run out whenever it is too late for nobody, and costs a preemption otherwise. */
static bool signalled_or_late(void *arg) {
    return signalled(arg) || preemptions < scenario->preemptions || nobody_else(arg);
}

bool model_cond_wait(model_site *s, const void *cond, void *mutex, bool timed) {
    if (!running) return false;
    (void)order_of(s);
    if (mutated_site >= 0) step(); /* only where locks fail is somebody there */
    lock *l = lock_of(mutex);
    thread *t = self();
    tick();
    join(&l->released, &t->hb);
    l->taken = false;
    t->cond = cond;
    model_wait(timed ? "sleeps for a time" : "sleeps", timed ? signalled_or_late : signalled, t);
    bool in_time = !t->cond;
    t->cond = NULL;
    preemptions += !in_time;
    model_wait("takes the lock again", is_free, l);
    l->taken = true;
    tick();
    join(&t->hb, &l->released);
    join(&t->visible, &t->hb);
    return in_time;
}

void model_cond_signal(model_site *s, const void *cond, bool all) {
    uint32_t asleep[MODEL_THREADS], n = 0;
    if (!running) return;
    (void)order_of(s);
    if (torn(s)) return; /* the mutation: nobody hears it */
    for (uint32_t i = 0; i < nthreads; i++)
        if (threads[i].cond == cond) asleep[n++] = i;
    if (!n) return;
    if (!all) asleep[0] = asleep[model_choose(n)], n = 1;
    for (uint32_t i = 0; i < n; i++) threads[asleep[i]].cond = NULL;
}

static struct { void *(*run)(void *); void *arg; } creations[MODEL_THREADS];

static bool is_born(void *arg) { return !((thread *)arg)->unborn; }
static bool is_over(void *arg) { return ((thread *)arg)->over; }

int model_create(void *(*run)(void *), void *arg, unsigned long *id) {
    for (uint32_t i = 0; running && i < nthreads; i++)
        if (threads[i].unborn) {
            creations[i].run = run, creations[i].arg = arg;
            threads[i].unborn = false;
            join(&threads[i].hb, &self()->hb);
            *id = i;
            step();
            return 0;
        }
    return 11; /* EAGAIN: the scenario has no more */
}
void model_created(void) {
    thread *t = self();
    model_wait("is made", is_born, t);
    join(&t->visible, &t->hb);
    creations[current].run(creations[current].arg);
}
void model_join(unsigned long id) {
    if (!running) return;
    model_wait("joins", is_over, &threads[id]);
    join(&self()->hb, &threads[id].hb);
    join(&self()->visible, &self()->hb);
}

static bool has_yielded(void *arg) {
    thread *t = arg;
    return steps > t->yielded || nobody_else(t);
}
void model_yield(void) {
    self()->yielded = steps + 1; /* its own step */
    model_wait("yields", has_yielded, self());
}

/* ---- ordinary memory ---- */

static plain *plain_of(const void *at) {
    for (uint32_t i = 0; i < nplains; i++)
        if (plains[i].at == at) return &plains[i];
    if (nplains == PLAIN) abort();
    plains[nplains] = (plain){.at = at};
    return &plains[nplains++];
}

static void check_written(const plain *p, const char *what) {
    if (p->written && p->writer != current && !knows(&self()->hb, p->writer, p->write_time))
        model_fail("race: %s after a write that is not ordered before it", what);
}

void model_read(const void *at, const char *what) {
    if (!running) return;
    plain *p = plain_of(at);
    check_written(p, what);
    p->read_time[current] = tick();
}

void model_write(const void *at, const char *what) {
    if (!running) return;
    plain *p = plain_of(at);
    check_written(p, what);
    for (uint32_t i = 0; i < nthreads; i++)
        if (i != current && !knows(&self()->hb, i, p->read_time[i]))
            model_fail("race: %s after a read that is not ordered before it", what);
    p->written = true;
    p->writer = current;
    p->write_time = tick();
}

void model_freed(const void *at, unsigned long size) {
    if (!running || nfreed == sizeof freed / sizeof *freed) return;
    freed[nfreed].from = (uintptr_t)at;
    freed[nfreed++].to = (uintptr_t)at + size;
}

/* ---- runs ---- */

static void thread_main(void) {
    uint32_t me = current;
    if (scenario->entered) scenario->entered(me);
    scenario->threads[me]();
    threads[me].over = true;
    int next = failed ? -1 : pick();
    if (next < 0) give_way();
    go_on((uint32_t)next);
}

static void reset(void) {
    running = failed = false;
    depth = preemptions = stale = spurious = steps = 0;
    nlocations = nlocks = nplains = nfreed = nevents = 0;
    current = 0;
    sc_visible = (stamps){{0}};
    for (nthreads = 0; nthreads < MODEL_THREADS && scenario->threads[nthreads]; nthreads++) {
        thread *t = &threads[nthreads];
        char *stack = t->stack ? t->stack : malloc(STACK);
        *t = (thread){.stack = stack, .unborn = scenario->threads[nthreads] == model_created};
        getcontext(&t->context);
        t->context.uc_stack.ss_sp = stack;
        t->context.uc_stack.ss_size = STACK;
        makecontext(&t->context, thread_main, 0);
    }
}

static void run_once(void) {
    reset();
    scenario->setup();
    running = true;
    int first = pick();
    if (!_setjmp(main_context)) go_on((uint32_t)first);
    running = false;
    if (failed) return;
    bool stuck = false;
    for (uint32_t i = 0; i < nthreads; i++) stuck |= !threads[i].over && !threads[i].unborn;
    scenario->check(stuck);
}

/* A run that follows a pointer to nowhere, as mutated ones do. */
static void crashed(int sig) {
    if (!running) _exit(128 + sig);
    failed = true;
    snprintf(failure, sizeof failure, "crash, signal %d", sig);
    longjmp(main_context, 1);
}

static void catch_crashes(void) {
    static char stack[64 << 10];
    struct sigaction a = {.sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}

/* Runs explored; 0 with `failed` set when one showed a bug. */
static uint32_t explore(const model_scenario *s) {
    uint32_t runs = 0;
    scenario = s;
    path_length = 0;
    do {
        run_once();
        if (failed) return 0;
        runs++;
    } while (next_path() && runs < RUNS);
    return runs;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The line of source at a site, or so many before it, as far as it can be read. */
static const char *source_line(uint32_t site, int before) {
    static char line[300];
    FILE *f = fopen(sites[site].file, "r");
    *line = 0;
    for (int n = 0; f && n < sites[site].line - before && fgets(line, sizeof line, f); n++) {}
    if (f) fclose(f);
    return line;
}

static bool matches(uint32_t site, const char *how, const model_mutation *m) {
    return !strcmp(base(sites[site].file), m->file) && !strcmp(sites[site].kind, m->kind) &&
           (!m->how || !strcmp(how, m->how)) && strstr(source_line(site, *m->code == '^'), m->code + (*m->code == '^'));
}

/* Weakens one site; true when some scenario notices, or nothing was promised. */
static bool mutate(uint32_t site, const model_plan *plan, const char *by) {
    const char *how = mutation_names[mutation];
    mutated_site = (int)site;
    mutation_run++;
    for (uint32_t i = 0; i < plan->nscenarios; i++) {
        if (by && strncmp(plan->scenarios[i].name, by, strlen(by))) continue;
        explore(&plan->scenarios[i]);
        if (!failed) continue;
        printf("     %s:%d %s %s: found by \"%s\": %s\n", base(sites[site].file), sites[site].line, sites[site].kind, how,
               scenario->name, failure);
        return true;
    }
    for (uint32_t i = 0; i < plan->nexcused; i++)
        if (matches(site, how, &plan->excused[i])) {
            printf("     %s:%d %s %s: not noticed, as it should be (%s)\n", base(sites[site].file), sites[site].line,
                   sites[site].kind, how, plan->excused[i].reason);
            return true;
        }
    printf("FAIL %s:%d %s %s: not noticed: %s", base(sites[site].file), sites[site].line, sites[site].kind, how, source_line(site, 0));
    return false;
}

static bool can_tear(const char *kind) { return strcmp(kind, "load") && strcmp(kind, "store") && strcmp(kind, "fence") && strcmp(kind, "unlock") && strcmp(kind, "sleep"); }
/* Whether the present mutation makes anything of the site, and something weaker. */
static bool applies(uint32_t i) {
    const char *kind = sites[i].kind;
    int order = sites[i].order;
    bool two = order == memory_order_acq_rel || order == memory_order_seq_cst, rmw = strcmp(kind, "load") && strcmp(kind, "store");
    if (mutation == TORN) return can_tear(kind);
    if (sites[i].order < 0) return false; /* locks, condition variables */
    if (mutation == FAILURE) return !strcmp(kind, "cas") && sites[i].failed != memory_order_relaxed;
    if (mutation == RELAXED) return order != memory_order_relaxed;
    if (mutation == BOTH) return order == memory_order_seq_cst && rmw;
    if (!rmw) return order == memory_order_seq_cst && !strcmp(kind, "load") == (mutation == ACQUIRE);
    return two;
}

static void count(bool ok, uint32_t totals[2]) { totals[!ok]++; }

static void explore_all(int argc, char **argv, const model_plan *plan, uint32_t totals[2]) {
    for (uint32_t i = 0; i < plan->nscenarios; i++) {
        bool wanted = argc < 2;
        for (int a = 1; a < argc; a++) wanted |= !strcmp(argv[a], plan->scenarios[i].name);
        if (!wanted) continue;
        double began = seconds();
        uint32_t runs = explore(&plan->scenarios[i]);
        if (failed) print_failure();
        else printf("%s %s: %u interleavings%s, %.1f s\n", runs == RUNS ? "FAIL" : "ok  ", scenario->name, runs,
                    runs == RUNS ? ", and there are more" : "", seconds() - began);
        count(!failed && runs < RUNS, totals);
    }
}

static void mutate_all(const model_plan *plan, uint32_t totals[2]) {
    uint32_t known = nsites;
    for (uint32_t i = 0; i < known; i++)
        for (mutation = RELAXED; mutation < MUTATIONS; mutation++)
            if (applies(i)) count(mutate(i, plan, NULL), totals);
}

static void mutate_wanted(const model_plan *plan, uint32_t totals[2]) {
    uint32_t known = nsites;
    for (uint32_t w = 0; w < plan->nwanted; w++) {
        bool found = false;
        for (uint32_t i = 0; i < known; i++)
            for (mutation = RELAXED; mutation < MUTATIONS; mutation++) {
                if (!applies(i) || !matches(i, mutation_names[mutation], &plan->wanted[w])) continue;
                count(mutate(i, plan, plan->wanted[w].by), totals);
                found = true;
            }
        if (!found) printf("FAIL no such site: %s %s: %s\n", plan->wanted[w].file, plan->wanted[w].how, plan->wanted[w].code);
        if (!found) count(false, totals);
    }
}

int model_main(int argc, char **argv, const model_plan *plan) {
    uint32_t totals[2] = {0, 0};
    if (!(locations = calloc(LOCATIONS, sizeof *locations))) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    catch_crashes();
    explore_all(argc, argv, plan, totals);
    if (argc < 2 && !totals[1]) (plan->nwanted ? mutate_wanted : mutate_all)(plan, totals);
    printf("%u passed, %u failed\n", totals[0], totals[1]);
    return totals[1] != 0;
}
