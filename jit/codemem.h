/* Executable address space: one reservation for the whole process, handed out in granules of 1 MiB. */
#ifndef RL_CODEMEM_H
#define RL_CODEMEM_H

#include "src/base/err.h"

#define RL_CODEMEM_GRANULE ((size_t)1 << 20)

/* A range of at least `size` bytes, inside which code can be written once and then run. rl_codemem_owner finds `owner`
 * by any address in it. NULL when address space is out. Thread-safe. */
u8 *rl_codemem_alloc(size_t size, void *owner);
void rl_codemem_free(u8 *at, size_t size);
/* Bytes every rl_codemem_write must start at a multiple of: 64, or a page where pages have to change protection. */
size_t rl_codemem_grain(void);
/* Copies finished code to fresh memory of a range. False: out of memory. */
bool rl_codemem_write(u8 *at, const void *code, size_t size);
/* The other way to fill a range, for much code at once: makes all of it ordinary writable memory, nothing of which can be
 * run; then, when everything is in place, the other way round. rl_codemem_write is not for such a range. */
bool rl_codemem_open(u8 *at, size_t size);
bool rl_codemem_seal(u8 *at, size_t used, size_t size);
/* Async-signal-safe. NULL outside of every range. */
void *rl_codemem_owner(const void *pc);

#endif
