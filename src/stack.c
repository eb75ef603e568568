/* Guest stacks. Invariant: a slot is in use or in the free list, last in, first out, so that warm pages are used again;
 * a mapping is given back only at the end. A slot costs the pages that were ever touched: one for most processes. When
 * very many slots are free, their pages go back to the kernel. The worker's thread. Stacks made by mmap one by one were
 * not taken: a mapping each exhausts vm.max_map_count at 32,000 processes. Growing in chained segments (a small stride
 * for all, more for those who recurse) needs the prologue's help and is left to the engine. */
#include "src/stack.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "src/base/os.h"

#define KEEP_WARM 4096u /* free slots whose pages are kept */
#define SHALLOW 16384u  /* bytes of a slot that are kept in any case */

struct rl_stack_map {
    struct rl_stack_map *next;
    u8 *base;
    u32 count, used; /* slots, slots handed out at least once */
};

void rl_stacks_init(rl_stacks *s, size_t size) {
    *s = (rl_stacks){ .size = rl_align(RL_MAX(size, (size_t)2 * SHALLOW), RL_OS_PAGE), .next_count = 64 };
}

void rl_stacks_fini(rl_stacks *s) {
    while (s->maps) {
        struct rl_stack_map *m = s->maps;
        s->maps = m->next;
        rl_os_unmap(m->base, m->count * s->size);
        free(m);
    }
    *s = (rl_stacks){ 0 };
}

static void **top_word(rl_stacks *s, void *stack) { return (void **)((u8 *)stack + s->size) - 1; }

static struct rl_stack_map *map_more(rl_stacks *s) {
    struct rl_stack_map *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->count = s->next_count;
    while (!(m->base = rl_os_map(m->count * s->size)))
        if (!(m->count /= 2)) {
            free(m);
            return NULL;
        }
    madvise(m->base, m->count * s->size, MADV_NOHUGEPAGE); /* a slot is meant to cost one small page */
    s->next_count = RL_MIN(s->next_count * 2, 65536u);
    m->next = s->maps;
    s->maps = m;
    return m;
}

void *rl_stack_get(rl_stacks *s) {
    void *stack = s->free;
    if (stack) {
        s->free = *top_word(s, stack);
        s->nfree--;
    } else {
        struct rl_stack_map *m = s->maps && s->maps->used < s->maps->count ? s->maps : map_more(s);
        if (!m) return NULL;
        stack = m->base + m->used++ * s->size;
    }
    s->in_use++;
    return stack;
}

/* Whether frames went deeper than SHALLOW: those that did left return addresses behind. */
static bool was_deep(const rl_stacks *s, const void *stack) {
    const u64 *w = (const u64 *)((const u8 *)stack + s->size - SHALLOW);
    u64 any = 0;
    for (u32 i = 0; i < 64; i++) any |= w[i];
    return any;
}

void rl_stack_put(rl_stacks *s, void *stack) {
    if (!stack) return;
    s->in_use--;
    if (s->nfree >= KEEP_WARM) rl_os_discard(stack, s->size - RL_OS_PAGE);
    else if (was_deep(s, stack)) rl_os_discard(stack, s->size - SHALLOW + RL_OS_PAGE);
    *top_word(s, stack) = s->free;
    s->free = stack;
    s->nfree++;
}
