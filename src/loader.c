/* Programs. Invariant: a program's imports are all there and of the right type, so an instance of it never fails to
 * link. Counted; constant once made; any thread. Resolving by name at every spawn was not taken: it would cost more
 * than the spawn. */
#include "src/loader.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/upper.h"

static void describe(FILE *out, const rl_module *m, const rl_import *imp, const rl_func *have) {
    static const char *const kind[] = { "function", "table", "memory", "global" };
    char text[600] = "", near[160];
    fprintf(out, "  %s %.*s::%.*s", kind[imp->kind & 3], (int)imp->module.len, imp->module.p, (int)imp->name.len, imp->name.p);
    if (imp->kind == RL_KIND_FUNC) fprintf(out, " %s", rl_proto_text(m->funcs[imp->index].proto, text, sizeof text));
    if (have) fprintf(out, " (here it is %s)", rl_proto_text(have->proto, text, sizeof text));
    else if (rl_upper_host.nearest(&imp->module, &imp->name, near, sizeof near)) fprintf(out, " (did the program mean %s?)", near);
    fputc('\n', out);
}

/* list: if not NULL and imports are missing, the text that describes them, for the caller to free */
static rl_err resolve_all(rl_prog *p, char **list, rl_diag *d) {
    const rl_module *m = p->module;
    u32 missing = 0;
    FILE *text = NULL;
    size_t size;
    for (u32 i = 0; i < m->nimports; i++) {
        const rl_import *imp = &m->imports[i];
        rl_func *f = NULL;
        rl_err e = imp->kind == RL_KIND_FUNC ? rl_upper_host.import(&imp->module, &imp->name, &f) : RL_ERR_NOTFOUND;
        if (e && e != RL_ERR_NOTFOUND) {
            if (text) fclose(text);
            return rl_diag_set(d, e, "%s", rl_err_text(e));
        }
        if (!e && f->proto == m->funcs[imp->index].proto) {
            p->imports[i] = f;
            continue;
        }
        if (!missing++)
            rl_diag_set(d, RL_ERR_LINK, "unknown import: `%.*s::%.*s` has not been defined%s", (int)imp->module.len,
                        imp->module.p, (int)imp->name.len, imp->name.p, f ? " with this type" : "");
        if (list && !text) text = open_memstream(list, &size);
        if (text) describe(text, m, imp, f);
    }
    if (text) fclose(text);
    return missing ? RL_ERR_LINK : RL_OK;
}

rl_err rl_prog_new(rl_module *m, rl_prog **out, char **list, rl_diag *d) {
    rl_prog *p = calloc(1, sizeof *p);
    if (!p || !(p->imports = calloc(m->nimports + 1u, sizeof *p->imports))) {
        free(p);
        return rl_diag_set(d, RL_ERR_NOMEM, "%s", rl_err_text(RL_ERR_NOMEM));
    }
    atomic_init(&p->refs, 1);
    p->module = rl_module_get(m);
    size_t room = rl_align(rl_store_room(m), 64);
    p->room = room <= RL_PROG_ROOM ? (u32)room : 0;
    rl_err e = resolve_all(p, list, d);
    if (e) {
        rl_prog_put(p);
        return e;
    }
    *out = p;
    return RL_OK;
}

rl_err rl_prog_load(const u8 *bytes, size_t size, rl_prog **out, char **list, rl_diag *d) {
    rl_module *m;
    RL_TRY(rl_module_new(bytes, size, &m, d));
    rl_err e = rl_prog_new(m, out, list, d);
    rl_module_put(m);
    return e;
}

/* Of all programs that guests have brought: they go from process to process, in messages too, so no process is charged. */
static _Atomic u64 counted;

bool rl_prog_count(rl_prog *p, u64 bytes) {
    p->counted = bytes + RL_PROG_EACH;
    /* relaxed, as in rl_prog_put: a count only */
    return atomic_fetch_add_explicit(&counted, p->counted, memory_order_relaxed) + p->counted <= RL_PROG_COUNTED;
}

rl_prog *rl_prog_get(rl_prog *p) {
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void rl_prog_put(rl_prog *p) {
    /* acq_rel: pairs with the other puts; the last one sees what all did before theirs */
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1) return;
    if (p->counted) atomic_fetch_sub_explicit(&counted, p->counted, memory_order_relaxed);
    rl_module_put(p->module);
    free(p->imports);
    free(p);
}

bool rl_prog_resolve(void *env, const rl_module *m, const rl_import *imp, rl_extern *out) {
    const rl_prog *p = env;
    out->kind = RL_KIND_FUNC;
    out->func = p->imports[imp - m->imports];
    return true;
}
