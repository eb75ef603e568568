/* Owns the texts of errors and the record of the first one. A diag is one thread's; nothing here is shared.
 * The alternative, errno-like globals, was not taken: an error belongs to the operation that failed. */
#include "src/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void rl_assert_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "rille: internal error: %s:%d: %s does not hold\n", file, line, what);
    abort();
}

const char *rl_err_text(rl_err e) {
    switch (e) {
    case RL_OK: return "no error";
#define ERR(code, text) case RL_ERR_##code: return text;
#include "src/base/err.def"
#undef ERR
    }
    return "unknown error";
}

static void record(rl_diag *d, rl_err e, const char *fmt, va_list ap) {
    d->code = e;
    vsnprintf(d->text, sizeof d->text, fmt, ap);
}

rl_err rl_diag_set(rl_diag *d, rl_err e, const char *fmt, ...) {
    if (!d || d->code) return e;
    va_list ap;
    va_start(ap, fmt);
    record(d, e, fmt, ap);
    va_end(ap);
    return e;
}

rl_err rl_diag_at(rl_diag *d, rl_err e, u64 offset, const char *fmt, ...) {
    if (!d || d->code) return e;
    va_list ap;
    va_start(ap, fmt);
    record(d, e, fmt, ap);
    va_end(ap);
    d->has_offset = true;
    d->offset = offset;
    return e;
}
