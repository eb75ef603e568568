/* Owns the memory native code lives in: one sparse memfd mapped read-execute only, written through its descriptor, so
 * no page is ever writable and executable in this process and publishing costs one system call. Any thread may call;
 * `lock` guards the hand-out, `owners` is written under it and read without (also by the fault handler). Where a memfd
 * is refused, anonymous pages flip from writable to executable before they are published. A module compiled whole is
 * written in place instead: to private memory over a part of the range, which becomes executable when it is complete.
 * Not taken: a range per module, and so a search by address in the fault handler. */
#include "jit/codemem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jit/engine.h"
#include "src/base/once.h"
#include "src/base/os.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

/* x86-64 keeps instruction fetch coherent with stores. */
#if defined(__x86_64__)
enum { needs_maintenance = 0 };
#else
enum { needs_maintenance = 1 };
#endif

#define MAX_GRANULES 65536u /* 64 GiB */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rl_once once = RL_ONCE_INIT;
static u8 *arena;      /* NULL: nothing could be reserved */
static u32 ngranules;
static int fd = -1;    /* memfd, or -1: pages flip */
static u32 hint;       /* below it every granule is taken */
/* owner of each granule; release stores pair with the acquire in rl_codemem_owner */
static _Atomic(void *) owners[MAX_GRANULES];

static bool open_memfd(size_t size) {
    if (getenv("RILLE_NO_MEMFD")) return false; /* for tests of the other way */
    fd = memfd_create("rille-code", MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0) fd = memfd_create("rille-code", MFD_CLOEXEC);
    if (fd < 0) return false;
    if (ftruncate(fd, (off_t)size) == 0) {
        void *p = mmap(NULL, size, rl_engine_code_prot(), MAP_SHARED | MAP_NORESERVE, fd, 0);
        if (p != MAP_FAILED) {
            arena = p;
            return true;
        }
    }
    close(fd);
    fd = -1;
    return false;
}

static rl_err reserve(void) {
    for (u32 n = MAX_GRANULES; n >= 256 && !arena; n /= 8) {
        ngranules = n;
        if (!open_memfd(n * RL_CODEMEM_GRANULE)) arena = rl_os_reserve(n * RL_CODEMEM_GRANULE);
    }
    return arena ? RL_OK : RL_ERR_NOMEM;
}

size_t rl_codemem_grain(void) {
    rl_once_run(&once, reserve);
    return fd >= 0 ? 64 : rl_os_page();
}

static u32 granules(size_t size) { return (u32)((size + RL_CODEMEM_GRANULE - 1) / RL_CODEMEM_GRANULE); }

/* First run of n free granules, or ngranules. */
static u32 find_run(u32 n) {
    u32 run = 0;
    for (u32 i = hint; i < ngranules; i++) {
        run = atomic_load_explicit(&owners[i], memory_order_relaxed) ? 0 : run + 1;
        if (run == n) return i + 1 - n;
    }
    return ngranules;
}

u8 *rl_codemem_alloc(size_t size, void *owner) {
    rl_once_run(&once, reserve);
    u32 n = granules(size);
    if (!arena || !n || n > ngranules) return NULL;
    pthread_mutex_lock(&lock);
    u32 at = find_run(n);
    if (at < ngranules) {
        /* release: pairs with the acquire in rl_codemem_owner */
        for (u32 i = at; i < at + n; i++) atomic_store_explicit(&owners[i], owner, memory_order_release);
        if (at == hint) hint = at + n;
    }
    pthread_mutex_unlock(&lock);
    return at < ngranules ? arena + at * RL_CODEMEM_GRANULE : NULL;
}

/* Nothing of the range can be written or run, and it takes no memory; false: still as it was. */
static bool blank(u8 *at, size_t size) {
    if (fd < 0) {
        if (mprotect(at, size, PROT_NONE)) return false;
        rl_os_discard(at, size);
        return true;
    }
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at - arena, (off_t)size)) return false;
    return mmap(at, size, rl_engine_code_prot(), MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, at - arena) != MAP_FAILED;
}

bool rl_codemem_open(u8 *at, size_t size) {
    if (fd < 0) return rl_os_commit(at, size);
    return mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

void rl_codemem_free(u8 *at, size_t size) {
    if (!at) return;
    u32 first = (u32)((size_t)(at - arena) / RL_CODEMEM_GRANULE), n = granules(size);
    if (!blank(at, n * RL_CODEMEM_GRANULE)) { /* refused for want of memory: this range stays taken */
        rl_os_discard(at, n * RL_CODEMEM_GRANULE);
        return;
    }
    pthread_mutex_lock(&lock);
    /* release: pairs with the acquire in rl_codemem_owner */
    for (u32 i = first; i < first + n; i++) atomic_store_explicit(&owners[i], NULL, memory_order_release);
    hint = RL_MIN(hint, first);
    pthread_mutex_unlock(&lock);
}

static bool flip_write(u8 *at, const void *code, size_t size) {
    size_t whole = rl_align(size, rl_os_page());
    if (mprotect(at, whole, PROT_READ | PROT_WRITE)) return false;
    memcpy(at, code, size);
    return mprotect(at, whole, rl_engine_code_prot()) == 0;
}

static bool copy_write(u8 *at, const void *code, size_t size) {
    const u8 *from = code;
    while (size) {
        ssize_t n = pwrite(fd, from, size, at - arena);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        from += n;
        size -= (size_t)n;
    }
    return true;
}

/* Makes fresh code visible to instruction fetch on every core, before anybody is told its address. Where the machine
 * does that by itself, nothing is done. The barrier makes cores that run threads of this process drop what they have
 * fetched ahead; a kernel without it is older than the cores that need it. */
static void synchronise(u8 *at, size_t size) {
    static _Atomic bool registered;
    if (!needs_maintenance) return;
    __builtin___clear_cache((char *)at, (char *)at + size);
    if (!atomic_load_explicit(&registered, memory_order_relaxed)) { /* twice does no harm */
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
        atomic_store_explicit(&registered, true, memory_order_relaxed);
    }
    syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0);
}

bool rl_codemem_seal(u8 *at, size_t used, size_t size) {
    size_t whole = rl_align(used, rl_os_page());
    if (whole < size) {
        if (mprotect(at + whole, size - whole, PROT_NONE)) return false;
        rl_os_discard(at + whole, size - whole);
    }
    if (whole && mprotect(at, whole, rl_engine_code_prot())) return false;
    synchronise(at, used);
    return true;
}

bool rl_codemem_write(u8 *at, const void *code, size_t size) {
    rl_check((size_t)(at - arena) % rl_codemem_grain() == 0);
    if (!size) return true; /* a module without functions; qemu-user refuses to protect nothing */
    bool ok = fd < 0 ? flip_write(at, code, size) : copy_write(at, code, size);
    if (ok) synchronise(at, size);
    return ok;
}

void *rl_codemem_owner(const void *pc) {
    size_t at = (size_t)((uintptr_t)pc - (uintptr_t)arena);
    if (!arena || at >= ngranules * RL_CODEMEM_GRANULE) return NULL;
    /* acquire: pairs with the release of whoever gave the range its owner */
    return atomic_load_explicit(&owners[at / RL_CODEMEM_GRANULE], memory_order_acquire);
}
