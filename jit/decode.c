/* Owns the step from bytes to rl_module: sections, their order, types, limits, constant expressions; everything but
 * function bodies (validate.c). The module is not yet shared, so one thread touches it. Arrays grow as items are read,
 * never by a count the bytes merely claim, so memory stays proportional to the input. Malformed (grammar) and invalid
 * (typing) are reported in the order they are met; a decoder first and a checker after it would walk everything twice
 * for no gain but the order of errors. */
#include "jit/decode.h"

#include <stdlib.h>

#include "jit/opcode.h"
#include "jit/reader.h"

typedef struct dec {
    rl_reader r;
    rl_module *m;
    rl_diag *d;
    u32 nbodies;      /* functions without import, from the function section */
    u32 ncode;        /* bodies seen */
    u32 data_count;
    u32 items;        /* of all element segments */
} dec;

#define MALFORMED(at, ...) return rl_diag_at(d->d, RL_ERR_MALFORMED, at, __VA_ARGS__)
#define INVALID(at, ...) return rl_diag_at(d->d, RL_ERR_INVALID, at, __VA_ARGS__)
#define UNSUPPORTED(at, ...) return rl_diag_at(d->d, RL_ERR_UNSUPPORTED, at, __VA_ARGS__)
#define LIMIT(at, ...) return rl_diag_at(d->d, RL_ERR_LIMIT, at, __VA_ARGS__)

static u64 pos(const dec *d) { return rl_reader_pos(&d->r); }

/* The reader's failure, if any, as ours. */
static rl_err check(dec *d) {
    if (RL_LIKELY(!d->r.err)) return RL_OK;
    return rl_diag_at(d->d, d->r.err, d->r.at, "%s", d->r.what);
}

/* Appends a zeroed item; the capacity is the next power of two, so only the count is kept. */
static rl_err push(dec *d, void *array, u32 *n, size_t item, void *out) {
    void **a = array;
    if (!(*n & (*n - 1)) && (*n == 0 || *n >= 4)) {
        void *bigger = realloc(*a, item * (*n ? (size_t)*n * 2 : 4));
        if (!bigger) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
        *a = bigger;
    }
    void *at = (char *)*a + item * (*n)++;
    memset(at, 0, item);
    memcpy(out, &at, sizeof at);
    return RL_OK;
}

static rl_err count(dec *d, u32 max, const char *what, u32 *n) {
    u64 at = pos(d);
    *n = rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (*n > rl_reader_left(&d->r)) MALFORMED(at, "unexpected end: %u %s announced", *n, what);
    if (*n > max) LIMIT(at, "too many %s: %u, at most %u", what, *n, max);
    return RL_OK;
}

/* Spec 5.2.4; overlong forms, surrogates and values over 10FFFF are malformed. */
static bool utf8_valid(const u8 *p, u32 n) {
    const u8 *end = p + n;
    while (p < end) {
        u8 c = *p++;
        if (c < 0x80) continue;
        u32 more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more) return false;
        u8 low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*p < low || *p > high) return false;
        for (u32 i = 1; i < more; i++)
            if ((p[i] & 0xc0) != 0x80) return false;
        p += more;
    }
    return true;
}

static rl_err name(dec *d, rl_name *out) {
    u32 n = rl_read_u32(&d->r);
    u64 at = pos(d);
    const u8 *p = rl_read_bytes(&d->r, n);
    RL_TRY(check(d));
    if (!utf8_valid(p, n)) MALFORMED(at, "malformed UTF-8 encoding");
    *out = (rl_name){ (const char *)p, n };
    return RL_OK;
}

/* ---- types ---- */

rl_err rl_decode_type(rl_reader *r, rl_diag *diag, bool ref_only, u8 *out) {
    u64 at = rl_reader_pos(r);
    u8 b = rl_read_u8(r);
    if (r->err) return rl_diag_at(diag, r->err, r->at, "%s", r->what);
    static const char *const proposals[256] = {
        [0x7b] = "SIMD", [0x63] = "function references", [0x64] = "function references", [0x69] = "exception handling",
        [0x74] = "exception handling", [0x6a] = "GC", [0x6b] = "GC", [0x6c] = "GC", [0x6d] = "GC", [0x6e] = "GC",
        [0x71] = "GC", [0x72] = "GC", [0x73] = "GC", [0x78] = "GC", [0x77] = "GC", [0x68] = "stack switching",
        [0x75] = "stack switching",
    };
    switch (b) {
    case 0x7f: *out = RL_I32; break;
    case 0x7e: *out = RL_I64; break;
    case 0x7d: *out = RL_F32; break;
    case 0x7c: *out = RL_F64; break;
    case 0x70: *out = RL_FUNCREF; return RL_OK;
    case 0x6f: *out = RL_EXTERNREF; return RL_OK;
    default:
        if (proposals[b] && !(ref_only && b == 0x7b))
            return rl_diag_at(diag, RL_ERR_UNSUPPORTED, at, "%s: type 0x%02x", proposals[b], b);
        return rl_diag_at(diag, RL_ERR_MALFORMED, at, "malformed %s type: 0x%02x", ref_only ? "reference" : "value", b);
    }
    if (ref_only) return rl_diag_at(diag, RL_ERR_MALFORMED, at, "malformed reference type: 0x%02x", b);
    return RL_OK;
}

static rl_err value_types(dec *d, const char *what, u8 *types, u32 *n) {
    RL_TRY(count(d, RL_MAX_PARAMS, what, n));
    for (u32 i = 0; i < *n; i++) RL_TRY(rl_decode_type(&d->r, d->d, false, &types[i]));
    return RL_OK;
}

static rl_err type_section(dec *d) {
    u32 n, np, nr;
    u8 params[RL_MAX_PARAMS], results[RL_MAX_PARAMS];
    RL_TRY(count(d, RL_MAX_TYPES, "types", &n));
    while (n--) {
        u64 at = pos(d);
        u8 form = rl_read_u8(&d->r);
        RL_TRY(check(d));
        if (form == 0x5e || form == 0x5f || form == 0x50 || form == 0x4f || form == 0x4e)
            UNSUPPORTED(at, "GC: type form 0x%02x", form);
        if (form & 0x80) MALFORMED(at, "integer representation too long: type form 0x%02x", form);
        if (form != 0x60) MALFORMED(at, "malformed function type: 0x%02x", form);
        RL_TRY(value_types(d, "parameters", params, &np));
        RL_TRY(value_types(d, "results", results, &nr));
        rl_proto **slot;
        RL_TRY(push(d, &d->m->protos, &d->m->nprotos, sizeof *slot, &slot));
        *slot = rl_proto_intern(params, np, results, nr);
        if (!*slot) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
    }
    return RL_OK;
}

static rl_err limits(dec *d, bool memory, rl_limits *out) {
    u64 at = pos(d);
    u8 flags = rl_read_u8(&d->r);
    RL_TRY(check(d));
    if (flags & 0x80) MALFORMED(at, "integer representation too long: limits flags");
    if (flags > (memory ? 0x0f : 0x07)) MALFORMED(at, "integer too large: malformed limits flags 0x%02x", flags);
    if (flags & 8) UNSUPPORTED(at, "integer too large: limits flags 0x%02x (custom page sizes)", flags);
    if (flags & 2) UNSUPPORTED(at, "integer too large: shared %s (threads)", memory ? "memory" : "table");
    out->is64 = flags & 4;
    out->min = out->is64 ? rl_read_u64(&d->r) : rl_read_u32(&d->r);
    out->max = UINT64_MAX;
    if (flags & 1) out->max = out->is64 ? rl_read_u64(&d->r) : rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (out->is64) UNSUPPORTED(at, "memory64: 64-bit %s", memory ? "memory" : "table");
    if (flags & 1 && out->min > out->max)
        INVALID(at, "size minimum must not be greater than maximum: %llu > %llu", (unsigned long long)out->min,
                (unsigned long long)out->max);
    return RL_OK;
}

static rl_err table_type(dec *d, rl_table_type *out) {
    RL_TRY(rl_decode_type(&d->r, d->d, true, &out->elem));
    u64 at = pos(d);
    RL_TRY(limits(d, false, &out->limits));
    if (out->limits.min > RL_MAX_TABLE_ELEMS)
        LIMIT(at, "table too large: %llu elements, at most %u", (unsigned long long)out->limits.min, RL_MAX_TABLE_ELEMS);
    return RL_OK;
}

static rl_err memory_type(dec *d, rl_limits *out) {
    u64 at = pos(d);
    RL_TRY(limits(d, true, out));
    if (out->min > 65536 || (out->max != UINT64_MAX && out->max > 65536))
        INVALID(at, "memory size must be at most 65536 pages (4GiB)");
    if (d->m->nmemories > 1) UNSUPPORTED(at, "multi-memory: multiple memories");
    return RL_OK;
}

static rl_err global_type(dec *d, rl_global_type *out) {
    RL_TRY(rl_decode_type(&d->r, d->d, false, &out->type));
    u64 at = pos(d);
    u8 mut = rl_read_u8(&d->r);
    RL_TRY(check(d));
    if (mut > 1) {
        if (mut < 4) UNSUPPORTED(at, "malformed mutability: shared global (threads)");
        MALFORMED(at, "malformed mutability: 0x%02x", mut);
    }
    out->mut = mut;
    return RL_OK;
}

static rl_err type_index(dec *d, rl_proto **out) {
    u64 at = pos(d);
    u32 i = rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (i >= d->m->nprotos) INVALID(at, "unknown type %u", i);
    *out = d->m->protos[i];
    return RL_OK;
}

/* ---- imports, functions, tables, memories, exports, start ---- */

static rl_err add_func(dec *d) {
    rl_function *f;
    RL_TRY(push(d, &d->m->funcs, &d->m->nfuncs, sizeof *f, &f));
    return type_index(d, &f->proto);
}

static rl_err add_table(dec *d) {
    if (d->m->ntables >= RL_MAX_TABLES) LIMIT(pos(d), "too many tables: at most %u", RL_MAX_TABLES);
    rl_table_type *t;
    RL_TRY(push(d, &d->m->tables, &d->m->ntables, sizeof *t, &t));
    return table_type(d, t);
}

static rl_err add_memory(dec *d) {
    rl_limits *l;
    RL_TRY(push(d, &d->m->memories, &d->m->nmemories, sizeof *l, &l));
    return memory_type(d, l);
}

static rl_err add_global(dec *d, rl_global **out) {
    RL_TRY(push(d, &d->m->globals, &d->m->nglobals, sizeof **out, out));
    return global_type(d, &(*out)->type);
}

static rl_err import_section(dec *d) {
    rl_module *m = d->m;
    u32 n;
    RL_TRY(count(d, RL_MAX_IMPORTS, "imports", &n));
    while (n--) {
        rl_import *imp;
        rl_global *global;
        RL_TRY(push(d, &m->imports, &m->nimports, sizeof *imp, &imp));
        RL_TRY(name(d, &imp->module));
        RL_TRY(name(d, &imp->name));
        u64 at = pos(d);
        imp->kind = rl_read_u8(&d->r);
        RL_TRY(check(d));
        switch (imp->kind) {
        case RL_KIND_FUNC:
            imp->index = m->nimported_funcs++;
            RL_TRY(add_func(d));
            break;
        case RL_KIND_TABLE:
            imp->index = m->nimported_tables++;
            RL_TRY(add_table(d));
            break;
        case RL_KIND_MEMORY:
            imp->index = m->nimported_memories++;
            RL_TRY(add_memory(d));
            break;
        case RL_KIND_GLOBAL:
            imp->index = m->nimported_globals++;
            RL_TRY(add_global(d, &global));
            break;
        case 4: UNSUPPORTED(at, "malformed import kind: tag (exception handling)");
        case 0x7e: case 0x7f: UNSUPPORTED(at, "malformed import kind: 0x%02x (compact imports)", imp->kind);
        default: MALFORMED(at, "malformed import kind: 0x%02x", imp->kind);
        }
    }
    return RL_OK;
}

static rl_err function_section(dec *d) {
    u64 at = pos(d);
    RL_TRY(count(d, RL_MAX_FUNCS, "functions", &d->nbodies));
    if (d->nbodies + d->m->nimported_funcs > RL_MAX_FUNCS)
        LIMIT(at, "too many functions: at most %u with imports", RL_MAX_FUNCS);
    for (u32 i = 0; i < d->nbodies; i++) RL_TRY(add_func(d));
    return RL_OK;
}

static rl_err table_section(dec *d) {
    u32 n;
    RL_TRY(count(d, RL_MAX_TABLES, "tables", &n));
    while (n--) {
        if (rl_reader_left(&d->r) && *d->r.p == 0x40) UNSUPPORTED(pos(d), "function references: table initialiser");
        RL_TRY(add_table(d));
    }
    return RL_OK;
}

static rl_err memory_section(dec *d) {
    u32 n;
    RL_TRY(count(d, RL_MAX_TABLES, "memories", &n));
    while (n--) RL_TRY(add_memory(d));
    return RL_OK;
}

static int compare_names(const rl_name *a, const rl_name *b) {
    u32 n = RL_MIN(a->len, b->len);
    int c = n ? memcmp(a->p, b->p, n) : 0;
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int compare_exports(const void *a, const void *b, void *env) {
    const rl_export *e = env;
    u32 i, j;
    memcpy(&i, a, sizeof i);
    memcpy(&j, b, sizeof j);
    return compare_names(&e[i].name, &e[j].name);
}

/* Sorts the exports by name, which also shows duplicates. */
static rl_err order_exports(dec *d, u64 at) {
    rl_module *m = d->m;
    u32 n = m->nexports;
    if (!n) return RL_OK;
    m->export_order = malloc(n * sizeof *m->export_order);
    if (!m->export_order) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
    for (u32 i = 0; i < n; i++) m->export_order[i] = i;
    qsort_r(m->export_order, n, sizeof *m->export_order, compare_exports, m->exports);
    for (u32 i = 1; i < n; i++) {
        const rl_name *x = &m->exports[m->export_order[i]].name;
        if (!compare_names(&m->exports[m->export_order[i - 1]].name, x))
            INVALID(at, "duplicate export name: \"%.*s\"", (int)RL_MIN(x->len, 100u), x->p);
    }
    return RL_OK;
}

static rl_err mark_func(dec *d, u64 at, u32 func) {
    if (func >= d->m->nfuncs) INVALID(at, "unknown function %u", func);
    d->m->func_slot[func] = 0;
    return RL_OK;
}

static rl_err export_section(dec *d) {
    rl_module *m = d->m;
    u64 start = pos(d);
    u32 n;
    RL_TRY(count(d, RL_MAX_EXPORTS, "exports", &n));
    while (n--) {
        rl_export *e;
        RL_TRY(push(d, &m->exports, &m->nexports, sizeof *e, &e));
        RL_TRY(name(d, &e->name));
        u64 at = pos(d);
        e->kind = rl_read_u8(&d->r);
        e->index = rl_read_u32(&d->r);
        RL_TRY(check(d));
        switch (e->kind) {
        case RL_KIND_FUNC: RL_TRY(mark_func(d, at, e->index)); break;
        case RL_KIND_TABLE: if (e->index >= m->ntables) INVALID(at, "unknown table %u", e->index); break;
        case RL_KIND_MEMORY: if (e->index >= m->nmemories) INVALID(at, "unknown memory %u", e->index); break;
        case RL_KIND_GLOBAL: if (e->index >= m->nglobals) INVALID(at, "unknown global %u", e->index); break;
        case 4: UNSUPPORTED(at, "malformed export kind: tag (exception handling)");
        default: MALFORMED(at, "malformed export kind: 0x%02x", e->kind);
        }
    }
    return order_exports(d, start);
}

static rl_err start_section(dec *d) {
    u64 at = pos(d);
    d->m->start = rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (d->m->start >= d->m->nfuncs) INVALID(at, "unknown function %u", d->m->start);
    const rl_proto *p = d->m->funcs[d->m->start].proto;
    if (p->nparams || p->nresults) INVALID(at, "start function: must have no parameters and no results");
    d->m->has_start = true;
    return RL_OK;
}

/* ---- constant expressions ---- */

typedef struct konst {
    u8 types[RL_INIT_DEPTH];
    u32 depth, ops;
} konst;

static rl_err konst_push(dec *d, konst *k, u64 at, u8 type) {
    if (k->depth == RL_INIT_DEPTH) LIMIT(at, "constant expression too deep: at most %u operands", RL_INIT_DEPTH);
    k->types[k->depth++] = type;
    return RL_OK;
}

static rl_err konst_binary(dec *d, konst *k, u64 at, u8 type) {
    if (k->depth < 2 || k->types[k->depth - 1] != type || k->types[k->depth - 2] != type)
        INVALID(at, "type mismatch: constant expression expects two %s", rl_type_text(type));
    k->depth--;
    return RL_OK;
}

static rl_err konst_global(dec *d, konst *k, u64 at, rl_init *out) {
    u32 i = rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (i >= d->m->nimported_globals) INVALID(at, "unknown global %u: only imported ones may be used here", i);
    if (d->m->globals[i].type.mut) INVALID(at, "constant expression required: global %u is mutable", i);
    *out = (rl_init){ .kind = RL_INIT_GLOBAL, .index = i };
    return konst_push(d, k, at, d->m->globals[i].type.type);
}

static rl_err konst_func(dec *d, konst *k, u64 at, rl_init *out) {
    u32 i = rl_read_u32(&d->r);
    RL_TRY(check(d));
    RL_TRY(mark_func(d, at, i));
    *out = (rl_init){ .kind = RL_INIT_FUNC, .index = i };
    return konst_push(d, k, at, RL_FUNCREF);
}

static rl_err konst_value(dec *d, konst *k, u64 at, rl_init *out, u8 type, u64 value) {
    RL_TRY(check(d));
    *out = (rl_init){ .kind = RL_INIT_CONST, .value = value };
    return konst_push(d, k, at, type);
}

static u64 read_le(dec *d, u32 n) {
    const u8 *p = rl_read_bytes(&d->r, n);
    u64 v = 0;
    if (p) memcpy(&v, p, n); /* every target is little-endian */
    return v;
}

static rl_err konst_op(dec *d, konst *k, u64 at, u8 op, rl_init *out) {
    u8 type;
    switch (op) {
    case RL_OP_i32_const: return konst_value(d, k, at, out, RL_I32, (u32)rl_read_i32(&d->r));
    case RL_OP_i64_const: return konst_value(d, k, at, out, RL_I64, (u64)rl_read_i64(&d->r));
    case RL_OP_f32_const: return konst_value(d, k, at, out, RL_F32, read_le(d, 4));
    case RL_OP_f64_const: return konst_value(d, k, at, out, RL_F64, read_le(d, 8));
    case RL_OP_global_get: return konst_global(d, k, at, out);
    case RL_OP_ref_func: return konst_func(d, k, at, out);
    case RL_OP_ref_null:
        RL_TRY(rl_decode_type(&d->r, d->d, true, &type));
        *out = (rl_init){ .kind = RL_INIT_NULL };
        return konst_push(d, k, at, type);
    case RL_OP_i32_add: case RL_OP_i32_sub: case RL_OP_i32_mul: return konst_binary(d, k, at, RL_I32);
    case RL_OP_i64_add: case RL_OP_i64_sub: case RL_OP_i64_mul: return konst_binary(d, k, at, RL_I64);
    default:
        if (op == 0xfd || op == 0xfb) UNSUPPORTED(at, "%s: opcode 0x%02x", rl_op_proposal(op), op);
        if (!rl_op_infos[op].text && op != 0xfc) MALFORMED(at, "illegal opcode 0x%02x", op);
        INVALID(at, "constant expression required: %s", op == 0xfc ? "opcode 0xfc" : rl_op_infos[op].text);
    }
}

static rl_err constant(dec *d, u8 type, rl_init *out) {
    konst k; /* not initialised: the types are many, and written before they are read */
    k.depth = k.ops = 0;
    u64 start = pos(d), at;
    for (;; k.ops++) {
        at = pos(d);
        u8 op = rl_read_u8(&d->r);
        RL_TRY(check(d));
        if (op == RL_OP_end) break;
        RL_TRY(konst_op(d, &k, at, op, out));
    }
    if (k.depth != 1 || k.types[0] != type)
        INVALID(start, "type mismatch: constant expression must give one %s", rl_type_text(type));
    if (k.ops > 1) *out = (rl_init){ .kind = RL_INIT_CODE, .code = (u32)start, .len = (u32)(at - start) };
    out->type = type;
    return RL_OK;
}

static rl_err global_section(dec *d) {
    u32 n;
    RL_TRY(count(d, RL_MAX_GLOBALS, "globals", &n));
    while (n--) {
        rl_global *g;
        RL_TRY(add_global(d, &g));
        RL_TRY(constant(d, g->type.type, &g->init));
    }
    return RL_OK;
}

/* ---- segments ---- */

/* The eight forms of spec 5.5.12: bit 0 passive or declared, bit 1 explicit table or declared, bit 2 expressions. */
static rl_err elem_header(dec *d, rl_elem *e, u32 flags) {
    e->mode = !(flags & 1) ? RL_SEG_ACTIVE : flags & 2 ? RL_SEG_DECLARED : RL_SEG_PASSIVE;
    e->type = RL_FUNCREF;
    u64 at = pos(d);
    if (e->mode == RL_SEG_ACTIVE) {
        if (flags & 2) e->table = rl_read_u32(&d->r);
        RL_TRY(check(d));
        if (e->table >= d->m->ntables) INVALID(at, "unknown table %u", e->table);
        RL_TRY(constant(d, RL_I32, &e->offset));
    }
    if (flags & 3) {
        if (flags & 4) {
            RL_TRY(rl_decode_type(&d->r, d->d, true, &e->type));
        } else {
            u8 kind = rl_read_u8(&d->r);
            RL_TRY(check(d));
            if (kind) MALFORMED(pos(d) - 1, "malformed element kind: 0x%02x", kind);
        }
    }
    if (e->mode == RL_SEG_ACTIVE && d->m->tables[e->table].elem != e->type)
        INVALID(at, "type mismatch: element segment of %s for a table of %s", rl_type_text(e->type),
                rl_type_text(d->m->tables[e->table].elem));
    return RL_OK;
}

static rl_err elem_items(dec *d, rl_elem *e, bool exprs) {
    u32 n;
    RL_TRY(count(d, RL_MAX_SEGMENT_ITEMS, "elements", &n));
    if ((d->items += n) > RL_MAX_SEGMENT_ITEMS)
        LIMIT(pos(d), "too many elements in all segments: at most %u", RL_MAX_SEGMENT_ITEMS);
    e->items = n ? calloc(n, sizeof *e->items) : NULL;
    if (n && !e->items) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
    for (e->count = 0; e->count < n; e->count++) {
        rl_init *item = &e->items[e->count];
        if (exprs) {
            RL_TRY(constant(d, e->type, item));
            continue;
        }
        u64 at = pos(d);
        *item = (rl_init){ .kind = RL_INIT_FUNC, .type = RL_FUNCREF, .index = rl_read_u32(&d->r) };
        RL_TRY(check(d));
        RL_TRY(mark_func(d, at, item->index));
    }
    return RL_OK;
}

static rl_err elem_section(dec *d) {
    u32 n;
    RL_TRY(count(d, RL_MAX_SEGMENTS, "element segments", &n));
    while (n--) {
        rl_elem *e;
        RL_TRY(push(d, &d->m->elems, &d->m->nelems, sizeof *e, &e));
        u64 at = pos(d);
        u32 flags = rl_read_u32(&d->r);
        RL_TRY(check(d));
        if (flags > 7) MALFORMED(at, "malformed elements segment kind: %u", flags);
        RL_TRY(elem_header(d, e, flags));
        RL_TRY(elem_items(d, e, flags & 4));
    }
    return RL_OK;
}

static rl_err data_count_section(dec *d) {
    d->m->has_data_count = true;
    d->data_count = rl_read_u32(&d->r);
    return check(d);
}

static rl_err data_section(dec *d) {
    u64 start = pos(d);
    u32 n;
    RL_TRY(count(d, RL_MAX_SEGMENTS, "data segments", &n));
    if (d->m->has_data_count && n != d->data_count)
        MALFORMED(start, "data count and data section have inconsistent lengths: %u and %u", d->data_count, n);
    if (n && !(d->m->datas = calloc(n, sizeof *d->m->datas))) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
    while (n--) {
        rl_data *s = &d->m->datas[d->m->ndatas++];
        u64 at = pos(d);
        u32 flags = rl_read_u32(&d->r);
        RL_TRY(check(d));
        if (flags > 2) MALFORMED(at, "malformed data segment kind: %u", flags);
        s->mode = flags == 1 ? RL_SEG_PASSIVE : RL_SEG_ACTIVE;
        if (flags == 2) s->memory = rl_read_u32(&d->r);
        RL_TRY(check(d));
        if (s->mode == RL_SEG_ACTIVE) {
            if (s->memory >= d->m->nmemories) INVALID(at, "unknown memory %u", s->memory);
            RL_TRY(constant(d, RL_I32, &s->offset));
        }
        s->len = rl_read_u32(&d->r);
        s->bytes = (u32)pos(d);
        rl_read_bytes(&d->r, s->len);
        RL_TRY(check(d));
    }
    return RL_OK;
}

static rl_err code_section(dec *d) {
    rl_module *m = d->m;
    m->code_offset = (u32)pos(d);
    m->code_size = (u32)rl_reader_left(&d->r);
    RL_TRY(count(d, RL_MAX_FUNCS, "function bodies", &d->ncode));
    if (d->ncode != d->nbodies) return RL_OK; /* reported at the end, with the case of a missing section */
    for (u32 i = 0; i < d->ncode; i++) {
        rl_function *f = &m->funcs[m->nimported_funcs + i];
        u64 at = pos(d);
        f->body_len = rl_read_u32(&d->r);
        f->body = (u32)pos(d);
        RL_TRY(check(d));
        if (f->body_len > rl_reader_left(&d->r)) MALFORMED(at, "unexpected end of section or function");
        if (f->body_len > RL_MAX_BODY) LIMIT(at, "function body too large: %u bytes, at most %u", f->body_len, RL_MAX_BODY);
        rl_read_bytes(&d->r, f->body_len);
    }
    return RL_OK;
}

/* ---- module ---- */

static rl_err custom_section(dec *d) {
    rl_custom *c;
    RL_TRY(push(d, &d->m->customs, &d->m->ncustoms, sizeof *c, &c));
    RL_TRY(name(d, &c->name));
    c->bytes = (u32)pos(d);
    c->len = (u32)rl_reader_left(&d->r);
    d->r.p = d->r.end;
    return RL_OK;
}

static rl_err header(dec *d) {
    if (!rl_reader_left(&d->r)) MALFORMED(0, "unexpected end: the file is empty");
    u64 magic = read_le(d, 4);
    RL_TRY(check(d));
    if (magic != 0x6d736100) MALFORMED(0, "magic header not detected: this is no WebAssembly");
    u64 version = read_le(d, 4);
    RL_TRY(check(d));
    if (version >> 16 == 1) UNSUPPORTED(4, "unknown binary version: this is a component, not a core module (component model)");
    if (version != 1) MALFORMED(4, "unknown binary version: %llu", (unsigned long long)version);
    return RL_OK;
}

typedef struct section {
    const char *name;
    u8 order; /* position a section must have among the others */
    rl_err (*decode)(dec *d);
} section;

static const section sections[] = {
    [0] = { "custom", 0, custom_section },     [1] = { "type", 1, type_section },
    [2] = { "import", 2, import_section },     [3] = { "function", 3, function_section },
    [4] = { "table", 4, table_section },       [5] = { "memory", 5, memory_section },
    [6] = { "global", 6, global_section },     [7] = { "export", 7, export_section },
    [8] = { "start", 8, start_section },       [9] = { "element", 9, elem_section },
    [10] = { "code", 11, code_section },       [11] = { "data", 12, data_section },
    [12] = { "data count", 10, data_count_section },
};

/* Function indices are complete once the function section has passed; references to them start after it. */
static rl_err make_slots(dec *d) {
    rl_module *m = d->m;
    if (m->func_slot || !m->nfuncs) return RL_OK;
    m->func_slot = malloc(m->nfuncs * sizeof *m->func_slot);
    if (!m->func_slot) return rl_diag_set(d->d, RL_ERR_NOMEM, "out of memory");
    memset(m->func_slot, 0xff, m->nfuncs * sizeof *m->func_slot);
    return RL_OK;
}

static rl_err one_section(dec *d, u8 *last) {
    const u8 *module_end = d->r.end;
    u64 at = pos(d);
    u8 id = rl_read_u8(&d->r);
    u32 size = rl_read_u32(&d->r);
    RL_TRY(check(d));
    if (id == 13) UNSUPPORTED(at, "exception handling: tag section");
    if (id & 0x80) MALFORMED(at, "integer representation too long: section id 0x%02x", id);
    if (id >= RL_LEN(sections)) MALFORMED(at, "malformed section id: %u", id);
    if (size > rl_reader_left(&d->r))
        MALFORMED(at, "length out of bounds: unexpected end of %s section, %u bytes announced, %zu left",
                  sections[id].name, size, rl_reader_left(&d->r));
    if (id) {
        if (sections[id].order <= *last)
            MALFORMED(at, "unexpected content after last section: %s section %s", sections[id].name,
                      sections[id].order == *last ? "twice" : "out of order");
        *last = sections[id].order;
        if (sections[id].order > 3) RL_TRY(make_slots(d));
    }
    d->r.end = d->r.p + size;
    RL_TRY(sections[id].decode(d));
    if (d->r.p != d->r.end && !(id == 10 && d->ncode != d->nbodies))
        MALFORMED(pos(d), "section size mismatch: %zu bytes left in %s section", rl_reader_left(&d->r),
                  sections[id].name);
    d->r.p = d->r.end;
    d->r.end = module_end;
    return RL_OK;
}

rl_err rl_decode(rl_module *m, rl_diag *diag) {
    dec *d = &(dec){ .m = m, .d = diag, .r = rl_reader_of(m->bytes, 0, m->size) };
    u8 last = 0;
    RL_TRY(header(d));
    while (rl_reader_left(&d->r)) RL_TRY(one_section(d, &last));
    RL_TRY(make_slots(d));
    if (d->ncode != d->nbodies)
        MALFORMED(pos(d), "function and code section have inconsistent lengths: %u and %u", d->nbodies, d->ncode);
    if (m->has_data_count && d->data_count != m->ndatas)
        MALFORMED(pos(d), "data count and data section have inconsistent lengths: %u and %u", d->data_count, m->ndatas);
    return RL_OK;
}
