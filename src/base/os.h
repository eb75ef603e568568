/* What the engine asks of the operating system: pages, clocks, processors. Sizes are multiples of
 * rl_os_page, which is at most 64 KiB, as WebAssembly's pages are. */
#ifndef RL_OS_H
#define RL_OS_H


#include "src/base/base.h"

size_t rl_os_page(void); /* bytes of a page: 4096, or on some ARM kernels 16 or 64 KiB */

/* Address space without access or memory behind it. NULL when refused. */
void *rl_os_reserve(size_t size);
/* Makes reserved pages readable and writable (zero at first). */
bool rl_os_commit(void *p, size_t size);
/* Zero pages, readable and writable, memory taken only when touched. NULL when refused. */
void *rl_os_map(size_t size);
/* Grows a mapping of rl_os_map, possibly elsewhere; new pages are zero. NULL: refused, the old one stays. */
void *rl_os_remap(void *p, size_t size, size_t to);
/* Gives address space and memory back. */
void rl_os_unmap(void *p, size_t size);
/* The range is about to be filled and is long: large pages, if the system has them, save most of the page faults. */
void rl_os_large(void *p, size_t size);
/* The range (whole pages) is about to be written: takes its memory now, which spares the page faults. */
void rl_os_populate(void *p, size_t size);
/* Gives the memory back, keeps the (zero) pages. */
void rl_os_discard(void *p, size_t size);

/* Opens the directory whose absolute path are the first n bytes of a text; no part of it may be a link. A descriptor
 * (O_PATH), or -1 and errno. */
int rl_os_open_dir(const char *path, size_t n);

u64 rl_os_now_ns(void);        /* CLOCK_MONOTONIC                          */
u64 rl_os_thread_cpu_ns(void); /* CPU time of the calling thread           */
u64 rl_os_peak_bytes(void);    /* greatest resident size so far            */
unsigned rl_os_cores(void);    /* processors this process may use, >= 1    */
unsigned rl_os_quota(void);    /* processors' worth of time its control groups grant it, rounded up; UINT_MAX: any */

/* Sleeps while *word is `value`, until rl_os_wake or for no reason. */
void rl_os_wait(_Atomic u32 *word, u32 value);
void rl_os_wake(_Atomic u32 *word); /* all of them */

/* Inside a loop that waits for another core: gives way to the core's other thread. */
static inline void rl_os_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* yield is a no-op on most cores; this takes about as long as pause */
#endif
}

#endif
