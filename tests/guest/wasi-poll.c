/* poll_oneoff on every kind of descriptor and clock, several at a time; clocks themselves: wasmtime's answers.
 * in: typed
 * | stdin: success, 100 type 1 success some 1 flags 0
 * | stdin for writing: badf
 * | stdout: success, 100 type 2 success some 1 flags 0
 * | stdout for reading: badf
 * | directory: badf
 * | preopen: badf
 * | file: success, 100 type 1 success some 1 flags 0
 * | file for writing: success, 100 type 2 success some 1 flags 0
 * | empty file: success, 100 type 1 success some 1 flags 1
 * | none: badf
 * | two ready, a clock far away: success, 100 type 1 success some 1 flags 0, 101 type 2 success some 1 flags 0
 * | near and far: success, 100 type 0 success
 * | the past: success, 100 type 0 success
 * | the past: success, 100 type 0 success
 * | a clock and none: badf
 * | a clock of CPU time: inval
 * | a clock of CPU time: inval
 * | nothing: inval
 * | clock 0: success success
 * | clock 1: success success
 * | clock 2: badf badf
 * | clock 3: badf badf
 */
#include "../abi/wasi-util.h"
#include "../abi/wasi-raw.h"

static __wasi_subscription_t s[4];
static __wasi_event_t ev[4];

static void fd_sub(int i, int tag, int fd) {
    s[i] = (__wasi_subscription_t){.userdata = 100 + i, .u.tag = tag, .u.u.fd_read.file_descriptor = fd};
}
static void clock_sub(int i, int clock, uint64_t ns, int flags) {
    s[i] = (__wasi_subscription_t){.userdata = 100 + i, .u.tag = 0, .u.u.clock = {.id = clock, .timeout = ns, .flags = flags}};
}
static void poll(const char *what, int n) {
    __wasi_size_t got = 0;
    memset(ev, 0xee, sizeof ev);
    err e = __wasi_poll_oneoff(s, ev, n, &got);
    printf("%s: %s", what, er(e));
    for (unsigned i = 0; !e && i < got; i++) {
        printf(", %llu type %d %s", ev[i].userdata, ev[i].type, er(ev[i].error));
        if (ev[i].type) printf(" some %d flags %d", ev[i].fd_readwrite.nbytes > 0, ev[i].fd_readwrite.flags);
    }
    printf("\n");
}

int main(void) {
    int d = preopen("."), dir, file, empty;
    u32 out[2];
    mk(d, "file", "text");
    mk(d, "empty", "");
    __wasi_path_create_directory(d, "dir");
    op(d, "dir", DIRECTORY, RDIR, FOLLOW, 0, &dir);
    op(d, "file", 0, RW, FOLLOW, 0, &file);
    op(d, "empty", 0, RO, FOLLOW, 0, &empty);
    fd_sub(0, 1, 0), poll("stdin", 1);
    fd_sub(0, 2, 0), poll("stdin for writing", 1);
    fd_sub(0, 2, 1), poll("stdout", 1);
    fd_sub(0, 1, 1), poll("stdout for reading", 1);
    fd_sub(0, 1, dir), poll("directory", 1);
    fd_sub(0, 2, d), poll("preopen", 1);
    fd_sub(0, 1, file), poll("file", 1);
    fd_sub(0, 2, file), poll("file for writing", 1);
    fd_sub(0, 1, empty), poll("empty file", 1);
    fd_sub(0, 1, 99), poll("none", 1);
    fd_sub(0, 1, 0), fd_sub(1, 2, 1), clock_sub(2, 1, 1ull << 60, 0), poll("two ready, a clock far away", 3);
    clock_sub(0, 1, 10000000, 0), clock_sub(1, 0, 1ull << 60, 0), poll("near and far", 2);
    clock_sub(0, 0, 1, 1), poll("the past", 1);
    clock_sub(0, 1, 1, 1), poll("the past", 1);
    clock_sub(0, 1, 1ull << 60, 0), fd_sub(1, 1, 99), poll("a clock and none", 2);
    for (int i = 2; i < 4; i++) clock_sub(0, i, 0, 1), poll("a clock of CPU time", 1);
    poll("nothing", 0);
    for (int i = 0; i < 4; i++) printf("clock %d: %s %s\n", i, er(w_clock_res_get(i, (u32)out)), er(w_clock_time_get(i, 0, (u32)out)));
    return 0;
}
