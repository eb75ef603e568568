/* The timing wheel against a sorted list: order, no early firing, cancelling, far deadlines, idle jumps. */
#include "src/timer.h"

#include <stdlib.h>

#include "tests/unit/test.h"

#define N 3000
#define TICK ((i64)RL_WHEEL_TICK_NS)

typedef struct item {
    rl_timer t;
    i64 at;
    u32 order;
    bool gone;
} item;

static i64 random_delay(void) {
    u32 bits = (u32)rand() % 52;
    return (i64)(((u64)rand() << 31 | (u64)rand()) & ((1ull << bits) - 1));
}

/* Pops everything due up to now and checks it. Returns how many. */
static u32 drain(rl_wheel *w, i64 now, u64 *last_tick, u32 *last_order) {
    u32 n = 0;
    for (rl_timer *t; (t = rl_wheel_pop(w, now)); n++) {
        item *i = (item *)t;
        assert_false(i->gone);
        assert_true(i->at <= now);
        assert_true(t->tick >= *last_tick);
        if (t->tick == *last_tick) assert_true(i->order > *last_order);
        *last_tick = t->tick;
        *last_order = i->order;
        i->gone = true;
    }
    return n;
}

static void random_order(void **state) {
    (void)state;
    static item items[N];
    static rl_wheel w;
    i64 now = 123456789;
    u64 tick = 0;
    u32 order = 0, fired = 0, cancelled = 0;
    srand(2);
    rl_wheel_init(&w, now);
    for (u32 i = 0; i < N; i++) {
        items[i].at = now + random_delay();
        items[i].order = i + 1;
        rl_wheel_arm(&w, &items[i].t, items[i].at);
        if (rand() % 4 == 0 && !items[i / 2].gone) {
            rl_wheel_disarm(&w, &items[i / 2].t);
            items[i / 2].gone = true;
            cancelled++;
        }
        if (rand() % 3 == 0) {
            now += random_delay() >> 24;
            tick = 0; /* a later arm may be due at once */
            fired += drain(&w, now, &tick, &order);
        }
    }
    tick = 0;
    while (w.armed) {
        i64 next = rl_wheel_next(&w);
        assert_true(next != INT64_MAX);
        now = next > now ? next : now + TICK;
        fired += drain(&w, now, &tick, &order);
    }
    assert_int_equal(fired + cancelled, N);
    assert_int_equal(rl_wheel_next(&w), INT64_MAX);
}

static void exact(void **state) {
    (void)state;
    static rl_wheel w;
    item a = { .order = 1 }, b = { .order = 2 }, never = { .order = 3 };
    rl_wheel_init(&w, 0);
    rl_wheel_arm(&w, &a.t, 100 * TICK);
    rl_wheel_arm(&w, &b.t, 100 * TICK);
    rl_wheel_arm(&w, &never.t, INT64_MAX);
    assert_false(rl_timer_armed(&never.t));
    assert_null(rl_wheel_pop(&w, 100 * TICK - 1));
    assert_true(rl_wheel_next(&w) <= 100 * TICK);
    assert_ptr_equal(rl_wheel_pop(&w, 100 * TICK), &a.t);
    assert_ptr_equal(rl_wheel_pop(&w, 100 * TICK), &b.t);
    assert_null(rl_wheel_pop(&w, 100 * TICK));
    rl_wheel_arm(&w, &a.t, 5); /* long past: due at once */
    assert_int_equal(rl_wheel_next(&w), 0);
    assert_ptr_equal(rl_wheel_pop(&w, 100 * TICK), &a.t);
}

static void equal_ticks_across_levels(void **state) {
    (void)state;
    static rl_wheel w;
    static item items[5];
    static const i64 armed_at[5] = { 0, 900, 4000, 4090, 4095 };
    rl_wheel_init(&w, 0);
    for (u32 i = 0; i < 5; i++) {
        assert_null(rl_wheel_pop(&w, armed_at[i] * TICK));
        rl_wheel_arm(&w, &items[i].t, 4100 * TICK);
    }
    for (u32 i = 0; i < 5; i++) assert_ptr_equal(rl_wheel_pop(&w, 4200 * TICK), &items[i].t);
}

static void far_ones(void **state) {
    (void)state;
    static rl_wheel w;
    i64 year = 31557600ll * 1000000000;
    item a = { 0 }, b = { 0 };
    rl_wheel_init(&w, 77);
    rl_wheel_arm(&w, &a.t, 10 * year);
    rl_wheel_arm(&w, &b.t, INT64_MAX - 1);
    assert_null(rl_wheel_pop(&w, 10 * year - 1));
    assert_ptr_equal(rl_wheel_pop(&w, 10 * year + TICK), &a.t);
    assert_null(rl_wheel_pop(&w, 200 * year));
    assert_ptr_equal(rl_wheel_any(&w), &b.t);
    assert_null(rl_wheel_any(&w));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_order), cmocka_unit_test(exact),
                                        cmocka_unit_test(equal_ticks_across_levels), cmocka_unit_test(far_ones) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
