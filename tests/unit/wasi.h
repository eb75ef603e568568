/* What tests of WASI's functions need: a process without an engine (memory, instance, descriptor table), short forms of the
 * calls, and a directory to work in. One process at a time, `W`. */
#ifndef RL_TEST_WASI_H
#define RL_TEST_WASI_H

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/host/wasi_impl.h"

#define MEMORY 65536u
#define SCRATCH 60000u /* results; texts go below it */

static struct {
    rl_host h;
    rl_module module;
    rl_layout layout;
    rl_memory memory, *memories[1];
    rl_instance *instance;
    u8 bytes[MEMORY];
    char dir[64];     /* the host's name of the directory, "" before first use */
    bool walk;        /* how paths are resolved from the next process_new on */
    u32 text;         /* where the next text goes */
} W;

/* A process with these directories (guest names d0, d1, …: descriptors 3, 4, …) and sockets. */
static void process_with(const rl_wasi_dir *dirs, u32 ndirs, const int *socks, u32 nsocks, const int *std) {
    static const char *const args[] = {"program", "one", "two words"}, *const env[] = {"A=1", "EMPTY="};
    rl_wasi_config c = {.args = args, .nargs = 3, .env = env, .nenv = 2, .dirs = dirs, .ndirs = ndirs, .socks = socks,
                        .nsocks = nsocks, .walk = W.walk};
    for (int i = 0; i < 3; i++) c.std[i] = std ? std[i] : i;
    rl_diag d = {0};
    memset(&W.h, 0, sizeof W.h);
    W.module.nmemories = 1;
    W.layout.memories = offsetof(rl_instance, data);
    W.memory = (rl_memory){.base = W.bytes, .bytes = MEMORY};
    W.memories[0] = &W.memory;
    if (!W.instance) W.instance = calloc(1, sizeof *W.instance + 64);
    W.instance->module = &W.module;
    W.instance->layout = &W.layout;
    W.instance->data[0] = (u64)(uintptr_t)&W.memory;
    rl_instance_set_memory(W.instance, &W.memory);
    W.instance->host_memory = true;
    W.h.instance = W.instance;
    if (rl_wasi_new(&c, &W.h.wasi, &d)) fail_msg("%s", d.text);
    memset(W.bytes, 0, MEMORY);
}

/* With descriptor 3 on a fresh directory of its own. */
__attribute__((unused)) static void process_new(void) {
    strcpy(W.dir, "/tmp/rille-wasi-XXXXXX");
    assert_non_null(mkdtemp(W.dir));
    process_with(&(rl_wasi_dir){W.dir, "d0", false}, 1, NULL, 0, NULL);
}

static void process_end(void) {
    char command[200];
    rl_wasi_free(W.h.wasi);
    W.h.wasi = NULL;
    if (!W.dir[0]) return;
    snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", W.dir, W.dir);
    if (system(command)) fail_msg("%s", command);
    W.dir[0] = 0;
}

/* The host's path of a name in the directory; valid for eight calls. */
static const char *host(const char *name) {
    static char text[8][300];
    static int next;
    snprintf(text[next = (next + 1) % 8], sizeof text[0], "%s/%s", W.dir, name);
    return text[next];
}

/* Puts bytes into the guest's memory; returns their address. Reuses the space after 40 KB. */
static i32 bytes_at(const void *bytes, size_t n) {
    if (W.text + n > 40000) W.text = 0;
    u32 at = 1024 + W.text;
    memcpy(W.bytes + at, bytes, n);
    W.text += (u32)((n + 15) & ~15u);
    return (i32)at;
}
#define TEXT(s) bytes_at((s), strlen(s)), (i32)strlen(s)

static u32 got32(u32 i) { return rl_load32(W.bytes + SCRATCH + 4 * i); }

/* How the call before ended; forgets it. */
static u32 outcome(void) {
    u32 o = W.h.exec.outcome;
    W.h.exec.outcome = RL_OUT_DONE;
    return o;
}

__attribute__((unused)) static i32 openf(i32 dir, const char *path, i32 follow, i32 oflags, u64 rights, i32 fdflags, u32 *fd) {
    i32 e = rl_host_wasi_path_open(&W.h, dir, follow, TEXT(path), oflags, (i64)rights, (i64)rights, fdflags, SCRATCH);
    *fd = e ? UINT32_MAX : got32(0);
    return e;
}
#define RO RL_WASI_RIGHT_READ
#define RW (RL_WASI_RIGHT_READ | RL_WASI_RIGHT_WRITE)
#define FOLLOW 1
#define NOFOLLOW 0

/* Opens and closes. */
__attribute__((unused)) static i32 probe(i32 dir, const char *path, i32 follow, i32 oflags, u64 rights) {
    u32 fd;
    i32 e = openf(dir, path, follow, oflags, rights, 0, &fd);
    return e ? e : rl_host_wasi_fd_close(&W.h, (i32)fd);
}

/* One slice of up to 1,000 bytes. */
__attribute__((unused)) static i32 read_fd(u32 fd, u32 n) {
    u32 v[2] = {50000, n};
    return rl_host_wasi_fd_read(&W.h, (i32)fd, bytes_at(v, 8), 1, SCRATCH);
}
__attribute__((unused)) static i32 write_fd(u32 fd, const char *text) {
    u32 v[2] = {(u32)bytes_at(text, strlen(text)), (u32)strlen(text)};
    return rl_host_wasi_fd_write(&W.h, (i32)fd, bytes_at(v, 8), 1, SCRATCH);
}
__attribute__((unused)) static const char *read_text(void) {
    W.bytes[50000 + got32(0)] = 0;
    return (const char *)W.bytes + 50000;
}

/* A file of the host. */
__attribute__((unused)) static void put_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
__attribute__((unused)) static const char *file_text(const char *path) {
    static char text[300];
    FILE *f = fopen(path, "r");
    if (!f) return "(none)";
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return text;
}

#endif
