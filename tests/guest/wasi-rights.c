/* Rights of standard descriptors, of the preopen, and of what is opened with different wishes: what fd_fdstat_get shows,
 * and whether reading, writing and listing work. wasmtime's answers.
 * | stdin: success unknown, flags 0, base 2, inheriting 2
 * | stdout: success unknown, flags 0, base 40, inheriting 40
 * | preopen: success directory, flags 0, base 7b7fe00, inheriting ff7ffff
 * | none: badf
 * | file for 0: success
 * |   it: success file, flags 0, base 3fffffbf, inheriting 3fffffbf
 * |   read success, write badf, list badf, set notsup, cut 0
 * | dir for 0: success
 * |   it: success directory, flags 0, base 3fb7ffbb, inheriting 3fb7ffbb
 * |   read badf, write badf, list success, set notsup, cut 0
 * | file for 2: success
 * |   it: success file, flags 0, base 3fffffbf, inheriting 3fffffbf
 * |   read success, write badf, list badf, set notsup, cut 0
 * | dir for 2: success
 * |   it: success directory, flags 0, base 3fb7ffbb, inheriting 3fb7ffbb
 * |   read badf, write badf, list success, set notsup, cut 0
 * | file for 40: success
 * |   it: success file, flags 0, base 3fffbffd, inheriting 3fffbffd
 * |   read badf, write success, list badf, set notsup, cut 1
 * | dir for 40: isdir
 * | file for 42: success
 * |   it: success file, flags 0, base 3fffffff, inheriting 3fffffff
 * |   read success, write success, list badf, set notsup, cut 1
 * | dir for 42: isdir
 * | file for 4000: success
 * |   it: success file, flags 0, base 3fffffbf, inheriting 3fffffbf
 * |   read success, write badf, list badf, set notsup, cut 0
 * | dir for 4000: success
 * |   it: success directory, flags 0, base 3fb7ffbb, inheriting 3fb7ffbb
 * |   read badf, write badf, list success, set notsup, cut 0
 * | file for fffffff: success
 * |   it: success file, flags 0, base 3fffffff, inheriting 3fffffff
 * |   read success, write success, list badf, set notsup, cut 1
 * | dir for fffffff: isdir
 * | file for 3fffffff: success
 * |   it: success file, flags 0, base 3fffffff, inheriting 3fffffff
 * |   read success, write success, list badf, set notsup, cut 1
 * | dir for 3fffffff: isdir
 * | file for fffffbf: success
 * |   it: success file, flags 0, base 3fffffbf, inheriting 3fffffbf
 * |   read success, write badf, list badf, set notsup, cut 0
 * | dir for fffffbf: success
 * |   it: success directory, flags 0, base 3fb7ffbb, inheriting 3fb7ffbb
 * |   read badf, write badf, list success, set notsup, cut 0
 */
#include "../abi/wasi-util.h"

static void show(const char *what, int fd) {
    __wasi_fdstat_t st;
    err e = __wasi_fd_fdstat_get(fd, &st);
    printf("%s: %s", what, er(e));
    if (!e) printf(" %s, flags %x, base %llx, inheriting %llx", kind(st.fs_filetype), st.fs_flags, st.fs_rights_base, st.fs_rights_inheriting);
    printf("\n");
}

int main(void) {
    int d = preopen("."), fd;
    char buf[64];
    size_t n;
    __wasi_size_t used;
    static const __wasi_rights_t wish[] = {0, 2, 64, 66, 1 << 14, 0x0fffffff, 0x3fffffff, 0x0fffffff & ~64};
    mk(d, "file", "text");
    if (__wasi_path_create_directory(d, "dir")) return 1;
    show("stdin", 0);
    show("stdout", 1);
    show("preopen", d);
    show("none", 99);
    for (unsigned i = 0; i < 2 * sizeof wish / sizeof *wish; i++) {
        const char *name = i % 2 ? "dir" : "file";
        err e = op(d, name, 0, wish[i / 2], FOLLOW, 0, &fd);
        printf("%s for %llx: %s\n", name, wish[i / 2], er(e));
        if (e) continue;
        show("  it", fd);
        printf("  read %s, ", er(get(fd, buf, 2, &n)));
        printf("write %s, ", er(put(fd, "xt")));
        printf("list %s, ", er(__wasi_fd_readdir(fd, (uint8_t *)buf, sizeof buf, 0, &used)));
        printf("set %s, ", er(__wasi_fd_fdstat_set_rights(fd, 0, 0)));
        printf("cut %d\n", !__wasi_fd_filestat_set_size(fd, 4));
        __wasi_fd_close(fd);
    }
    return 0;
}
