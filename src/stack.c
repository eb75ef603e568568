/* Guest stacks. Invariant: a slot is in use, in the free list, or in a worker's cache, both last in, first out, so that
 * warm pages are used again; a mapping is given back only at the end. A slot costs the pages that were ever touched: one
 * for most processes. When very many slots are free, the others' pages go back to the kernel. Any worker: its cache is its own,
 * the rest is locked. A runtime has two sets: small slots, where processes begin
 * (64 KiB apart, so a page of page tables serves 32 of them; a megabyte apart it serves two, 2 KB each), and slots of the
 * greatest size, to which the engine moves the frames of a process that needs more (rl_stack_more in jit/exec.h): a
 * stack stays one piece, so walks, traps and nested calls know nothing of it. Not taken: a mapping each, which exhausts
 * vm.max_map_count at 32,000 processes; chained segments, where a call in a loop may cross from one to the next every
 * time, arguments and results on the stack must be copied at each crossing, and every walk has to follow the chain. */
#include "src/stack.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "src/base/os.h"

#define KEEP_WARM 16384u
#define FEW_BYTES (4u << 20) /* of free slots that keep their pages however long nothing happens */
#define SHALLOW 16384u  /* bytes of a slot that are kept in any case */

struct rl_stack_map {
    struct rl_stack_map *next;
    u8 *base;
    u32 count, used; /* slots, slots handed out at least once */
    u32 ncold, cold[]; /* numbers of slots that were given back whole */
};

void rl_stacks_init(rl_stacks *s, size_t size) {
    size_t page = rl_os_page();
    *s = (rl_stacks){ .size = rl_align(RL_MAX(size, (size_t)2 * SHALLOW), page), .page = page, .next_count = 64, .keep = KEEP_WARM };
    pthread_mutex_init(&s->lock, NULL);
}

void rl_stacks_fini(rl_stacks *s) {
    while (s->maps) {
        struct rl_stack_map *m = s->maps;
        s->maps = m->next;
        rl_os_unmap(m->base, m->count * s->size);
        free(m);
    }
    if (s->size) pthread_mutex_destroy(&s->lock);
    *s = (rl_stacks){ 0 };
}

static void **top_word(rl_stacks *s, void *stack) { return (void **)((u8 *)stack + s->size) - 1; }

static struct rl_stack_map *map_more(rl_stacks *s) {
    struct rl_stack_map *m = malloc(sizeof *m + s->next_count * sizeof m->cold[0]);
    if (!m) return NULL;
    *m = (struct rl_stack_map){ .count = s->next_count };
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

/* Under the lock: a free slot, or a new one. */
static void *take(rl_stacks *s) {
    void *stack = s->free;
    if (stack) {
        s->free = *top_word(s, stack);
        if (--s->nfree < s->low) s->low = s->nfree;
        return stack;
    }
    struct rl_stack_map *m = s->ncold ? s->maps : NULL;
    while (m && !m->ncold) m = m->next;
    if (m) {
        s->ncold--;
        return m->base + m->cold[--m->ncold] * s->size;
    }
    m = s->maps && s->maps->used < s->maps->count ? s->maps : map_more(s);
    return m ? m->base + m->used++ * s->size : NULL;
}

u64 rl_stacks_used(rl_stacks *s) {
    u64 n = 0;
    pthread_mutex_lock(&s->lock);
    for (struct rl_stack_map *m = s->maps; m; m = m->next) n += m->used;
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* Takes some for c: free ones, and a new one when there are none. */
static void refill(rl_stack_cache *c) {
    rl_stacks *s = c->all;
    pthread_mutex_lock(&s->lock);
    do {
        void *stack = take(s);
        if (!stack) break;
        c->stacks[c->n++] = stack;
    } while (c->n < RL_STACK_CACHE / 2 && s->nfree);
    pthread_mutex_unlock(&s->lock);
}

void *rl_stack_get(rl_stack_cache *c) {
    if (!c->n) refill(c);
    return c->n ? c->stacks[--c->n] : NULL;
}

static bool any(const u64 *words, u32 n) {
    u64 all = 0;
    for (u32 i = 0; i < n; i++) all |= words[i];
    return all;
}

/* Whether frames went deeper than `kept`: those that did left return addresses behind, there and at the lower end of the
 * topmost page, which is looked at first because it is there in any case. */
static bool was_deep(const rl_stacks *s, void *stack, size_t kept) {
    u64 *page = (u64 *)((u8 *)stack + s->size - s->page);
    if (!any(page, 64)) return false;
    memset(page, 0, 64 * sizeof *page);
    return any((const u64 *)((const u8 *)stack + s->size - kept), 64);
}

void rl_stack_trim(const rl_stacks *s, void *stack) {
    size_t kept = RL_MAX((size_t)SHALLOW, 2 * s->page);
    if (s->size > kept && was_deep(s, stack, kept)) rl_os_discard(stack, s->size - kept + s->page);
}

static int by_address(const void *a, const void *b) {
    const u8 *x = *(u8 *const *)a, *y = *(u8 *const *)b;
    return x < y ? -1 : x > y;
}

/* n stacks, in ascending order: neighbours, as processes that were spawned together often are, go in one system call. */
static void cool(rl_stacks *s, u8 **stacks, u32 n) {
    qsort(stacks, n, sizeof *stacks, by_address);
    for (u32 i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && stacks[i + run] == stacks[i] + run * s->size; run++) {}
        rl_os_discard(stacks[i], run * s->size);
    }
    for (u32 i = 0; i < n; i++) {
        struct rl_stack_map *m = s->maps;
        while (stacks[i] < m->base || stacks[i] >= m->base + m->count * s->size) m = m->next;
        m->cold[m->ncold++] = (u32)((size_t)(stacks[i] - m->base) / s->size);
    }
    s->ncold += n;
}

static u32 few(const rl_stacks *s) { return (u32)(FEW_BYTES / s->size); }

bool rl_stacks_full(rl_stacks *s) {
    pthread_mutex_lock(&s->lock);
    bool full = s->nfree > few(s);
    pthread_mutex_unlock(&s->lock);
    return full;
}

void rl_stacks_mark(rl_stacks *s) {
    pthread_mutex_lock(&s->lock);
    s->low = s->nfree;
    pthread_mutex_unlock(&s->lock);
}

bool rl_stacks_trim(rl_stacks *s) {
    u8 *stacks[RL_STACK_CACHE];
    u32 n = 0;
    pthread_mutex_lock(&s->lock);
    while (n < RL_STACK_CACHE && s->low && s->nfree > few(s)) {
        stacks[n] = s->free;
        s->free = *top_word(s, stacks[n++]);
        s->nfree--;
        s->low--;
    }
    if (n) cool(s, stacks, n);
    pthread_mutex_unlock(&s->lock);
    return n == RL_STACK_CACHE;
}

static void give_back(rl_stack_cache *c) {
    rl_stacks *s = c->all;
    pthread_mutex_lock(&s->lock);
    u32 n = c->n -= RL_STACK_CACHE / 2;
    if (s->nfree >= s->keep) {
        cool(s, (u8 **)(c->stacks + n), RL_STACK_CACHE / 2);
    } else {
        for (u32 i = n; i < n + RL_STACK_CACHE / 2; i++) {
            *top_word(s, c->stacks[i]) = s->free;
            s->free = c->stacks[i];
            s->nfree++;
        }
    }
    pthread_mutex_unlock(&s->lock);
}

void rl_stack_put(rl_stack_cache *c, void *stack) {
    if (!stack) return;
    rl_stack_trim(c->all, stack);
    if (c->n == RL_STACK_CACHE) give_back(c);
    c->stacks[c->n++] = stack;
}
