/* Every fd_* and sock_* call on every kind of descriptor: the errno of each, as wasmtime's. Then the numbers new
 * descriptors get, and fd_renumber.
 * | op(d, "dir", DIRECTORY, RDIR, FOLLOW, 0, &dir): success
 * | op(d, "file", 0, RW, FOLLOW, 0, &file): success
 * | stdin: advise badf, datasync badf, sync badf, append badf, dsync badf, no flags badf, rights badf, stat success, times badf, both times inval, pread spipe, pwrite badf, write badf, seek spipe, tell spipe, list badf, prestat badf, its name notdir, accept notsock, recv notsock, send notsock, shutdown notsock, size badf, mkdir badf
 * | stdout: advise badf, datasync badf, sync badf, append badf, dsync badf, no flags badf, rights badf, stat success, times badf, both times inval, pread badf, pwrite spipe, read badf, write success, seek spipe, tell spipe, list badf, prestat badf, its name notdir, accept notsock, recv notsock, send notsock, shutdown notsock, size badf, mkdir badf
 * | preopen: advise badf, datasync badf, sync badf, append badf, dsync badf, no flags badf, rights notsup, stat success, times success, both times inval, pread badf, pwrite badf, read badf, write badf, seek badf, tell badf, list success, prestat success, its name success, accept notsock, recv notsock, send notsock, shutdown notsock, size badf, mkdir success
 * | directory: advise badf, datasync badf, sync badf, append badf, dsync badf, no flags badf, rights notsup, stat success, times success, both times inval, pread badf, pwrite badf, read badf, write badf, seek badf, tell badf, list success, prestat badf, its name notdir, accept notsock, recv notsock, send notsock, shutdown notsock, size badf, mkdir success
 * | file: advise success, datasync success, sync success, append success, dsync inval, no flags success, rights notsup, stat success, times success, both times inval, pread success, pwrite success, read success, write success, seek success, tell success, list badf, prestat badf, its name notdir, accept notsock, recv notsock, send notsock, shutdown notsock, size success, mkdir badf
 * | none: advise badf, datasync badf, sync badf, append badf, dsync badf, no flags badf, rights badf, stat badf, times badf, both times inval, pread badf, pwrite badf, read badf, write badf, seek badf, tell badf, list badf, prestat badf, its name badf, accept badf, recv badf, send badf, shutdown badf, size badf, mkdir badf
 * | stat of 0: success 0
 * | stat of 1: success 0
 * | stat of 2: success 0
 * | numbers follow each other: 1
 * | next: 4
 * | next: 1
 * | next: 6
 * | __wasi_fd_renumber(fd[0], fd[0]): success
 * | __wasi_fd_renumber(fd[0], 777): badf
 * | __wasi_fd_renumber(777, fd[0]): badf
 * | __wasi_fd_renumber(fd[3], fd[0]): success
 * | __wasi_fd_close(fd[3]): badf
 * | next: 3
 * | __wasi_fd_renumber(d, 0): success
 * | preopen as 0: success, success
 * | probe(d, "file", 0, RO, FOLLOW): badf
 */
#include "../abi/wasi-util.h"
#include "../abi/wasi-raw.h"

#define P(x) ((u32)(uintptr_t)(x))

static void calls(const char *name, int fd) {
    static u32 iov[2], out[16];
    static uint8_t buf[256];
    iov[0] = P(buf);
    printf("%s: advise %s", name, er(w_fd_advise(fd, 0, 1, 0)));
    printf(", datasync %s", er(__wasi_fd_datasync(fd)));
    printf(", sync %s", er(__wasi_fd_sync(fd)));
    printf(", append %s", er(w_fd_fdstat_set_flags(fd, 1)));
    printf(", dsync %s", er(w_fd_fdstat_set_flags(fd, 2)));
    printf(", no flags %s", er(w_fd_fdstat_set_flags(fd, 0)));
    printf(", rights %s", er(__wasi_fd_fdstat_set_rights(fd, 0, 0)));
    printf(", stat %s", er(w_fd_filestat_get(fd, P(out))));
    printf(", times %s", er(w_fd_filestat_set_times(fd, 0, 0, 0)));
    printf(", both times %s", er(w_fd_filestat_set_times(fd, 1, 1, 3)));
    printf(", pread %s", er(w_fd_pread(fd, P(iov), 1, 0, P(out))));
    printf(", pwrite %s", er(w_fd_pwrite(fd, P(iov), 1, 0, P(out))));
    if (fd) printf(", read %s", er(w_fd_read(fd, P(iov), 1, P(out))));
    printf(", write %s", er(w_fd_write(fd, P(iov), 1, P(out))));
    printf(", seek %s", er(w_fd_seek(fd, 0, 1, P(out))));
    printf(", tell %s", er(w_fd_tell(fd, P(out))));
    printf(", list %s", er(w_fd_readdir(fd, P(buf), 256, 0, P(out))));
    printf(", prestat %s", er(w_fd_prestat_get(fd, P(out))));
    printf(", its name %s", er(w_fd_prestat_dir_name(fd, P(buf), 256)));
    printf(", accept %s", er(__wasi_sock_accept(fd, 0, (void *)out)));
    printf(", recv %s", er(__wasi_sock_recv(fd, (void *)iov, 1, 0, (void *)out, (void *)buf)));
    printf(", send %s", er(__wasi_sock_send(fd, (void *)iov, 1, 0, (void *)out)));
    printf(", shutdown %s", er(__wasi_sock_shutdown(fd, 1)));
    printf(", size %s", er(__wasi_fd_filestat_set_size(fd, 4)));
    printf(", mkdir %s\n", er(w_path_create_directory(fd, P("made"), 4)));
}

int main(void) {
    int d = preopen("."), dir, file, fd[8];
    __wasi_filestat_t st;
    mk(d, "file", "text");
    __wasi_path_create_directory(d, "dir");
    TRY(op(d, "dir", DIRECTORY, RDIR, FOLLOW, 0, &dir));
    TRY(op(d, "file", 0, RW, FOLLOW, 0, &file));
    calls("stdin", 0);
    calls("stdout", 1);
    calls("preopen", d);
    calls("directory", dir);
    calls("file", file);
    calls("none", 99);
    for (int i = 0; i < 3; i++) printf("stat of %d: %s %llu\n", i, er(__wasi_fd_filestat_get(i, &st)), st.size);
    for (int i = 0; i < 6; i++) op(d, "file", 0, RO, FOLLOW, 0, fd + i);
    printf("numbers follow each other: %d\n", fd[5] - fd[0] == 5);
    __wasi_fd_close(fd[1]);
    __wasi_fd_close(fd[4]);
    for (int i = 0; i < 3; i++) { op(d, "file", 0, RO, FOLLOW, 0, fd + 6); printf("next: %d\n", fd[6] - fd[0]); }
    TRY(__wasi_fd_renumber(fd[0], fd[0]));
    TRY(__wasi_fd_renumber(fd[0], 777));
    TRY(__wasi_fd_renumber(777, fd[0]));
    TRY(__wasi_fd_renumber(fd[3], fd[0]));
    TRY(__wasi_fd_close(fd[3]));
    op(d, "file", 0, RO, FOLLOW, 0, fd + 6); printf("next: %d\n", fd[6] - fd[0]);
    TRY(__wasi_fd_renumber(d, 0));
    printf("preopen as 0: %s, %s\n", er(w_fd_prestat_get(0, P(fd))), er(probe(0, "file", 0, RO, FOLLOW)));
    TRY(probe(d, "file", 0, RO, FOLLOW));
    return 0;
}
