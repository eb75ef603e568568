/* The hash map against a plain array, through random puts and deletes with many collisions. */
#include "src/base/map.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

#define KEYS 300u

static u64 key_of(u32 i) { return i % 2 ? (u64)i << 32 : i * 8; } /* high halves and multiples collide */

static void against_array(void **state) {
    (void)state;
    static u64 values[KEYS];
    void *want[KEYS] = { 0 };
    rl_map m = { 0 };
    u32 count = 0;
    srand(1);
    for (u32 step = 0; step < 200000; step++) {
        u32 i = (u32)rand() % KEYS;
        void *v = &values[rand() % KEYS], *old;
        if (rand() % 2) {
            assert_int_equal(rl_map_put(&m, key_of(i), v, &old), RL_OK);
            assert_ptr_equal(old, want[i]);
            count += !want[i];
            want[i] = v;
        } else {
            assert_ptr_equal(rl_map_del(&m, key_of(i)), want[i]);
            count -= want[i] != NULL;
            want[i] = NULL;
        }
        assert_int_equal(m.count, count);
        u32 probe = (u32)rand() % KEYS;
        assert_ptr_equal(rl_map_get(&m, key_of(probe)), want[probe]);
    }
    u32 seen = 0;
    RL_MAP_EACH(&m, s) seen++;
    assert_int_equal(seen, count);
    rl_map_fini(&m);
    assert_null(rl_map_get(&m, 8));
}

/* Ids counted up lie side by side; deletion from either end must not look at all of them (it would take hours). */
static void long_rows(void **state) {
    (void)state;
    rl_map m = { 0 };
    static u8 value;
    const u64 n = 1000000;
    for (u64 i = 0; i < n; i++) assert_int_equal(rl_map_put(&m, i, &value, NULL), RL_OK);
    for (u64 i = 0; i < n / 2; i++) {
        assert_ptr_equal(rl_map_del(&m, i), &value);
        assert_null(rl_map_get(&m, i + m.cap)); /* same home, not there */
        assert_ptr_equal(rl_map_del(&m, n - 1 - i), &value);
    }
    assert_int_equal(m.count, 0);
    rl_map_fini(&m);
}

static void fitting(void **state) {
    (void)state;
    rl_map m = { 0 };
    static u8 value;
    rl_map_fit(&m);
    for (u64 i = 0; i < 10000; i++) assert_int_equal(rl_map_put(&m, i * 77, &value, NULL), RL_OK);
    u32 most = m.cap;
    rl_map_fit(&m);
    assert_int_equal(m.cap, most);
    for (u64 i = 100; i < 10000; i++) assert_ptr_equal(rl_map_del(&m, i * 77), &value);
    rl_map_fit(&m);
    assert_in_range(m.cap, 200, 1000);
    for (u64 i = 0; i < 200; i++) assert_true(!rl_map_get(&m, i * 77) == (i >= 100));
    rl_map_fini(&m);
}

static void hashes_differ(void **state) {
    (void)state;
    assert_true(rl_hash_bytes("a\0b", 3) != rl_hash_bytes("a\0c", 3));
    assert_true(rl_hash_bytes("a", 1) != rl_hash_bytes("a\0", 2));
    assert_true(rl_hash_bytes("12345678", 8) != rl_hash_bytes("12345679", 8));
    assert_true(rl_hash_bytes("", 0) == rl_hash_bytes("", 0));
}

/* Another run of this program hashes the same bytes to something else. */
static void hashes_are_secret(void **state) {
    (void)state;
    char text[32];
    FILE *f = popen("exec /proc/$PPID/exe hash 2>/dev/null", "r");
    bool said = f && fgets(text, sizeof text, f);
    if (f) pclose(f);
    if (!said) skip(); /* emulated: the file that runs is the emulator */
    assert_true(strtoull(text, NULL, 10) != rl_hash_bytes("a name", 6));
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "hash")) return printf("%llu\n", (unsigned long long)rl_hash_bytes("a name", 6)) < 0;
    const struct CMUnitTest tests[] = { cmocka_unit_test(against_array), cmocka_unit_test(long_rows), cmocka_unit_test(fitting),
                                        cmocka_unit_test(hashes_differ), cmocka_unit_test(hashes_are_secret) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
