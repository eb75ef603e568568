/* Rules about the network: their text, what they allow, levels of them, names that learn addresses. And addresses. */
#include "src/reach.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/host/tls.h"
#include "src/upath.h"
#include "tests/unit/test.h"

static rl_addr at(const char *text) {
    rl_addr a;
    assert_true(rl_addr_parse(text, strlen(text), &a));
    return a;
}

static rl_reach *with(const char *rules, rl_reach *above) {
    rl_reach *r = rl_reach_new(above);
    assert_non_null(r);
    assert_int_equal(rl_reach_add(r, rules, strlen(rules), NULL), RL_OK);
    return r;
}

static bool to(const rl_reach *r, const char *address) {
    rl_addr a = at(address);
    return rl_reach_allows(r, RL_REACH_CONNECT, &a);
}
static bool on(const rl_reach *r, const char *address) {
    rl_addr a = at(address);
    return rl_reach_allows(r, RL_REACH_LISTEN, &a);
}

static void addresses(void **state) {
    static const char *const good[] = { "1.2.3.4:80", "0.0.0.0:0", "[::1]:65535", "[fe80::1%3]:1", "[::ffff:1.2.3.4]:5" };
    static const char *const bad[] = { "", ":", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3:4", "1.2.3.4:-1", "1.2.3.4:+1",
                                       "::1:80", "[::1]", "[::1:80", "[]:80", "[1.2.3.4]:80", "[::1%]:80", "[::1%x]:80", "[::1%4294967296]:80",
                                       "[fe80::1%3]x:80", "1.2.3.4 :80", "localhost:80", "1.2.3.4:18446744073709551617" };
    char text[RL_ADDR_TEXT];
    rl_addr a;
    (void)state;
    for (size_t i = 0; i < RL_LEN(good); i++) {
        a = at(good[i]);
        assert_string_equal(rl_addr_text(&a, text, sizeof text), good[i]);
    }
    for (size_t i = 0; i < RL_LEN(bad); i++) assert_false(rl_addr_parse(bad[i], strlen(bad[i]), &a));
    assert_false(rl_addr_parse("1.2.3.4\0:80", 11, &a));
}

static void everything_and_nothing(void **state) {
    (void)state;
    assert_true(to(NULL, "1.2.3.4:80"));
    assert_true(rl_reach_asks(NULL, "example.com"));
    rl_reach *r = with("none", NULL);
    assert_false(to(r, "127.0.0.1:80"));
    assert_false(on(r, "127.0.0.1:80"));
    assert_false(rl_reach_asks(r, "example.com"));
    assert_true(rl_reach_first(r));
    assert_false(rl_reach_first(r));
    rl_reach_put(r);
    r = with("all", NULL);
    assert_true(to(r, "[::1]:1"));
    assert_true(on(r, "0.0.0.0:0"));
    rl_reach_put(r);
}

static void blocks_and_ports(void **state) {
    (void)state;
    rl_reach *r = with("connect=10.1.0.0/15:80-90,connect=[fd00::]/9:443,listen=127.0.0.1,listen=*:0", NULL);
    assert_true(to(r, "10.1.2.3:80"));
    assert_true(to(r, "10.0.0.0:90")); /* 10.1.0.0/15 begins at 10.0.0.0 */
    assert_false(to(r, "10.2.0.0:80"));
    assert_false(to(r, "10.1.2.3:79"));
    assert_false(to(r, "10.1.2.3:91"));
    assert_true(to(r, "[::ffff:10.1.2.3]:85")); /* the same host */
    assert_true(to(r, "[fd7f::1]:443"));
    assert_false(to(r, "[fd80::1]:443"));
    assert_false(to(r, "127.0.0.1:80"));
    assert_true(on(r, "127.0.0.1:8080"));
    assert_false(on(r, "0.0.0.0:8080"));
    assert_true(on(r, "0.0.0.0:0"));
    rl_reach_put(r);
    r = with("connect=localhost:80,connect=[::ffff:9.0.0.0]/104:*", NULL);
    assert_true(to(r, "127.0.0.1:80"));
    assert_true(to(r, "[::1]:80"));
    assert_true(to(r, "0.0.0.0:80")); /* the kernel connects that to itself */
    assert_true(to(r, "[::]:80"));
    assert_false(on(r, "127.0.0.1:80"));
    assert_true(to(r, "9.8.7.6:5"));
    rl_reach_put(r);
    r = with("connect=10.0.0.0/8", NULL);
    assert_false(to(r, "0.0.0.0:80"));
    rl_reach_put(r);
}

static void levels(void **state) {
    (void)state;
    rl_reach *parent = with("connect=10.0.0.0/8", NULL), *own = with("connect=10.9.0.0/16,connect=11.0.0.0/8", NULL);
    rl_reach *child = rl_reach_under(own, parent);
    rl_reach_put(own);
    rl_reach_put(parent);
    assert_true(to(child, "10.9.0.1:1"));
    assert_false(to(child, "10.8.0.1:1"));
    assert_false(to(child, "11.0.0.1:1"));
    rl_reach_put(child);
}

static void names(void **state) {
    (void)state;
    rl_reach *r = with("connect=example.com:80,connect=*.example.org", NULL);
    rl_addr a = at("1.2.3.4:0");
    assert_true(rl_reach_asks(r, "example.com"));
    assert_true(rl_reach_asks(r, "EXAMPLE.com."));
    assert_false(rl_reach_asks(r, "www.example.com"));
    assert_true(rl_reach_asks(r, "www.example.org"));
    assert_false(rl_reach_asks(r, "example.org"));
    assert_false(rl_reach_asks(r, "notexample.com"));
    assert_false(to(r, "1.2.3.4:80"));
    rl_reach_learn(r, "elsewhere.net", &a);
    assert_false(to(r, "1.2.3.4:80"));
    rl_reach_learn(r, "example.com", &a);
    assert_true(to(r, "1.2.3.4:80"));
    assert_false(to(r, "1.2.3.4:81"));
    for (u32 i = 0; i < 1000; i++) { /* it forgets the oldest */
        a.v4.sin_addr.s_addr = htonl(0x05000000 + i);
        rl_reach_learn(r, "a.example.org", &a);
    }
    assert_true(to(r, "5.0.3.231:9"));
    assert_false(to(r, "5.0.0.0:9"));
    rl_reach_put(r);
}

/* ---- Unix sockets ---- */

static bool path_to(const rl_reach *r, const char *name) {
    char path[PATH_MAX];
    return rl_upath_resolve(name, strlen(name), path) && rl_reach_allows_path(r, RL_REACH_CONNECT, path);
}

static void paths(void **state) {
    char at[] = "/tmp/rille-unit-XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(at));
    assert_int_equal(chdir(at), 0);
    assert_int_equal(mkdir("in", 0700) | mkdir("in/deep", 0700) | symlink("in", "alias") | symlink("..", "in/out"), 0);
    rl_reach *r = with("connect=unix:in/,connect=unix:alias/../one,listen=unix:two,connect=unix:@name,connect=unix:later/on/x", NULL);
    static const char *const good[] = { "in/x", "alias/x", "./in//deep/x", "in/deep/", "one", "in/out/one", "@name", "later/on/x", "in/not/there" };
    static const char *const bad[] = { "in", "in/", "inx", "two", "in/out/x", "in/../x", "@names", "name", "x", "/", ".", "", "in/not/../../one", "later/on/", "@" };
    for (size_t i = 0; i < RL_LEN(good); i++) assert_true(path_to(r, good[i]));
    for (size_t i = 0; i < RL_LEN(bad); i++) assert_false(path_to(r, bad[i]));
    assert_false(to(r, "127.0.0.1:80")); /* and no address */
    assert_false(rl_reach_asks(r, "example.com"));
    rl_reach *own = with("all", NULL), *child = rl_reach_under(own, r), *orphan = rl_reach_under(own, NULL);
    assert_true(path_to(child, "one"));
    assert_false(path_to(child, "x"));
    assert_true(path_to(own, "x"));
    assert_false(path_to(orphan, "x")); /* made by somebody without rules, who may use none */
    assert_false(path_to(NULL, "x"));
    rl_reach_put(orphan);
    rl_reach_put(child);
    rl_reach_put(own);
    rl_reach_put(r);
    r = with("connect=*,listen=*", NULL); /* addresses only */
    assert_false(path_to(r, "x"));
    rl_reach_put(r);

    char path[PATH_MAX], exact[PATH_MAX];
    const char *last;
    assert_true(rl_upath_resolve("alias/x", 7, path));
    snprintf(exact, sizeof exact, "%s/in/x", at);
    assert_string_equal(path, exact);
    int dir = rl_upath_open_dir(path, &last);
    assert_true(dir >= 0);
    assert_string_equal(last, "x");
    close(dir);
    assert_int_equal(rename("in", "was") | symlink("/", "in"), 0); /* meanwhile */
    assert_int_equal(rl_upath_open_dir(path, &last), -1);
    memset(path, 'x', sizeof path);
    assert_false(rl_upath_resolve(path, sizeof path, exact));
    assert_false(rl_upath_resolve("a\0b", 3, exact));
    assert_int_equal(unlink("in") | unlink("was/out") | rmdir("was/deep") | rmdir("was") | unlink("alias") | chdir("/") | rmdir(at), 0);
}

static void protocols(void **state) {
    static const u8 two[] = "\2h2\010http/1.1", other[] = "\1x\010http/1.1";
    (void)state;
    assert_true(rl_alpn_valid(two, 12));
    for (size_t n = 0; n < 12; n++) assert_int_equal(rl_alpn_valid(two, n), n == 3);
    assert_false(rl_alpn_valid((const u8 *)"\0\1x", 3));
    assert_ptr_equal(rl_alpn_common(two, 12, other, 11), two + 3);
    assert_ptr_equal(rl_alpn_common(other, 11, two, 12), other + 2);
    assert_null(rl_alpn_common(two, 3, other, 11));
}

static void mistakes(void **state) {
    static const char *const bad[] = { "", "listen", "listen=", "connect=:80", "connect=*:", "connect=*:80-", "connect=*:90-80", "connect=*:65536",
                                       "connect=10.0.0.0/33", "connect=[::1]/129", "connect=[::1", "connect=::1", "listen=example.com", "connect=a b",
                                       "connect=*,", ",connect=*", "connect=*.", "connect=[::ffff:1.2.3.4]/95", "unknown=1.2.3.4", "connect=1.2.3.4/x",
                                       "connect=unix:", "listen=unix:@", "unix:/x", "connect=unix:/no/such/../x", "connect=unix:.." };
    (void)state;
    for (size_t i = 0; i < RL_LEN(bad); i++) {
        rl_diag d = { 0 };
        rl_reach *r = rl_reach_new(NULL);
        assert_int_equal(rl_reach_add(r, bad[i], strlen(bad[i]), &d), RL_ERR_USAGE);
        assert_true(d.text[0]);
        rl_reach_put(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses), cmocka_unit_test(everything_and_nothing), cmocka_unit_test(blocks_and_ports),
        cmocka_unit_test(levels),    cmocka_unit_test(names),                  cmocka_unit_test(mistakes),
        cmocka_unit_test(paths),     cmocka_unit_test(protocols),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
