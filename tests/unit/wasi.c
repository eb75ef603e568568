/* Preview 1 called directly: what the recorded guests cannot see. Waiting (what a call parks for, that the repeated call
 * ends), sharing between processes, the descriptor table, memory ranges, read-only directories, sockets, FIFOs. */
#include "tests/unit/wasi.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

static i64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (i64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int setup(void **state) {
    (void)state;
    process_new();
    return 0;
}
static int teardown(void **state) {
    (void)state;
    process_end();
    return 0;
}

static int open_files(void) {
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* ---- config ---- */

static void missing_directory(void **state) {
    (void)state;
    int before = open_files();
    struct rl_wasi *w = NULL;
    rl_diag d = {0};
    rl_wasi_dir dirs[] = {{W.dir, "ok", false}, {host("missing"), "x", false}};
    rl_wasi_config c = {.dirs = dirs, .ndirs = 2, .std = {0, 1, 2}};
    assert_int_equal(rl_wasi_new(&c, &w, &d), RL_ERR_IO);
    assert_null(w);
    assert_non_null(strstr(d.text, host("missing")));
    assert_non_null(strstr(d.text, "No such file"));
    put_file(host("file"), "");
    dirs[1].host = host("file");
    d = (rl_diag){0};
    assert_int_equal(rl_wasi_new(&c, &w, &d), RL_ERR_IO);
    assert_non_null(strstr(d.text, "Not a directory"));
    int bad = 999;
    c = (rl_wasi_config){.socks = &bad, .nsocks = 1, .std = {0, 1, 2}};
    assert_int_equal(rl_wasi_new(&c, &w, NULL), RL_ERR_IO);
    assert_int_equal(open_files(), before);
}

static void shared_by_processes(void **state) {
    (void)state;
    int before = open_files();
    struct rl_wasi *first = W.h.wasi, *more[100];
    for (int i = 0; i < 100; i++) assert_non_null(more[i] = rl_wasi_clone(first));
    assert_int_equal(open_files(), before); /* not one descriptor each */
    u32 fd;
    W.h.wasi = more[0];
    assert_int_equal(openf(3, "file", FOLLOW, RL_WASI_CREAT, RW, 0, &fd), 0);
    assert_int_equal(fd, 4);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, 3), 0); /* only this process loses it */
    W.h.wasi = more[1];
    assert_int_equal(rl_host_wasi_fd_fdstat_get(&W.h, 4, SCRATCH), RL_WASI_BADF);
    assert_int_equal(probe(3, "file", FOLLOW, 0, RO), 0);
    W.h.wasi = first;
    for (int i = 0; i < 100; i++) rl_wasi_free(more[i]);
    assert_int_equal(open_files(), before);
    assert_int_equal(probe(3, "file", FOLLOW, 0, RO), 0);
    struct rl_wasi *last = rl_wasi_clone(first);
    rl_wasi_free(first);
    W.h.wasi = last; /* outlives the one it was made from */
    assert_int_equal(probe(3, "file", FOLLOW, 0, RO), 0);
}

static void listing_is_private(void **state) {
    (void)state;
    for (char name[3] = "f0"; name[1] <= '9'; name[1]++) put_file(host(name), "");
    struct rl_wasi *a = W.h.wasi, *b = rl_wasi_clone(a);
    assert_int_equal(rl_host_wasi_fd_readdir(&W.h, 3, 2048, 60, 0, SCRATCH), 0);
    u64 cookie = rl_load64(W.bytes + 2048);
    W.h.wasi = b; /* another process lists the same preopen from the start */
    assert_int_equal(rl_host_wasi_fd_readdir(&W.h, 3, 2048, 4096, 0, SCRATCH), 0);
    u32 all = got32(0);
    W.h.wasi = a;
    assert_int_equal(rl_host_wasi_fd_readdir(&W.h, 3, 8192, 4096, (i64)cookie, SCRATCH), 0);
    assert_int_equal(got32(0), all - 24 - rl_load32(W.bytes + 2048 + 16));
    assert_memory_equal(W.bytes + 8192, W.bytes + 2048 + 24 + rl_load32(W.bytes + 2048 + 16), got32(0));
    rl_wasi_free(b);
}

static void absent_std(void **state) {
    (void)state;
    struct rl_wasi *w = W.h.wasi;
    process_with(NULL, 0, NULL, 0, (int[]){-1, 1, -1});
    u32 fd = 0;
    assert_int_equal(read_fd(0, 1), RL_WASI_BADF);
    assert_int_equal(write_fd(2, "x"), RL_WASI_BADF);
    assert_int_equal(write_fd(1, ""), 0);
    assert_int_equal(openf(3, "x", FOLLOW, 0, RO, 0, &fd), RL_WASI_BADF);
    rl_wasi_free(W.h.wasi);
    W.h.wasi = w;
}

static void arguments(void **state) {
    (void)state;
    assert_int_equal(rl_host_wasi_args_sizes_get(&W.h, SCRATCH, SCRATCH + 4), 0);
    assert_int_equal(got32(0), 3);
    assert_int_equal(got32(1), 8 + 4 + 10);
    assert_int_equal(rl_host_wasi_args_get(&W.h, 2048, 3000), 0);
    assert_string_equal((char *)W.bytes + rl_load32(W.bytes + 2048 + 8), "two words");
    assert_int_equal(rl_host_wasi_environ_get(&W.h, 2048, 3000), 0);
    assert_string_equal((char *)W.bytes + rl_load32(W.bytes + 2048 + 4), "EMPTY=");
    rl_host_wasi_args_get(&W.h, 2048, (i32)MEMORY - 21);
    assert_int_equal(outcome(), RL_OUT_TRAP);
}

static void imports(void **state) {
    (void)state;
    assert_int_equal(rl_api_wasi.count, 46);
    for (u32 i = 0; i < rl_api_wasi.count; i++) {
        rl_extern x = {0};
        const rl_api_row *r = &rl_api_wasi.rows[i];
        assert_int_equal(rl_wasi_import(&(rl_name){r->name, (u32)strlen(r->name)}, &x), RL_OK);
        assert_int_equal(x.kind, RL_KIND_FUNC);
        assert_ptr_equal(x.func->fn, r->fn);
        assert_int_equal(x.func->proto->nparams, strlen(r->letters) - 2);
        assert_int_equal(x.func->proto->nresults, r->letters[0] == 'i');
    }
    rl_extern x;
    assert_int_equal(rl_wasi_import(&(rl_name){"fd_writ", 7}, &x), RL_ERR_NOTFOUND);
    assert_int_equal(rl_wasi_import(&(rl_name){"", 0}, &x), RL_ERR_NOTFOUND);
}

/* ---- descriptors ---- */

static void numbers(void **state) {
    (void)state;
    u32 fd[6];
    put_file(host("f"), "");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(openf(3, "f", FOLLOW, 0, RO, 0, &fd[i]), 0);
        assert_int_equal(fd[i], 4 + i);
    }
    assert_int_equal(rl_host_wasi_fd_close(&W.h, 5), 0);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, 7), 0);
    u32 x;
    for (int i = 0; i < 3; i++) { /* the highest free number first, as wasmtime */
        assert_int_equal(openf(3, "f", FOLLOW, 0, RO, 0, &x), 0);
        assert_int_equal(x, ((u32[]){7, 5, 10})[i]);
    }
    assert_int_equal(rl_host_wasi_fd_renumber(&W.h, 10, 11), RL_WASI_BADF);
    assert_int_equal(rl_host_wasi_fd_renumber(&W.h, 10, 3), 0); /* over the preopen */
    assert_int_equal(rl_host_wasi_fd_prestat_get(&W.h, 3, SCRATCH), RL_WASI_BADF);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, 10), RL_WASI_BADF);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, -1), RL_WASI_BADF);
}

static void many_then_mfile(void **state) {
    (void)state;
    put_file(host("f"), "");
    u32 fd, n = 0;
    i32 e;
    struct rlimit was, few;
    getrlimit(RLIMIT_NOFILE, &was);
    few = (struct rlimit){500, was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    while (!(e = openf(3, "f", FOLLOW, 0, RO, 0, &fd)) && n < 1000) n++;
    assert_int_equal(e, RL_WASI_MFILE); /* the host's limit */
    assert_true(n > 100);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, (i32)(n / 2)), 0);
    assert_int_equal(openf(3, "f", FOLLOW, 0, RO, 0, &fd), 0);
    assert_int_equal(fd, n / 2);
    setrlimit(RLIMIT_NOFILE, &was);
}

static void ranges_trap(void **state) {
    (void)state;
    u32 fd;
    assert_int_equal(openf(3, "f", FOLLOW, RL_WASI_CREAT, RW, 0, &fd), 0);
    rl_host_wasi_fd_write(&W.h, (i32)fd, (i32)MEMORY - 4, 1, SCRATCH);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    rl_host_wasi_fd_write(&W.h, (i32)fd, 0, -1, SCRATCH); /* 2^32-1 slices */
    assert_int_equal(outcome(), RL_OUT_TRAP);
    u32 v[4] = {1024, 16, MEMORY - 1, 2};
    rl_host_wasi_fd_write(&W.h, (i32)fd, bytes_at(v, 16), 2, SCRATCH);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    v[3] = 1; /* up to the last byte */
    assert_int_equal(rl_host_wasi_fd_write(&W.h, (i32)fd, bytes_at(v, 16), 2, SCRATCH), 0);
    assert_int_equal(outcome(), RL_OUT_DONE);
    assert_int_equal(got32(0), 17);
    rl_host_wasi_path_open(&W.h, 3, 0, (i32)MEMORY - 1, 2, 0, RO, 0, 0, SCRATCH);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    rl_host_wasi_random_get(&W.h, 1, (i32)MEMORY);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    rl_host_wasi_poll_oneoff(&W.h, 0, 0, (i32)(MEMORY / 32), SCRATCH);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    rl_instance_set_memory(W.instance, &(rl_memory){ 0 }); /* as of a module without memory */
    W.instance->host_memory = false;
    rl_host_wasi_fd_tell(&W.h, (i32)fd, 0);
    assert_int_equal(outcome(), RL_OUT_TRAP);
}

static void many_slices(void **state) {
    (void)state;
    u32 fd, v[2 * 1100];
    assert_int_equal(openf(3, "f", FOLLOW, RL_WASI_CREAT, RW, 0, &fd), 0);
    for (u32 i = 0; i < 1100; i++) v[2 * i] = 1024, v[2 * i + 1] = i % 2;
    i32 at = bytes_at(v, sizeof v);
    assert_int_equal(rl_host_wasi_fd_write(&W.h, (i32)fd, at, 1100, SCRATCH), 0);
    assert_int_equal(got32(0), 512); /* the first 1,024 slices, every other empty: the guest goes on from there */
}

/* ---- waiting ---- */

static void stdin_parks(void **state) {
    (void)state;
    int p[2];
    assert_int_equal(pipe(p), 0);
    rl_wasi_free(W.h.wasi);
    process_with(NULL, 0, NULL, 0, (int[]){p[0], p[1], 2});
    read_fd(0, 100);
    assert_int_equal(outcome(), RL_OUT_PARK);
    assert_int_equal(W.h.wait.fd, p[0]);
    assert_false(W.h.wait.write);
    assert_true(W.h.wait.deadline_ns == INT64_MAX);
    assert_true(W.h.wait.retry);
    assert_int_equal(write(p[1], "hello", 5), 5);
    rl_wasi_wait(&W.h);
    assert_int_equal(read_fd(0, 100), 0);
    assert_int_equal(outcome(), RL_OUT_DONE);
    assert_false(W.h.wait.retry);
    assert_string_equal(read_text(), "hello");
    assert_int_equal(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0); /* shared with others: untouched */
    static char big[30000];
    memset(big, 'x', sizeof big - 1);
    u32 total = 0;
    for (int i = 0; i < 20 && outcome() == RL_OUT_DONE; i++) { /* fills the pipe, in whatever portions */
        assert_int_equal(write_fd(1, big), 0);
        if (W.h.exec.outcome == RL_OUT_DONE) total += got32(0);
    }
    assert_true(W.h.wait.write);
    assert_int_equal(W.h.wait.fd, p[1]);
    assert_true(total > 60000 && total <= 65536); /* slices of whole pages may leave some unused */
    close(p[1]);
    for (u32 n; total; total -= n) {
        n = (u32)read(p[0], big, sizeof big);
        assert_true(n > 0 && n <= total);
    }
    W.h.exec.outcome = RL_OUT_DONE;
    assert_int_equal(read_fd(0, 10), 0); /* the end: nobody writes */
    assert_int_equal(got32(0), 0);
    close(p[0]);
}

static void fifo(void **state) {
    (void)state;
    u32 r, w;
    assert_int_equal(mkfifo(host("fifo"), 0600), 0);
    openf(3, "fifo", FOLLOW, 0, RL_WASI_RIGHT_WRITE, 0, &w);
    assert_int_equal(outcome(), RL_OUT_PARK); /* nobody reads: tried again soon */
    assert_int_equal(W.h.wait.fd, -1);
    assert_true(W.h.wait.deadline_ns < now() + 1000000000);
    rl_host_done(&W.h);
    assert_int_equal(openf(3, "fifo", FOLLOW, 0, RL_WASI_RIGHT_WRITE, RL_WASI_NONBLOCK, &w), RL_WASI_NXIO);
    assert_int_equal(openf(3, "fifo", FOLLOW, 0, RO, 0, &r), 0);
    assert_int_equal(openf(3, "fifo", FOLLOW, 0, RL_WASI_RIGHT_WRITE, 0, &w), 0);
    read_fd(r, 10);
    assert_int_equal(outcome(), RL_OUT_PARK);
    rl_host_done(&W.h);
    assert_int_equal(rl_host_wasi_fd_fdstat_set_flags(&W.h, (i32)r, RL_WASI_NONBLOCK), 0);
    assert_int_equal(read_fd(r, 10), RL_WASI_AGAIN);
    assert_int_equal(write_fd(w, "abc"), 0);
    assert_int_equal(read_fd(r, 10), 0);
    assert_string_equal(read_text(), "abc");
}

static void put_sub(u32 i, u64 data, u8 tag, u32 id, u64 timeout, u16 flags) {
    u8 *p = W.bytes + 2048 + 48 * i;
    memset(p, 0, 48);
    rl_store64(p, data);
    p[8] = tag;
    rl_store32(p + 16, id);
    rl_store64(p + 24, timeout);
    p[40] = (u8)flags;
}
static i32 poll_subs(u32 n) { return rl_host_wasi_poll_oneoff(&W.h, 2048, 8192, (i32)n, SCRATCH); }
static u64 event(u32 i) { return rl_load64(W.bytes + 8192 + 32 * i); }

static void poll_clocks(void **state) {
    (void)state;
    i64 before = now();
    put_sub(0, 7, 0, 1, 30000000, 0);
    put_sub(1, 8, 0, 1, UINT64_MAX, 0);
    poll_subs(2);
    assert_int_equal(outcome(), RL_OUT_PARK);
    i64 deadline = W.h.wait.deadline_ns;
    assert_true(deadline >= before + 30000000 && deadline <= now() + 30000000);
    usleep(5000);
    poll_subs(2); /* woken for nothing: the deadline still counts from the first call */
    assert_int_equal(outcome(), RL_OUT_PARK);
    assert_true(W.h.wait.deadline_ns == deadline);
    rl_wasi_wait(&W.h);
    assert_true(now() >= deadline);
    assert_true(W.h.wait.timed_out);
    assert_int_equal(poll_subs(2), 0);
    assert_int_equal(outcome(), RL_OUT_DONE);
    assert_int_equal(got32(0), 1);
    assert_int_equal(event(0), 7);
    assert_false(W.h.wait.retry);
    put_sub(0, 9, 0, 0, 1, 1); /* absolute times of day: one past, one far */
    put_sub(1, 10, 0, 0, UINT64_MAX, 1);
    assert_int_equal(poll_subs(2), 0);
    assert_int_equal(got32(0), 1);
    put_sub(0, 11, 0, 0, UINT64_MAX, 1);
    poll_subs(2);
    assert_int_equal(outcome(), RL_OUT_PARK);
    assert_true(W.h.wait.deadline_ns == INT64_MAX);
    rl_host_done(&W.h);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    put_sub(0, 12, 0, 0, ((u64)t.tv_sec + 3600) * 1000000000u, 1);
    poll_subs(1);
    assert_int_equal(outcome(), RL_OUT_PARK);
    i64 left = W.h.wait.deadline_ns - now();
    assert_true(left > 3590000000000 && left < 3601000000000);
    rl_host_done(&W.h);
    put_sub(0, 13, 0, 2, 0, 0);
    assert_int_equal(poll_subs(1), RL_WASI_INVAL);
    put_sub(0, 13, 3, 0, 0, 0);
    assert_int_equal(poll_subs(1), RL_WASI_INVAL);
}

static void poll_fds(void **state) {
    (void)state;
    int p[2], q[2], before;
    assert_int_equal(pipe(p), 0);
    assert_int_equal(pipe(q), 0);
    rl_wasi_free(W.h.wasi);
    process_with(NULL, 0, NULL, 0, (int[]){p[0], q[1], 2});
    before = open_files();
    put_sub(0, 1, 1, 0, 0, 0); /* one descriptor: waited for itself */
    put_sub(1, 2, 0, 1, 50000000, 0);
    poll_subs(2);
    assert_int_equal(outcome(), RL_OUT_PARK);
    assert_int_equal(W.h.wait.fd, p[0]);
    assert_true(W.h.wait.deadline_ns < INT64_MAX);
    rl_host_done(&W.h);
    while (write(q[1], "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", fcntl(q[1], F_SETFL, O_NONBLOCK) ? 0 : 32) > 0) {}
    put_sub(1, 2, 2, 1, 0, 0); /* two: through an epoll set */
    poll_subs(2);
    assert_int_equal(outcome(), RL_OUT_PARK);
    int set = W.h.wait.fd;
    assert_true(set != p[0] && set != q[1]);
    assert_true(W.h.wait.deadline_ns == INT64_MAX);
    assert_int_equal(open_files(), before + 1);
    assert_int_equal(write(p[1], "abc", 3), 3);
    rl_wasi_wait(&W.h);
    assert_int_equal(poll_subs(2), 0);
    assert_int_equal(outcome(), RL_OUT_DONE);
    assert_int_equal(got32(0), 1);
    assert_int_equal(event(0), 1);
    assert_int_equal(rl_load64(W.bytes + 8192 + 16), 3); /* bytes to be read */
    assert_int_equal(open_files(), before);
    char b[4096];
    assert_int_equal(read(p[0], b, 3), 3);
    poll_subs(2);
    assert_int_equal(outcome(), RL_OUT_PARK);
    for (int n = 1; n; ) {
        assert_true(read(q[0], b, sizeof b) > 0);
        assert_int_equal(ioctl(q[0], FIONREAD, &n), 0);
    }
    rl_wasi_wait(&W.h);
    assert_int_equal(poll_subs(2), 0);
    assert_int_equal(event(0), 2);
    poll_subs(1);
    close(p[1]); /* hang-up */
    outcome();
    rl_wasi_wait(&W.h);
    assert_int_equal(poll_subs(1), 0);
    assert_int_equal(W.bytes[8192 + 24], 1);
    put_sub(0, 1, 1, 77, 0, 0);
    assert_int_equal(poll_subs(1), RL_WASI_BADF);
    close(p[0]), close(q[0]), close(q[1]);
}

static void killed_while_polling(void **state) {
    (void)state;
    int p[2], q[2];
    assert_int_equal(pipe(p), 0);
    assert_int_equal(pipe(q), 0);
    rl_wasi_free(W.h.wasi);
    int before = open_files();
    int socks[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, socks), 0);
    process_with(NULL, 0, socks, 2, (int[]){p[0], q[1], 2});
    put_sub(0, 1, 1, 0, 0, 0);
    put_sub(1, 2, 1, 3, 0, 0);
    put_sub(2, 3, 1, 4, 0, 0);
    poll_subs(3);
    assert_int_equal(outcome(), RL_OUT_PARK);
    rl_wasi_free(W.h.wasi); /* the set goes with the process */
    W.h.wasi = NULL;
    close(socks[0]), close(socks[1]);
    assert_int_equal(open_files(), before);
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void yields(void **state) {
    (void)state;
    rl_host_wasi_sched_yield(&W.h);
    assert_int_equal(outcome(), RL_OUT_PARK);
    assert_true(W.h.wait.yield);
    rl_wasi_wait(&W.h); /* returns at once */
    assert_int_equal(rl_host_wasi_sched_yield(&W.h), 0);
    assert_int_equal(outcome(), RL_OUT_DONE);
    assert_false(W.h.wait.retry || W.h.wait.yield);
}

static void random_in_portions(void **state) {
    (void)state;
    u32 n = 5u << 20;
    W.memory.base = calloc(1, n + 1);
    W.memory.bytes = n + 1;
    rl_instance_set_memory(W.instance, &W.memory);
    int calls = 0;
    do rl_host_wasi_random_get(&W.h, 0, (i32)n), calls++;
    while (outcome() == RL_OUT_PARK);
    assert_int_equal(calls, 5);
    assert_false(W.h.wait.retry);
    for (u32 at = 0; at < n; at += 4096) { /* every page was written */
        u32 zeros = 0;
        for (u32 i = 0; i < 64; i++) zeros += !W.memory.base[at + i];
        assert_true(zeros < 16);
    }
    assert_int_equal(W.memory.base[n], 0);
    free(W.memory.base);
}

static void exits(void **state) {
    (void)state;
    rl_host_wasi_proc_exit(&W.h, 300);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    assert_int_equal(W.h.exec.trap, RL_TRAP_EXIT);
    assert_int_equal(W.h.exec.exit_code, 300);
    rl_host_wasi_proc_raise(&W.h, 6);
    assert_int_equal(outcome(), RL_OUT_TRAP);
    assert_int_equal(W.h.exec.trap, RL_TRAP_HOST);
}

/* ---- sockets ---- */

static void sockets(void **state) {
    (void)state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/sock", W.dir);
    int l = socket(AF_UNIX, SOCK_STREAM, 0), before;
    assert_int_equal(bind(l, (void *)&a, sizeof a), 0);
    assert_int_equal(listen(l, 5), 0);
    rl_wasi_free(W.h.wasi);
    process_with(&(rl_wasi_dir){W.dir, "d0", false}, 1, &l, 1, NULL);
    before = open_files();
    assert_int_equal(rl_host_wasi_fd_prestat_get(&W.h, 4, SCRATCH), RL_WASI_BADF); /* directories end before it */
    rl_host_wasi_sock_accept(&W.h, 4, 0, SCRATCH);
    assert_int_equal(outcome(), RL_OUT_PARK);
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(c, (void *)&a, sizeof a), 0);
    rl_wasi_wait(&W.h);
    assert_int_equal(rl_host_wasi_sock_accept(&W.h, 4, 0, SCRATCH), 0);
    u32 s = got32(0), v[2] = {50000, 100};
    assert_int_equal(s, 5);
    i32 iov = bytes_at(v, 8);
    rl_host_wasi_sock_recv(&W.h, (i32)s, iov, 1, 0, SCRATCH, SCRATCH + 8);
    assert_int_equal(outcome(), RL_OUT_PARK);
    rl_host_done(&W.h);
    assert_int_equal(write(c, "ping", 4), 4);
    assert_int_equal(rl_host_wasi_sock_recv(&W.h, (i32)s, iov, 1, 1, SCRATCH, SCRATCH + 8), 0); /* peek */
    assert_int_equal(read_fd(s, 100), 0); /* fd_read works too */
    assert_string_equal(read_text(), "ping");
    v[0] = (u32)bytes_at("pong", 4), v[1] = 4;
    assert_int_equal(rl_host_wasi_sock_send(&W.h, (i32)s, bytes_at(v, 8), 1, 0, SCRATCH), 0);
    char b[8] = "";
    assert_int_equal(read(c, b, 8), 4);
    assert_string_equal(b, "pong");
    assert_int_equal(rl_host_wasi_sock_shutdown(&W.h, (i32)s, 2), 0);
    assert_int_equal(read(c, b, 8), 0);
    assert_int_equal(rl_host_wasi_sock_shutdown(&W.h, (i32)s, 0), RL_WASI_INVAL);
    close(c);
    assert_int_equal(write_fd(s, "x"), RL_WASI_PIPE); /* an errno, not a signal */
    assert_int_equal(rl_host_wasi_fd_fdstat_get(&W.h, (i32)s, SCRATCH), 0);
    assert_int_equal(W.bytes[SCRATCH], RL_WASI_TYPE_STREAM);
    assert_int_equal(rl_host_wasi_sock_recv(&W.h, 3, iov, 1, 0, SCRATCH, SCRATCH), RL_WASI_NOTSOCK);
    assert_int_equal(rl_host_wasi_sock_accept(&W.h, 99, 0, SCRATCH), RL_WASI_BADF);
    assert_int_equal(rl_host_wasi_fd_close(&W.h, (i32)s), 0);
    assert_int_equal(open_files(), before);
    close(l);
}

static void datagrams(void **state) {
    (void)state;
    int s[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
    rl_wasi_free(W.h.wasi);
    process_with(NULL, 0, s, 1, NULL);
    assert_int_equal(write(s[1], "0123456789", 10), 10);
    u32 v[2] = {50000, 4};
    assert_int_equal(rl_host_wasi_sock_recv(&W.h, 3, bytes_at(v, 8), 1, 0, SCRATCH, SCRATCH + 8), 0);
    assert_int_equal(got32(0), 4);
    assert_int_equal(got32(2) & 0xffff, 1); /* truncated */
    rl_host_wasi_fd_fdstat_get(&W.h, 3, SCRATCH);
    assert_int_equal(W.bytes[SCRATCH], RL_WASI_TYPE_DGRAM);
    close(s[0]), close(s[1]);
}

/* ---- read-only directories ---- */

static void read_only(void **state) {
    (void)state;
    assert_int_equal(mkdir(host("sub"), 0755), 0);
    put_file(host("sub/file"), "text");
    assert_int_equal(symlink("sub", host("link")), 0);
    rl_wasi_free(W.h.wasi);
    rl_wasi_dir dirs[] = {{W.dir, "ro", true}, {W.dir, "rw", false}};
    process_with(dirs, 2, NULL, 0, NULL);
    u32 sub, fd;
    assert_int_equal(openf(3, "sub", FOLLOW, RL_WASI_DIRECTORY, RO, 0, &sub), 0);
    for (i32 d = 3; d != -1; d = d == 3 ? (i32)sub : -1) { /* what is opened beneath it is read-only too */
        const char *file = d == 3 ? "sub/file" : "file";
        assert_int_equal(openf(d, file, FOLLOW, 0, RO, 0, &fd), 0);
        assert_int_equal(read_fd(fd, 10), 0);
        assert_string_equal(read_text(), "text");
        assert_int_equal(write_fd(fd, "x"), RL_WASI_BADF);
        assert_int_equal(rl_host_wasi_fd_filestat_set_size(&W.h, (i32)fd, 0), RL_WASI_INVAL);
        assert_int_equal(rl_host_wasi_fd_allocate(&W.h, (i32)fd, 0, 100), RL_WASI_BADF);
        assert_int_equal(rl_host_wasi_fd_filestat_set_times(&W.h, (i32)fd, 0, 0, 5), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_fd_filestat_set_times(&W.h, d, 0, 0, 5), RL_WASI_ROFS);
        assert_int_equal(probe(d, file, FOLLOW, 0, RW), RL_WASI_ROFS);
        assert_int_equal(probe(d, file, FOLLOW, RL_WASI_TRUNC, RO), RL_WASI_ROFS);
        assert_int_equal(probe(d, "new", FOLLOW, RL_WASI_CREAT, RO), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_create_directory(&W.h, d, TEXT("new")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_remove_directory(&W.h, d, TEXT("sub")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_unlink_file(&W.h, d, TEXT(file)), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_symlink(&W.h, TEXT("x"), d, TEXT("new")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_rename(&W.h, d, TEXT(file), d, TEXT("new")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_rename(&W.h, d, TEXT(file), 4, TEXT("new")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_rename(&W.h, 4, TEXT("sub/file"), d, TEXT("new")), RL_WASI_ROFS);
        /* a second name in a writable directory would make the file writable */
        assert_int_equal(rl_host_wasi_path_link(&W.h, d, 0, TEXT(file), 4, TEXT("new")), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_filestat_set_times(&W.h, d, 1, TEXT(file), 0, 0, 5), RL_WASI_ROFS);
        assert_int_equal(rl_host_wasi_path_filestat_get(&W.h, d, 1, TEXT(file), SCRATCH), 0);
        assert_int_equal(rl_host_wasi_fd_readdir(&W.h, d, 2048, 4096, 0, SCRATCH), 0);
    }
    assert_int_equal(rl_host_wasi_path_readlink(&W.h, 3, TEXT("link"), 2048, 100, SCRATCH), 0);
    assert_int_equal(probe(4, "sub/file", FOLLOW, 0, RW), 0); /* the writable one is writable */
    assert_string_equal(file_text(host("sub/file")), "text");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(missing_directory), T(shared_by_processes), T(listing_is_private), T(absent_std), T(arguments), T(imports),
        T(numbers), T(many_then_mfile), T(ranges_trap), T(many_slices),
        T(stdin_parks), T(fifo), T(poll_clocks), T(poll_fds), T(killed_while_polling), T(yields), T(random_in_portions),
        T(exits), T(sockets), T(datagrams), T(read_only),
    };
    return cmocka_run_group_tests_name("wasi", tests, NULL, NULL);
}
