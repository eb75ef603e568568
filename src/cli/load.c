/* Reads a module from a file or standard input, and converts text to binary.
 *
 * Owns the bytes it returns until the caller frees them; main thread only. Text is converted by a well-kept tool in a
 * child process (wasm-tools, or wabt's wat2wasm) rather than by a parser of our own: the text format is as large as
 * the binary one, and only people write it. Files are read, not mapped: a module is copied by the decoder anyway, and
 * a mapping could change or vanish while it is decoded. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/module.h"
#include "src/base/os.h"
#include "src/cli/cli.h"

#define FILE_LIMIT ((size_t)2 << 30) /* offsets in a module are 32 bits wide */

#define LARGE (4u << 20) /* from here on large pages are worth asking for */

typedef struct pile { u8 *p; size_t len, cap; } pile; /* bytes read so far */

/* Makes room for at least one more byte. */
static rl_err pile_grow(pile *b, size_t hint) {
    if (b->len < b->cap) return RL_OK;
    if (b->cap >= FILE_LIMIT) return RL_ERR_LIMIT;
    size_t cap = b->cap ? b->cap * 2 : hint ? hint : 65536;
    u8 *p = realloc(b->p, cap);
    if (!p) return RL_ERR_NOMEM;
    b->p = p;
    b->cap = cap;
    if (cap >= LARGE) rl_os_large(p + b->len, cap - b->len);
    return RL_OK;
}

/* One read; 0 at the end, -1 on an error (errno, or the rl_err in *e). */
static ssize_t pile_read(pile *b, int fd, size_t hint, rl_err *e) {
    if ((*e = pile_grow(b, hint))) return -1;
    ssize_t n;
    do n = read(fd, b->p + b->len, b->cap - b->len);
    while (n < 0 && errno == EINTR);
    if (n > 0) b->len += (size_t)n;
    return n;
}

static rl_err read_all(int fd, size_t hint, pile *b, rl_diag *d) {
    rl_err e;
    for (;;) {
        ssize_t n = pile_read(b, fd, hint, &e);
        if (e) return rl_diag_set(d, e, e == RL_ERR_LIMIT ? "larger than 2 GiB" : "out of memory");
        if (n < 0) return rl_diag_set(d, RL_ERR_IO, "%s", strerror(errno));
        if (n == 0) return RL_OK;
    }
}

rl_err rl_cli_read(const char *path, u8 **bytes, size_t *size, rl_diag *d) {
    *bytes = NULL;
    *size = 0;
    bool standard = !strcmp(path, "-");
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rl_diag_set(d, RL_ERR_IO, "%s", strerror(errno));
    struct stat st;
    pile b = {0};
    rl_err e = RL_OK;
    if (fstat(fd, &st)) e = rl_diag_set(d, RL_ERR_IO, "%s", strerror(errno));
    else if (S_ISDIR(st.st_mode)) e = rl_diag_set(d, RL_ERR_IO, "is a directory");
    else if (st.st_size > 0 && (u64)st.st_size >= FILE_LIMIT) e = rl_diag_set(d, RL_ERR_LIMIT, "larger than 2 GiB");
    /* one byte more than the file has, so that its end is seen without growing */
    if (!e) e = read_all(fd, S_ISREG(st.st_mode) ? (size_t)st.st_size + 1 : 0, &b, d);
    if (!standard) close(fd);
    if (e) {
        free(b.p);
        return e;
    }
    *bytes = b.p;
    *size = b.len;
    return RL_OK;
}

/* ---- text ---- */

/* Text begins with a parenthesis or a comment, after white space perhaps. Anything else is left to the decoder,
 * whose complaint about the magic number is the better one. */
static bool looks_like_text(const u8 *p, size_t len) {
    size_t at = len >= 3 && !memcmp(p, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < len && strchr(" \t\r\n", p[at]) && p[at]) at++;
    return at < len && (p[at] == '(' || (p[at] == ';' && at + 1 < len && p[at + 1] == ';'));
}

/* Starts the converter with our end of its pipes in `in` (its input) and out[] (output, errors). */
static rl_err start(char *const argv[], pid_t *pid, int *in, int out[2]) {
    int p[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    bool ok = true;
    for (int i = 0; i < 3; i++) ok = ok && !pipe2(p[i], O_CLOEXEC);
    posix_spawn_file_actions_t fa;
    int bad = ENOMEM;
    if (ok && !(bad = posix_spawn_file_actions_init(&fa))) {
        bad = posix_spawn_file_actions_adddup2(&fa, p[0][0], 0);
        bad = bad ? bad : posix_spawn_file_actions_adddup2(&fa, p[1][1], 1);
        bad = bad ? bad : posix_spawn_file_actions_adddup2(&fa, p[2][1], 2);
        bad = bad ? bad : posix_spawnp(pid, argv[0], &fa, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&fa);
    }
    int theirs[3] = {p[0][0], p[1][1], p[2][1]}, ours[3] = {p[0][1], p[1][0], p[2][0]};
    for (int i = 0; i < 3; i++) {
        if (theirs[i] >= 0) close(theirs[i]);
        if (bad && ours[i] >= 0) close(ours[i]);
    }
    *in = ours[0], out[0] = ours[1], out[1] = ours[2];
    errno = bad;
    return !bad ? RL_OK : bad == ENOENT ? RL_ERR_NOTFOUND : RL_ERR_SYSTEM;
}

/* Feeds the text and collects output and errors at once, so that no pipe can fill up and block both sides. */
static rl_err converse(int in, const int out[2], const u8 *text, size_t len, pile got[2]) {
    struct pollfd fds[3] = {{in, POLLOUT, 0}, {out[0], POLLIN, 0}, {out[1], POLLIN, 0}};
    fcntl(in, F_SETFL, O_NONBLOCK);
    size_t sent = 0;
    rl_err e = RL_OK;
    while (!e && (fds[1].fd >= 0 || fds[2].fd >= 0)) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR) return RL_ERR_SYSTEM;
        if (fds[0].fd >= 0 && fds[0].revents) {
            ssize_t n = write(in, text + sent, len - sent);
            if (n > 0) sent += (size_t)n;
            if (sent == len || (n < 0 && errno != EAGAIN && errno != EINTR)) close(in), fds[0].fd = -1;
        }
        for (int i = 1; i < 3 && !e; i++)
            if (fds[i].fd >= 0 && fds[i].revents && pile_read(&got[i - 1], fds[i].fd, 0, &e) <= 0) fds[i].fd = -1;
    }
    if (fds[0].fd >= 0) close(in);
    return e;
}

/* A failed conversion: the tool's first words, without its own "error:" and line ends. */
static rl_err converter_failed(const char *tool, pile *errors, rl_diag *d) {
    static const char prefix[] = "error: ";
    if (pile_grow(errors, 0)) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    errors->p[errors->len] = 0;
    char *text = (char *)errors->p;
    if (!strncmp(text, prefix, sizeof prefix - 1)) text += sizeof prefix - 1;
    size_t len = strlen(text);
    while (len && text[len - 1] == '\n') text[--len] = 0;
    return rl_diag_set(d, RL_ERR_MALFORMED, "%s", len ? text : tool);
}

static rl_err convert(char *const argv[], const u8 *text, size_t len, pile got[2], rl_diag *d) {
    pid_t pid;
    int in, out[2], status = 0;
    rl_err e = start(argv, &pid, &in, out);
    if (e) return e == RL_ERR_NOTFOUND ? e : rl_diag_set(d, e, "%s: %s", argv[0], strerror(errno));
    e = converse(in, out, text, len, got);
    close(out[0]);
    close(out[1]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (e) return rl_diag_set(d, e, "%s: %s", argv[0], rl_err_text(e));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !got[1].len) return RL_ERR_NOTFOUND;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) return converter_failed(argv[0], &got[1], d);
    return RL_OK;
}

rl_err rl_cli_wat(const u8 *text, size_t len, u8 **bytes, size_t *size, rl_diag *d) {
    char *named = getenv("RILLE_WAT");
    char *const tools[][6] = {
        {named, "parse", "-", NULL},
        {"wasm-tools", "parse", "-", NULL},
        {"wat2wasm", "--enable-all", "--output=-", "-", NULL},
    };
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    sigaction(SIGPIPE, &ignore, &before); /* a tool that stops reading is a failure to report, not our death */
    rl_err e = RL_ERR_NOTFOUND;
    bool chosen = named && *named;
    for (size_t i = chosen ? 0 : 1; e == RL_ERR_NOTFOUND && i < (chosen ? 1 : RL_LEN(tools)); i++) {
        pile got[2] = {{0}, {0}};
        e = convert(tools[i], text, len, got, d);
        free(got[1].p);
        if (!e) *bytes = got[0].p, *size = got[0].len;
        else free(got[0].p);
    }
    sigaction(SIGPIPE, &before, NULL);
    if (e == RL_ERR_NOTFOUND && chosen) rl_diag_set(d, e, "is text, and RILLE_WAT names no program: %s", named);
    if (e == RL_ERR_NOTFOUND)
        rl_diag_set(d, e, "is WebAssembly text, which needs a converter: install wasm-tools or wabt (wat2wasm)");
    return e;
}

rl_err rl_cli_binary(u8 **bytes, size_t *size, rl_diag *d) {
    if (!looks_like_text(*bytes, *size)) return RL_OK;
    u8 *text = *bytes;
    size_t len = *size;
    *bytes = NULL;
    rl_err e = rl_cli_wat(text, len, bytes, size, d);
    free(text);
    return e;
}

rl_err rl_cli_load(const char *path, u8 **bytes, size_t *size, rl_diag *d) {
    RL_TRY(rl_cli_read(path, bytes, size, d));
    return rl_cli_binary(bytes, size, d);
}

rl_err rl_cli_module(const char *path, rl_module **m, rl_diag *d) {
    u8 *bytes = NULL;
    size_t size;
    rl_err e = rl_cli_load(path, &bytes, &size, d);
    return e ? e : rl_module_take(bytes, size, m, d);
}
