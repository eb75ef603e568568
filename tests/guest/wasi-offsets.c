/* Offsets, appending, cutting, times, as seen through one descriptor and several: wasmtime's answers.
 * | op(d, "f", 0, RW, FOLLOW, __WASI_FDFLAGS_APPEND, &fd): success
 * |  at 0
 * |   write success at 12
 * |   read success  at 12
 * | __wasi_fd_seek(fd, 2, __WASI_WHENCE_SET, &p): success
 * |   read success 234 at 5
 * |   write success at 13
 * |   pwrite success at 13
 * | 0123456789ABCD
 * | __wasi_fd_fdstat_set_flags(fd, 0): success
 * |   write success at 14
 * | __wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &p): success
 * |   write success at 2
 * | __wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK): success
 * |   write success at 15
 * |   read success  at 15
 * | op(d, "f", 0, RO, FOLLOW, 0, &other): success
 * |   read success 0x at 2
 * | 0x23456789ABCEF
 * | __wasi_fd_close(fd): success
 * | op(d, "f", CREAT | TRUNC, WO, FOLLOW, 0, &fd): success
 * |   read success  at 2
 * |   write success at 5
 * |   read badf  at 5
 * | __wasi_fd_filestat_set_size(fd, 2): success
 * |   write success at 6
 * |   read success  at 6
 * | __wasi_fd_filestat_get(other, &st): success
 * | size 6
 * | __wasi_fd_filestat_set_size(other, 1): inval
 * | __wasi_fd_filestat_set_times(other, 1000000001, 2000000002, 5): success
 * | __wasi_fd_filestat_get(fd, &st): success
 * | 1000000001 2000000002
 * | __wasi_path_filestat_set_times(d, FOLLOW, "f", 3000000003, 4, 1): success
 * | __wasi_fd_filestat_get(fd, &st): success
 * | 3000000003 2000000002
 * | __wasi_path_filestat_set_times(d, NOFOLLOW, "l", 7000000003, 4000000000, 5): success
 * | __wasi_path_filestat_get(d, NOFOLLOW, "l", &st): success
 * | link 7000000003 4000000000
 * | __wasi_path_filestat_get(d, FOLLOW, "l", &st): success
 * | file 3000000003 2000000002
 * | __wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 3): inval
 * | __wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 12): inval
 * | __wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 10): success
 * | __wasi_path_filestat_get(d, FOLLOW, "f", &st): success
 * | now: 1 1
 * | __wasi_fd_seek(fd, -100, __WASI_WHENCE_CUR, &p): inval
 * | __wasi_fd_seek(fd, INT64_MIN, __WASI_WHENCE_END, &p): inval
 * | __wasi_fd_advise(fd, -1, 1, 0): success
 * | __wasi_fd_advise(fd, 0, -1, 0): inval
 * | __wasi_path_create_directory(d, "gone"): success
 * | op(d, "gone", DIRECTORY, RDIR, FOLLOW, 0, &dir): success
 * | __wasi_path_remove_directory(d, "gone"): success
 * | __wasi_fd_readdir(dir, buf, sizeof buf, 0, &used): success
 * | __wasi_fd_filestat_get(dir, &st): success
 * | links 0
 * | probe(dir, ".", DIRECTORY, RO, FOLLOW): success
 * | probe(dir, "x", CREAT, RW, FOLLOW): noent
 * | __wasi_path_rename(d, "f", dir, "f"): noent
 * | __wasi_path_rename(d, "f", fd, "y"): badf
 * | __wasi_path_rename(d, "missing", fd, "y"): badf
 * | __wasi_path_unlink_file(fd, "y"): badf
 */
#include "../abi/wasi-util.h"

static void where(int fd) {
    __wasi_filesize_t p = 999;
    err e = __wasi_fd_tell(fd, &p);
    printf(" at %llu%s\n", p, e ? er(e) : "");
}
static void w(int fd, const char *t) { printf("  write %s", er(put(fd, t))); where(fd); }
static void r(int fd, int k) {
    char b[64];
    size_t n;
    err e = get(fd, b, k, &n);
    printf("  read %s %.*s", er(e), e ? 0 : (int)n, b);
    where(fd);
}
static void pw(int fd, const char *t, uint64_t o) {
    __wasi_ciovec_t v = {(const uint8_t *)t, strlen(t)};
    __wasi_size_t n;
    printf("  pwrite %s", er(__wasi_fd_pwrite(fd, &v, 1, o, &n)));
    where(fd);
}

int main(void) {
    int d = preopen("."), fd, other, dir;
    __wasi_filesize_t p;
    __wasi_filestat_t st;
    __wasi_size_t used;
    uint8_t buf[400];
    mk(d, "f", "0123456789");
    TRY(op(d, "f", 0, RW, FOLLOW, __WASI_FDFLAGS_APPEND, &fd));
    where(fd); w(fd, "AB"); r(fd, 3);
    TRY(__wasi_fd_seek(fd, 2, __WASI_WHENCE_SET, &p));
    r(fd, 3); w(fd, "C"); pw(fd, "D", 1);
    printf("%s\n", cat(d, "f"));
    TRY(__wasi_fd_fdstat_set_flags(fd, 0));
    w(fd, "E");
    TRY(__wasi_fd_seek(fd, 1, __WASI_WHENCE_SET, &p));
    w(fd, "x");
    TRY(__wasi_fd_fdstat_set_flags(fd, __WASI_FDFLAGS_APPEND | __WASI_FDFLAGS_NONBLOCK));
    w(fd, "F"); r(fd, 3);
    TRY(op(d, "f", 0, RO, FOLLOW, 0, &other));
    r(other, 2);
    printf("%s\n", cat(d, "f"));
    TRY(__wasi_fd_close(fd));
    TRY(op(d, "f", CREAT | TRUNC, WO, FOLLOW, 0, &fd));
    r(other, 2);
    w(fd, "hello"); r(fd, 2);
    TRY(__wasi_fd_filestat_set_size(fd, 2));
    w(fd, "!");
    r(other, 20);
    TRY(__wasi_fd_filestat_get(other, &st)); printf("size %llu\n", st.size);
    TRY(__wasi_fd_filestat_set_size(other, 1));
    TRY(__wasi_fd_filestat_set_times(other, 1000000001, 2000000002, 5));
    TRY(__wasi_fd_filestat_get(fd, &st)); printf("%llu %llu\n", st.atim, st.mtim);
    TRY(__wasi_path_filestat_set_times(d, FOLLOW, "f", 3000000003, 4, 1));
    TRY(__wasi_fd_filestat_get(fd, &st)); printf("%llu %llu\n", st.atim, st.mtim);
    if (__wasi_path_symlink("f", d, "l")) return 1;
    TRY(__wasi_path_filestat_set_times(d, NOFOLLOW, "l", 7000000003, 4000000000, 5));
    TRY(__wasi_path_filestat_get(d, NOFOLLOW, "l", &st)); printf("link %llu %llu\n", st.atim, st.mtim);
    TRY(__wasi_path_filestat_get(d, FOLLOW, "l", &st)); printf("file %llu %llu\n", st.atim, st.mtim);
    TRY(__wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 3));
    TRY(__wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 12));
    TRY(__wasi_path_filestat_set_times(d, FOLLOW, "f", 0, 0, 10));
    TRY(__wasi_path_filestat_get(d, FOLLOW, "f", &st)); printf("now: %d %d\n", st.atim > 1600000000000000000, st.mtim > 1600000000000000000);
    TRY(__wasi_fd_seek(fd, -100, __WASI_WHENCE_CUR, &p));
    TRY(__wasi_fd_seek(fd, INT64_MIN, __WASI_WHENCE_END, &p));
    TRY(__wasi_fd_advise(fd, -1, 1, 0));
    TRY(__wasi_fd_advise(fd, 0, -1, 0));
    TRY(__wasi_path_create_directory(d, "gone"));
    TRY(op(d, "gone", DIRECTORY, RDIR, FOLLOW, 0, &dir));
    TRY(__wasi_path_remove_directory(d, "gone"));
    TRY(__wasi_fd_readdir(dir, buf, sizeof buf, 0, &used));
    TRY(__wasi_fd_filestat_get(dir, &st)); printf("links %llu\n", st.nlink);
    TRY(probe(dir, ".", DIRECTORY, RO, FOLLOW));
    TRY(probe(dir, "x", CREAT, RW, FOLLOW));
    TRY(__wasi_path_rename(d, "f", dir, "f"));
    TRY(__wasi_path_rename(d, "f", fd, "y"));
    TRY(__wasi_path_rename(d, "missing", fd, "y"));
    TRY(__wasi_path_unlink_file(fd, "y"));
    return 0;
}
