/* Line tables written by hand, versions 4 and 5: which row an address belongs to, and how names are put together. */
#include "tests/unit/test.h"

#include "jit/demangle.h"
#include "jit/dwarf.h"

#define CODE 0x100 /* offset of the code section's payload: addresses count from there */

/* From address 0x10: a.c line 10 column 7 for 8 bytes, then line 12 for 4. Then a dropped function at address 0. */
#define PROGRAM                                                                              \
    0, 5, 2, 0x10, 0, 0, 0, 3, 9, 5, 7, 1, 2, 8, 3, 2, 1, 2, 4, 0, 1, 1,                      \
    0, 5, 2, 0, 0, 0, 0, 3, 0x40, 1, 2, 0xff, 1, 0, 1, 1
#define LENGTHS 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1

static const u8 v4[] = { 81, 0, 0, 0, 4, 0, 35, 0, 0, 0, 1, 1, 1, 0xfb, 14, 13, LENGTHS,
                         's', 'r', 'c', 0, 0, 'a', '.', 'c', 0, 1, 0, 0, 'b', 'b', 0, 0, 0, 0, 0, 0, PROGRAM };
static const u8 v5[] = { 87, 0, 0, 0, 5, 0, 4, 0, 39, 0, 0, 0, 1, 1, 1, 0xfb, 14, 13, LENGTHS,
                         1, 1, 0x08, 2, '/', 0, 's', 'r', 'c', 0, 2, 1, 0x1f, 2, 0x0b, 2, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, PROGRAM };
static const char strings[] = "b.c\0a.c";

/* Fixes the two lengths, so that the bytes above need not be counted. */
static void fix(u8 *t, size_t size, u32 length_at) {
    static const u8 program[] = { PROGRAM };
    rl_store32(t, (u32)size - 4);
    rl_store32(t + length_at, (u32)(size - sizeof program - length_at - 4));
}

static void check(const u8 *table, size_t size, u32 length_at) {
    u8 bytes[300] = { 0 };
    memcpy(bytes, table, size);
    memcpy(bytes + 200, strings, sizeof strings);
    fix(bytes, size, length_at);
    rl_custom customs[] = { { { ".debug_line", 11 }, 0, (u32)size }, { { ".debug_line_str", 15 }, 200, sizeof strings } };
    rl_module m = { .bytes = bytes, .size = sizeof bytes, .customs = customs, .ncustoms = 2, .code_offset = CODE };
    const u32 at[] = { CODE + 0x10, CODE + 0x17, CODE + 0x18, CODE + 0x1c, CODE + 0x0f, CODE + 0x40 };
    rl_source s[RL_LEN(at)];
    rl_dwarf_lines(&m, at, RL_LEN(at), s);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(s[i].file, "src/a.c");
        assert_int_equal(s[i].line, 10);
        assert_int_equal(s[i].column, 7);
    }
    assert_string_equal(s[2].file, "src/a.c");
    assert_int_equal(s[2].line, 12);
    for (int i = 3; i < 6; i++) assert_string_equal(s[i].file, "");
}

static void version_4(void **state) {
    (void)state;
    check(v4, sizeof v4, 6);
}

static void version_5(void **state) {
    (void)state;
    check(v5, sizeof v5, 8);
}

static void every_truncation_is_harmless(void **state) {
    (void)state;
    for (u32 n = 0; n < sizeof v5; n++) {
        rl_custom c = { { ".debug_line", 11 }, 0, n };
        rl_module m = { .bytes = v5, .size = n, .customs = &c, .ncustoms = 1 };
        rl_source s;
        rl_dwarf_lines(&m, &(u32){ 0x10 }, 1, &s);
        assert_string_equal(s.file, "");
    }
}

static void names(void **state) {
    (void)state;
    char buf[200];
    assert_string_equal(rl_demangle("_ZN4deep5Thing4pokeIlEEiT_", buf, sizeof buf), "int deep::Thing::poke<long>(long)");
    assert_string_equal(rl_demangle("_ZN4core9panicking5panic17h0123456789abcdefE", buf, sizeof buf), "core::panicking::panic");
    assert_string_equal(rl_demangle("_RNvCs1234_7mycrate3foo", buf, sizeof buf), "mycrate::foo");
    assert_string_equal(rl_demangle("plain", buf, sizeof buf), "plain");
    assert_string_equal(rl_demangle("_ZN", buf, sizeof buf), "_ZN");
    assert_string_equal(rl_demangle("a\033[31mb\n", buf, sizeof buf), "a?[31mb?");
    assert_string_equal(rl_demangle("long name", buf, 5), "long");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(version_4), cmocka_unit_test(version_5),
                                        cmocka_unit_test(every_truncation_is_harmless), cmocka_unit_test(names) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
