/* Pooled linear memories. A slot is clean (reads as zero), in use, or free and dirty; slots lie in groups of up to 32
 * neighbours, groups in chunks that are one mapping each. Invariant: nothing a tenant wrote is left in a slot when it is
 * handed out again. Which pages were written is asked of the kernel, for all dirty slots of a group in one call, when no
 * clean slot is at hand: that makes it a small part of a microsecond per slot, and the pages stay resident, so the next
 * tenant takes no faults. After a crowd has died, groups of which every slot is free go back to the kernel, a system call
 * for 32 slots. The worker's thread, and those of workers where its tenants end, under a lock. Write-protecting
 * to learn what is dirty was not taken: it costs a fault per page; clearing whole slots neither: most of a slot was never
 * touched. */
#include "src/slot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "src/base/os.h"
#include "src/lock.h"

#define KEEP_BYTES (256u << 10) /* pages a free slot keeps; with more, all are given back */
#define KEEP_SLOTS 16384u       /* dirty free slots a class keeps; with more, whole groups are given back */
#define KEEP_SPACE (2ull << 30) /* nor more than lie in this many bytes of address space */

static const u64 sizes[RL_SLOT_CLASSES] = { 64u << 10, 256u << 10, 512u << 10, 1280u << 10, 4u << 20, 16u << 20, 64u << 20 };

typedef struct rl_slot_group {
    struct rl_slot_group *next_ready, *next_dirty;
    u8 *base;
    struct rl_slot_class *class;
    u32 clean, dirty; /* bit per slot; neither: in use */
    u32 warm;         /* may have pages: was handed out since all were given back */
    bool in_ready, in_dirty;
} rl_slot_group;

typedef struct rl_slot_chunk {
    struct rl_slot_chunk *next;
    u8 *base;
    u64 bytes;
    u32 ngroups;
    rl_slot_group groups[];
} rl_slot_chunk;

/* ---- asking the kernel: linux/fs.h from 6.7 on, spelled out because build machines may have older headers ---- */

struct page_region { u64 start, end, categories; };
struct pm_scan_arg {
    u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask, category_anyof_mask,
        return_mask;
};
#define PAGE_PRESENT (1u << 3)
#define PAGE_SWAPPED (1u << 4)
#define PAGE_ZERO (1u << 5) /* the shared page of zeros: was only read */
#define SCAN _IOWR('f', 16, struct pm_scan_arg)

/* ---- cleaning ---- */

/* The pages of [from, to), which lie in one slot, hold something. */
static void clear_pages(struct rl_slot_class *c, u8 *from, u8 *to, bool swapped) {
    if (swapped || to - from > (ptrdiff_t)KEEP_BYTES) {
        rl_os_discard(from, (size_t)(to - from));
        return;
    }
    memset(from, 0, (size_t)(to - from));
    c->kept += (u64)(to - from) / rl_os_page();
}

/* Clears what lies in dirty slots of [from, to), a run of pages that are there. */
static void clear_region(rl_slot_group *g, u8 *from, u8 *to, bool swapped) {
    u64 size = g->class->size;
    while (from < to) {
        u32 slot = (u32)((u64)(from - g->base) / size);
        u8 *end = RL_MIN(to, g->base + (slot + 1) * size);
        if (g->dirty >> slot & 1) clear_pages(g->class, from, end, swapped);
        from = end;
    }
}

/* Clears by PAGEMAP_SCAN. False: not to be had. */
static bool scan(rl_slots *s, rl_slot_group *g, u8 *from, u8 *to) {
    struct page_region found[256];
    while (from < to) {
        struct pm_scan_arg a = { .size = sizeof a, .start = (u64)from, .end = (u64)to, .vec = (u64)found,
                                 .vec_len = RL_LEN(found), .category_anyof_mask = PAGE_PRESENT | PAGE_SWAPPED,
                                 .return_mask = PAGE_PRESENT | PAGE_SWAPPED | PAGE_ZERO };
        long n = ioctl(s->pagemap, SCAN, &a);
        s->scans++;
        if (n < 0) return false;
        for (long i = 0; i < n; i++)
            if (!(found[i].categories & PAGE_ZERO))
                clear_region(g, (u8 *)found[i].start, (u8 *)found[i].end, found[i].categories & PAGE_SWAPPED);
        from = (u8 *)a.walk_end;
    }
    return true;
}

/* Whether the page map shows a page that is certainly there: it does not where something between us and the kernel has
 * another idea of pages, and a map that tells nothing would leave everything uncleared. */
static bool map_shows(const rl_slots *s, size_t page) {
    u64 word = 0;
    return pread(s->pagemap, &word, sizeof word, (off_t)((u64)&word / page * 8)) == sizeof word && word >> 63;
}

/* Clears by reading the page map word by word. False: not to be had. */
static bool read_map(rl_slots *s, rl_slot_group *g, u8 *from, u8 *to) {
    u64 words[512];
    size_t page = rl_os_page();
    if (!map_shows(s, page)) return false;
    while (from < to) {
        size_t pages = RL_MIN((size_t)(to - from) / page, RL_LEN(words));
        s->scans++;
        if (pread(s->pagemap, words, pages * 8, (off_t)((u64)from / page * 8)) != (ssize_t)(pages * 8)) return false;
        for (size_t i = 0; i < pages; i++)
            if (words[i] >> 62) clear_region(g, from + i * page, from + (i + 1) * page, words[i] >> 62 == 1);
        from += pages * page;
    }
    return true;
}

static void discard_all(rl_slot_group *g) {
    for (u32 d = g->dirty; d; d &= d - 1) rl_os_discard(g->base + (u32)__builtin_ctz(d) * g->class->size, g->class->size);
}

/* Invariant builds look at every byte. */
static void verify(const rl_slot_group *g) {
#ifdef RL_INVARIANTS
    for (u32 d = g->dirty; d; d &= d - 1) {
        const u64 *w = (const u64 *)(g->base + (u32)__builtin_ctz(d) * g->class->size);
        u64 any = 0, limit = RL_MIN(g->class->size, (u64)4 << 20) / 8;
        for (u64 i = 0; i < limit; i++) any |= w[i];
        rl_assert(!any);
    }
#else
    (void)g;
#endif
}

/* Makes every dirty slot of g clean. */
static void clean(rl_slots *s, rl_slot_group *g) {
    u32 first = (u32)__builtin_ctz(g->dirty), last = 31 - (u32)__builtin_clz(g->dirty);
    u8 *from = g->base + first * g->class->size, *to = g->base + (last + 1) * g->class->size;
    if (s->pagemap < 0 && (s->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) < 0) s->no_scan = true;
    if (!s->no_scan && !scan(s, g, from, to)) s->no_scan = true;
    if (s->no_scan && !read_map(s, g, from, to)) discard_all(g);
    verify(g);
    s->cleaned += (u32)__builtin_popcount(g->dirty);
    g->class->ndirty -= (u32)__builtin_popcount(g->dirty);
    g->clean |= g->dirty;
    g->dirty = 0;
}

/* ---- slots ---- */

static void make_ready(struct rl_slot_class *c, rl_slot_group *g) {
    if (g->in_ready) return;
    g->in_ready = true;
    g->next_ready = c->ready;
    c->ready = g;
}

static rl_slot_group *pop_dirty(struct rl_slot_class *c) {
    rl_slot_group *g;
    do {
        if (!(g = c->dirty)) return NULL;
        if (!(c->dirty = g->next_dirty)) c->dirty_last = &c->dirty;
        g->in_dirty = false;
    } while (!g->dirty); /* was given back meanwhile */
    return g;
}

/* Nothing of g is there: others are to be taken first. */
static void make_cold(struct rl_slot_class *c, rl_slot_group *g) {
    if (g->in_ready) return;
    g->in_ready = true;
    g->next_ready = c->cold;
    c->cold = g;
}

/* All of g is free and at least one slot of it dirty: its pages go back. */
static void give_back(rl_slots *s, rl_slot_group *g) {
    struct rl_slot_class *c = g->class;
    rl_os_discard(g->base, c->size * c->per_group);
    c->warm -= (u32)__builtin_popcount(g->warm);
    g->warm = 0;
    s->cleaned += (u32)__builtin_popcount(g->dirty);
    c->ndirty -= (u32)__builtin_popcount(g->dirty);
    g->clean |= g->dirty;
    g->dirty = 0;
    make_cold(c, g);
}

static bool map_chunk(struct rl_slot_class *c) {
    u64 group_bytes = c->size * c->per_group;
    u32 n = c->next_groups;
    rl_slot_chunk *k = calloc(1, sizeof *k + n * sizeof(rl_slot_group));
    if (!k) return false;
    while (!(k->base = rl_os_map(n * group_bytes)))
        if (!(n /= 2)) {
            free(k);
            return false;
        }
    k->bytes = n * group_bytes;
    k->ngroups = n;
    if (c->size < (4u << 20)) madvise(k->base, k->bytes, MADV_NOHUGEPAGE); /* a huge page would span slots */
    for (u32 i = n; i-- > 0;) {
        rl_slot_group *g = &k->groups[i];
        *g = (rl_slot_group){ .base = k->base + i * group_bytes, .class = c, .clean = (u32)((1ull << c->per_group) - 1) };
        make_ready(c, g);
    }
    k->next = c->chunks;
    c->chunks = k;
    c->next_groups = (u32)RL_MIN((u64)c->next_groups * 2, ((u64)64 << 30) / group_bytes);
    return true;
}

/* The group to take the next slot from, which has a clean one; NULL: no memory. */
static rl_slot_group *ready_group(rl_slots *s, struct rl_slot_class *c) {
    rl_slot_group *g = c->ready;
    if (g && g->clean) return g;
    if (c->dirty && (u32)__builtin_popcount(c->dirty->dirty) > c->per_group / 2) {
        g = pop_dirty(c); /* rather than slots that may never have been used: these are in the cache */
        clean(s, g);
        make_ready(c, g);
        return g;
    }
    for (; (g = c->ready); c->ready = g->next_ready, g->in_ready = false)
        if (g->clean) return g;
    if ((g = pop_dirty(c))) {
        clean(s, g);
        make_ready(c, g);
    } else if ((g = c->cold)) {
        c->cold = g->next_ready;
        g->in_ready = false;
        make_ready(c, g);
    } else if (!map_chunk(c)) {
        return NULL;
    }
    return c->ready;
}

static u8 *get_slot(rl_slots *s, u64 bytes, u64 *capacity) {
    struct rl_slot_class *c = s->classes;
    while (c < s->classes + RL_SLOT_CLASSES && c->size < bytes) c++;
    rl_slot_group *g = c < s->classes + RL_SLOT_CLASSES ? ready_group(s, c) : NULL;
    if (!g) return NULL;
    u32 slot = (u32)__builtin_ctz(g->clean);
    g->clean &= g->clean - 1;
    c->warm += !(g->warm >> slot & 1);
    g->warm |= 1u << slot;
    if (++c->used > c->most) c->most = c->used;
    *capacity = c->size;
    return g->base + slot * c->size;
}

static rl_slot_group *group_of(struct rl_slot_class *c, const u8 *base) {
    for (rl_slot_chunk *k = c->chunks; k; k = k->next)
        if (base >= k->base && base < k->base + k->bytes) return &k->groups[(u64)(base - k->base) / (c->size * c->per_group)];
    rl_assert(!"a slot of this class");
    return NULL;
}

static void put_slot(rl_slots *s, u8 *base, u64 capacity) {
    struct rl_slot_class *c = s->classes;
    while (c->size != capacity) c++;
    rl_slot_group *g = group_of(c, base);
    g->dirty |= 1u << ((u64)(base - g->base) / c->size);
    c->used--;
    if (++c->ndirty > c->keep && (g->dirty | g->clean) == (u32)((1ull << c->per_group) - 1)) {
        give_back(s, g);
        return;
    }
    if (g->in_dirty) return;
    g->in_dirty = true;
    g->next_dirty = NULL;
    *c->dirty_last = g;
    c->dirty_last = &g->next_dirty;
}

/* ---- tidying up ---- */

#define FEW_BYTES (4u << 20) /* address space of free slots of a class that keep their pages however long nothing happens */
#define TRIM_GROUPS 32u      /* looked at with success in one go: some hundred microseconds */

/* Free slots that may have pages and are more than a few, and than there were in use at one time. */
static u32 surplus(const struct rl_slot_class *c, bool ever) {
    u32 needed = (u32)(FEW_BYTES / c->size) + (ever ? c->most : c->used);
    return c->warm > needed ? c->warm - needed : 0;
}

/* Free neighbours go in one system call. */
static void trim_group(rl_slots *s, rl_slot_group *g) {
    struct rl_slot_class *c = g->class;
    u32 there = g->clean | g->dirty, n = c->per_group;
    for (u32 i = 0, run; i < n; i += run) {
        bool is_free = there >> i & 1;
        for (run = 1; i + run < n && (there >> (i + run) & 1) == is_free; run++) {}
        if (is_free) rl_os_discard(g->base + i * c->size, run * c->size);
    }
    s->cleaned += (u32)__builtin_popcount(g->dirty);
    c->ndirty -= (u32)__builtin_popcount(g->dirty);
    c->warm -= (u32)__builtin_popcount(g->warm & there);
    g->warm &= ~there;
    g->clean = there;
    g->dirty = 0;
    if (there == (u32)((1ull << n) - 1)) make_cold(c, g);
    else make_ready(c, g);
}

/* From the end, where the slots lie that were needed last. True: there is more to do. */
static bool trim_class(rl_slots *s, struct rl_slot_class *c, u32 *left) {
    for (rl_slot_chunk *k = c->chunks; k; k = k->next)
        for (u32 i = k->ngroups; i-- > 0;) {
            if (!surplus(c, true)) return false;
            rl_slot_group *g = &k->groups[i];
            if (!(g->warm & (g->clean | g->dirty))) continue;
            if (!*left) return true;
            --*left;
            trim_group(s, g);
        }
    return false;
}

static void lock(rl_slots *s) {
    if (!rl_alone()) pthread_mutex_lock(&s->lock);
}
static void unlock(rl_slots *s) {
    if (!rl_alone()) pthread_mutex_unlock(&s->lock);
}

bool rl_slots_full(rl_slots *s) {
    bool full = false;
    lock(s);
    for (u32 i = 0; i < RL_SLOT_CLASSES; i++) full |= surplus(&s->classes[i], false) != 0;
    unlock(s);
    return full;
}

void rl_slots_mark(rl_slots *s) {
    lock(s);
    for (u32 i = 0; i < RL_SLOT_CLASSES; i++) s->classes[i].most = s->classes[i].used;
    unlock(s);
}

bool rl_slots_trim(rl_slots *s) {
    u32 left = TRIM_GROUPS;
    bool more = false;
    lock(s);
    for (u32 i = 0; i < RL_SLOT_CLASSES && !more; i++) more = trim_class(s, &s->classes[i], &left);
    unlock(s);
    return more;
}

/* ---- as a source ---- */

static u8 *get(rl_memory_source *source, u64 bytes, u64 *capacity) {
    rl_slots *s = (rl_slots *)source;
    lock(s);
    u8 *base = get_slot(s, bytes, capacity);
    unlock(s);
    return base;
}

static void put(rl_memory_source *source, u8 *base, u64 capacity) {
    rl_slots *s = (rl_slots *)source;
    lock(s);
    put_slot(s, base, capacity);
    unlock(s);
}

void rl_slots_init(rl_slots *s) {
    *s = (rl_slots){ .source = { get, put }, .pagemap = -1 };
    pthread_mutex_init(&s->lock, NULL);
    for (u32 i = 0; i < RL_SLOT_CLASSES; i++) {
        struct rl_slot_class *c = &s->classes[i];
        c->size = sizes[i];
        c->per_group = (u32)RL_MAX(RL_MIN((u64)(8u << 20) / c->size, (u64)32), (u64)1);
        c->next_groups = (u32)RL_MAX((u64)(64u << 20) / (c->size * c->per_group), (u64)1);
        c->dirty_last = &c->dirty;
        c->keep = (u32)RL_MIN((u64)KEEP_SLOTS, KEEP_SPACE / c->size);
    }
}

void rl_slots_end(rl_slots *s) {
    for (u32 i = 0; i < RL_SLOT_CLASSES; i++) s->classes[i].keep = UINT32_MAX;
}

void rl_slots_fini(rl_slots *s) {
    for (u32 i = 0; i < RL_SLOT_CLASSES; i++)
        while (s->classes[i].chunks) {
            rl_slot_chunk *k = s->classes[i].chunks;
            s->classes[i].chunks = k->next;
            rl_os_unmap(k->base, k->bytes);
            free(k);
        }
    pthread_mutex_destroy(&s->lock);
    if (s->pagemap >= 0) close(s->pagemap);
    *s = (rl_slots){ .pagemap = -1 };
}
