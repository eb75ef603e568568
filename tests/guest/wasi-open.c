/* path_open: every combination of flags on every kind of name, followed and not, for reading and for both: wasmtime's
 * answers. One line per combination; for each name the answer without and with SYMLINK_FOLLOW.
 * | 0 ro: ok ok loop/ok loop/ok loop/noent noent ok notdir noent ok notdir ok ok ok ok noent notdir loop perm perm, file kept
 * | 0 rw: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file kept
 * | 1 ro: ok isdir loop/ok loop/isdir loop/ok ok isdir isdir isdir isdir isdir isdir isdir isdir isdir noent notdir loop perm perm, file kept
 * | 1 rw: ok isdir loop/ok loop/isdir loop/ok ok isdir isdir isdir isdir isdir isdir isdir isdir isdir noent notdir loop perm perm, file kept
 * | 2 ro: notdir ok loop/notdir loop/ok loop/noent noent ok notdir noent ok notdir ok ok ok ok noent notdir loop perm perm, file kept
 * | 2 rw: notdir isdir loop/notdir loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file kept
 * | 3 ro: inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval inval, file kept
 * | 4 ro: ok ok loop/ok loop/ok loop/noent noent ok notdir noent ok notdir ok ok ok ok noent notdir loop perm perm, file kept
 * | 4 rw: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file kept
 * | 5 ro: exist exist exist exist exist ok isdir isdir isdir isdir isdir exist exist exist exist noent notdir exist perm perm, file kept
 * | 5 rw: exist exist exist exist exist ok isdir isdir isdir isdir isdir exist exist exist exist noent notdir exist perm perm, file kept
 * | 8 ro: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | 8 rw: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | 9 ro: ok isdir loop/ok loop/isdir loop/ok ok isdir isdir isdir isdir isdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | 9 rw: ok isdir loop/ok loop/isdir loop/ok ok isdir isdir isdir isdir isdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | c ro: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | c rw: ok isdir loop/ok loop/isdir loop/noent noent isdir notdir noent isdir notdir isdir isdir isdir isdir noent notdir loop perm perm, file cut
 * | d ro: exist exist exist exist exist ok isdir isdir isdir isdir isdir exist exist exist exist noent notdir exist perm perm, file kept
 * | d rw: exist exist exist exist exist ok isdir isdir isdir isdir isdir exist exist exist exist noent notdir exist perm perm, file kept
 * | fdflags 0: success, shown as 0
 * | fdflags 1: success, shown as 1
 * | fdflags 4: success, shown as 4
 * | fdflags 5: success, shown as 5
 */
#include "../abi/wasi-util.h"

static const char *const names[] = {"file", "dir", "to-file", "to-dir", "dangling", "new", "dir/", "file/", "new/", "to-dir/", "to-file/",
                                    ".", "dir/.", "dir/..", "dir/sub/../..", "no/such", "file/x", "self", "..", "/file"};

int main(void) {
    int d = preopen("."), fd;
    if (__wasi_path_create_directory(d, "dir") || __wasi_path_create_directory(d, "dir/sub") || __wasi_path_symlink("file", d, "to-file") ||
        __wasi_path_symlink("dir", d, "to-dir") || __wasi_path_symlink("gone", d, "dangling") || __wasi_path_symlink("self", d, "self"))
        return 1;
    for (int oflags = 0; oflags < 16; oflags++)
        for (int write = 0; write < 2; write++) {
            if (oflags & DIRECTORY && oflags & ~DIRECTORY && (write || oflags != 3)) continue; /* all of these are inval */
            mk(d, "file", "text");
            printf("%x %s:", oflags, write ? "rw" : "ro");
            for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
                err e[2];
                for (int follow = 0; follow < 2; follow++) {
                    e[follow] = op(d, names[i], oflags, write ? RW : RO, follow, 0, &fd);
                    if (!e[follow]) __wasi_fd_close(fd);
                    __wasi_path_unlink_file(d, "new");
                    __wasi_path_unlink_file(d, "gone");
                }
                printf(e[0] == e[1] ? " %s" : " %s/%s", e[0] ? er(e[0]) : "ok", e[1] ? er(e[1]) : "ok");
            }
            printf(", file %s\n", *cat(d, "file") ? "kept" : "cut");
        }
    for (int f = 0; f < 32; f++) {
        __wasi_fdstat_t st;
        err e = op(d, "file", 0, RW, FOLLOW, f, &fd);
        if (e && e == __WASI_ERRNO_NOTSUP && f & 0x1a) continue; /* DSYNC, RSYNC, SYNC */
        printf("fdflags %d: %s", f, er(e));
        if (!e && !__wasi_fd_fdstat_get(fd, &st)) printf(", shown as %d", st.fs_flags);
        if (!e) __wasi_fd_close(fd);
        printf("\n");
    }
    return 0;
}
