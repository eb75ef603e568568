/* Hostile paths against the sandbox of preview 1, with openat2 and with the walk that replaces it. What must hold is not
 * an errno but that nothing outside the preopened directory changes, is opened or is described: around every call the
 * outside is compared with what it was, and what the guest got is compared with what lies inside.
 *
 * Layout, W.dir being a fresh directory: box/ is preopened as descriptor 3, everything else is outside. */
#include "tests/unit/wasi.h"

#include <dirent.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>

/* ---- the tree ---- */

#define BOX_FILE "inside"
#define SECRET "hidden"

static void make_link(const char *target, const char *name) { assert_int_equal(symlink(target, host(name)), 0); }

static void make_outside(void) {
    char text[200];
    put_file(host("secret"), SECRET);
    assert_int_equal(mkdir(host("out"), 0755), 0);
    assert_int_equal(mkdir(host("out/empty"), 0755), 0);
    put_file(host("out/secret"), SECRET);
    snprintf(text, sizeof text, "%s/secret", W.dir);
    make_link(text, "out/abs");
}

static void make_box(void) {
    assert_int_equal(mkdir(host("box"), 0755), 0);
    assert_int_equal(mkdir(host("box/sub"), 0755), 0);
    assert_int_equal(mkdir(host("box/sub/deep"), 0755), 0);
    put_file(host("box/file"), BOX_FILE);
    put_file(host("box/sub/file"), BOX_FILE);
    make_link("..", "box/up");
    make_link("../..", "box/sub/up");
    make_link(".", "box/self");
    make_link("../secret", "box/rel");
    make_link("rel", "box/chain");
    make_link("../out", "box/dir");
    make_link("../fresh", "box/dangling");
    make_link("sub/../../secret", "box/crooked");
    make_link("up/secret", "box/through");
    make_link(W.dir, "box/abs");
    make_link(host("secret"), "box/abs-file");
    make_link(host("fresh"), "box/abs-dangling");
}

/* FNV of names, kinds, contents, link counts and times below a directory; with `skip`, all but that name at the top. */
static u64 mix(u64 h, const void *p, size_t n) {
    for (size_t i = 0; i < n; i++) h = (h ^ ((const u8 *)p)[i]) * 0x100000001b3u;
    return h;
}
static u64 digest(const char *path, const char *skip) {
    u64 sum = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char name[600];
        struct stat st;
        if (!strcmp(e->d_name, "..") || !strcmp(e->d_name, ".") || (skip && !strcmp(e->d_name, skip))) continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        assert_int_equal(lstat(name, &st), 0);
        u64 h = mix(0xcbf29ce484222325u, e->d_name, strlen(e->d_name));
        u64 v[] = {st.st_mode, st.st_nlink, (u64)st.st_size, (u64)st.st_mtim.tv_sec, (u64)st.st_mtim.tv_nsec, st.st_ino};
        h = mix(h, v, sizeof v);
        if (S_ISREG(st.st_mode)) h = mix(h, file_text(name), strlen(file_text(name)));
        sum += S_ISDIR(st.st_mode) ? h ^ digest(name, NULL) * 3 : h; /* a sum: order does not matter */
    }
    closedir(d);
    return sum;
}
static u64 outside(void) { return digest(W.dir, "box"); }

static bool has_inode(const char *path, u64 ino) {
    bool found = false;
    struct stat st;
    if (!lstat(path, &st) && st.st_ino == ino) return true;
    DIR *d = opendir(path);
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        char name[600];
        if (!strcmp(e->d_name, "..") || !strcmp(e->d_name, ".")) continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        found = !lstat(name, &st) && (st.st_ino == ino || (S_ISDIR(st.st_mode) && has_inode(name, ino)));
    }
    if (d) closedir(d);
    return found;
}
static bool is_inside(u64 ino) { return has_inode(host("box"), ino); }

static int setup(void **state) {
    W.walk = (bool)(uintptr_t)*state;
    strcpy(W.dir, "/tmp/rille-box-XXXXXX");
    assert_non_null(mkdtemp(W.dir));
    make_outside();
    make_box();
    process_with(&(rl_wasi_dir){host("box"), "d0", false}, 1, NULL, 0, NULL);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    process_end();
    return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *f) {
    (void)st, (void)type, (void)f;
    return remove(name);
}

static void remake_box(void) {
    rl_wasi_free(W.h.wasi);
    assert_int_equal(nftw(host("box"), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    make_box();
    process_with(&(rl_wasi_dir){host("box"), "d0", false}, 1, NULL, 0, NULL);
}

/* ---- every call with every path ---- */

typedef struct path { const char *text; u32 len; bool inside; } path; /* inside: names something of the box itself */
#define P(s) {s, sizeof(s) - 1, false}
#define IN(s) {s, sizeof(s) - 1, true}

static const path paths[] = {
    P(".."), P("../"), P("../."), P("../secret"), P("../out/secret"), P("../box"), P("../box/file"), P("./../secret"),
    P("sub/../../secret"), P("sub/deep/../../../secret"), P("sub/./..//../secret"), P("sub/../../box/file"),
    P("self/../secret"), P("self/self/../secret"), P("file/../secret"), P("file/../../secret"), P("missing/../../secret"),
    P("/"), P("//"), P("/etc/passwd"), P("//etc/passwd"), P("/file"), P("/proc/self/root/etc/passwd"),
    P("up/"), P("up/secret"), P("up/out/secret"), P("up/fresh"), P("up/box/file"), P("up/../secret"), P("up/."),
    P("sub/up/secret"), P("sub/up/fresh"), P("self/self/up/secret"), P("sub/../up/secret"), P("sub/deep/../up/secret"),
    P("dir/secret"), P("dir/fresh"), P("dir/"), P("dir/empty"), P("dir/abs"), P("dir/."), P("dir/.."),
    P("abs/secret"), P("abs/fresh"), P("abs/"), P("rel/"), P("rel/x"), P("chain/"), P("dangling/"), P("dangling/x"),
    P("abs-file/"), P("abs-dangling/"), P("crooked/"), P("through/"),
    P("../secret\0x"), P("file\0/../../secret"), P("\0"), P(""), P("\xff/../secret"), P("..\xc0\xaf..\xc0\xafsecret"),
    IN("up"), IN("rel"), IN("chain"), IN("dir"), IN("abs"), IN("abs-file"), IN("dangling"), IN("abs-dangling"),
    IN("crooked"), IN("through"), IN("sub/up"), IN("self/rel"), IN("sub/../dangling"), IN("sub/../abs-dangling"),
};

static i32 put(const path *p) { return bytes_at(p->text, p->len); }
#define ARG(p) put(p), (i32)(p)->len

/* Opens; what was opened must lie inside. Writes a little, as an attacker would. */
static i32 try_open(const path *p, i32 follow, i32 oflags, u64 rights) {
    i32 e = rl_host_wasi_path_open(&W.h, 3, follow, ARG(p), oflags, (i64)rights, (i64)rights, 0, SCRATCH);
    if (e) return e;
    u32 fd = got32(0);
    struct stat st;
    assert_int_equal(fstat(W.h.wasi->fds[fd].host, &st), 0);
    if (!is_inside(st.st_ino)) fail_msg("%s: opened what is outside", p->text);
    write_fd(fd, "overwritten");
    return rl_host_wasi_fd_close(&W.h, (i32)fd);
}
static i32 try_stat(const path *p, i32 follow) {
    i32 e = rl_host_wasi_path_filestat_get(&W.h, 3, follow, ARG(p), SCRATCH);
    if (!e && !is_inside(rl_load64(W.bytes + SCRATCH + 8))) fail_msg("%s: described what is outside", p->text);
    return e;
}

enum { OPEN = 32, CALLS = OPEN + 17 };
static i32 attempt(int call, const path *p) {
    if (call < OPEN) return try_open(p, call & 1, call >> 1, RO | (call & 2 || call & 16 ? RL_WASI_RIGHT_WRITE : 0));
    switch (call - OPEN) {
    case 0: return try_stat(p, FOLLOW);
    case 1: return try_stat(p, NOFOLLOW);
    case 2: return rl_host_wasi_path_filestat_set_times(&W.h, 3, FOLLOW, ARG(p), 1, 1, 5);
    case 3: return rl_host_wasi_path_filestat_set_times(&W.h, 3, NOFOLLOW, ARG(p), 1, 1, 5);
    case 4: return rl_host_wasi_path_create_directory(&W.h, 3, ARG(p));
    case 5: return rl_host_wasi_path_remove_directory(&W.h, 3, ARG(p));
    case 6: return rl_host_wasi_path_unlink_file(&W.h, 3, ARG(p));
    case 7: return rl_host_wasi_path_readlink(&W.h, 3, ARG(p), 2048, 500, SCRATCH);
    case 8: return rl_host_wasi_path_symlink(&W.h, TEXT("x"), 3, ARG(p));
    case 9: return rl_host_wasi_path_rename(&W.h, 3, ARG(p), 3, TEXT("stolen"));
    case 10: return rl_host_wasi_path_rename(&W.h, 3, TEXT("file"), 3, ARG(p));
    case 11: return rl_host_wasi_path_rename(&W.h, 3, TEXT("sub"), 3, ARG(p));
    case 12: return rl_host_wasi_path_link(&W.h, 3, 0, ARG(p), 3, TEXT("stolen"));
    case 13: return rl_host_wasi_path_link(&W.h, 3, 1, ARG(p), 3, TEXT("stolen"));
    case 14: return rl_host_wasi_path_link(&W.h, 3, 0, TEXT("file"), 3, ARG(p));
    case 15: return rl_host_wasi_path_rename(&W.h, 3, ARG(p), 3, ARG(p));
    default: return rl_host_wasi_path_rename(&W.h, 3, ARG(p), 3, TEXT("sub/deep"));
    }
}

static void every_call(void **state) {
    (void)state;
    u64 before = outside(), fresh = digest(host("box"), NULL);
    for (u32 i = 0; i < RL_LEN(paths); i++) {
        for (int call = 0; call < CALLS; call++) {
            i32 e = attempt(call, &paths[i]);
            assert_int_equal(outcome(), RL_OUT_DONE);
            if (outside() != before) fail_msg("call %d, path %s: the outside changed", call, paths[i].text);
            if (!e && !paths[i].inside) fail_msg("call %d, path %s: went well", call, paths[i].text);
            if (digest(host("box"), NULL) == fresh) continue;
            remake_box(); /* a link of the box was removed or renamed: as it should be */
            fresh = digest(host("box"), NULL);
        }
    }
}

/* Texts no file system takes, in every call. */
static void long_names(void **state) {
    (void)state;
    static char text[9000];
    u64 before = outside();
    static const u32 sizes[] = {256, 4095, 4096, 8999};
    for (u32 i = 0; i < RL_LEN(sizes); i++) {
        for (int shape = 0; shape < 3; shape++) {
            memset(text, 'a', sizes[i]);
            for (u32 at = 0; shape && at + 3 <= sizes[i]; at += 3) memcpy(text + at, shape == 1 ? "../" : "up/", 3);
            path p = {text, sizes[i], false};
            for (int call = 0; call < CALLS; call++) {
                assert_int_not_equal(attempt(call, &p), 0);
                assert_int_equal(outcome(), RL_OUT_DONE);
            }
        }
    }
    assert_int_equal(outside(), before);
}

/* Links the guest makes itself. */
static void own_links(void **state) {
    (void)state;
    u64 before = outside();
    assert_int_equal(rl_host_wasi_path_symlink(&W.h, TEXT("/etc"), 3, TEXT("a")), RL_WASI_PERM);
    assert_int_equal(rl_host_wasi_path_symlink(&W.h, TEXT("//"), 3, TEXT("a")), RL_WASI_PERM);
    assert_int_equal(rl_host_wasi_path_symlink(&W.h, TEXT("../out"), 3, TEXT("sub/mine")), 0);
    assert_int_equal(probe(3, "sub/mine/secret", FOLLOW, 0, RO), RL_WASI_NOENT); /* box/out: inside, not there */
    /* moved up one directory, the same text leads outside */
    assert_int_equal(rl_host_wasi_path_rename(&W.h, 3, TEXT("sub/mine"), 3, TEXT("mine")), 0);
    assert_int_equal(probe(3, "mine/secret", FOLLOW, 0, RO), RL_WASI_PERM);
    assert_int_equal(probe(3, "mine/new", FOLLOW, RL_WASI_CREAT, RW), RL_WASI_PERM);
    assert_int_equal(rl_host_wasi_path_link(&W.h, 3, 0, TEXT("rel"), 3, TEXT("sub/rel")), 0); /* the link, not the file */
    assert_int_equal(probe(3, "sub/rel", FOLLOW, 0, RO), RL_WASI_NOENT);                       /* box/secret */
    assert_int_equal(outside(), before);
}

/* A descriptor's root is the directory it names, wherever the guest moves it. */
static void opened_directory(void **state) {
    (void)state;
    u32 deep;
    u64 before = outside();
    assert_int_equal(openf(3, "sub/deep", FOLLOW, RL_WASI_DIRECTORY, RO, 0, &deep), 0);
    assert_int_equal(probe((i32)deep, "..", FOLLOW, 0, RO), RL_WASI_PERM);
    assert_int_equal(probe((i32)deep, "../file", FOLLOW, 0, RO), RL_WASI_PERM);
    assert_int_equal(rl_host_wasi_path_rename(&W.h, 3, TEXT("sub/deep"), 3, TEXT("moved")), 0);
    assert_int_equal(probe((i32)deep, "../file", FOLLOW, 0, RO), RL_WASI_PERM);
    assert_int_equal(probe((i32)deep, "../../secret", FOLLOW, 0, RO), RL_WASI_PERM);
    assert_int_equal(rl_host_wasi_path_remove_directory(&W.h, 3, TEXT("moved")), 0);
    assert_int_not_equal(probe((i32)deep, "../file", FOLLOW, 0, RO), 0);
    assert_int_not_equal(probe((i32)deep, "new", FOLLOW, RL_WASI_CREAT, RW), 0);
    assert_int_equal(outside(), before);
}

/* Links of /proc lead to objects, not names: none is followed. */
static void proc_links(void **state) {
    (void)state;
    char text[300];
    int secret = open(host("secret"), O_RDWR), dir = open(W.dir, O_PATH);
    u64 before = outside();
    rl_wasi_free(W.h.wasi);
    process_with(&(rl_wasi_dir){"/proc", "proc", false}, 1, NULL, 0, NULL);
    assert_int_equal(probe(3, "self/status", FOLLOW, 0, RO), 0); /* an ordinary link: self */
    static const char *const form[] = {"self/fd/%d", "self/fd/%d/", "thread-self/fd/%d", "self/task/../fd/%d", "self/fd/../fd/%d"};
    for (u32 i = 0; i < RL_LEN(form); i++) {
        snprintf(text, sizeof text, form[i], secret);
        assert_int_not_equal(probe(3, text, FOLLOW, 0, RO), 0);
        assert_int_not_equal(probe(3, text, FOLLOW, 0, RW), 0);
        assert_int_not_equal(probe(3, text, FOLLOW, RL_WASI_TRUNC, RW), 0);
        assert_int_not_equal(rl_host_wasi_path_filestat_get(&W.h, 3, FOLLOW, TEXT(text), SCRATCH), 0);
        assert_int_not_equal(rl_host_wasi_path_filestat_set_times(&W.h, 3, FOLLOW, TEXT(text), 1, 1, 5), 0);
        assert_int_not_equal(rl_host_wasi_path_link(&W.h, 3, FOLLOW, TEXT(text), 3, TEXT("x")), 0);
        snprintf(text, sizeof text, form[i], dir);
        assert_int_not_equal(probe(3, text, FOLLOW, RL_WASI_DIRECTORY, RO), 0);
        strcat(text, text[strlen(text) - 1] == '/' ? "secret" : "/secret");
        assert_int_not_equal(probe(3, text, FOLLOW, 0, RO), 0);
        assert_int_not_equal(rl_host_wasi_path_unlink_file(&W.h, 3, TEXT(text)), 0);
    }
    static const char *const magic[] = {"self/root", "self/root/etc/passwd", "self/cwd", "self/cwd/.", "self/exe",
                                        "thread-self/root/etc/passwd", "1/root", "self/root/proc/self/root/etc/passwd"};
    for (u32 i = 0; i < RL_LEN(magic); i++) assert_int_not_equal(probe(3, magic[i], FOLLOW, 0, RO), 0);
    close(secret), close(dir);
    assert_int_equal(outside(), before);
}

/* ---- races: another thread changes the tree meanwhile ---- */

/* A race is over when there were many chances on both sides; on a busy machine that takes longer, to a limit. */
#define RACE_SWAPS 50000
#define RACE_HITS 2000
#define RACE_MAX_NS 8000000000

typedef struct race {
    void (*swap)(void);
    _Atomic bool stop;
    _Atomic u64 swaps;
} race;

static void *racer(void *arg) {
    race *r = arg;
    while (!r->stop) r->swap(), r->swaps++;
    return NULL;
}

static i64 now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (i64)t.tv_sec * 1000000000 + t.tv_nsec;
}

static u32 hits, misses;   /* attempts that found the harmless state, and that were refused: both must happen */
static const char *breach; /* an attack that got through: told when the other thread has ended */

static void run_race(void (*swap)(void), void (*attack)(void)) {
    race r = {.swap = swap};
    pthread_t t;
    hits = misses = 0;
    breach = NULL;
    assert_int_equal(pthread_create(&t, NULL, racer, &r), 0);
    for (i64 end = now() + RACE_MAX_NS; now() < end && !breach && (r.swaps < RACE_SWAPS || hits < RACE_HITS || misses < RACE_HITS);)
        attack();
    r.stop = true;
    pthread_join(t, NULL);
    if (breach) fail_msg("%s: reached what is outside", breach);
    assert_true(r.swaps > 100);
    assert_true(hits > 0);
    assert_true(misses > 0);
}

static void count(i32 e) {
    if (e) misses++;
    else hits++;
}

/* Reads 6 bytes of what a path names: never the secret. */
static void read_attack(const char *name, u64 rights, i32 oflags) {
    u32 fd;
    i32 e = openf(3, name, FOLLOW, oflags, rights, 0, &fd);
    count(e);
    if (e) return;
    if (read_fd(fd, 100) || !strcmp(read_text(), SECRET)) breach = name;
    if (rights & RL_WASI_RIGHT_WRITE) write_fd(fd, BOX_FILE);
    rl_host_wasi_fd_close(&W.h, (i32)fd);
}

/* Whether a file lies inside cannot be looked up while names move: it must not be one of the secrets. */
static void stat_attack(const char *name) {
    struct stat st;
    i32 e = rl_host_wasi_path_filestat_get(&W.h, 3, FOLLOW, TEXT(name), SCRATCH);
    u64 ino = rl_load64(W.bytes + SCRATCH + 8);
    count(e);
    if (!e && ((!stat(host("secret"), &st) && st.st_ino == ino) || (!stat(host("out/secret"), &st) && st.st_ino == ino)))
        breach = name;
}

static char swap_a[2][300];
static void exchange(void) { renameat2(AT_FDCWD, swap_a[0], AT_FDCWD, swap_a[1], RENAME_EXCHANGE); }

static void attack_directory(void) {
    read_attack("real/secret", RO, 0);
    read_attack("sub/../real/secret", RO, 0);
    stat_attack("real/secret");
    count(rl_host_wasi_path_create_directory(&W.h, 3, TEXT("real/made")));
    count(rl_host_wasi_path_remove_directory(&W.h, 3, TEXT("real/made")));
    count(rl_host_wasi_path_remove_directory(&W.h, 3, TEXT("real/empty"))); /* is in out alone */
    count(rl_host_wasi_path_symlink(&W.h, TEXT("x"), 3, TEXT("real/link")));
    count(rl_host_wasi_path_unlink_file(&W.h, 3, TEXT("real/link")));
    count(rl_host_wasi_path_link(&W.h, 3, 0, TEXT("file"), 3, TEXT("real/link")));
    count(rl_host_wasi_path_unlink_file(&W.h, 3, TEXT("real/link")));
    count(rl_host_wasi_path_unlink_file(&W.h, 3, TEXT("real/abs"))); /* is in out alone */
    count(rl_host_wasi_path_link(&W.h, 3, 0, TEXT("real/secret"), 3, TEXT("got")));
    rl_host_wasi_path_unlink_file(&W.h, 3, TEXT("got"));
    count(rl_host_wasi_path_filestat_set_times(&W.h, 3, FOLLOW, TEXT("real/secret"), 1, 1, 5));
    count(probe(3, "real/new", FOLLOW, RL_WASI_CREAT, RW));
    rl_host_wasi_path_unlink_file(&W.h, 3, TEXT("real/new"));
}

/* A directory on the way is exchanged with a link to another outside. */
static void race_directory(void **state) {
    (void)state;
    u64 before = outside();
    assert_int_equal(mkdir(host("box/real"), 0755), 0);
    put_file(host("box/real/secret"), BOX_FILE);
    strcpy(swap_a[0], host("box/real"));
    strcpy(swap_a[1], host("box/dir"));
    run_race(exchange, attack_directory);
    assert_int_equal(outside(), before);
}

static void attack_file(void) {
    read_attack("target", RO, 0);
    read_attack("target", RW, 0);
    read_attack("target", RW, RL_WASI_TRUNC);
    read_attack("target", RW, RL_WASI_CREAT);
    count(rl_host_wasi_path_filestat_set_times(&W.h, 3, FOLLOW, TEXT("target"), 1, 1, 5));
    stat_attack("target");
}

/* The last name is exchanged with a link to the secret. */
static void race_file(void **state) {
    (void)state;
    u64 before = outside();
    put_file(host("box/target"), BOX_FILE);
    strcpy(swap_a[0], host("box/target"));
    strcpy(swap_a[1], host("box/rel"));
    run_race(exchange, attack_file);
    assert_int_equal(outside(), before);
}

static char move_in[300], move_out[300];
static void move_away(void) {
    rename(move_in, move_out);
    rename(move_out, move_in);
}
/* Below b for long, then up and out of it. */
static const char *long_way(const char *end) {
    static char text[700];
    strcpy(text, "walk/b/");
    for (int i = 0; i < 100; i++) strcat(text, "c/../");
    return strcat(text, end);
}
static void attack_dotdot(void) {
    read_attack("walk/b/c/../../secret", RO, 0);
    read_attack(long_way("c/d/../../../secret"), RO, 0);
    read_attack(long_way("../secret"), RW, 0);
    count(rl_host_wasi_path_create_directory(&W.h, 3, TEXT(long_way("../made"))));
    rl_host_wasi_path_remove_directory(&W.h, 3, TEXT("walk/made"));
    count(rl_host_wasi_path_unlink_file(&W.h, 3, TEXT(long_way("../abs")))); /* is in out alone */
}

/* A directory on the way is moved outside while `..` is followed from below it. */
static void race_dotdot(void **state) {
    (void)state;
    assert_int_equal(mkdir(host("box/walk"), 0755), 0);
    assert_int_equal(mkdir(host("box/walk/b"), 0755), 0);
    assert_int_equal(mkdir(host("box/walk/b/c"), 0755), 0);
    assert_int_equal(mkdir(host("box/walk/b/c/d"), 0755), 0);
    put_file(host("box/walk/secret"), BOX_FILE);
    strcpy(move_in, host("box/walk/b"));
    strcpy(move_out, host("out/b"));
    run_race(move_away, attack_dotdot);
    assert_string_equal(file_text(host("out/secret")), SECRET);
    assert_int_equal(access(host("out/made"), F_OK), -1);
    struct stat st;
    assert_int_equal(lstat(host("out/abs"), &st), 0);
}

#define WAY(f, walk) cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, (void *)(uintptr_t)walk)
#define BOTH(f) WAY(f, false), WAY(f, true)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(every_call), BOTH(long_names), BOTH(own_links), BOTH(opened_directory), BOTH(proc_links),
        BOTH(race_directory), BOTH(race_file), BOTH(race_dotdot),
    };
    return cmocka_run_group_tests_name("hostile paths", tests, NULL, NULL);
}
