/* A deterministic explorer of interleavings: runs a scenario of a few threads over the real code in every order, within
 * bounds, and lets loads see every value the C memory model allows. See model.c. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stdint.h>

/* A place in the code with an atomic operation. */
typedef struct model_site {
    const char *file;
    int line;
    const char *kind;
    int order, failed; /* memory_order; of a failing compare-and-swap */
    uint32_t seen;/* run in which it was looked up */
    bool mutated;
} model_site;

enum { MODEL_SWAP, MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND };

/* ---- what the shim makes of the code's atomics ---- */
void model_init(void *at, unsigned size, uint64_t v);
uint64_t model_load(model_site *s, void *at, unsigned size);
void model_store(model_site *s, void *at, unsigned size, uint64_t v);
uint64_t model_rmw(model_site *s, int op, void *at, unsigned size, uint64_t v);
bool model_cas(model_site *s, bool weak, void *at, unsigned size, uint64_t *expected, uint64_t v);
void model_fence(model_site *s);
void model_lock(model_site *s, void *lock);
void model_unlock(model_site *s, void *lock);
/* False: it was late. */
bool model_cond_wait(model_site *s, const void *cond, void *mutex, bool timed);
void model_cond_signal(model_site *s, const void *cond, bool all);
int model_create(void *(*run)(void *), void *arg, unsigned long *id);
void model_join(unsigned long id);
/* Inside a loop that waits for others: they go on first. */
void model_yield(void);

/* ---- for scenarios ---- */

#define MODEL_THREADS 4

typedef struct model_scenario {
    const char *name;
    void (*setup)(void);                   /* makes everything anew; not explored */
    void (*threads[MODEL_THREADS])(void);
    void (*check)(bool stuck);             /* at the end; stuck: the threads left wait for each other */
    void (*entered)(uint32_t thread);      /* called whenever a thread goes on, or NULL: for what is a thread's own */
    uint32_t preemptions, stale, spurious; /* most in one run: switches away from a thread that could go on, loads of an
                                              older value, weak compare-and-swaps failing without reason */
} model_scenario;

/* The body of a scenario's thread that the code under test makes: it begins then, or never. */
void model_created(void);
/* Which thread this is. */
uint32_t model_thread(void);
/* Waits until ready(arg); a step of its own. */
void model_wait(const char *what, bool (*ready)(void *arg), void *arg);
/* One of 0..n-1: all are tried. */
uint32_t model_choose(uint32_t n);
/* Ordinary accesses of what `at` stands for; two that are not ordered, one of them a write, are a race. */
void model_write(const void *at, const char *what);
void model_read(const void *at, const char *what);
/* Hands over, and takes over, what the scenario's own means order (a run queue it does without). */
void model_give(const void *at);
void model_take(const void *at);
/* Atomic operations on [at, at + size) are failures from now on: it was freed. */
void model_freed(const void *at, unsigned long size);
/* The run shows a bug. Does not return inside a thread. */
void model_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define model_expect(c) ((c) ? (void)0 : model_fail("%s:%d: not so: %s", __FILE__, __LINE__, #c))

/* A mutation of one site, told by a part of its line, or, behind a ^, of the line before; how NULL: all of them. by: how the names
 * of the scenarios begin that may notice it; NULL: any. */
typedef struct model_mutation { const char *file, *kind, *how, *code, *reason, *by; } model_mutation;

/* Explores all scenarios; then weakens sites, one at a time, and wants some scenario to fail.
 *   PROGRAM             both
 *   PROGRAM NAME...     only these scenarios, unmutated */
typedef struct model_plan {
    const model_scenario *scenarios;
    uint32_t nscenarios;
    const model_mutation *wanted;  /* the mutations to try; none: every one of every site reached, but for: */
    uint32_t nwanted;
    const model_mutation *excused; /* those that change nothing that is promised, and why */
    uint32_t nexcused;
} model_plan;
int model_main(int argc, char **argv, const model_plan *plan);

#endif
