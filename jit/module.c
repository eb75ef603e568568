/* Owns modules: their making (decode, then validate every body), their reference count, and look-ups by name. A module
 * is immutable once rl_module_new returns, so any thread may read it; the exceptions are atomic: `names` and `places`, made on
 * first use because most runs never print a backtrace, and `code`, which belongs to jit/code.c. Validating lazily with
 * compilation was not taken: an invalid module must be refused before any of it runs. */
#include "jit/module.h"

#include <stdio.h>
#include <stdlib.h>

#include "jit/code.h"
#include "jit/decode.h"
#include "jit/reader.h"
#include "jit/validate.h"
#include "src/base/os.h"

static rl_err validate_bodies(rl_module *m, rl_diag *d) {
    rl_annot a = {0};
    rl_err e = RL_OK;
    for (u32 i = m->nimported_funcs; i < m->nfuncs && !e; i++) {
        e = rl_validate_func(m, i, false, &a, d);
        m->funcs[i].max_depth = a.max_depth;
        m->has_tail_calls |= a.has_tail_calls;
        m->tail_words = RL_MAX(m->tail_words, a.tail_words);
    }
    rl_annot_fini(&a);
    return e;
}

static bool has_ref(const u8 *types, u32 n) {
    for (u32 i = 0; i < n; i++)
        if (rl_type_is_ref(types[i])) return true;
    return false;
}

static bool crosses(const rl_module *m, u8 kind, u32 index) {
    if (kind == RL_KIND_TABLE) return true;
    if (kind == RL_KIND_GLOBAL) return rl_type_is_ref(m->globals[index].type.type);
    if (kind == RL_KIND_MEMORY) return false;
    const rl_proto *p = m->funcs[index].proto;
    return has_ref(p->params, p->nparams) || has_ref(p->results, p->nresults);
}

static bool is_closed(const rl_module *m) {
    for (u32 i = 0; i < m->nimports; i++)
        if (crosses(m, m->imports[i].kind, m->imports[i].index)) return false;
    for (u32 i = 0; i < m->nexports; i++)
        if (crosses(m, m->exports[i].kind, m->exports[i].index)) return false;
    return true;
}

static void number_slots(rl_module *m) {
    if (m->has_start) m->func_slot[m->start] = 0;
    for (u32 i = 0; i < m->nfuncs; i++)
        if (m->func_slot[i] != UINT32_MAX) m->func_slot[i] = m->nfunc_slots++;
}

static bool collect_out_words(rl_module *m) {
    m->out_words = malloc((size_t)m->nfuncs + 1);
    for (u32 i = 0; m->out_words && i < m->nfuncs; i++) m->out_words[i] = (u8)RL_MIN(m->funcs[i].proto->out_words, 255);
    return m->out_words != NULL;
}

/* m owns bytes, which have RL_MODULE_PAD bytes of room behind them. */
static rl_err load(rl_module *m, u8 *bytes, size_t size, rl_diag *d) {
    memset(bytes + size, 0, RL_MODULE_PAD);
    m->bytes = bytes;
    m->size = (u32)size;
    RL_TRY(rl_decode(m, d));
    RL_TRY(validate_bodies(m, d));
    m->closed_funcs = is_closed(m);
    number_slots(m);
    return collect_out_words(m) ? RL_OK : rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
}

/* Takes padded bytes, also on failure. NULL: out of memory. */
static rl_err make(u8 *bytes, size_t size, rl_module **out, rl_diag *d) {
    rl_module *m = bytes ? calloc(1, sizeof *m) : NULL;
    if (!m) {
        free(bytes);
        return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    }
    atomic_init(&m->refs, 1);
    pthread_mutex_init(&m->making, NULL);
    u64 start = rl_os_now_ns();
    rl_err e = load(m, bytes, size, d);
    m->validate_ns = rl_os_now_ns() - start;
    if (e) rl_module_put(m);
    else *out = m;
    return e;
}

static rl_err too_large(size_t size, rl_diag *d) {
    return rl_diag_set(d, RL_ERR_LIMIT, "module too large: %zu bytes, at most %u", size, RL_MAX_MODULE_BYTES);
}

rl_err rl_module_new(const u8 *bytes, size_t size, rl_module **out, rl_diag *d) {
    *out = NULL;
    if (size > RL_MAX_MODULE_BYTES) return too_large(size, d);
    u8 *copy = malloc(size + RL_MODULE_PAD);
    if (copy && size) memcpy(copy, bytes, size);
    return make(copy, size, out, d);
}

rl_err rl_module_take(u8 *bytes, size_t size, rl_module **out, rl_diag *d) {
    *out = NULL;
    u8 *padded = size > RL_MAX_MODULE_BYTES ? NULL : realloc(bytes, size + RL_MODULE_PAD);
    if (padded) return make(padded, size, out, d);
    free(bytes);
    return size > RL_MAX_MODULE_BYTES ? too_large(size, d) : make(NULL, 0, out, d);
}

rl_module *rl_module_get(rl_module *m) {
    /* relaxed: the caller holds a reference already */
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void rl_module_put(rl_module *m) {
    /* acq_rel: pairs with the other puts; whoever frees must see everything others did before theirs */
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < RL_LEN(m->code); i++) {
        struct rl_code *c = atomic_load_explicit(&m->code[i], memory_order_relaxed);
        if (c) rl_code_free(c);
    }
    for (u32 i = 0; i < m->nelems; i++) free(m->elems[i].items);
    free(m->protos);
    free(m->imports);
    free(m->exports);
    free(m->export_order);
    free(m->funcs);
    free(m->tables);
    free(m->memories);
    free(m->globals);
    free(m->datas);
    free(m->elems);
    free(m->customs);
    free(m->func_slot);
    free(m->out_words);
    free(atomic_load_explicit(&m->names, memory_order_relaxed));
    free(atomic_load_explicit(&m->places, memory_order_relaxed));
    free((void *)m->bytes);
    pthread_mutex_destroy(&m->making);
    free(m);
}

const rl_export *rl_module_export(const rl_module *m, const char *name, size_t len) {
    u32 lo = 0, hi = m->nexports;
    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        const rl_export *e = &m->exports[m->export_order[mid]];
        size_t n = RL_MIN(len, (size_t)e->name.len);
        int c = n ? memcmp(name, e->name.p, n) : 0;
        if (!c) c = (len > e->name.len) - (len < e->name.len);
        if (!c) return e;
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

const rl_custom *rl_module_custom(const rl_module *m, const char *name) {
    size_t n = strlen(name);
    for (u32 i = 0; i < m->ncustoms; i++)
        if (m->customs[i].name.len == n && !memcmp(m->customs[i].name.p, name, n)) return &m->customs[i];
    return NULL;
}

/* Function names are subsection 1 of the custom section "name". A broken one gives the names before the break. */
static void read_names(const rl_module *m, rl_name *names) {
    const rl_custom *c = rl_module_custom(m, "name");
    if (!c) return;
    rl_reader r = rl_reader_of(m->bytes, c->bytes, (u64)c->bytes + c->len);
    while (rl_reader_left(&r)) {
        u8 id = rl_read_u8(&r);
        u32 size = rl_read_u32(&r);
        const u8 *p = rl_read_bytes(&r, size);
        if (r.err) return;
        if (id != 1) continue;
        rl_reader s = rl_reader_of(m->bytes, (u64)(p - m->bytes), (u64)(p - m->bytes) + size);
        for (u32 n = rl_read_u32(&s); n && !s.err; n--) {
            u32 index = rl_read_u32(&s), len = rl_read_u32(&s);
            const u8 *text = rl_read_bytes(&s, len);
            if (!s.err && index < m->nfuncs) names[index] = (rl_name){ (const char *)text, len };
        }
    }
}

static const rl_name *names_of(rl_module *m) {
    rl_name *names = atomic_load_explicit(&m->names, memory_order_acquire); /* pairs with the exchange below */
    if (names) return names;
    names = calloc((size_t)m->nfuncs + 1, sizeof *names);
    if (!names) return NULL;
    read_names(m, names);
    for (u32 i = 0; i < m->nexports; i++)
        if (m->exports[i].kind == RL_KIND_FUNC && !names[m->exports[i].index].len) names[m->exports[i].index] = m->exports[i].name;
    rl_name *other = NULL;
    /* pairs with the acquire above, and its own failure with whoever was first */
    if (atomic_compare_exchange_strong_explicit(&m->names, &other, names, memory_order_acq_rel, memory_order_acquire))
        return names;
    free(names); /* another thread was first */
    return other;
}

/* Control bytes would disturb a terminal. */
static size_t put_name(char *buf, size_t size, size_t at, rl_name n) {
    for (u32 i = 0; i < n.len && at + 1 < size; i++) {
        u8 c = (u8)n.p[i];
        buf[at++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    buf[at] = 0;
    return at;
}

const char *rl_module_func_name(rl_module *m, u32 index, char *buf, size_t size) {
    if (!size) return buf;
    const rl_name *names = index < m->nfuncs ? names_of(m) : NULL;
    if (names && names[index].len) {
        put_name(buf, size, 0, names[index]);
        return buf;
    }
    for (u32 i = 0; index < m->nimported_funcs && i < m->nimports; i++)
        if (m->imports[i].kind == RL_KIND_FUNC && m->imports[i].index == index) {
            size_t at = put_name(buf, size, 0, m->imports[i].module);
            if (at + 1 < size) buf[at++] = '.';
            put_name(buf, size, at, m->imports[i].name);
            return buf;
        }
    snprintf(buf, size, "func[%u]", index);
    return buf;
}
