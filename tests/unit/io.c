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
static void poll_for(rl_io *io, i64 timeout) {
    rl_io_found found;
    rl_io_sleep(io, timeout, &found);
    rl_io_tell(io, &found, NULL, count, NULL);
}
static u32 poll_now(rl_io *io) {
    fired = 0;
    poll_for(io, 0);
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

/* Marks of a watch: taken away by trying, put back by events and by whoever left something. */
static void watches(void **state) {
    (void)state;
    rl_io io;
    rl_waiter a = { 0 }, b = { 0 }, w = { 0 };
    rl_watch k = { .slot = 0 };
    int s[2];
    char c[4];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    assert_int_equal(rl_io_init(&io), RL_OK);
    rl_watch_init(&k);
    assert_true(rl_watch_try(&k, RL_READY_IN)); /* nobody knows yet */
    assert_false(rl_watch_try(&k, RL_READY_IN));
    assert_true(rl_io_await(&io, &k, s[0], &a, false));
    assert_true(rl_io_await(&io, &k, s[0], &b, false));
    assert_int_equal(poll_now(&io), 0); /* only that it can be written */
    assert_false(rl_io_await(&io, &k, s[0], &w, true)); /* which nobody has tried */
    assert_null(w.at);
    assert_int_equal(write(s[1], "xyz", 3), 3);
    assert_int_equal(poll_now(&io), 2);
    assert_int_equal(io.waiting, 0);
    assert_int_equal(poll_now(&io), 0); /* an edge is told once */
    assert_false(rl_io_await(&io, &k, s[0], &a, false)); /* the mark is there */
    u8 tried = rl_watch_try(&k, RL_READY_IN);
    assert_int_equal(tried, RL_READY_IN);
    assert_int_equal(read(s[0], c, 1), 1);
    assert_true(rl_io_await(&io, &k, s[0], &b, false)); /* another reader comes before we tell that there is more */
    assert_true(rl_watch_more(&k, RL_READY_IN, tried));
    fired = 0;
    rl_io_more(&io, &k, RL_READY_IN, count, NULL);
    assert_int_equal(fired, 1);
    assert_int_equal(rl_watch_try(&k, RL_READY_IN), RL_READY_IN);
    assert_int_equal(read(s[0], c, 4), 2);
    assert_true(rl_io_await(&io, &k, s[0], &a, false));
    rl_io_cancel(&io, &a);
    rl_io_cancel(&io, &a);
    assert_int_equal(io.waiting, 0);
    assert_int_equal(write(s[1], "x", 1), 1);
    close(s[1]);
    assert_int_equal(poll_now(&io), 0); /* nobody waits, but it is noted */
    tried = rl_watch_try(&k, RL_READY_IN);
    assert_int_equal(tried, RL_READY_IN | RL_READY_END); /* the end will not be told again */
    assert_int_equal(read(s[0], c, 4), 1);
    assert_false(rl_watch_more(&k, RL_READY_IN, tried));
    assert_false(rl_io_await(&io, &k, s[0], &a, false));
    rl_io_unwatch(&io, &k);
    close(s[0]);
    rl_io_fini(&io);
}

/* Events of a watch that is gone are nobody's, also when its slot and its descriptor's number are used again. */
static void late_events(void **state) {
    (void)state;
    rl_io io;
    rl_waiter a = { 0 };
    rl_watch k[40];
    int s[2], t[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t), 0);
    assert_int_equal(rl_io_init(&io), RL_OK);
    for (u32 i = 0; i < RL_LEN(k); i++) { /* more slots than there are at first; the descriptor stays registered */
        int fd = dup(s[0]);
        k[i] = (rl_watch){ .slot = 0 };
        rl_watch_init(&k[i]);
        rl_watch_try(&k[i], RL_READY_IN);
        assert_true(rl_io_await(&io, &k[i], fd, &a, false));
        rl_io_cancel(&io, &a);
        if (i % 3) rl_io_unwatch(&io, &k[i]);
    }
    rl_watch fresh = { .slot = 0 };
    rl_watch_init(&fresh);
    rl_watch_try(&fresh, RL_READY_IN);
    assert_true(rl_io_await(&io, &fresh, t[0], &a, false));
    assert_int_equal(write(s[1], "x", 1), 1);
    assert_int_equal(poll_now(&io), 0); /* all that is about the others */
    assert_int_equal(poll_now(&io), 0);
    assert_int_equal(write(t[1], "x", 1), 1);
    assert_int_equal(poll_now(&io), 1);
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
    poll_for(&io, -1); /* returns at once */
    poll_for(&io, 1000000);
    rl_io_fini(&io);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(sockets), cmocka_unit_test(watches), cmocka_unit_test(late_events), cmocka_unit_test(not_pollable), cmocka_unit_test(waking) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
