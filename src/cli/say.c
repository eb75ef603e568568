/* How the command talks: complaints, usage errors, floats, colours.
 *
 * Owns nothing; main thread only. Complaints have one form, "error: FILE: at 0x…: text", so that scripts and editors
 * can read them. Floats are printed by trying more and more digits until they read back the same, which needs no
 * shortest-float algorithm of our own. */
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/cli/cli.h"

void rl_cli_begin(void) {
    /* open gives the lowest number; what is open only as a path can be neither read nor written */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_PATH) < 0 && open("/", O_PATH) < 0) _exit(RL_STATUS_FAILED);
}

int rl_cli_end(int status) {
    if (!fflush(stdout) || status) return status;
    perror("error: standard output");
    return RL_STATUS_FAILED;
}

rl_style rl_cli_style(FILE *f) {
    const char *no = getenv("NO_COLOR");
    if ((no && *no) || !isatty(fileno(f))) return (rl_style){"", "", "", ""};
    return (rl_style){.bold = "\033[1m", .red = "\033[1;31m", .dim = "\033[2m", .off = "\033[0m"};
}

int rl_cli_complain(const char *path, const rl_diag *d) {
    rl_style s = rl_cli_style(stderr);
    fflush(stdout);
    fprintf(stderr, "%serror:%s ", s.red, s.off);
    if (path) fprintf(stderr, "%s: ", strcmp(path, "-") ? path : "standard input");
    if (d->has_offset) fprintf(stderr, "at 0x%llx: ", (unsigned long long)d->offset);
    fprintf(stderr, "%s\n", d->text[0] ? d->text : rl_err_text(d->code));
    return RL_STATUS_FAILED;
}

int rl_cli_usage(const char *fmt, ...) {
    rl_style s = rl_cli_style(stderr);
    fflush(stdout);
    fprintf(stderr, "%serror:%s ", s.red, s.off);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n(\"rille help\" explains the commands, \"rille help COMMAND\" their options)\n");
    return RL_STATUS_USAGE;
}

const char *rl_cli_float(double v, bool is32, char *buf, size_t size) {
    if (isnan(v)) {
        snprintf(buf, size, "nan");
    } else if (isinf(v)) {
        snprintf(buf, size, v < 0 ? "-inf" : "inf");
    } else {
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(buf, size, "%.*g", digits, v);
            if (is32 ? strtof(buf, NULL) == (float)v : strtod(buf, NULL) == v) break;
        }
    }
    return buf;
}
