/* The emitters built into the command: this machine's, and the other one's for listings. Both are the same sources
 * compiled for one target each; jit/meson.build renames what the other one defines. */
#ifndef RL_TARGET_H
#define RL_TARGET_H

#include "jit/code.h"

typedef struct rl_target {
    rl_convention convention;
    rl_flavour guarded;        /* the guarded flavour where the system has everything */
    void (*assume_all)(bool pads); /* code for a processor with every feature that is used, whatever this one has;
                                    * with landing pads only when asked, as they are in the way of reading */
    rl_emitter *(*emitter_new)(const rl_module *, rl_flavour, const rl_layout *, const rl_compile_options *, const void *const *);
    rl_err (*emit)(rl_emitter *, u32, rl_emitted *, rl_diag *);
    void (*emitter_free)(rl_emitter *);
} rl_target;

extern const rl_target rl_target_x64, rl_target_a64;
extern const rl_target *const rl_target_own; /* what this machine runs */

#endif
