/* Odd names in every path_* call: empty, with a NUL, not UTF-8, too long, ending in slashes and dots: wasmtime's answers,
 * but where it drops a slash that POSIX takes seriously.
 * | empty: open noent, stat noent, mkdir noent, readlink noent, times noent, link noent, unlink noent
 * | NUL at the end: open inval, stat inval, mkdir inval, readlink inval, times inval, link inval, unlink inval
 * | NUL within: open inval, stat inval, mkdir inval, readlink inval, times inval, link inval, unlink inval
 * | not UTF-8: open ilseq, stat ilseq, mkdir ilseq, readlink ilseq, times ilseq, link ilseq, unlink ilseq
 * | overlong: open ilseq, stat ilseq, mkdir ilseq, readlink ilseq, times ilseq, link ilseq, unlink ilseq
 * | surrogate: open ilseq, stat ilseq, mkdir ilseq, readlink ilseq, times ilseq, link ilseq, unlink ilseq
 * | texts of links: empty noent, NUL inval, not UTF-8 ilseq, up success, absolute perm
 * | 255: open noent, stat noent, mkdir success, readlink inval, times success, link perm, unlink isdir
 * | 256: open nametoolong, stat nametoolong, mkdir nametoolong, readlink nametoolong, times nametoolong, link nametoolong, unlink nametoolong
 * | 4095: open noent, stat noent, mkdir noent, readlink noent, times noent, link noent, unlink noent
 * | file/: open notdir, stat notdir, mkdir exist, readlink notdir, times notdir, link notdir, unlink notdir
 * | dir/: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | dir///: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | to-file/: open notdir, stat notdir, mkdir exist, readlink notdir, times notdir, link notdir, unlink notdir
 * | none/x/: open noent, stat noent, mkdir noent, readlink noent, times noent, link noent, unlink noent
 * | dir/.: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | dir/..: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | dir/sub/..: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | .: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | ./: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | ..: open perm, stat perm, mkdir perm, readlink perm, times perm, link perm, unlink perm
 * | ../: open perm, stat perm, mkdir perm, readlink perm, times perm, link perm, unlink perm
 * | dir/../..: open perm, stat perm, mkdir perm, readlink perm, times perm, link perm, unlink perm
 * | /: open perm, stat perm, mkdir perm, readlink perm, times perm, link perm, unlink perm
 * | //: open perm, stat perm, mkdir perm, readlink perm, times perm, link perm, unlink perm
 * | dir//sub: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | ./dir: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | dir/./sub/: open success, stat success, mkdir exist, readlink inval, times success, link perm, unlink isdir
 * | w_path_rename(d, P("."), 1, d, P("dot"), 3): busy
 * | w_path_rename(d, P("dir"), 3, d, P("."), 1): busy
 * | w_path_rename(d, P("dir/sub/.."), 10, d, P("x"), 1): busy
 * | w_path_rename(d, P("file/"), 5, d, P("x"), 1): notdir
 * | w_path_rename(d, P("dir/"), 4, d, P("moved/"), 6): success
 * | dir is (noent), moved is directory
 * | w_path_link(d, 1, P("file"), 4, d, P("x"), 1): inval
 * | w_path_readlink(d, P("to-file"), 7, P(text), 2, P(out)): success
 * | 2: fi
 * | w_path_readlink(d, P("to-file"), 7, P(text), 0, P(out)): success
 */
#include "../abi/wasi-util.h"
#include "../abi/wasi-raw.h"

#define P(x) ((u32)(uintptr_t)(x))
static u32 out[64];
static int d;

static void calls(const char *what, const char *p, u32 n) {
    uint8_t buf[64];
    u32 fd = 0;
    err e = w_path_open(d, 1, P(p), n, 0, RO, RO, 0, P(&fd));
    if (!e) __wasi_fd_close(fd);
    printf("%s: open %s", what, er(e));
    printf(", stat %s", er(w_path_filestat_get(d, 1, P(p), n, P(out))));
    printf(", mkdir %s", er(w_path_create_directory(d, P(p), n)));
    printf(", readlink %s", er(w_path_readlink(d, P(p), n, P(buf), 64, P(out))));
    printf(", times %s", er(w_path_filestat_set_times(d, 1, P(p), n, 1, 1, 5)));
    printf(", link %s", er(w_path_link(d, 0, P(p), n, d, P("ln"), 2)));
    if (!w_path_unlink_file(d, P("ln"), 2)) printf(" made");
    printf(", unlink %s\n", er(w_path_unlink_file(d, P(p), n)));
}

int main(void) {
    static char text[5000];
    static const char *const slashed[] = {"file/", "dir/", "dir///", "to-file/", "none/x/", "dir/.", "dir/..", "dir/sub/..", ".", "./", "..", "../", "dir/../..", "/", "//", "dir//sub", "./dir", "dir/./sub/"};
    d = preopen(".");
    mk(d, "file", "text");
    if (__wasi_path_create_directory(d, "dir") || __wasi_path_create_directory(d, "dir/sub") || __wasi_path_symlink("file", d, "to-file")) return 1;
    mk(d, "dir/sub/x", "");
    calls("empty", "", 0);
    calls("NUL at the end", "file", 5);
    calls("NUL within", "fi\0le", 5);
    calls("not UTF-8", "\xff", 1);
    calls("overlong", "\xc0\xaf", 2);
    calls("surrogate", "\xed\xa0\x80", 3);
    printf("texts of links: empty %s", er(w_path_symlink(P(""), 0, d, P("s1"), 2)));
    printf(", NUL %s", er(w_path_symlink(P("a\0b"), 3, d, P("s1"), 2)));
    printf(", not UTF-8 %s", er(w_path_symlink(P("\xff"), 1, d, P("s1"), 2)));
    printf(", up %s", er(w_path_symlink(P("../x"), 4, d, P("s1"), 2)));
    printf(", absolute %s\n", er(w_path_symlink(P("/x"), 2, d, P("s2"), 2)));
    memset(text, 'a', sizeof text);
    calls("255", text, 255);
    w_path_remove_directory(d, P(text), 255);
    calls("256", text, 256);
    for (unsigned i = 1; i < sizeof text; i += 2) text[i] = '/';
    calls("4095", text, 4095);
    for (unsigned i = 0; i < sizeof slashed / sizeof *slashed; i++) calls(slashed[i], slashed[i], strlen(slashed[i]));
    TRY(w_path_rename(d, P("."), 1, d, P("dot"), 3));
    TRY(w_path_rename(d, P("dir"), 3, d, P("."), 1));
    TRY(w_path_rename(d, P("dir/sub/.."), 10, d, P("x"), 1));
    TRY(w_path_rename(d, P("file/"), 5, d, P("x"), 1));
    TRY(w_path_rename(d, P("dir/"), 4, d, P("moved/"), 6));
    printf("dir is %s, moved is %s\n", at(d, "dir", NOFOLLOW), at(d, "moved", NOFOLLOW));
    TRY(w_path_link(d, 1, P("file"), 4, d, P("x"), 1));
    TRY(w_path_readlink(d, P("to-file"), 7, P(text), 2, P(out)));
    printf("%u: %.2s\n", out[0], text);
    TRY(w_path_readlink(d, P("to-file"), 7, P(text), 0, P(out)));
    return 0;
}
