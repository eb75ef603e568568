/* Memory slots: always zero when handed out, whatever the tenant before wrote; sizes; many at once; memories that grow
 * through the classes keep what is in them. */
#include "src/slot.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "tests/unit/test.h"

static rl_slots slots;

static u8 *take(u64 bytes, u64 *capacity) {
    u8 *p = slots.source.get(&slots.source, bytes, capacity);
    assert_non_null(p);
    assert_true(*capacity >= bytes);
    return p;
}

static bool zero(const u8 *p, u64 n) {
    const u64 *w = (const u64 *)p;
    u64 any = 0;
    for (u64 i = 0; i < n / 8; i++) any |= w[i];
    return !any;
}

static void no_residue(bool no_scan, bool no_map) {
    static struct { u8 *p; u64 capacity; } held[200];
    int map;
    srand(5);
    rl_slots_init(&slots);
    slots.no_scan |= no_scan;
    map = slots.pagemap;
    if (no_map) slots.pagemap = -1;
    for (u32 i = 0; i < 6000; i++) {
        u32 at = (u32)rand() % 200;
        if (held[at].p) {
            slots.source.put(&slots.source, held[at].p, held[at].capacity);
            held[at].p = NULL;
            continue;
        }
        u64 want = rand() % 50 ? (u64)rand() % (300u << 10) : (u64)rand() % (3u << 20), n = 0;
        u8 *p = take(want, &n);
        assert_true(zero(p, n));
        for (u32 w = (u32)rand() % 8; w; w--) p[(u64)rand() % n] = 0xff;
        if (rand() % 20 == 0) memset(p, 0xee, n); /* more than a free slot keeps */
        p[0] = p[n - 1] = 1;
        held[at].p = p;
        held[at].capacity = n;
    }
    assert_true(slots.cleaned > 1000);
    slots.pagemap = map;
    for (u32 i = 0; i < 200; i++) held[i].p = NULL;
    rl_slots_fini(&slots);
}

static void by_scan(void **state) { (void)state, no_residue(false, false); }
static void by_page_map(void **state) { (void)state, no_residue(true, false); }
static void by_discarding(void **state) { (void)state, no_residue(true, true); }

static void neighbours_untouched(void **state) {
    u8 *p[64];
    u64 n;
    (void)state;
    rl_slots_init(&slots);
    for (u32 i = 0; i < 64; i++) {
        p[i] = take(1, &n); /* on its own: n is an argument too */
        memset(p[i], (int)i + 1, n);
    }
    for (u32 i = 0; i < 64; i += 2) slots.source.put(&slots.source, p[i], n);
    for (u32 i = 0; i < 5000; i++) { /* until the freed ones were cleaned and handed out again */
        u64 m;
        u8 *q = take(1, &m);
        assert_true(zero(q, m));
    }
    for (u32 i = 1; i < 64; i += 2)
        for (u64 b = 0; b < n; b += 997) assert_int_equal(p[i][b], i + 1);
    rl_slots_fini(&slots);
}

static void memory_of_a_crowd_goes_back(void **state) {
    enum { CROWD = 40000 };
    static u8 *p[CROWD];
    u64 n;
    (void)state;
    rl_slots_init(&slots);
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < CROWD; i++) {
            p[i] = take(1, &n);
            assert_int_equal(p[i][0] | p[i][n - 1], 0);
            p[i][0] = p[i][n - 1] = 1;
        }
        for (u32 i = 0; i < CROWD; i++) /* not in order: whole groups become free late */
            slots.source.put(&slots.source, p[i * 7919ull % CROWD], n);
        u32 there = 0;
        for (u32 i = 0; i < CROWD; i++) {
            unsigned char first = 0;
            assert_int_equal(mincore(p[i], 1, &first), 0);
            there += first & 1;
        }
        assert_true(there < 25000);
    }
    rl_slots_fini(&slots);
}

static u32 resident(u8 *const *p, u32 n) {
    u32 there = 0;
    for (u32 i = 0; i < n; i++) {
        unsigned char first = 0;
        assert_int_equal(mincore(p[i], 1, &first), 0);
        there += first & 1;
    }
    return there;
}

/* What was not in use throughout a period goes back; what was, and a few, stay; nothing of anybody else's is touched. */
static void tidying_up(void **state) {
    enum { CROWD = 10000, LESS = 1000 };
    static u8 *p[CROWD];
    u64 n;
    (void)state;
    rl_slots_init(&slots);
    assert_false(rl_slots_full(&slots));
    for (u32 i = 0; i < CROWD; i++) (p[i] = take(1, &n))[0] = 1;
    assert_false(rl_slots_full(&slots));
    for (u32 i = 0; i < CROWD; i++)
        if (i % 100) slots.source.put(&slots.source, p[i], n); /* hardly a group is free */
    assert_true(rl_slots_full(&slots));
    while (rl_slots_trim(&slots)) {}
    assert_int_equal(resident(p, CROWD), CROWD); /* all were in use in this period */
    rl_slots_mark(&slots);
    for (u32 i = 0; i < LESS; i++) (p[i] = i % 100 ? take(1, &n) : p[i])[0] = 1;
    for (u32 i = 0; i < LESS; i++)
        if (i % 100) slots.source.put(&slots.source, p[i], n);
    while (rl_slots_trim(&slots)) {}
    assert_in_range(resident(p, CROWD), LESS, LESS + 400);
    rl_slots_mark(&slots);
    while (rl_slots_trim(&slots)) {}
    assert_in_range(resident(p, CROWD), CROWD / 100, CROWD / 100 + 100);
    assert_false(rl_slots_full(&slots));
    for (u32 i = 0; i < CROWD; i++)
        if (i % 100 == 0) assert_int_equal(p[i][0], 1);
    for (u32 i = 0; i < CROWD; i++) {
        u64 m;
        u8 *q = take(1, &m);
        assert_int_equal(q[0], 0);
    }
    rl_slots_fini(&slots);
}

static void too_large(void **state) {
    u64 n;
    (void)state;
    rl_slots_init(&slots);
    assert_null(slots.source.get(&slots.source, (64u << 20) + 1, &n));
    take(64u << 20, &n);
    assert_int_equal(n, 64u << 20);
    rl_slots_fini(&slots);
}

static void growing(void **state) {
    (void)state;
    rl_store *store;
    rl_memory *m;
    u64 pages = 1;
    rl_slots_init(&slots);
    rl_store_config c = { RL_FLAVOUR_CHECKED, UINT64_MAX, 10, &slots.source };
    assert_int_equal(rl_store_new(&c, &store), RL_OK);
    assert_int_equal(rl_memory_new(store, &(rl_limits){ 1, 65536, false }, &m), RL_OK);
    while (pages < 3000) {
        for (u64 i = 0; i < pages; i++) rl_store64(m->base + i * RL_PAGE + 8, i + 1);
        assert_int_equal(rl_memory_grow(m, pages), pages);
        for (u64 i = 0; i < 2 * pages; i++) assert_int_equal(rl_load64(m->base + i * RL_PAGE + 8), i < pages ? i + 1 : 0);
        pages *= 2;
    }
    rl_store_free(store);
    u64 n; /* every slot it has been through is clean again */
    for (u64 size = 64u << 10; size <= 64u << 20; size *= 2)
        for (u32 i = 0; i < 3; i++) {
            u8 *p = take(size, &n);
            assert_true(zero(p, n));
        }
    rl_slots_fini(&slots);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(by_scan), cmocka_unit_test(by_page_map),
                                        cmocka_unit_test(by_discarding), cmocka_unit_test(neighbours_untouched),
                                        cmocka_unit_test(memory_of_a_crowd_goes_back), cmocka_unit_test(tidying_up),
                                        cmocka_unit_test(too_large), cmocka_unit_test(growing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
