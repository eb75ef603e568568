/* Readiness: several waiters on one descriptor, directions, cancelling, descriptors that cannot be polled, waking. */
#include "src/io.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"

static u32 fired;
static void count(void *env, rl_waiter *w) {
    (void)env;
    assert_null(w->at);
    fired++;
}
static u32 poll_now(rl_io *io) {
    fired = 0;
    rl_io_poll(io, 0, NULL, count, NULL);
    return fired;
}

static void sockets(void **state) {
    (void)state;
    rl_io io;
    rl_waiter a = { 0 }, b = { 0 }, w = { 0 };
    int s[2];
    char c;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    assert_int_equal(rl_io_init(&io), RL_OK);
    assert_int_equal(rl_io_wait(&io, &a, s[0], false), RL_OK);
    assert_int_equal(rl_io_wait(&io, &b, s[0], false), RL_OK);
    assert_int_equal(poll_now(&io), 0);
    assert_int_equal(rl_io_wait(&io, &w, s[0], true), RL_OK);
    assert_int_equal(poll_now(&io), 1); /* writable only */
    assert_null(w.at);
    assert_int_equal(write(s[1], "x", 1), 1);
    assert_int_equal(poll_now(&io), 2); /* both readers */
    assert_int_equal(poll_now(&io), 0);
    assert_int_equal(rl_io_wait(&io, &a, s[0], false), RL_OK);
    assert_int_equal(poll_now(&io), 1); /* still readable */
    assert_int_equal(read(s[0], &c, 1), 1);
    assert_int_equal(rl_io_wait(&io, &a, s[0], false), RL_OK);
    rl_io_cancel(&io, &a);
    rl_io_cancel(&io, &a);
    assert_int_equal(write(s[1], "x", 1), 1);
    assert_int_equal(poll_now(&io), 0);
    assert_int_equal(rl_io_wait(&io, &a, s[0], false), RL_OK);
    close(s[1]);
    assert_int_equal(poll_now(&io), 1);
    close(s[0]);
    assert_int_equal(io.fds.count, 0);
    rl_io_fini(&io);
}

static void not_pollable(void **state) {
    (void)state;
    rl_io io;
    rl_waiter w = { 0 };
    assert_int_equal(rl_io_init(&io), RL_OK);
    int fd = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(rl_io_wait(&io, &w, fd, false), RL_ERR_IO);
    assert_int_equal(rl_io_wait(&io, &w, 1 << 20, false), RL_ERR_IO);
    assert_int_equal(rl_io_wait(&io, &w, -1, false), RL_ERR_IO);
    assert_int_equal(io.fds.count, 0);
    close(fd);
    rl_io_fini(&io);
}

static void waking(void **state) {
    (void)state;
    rl_io io;
    assert_int_equal(rl_io_init(&io), RL_OK);
    rl_io_wake(&io);
    rl_io_poll(&io, -1, NULL, count, NULL); /* returns at once */
    rl_io_poll(&io, 1000000, NULL, count, NULL);
    rl_io_fini(&io);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sockets), cmocka_unit_test(not_pollable), cmocka_unit_test(waking) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
