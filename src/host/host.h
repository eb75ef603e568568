/* What a host function sees: its process, and ranges of guest memory.
 *
 * A host function is `RESULT rl_host_NAMESPACE_NAME(rl_host *h, PARAMS...)`, straight-line C on the worker's stack. It
 * ends by returning, or by rl_exec_park / rl_exec_trap / rl_exec_fail / rl_exec_nest on h->exec and returning anything
 * (see jit/exec.h). After a park it is called again with the same arguments: what it must remember is in h. */
#ifndef RL_HOST_H
#define RL_HOST_H

#include "jit/exec.h"
#include "jit/instance.h"
#include "jit/trap.h"

struct rl_wasi;
struct rl_watch;

/* First member of a process (src/proc.h embeds it), or stands alone in tests and in the embedding API. */
struct rl_host {
    rl_exec exec;
    /* from here one cache line */
    rl_instance *instance;   /* whose memory ranges refer to */
    struct rl_wasi *wasi;    /* files, arguments, environment; see src/host/wasi.h */
    /* Why the process waits, for whoever runs it; set before rl_exec_park. */
    struct {
        i64 deadline_ns;     /* CLOCK_MONOTONIC; INT64_MAX: none */
        int fd;              /* host descriptor that must become ready, or -1 */
        bool write;          /* for writing rather than reading */
        bool watch;          /* fd is a socket of ours, and word[3] its rl_watch (src/io.h) */
        bool yield;          /* only give way: runnable at once */
        bool retry;          /* set while the parked call has not finished: the call is being repeated */
        bool timed_out;      /* set by the waker: the deadline passed */
        u64 word[4];         /* the waiting function's own notes; zero at first call */
    } wait;
    void (*direct)(rl_host *h, const void *p, u64 n, bool write); /* see rl_host_direct; may be NULL */
};

/* To be called before n bytes of guest memory are handed to a system call, to be read or (write) written: until then some
 * of it may be opened only by a fault, which the kernel does not take for us. */
static inline void rl_host_direct(rl_host *h, const void *p, u64 n, bool write) {
    if (h->direct) h->direct(h, p, n, write);
}

static __attribute__((cold, noinline, unused)) void *rl_host_no_range(rl_host *h) {
    if (h->instance->host_memory) rl_exec_trap(&h->exec, RL_TRAP_MEMORY);
    else rl_exec_fail(&h->exec, "the module exports no memory named \"memory\"");
    return NULL;
}

/* [offset, offset+len) of the guest's memory, or NULL: rl_host_range says why. */
static inline void *rl_host_inside(const rl_host *h, u32 offset, u32 len) {
    const rl_instance *i = h->instance;
    return i->host_memory && (u64)offset + len <= i->mem_bound ? i->mem_base + offset : NULL;
}
/* [offset, offset+len) of the guest's memory, or NULL after raising RL_TRAP_MEMORY, or RL_TRAP_HOST when it exports none.
 * len 0 is valid up to and including the size. The pointer dies with the call. */
static inline void *rl_host_range(rl_host *h, u32 offset, u64 len) {
    const rl_instance *i = h->instance; /* its copies of memory 0's base and size */
    if (RL_UNLIKELY(!i->host_memory || (u64)offset + len > i->mem_bound || len > i->mem_bound)) return rl_host_no_range(h);
    return i->mem_base + offset;
}

/* Waits for fd (-1: none) or deadline_ns (INT64_MAX: none): return anything after it, and the function is called again.
 * wait.word and wait.retry stay until rl_host_done. */
static inline void rl_host_park(rl_host *h, int fd, bool write, i64 deadline_ns) {
    h->wait.fd = fd;
    h->wait.watch = false;
    h->wait.write = write;
    h->wait.deadline_ns = deadline_ns;
    h->wait.yield = false;
    h->wait.timed_out = false;
    h->wait.retry = true;
    rl_exec_park(&h->exec);
}

/* The same for a socket of ours; it stays as long as the process waits. */
static inline void rl_host_park_watch(rl_host *h, struct rl_watch *watch, int fd, bool write, i64 deadline_ns) {
    rl_host_park(h, fd, write, deadline_ns);
    h->wait.watch = true;
    h->wait.word[3] = (u64)(uintptr_t)watch;
}

/* Gives way once: runnable at once, behind the others. */
static inline void rl_host_yield(rl_host *h) {
    rl_host_park(h, -1, false, INT64_MAX);
    h->wait.yield = true;
}

/* Every way out of a function that may have parked, but the next park: the notes are the next function's. */
static inline void rl_host_done(rl_host *h) {
    if (!h->wait.retry) return;
    h->wait.retry = h->wait.timed_out = h->wait.yield = false;
    h->wait.fd = -1;
    h->wait.deadline_ns = INT64_MAX;
    memset(h->wait.word, 0, sizeof h->wait.word);
}

#endif
