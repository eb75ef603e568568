/* Owns instantiation: import matching (spec 3.4.10), initialisers, and active segments in order (spec 4.5.4, as of 2.0:
 * a segment out of bounds ends in a trap, the ones before it stay applied). Runs on the thread that owns the store. All
 * imports that fail are named at once, with both signatures, because fixing them one by one is a nuisance. */
#include "jit/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "jit/code.h"
#include "jit/opcode.h"
#include "jit/reader.h"

/* ---- import matching ---- */

static void limits_text(const rl_limits *l, char *buf, size_t size) {
    if (l->max == UINT64_MAX) snprintf(buf, size, "min %llu", (unsigned long long)l->min);
    else snprintf(buf, size, "min %llu max %llu", (unsigned long long)l->min, (unsigned long long)l->max);
}

static void global_text(rl_global_type t, char *buf, size_t size) {
    snprintf(buf, size, "global %s%s", t.mut ? "mut " : "", rl_type_text(t.type));
}

/* What the module wants, as in "function [i32] -> []". */
static void wanted_text(const rl_module *m, const rl_import *imp, char *buf, size_t size) {
    char part[200];
    switch (imp->kind) {
    case RL_KIND_FUNC:
        snprintf(buf, size, "function %s", rl_proto_text(m->funcs[imp->index].proto, part, sizeof part));
        break;
    case RL_KIND_TABLE:
        limits_text(&m->tables[imp->index].limits, part, sizeof part);
        snprintf(buf, size, "table %s %s", rl_type_text(m->tables[imp->index].elem), part);
        break;
    case RL_KIND_MEMORY:
        limits_text(&m->memories[imp->index], part, sizeof part);
        snprintf(buf, size, "memory %s", part);
        break;
    default: global_text(m->globals[imp->index].type, buf, size); break;
    }
}

static void found_text(const rl_extern *x, char *buf, size_t size) {
    char part[200];
    switch (x->kind) {
    case RL_KIND_FUNC: snprintf(buf, size, "function %s", rl_proto_text(x->func->proto, part, sizeof part)); break;
    case RL_KIND_TABLE:
        limits_text(&x->limits, part, sizeof part);
        snprintf(buf, size, "table %s %s", rl_type_text(x->table_type.elem), part);
        break;
    case RL_KIND_MEMORY:
        limits_text(&x->limits, part, sizeof part);
        snprintf(buf, size, "memory %s", part);
        break;
    default: global_text(x->global.type, buf, size); break;
    }
}

/* Spec 3.4.10.1: found matches wanted. */
static bool limits_match(const rl_limits *found, const rl_limits *want) {
    return found->is64 == want->is64 && found->min >= want->min && found->max <= want->max;
}

static bool matches(const rl_module *m, const rl_import *imp, const rl_extern *x) {
    if (x->kind != imp->kind) return false;
    switch (imp->kind) {
    case RL_KIND_FUNC: return x->func->proto == m->funcs[imp->index].proto;
    case RL_KIND_TABLE:
        return x->table_type.elem == m->tables[imp->index].elem && limits_match(&x->limits, &m->tables[imp->index].limits);
    case RL_KIND_MEMORY: return limits_match(&x->limits, &m->memories[imp->index]);
    default:
        return x->global.type.mut == m->globals[imp->index].type.mut && x->global.type.type == m->globals[imp->index].type.type;
    }
}

/* One more failed import in the text; the last line counts those that did not fit. */
static void name_failure(const rl_module *m, const rl_import *imp, const rl_extern *x, char *text, size_t size, u32 *omitted) {
    char want[240], found[240] = "", line[700];
    wanted_text(m, imp, want, sizeof want);
    if (x) found_text(x, found, sizeof found);
    int n = snprintf(line, sizeof line, "\n  %.*s.%.*s: %s, %s%s", (int)RL_MIN(imp->module.len, 80u), imp->module.p,
                     (int)RL_MIN(imp->name.len, 80u), imp->name.p, want, x ? "but found " : "not found", found);
    size_t used = strlen(text);
    if (used + (size_t)n + 40 < size) memcpy(text + used, line, (size_t)n + 1);
    else ++*omitted;
}

static bool take(rl_instance *i, const rl_import *imp, const rl_extern *x) {
    char *base = (char *)i;
    const rl_layout *l = i->layout;
    switch (imp->kind) {
    case RL_KIND_FUNC: *(rl_func **)(base + l->imports + 8 * imp->index) = x->func; break;
    case RL_KIND_TABLE: *(rl_table **)(base + l->tables + 8 * imp->index) = x->table; break;
    case RL_KIND_MEMORY: *(rl_memory **)(base + l->memories + 8 * imp->index) = x->memory; break;
    default: *(rl_cell **)(base + l->globals + 8 * imp->index) = x->global.cell; break;
    }
    return imp->kind != RL_KIND_FUNC || rl_func_ready(x->func);
}

static rl_err resolve_imports(rl_instance *i, rl_resolver *resolve, void *env, rl_diag *d) {
    const rl_module *m = i->module;
    char text[sizeof d->text - 40];
    u32 failed = 0, omitted = 0;
    text[0] = 0;
    for (u32 n = 0; n < m->nimports; n++) {
        rl_extern x = { 0 };
        bool there = resolve && resolve(env, m, &m->imports[n], &x);
        if (there && matches(m, &m->imports[n], &x)) {
            if (!take(i, &m->imports[n], &x)) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for a stub");
        } else {
            failed++;
            name_failure(m, &m->imports[n], there ? &x : NULL, text, sizeof text, &omitted);
        }
    }
    if (!failed) return RL_OK;
    if (!omitted) return rl_diag_set(d, RL_ERR_LINK, "unsatisfied imports:%s", text);
    return rl_diag_set(d, RL_ERR_LINK, "unsatisfied imports:%s\n  and %u more", text, omitted);
}

/* ---- initialisers ---- */

typedef struct stack { u64 v[RL_INIT_DEPTH]; u32 n; } stack; /* validation allowed no more */

static u64 combine(u32 op, u64 a, u64 b) {
    switch (op) {
    case RL_OP_i32_add: return (u32)(a + b);
    case RL_OP_i32_sub: return (u32)(a - b);
    case RL_OP_i32_mul: return (u32)(a * b);
    case RL_OP_i64_add: return a + b;
    case RL_OP_i64_sub: return a - b;
    default: return a * b;
    }
}

static u64 global_value(const rl_instance *i, u32 index) {
    const rl_cell *c = rl_instance_global(i, index);
    return i->module->globals[index].type.type == RL_I32 || i->module->globals[index].type.type == RL_F32 ? c->u32 : c->u64;
}

static u64 func_ref(const rl_instance *i, u32 index) {
    return (u64)(uintptr_t)&i->funcs[i->module->func_slot[index]];
}

/* One operator of extended-const; the code is valid (spec 3.3.10). */
static void eval_op(const rl_instance *i, const u8 **p, stack *s) {
    u32 op = *(*p)++;
    u64 v;
    switch (op) {
    case RL_OP_i32_const: v = (u32)rl_leb_i32(p); break;
    case RL_OP_i64_const: v = (u64)rl_leb_i64(p); break;
    case RL_OP_f32_const: v = rl_load32(*p); *p += 4; break;
    case RL_OP_f64_const: v = rl_load64(*p); *p += 8; break;
    case RL_OP_global_get: v = global_value(i, rl_leb_u32(p)); break;
    case RL_OP_ref_func: v = func_ref(i, rl_leb_u32(p)); break;
    case RL_OP_ref_null: ++*p; v = 0; break;
    default:
        s->n--;
        s->v[s->n - 1] = combine(op, s->v[s->n - 1], s->v[s->n]);
        return;
    }
    rl_assert(s->n < RL_LEN(s->v));
    s->v[s->n++] = v;
}

static u64 eval(const rl_instance *i, const rl_init *init) {
    stack s;
    const u8 *p = i->module->bytes + init->code, *end = p + init->len;
    s.n = 0;
    while (p < end) eval_op(i, &p, &s);
    return s.v[0];
}

u64 rl_init_value(const rl_instance *i, const rl_init *init) {
    switch (init->kind) {
    case RL_INIT_CONST: return init->value;
    case RL_INIT_GLOBAL: return global_value(i, init->index);
    case RL_INIT_FUNC: return func_ref(i, init->index);
    case RL_INIT_CODE: return eval(i, init);
    default: return 0;
    }
}

static void init_globals(rl_instance *i) {
    for (u32 g = i->module->nimported_globals; g < i->module->nglobals; g++)
        rl_instance_global(i, g)->u64 = rl_init_value(i, &i->module->globals[g].init);
}

/* ---- own tables and memories ---- */

static void use_memory(rl_instance *i) {
    rl_memory *mem = rl_instance_memory(i, 0);
    i->next_user = mem->users;
    mem->users = i;
    rl_instance_set_memory(i, mem);
}

static rl_err memory_refused(const rl_module *m, u32 n, rl_err e, rl_diag *d) {
    u64 pages = m->memories[n].min;
    if (e == RL_ERR_LIMIT) return rl_diag_set(d, e, "memory minimum size of %llu pages exceeds memory limits", (unsigned long long)pages);
    return rl_diag_set(d, e, "no memory for %llu pages", (unsigned long long)pages);
}

static rl_err make_memories(rl_instance *i, rl_diag *d) {
    const rl_module *m = i->module;
    for (u32 n = m->nimported_memories; n < m->nmemories; n++) {
        rl_memory **slot = (rl_memory **)((char *)i + i->layout->memories + 8 * n);
        rl_err e = rl_memory_new(i->store, &m->memories[n], slot);
        if (e) return memory_refused(m, n, e, d);
    }
    if (!m->nmemories) return RL_OK;
    use_memory(i);
    return RL_OK;
}

/* What is the same for every instance after instantiation, made once per code: the contents of all own tables, shared
 * until somebody writes, and of the memory from the first data segment to the last. One allocation: the addresses of the
 * tables' elements, the elements, the bytes. */
typedef struct images {
    bool tables, data;     /* which of the two there is */
    u32 data_at, data_len;
    const u8 *bytes;
    void **elems[];
} images;

#define IMAGE_MAX (1u << 20) /* bytes of data; more are copied segment by segment */

static bool tables_possible(const rl_module *m) {
    if (!m->closed_funcs || m->nimported_tables || !m->ntables) return false;
    for (u32 s = 0; s < m->nelems; s++) {
        const rl_elem *e = &m->elems[s];
        if (e->mode != RL_SEG_ACTIVE) continue;
        if (e->offset.kind != RL_INIT_CONST || e->offset.value + e->count > m->tables[e->table].limits.min) return false;
        for (u32 n = 0; n < e->count; n++)
            if (e->items[n].kind != RL_INIT_FUNC && e->items[n].kind != RL_INIT_NULL) return false;
    }
    return true;
}

/* Whether one copy does what the segments do: all active, at constant places of one memory that is new and so zero
 * in between, in order or not overlapping at all, and not much apart. */
static bool data_possible(const rl_module *m, u32 *at, u32 *len) {
    u64 low = UINT64_MAX, high = 0, sum = 0;
    for (u32 n = 0; n < m->ndatas; n++) {
        const rl_data *s = &m->datas[n];
        if (s->mode != RL_SEG_ACTIVE || s->memory || s->offset.kind != RL_INIT_CONST) return false;
        u64 from = (u32)s->offset.value;
        low = RL_MIN(low, from);
        high = RL_MAX(high, from + s->len);
        sum += s->len;
    }
    if (m->nmemories != 1 || m->nimported_memories || !m->ndatas || high > m->memories[0].min * RL_PAGE) return false;
    if (high - low > IMAGE_MAX || high - low > 2 * sum) return false;
    *at = (u32)low;
    *len = (u32)(high - low);
    return true;
}

static void fill_data(const rl_module *m, u8 *bytes, u32 at) {
    for (u32 n = 0; n < m->ndatas; n++) {
        const rl_data *s = &m->datas[n];
        if (s->len) memcpy(bytes + ((u32)s->offset.value - at), m->bytes + s->bytes, s->len);
    }
}

static void fill_tables(const rl_instance *i, images *im, void **at) {
    const rl_module *m = i->module;
    for (u32 t = 0; t < m->ntables; t++) {
        im->elems[t] = at;
        at += m->tables[t].limits.min;
    }
    for (u32 s = 0; s < m->nelems; s++) {
        const rl_elem *e = &m->elems[s];
        for (u32 n = 0; e->mode == RL_SEG_ACTIVE && n < e->count; n++)
            im->elems[e->table][e->offset.value + n] = (void *)(uintptr_t)rl_init_value(i, &e->items[n]);
    }
}

static images *build_images(const rl_instance *i) {
    const rl_module *m = i->module;
    u64 total = 0;
    images head = { .tables = tables_possible(m) };
    head.data = data_possible(m, &head.data_at, &head.data_len);
    for (u32 t = 0; head.tables && t < m->ntables; t++) total += m->tables[t].limits.min;
    if (total > 1u << 24) head.tables = false, total = 0;
    u32 ntables = head.tables ? m->ntables : 0;
    images *im = calloc(1, sizeof *im + (ntables + total) * sizeof(void *) + head.data_len);
    if (!im) return NULL;
    *im = head;
    if (head.tables) fill_tables(i, im, (void **)im->elems + ntables);
    u8 *bytes = (u8 *)(im->elems + ntables + total);
    if (head.data) fill_data(m, bytes, head.data_at);
    im->bytes = bytes;
    return im;
}

static const images *get_images(rl_instance *i) {
    _Atomic(void *) *word = rl_code_shared(i->code);
    /* acquire: pairs with the release of whoever won */
    images *im = atomic_load_explicit(word, memory_order_acquire);
    if (im) return im;
    im = build_images(i);
    void *none = NULL;
    /* release: pairs with the acquire above; acquire on failure: with the release of who was first */
    if (im && !atomic_compare_exchange_strong_explicit(word, &none, im, memory_order_release, memory_order_acquire)) {
        free(im);
        im = none;
    }
    return im;
}

static rl_err make_tables(rl_instance *i, rl_diag *d) {
    const rl_module *m = i->module;
    const images *im = get_images(i);
    if (im && !im->tables) im = NULL;
    for (u32 t = m->nimported_tables; t < m->ntables; t++) {
        rl_table *table = rl_instance_table(i, t);
        const rl_limits *l = &m->tables[t].limits;
        u64 limit = rl_store_settings(i->store)->max_table;
        rl_err e = RL_OK;
        if (im && l->min <= limit)
            *table = (rl_table){ im->elems[t], (u32)l->min, (u32)l->min, l->max, limit, m->tables[t].elem, false };
        else e = rl_table_init(table, i->store, &m->tables[t], NULL);
        if (e) return rl_diag_set(d, e, "table of %llu elements: %s", (unsigned long long)l->min, rl_err_text(e));
    }
    return RL_OK;
}

/* ---- segments ---- */

bool rl_data_copy(rl_instance *i, rl_memory *mem, u32 segment, u64 to, u64 from, u64 n) {
    const rl_data *s = &i->module->datas[segment];
    u64 len = rl_bit(i->dropped_data, segment) ? 0 : s->len;
    if (from + n > len || to + n > mem->bytes) return false;
    if (n) memcpy(mem->base + to, i->module->bytes + s->bytes + from, n);
    return true;
}

bool rl_elem_copy(rl_instance *i, rl_table *t, u32 segment, u64 to, u64 from, u64 n) {
    const rl_elem *s = &i->module->elems[segment];
    u64 len = rl_bit(i->dropped_elem, segment) ? 0 : s->count;
    if (from + n > len || to + n > t->size) return false;
    for (u64 k = 0; k < n; k++) t->elems[to + k] = (void *)(uintptr_t)rl_init_value(i, &s->items[from + k]);
    return true;
}

static rl_err apply_elems(rl_instance *i, rl_diag *d) {
    const rl_module *m = i->module;
    const images *im = get_images(i);
    bool shared = im && im->tables;
    for (u32 n = 0; n < m->nelems; n++) {
        const rl_elem *s = &m->elems[n];
        if (s->mode == RL_SEG_PASSIVE) continue;
        if (s->mode == RL_SEG_ACTIVE && !(shared && !rl_instance_table(i, s->table)->owned)) {
            u32 at = (u32)rl_init_value(i, &s->offset);
            if (!rl_elem_copy(i, rl_instance_table(i, s->table), n, at, 0, s->count))
                return rl_diag_set(d, RL_ERR_TRAP, "out of bounds table access: element segment %u", n);
        }
        rl_set_bit(i->dropped_elem, n);
    }
    return RL_OK;
}

static rl_err apply_datas(rl_instance *i, rl_diag *d) {
    const rl_module *m = i->module;
    const images *im = get_images(i);
    if (im && im->data) {
        memcpy(rl_instance_memory(i, 0)->base + im->data_at, im->bytes, im->data_len);
        memset(i->dropped_data, 0xff, (m->ndatas + 7u) / 8);
        return RL_OK;
    }
    for (u32 n = 0; n < m->ndatas; n++) {
        const rl_data *s = &m->datas[n];
        if (s->mode != RL_SEG_ACTIVE) continue;
        u32 at = (u32)rl_init_value(i, &s->offset);
        if (!rl_data_copy(i, rl_instance_memory(i, s->memory), n, at, 0, s->len))
            return rl_diag_set(d, RL_ERR_TRAP, "out of bounds memory access: data segment %u", n);
        rl_set_bit(i->dropped_data, n);
    }
    return RL_OK;
}

/* The last steps of both ways to make an instance. */
static rl_err apply(rl_instance *i, rl_func **start, rl_diag *d) {
    RL_TRY(apply_elems(i, d));
    RL_TRY(apply_datas(i, d));
    if (!i->module->has_start) return RL_OK;
    *start = rl_instance_func(i, i->module->start);
    return *start ? RL_OK : rl_diag_set(d, RL_ERR_NOMEM, "no memory for function records");
}

rl_err rl_instance_renew(rl_instance *i, rl_func **start, rl_diag *d) {
    const rl_module *m = i->module;
    memset(i->dropped_data, 0, rl_dropped_bytes(m));
    init_globals(i);
    RL_TRY(make_tables(i, d));
    if (m->nmemories) {
        rl_err e = rl_memory_init(rl_instance_memory(i, 0), i->store, &m->memories[0]);
        if (e) return memory_refused(m, 0, e, d);
        use_memory(i);
    }
    return apply(i, start, d);
}

bool rl_instance_image(rl_instance *i, rl_image *out) {
    const rl_module *m = i->module;
    *out = (rl_image){ 0 };
    if (m->nmemories != 1 || m->nimported_memories) return false;
    if (!m->ndatas) return true;
    const images *im = get_images(i);
    if (!im || !im->data) return false;
    *out = (rl_image){ im->data_at, im->data_len, im->bytes };
    return true;
}

/* Whether every own table is still the shared one. */
static bool tables_shared(rl_instance *i, const images *im) {
    const rl_module *m = i->module;
    if (!im || !im->tables) return !m->ntables;
    for (u32 t = 0; t < m->ntables; t++)
        if (rl_instance_table(i, t)->elems != im->elems[t]) return false;
    return true;
}

rl_err rl_instance_reuse(rl_instance *i, rl_func **start, rl_diag *d) {
    const rl_module *m = i->module;
    rl_memory *mem = rl_instance_memory(i, 0);
    init_globals(i);
    if (RL_UNLIKELY(!tables_shared(i, get_images(i)))) RL_TRY(make_tables(i, d));
    mem->limit_bytes = RL_MIN(rl_store_settings(i->store)->max_memory, (u64)1 << 32);
    mem->bytes = m->memories[0].min * RL_PAGE;
    rl_instance_set_memory(i, mem);
    memset(i->dropped_data, 0, rl_dropped_bytes(m));
    RL_TRY(apply_elems(i, d));
    memset(i->dropped_data, 0xff, (m->ndatas + 7u) / 8);
    if (!m->has_start) return RL_OK;
    *start = rl_instance_func(i, m->start);
    return *start ? RL_OK : rl_diag_set(d, RL_ERR_NOMEM, "no memory for function records");
}

static rl_err build(rl_instance *i, rl_resolver *resolve, void *env, rl_func **start, rl_diag *d) {
    RL_TRY(resolve_imports(i, resolve, env, d));
    if (rl_instance_records(i)) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for function records");
    init_globals(i);
    RL_TRY(make_tables(i, d));
    RL_TRY(make_memories(i, d));
    return apply(i, start, d);
}

rl_err rl_instance_new(rl_store *s, rl_module *m, rl_resolver *resolve, void *env, rl_instance **out, rl_func **start,
                       rl_diag *d) {
    *out = NULL;
    *start = NULL;
    rl_code *code;
    RL_TRY(rl_code_get(m, rl_store_settings(s)->flavour, RL_COMPILE_AUTO, 0, &code, d));
    rl_instance *i = rl_instance_alloc(s, m, code);
    if (!i) return rl_diag_set(d, RL_ERR_NOMEM, "no memory for an instance");
    RL_TRY(build(i, resolve, env, start, d));
    *out = i;
    return RL_OK;
}
