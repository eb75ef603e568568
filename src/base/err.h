/* Error codes and the text that goes with them. */
#ifndef RL_ERR_H
#define RL_ERR_H

#include "src/base/base.h"

typedef enum rl_err {
    RL_OK = 0,
#define ERR(code, text) RL_ERR_##code,
#include "src/base/err.def"
#undef ERR
} rl_err;

const char *rl_err_text(rl_err e);

/* What went wrong, for a person. `offset` is a byte offset in the module when has_offset. */
typedef struct rl_diag {
    rl_err code;
    bool has_offset;
    u64 offset;
    char text[1200];
} rl_diag;

/* An empty one, without clearing the text's whole buffer. */
static inline void rl_diag_clear(rl_diag *d) {
    d->code = RL_OK;
    d->has_offset = false;
    d->offset = 0;
    d->text[0] = 0;
}

/* Both record the first error only (a diag that already holds one keeps it) and return e. d may be NULL. */
rl_err rl_diag_set(rl_diag *d, rl_err e, const char *fmt, ...) RL_PRINTF(3, 4);
rl_err rl_diag_at(rl_diag *d, rl_err e, u64 offset, const char *fmt, ...) RL_PRINTF(4, 5);

/* Returns from the calling function when e is an error. */
#define RL_TRY(e)                                  \
    do {                                           \
        rl_err rl_try_ = (e);                      \
        if (RL_UNLIKELY(rl_try_)) return rl_try_;  \
    } while (0)

#endif
