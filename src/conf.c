/* Configurations: counted, built by one process, constant once a process runs with one. Invariant: what rl_conf_under
 * gives out is within what the parent has, and its directories are the real ones that were checked (resolved paths, so
 * that a symbolic link changed later leads nowhere new). Refusing a config when a right is too large was not taken:
 * guests of the old runtime set generous limits as a matter of course; they get what is there. */
#include "src/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "src/upper.h"

/* ---- quotas ---- */

static void quota_put(rl_quota *q) {
    while (q && atomic_fetch_sub_explicit(&q->refs, 1, memory_order_acq_rel) == 1) { /* acq_rel: pairs with the other puts */
        rl_quota *above = q->above;
        free(q);
        q = above;
    }
}

static rl_quota *quota_get(rl_quota *q) {
    if (q) atomic_fetch_add_explicit(&q->refs, 1, memory_order_relaxed);
    return q;
}

/* Counts need no order: who sees too many takes his own back. */
static void leave_until(rl_quota *q, const rl_quota *end) {
    for (; q != end; q = q->above) atomic_fetch_sub_explicit(&q->alive, 1, memory_order_relaxed);
}

rl_quota *rl_quota_enter(rl_quota *q) {
    for (rl_quota *at = q; at; at = at->above) {
        if (atomic_fetch_add_explicit(&at->alive, 1, memory_order_relaxed) < at->limit) continue;
        leave_until(q, at->above);
        return at;
    }
    return NULL;
}

void rl_quota_leave(rl_quota *q) { leave_until(q, NULL); }

rl_err rl_conf_count(rl_conf *c, rl_quota *above) {
    if (!c->max_processes) {
        c->quota = quota_get(above);
        return RL_OK;
    }
    if (above && above->depth >= RL_CONF_DEPTH) return RL_ERR_LIMIT;
    if (!(c->quota = calloc(1, sizeof *c->quota))) return RL_ERR_NOMEM;
    c->quota->depth = above ? above->depth + 1 : 0;
    atomic_init(&c->quota->refs, 1);
    c->quota->limit = c->max_processes;
    c->quota->above = quota_get(above);
    return RL_OK;
}

/* ---- configurations ---- */

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

static void texts_fini(rl_texts *t) {
    for (u32 i = 0; i < t->n; i++) free(t->v[i]);
    free(t->v);
    free(t->bytes);
}

void rl_conf_put(rl_conf *c) {
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1) return;
    texts_fini(&c->args);
    texts_fini(&c->env);
    for (u32 i = 0; i < c->ndirs; i++) {
        free(c->dirs[i].host);
        free(c->dirs[i].guest);
    }
    free(c->dirs);
    rl_reach_put(c->net);
    quota_put(c->quota);
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

/* Room for one more; the list grows at powers of two. */
static bool room(rl_texts *t) {
    if (t->n & (t->n - 1)) return true;
    size_t n = t->n ? 2 * (size_t)t->n : 1;
    char **v = realloc(t->v, n * sizeof *v);
    if (v) t->v = v;
    u32 *bytes = v ? realloc(t->bytes, n * sizeof *bytes) : NULL;
    if (bytes) t->bytes = bytes;
    return bytes;
}

/* Appends s, which it takes over. */
static rl_err append(rl_texts *t, char *s, size_t bytes) {
    if (!s || bytes > UINT32_MAX || !room(t)) {
        free(s);
        return RL_ERR_NOMEM;
    }
    t->v[t->n] = s;
    t->bytes[t->n++] = (u32)bytes;
    return RL_OK;
}

rl_err rl_conf_add_arg(rl_conf *c, const char *p, size_t n) { return append(&c->args, copy(p, n), n); }

rl_err rl_conf_add_env(rl_conf *c, const char *name, size_t nname, const char *value, size_t nvalue) {
    char *s = value ? malloc(nname + nvalue + 2) : copy(name, nname);
    if (s && value) {
        memcpy(s, name, nname);
        s[nname] = '=';
        memcpy(s + nname + 1, value, nvalue);
        s[nname + 1 + nvalue] = 0;
    }
    return append(&c->env, s, value ? nname + nvalue + 1 : nname);
}

rl_err rl_conf_add_dir(rl_conf *c, const char *host, size_t nhost, const char *guest, bool readonly) {
    rl_conf_dir d = { copy(host, nhost), guest ? strdup(guest) : copy(host, nhost), readonly, false };
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

/* Adds want's directory to c if one of have's covers it. Those are not resolved again: a process that may write around one
 * could have put a link in its place. The text is the same for what is not there, or a child could find out what is
 * elsewhere. */
static rl_err grant_dir(rl_conf *c, const rl_conf_dir *want, const rl_conf *have, rl_diag *d) {
    char *real = realpath(want->host, NULL);
    bool found = false, readonly = true;
    for (u32 i = 0; real && i < have->ndirs; i++)
        if (beneath(real, have->dirs[i].host)) found = true, readonly &= have->dirs[i].readonly;
    rl_err e = found ? rl_conf_add_dir(c, real, strlen(real), want->guest, readonly || want->readonly)
                     : rl_diag_set(d, RL_ERR_USAGE, "directory '%s' is not there, or not beneath one this process may use", want->host);
    if (!e) c->dirs[c->ndirs - 1].granted = true;
    free(real);
    return e;
}

static rl_err fill_under(rl_conf *c, const rl_conf *want, const rl_conf *have, rl_diag *d) {
    c->max_memory = RL_MIN(want->max_memory, have->max_memory);
    c->max_fuel = !want->max_fuel ? have->max_fuel : !have->max_fuel ? want->max_fuel : RL_MIN(want->max_fuel, have->max_fuel);
    c->max_processes = want->max_processes;
    rl_err e = rl_conf_count(c, have->quota);
    if (e || (want->net && rl_reach_depth(have->net) >= RL_CONF_DEPTH))
        return rl_diag_set(d, e ? e : RL_ERR_LIMIT, "configurations nested more than %u deep, or no memory", RL_CONF_DEPTH);
    c->can_compile = want->can_compile && have->can_compile;
    c->can_configure = want->can_configure && have->can_configure;
    c->can_spawn = want->can_spawn && have->can_spawn;
    c->net = want->net ? rl_reach_under(want->net, have->net) : rl_reach_get(have->net);
    if (want->net && !c->net) return RL_ERR_NOMEM;
    for (u32 i = 0; i < want->args.n; i++) RL_TRY(rl_conf_add_arg(c, want->args.v[i], want->args.bytes[i]));
    for (u32 i = 0; i < want->env.n; i++) RL_TRY(rl_conf_add_env(c, want->env.v[i], want->env.bytes[i], NULL, 0));
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
