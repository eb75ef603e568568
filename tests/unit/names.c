/* The registry: names of any bytes, taken over, removed, reserved, gone with their process. */
#include "src/names.h"

#include <stdio.h>

#include "tests/unit/test.h"

static rl_names names;

static u64 get(const char *name) {
    u64 node, pid;
    return rl_names_get(&names, name, (u32)strlen(name), &node, &pid) == RL_NAME_TAKEN ? pid : 0;
}
static void put(const char *name, u64 node, u64 pid) {
    assert_int_equal(rl_names_put(&names, name, (u32)strlen(name), &(rl_name_owner){ .node = node, .pid = pid, .most = 1 << 20 }), RL_OK);
}

static void put_get_remove(void **state) {
    (void)state;
    rl_names_init(&names);
    assert_int_equal(get("a"), 0);
    put("a", 0, 1);
    put("b", 0, 1);
    put("", 0, 2);
    put("a", 0, 3); /* taken over */
    assert_int_equal(get("a"), 3);
    assert_int_equal(get(""), 2);
    rl_names_remove(&names, "b", 1);
    rl_names_remove(&names, "never", 5);
    assert_int_equal(get("b"), 0);
    rl_names_fini(&names);
}

static void gone_with_process(void **state) {
    (void)state;
    char name[20];
    rl_names_init(&names);
    for (u32 i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%u", i);
        put(name, 0, 1 + i % 10);
    }
    put("elsewhere", 7, 3);
    put("n2", 0, 8); /* no longer process 3's */
    rl_names_forget(&names, 3);
    rl_names_forget(&names, 3);
    rl_names_forget(&names, 99);
    for (u32 i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(get(name), i == 2 ? 8 : i % 10 == 2 ? 0 : 1 + i % 10);
    }
    assert_int_equal(get("elsewhere"), 3);
    rl_names_fini(&names);
}

static void reserving(void **state) {
    (void)state;
    u64 node, pid;
    rl_names_init(&names);
    assert_int_equal(rl_names_reserve(&names, "x", 1, 5, 1 << 20, &node, &pid), RL_NAME_NONE);
    assert_int_equal(rl_names_reserve(&names, "x", 1, 6, 1 << 20, &node, &pid), RL_NAME_RESERVED);
    assert_int_equal(get("x"), 0);
    rl_names_remove(&names, "x", 1); /* not there yet */
    rl_names_unreserve(&names, "x", 1, 6);
    assert_int_equal(rl_names_reserve(&names, "x", 1, 6, 1 << 20, &node, &pid), RL_NAME_RESERVED);
    put("x", 0, 50);
    rl_names_unreserve(&names, "x", 1, 5); /* too late: it is the child's */
    assert_int_equal(rl_names_reserve(&names, "x", 1, 6, 1 << 20, &node, &pid), RL_NAME_TAKEN);
    assert_int_equal(pid, 50);
    assert_int_equal(rl_names_reserve(&names, "y", 1, 5, 1 << 20, &node, &pid), RL_NAME_NONE);
    rl_names_forget(&names, 5);
    assert_int_equal(rl_names_reserve(&names, "y", 1, 6, 1 << 20, &node, &pid), RL_NAME_NONE);
    rl_names_fini(&names);
}

static void text(void **state) {
    (void)state;
    char buf[100];
    rl_names_init(&names);
    assert_false(rl_names_text(&names, 1, buf, sizeof buf));
    put("t/s/Process/my/name", 0, 1);
    assert_true(rl_names_text(&names, 1, buf, sizeof buf));
    assert_string_equal(buf, "'my/name'");
    put("plain", 0, 2);
    put("a/b", 0, 2);
    assert_true(rl_names_text(&names, 2, buf, sizeof buf));
    assert_string_equal(buf, "'b' / 'plain'");
    rl_names_fini(&names);
}

static rl_err name(u32 i, u64 pid, bool nobody) {
    char text[20];
    snprintf(text, sizeof text, "n%u", i);
    return rl_names_put(&names, text, (u32)strlen(text), &(rl_name_owner){ .pid = pid, .most = 10000, .nobody = nobody });
}

/* A process has so many bytes of names, others have theirs, and what is given up can be had again. */
static void limited(void **state) {
    (void)state;
    u32 n = 0;
    rl_names_init(&names);
    while (!name(n, 1, false) && n < 1000) n++;
    assert_in_range(n, 30, 200);
    assert_int_equal(name(n, 1, false), RL_ERR_LIMIT);
    assert_int_equal(name(n - 1, 1, false), RL_OK); /* it has that one */
    assert_int_equal(name(n, 2, false), RL_OK);
    assert_int_equal(name(0, 2, false), RL_OK); /* taken over: that makes room */
    assert_int_equal(name(n, 1, false), RL_OK);
    u32 more = 0; /* of nobody: all count together */
    while (more < 1000 && !name(1000 + more, 1000 + more, true)) more++;
    assert_in_range(more, 30, 200);
    rl_names_forget(&names, 1);
    assert_int_equal(name(0, 1, false), RL_OK);
    rl_names_fini(&names);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(put_get_remove), cmocka_unit_test(gone_with_process),
                                        cmocka_unit_test(reserving), cmocka_unit_test(text),
                                        cmocka_unit_test(limited) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
