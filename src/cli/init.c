/* The `init` command: tells Cargo to build for WebAssembly and to run what it built with rille, in .cargo/config.toml.
 *
 * Owns the text of that file while it edits it; main thread only. Lines are edited, not the file written anew from a parsed
 * form: comments and everything else stay as they are. Two settings are looked at, build.target and target.NAME.runner;
 * a value of somebody else's is never replaced but named, and then nothing is written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/cli.h"

#define RUNNER "rille run"
#define TARGET "wasm32-wasip1"
#define OLD_TARGET "wasm32-wasi" /* what it was called before Rust 1.78 */

/* One setting as a line of the file has it. */
typedef struct setting {
    char *line;       /* where its line begins; NULL: it is not there */
    char value[200];  /* a string without its quotes; anything else as it is written */
} setting;

/* ---- reading lines ---- */

static char *blank(char *p) { return p + strspn(p, " \t"); }

/* Appends the dotted key at *p to path (room for 300 bytes), quotes taken off; *p moves behind it. */
static void key(char **p, char *path) {
    char *at = *p, *end = path + strlen(path), quote = 0;
    for (; *at && *at != '\n' && end < path + 299; at++) {
        if (quote ? *at == quote : *at == '"' || *at == '\'') quote = quote ? 0 : *at;
        else if (!quote && strchr("=]#", *at)) break;
        else if (quote || !strchr(" \t", *at)) *end++ = *at;
    }
    *end = 0;
    *p = at;
}

static void value(char *p, char *out, size_t size) {
    size_t n;
    p = blank(p);
    if (*p == '"' || *p == '\'') n = strcspn(p + 1, *p == '"' ? "\"\n" : "'\n"), p++;
    else for (n = strcspn(p, "#\n"); n && strchr(" \t\r", p[n - 1]); n--) {}
    snprintf(out, size, "%.*s", (int)n, p);
}

static char *next_line(char *line) {
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

/* Finds the line that sets `name`, or one that sets a table around it in a form that cannot be edited by lines (its whole
 * value is then the table), and the line after the header of the table `table`, or NULL. */
static setting find(char *text, const char *name, const char *table, char **inside) {
    char path[300] = "";
    setting found = {0};
    size_t in = 0;
    *inside = NULL;
    for (char *line = text; *line; line = next_line(line)) {
        char *p = blank(line);
        if (*p == '[' && p[1] != '[') {
            path[0] = 0;
            p++;
            key(&p, path);
            in = strlen(path);
            if (!strcmp(path, table)) *inside = next_line(line);
            continue;
        }
        snprintf(path + in, sizeof path - in, in ? "." : "");
        key(&p, path);
        size_t n = strlen(path);
        bool whole = !strcmp(path, name), around = !strncmp(path, name, n) && name[n] == '.';
        if (*p == '=' && (whole || around)) {
            found.line = line;
            value(p + 1, found.value, sizeof found.value);
        }
        path[in] = 0;
    }
    return found;
}

/* ---- editing ---- */

/* text with `with` in place of `cut` bytes at `at`; text is freed. */
static char *splice(char *text, char *at, size_t cut, const char *with) {
    size_t head = (size_t)(at - text), n = strlen(text) + strlen(with) + 1;
    char *out = malloc(n);
    if (out) snprintf(out, n, "%.*s%s%s", (int)head, text, with, at + cut);
    free(text);
    return out;
}

/* Sets table.key to the string `to`. text is taken over; NULL: memory is out. */
static char *set(char *text, const char *table, const char *name, const char *to) {
    char path[300], line[400], *inside;
    snprintf(path, sizeof path, "%s.%s", table, name);
    setting old = find(text, path, table, &inside);
    const char *newline = *text && text[strlen(text) - 1] != '\n' ? "\n" : "";
    if (old.line) {
        char *eq = old.line + strcspn(old.line, "=");
        snprintf(line, sizeof line, "= \"%s\"", to);
        return splice(text, eq, strcspn(eq, "\n"), line);
    }
    if (inside) {
        snprintf(line, sizeof line, "%s%s = \"%s\"\n", inside[0] ? "" : newline, name, to);
        return splice(text, inside, 0, line);
    }
    snprintf(line, sizeof line, "%s%s[%s]\n%s = \"%s\"\n", newline, *text ? "\n" : "", table, name, to);
    return splice(text, text + strlen(text), 0, line);
}

static bool write_file(const char *path, const char *text) {
    char temporary[64];
    snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid());
    FILE *f = fopen(temporary, "w");
    bool good = f && fputs(text, f) >= 0;
    if (f && fclose(f)) good = false;
    if (good && !rename(temporary, path)) return true;
    int e = errno;
    unlink(temporary);
    errno = e;
    return false;
}

/* ---- deciding ---- */

static bool ours(const char *runner) { return !strncmp(runner, RUNNER, strlen(RUNNER)); }
static bool of_lunatic(const char *runner) { return !strcmp(runner, "lunatic") || !strcmp(runner, "lunatic run"); }
static bool our_target(const char *t) { return !strcmp(t, TARGET) || !strcmp(t, OLD_TARGET); }

static int refuse(const char *path, const char *name, const char *have, const char *want) {
    fprintf(stderr, "error: %s sets %s to %s, which is not for rille to change.\n"
                    "Set it to \"%s\" there, or take the line out, and run rille init again. Nothing was written.\n", path, name, have, want);
    return RL_STATUS_FAILED;
}

static int trouble(const char *path) {
    rl_diag d = {0};
    rl_diag_set(&d, RL_ERR_IO, "%s", strerror(errno));
    return rl_cli_complain(path, &d);
}

static void tell(const char *path, const char *to, const char *name, const setting *target, const setting *runner) {
    if (!target->line) printf("%s: build.target = \"%s\"\n", path, to);
    if (!runner->line) printf("%s: %s = \"%s\"\n", path, name, RUNNER);
    else if (!ours(runner->value)) printf("%s: %s = \"%s\", instead of \"%s\"\n", path, name, RUNNER, runner->value);
    puts("Cargo project initialized! \"cargo run\" and \"cargo test\" use rille now.");
}

/* text is taken over. */
static int edit(const char *path, char *text) {
    char table[80], name[100], *inside;
    setting target = find(text, "build.target", "build", &inside);
    const char *to = target.line ? target.value : TARGET;
    int status = RL_STATUS_FAILED;
    snprintf(table, sizeof table, "target.%s", !strcmp(to, OLD_TARGET) ? OLD_TARGET : TARGET);
    snprintf(name, sizeof name, "%s.runner", table);
    setting runner = find(text, name, table, &inside);
    bool foreign = runner.line && !ours(runner.value) && !of_lunatic(runner.value);
    if (target.line && !our_target(to)) status = refuse(path, "build.target", target.value, TARGET);
    else if (foreign) status = refuse(path, name, runner.value, RUNNER);
    else if (target.line && runner.line && ours(runner.value)) {
        printf("%s: build.target is %s and its runner is %s: nothing to do\n", path, to, runner.value);
        status = 0;
    } else {
        if (!target.line) text = set(text, "build", "target", TARGET);
        if (text && !(runner.line && ours(runner.value))) text = set(text, table, "runner", RUNNER);
        status = text && write_file(path, text) ? 0 : trouble(path);
        if (!status) tell(path, to, name, &target, &runner);
    }
    free(text);
    return status;
}

int rl_cli_init(const rl_args *a) {
    (void)a;
    const char *path = ".cargo/config.toml";
    u8 *bytes = NULL;
    size_t size = 0;
    rl_diag d = {0};
    if (access("Cargo.toml", F_OK)) {
        rl_diag_set(&d, RL_ERR_NOTFOUND, "there is no Cargo.toml here: run it in a Cargo project (\"cargo new NAME\" makes one)");
        return rl_cli_complain(NULL, &d);
    }
    if (access(path, F_OK) && !access(".cargo/config", F_OK)) path = ".cargo/config";
    if (mkdir(".cargo", 0777) && errno != EEXIST) return trouble(".cargo");
    if (!access(path, F_OK) && rl_cli_read(path, &bytes, &size, &d)) return rl_cli_complain(path, &d);
    char *text = realloc(bytes, size + 1);
    if (!text) {
        free(bytes);
        return trouble(path);
    }
    text[size] = 0;
    return edit(path, text);
}
