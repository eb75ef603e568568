/* Owns nothing: thin functions over Linux system calls, so that the rest of the tree names no operating system. Any
 * thread may call any of them. A second system is a second file of this shape, not an #ifdef in here. */
#include "src/base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

size_t rl_os_page(void) {
    static _Atomic size_t page; /* relaxed: whoever asks first writes what everybody would */
    size_t n = atomic_load_explicit(&page, memory_order_relaxed);
    if (!n) atomic_store_explicit(&page, n = getauxval(AT_PAGESZ), memory_order_relaxed);
    return n;
}

static void *map(size_t size, int prot) {
    void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void *rl_os_reserve(size_t size) { return map(size, PROT_NONE); }

bool rl_os_commit(void *p, size_t size) { return size == 0 || mprotect(p, size, PROT_READ | PROT_WRITE) == 0; }

void *rl_os_map(size_t size) { return map(size, PROT_READ | PROT_WRITE); }

void *rl_os_remap(void *p, size_t size, size_t to) {
    void *q = mremap(p, size, to, MREMAP_MAYMOVE);
    return q == MAP_FAILED ? NULL : q;
}

void rl_os_unmap(void *p, size_t size) {
    if (p && size) rl_assert(munmap(p, size) == 0);
}

void rl_os_large(void *p, size_t size) {
    uintptr_t from = rl_align((uintptr_t)p, rl_os_page()), to = ((uintptr_t)p + size) & ~(uintptr_t)(rl_os_page() - 1);
    if (to > from) madvise((void *)from, to - from, MADV_HUGEPAGE); /* refused: only slower */
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void rl_os_populate(void *p, size_t size) {
    if (size) madvise(p, size, MADV_POPULATE_WRITE); /* refused: only slower */
}

void rl_os_discard(void *p, size_t size) {
    if (size) madvise(p, size, MADV_DONTNEED);
}

static u64 clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

u64 rl_os_now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
u64 rl_os_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

u64 rl_os_peak_bytes(void) {
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u)) return 0;
    return (u64)u.ru_maxrss * 1024;
}

unsigned rl_os_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set)) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

/* The quota of the control group whose path are the first n bytes of a text. */
static unsigned quota_of(const char *path, int n) {
    char name[PATH_MAX + 40];
    unsigned long long quota, period;
    snprintf(name, sizeof name, "/sys/fs/cgroup%.*s/cpu.max", n, path);
    FILE *f = fopen(name, "re");
    bool any = f && fscanf(f, "%llu %llu", &quota, &period) == 2 && period; /* else "max", or no such file */
    if (f) fclose(f);
    return any ? (unsigned)RL_MIN(RL_MAX((quota + period - 1) / period, 1ull), (unsigned long long)UINT_MAX) : UINT_MAX;
}

unsigned rl_os_quota(void) {
    char path[PATH_MAX];
    unsigned least = UINT_MAX;
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f || fscanf(f, "0::%4095s", path) != 1) path[0] = 0; /* not the unified hierarchy */
    if (f) fclose(f);
    for (int n = (int)strlen(path); n > 0; n--)
        if (n == (int)strlen(path) || path[n] == '/') least = RL_MIN(least, quota_of(path, n));
    return RL_MIN(least, quota_of("", 0));
}

void rl_os_wait(_Atomic u32 *word, u32 value) { syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0); }
void rl_os_wake(_Atomic u32 *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0); }

static size_t past_slashes(const char *path, size_t at, size_t n) {
    while (at < n && path[at] == '/') at++;
    return at;
}

int rl_os_open_dir(const char *path, size_t n) {
    char part[NAME_MAX + 2];
    int dir = AT_FDCWD;
    size_t at = past_slashes(path, 0, n);
    do {
        size_t from = dir == AT_FDCWD ? at - 1 : at; /* the first keeps its slash: it is the root's */
        while (at < n && path[at] != '/') at++;
        int next = -1;
        if (at - from < sizeof part) {
            memcpy(part, path + from, at - from);
            part[at - from] = 0;
            next = openat(dir, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        } else {
            errno = ENAMETOOLONG;
        }
        if (dir >= 0) close(dir);
        dir = next;
        at = past_slashes(path, at, n);
    } while (dir >= 0 && at < n);
    return dir;
}
