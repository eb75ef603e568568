/* Diagnostics: the first error wins, and every code has a text. */
#include "tests/unit/test.h"

#include "src/base/err.h"

static void first_wins(void **state) {
    (void)state;
    rl_diag d = {0};
    assert_int_equal(rl_diag_at(&d, RL_ERR_MALFORMED, 17, "bad %s", "magic"), RL_ERR_MALFORMED);
    assert_int_equal(rl_diag_set(&d, RL_ERR_IO, "later"), RL_ERR_IO);
    assert_int_equal(d.code, RL_ERR_MALFORMED);
    assert_true(d.has_offset);
    assert_int_equal(d.offset, 17);
    assert_string_equal(d.text, "bad magic");
}

static void null_diag(void **state) {
    (void)state;
    assert_int_equal(rl_diag_set(NULL, RL_ERR_IO, "nobody listens"), RL_ERR_IO);
}

static void texts(void **state) {
    (void)state;
    for (int e = RL_ERR_NOMEM; e <= RL_ERR_SYSTEM; e++) assert_true(strlen(rl_err_text((rl_err)e)) > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_wins),
        cmocka_unit_test(null_diag),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
