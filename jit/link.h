/* Between instance.c (storage) and link.c (imports, initialisers, segments). */
#ifndef RL_LINK_H
#define RL_LINK_H

#include "jit/instance.h"

/* Zeroed instance of the store with the fixed words set. NULL: out of memory. */
rl_instance *rl_instance_alloc(rl_store *s, rl_module *m, rl_code *code);
/* Fills the records of an open module; imports must be linked. */
rl_err rl_instance_records(rl_instance *i);
rl_func *rl_instance_import(const rl_instance *i, u32 func);

/* All that rl_instance_new does after linking, for an instance that was one before: globals, tables, memory, segments. */
rl_err rl_instance_renew(rl_instance *i, rl_func **start, rl_diag *d);
/* The same, but memory 0 is there, of its old size or larger, and holds what a new one does. */
rl_err rl_instance_reuse(rl_instance *i, rl_func **start, rl_diag *d);

/* What segments make of a new memory 0: `bytes` at `at`, zero elsewhere. Shared by all instances. */
typedef struct rl_image {
    u32 at, len;
    const u8 *bytes;
} rl_image;
/* False: it is not the same for every instance, or too large to be kept. */
bool rl_instance_image(rl_instance *i, rl_image *out);
/* Bytes of the bit sets of dropped segments, which lie one after the other from i->dropped_data. */
static inline size_t rl_dropped_bytes(const rl_module *m) { return (m->ndatas + 7u) / 8 + (m->nelems + 7u) / 8; }

/* Is a segment dropped? */
static inline bool rl_bit(const u8 *bits, u32 i) { return bits[i / 8] >> (i % 8) & 1; }
static inline void rl_set_bit(u8 *bits, u32 i) { bits[i / 8] |= (u8)(1u << (i % 8)); }

/* The value of a constant expression in an instance whose imports, records and earlier globals are set. */
u64 rl_init_value(const rl_instance *i, const rl_init *init);
/* memory.init and table.init, bounds included; false: out of bounds, nothing written. The table must be writable. */
bool rl_data_copy(rl_instance *i, rl_memory *mem, u32 segment, u64 to, u64 from, u64 n);
bool rl_elem_copy(rl_instance *i, rl_table *t, u32 segment, u64 to, u64 from, u64 n);

#endif
