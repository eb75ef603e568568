/* Configurations: counted, built by one process, constant once a process runs with one. Invariant: what rl_conf_under
 * gives out is within what the parent has, and its directories are the real ones that were checked (resolved paths, so
 * that a symbolic link changed later leads nowhere new). Refusing a config when a right is too large was not taken:
 * guests of the old runtime set generous limits as a matter of course; they get what is there. */
#include "src/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "src/upper.h"

rl_conf *rl_conf_new(void) {
    rl_conf *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    atomic_init(&c->refs, 1);
    c->max_memory = RL_CONF_MEMORY;
    return c;
}

rl_conf *rl_conf_get(rl_conf *c) {
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void rl_conf_put(rl_conf *c) {
    /* acq_rel: the last one sees everything the others did */
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1) return;
    for (u32 i = 0; i < c->nargs; i++) free(c->args[i]);
    for (u32 i = 0; i < c->nenv; i++) free(c->env[i]);
    for (u32 i = 0; i < c->ndirs; i++) {
        free(c->dirs[i].host);
        free(c->dirs[i].guest);
    }
    free(c->args);
    free(c->env);
    free(c->dirs);
    rl_reach_put(c->net);
    if (c->wasi) rl_upper_host.wasi_free(c->wasi);
    rl_conf_put(c->given);
    free(c);
}

void rl_conf_changed(rl_conf *c) {
    rl_conf_put(c->given);
    c->given = NULL;
}

static char *copy(const char *p, size_t n) {
    char *s = malloc(n + 1);
    if (!s) return NULL;
    memcpy(s, p, n);
    s[n] = 0;
    return s;
}

/* Appends s, which it takes over, to a list that grows at powers of two. */
static rl_err append(char ***list, u32 *n, char *s) {
    if (s && !(*n & (*n - 1))) {
        char **bigger = realloc(*list, (*n ? 2 * (size_t)*n : 1) * sizeof **list);
        if (bigger) *list = bigger;
        else free(s), s = NULL;
    }
    if (!s) return RL_ERR_NOMEM;
    (*list)[(*n)++] = s;
    return RL_OK;
}

rl_err rl_conf_add_arg(rl_conf *c, const char *p, size_t n) { return append(&c->args, &c->nargs, copy(p, n)); }

rl_err rl_conf_add_env(rl_conf *c, const char *name, size_t nname, const char *value, size_t nvalue) {
    char *s = value ? malloc(nname + nvalue + 2) : copy(name, nname);
    if (s && value) {
        memcpy(s, name, nname);
        s[nname] = '=';
        memcpy(s + nname + 1, value, nvalue);
        s[nname + 1 + nvalue] = 0;
    }
    return append(&c->env, &c->nenv, s);
}

rl_err rl_conf_add_dir(rl_conf *c, const char *host, size_t nhost, const char *guest, bool readonly) {
    rl_conf_dir d = { copy(host, nhost), guest ? strdup(guest) : copy(host, nhost), readonly };
    rl_conf_dir *bigger = realloc(c->dirs, (c->ndirs + 1) * sizeof *c->dirs);
    if (bigger) c->dirs = bigger;
    if (!bigger || !d.host || !d.guest) {
        free(d.host);
        free(d.guest);
        return RL_ERR_NOMEM;
    }
    c->dirs[c->ndirs++] = d;
    return RL_OK;
}

/* Whether path, absolute and resolved, is dir or lies in it. */
static bool beneath(const char *path, const char *dir) {
    size_t n = strlen(dir);
    return !strncmp(path, dir, n) && (path[n] == '/' || !path[n] || dir[n - 1] == '/');
}

/* Adds want's directory to c if one of have's covers it. */
static rl_err grant_dir(rl_conf *c, const rl_conf_dir *want, const rl_conf *have, rl_diag *d) {
    char *real = realpath(want->host, NULL), *own;
    bool found = false, readonly = true;
    if (!real) return rl_diag_set(d, RL_ERR_IO, "directory '%s': %s (os error %d)", want->host, strerror(errno), errno);
    for (u32 i = 0; i < have->ndirs; i++) {
        if (!(own = realpath(have->dirs[i].host, NULL))) continue;
        if (beneath(real, own)) found = true, readonly &= have->dirs[i].readonly;
        free(own);
    }
    rl_err e = found ? rl_conf_add_dir(c, real, strlen(real), want->guest, readonly || want->readonly)
                     : rl_diag_set(d, RL_ERR_USAGE, "directory '%s' is not beneath one this process may use", want->host);
    free(real);
    return e;
}

static rl_err fill_under(rl_conf *c, const rl_conf *want, const rl_conf *have, rl_diag *d) {
    c->max_memory = RL_MIN(want->max_memory, have->max_memory);
    c->max_fuel = !want->max_fuel ? have->max_fuel : !have->max_fuel ? want->max_fuel : RL_MIN(want->max_fuel, have->max_fuel);
    c->can_compile = want->can_compile && have->can_compile;
    c->can_configure = want->can_configure && have->can_configure;
    c->can_spawn = want->can_spawn && have->can_spawn;
    c->net = want->net ? rl_reach_under(want->net, have->net) : rl_reach_get(have->net);
    if (want->net && !c->net) return RL_ERR_NOMEM;
    for (u32 i = 0; i < want->nargs; i++) RL_TRY(rl_conf_add_arg(c, want->args[i], strlen(want->args[i])));
    for (u32 i = 0; i < want->nenv; i++) RL_TRY(rl_conf_add_env(c, want->env[i], strlen(want->env[i]), NULL, 0));
    for (u32 i = 0; i < want->ndirs; i++) RL_TRY(grant_dir(c, &want->dirs[i], have, d));
    return RL_OK;
}

rl_err rl_conf_under(rl_conf *want, const rl_conf *have, rl_conf **out, rl_diag *d) {
    if (!want->given) {
        rl_conf *c = rl_conf_new();
        rl_err e = c ? fill_under(c, want, have, d) : RL_ERR_NOMEM;
        if (e) {
            rl_conf_put(c);
            return e;
        }
        want->given = c;
    }
    *out = rl_conf_get(want->given);
    return RL_OK;
}

rl_err rl_conf_open(rl_conf *c, rl_diag *d) { return c->wasi ? RL_OK : rl_upper_host.wasi_new(c, &c->wasi, d); }
