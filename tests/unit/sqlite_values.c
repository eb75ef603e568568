/* Bind lists taken apart and values written, against the reference's vectors and every way of being cut short. */
#include "src/host/sqlite_values.h"

#include <stdlib.h>

#include "tests/unit/test.h"

/* [(index 1, text "Foo!"), (no key, int -2)] of the reference's appendix B */
static const u8 vector[] = { 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
                             'F', 'o', 'o', '!', 0, 0, 0, 0, 4, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff };

static void a_list(void **state) {
    (void)state;
    rl_sql_list l;
    rl_sql_bind b;
    assert_true(rl_sql_list_open(&l, vector, sizeof vector));
    assert_int_equal(rl_sql_list_next(&l, &b), 1);
    assert_int_equal(b.key, RL_SQL_KEY_INDEX);
    assert_int_equal(b.index, 1);
    assert_int_equal(b.kind, RL_SQL_TEXT);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.bytes, "Foo!", 4);
    assert_int_equal(rl_sql_list_next(&l, &b), 1);
    assert_int_equal(b.key, RL_SQL_KEY_NONE);
    assert_int_equal(b.kind, RL_SQL_INT);
    assert_int_equal(b.integer, -2);
    assert_int_equal(rl_sql_list_next(&l, &b), 0);
}

static void cut_short(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof vector; n++) {
        u8 *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read beyond */
        rl_sql_list l;
        rl_sql_bind b;
        int more = -1;
        memcpy(exact, vector, n);
        if (rl_sql_list_open(&l, exact, n))
            while ((more = rl_sql_list_next(&l, &b)) > 0) {}
        assert_int_equal(more, -1);
        free(exact);
    }
}

/* Returns what the first entry of a list with these bytes behind its count says. */
static int first(const void *bytes, size_t n) {
    u8 text[64] = { 1 };
    rl_sql_list l;
    rl_sql_bind b;
    memcpy(text + 8, bytes, n);
    assert_true(rl_sql_list_open(&l, text, 8 + n));
    return rl_sql_list_next(&l, &b);
}

static void malformed(void **state) {
    (void)state;
    assert_int_equal(first("\0\0\0\0\0\0\0\0", 8), 1);                                        /* no key, null */
    assert_int_equal(first("\3\0\0\0\0\0\0\0", 8), -1);                                       /* no such key */
    assert_int_equal(first("\0\0\0\0\6\0\0\0", 8), -1);                                       /* no such value */
    assert_int_equal(first("\2\0\0\0\1\0\0\0\0\0\0\0\xff\0\0\0\0", 17), -1);                  /* name not UTF-8 */
    assert_int_equal(first("\0\0\0\0\2\0\0\0\1\0\0\0\0\0\0\0\xff", 17), -1);                  /* text not UTF-8 */
    assert_int_equal(first("\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\xff", 17), 1);                   /* a blob may be anything */
    assert_int_equal(first("\0\0\0\0\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0", 17), -1);    /* length beyond the end */
}

static void text_is(const char *in, size_t n, const char *want) {
    u8 out[64];
    rl_sql_out count = { 0 }, o = { .at = out, .end = out + sizeof out };
    u64 len;
    rl_sql_put_text(&count, in, n);
    rl_sql_put_text(&o, in, n);
    memcpy(&len, out, 8);
    assert_int_equal(count.size, 8 + strlen(want));
    assert_int_equal(o.size, count.size);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out + 8, want, strlen(want));
}

/* As Rust's String::from_utf8_lossy: one U+FFFD for each longest beginning of a character. */
static void lossy_text(void **state) {
    (void)state;
    text_is("", 0, "");
    text_is("h\xc3\xa9", 3, "h\xc3\xa9");
    text_is("a\xff" "b", 3, "a\xef\xbf\xbd" "b");
    text_is("\xe2\x82", 2, "\xef\xbf\xbd");
    text_is("\xe2\x82z", 3, "\xef\xbf\xbdz");
    text_is("\xf0\x9f\x98\x80\xf0\x9f", 6, "\xf0\x9f\x98\x80\xef\xbf\xbd");
    text_is("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
    text_is("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void too_small(void **state) {
    (void)state;
    u8 out[8] = { 0 };
    rl_sql_out o = { .at = out, .end = out + 4 };
    rl_sql_put64(&o, UINT64_MAX);
    rl_sql_put32(&o, UINT32_MAX);
    assert_int_equal(o.size, 12);
    assert_memory_equal(out, "\xff\xff\xff\xff\0\0\0\0", 8);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_list), cmocka_unit_test(cut_short), cmocka_unit_test(malformed),
                                        cmocka_unit_test(lossy_text), cmocka_unit_test(too_small) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
