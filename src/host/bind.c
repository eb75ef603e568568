/* From tables to imports: one rl_func per row, found by name. Invariant: after `init` the records never change, so any
 * thread may hand them to instances. Functions that this build lacks link with their exact type and fail by name when
 * called, so that a program that merely mentions them runs. Also what the process layer asks of this one (src/upper.h). */
#include <stdio.h>
#include <stdlib.h>

#include "src/base/edits.h"
#include "src/base/map.h"
#include "src/base/once.h"
#include "src/host/metrics.h"
#include "src/host/net.h"
#include "src/host/wasi.h"
#include "src/upper.h"

#define ROW(prefix, ns, name, letters, permission, blocks, params, text, fn) \
    { prefix #ns, #name, #letters, fn, RL_ROW_##blocks, #permission, params, text },
#define RL_ROW_YES true
#define RL_ROW_NO false
#define API(ns, name, letters, permission, blocks, params, text) \
    ROW("lunatic::", ns, name, letters, permission, blocks, params, text, rl_host_##ns##_##name)
#define RILLE(ns, name, letters, permission, blocks, params, text) \
    ROW("rille::", ns, name, letters, permission, blocks, params, text, rl_host_##ns##_##name)
#define LATER(ns, name, letters, permission, blocks, params, text) \
    ROW("lunatic::", ns, name, letters, permission, blocks, params, text, NULL)
static const rl_api_row rows[] = {
#include "include/rille_api.def"
};
#undef LATER
#undef RILLE
#undef API

const rl_api_table rl_api_lunatic = { rows, RL_LEN(rows) };

static rl_func funcs[RL_LEN(rows)];
static rl_map by_name; /* hash of namespace and name: row number + 1 */
static char full_names[RL_LEN(rows)][64];

static u64 hash(const char *ns, size_t nns, const char *name, size_t nname) {
    return rl_hash_bytes(ns, nns) * 31 + rl_hash_bytes(name, nname);
}

/* RL_STUB_GENERIC: what is called instead of a LATER row. */
static void not_here(void *env, rl_exec *x, u64 *slots) {
    const rl_api_row *row = env;
    (void)slots;
    rl_exec_fail(x, "%s::%s is not available in this build", row->ns, row->name);
}

static rl_type type_of(char letter) { return letter == 'l' ? RL_I64 : letter == 'd' ? RL_F64 : RL_I32; }

static rl_err bind_row(u32 i) {
    const rl_api_row *r = &rows[i];
    u8 params[16], result = type_of(r->letters[0]);
    u32 n = 0;
    for (const char *c = r->letters + 2; *c; c++) params[n++] = type_of(*c);
    rl_proto *proto = rl_proto_intern(params, n, &result, r->letters[0] != 'v');
    if (!proto) return RL_ERR_NOMEM;
    snprintf(full_names[i], sizeof full_names[i], "%s::%s", r->ns, r->name);
    if (r->fn) rl_func_declare(&funcs[i], r->blocks ? RL_STUB_HOST : RL_STUB_LEAF, r->fn, NULL, proto, full_names[i]);
    else rl_func_declare(&funcs[i], RL_STUB_GENERIC, (const void *)not_here, (void *)r, proto, full_names[i]);
    return rl_map_put(&by_name, hash(r->ns, strlen(r->ns), r->name, strlen(r->name)), &funcs[i], NULL);
}

static rl_once once = RL_ONCE_INIT;

static rl_err bind_all(void) {
    for (u32 i = 0; i < RL_LEN(rows); i++) RL_TRY(bind_row(i));
    return RL_OK;
}

static rl_err init(void) { return RL_OK; }

static bool same(const rl_name *n, const char *text) { return n->len == strlen(text) && !memcmp(n->p, text, n->len); }

/* Programs that use no processes do not pay for the records: the first import of a lunatic function makes them. */
static rl_err find(const rl_name *ns, const rl_name *name, rl_func **out) {
    if ((ns->len < 9 || memcmp(ns->p, "lunatic::", 9)) && (ns->len < 7 || memcmp(ns->p, "rille::", 7))) return RL_OK;
    RL_TRY(rl_once_run(&once, bind_all));
    *out = rl_map_get(&by_name, hash(ns->p, ns->len, name->p, name->len));
    return RL_OK;
}

static rl_err import(const rl_name *ns, const rl_name *name, rl_func **out) {
    rl_extern e;
    rl_func *f = NULL;
    RL_TRY(find(ns, name, &f));
    if (f && same(ns, rows[f - funcs].ns) && same(name, rows[f - funcs].name)) {
        *out = f;
        return RL_OK;
    }
    if (!same(ns, "wasi_snapshot_preview1")) return RL_ERR_NOTFOUND;
    RL_TRY(rl_wasi_import(name, &e));
    *out = e.func;
    return RL_OK;
}

static const char *nearest(const rl_name *ns, const rl_name *name, char *buf, size_t size) {
    const rl_api_table *tables[] = { &rl_api_lunatic, &rl_api_wasi };
    const rl_api_row *best = NULL;
    u32 best_distance = 2 + name->len / 4;
    for (u32 t = 0; t < RL_LEN(tables); t++)
        for (u32 i = 0; i < tables[t]->count; i++) {
            const rl_api_row *r = &tables[t]->rows[i];
            u32 d = rl_edits(name->p, name->len, r->name, strlen(r->name)) + rl_edits(ns->p, ns->len, r->ns, strlen(r->ns)) / 4;
            if (d < best_distance) best = r, best_distance = d;
        }
    if (!best) return NULL;
    snprintf(buf, size, "%s::%s", best->ns, best->name);
    return buf;
}

static rl_err wasi_new(const rl_conf *c, struct rl_wasi **out, rl_diag *d) {
    rl_wasi_dir *dirs = calloc(c->ndirs + 1u, sizeof *dirs);
    if (!dirs) return RL_ERR_NOMEM;
    for (u32 i = 0; i < c->ndirs; i++) dirs[i] = (rl_wasi_dir){ c->dirs[i].host, c->dirs[i].guest, c->dirs[i].readonly, c->dirs[i].granted };
    rl_wasi_config w = { .args = (const char *const *)c->args.v, .arg_bytes = c->args.bytes, .nargs = c->args.n,
                         .env = (const char *const *)c->env.v, .env_bytes = c->env.bytes, .nenv = c->env.n,
                         .dirs = dirs, .ndirs = c->ndirs, .socks = c->socks, .nsocks = c->nsocks, .std = { 0, 1, 2 } };
    rl_err e = rl_wasi_new(&w, out, d);
    free(dirs);
    return e;
}

static void drop_sock(void *s) { rl_sock_put(s); }
static void drop_nothing(void *statement) { (void)statement; } /* its connection owns it */

static void (*const drop[RL_RES_COUNT])(void *) = {
    [RL_RES_DNS] = free,
    [RL_RES_TCP_LISTENER] = drop_sock,
    [RL_RES_TCP] = drop_sock,
    [RL_RES_TLS_LISTENER] = rl_tls_listener_drop,
    [RL_RES_TLS] = drop_sock,
    [RL_RES_UDP] = drop_sock,
    [RL_RES_SQLITE] = rl_sqlite_drop,
    [RL_RES_SQLITE_STATEMENT] = drop_nothing,
};

static rl_err observe(rl_rt *rt, const rl_addr *at, rl_diag *d) {
    if (!(rt->metrics = rl_metrics_new()) || rl_worker_tally(rt->workers)) return RL_ERR_NOMEM;
    rt->exporter = rl_exporter_start(rt, rt->metrics, at, d);
    return rt->exporter ? RL_OK : RL_ERR_IO;
}

static void unobserve(rl_rt *rt) {
    rl_exporter_stop(rt->exporter);
    rl_metrics_free(rt->metrics);
    rt->exporter = NULL;
    rt->metrics = NULL;
}

const rl_upper rl_upper_host = { wasi_new, rl_wasi_clone, rl_wasi_free, rl_wasi_untouched, rl_wasi_capture, import, nearest, drop, observe, unobserve, init };
