/* Libraries loaded at first use: one that is there, and what a user is told when it, or something in it, is not. */
#include "src/host/lib.h"

#include <math.h>

#include "tests/unit/test.h"

static double (*cosine)(double);
static void (*nonsense)(void);
static int inits;
static bool init(void) { return ++inits; }
static bool refuse(void) { return false; }

static void there(void **state) {
    (void)state;
    static const rl_lib_func funcs[] = { { "cos", &cosine }, { NULL, NULL } };
    static rl_lib lib = { "Geometry", "libm.so.6", "libc6", funcs, init };
    assert_int_equal(rl_lib_open(&lib), RL_OK);
    assert_int_equal(rl_lib_open(&lib), RL_OK);
    assert_int_equal(inits, 1);
    assert_true(cosine(0) == 1);
}

static void missing(void **state) {
    (void)state;
    static const rl_lib_func funcs[] = { { "cos", &cosine }, { "no_such_function", &nonsense }, { NULL, NULL } };
    static rl_lib none = { "Magic", "libnone-such.so.1", "libnone1", funcs, init }, old = { "Geometry", "libm.so.6", "libc6", funcs, init };
    static rl_lib broken = { "Geometry", "libm.so.6", "libc6", funcs + 2, refuse };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rl_lib_open(&none), RL_ERR_NOTFOUND);
        assert_string_equal(none.why, "Magic needs the library libnone-such.so.1 (Debian package libnone1)");
        assert_int_equal(rl_lib_open(&old), RL_ERR_NOTFOUND);
        assert_string_equal(old.why, "Geometry needs a newer libm.so.6 (Debian package libc6): it lacks no_such_function");
        assert_int_equal(rl_lib_open(&broken), RL_ERR_NOTFOUND);
        assert_string_equal(broken.why, "Geometry: libm.so.6 (Debian package libc6) cannot be initialised");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(there), cmocka_unit_test(missing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
