/* Owns linear memories and tables as objects: their storage, growth and limits. They belong to one store and so to one
 * thread at a time. Invariant: bytes past a memory's size are zero up to its capacity, and the copies of base and size
 * in the instances are right outside of these functions. A guarded memory never moves; a compact one may, because wasm
 * holds no addresses. Not taken: guard pages behind compact memories, which would cost a mapping each. */
#include <stdlib.h>

#include "jit/instance.h"
#include "src/base/os.h"

/* Any 32-bit index plus 32-bit offset plus 16 bytes stays inside. */
#define GUARDED_RESERVE (((u64)1 << 33) + RL_PAGE)
#define MAX_BYTES_32 ((u64)1 << 32)

void rl_memory_refresh(rl_memory *m) {
    for (rl_instance *i = m->users; i; i = i->next_user) rl_instance_set_memory(i, m);
}

/* At least `bytes` zero bytes for a compact memory: from the source, or a mapping of `capacity` bytes. */
static bool take_storage(rl_memory *m, rl_memory_source *source, u64 bytes, u64 capacity) {
    u8 *base = source ? source->get(source, bytes, &m->capacity) : NULL;
    m->source = base ? source : NULL;
    if (!base) base = rl_os_map(m->capacity = capacity);
    m->base = base;
    return base != NULL;
}

static void give_storage(rl_memory *m) {
    if (m->source) m->source->put(m->source, m->base, m->capacity);
    else rl_os_unmap(m->base, m->capacity);
}

static bool map_storage(rl_memory *m, rl_memory_source *source) {
    if (m->guarded) {
        m->base = rl_os_reserve(GUARDED_RESERVE);
        m->capacity = GUARDED_RESERVE;
        return m->base && rl_os_commit(m->base, m->bytes);
    }
    return take_storage(m, source, m->bytes, RL_MAX(m->bytes, (u64)RL_PAGE));
}

rl_err rl_memory_init(rl_memory *m, rl_store *s, const rl_limits *l) {
    const rl_store_config *c = rl_store_settings(s);
    *m = (rl_memory){ .guarded = c->flavour != RL_FLAVOUR_CHECKED, .limit_bytes = RL_MIN(c->max_memory, MAX_BYTES_32) };
    m->max_bytes = l->max == UINT64_MAX ? UINT64_MAX : l->max * RL_PAGE;
    u64 bytes = l->min * RL_PAGE;
    if (l->min > MAX_BYTES_32 / RL_PAGE || bytes > m->limit_bytes || !rl_store_charge(s, bytes)) return RL_ERR_LIMIT;
    m->store = s;
    m->bytes = bytes;
    if (map_storage(m, c->source)) return RL_OK;
    rl_memory_fini(m);
    return RL_ERR_NOMEM;
}

void rl_memory_fini(rl_memory *m) {
    if (m->store) rl_store_refund(m->store, m->bytes);
    if (m->base) give_storage(m);
    *m = (rl_memory){ 0 };
}

/* Makes room for `bytes`, keeping what is there. */
static bool extend(rl_memory *m, u64 bytes) {
    if (m->guarded) return rl_os_commit(m->base + m->bytes, bytes - m->bytes);
    if (bytes <= m->capacity) return true;
    u64 to = RL_MIN(RL_MAX(bytes, m->capacity * 2), RL_MIN(m->max_bytes, m->limit_bytes));
    if (m->source) { /* to a larger slot, or out of the slots */
        rl_memory old = *m;
        if (!take_storage(m, old.source, bytes, to)) {
            *m = old;
            return false;
        }
        memcpy(m->base, old.base, old.bytes);
        give_storage(&old);
        return true;
    }
    u8 *base = rl_os_remap(m->base, m->capacity, to);
    if (!base) return false;
    m->base = base;
    m->capacity = to;
    return true;
}

i64 rl_memory_grow(rl_memory *m, u64 pages) {
    i64 old = (i64)(m->bytes / RL_PAGE);
    if (pages > MAX_BYTES_32 / RL_PAGE) return -1;
    u64 add = pages * RL_PAGE, bytes = m->bytes + add;
    if (bytes > m->max_bytes || bytes > m->limit_bytes) return -1;
    if (!add) return old;
    if (!rl_store_charge(m->store, add)) return -1;
    if (!extend(m, bytes)) {
        rl_store_refund(m->store, add);
        return -1;
    }
    m->bytes = bytes;
    rl_memory_refresh(m);
    return old;
}

/* ---- tables ---- */

static void fill(void **elems, u64 from, u64 to, void *init) {
    for (u64 i = from; i < to; i++) elems[i] = init;
}

rl_err rl_table_init(rl_table *t, const rl_store *s, const rl_table_type *type, void *init) {
    u64 limit = rl_store_settings(s)->max_table;
    *t = (rl_table){ .max = type->limits.max, .type = type->elem };
    if (type->limits.min > limit || type->limits.min > UINT32_MAX) return RL_ERR_LIMIT;
    t->limit = limit;
    t->size = t->capacity = (u32)type->limits.min;
    t->elems = calloc((size_t)t->size + 1, sizeof *t->elems);
    if (!t->elems) return RL_ERR_NOMEM;
    t->owned = true;
    if (init) fill(t->elems, 0, t->size, init);
    return RL_OK;
}

void rl_table_fini(rl_table *t) {
    if (t->owned) free(t->elems);
    *t = (rl_table){ 0 };
}

bool rl_table_own(rl_table *t) {
    if (t->owned) return true;
    void **own = malloc(((size_t)t->size + 1) * sizeof *own);
    if (!own) return false;
    if (t->size) memcpy(own, t->elems, t->size * sizeof *own);
    t->elems = own;
    t->capacity = t->size;
    t->owned = true;
    return true;
}

static bool reserve(rl_table *t, u64 size) {
    if (!rl_table_own(t)) return false;
    if (size <= t->capacity) return true;
    u64 to = RL_MIN(RL_MAX(size, (u64)t->capacity + t->capacity / 2), (u64)UINT32_MAX);
    void **more = realloc(t->elems, (to + 1) * sizeof *more);
    if (!more) return false;
    t->elems = more;
    t->capacity = (u32)to;
    return true;
}

i64 rl_table_grow(rl_table *t, u64 n, void *init) {
    u64 size = t->size + n;
    if (n > UINT32_MAX || size > UINT32_MAX || size > t->max || size > t->limit) return -1;
    if (n && !reserve(t, size)) return -1;
    fill(t->elems, t->size, size, init);
    i64 old = t->size;
    t->size = (u32)size;
    return old;
}
