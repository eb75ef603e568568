/* What `rille` is where it can be linked statically: the runtime for programs that need no library, as those do that use
 * WASI and processes. It hands over everything else (the other commands, programs with the network or SQLite) by executing
 * the whole command, which is a file of its own. A static program starts in four fifths of the time, as no dynamic linker runs, but
 * cannot load libraries. Runs once, on the main thread; nothing has been done that an observer could see when it hands over.
 *
 * Not taken: one dynamic program (meson option quick=false makes it), which pays 0.2 ms for the dynamic linker in every run;
 * one static program, with OpenSSL and the others linked into it: they could not be updated without it. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/reader.h"
#include "src/cli/cli.h"
#include "src/host/table.h"

/* Where the whole command is, relative to this one: in the build directory, and installed (RL_WHOLE). */
static const char *const places[] = {"src/cli/rille", RL_WHOLE};

static _Noreturn void hand_over(char **argv) {
    char path[PATH_MAX + 256];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    while (n > 0 && path[n - 1] != '/') n--;
    for (size_t i = 0; n > 0 && i < RL_LEN(places); i++) {
        snprintf(places[i][0] == '/' ? path : path + n, sizeof path - (size_t)n, "%s", places[i]);
        execv(path, argv);
    }
    fprintf(stderr, "error: cannot run the whole rille, %s: %s\n", n > 0 ? path : "as /proc is missing", strerror(errno));
    _exit(RL_STATUS_FAILED);
}

/* Whether what a function does never needs a library: WASI, and lunatic's rows but the network's and SQLite's. A module
 * compiled at run time could import anything. */
static bool plain(const char *ns, size_t nns, const char *name, size_t nname) {
    static const char wasi[] = "wasi_snapshot_preview1", sqlite[] = "lunatic::sqlite";
    if (nns == sizeof wasi - 1 && !memcmp(ns, wasi, nns)) return true;
    for (const rl_api_row *r = rl_api_lunatic.rows; r < rl_api_lunatic.rows + rl_api_lunatic.count; r++)
        if (nname && *r->name == *name /* mostly not */ && strlen(r->name) == nname && !memcmp(name, r->name, nname) &&
            strlen(r->ns) == nns && !memcmp(ns, r->ns, nns))
            return strcmp(r->permission, "NET") && strcmp(r->permission, "COMPILE") && strcmp(r->ns, sqlite);
    return false;
}

/* Whether all imports are such functions. Whatever is wrong with a module is left to the whole command to say. */
static bool needs_no_library(const u8 *bytes, size_t size) {
    if (size < 8 || memcmp(bytes, "\0asm\1\0\0", 8)) return false;
    rl_reader r = rl_reader_of(bytes, 8, size);
    while (rl_reader_left(&r)) {
        u8 id = rl_read_u8(&r);
        u32 len = rl_read_u32(&r);
        if (id > 2) break; /* imports come before */
        if (id < 2) {
            rl_read_bytes(&r, len);
            continue;
        }
        for (u32 n = rl_read_u32(&r); n && !r.err; n--) {
            u32 nns = rl_read_u32(&r);
            const u8 *ns = rl_read_bytes(&r, nns);
            u32 nname = rl_read_u32(&r);
            const u8 *name = rl_read_bytes(&r, nname);
            if (!ns || !name || !plain((const char *)ns, nns, (const char *)name, nname) || rl_read_u8(&r) != 0) return false;
            rl_read_u32(&r); /* the type */
        }
        break;
    }
    return !r.err;
}

static void look(const rl_args *a, const u8 *bytes, size_t size) {
    if (!needs_no_library(bytes, size)) hand_over(a->argv);
}

/* The file is read twice when `look` says no. */
static bool simple(const rl_args *a) {
    struct stat st;
    return a->command == RL_CMD_run && !a->help && !a->version && !rl_args_given(a, RL_OPT_prometheus) && !a->tcplisten.n &&
           !getenv("CARGO_MANIFEST_DIR") /* perhaps tests */ && !getenv("LD_PRELOAD") &&
           !stat(a->operands[0], &st) && S_ISREG(st.st_mode);
}

int main(int argc, char **argv) {
    rl_args a;
    rl_cli_begin();
    if (!rl_args_parse(&a, argc, argv)) return RL_STATUS_USAGE;
    if (!simple(&a)) hand_over(a.argv);
    a.seen = look;
    int status = rl_cli_run(&a);
    rl_args_fini(&a);
    return rl_cli_end(status);
}
