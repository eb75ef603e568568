/* Random calls of preview 1 by a guest that owns its memory and its numbers: nothing outside the preopened directory may
 * be opened, changed or described, no byte outside the guest's memory touched (it ends where the allocation ends, so a
 * sanitizer sees it), and every call ends. The input is a list of calls: one byte for the function, then one or more for
 * each argument, read by `argument`; a call number past the table writes bytes of the input into the memory instead. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/host/wasi_impl.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define MEMORY 8192u
#define SECRET "hidden"
#define MAX_CALLS 64

static const char *const texts[] = {
    "..", "../secret", "up/secret", "abs", "rel", "dangling", "sub/../file", "sub/up/../secret", "file", "sub", "new",
    ".", "sub/new/", "self/rel", "dir/fresh", "/etc/passwd", "loop", "file/", "sub/deep/../../file",
};

typedef struct input { const u8 *p, *end; } input;

static rl_host h;
static rl_module module = {.nmemories = 1};
static rl_layout layout = {.memories = offsetof(rl_instance, data)};
static rl_memory memory;
static rl_instance *instance;
static char root[40], box[64];
static u8 initial[MEMORY];
static u64 secret_ino, out_ino;

static void need(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz/wasi: %s\n", what);
    abort();
}

static const char *in_root(const char *name) {
    static char text[4][128];
    static int next;
    snprintf(text[next = (next + 1) % 4], sizeof text[0], "%s/%s", root, name);
    return text[next];
}

static void put_file(const char *name, const char *text) {
    FILE *f = fopen(name, "w");
    need(f && fputs(text, f) >= 0, name);
    fclose(f);
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *f) {
    (void)st, (void)type, (void)f;
    return remove(name);
}
static void remove_tree(const char *name) { nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
static void at_end(void) { remove_tree(root); }

static void make_box(void) {
    char name[200];
    static const char *const links[][2] = {{"..", "up"}, {"../..", "sub/up"}, {".", "self"}, {"../secret", "rel"},
                                           {"../out", "dir"}, {"../fresh", "dangling"}, {"loop", "loop"}};
    mkdir(box, 0755);
    snprintf(name, sizeof name, "%s/sub", box), mkdir(name, 0755);
    snprintf(name, sizeof name, "%s/sub/deep", box), mkdir(name, 0755);
    snprintf(name, sizeof name, "%s/file", box), put_file(name, "inside");
    for (u32 i = 0; i < RL_LEN(links); i++) {
        snprintf(name, sizeof name, "%s/%s", box, links[i][1]);
        need(!symlink(links[i][0], name), "symlink");
    }
    snprintf(name, sizeof name, "%s/abs", box);
    need(!symlink(in_root("secret"), name), "symlink");
}

static void start(void) {
    struct stat st;
    snprintf(root, sizeof root, "%s/rille-fuzz-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm"); /* in memory: fast */
    need(mkdtemp(root) != NULL, "mkdtemp");
    atexit(at_end);
    snprintf(box, sizeof box, "%s/box", root);
    put_file(in_root("secret"), SECRET);
    need(!stat(in_root("secret"), &st), "secret");
    secret_ino = st.st_ino;
    need(!mkdir(in_root("out"), 0755) && !stat(in_root("out"), &st), "out");
    out_ino = st.st_ino;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20}); /* guests fill disks */
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    instance = calloc(1, sizeof *instance + 64);
    instance->module = &module;
    instance->layout = &layout;
    instance->data[0] = (u64)(uintptr_t)&memory;
    u32 at = 4096; /* texts from here on, 64 bytes apart; vectors that point at them from 2048 on */
    for (u32 i = 0; i < RL_LEN(texts); i++, at += 64) {
        memcpy(initial + at, texts[i], strlen(texts[i]));
        rl_store32(initial + 2048 + 8 * i, at);
        rl_store32(initial + 2048 + 8 * i + 4, 8);
    }
}

static u8 byte(input *in) { return in->p < in->end ? *in->p++ : 0; }

/* A number a guest might pass: small, an address of a text or a vector, or anything. */
static i64 argument(input *in) {
    u8 kind = byte(in), v = byte(in);
    switch (kind % 8) {
    case 0: case 1: return v % 16;
    case 2: case 3: return 4096 + 64 * (v % (i64)RL_LEN(texts));
    case 4: return 2048 + 8 * (v % (i64)RL_LEN(texts));
    case 5: return v * 32;
    case 6: return (i64)MEMORY - v;
    default: {
        u64 x = 0;
        for (int i = 0; i < 8; i++) x = x << 8 | byte(in);
        return (i64)x;
    }
    }
}

static void poke(input *in) {
    u32 at = (u32)(byte(in) << 8 | byte(in)) % MEMORY, n = byte(in) % 64;
    for (; n && at < MEMORY; n--) memory.base[at++] = byte(in);
}

static void call(const rl_api_row *r, input *in) {
    i64 a[9] = {0};
    for (u32 i = 0; r->letters[i + 2]; i++) a[i] = argument(in);
    typedef i64 any(rl_host *, i64, i64, i64, i64, i64, i64, i64, i64, i64); /* more arguments than it takes: fine in C's ABI */
    any *f = (any *)(uintptr_t)r->fn;
    for (int tries = 0; tries < 2; tries++) { /* a parked call is repeated once, then given up */
        h.exec.outcome = RL_OUT_DONE;
        i32 e = (i32)f(&h, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
        if (h.exec.outcome == RL_OUT_PARK) continue;
        if (h.exec.outcome == RL_OUT_TRAP) break;
        if (!strcmp(r->name, "path_filestat_get") && !e) {
            u64 ino = rl_load64(memory.base + (u32)a[4] + 8);
            need(ino != secret_ino && ino != out_ino, "described what is outside");
        }
        return;
    }
    rl_host_done(&h);
}

static void check(void) {
    char text[16] = "";
    struct stat st;
    FILE *f = fopen(in_root("secret"), "r");
    need(f && fread(text, 1, sizeof text - 1, f) && !strcmp(text, SECRET), "the secret changed");
    need(!fstat(fileno(f), &st) && st.st_nlink == 1, "the secret was linked");
    fclose(f);
    need(!rmdir(in_root("out")) && !mkdir(in_root("out"), 0755), "something was made outside");
    need(!stat(in_root("out"), &st), "out");
    out_ino = st.st_ino;
    need(access(in_root("fresh"), F_OK), "a dangling link was followed outside");
    for (u32 i = 0; h.wasi->fds && i < h.wasi->nfds; i++) {
        const rl_wasi_fd *d = &h.wasi->fds[i];
        if (!d->owned || fstat(d->host, &st)) continue;
        need(st.st_ino != secret_ino && st.st_ino != out_ino, "opened what is outside");
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    if (!instance) start();
    input in = {data, data + size};
    int null = open("/dev/null", O_RDWR), s[2];
    make_box();
    need(null >= 0 && !socketpair(AF_UNIX, SOCK_STREAM, 0, s), "descriptors");
    u8 flags = byte(&in);
    rl_wasi_dir dirs[] = {{box, "box", flags & 2}, {box, "again", false}};
    rl_wasi_config c = {.dirs = dirs, .ndirs = 2, .socks = s, .nsocks = 1, .std = {null, null, null}, .walk = flags & 1};
    memset(&h, 0, sizeof h);
    h.instance = instance;
    memory = (rl_memory){.base = malloc(MEMORY), .bytes = MEMORY};
    memcpy(memory.base, initial, MEMORY);
    need(!rl_wasi_new(&c, &h.wasi, NULL), "rl_wasi_new");
    for (int n = 0; in.p < in.end && n < MAX_CALLS; n++) {
        u8 which = byte(&in) % (u8)(rl_api_wasi.count + 6);
        if (which < rl_api_wasi.count) call(&rl_api_wasi.rows[which], &in);
        else poke(&in);
    }
    check();
    rl_wasi_free(h.wasi);
    free(memory.base);
    close(null), close(s[0]), close(s[1]);
    remove_tree(box);
    return 0;
}
