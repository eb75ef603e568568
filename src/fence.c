/* Fences. To give a memory to the next process it must be known what the last one wrote, and a look at the page tables
 * for it costs more than all else of a small spawn. So the first processes of a program are looked at, and memories are
 * kept with every page closed but those that they wrote (open) and those that hold the module's data but were not
 * written (for reading). Whoever touches another page takes a fault, which opens all and says so; that memory is looked
 * at again at the end. Invariant: as long as a fence is not broken, nothing but the written pages of its plan differs
 * from a new instance's memory. The worker that runs the process, or keeps its shell. The kernel does not take such
 * faults for us: host functions say which part they hand to system calls (rl_host_direct), and a fence that
 * has it closed breaks first.
 * Userfaultfd was not taken: it is not to be had everywhere, and as slow when it strikes. */
#include "src/fence.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jit/link.h"
#include "src/base/os.h"

#define LEARN 4u        /* processes to look at before the first fence */
#define VMA_BUDGET 16384 /* mappings that fences may make of the system's 65,530 */
#define TOUCHED 16u      /* pages of a buffer for the kernel that its first use opens for those to come */
#define MAX_WRITTEN 64u /* pages; who writes more is better off with a look at the page tables */

static _Atomic int vmas;

static bool bit(const u64 *bits, u32 n) { return bits[n / 64] >> n % 64 & 1; }
static void set_bit(u64 *bits, u32 n) { bits[n / 64] |= 1ull << n % 64; }

/* The part of the image in [from, to), offsets in the memory: *at, *n; false: nothing. */
static bool overlap(const rl_image *im, u64 from, u64 to, u64 *at, u64 *n) {
    u64 low = RL_MAX(from, (u64)im->at), high = RL_MIN(to, (u64)im->at + im->len);
    *at = low;
    *n = high - low;
    return low < high;
}

/* Writes what a new memory has in [from, to). */
static void restore(const rl_image *im, u8 *base, u64 from, u64 to) {
    u64 at, n;
    if (!overlap(im, from, to, &at, &n)) {
        memset(base + from, 0, to - from);
        return;
    }
    if (at > from) memset(base + from, 0, at - from);
    memcpy(base + at, im->bytes + (at - im->at), n);
    if (to > at + n) memset(base + at + n, 0, to - at - n);
}

static bool all_zero(const u8 *p, u64 n) { return !n || (!*p && !memcmp(p, p + 1, n - 1)); }

/* Whether the page, which is there, is as in a new memory, and holds some of the image. */
static bool as_new(const rl_image *im, const u8 *base, u32 page) {
    u64 from = (u64)page * rl_os_page(), to = from + rl_os_page(), at, n;
    if (!overlap(im, from, to, &at, &n)) return false;
    return all_zero(base + from, at - from) && !memcmp(base + at, im->bytes + (at - im->at), n) &&
           all_zero(base + at + n, to - at - n);
}

/* Looks at every page of an open memory. False: cannot. */
static bool learn(rl_habit *h, const rl_image *im, const u8 *base, u64 bytes) {
    u64 words[RL_FENCE_PAGES];
    u32 pages = (u32)(bytes / rl_os_page());
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC); /* opened anew: looks are few */
    ssize_t got = map < 0 ? 0 : pread(map, words, pages * 8u, (off_t)((u64)base / rl_os_page() * 8));
    if (map >= 0) close(map);
    if (got != (ssize_t)(pages * 8u)) return false;
    for (u32 k = 0; k < pages; k++) {
        if (!(words[k] >> 62) || bit(h->written, k) || as_new(im, base, k)) continue;
        set_bit(h->written, k);
        h->stale = true;
    }
    h->seen++;
    return true;
}

/* 0: closed, 1: read, 2: written */
static u32 use_of(const rl_habit *h, const rl_image *im, u32 page) {
    u64 at, n;
    if (bit(h->written, page)) return 2;
    return overlap(im, (u64)page * rl_os_page(), (u64)(page + 1) * rl_os_page(), &at, &n);
}

/* False: too much for a plan. */
static bool fill_plan(rl_plan *p, const rl_habit *h, const rl_image *im, u32 pages) {
    u32 written = 0;
    for (u32 k = 0, use; k < pages; k++) {
        if (!(use = use_of(h, im, k))) continue;
        written += use == 2;
        struct rl_plan_run *r = p->n ? &p->runs[p->n - 1] : NULL;
        if (r && r->at + r->n == k && r->written == (use == 2)) {
            r->n++;
            continue;
        }
        if (p->n == RL_FENCE_RUNS) return false;
        p->runs[p->n++] = (struct rl_plan_run){ k, 1, use == 2 };
    }
    return written <= MAX_WRITTEN;
}

/* The plan for what is known now; NULL: none. */
static rl_plan *plan_for(rl_habit *h, const rl_image *im, u32 pages) {
    if (h->plans && !h->stale) return h->plans;
    rl_plan *p = calloc(1, sizeof *p);
    if (!p || !fill_plan(p, h, im, pages)) {
        free(p);
        h->hopeless = true;
        return NULL;
    }
    atomic_init(&p->refs, 1);
    p->older = h->plans;
    h->plans = p;
    h->stale = false;
    return p;
}

static void plan_put(rl_plan *p) {
    /* acq_rel: pairs with the other puts; the last reader is through with it before it is freed */
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) free(p);
}

static int vmas_of(const rl_plan *p) { return 2 * (int)p->n + 1; }

/* Closes and opens pages. The read ones get their contents first: their tenant may have written them. */
static bool protect(const rl_plan *p, const rl_image *im, u8 *base, u64 bytes) {
    for (u32 k = 0; k < p->n; k++)
        if (!p->runs[k].written)
            restore(im, base, (u64)p->runs[k].at * rl_os_page(), ((u64)p->runs[k].at + p->runs[k].n) * rl_os_page());
    if (mprotect(base, bytes, PROT_NONE)) return false;
    for (u32 k = 0; k < p->n; k++)
        if (mprotect(base + (size_t)p->runs[k].at * rl_os_page(), (size_t)p->runs[k].n * rl_os_page(),
                     p->runs[k].written ? PROT_READ | PROT_WRITE : PROT_READ))
            return false;
    return true;
}

/* Whether a fence is worth trying: not when they keep being broken. */
static bool worth_it(const rl_habit *h) { return !h->hopeless && h->broken < 8 + h->ended / 16; }

bool rl_fence_keep(rl_fence *f, rl_habit *h, rl_instance *i) {
    rl_image im;
    h->ended++;
    if (f->base && !f->broken && f->base == i->mem_base) return true;
    if (f->broken) h->broken++;
    rl_fence_drop(f);
    const rl_memory *m = i->module->nmemories ? rl_instance_memory(i, 0) : NULL;
    if (!m || !m->source || m->capacity > RL_FENCE_PAGES * rl_os_page() || !worth_it(h) || !rl_instance_image(i, &im)) return false;
    if (!learn(h, &im, m->base, m->capacity)) h->hopeless = true;
    if (h->seen < LEARN || h->hopeless) return false;
    rl_plan *plan = plan_for(h, &im, (u32)(m->capacity / rl_os_page()));
    /* relaxed: a budget need not be exact */
    if (!plan || atomic_load_explicit(&vmas, memory_order_relaxed) + vmas_of(plan) > VMA_BUDGET) return false;
    *f = (rl_fence){ m->base, m->capacity, plan, false };
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed); /* one more of those that the habit keeps alive */
    atomic_fetch_add_explicit(&vmas, vmas_of(plan), memory_order_relaxed);
    if (protect(plan, &im, m->base, m->capacity)) return true;
    rl_fence_drop(f);
    return false;
}

void rl_fence_reset(const rl_fence *f, rl_instance *i) {
    rl_image im;
    rl_instance_image(i, &im);
    for (const struct rl_plan_run *r = f->plan->runs, *end = r + f->plan->n; r < end; r++)
        if (r->written) restore(&im, f->base, (u64)r->at * rl_os_page(), ((u64)r->at + r->n) * rl_os_page());
#ifdef RL_INVARIANTS
    for (const struct rl_plan_run *r = f->plan->runs, *end = r + f->plan->n; r < end; r++)
        for (u32 k = r->at; !r->written && k < r->at + r->n; k++) rl_assert(as_new(&im, f->base, k));
#endif
}

bool rl_fence_break(rl_fence *f) {
    if (!f->base || f->broken) return true;
    if (mprotect(f->base, f->bytes, PROT_READ | PROT_WRITE)) return false;
    f->broken = true;
    return true;
}

/* Whether pages [from, to) are open for that. */
static bool is_open(const rl_plan *p, u64 from, u64 to, bool write) {
    for (const struct rl_plan_run *r = p->runs, *end = r + p->n; r < end && from < to; r++)
        if (r->at <= from && from < (u64)r->at + r->n && (r->written || !write)) from = (u64)r->at + r->n;
    return from >= to;
}

bool rl_fence_open(rl_fence *f, const void *p, u64 n, bool write) {
    if (!f->base || f->broken || !n || (u64)((const u8 *)p - f->base) >= f->bytes) return true;
    u64 page = rl_os_page(), at = (u64)((const u8 *)p - f->base), from = at / page, to = (at + n + page - 1) / page;
    if (is_open(f->plan, from, to, write)) return true;
    if (!rl_fence_break(f)) return false;
    /* what is looked at, at the end, is then known to be used, also when the kernel writes less than it might */
    for (u64 k = from; k < RL_MIN(to, from + TOUCHED); k++) (void)*(volatile u8 *)(f->base + k * page);
    return true;
}

void rl_fence_drop(rl_fence *f) {
    if (!f->base) return;
    rl_assert(rl_fence_break(f)); /* makes fewer mappings, never more */
    atomic_fetch_sub_explicit(&vmas, vmas_of(f->plan), memory_order_relaxed);
    plan_put(f->plan);
    *f = (rl_fence){ 0 };
}

void rl_habit_fini(rl_habit *h) {
    for (rl_plan *p = h->plans, *older; p; p = older) {
        older = p->older;
        plan_put(p);
    }
    *h = (rl_habit){ 0 };
}
