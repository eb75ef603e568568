/* What the process layer needs from the host functions above it: one object, defined in src/host/bind.c. The only
 * calls that go up the layers. */
#ifndef RL_UPPER_H
#define RL_UPPER_H

#include "jit/instance.h"
#include "src/conf.h"

struct rl_rt;

typedef struct rl_upper {
    /* Files, arguments and environment by a config; clones of it for each process. */
    rl_err (*wasi_new)(const rl_conf *c, struct rl_wasi **out, rl_diag *d);
    struct rl_wasi *(*wasi_clone)(const struct rl_wasi *like);
    void (*wasi_free)(struct rl_wasi *w);
    /* Whether w is as a new clone is. */
    bool (*wasi_untouched)(const struct rl_wasi *w);
    /* Lets its standard output and error go to a stream of the run's capture. */
    rl_err (*wasi_capture)(struct rl_wasi *w, u32 stream);
    /* The function a guest imports by that name; RL_ERR_NOTFOUND: there is none. */
    rl_err (*import)(const rl_name *ns, const rl_name *name, rl_func **out);
    /* Nearest known name, for the message about a missing import; NULL: nothing near. */
    const char *(*nearest)(const rl_name *ns, const rl_name *name, char *buf, size_t size);
    /* Releases a resource of that kind (rl_resource), from RL_RES_DNS on. */
    void (*const *drop)(void *object);
    /* Starts and ends the exporter of metrics. Ending is fine when it has not started. */
    rl_err (*observe)(struct rl_rt *rt, const rl_addr *at, rl_diag *d);
    void (*unobserve)(struct rl_rt *rt);
    rl_err (*init)(void); /* once, before anything else; thread-safe */
} rl_upper;

extern const rl_upper rl_upper_host;

#endif
