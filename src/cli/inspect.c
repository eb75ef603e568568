/* `rille inspect FILE`: what a module is made of, for people: sections, imports and exports with their types, counts,
 * and the features beyond WebAssembly 1.0 that it uses. Works on decoded and validated modules; owns nothing; main
 * thread only. It walks every body once to find features, because no section says which operators are used. */
#include <stdlib.h>

#include "jit/module.h"
#include "jit/opcode.h"
#include "jit/reader.h"
#include "src/cli/cli.h"

#define FEATURES(F)                                                                                   \
    F(MULTI_VALUE, "multi-value") F(MUTABLE_GLOBAL, "mutable-global") F(SIGN_EXT, "sign-extension")   \
    F(SATURATING, "saturating-float-to-int") F(BULK, "bulk-memory") F(REFERENCE, "reference-types")   \
    F(TAIL_CALL, "tail-call") F(EXTENDED_CONST, "extended-const")
enum {
#define F(id, text) FEATURE_##id,
    FEATURES(F)
#undef F
    FEATURE_COUNT
};

/* ---- features ---- */

static u32 op_features(u32 code) {
    if (code >= RL_OP_i32_extend8_s && code <= RL_OP_i64_extend32_s) return 1u << FEATURE_SIGN_EXT;
    if (code >= 0xfc00 && code <= RL_OP_i64_trunc_sat_f64_u) return 1u << FEATURE_SATURATING;
    if (code >= RL_OP_memory_init && code <= RL_OP_table_copy) return 1u << FEATURE_BULK;
    if (code >= RL_OP_table_grow && code <= RL_OP_table_fill) return 1u << FEATURE_REFERENCE;
    if (code == RL_OP_return_call || code == RL_OP_return_call_indirect) return 1u << FEATURE_TAIL_CALL;
    if (code >= RL_OP_ref_null && code <= RL_OP_ref_func) return 1u << FEATURE_REFERENCE;
    if (code == RL_OP_select_t || code == RL_OP_table_get || code == RL_OP_table_set) return 1u << FEATURE_REFERENCE;
    return 0;
}

static u32 body_features(const rl_module *m, const rl_function *f, u64 *ops) {
    rl_reader r = rl_reader_of(m->bytes, f->body, (u64)f->body + f->body_len);
    for (u32 n = rl_read_u32(&r); n; n--) {
        rl_read_u32(&r);
        rl_read_u8(&r);
    }
    u32 set = 0, code;
    for (const u8 *p = r.p; p < r.end; ++*ops) {
        const u8 *op = p;
        p = rl_op_skip(p, &code);
        set |= op_features(code);
        if (code >= RL_OP_block && code <= RL_OP_if && op[1] != 0x40 && (op[1] < 0x40 || op[1] >= 0x80))
            set |= 1u << FEATURE_MULTI_VALUE;
    }
    return set;
}

static u32 type_features(const rl_module *m) {
    u32 set = m->ntables > 1 ? 1u << FEATURE_REFERENCE : 0;
    for (u32 i = 0; i < m->nprotos; i++) {
        const rl_proto *p = m->protos[i];
        if (p->nresults > 1) set |= 1u << FEATURE_MULTI_VALUE;
        for (u32 j = 0; j < p->nparams; j++) if (rl_type_is_ref(p->params[j])) set |= 1u << FEATURE_REFERENCE;
        for (u32 j = 0; j < p->nresults; j++) if (rl_type_is_ref(p->results[j])) set |= 1u << FEATURE_REFERENCE;
    }
    for (u32 i = 0; i < m->nglobals; i++) {
        if (rl_type_is_ref(m->globals[i].type.type)) set |= 1u << FEATURE_REFERENCE;
        if (i < m->nimported_globals && m->globals[i].type.mut) set |= 1u << FEATURE_MUTABLE_GLOBAL;
        if (m->globals[i].init.kind == RL_INIT_CODE) set |= 1u << FEATURE_EXTENDED_CONST;
    }
    for (u32 i = 0; i < m->nexports; i++)
        if (m->exports[i].kind == RL_KIND_GLOBAL && m->globals[m->exports[i].index].type.mut)
            set |= 1u << FEATURE_MUTABLE_GLOBAL;
    return set;
}

static u32 segment_features(const rl_module *m) {
    u32 set = m->has_data_count ? 1u << FEATURE_BULK : 0;
    for (u32 i = 0; i < m->ndatas; i++) {
        if (m->datas[i].mode != RL_SEG_ACTIVE) set |= 1u << FEATURE_BULK;
        if (m->datas[i].offset.kind == RL_INIT_CODE) set |= 1u << FEATURE_EXTENDED_CONST;
    }
    for (u32 i = 0; i < m->nelems; i++) {
        if (m->elems[i].mode != RL_SEG_ACTIVE) set |= 1u << FEATURE_BULK;
        if (m->elems[i].type != RL_FUNCREF) set |= 1u << FEATURE_REFERENCE;
        if (m->elems[i].offset.kind == RL_INIT_CODE) set |= 1u << FEATURE_EXTENDED_CONST;
    }
    return set;
}

static void print_features(const rl_module *m) {
    static const char *const texts[FEATURE_COUNT] = {
#define F(id, text) [FEATURE_##id] = text,
        FEATURES(F)
#undef F
    };
    u32 set = type_features(m) | segment_features(m);
    u64 ops = 0;
    for (u32 i = m->nimported_funcs; i < m->nfuncs; i++) set |= body_features(m, &m->funcs[i], &ops);
    printf("features:");
    for (u32 i = 0; i < FEATURE_COUNT; i++)
        if (set >> i & 1) printf(" %s", texts[i]);
    printf("%s\noperators: %llu\n", set ? "" : " none beyond 1.0", (unsigned long long)ops);
}

/* ---- the rest ---- */

/* Names come from outside: control bytes would disturb a terminal. */
static void print_name(rl_name n) {
    putchar('"');
    for (u32 i = 0; i < n.len; i++) {
        u8 c = (u8)n.p[i];
        if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') printf("\\%02x", c);
        else putchar(c);
    }
    putchar('"');
}

static void print_limits(const rl_limits *l, const char *unit) {
    printf("%llu", (unsigned long long)l->min);
    if (l->max != UINT64_MAX) printf(" to %llu", (unsigned long long)l->max);
    printf(" %s", unit);
}

static void print_type(const rl_module *m, u8 kind, u32 i) {
    char text[400];
    switch (kind) {
    case RL_KIND_FUNC: printf("func %s", rl_proto_text(m->funcs[i].proto, text, sizeof text)); break;
    case RL_KIND_TABLE:
        printf("table of %s, ", rl_type_text(m->tables[i].elem));
        print_limits(&m->tables[i].limits, "elements");
        break;
    case RL_KIND_MEMORY:
        printf("memory, ");
        print_limits(&m->memories[i], "pages");
        break;
    default: printf("global %s%s", m->globals[i].type.mut ? "mut " : "", rl_type_text(m->globals[i].type.type));
    }
}

static void print_sections(const rl_module *m) {
    static const char *const names[] = { "custom", "type", "import", "function", "table", "memory", "global", "export",
                                         "start", "element", "code", "data", "data count" };
    rl_reader r = rl_reader_of(m->bytes, 8, m->size);
    printf("sections:\n");
    while (rl_reader_left(&r)) {
        u8 id = rl_read_u8(&r);
        u32 size = rl_read_u32(&r);
        u64 at = rl_reader_pos(&r);
        const u8 *p = rl_read_bytes(&r, size);
        printf("  0x%08llx %10u  %s", (unsigned long long)at, size, names[id]);
        if (id == 0) {
            rl_reader s = rl_reader_of(m->bytes, at, at + size);
            u32 n = rl_read_u32(&s);
            putchar(' ');
            print_name((rl_name){ (const char *)rl_read_bytes(&s, n), n });
        } else if (id != 8 && id != 12) {
            rl_reader s = rl_reader_of(m->bytes, (u64)(p - m->bytes), at + size);
            printf(", %u", rl_read_u32(&s));
        }
        putchar('\n');
    }
}

static void print_imports(const rl_module *m) {
    if (m->nimports) printf("imports:\n");
    for (u32 i = 0; i < m->nimports; i++) {
        const rl_import *imp = &m->imports[i];
        printf("  ");
        print_name(imp->module);
        putchar(' ');
        print_name(imp->name);
        printf(": ");
        print_type(m, imp->kind, imp->index);
        putchar('\n');
    }
}

static void print_exports(const rl_module *m) {
    if (m->nexports) printf("exports:\n");
    for (u32 i = 0; i < m->nexports; i++) {
        printf("  ");
        print_name(m->exports[i].name);
        printf(": ");
        print_type(m, m->exports[i].kind, m->exports[i].index);
        printf(" (%u)\n", m->exports[i].index);
    }
}

static void print_counts(rl_module *m) {
    char name[200];
    printf("functions: %u, %u imported\n", m->nfuncs, m->nimported_funcs);
    printf("globals: %u, tables: %u, memories: %u, types: %u\n", m->nglobals, m->ntables, m->nmemories, m->nprotos);
    if (m->has_start) printf("start: %s (%u)\n", rl_module_func_name(m, m->start, name, sizeof name), m->start);
    u32 largest = UINT32_MAX;
    for (u32 i = m->nimported_funcs; i < m->nfuncs; i++)
        if (largest == UINT32_MAX || m->funcs[i].body_len > m->funcs[largest].body_len) largest = i;
    if (largest != UINT32_MAX)
        printf("code: %u bytes, largest function %u: %s (%u)\n", m->code_size, m->funcs[largest].body_len,
               rl_module_func_name(m, largest, name, sizeof name), largest);
}

int rl_cli_inspect(const rl_args *a) {
    const char *path = a->operands[0];
    rl_diag d = {0};
    u8 *bytes;
    size_t size;
    rl_module *m;
    if (rl_cli_load(path, &bytes, &size, &d)) return rl_cli_complain(path, &d);
    rl_err e = rl_module_new(bytes, size, &m, &d);
    free(bytes);
    if (e) return rl_cli_complain(path, &d);
    printf("%s: %zu bytes\n", path, size);
    print_sections(m);
    print_imports(m);
    print_exports(m);
    print_counts(m);
    print_features(m);
    rl_module_put(m);
    return 0;
}
