/* Owns stores and instances: layout, allocation, exports and records of functions. Linking and segments are link.c. A
 * store and all in it belong to one thread at a time. Invariant: everything an instance points at lives in its store,
 * in its module's code, or with the caller who provided the import. An instance is one allocation, because a process
 * is cheap only if its instance is. */
#include "jit/instance.h"
#include "jit/stub.h"

#include <stdlib.h>

#include "jit/code.h"
#include "jit/link.h"

/* Everything a store allocates, in one list. */
typedef enum block_kind { BLOCK_PLAIN, BLOCK_INSTANCE, BLOCK_MEMORY, BLOCK_TABLE } block_kind;
typedef struct block {
    struct block *next;
    u64 kind;
    u64 body[]; /* 16-byte aligned */
} block;

struct rl_store {
    rl_store_config config;
    u64 memory_bytes; /* of all linear memories */
    block *blocks;
    rl_instance *only; /* the instance, when there is just one */
    u32 instances;
    bool placed;       /* lies where its maker said, as do the blocks from there to room_end */
    u8 *room, *room_end; /* what is left of that place */
};

/* A record made on demand, see rl_instance_func. */
struct rl_func_own {
    struct rl_func_own *next;
    rl_func func;
};

rl_err rl_store_new(const rl_store_config *c, rl_store **out) {
    rl_store *s = *out = calloc(1, sizeof *s);
    if (!s) return RL_ERR_NOMEM;
    s->config = *c;
    return RL_OK;
}

rl_store *rl_store_place(const rl_store_config *c, void *at, size_t size) {
    rl_assert(size >= sizeof(rl_store));
    rl_store *s = at;
    *s = (rl_store){ .config = *c, .placed = true, .room = (u8 *)at + rl_align(sizeof *s, 16), .room_end = (u8 *)at + size };
    return s;
}

static block *take_room(rl_store *s, size_t size) {
    size = rl_align(size, 16);
    if (size > (size_t)(s->room_end - s->room)) return NULL;
    block *b = memset(s->room, 0, size);
    s->room += size;
    return b;
}

static bool in_room(const rl_store *s, const block *b) {
    return s->placed && (const u8 *)b > (const u8 *)s && (const u8 *)b < s->room_end;
}

static void *alloc(rl_store *s, block_kind kind, size_t size) {
    block *b = take_room(s, sizeof *b + size);
    if (!b && !(b = calloc(1, sizeof *b + size))) return NULL;
    b->kind = kind;
    b->next = s->blocks;
    s->blocks = b;
    return b->body;
}

void *rl_store_alloc(rl_store *s, size_t size) { return alloc(s, BLOCK_PLAIN, size); }
const rl_store_config *rl_store_settings(const rl_store *s) { return &s->config; }

static bool imports_objects(const rl_module *m) {
    return m->nimported_tables || m->nimported_memories || m->nimported_globals || m->nmemories > 1;
}

bool rl_store_retire(rl_store *s) {
    rl_instance *i = s->only;
    if (s->instances != 1 || imports_objects(i->module)) return false;
    for (u32 t = 0; t < i->module->ntables; t++) rl_table_fini(rl_instance_table(i, t));
    if (i->module->nmemories) rl_memory_fini(rl_instance_memory(i, 0));
    return true;
}

rl_err rl_store_renew(rl_store *s, const rl_store_config *c, rl_instance **out, rl_func **start, rl_diag *d) {
    s->config = *c;
    *out = NULL;
    *start = NULL;
    rl_err e = rl_instance_renew(s->only, start, d);
    if (!e) *out = s->only;
    return e;
}

bool rl_store_keep(rl_store *s) {
    rl_instance *i = s->only;
    if (s->instances != 1 || imports_objects(i->module) || !i->module->nmemories) return false;
    for (u32 t = 0; t < i->module->ntables; t++)
        if (rl_instance_table(i, t)->owned) rl_table_fini(rl_instance_table(i, t));
    return true;
}

rl_err rl_store_reuse(rl_store *s, const rl_store_config *c, rl_instance **out, rl_func **start, rl_diag *d) {
    s->config = *c;
    *out = NULL;
    *start = NULL;
    rl_err e = rl_instance_reuse(s->only, start, d);
    s->memory_bytes = rl_instance_memory(s->only, 0)->bytes;
    if (!e) *out = s->only;
    return e;
}

bool rl_store_charge(rl_store *s, u64 bytes) {
    if (bytes > s->config.max_memory - s->memory_bytes) return false;
    s->memory_bytes += bytes;
    return true;
}

void rl_store_refund(rl_store *s, u64 bytes) { s->memory_bytes -= bytes; }

static void instance_fini(rl_instance *i) {
    rl_module *m = i->module;
    for (u32 t = m->nimported_tables; t < m->ntables; t++) rl_table_fini(rl_instance_table(i, t));
    rl_module_put(m);
}

void rl_store_free(rl_store *s) {
    if (!s) return;
    block *next;
    for (block *b = s->blocks; b; b = b->next) {
        if (b->kind == BLOCK_MEMORY) rl_memory_fini((rl_memory *)b->body);
        else if (b->kind == BLOCK_TABLE) rl_table_fini((rl_table *)b->body);
        else if (b->kind == BLOCK_INSTANCE) instance_fini((rl_instance *)b->body);
    }
    for (block *b = s->blocks; b; b = next) {
        next = b->next;
        if (!in_room(s, b)) free(b);
    }
    if (!s->placed) free(s);
}

void rl_store_bind(rl_store *s, rl_exec *x) {
    for (block *b = s->blocks; b; b = b->next) {
        if (b->kind != BLOCK_INSTANCE) continue;
        rl_instance *i = (rl_instance *)b->body;
        i->exec = x;
        i->stack_limit = x->stack_limit;
    }
}

rl_err rl_memory_new(rl_store *s, const rl_limits *l, rl_memory **out) {
    rl_memory *m = *out = alloc(s, BLOCK_MEMORY, sizeof *m);
    if (!m) return RL_ERR_NOMEM;
    rl_err e = rl_memory_init(m, s, l);
    if (e) *out = NULL;
    return e;
}

rl_err rl_table_new(rl_store *s, const rl_table_type *t, void *init, rl_table **out) {
    rl_table *table = *out = alloc(s, BLOCK_TABLE, sizeof *table);
    if (!table) return RL_ERR_NOMEM;
    rl_err e = rl_table_init(table, s, t, init);
    if (e) *out = NULL;
    return e;
}

/* ---- layout ---- */

void rl_layout_of(const rl_module *m, rl_layout *out) {
    u64 at = sizeof(rl_instance);
    out->imports = (u32)at;
    at += 8u * (u64)m->nimported_funcs;
    out->globals = (u32)at;
    at += 8u * (u64)m->nglobals;
    out->tables = (u32)at;
    at += 8u * (u64)m->nimported_tables;
    out->own_tables = (u32)at;
    at += sizeof(rl_table) * (u64)(m->ntables - m->nimported_tables);
    out->memories = (u32)at;
    at += 8u * (u64)m->nmemories;
    rl_assert(at <= INT32_MAX); /* the decoder's limits on counts keep it far below */
    out->size = (u32)at;
}

/* ---- making ---- */

static void set_record(rl_func *r, rl_instance *i, u32 index) {
    rl_proto *p = i->module->funcs[index].proto;
    rl_assert(i->module->func_slot[index] != UINT32_MAX); /* else its code does not expect to be called by address */
    *r = (rl_func){ .code = rl_code_entry(i->code, index), .xcode = rl_stub_get(p, RL_STUB_CROSS), .inst = i,
                    .type_id = p->id, .index = index, .proto = p };
}

/* Records of an open module; those of imports are copies of what was imported. After linking. */
rl_err rl_instance_records(rl_instance *i) {
    const rl_module *m = i->module;
    if (m->closed_funcs) return RL_OK;
    for (u32 f = 0; f < m->nfuncs; f++) {
        if (m->func_slot[f] == UINT32_MAX) continue;
        rl_func *r = &i->funcs[m->func_slot[f]];
        if (f < m->nimported_funcs) *r = *rl_instance_import(i, f);
        else set_record(r, i, f);
        if (!r->xcode) return RL_ERR_NOMEM;
    }
    return RL_OK;
}

/* What host functions may see. */
static bool exports_memory(const rl_module *m) {
    const rl_export *e = rl_module_export(m, "memory", 6);
    return e && e->kind == RL_KIND_MEMORY && e->index == 0;
}

rl_instance *rl_instance_alloc(rl_store *s, rl_module *m, rl_code *code) {
    const rl_layout *l = rl_code_layout(code);
    size_t funcs = rl_align(l->size, 16);
    size_t bits = funcs + (m->closed_funcs ? 0 : m->nfunc_slots * sizeof(rl_func));
    size_t data_bits = (m->ndatas + 7) / 8, elem_bits = (m->nelems + 7) / 8;
    rl_instance *i = alloc(s, BLOCK_INSTANCE, bits + data_bits + elem_bits);
    if (!i) return NULL;
    s->only = i;
    s->instances++;
    i->module = rl_module_get(m);
    i->code = code;
    i->layout = l;
    i->store = s;
    i->flavour = s->config.flavour;
    i->host_memory = exports_memory(m);
    i->tail_bytes = 8u * m->tail_words;
    i->yield = (const void *)&rl_glue_yield;
    i->grow = (const void *)&rl_glue_grow;
    i->funcs = m->closed_funcs ? rl_code_records(code) : (rl_func *)((u8 *)i + funcs);
    i->dropped_data = (u8 *)i + bits;
    i->dropped_elem = i->dropped_data + data_bits;
    return i;
}

/* What rl_instance_alloc and rl_memory_new take. */
size_t rl_store_room(const rl_module *m) {
    rl_layout l;
    rl_layout_of(m, &l);
    size_t records = m->closed_funcs ? 0 : m->nfunc_slots * sizeof(rl_func);
    size_t instance = sizeof(block) + rl_align(l.size, 16) + records + (m->ndatas + 7) / 8 + (m->nelems + 7) / 8;
    size_t memory = m->nmemories - m->nimported_memories ? sizeof(block) + sizeof(rl_memory) : 0;
    return rl_align(sizeof(rl_store), 16) + rl_align(instance, 16) + rl_align(memory, 16);
}

/* ---- looking in ---- */

rl_func *rl_instance_import(const rl_instance *i, u32 func) {
    return *(rl_func **)((char *)i + i->layout->imports + 8 * func);
}

rl_func *rl_instance_func(rl_instance *i, u32 index) {
    const rl_module *m = i->module;
    if (index >= m->nfuncs) return NULL;
    if (index < m->nimported_funcs) return rl_instance_import(i, index);
    if (!m->closed_funcs && m->func_slot[index] != UINT32_MAX) return &i->funcs[m->func_slot[index]];
    for (struct rl_func_own *o = i->own_funcs; o; o = o->next)
        if (o->func.index == index) return &o->func;
    struct rl_func_own *o = rl_store_alloc(i->store, sizeof *o);
    if (!o) return NULL;
    set_record(&o->func, i, index);
    if (!o->func.xcode) return NULL;
    o->next = i->own_funcs;
    i->own_funcs = o;
    return &o->func;
}

static void export_table(rl_instance *i, u32 index, rl_extern *out) {
    out->table = rl_instance_table(i, index);
    out->table_type.elem = out->table->type;
    out->limits = (rl_limits){ out->table->size, out->table->max, i->module->tables[index].limits.is64 };
    out->table_type.limits = out->limits;
}

static void export_memory(rl_instance *i, u32 index, rl_extern *out) {
    rl_memory *m = out->memory = rl_instance_memory(i, index);
    u64 max = m->max_bytes == UINT64_MAX ? UINT64_MAX : m->max_bytes / RL_PAGE;
    out->limits = (rl_limits){ m->bytes / RL_PAGE, max, i->module->memories[index].is64 };
}

bool rl_instance_export(rl_instance *i, const char *name, size_t len, rl_extern *out) {
    const rl_export *e = rl_module_export(i->module, name, len);
    if (!e) return false;
    *out = (rl_extern){ .kind = e->kind };
    switch (e->kind) {
    case RL_KIND_FUNC: out->func = rl_instance_func(i, e->index); return out->func != NULL;
    case RL_KIND_TABLE: export_table(i, e->index, out); return true;
    case RL_KIND_MEMORY: export_memory(i, e->index, out); return true;
    case RL_KIND_GLOBAL:
        out->global.cell = rl_instance_global(i, e->index);
        out->global.type = i->module->globals[e->index].type;
        return true;
    default: return false;
    }
}

void rl_func_declare(rl_func *f, rl_stub kind, const void *fn, void *env, rl_proto *proto, const char *name) {
    *f = (rl_func){ .xcode = (const void *)(uintptr_t)kind, .type_id = proto->id, .index = UINT32_MAX, .fn = fn, .env = env,
                    .proto = proto, .name = name };
}

bool rl_func_ready(rl_func *f) {
    /* acquire: pairs with the release below; several threads may make one record ready, and write the same */
    uintptr_t x = (uintptr_t)__atomic_load_n(&f->xcode, __ATOMIC_ACQUIRE);
    if (RL_LIKELY(x >= RL_STUB_COUNT)) return true;
    const void *stub = rl_stub_get(f->proto, (rl_stub)x);
    if (!stub) return false;
    __atomic_store_n(&f->code, stub, __ATOMIC_RELAXED);
    __atomic_store_n(&f->xcode, stub, __ATOMIC_RELEASE); /* pairs with the acquire above */
    return true;
}

rl_err rl_func_host(rl_func *f, rl_stub kind, const void *fn, void *env, rl_proto *proto, const char *name) {
    rl_func_declare(f, kind, fn, env, proto, name);
    return rl_func_ready(f) ? RL_OK : RL_ERR_NOMEM;
}
