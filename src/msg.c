/* Message storage: blocks of 64 bytes to 1 KiB that hold header and data, and a malloc'ed buffer for what grows larger.
 * Blocks come from lists the thread keeps; of each class it has at most two batches, further batches go through a depot
 * that all threads share, so that a thread which only sends lives on what the one that only receives frees. Invariants:
 * data points to the message's own room, or to memory that only it owns; a free block is an empty message but for tag,
 * size and the like, which every new one sets; a block is never given back to the system, so a late look at a message
 * that is gone reads a message. One owner at a time: only the depot is locked. A buffer shared by reference count was not
 * taken yet: large payloads are copied once, at write_data. */
#include "src/msg.h"

#include <stdlib.h>

#include "src/lock.h"

#define CLASSES 5u          /* 64, 128, 256, 512, 1024 bytes */
#define BATCH_BYTES 16384u
#define UNKNOWN 1u          /* class of a message whose size nobody told */

static u32 batch_of(u32 class) { return BATCH_BYTES / 64 >> class; }

static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
    rl_msg *now; /* n blocks */
    u32 n;
    rl_msg *full; /* a whole batch, or NULL */
} spare[CLASSES];

/* Batches, linked by their first block's `data`, its `size` the number of blocks; and every piece of memory blocks were cut from, for those who look for
 * leaks: it stays for the life of the program. */
static struct {
    rl_lock lock;
    rl_msg *batches[CLASSES];
    struct piece { struct piece *next; } *pieces;
} depot;

static void depot_put(u32 class, rl_msg *batch, u32 n) {
    batch->size = n;
    rl_lock_take(&depot.lock);
    batch->data = (u8 *)depot.batches[class];
    depot.batches[class] = batch;
    rl_lock_drop(&depot.lock);
}

static rl_msg *depot_get(u32 class) {
    rl_lock_take(&depot.lock);
    rl_msg *batch = depot.batches[class];
    if (batch) depot.batches[class] = (rl_msg *)batch->data;
    rl_lock_drop(&depot.lock);
    if (batch) batch->data = (u8 *)(batch + 1);
    return batch;
}

/* A batch of new blocks. The cache line before them holds the piece's link. */
static rl_msg *cut(u32 class) {
    struct piece *k = aligned_alloc(64, 64 + BATCH_BYTES);
    rl_msg *list = NULL;
    if (!k) return NULL;
    for (u32 i = batch_of(class); i-- > 0;) {
        rl_msg *m = (rl_msg *)((u8 *)k + 64 + ((size_t)i * 64 << class));
        *m = (rl_msg){ .next = list, .data = (u8 *)(m + 1), .capacity = (64u << class) - (u32)sizeof *m, .class = (u8)class };
        list = m;
    }
    rl_lock_take(&depot.lock);
    k->next = depot.pieces;
    depot.pieces = k;
    rl_lock_drop(&depot.lock);
    return list;
}

/* Blocks where the thread has none at hand. False: memory is out. */
static __attribute__((noinline)) bool refill(u32 class) {
    rl_msg *batch = spare[class].full;
    spare[class].full = NULL;
    spare[class].n = batch_of(class);
    if (!batch && (batch = depot_get(class))) spare[class].n = batch->size;
    if (!batch && !(batch = cut(class))) spare[class].n = 0;
    spare[class].now = batch;
    return batch;
}

static inline rl_msg *block(u32 class) {
    rl_msg *m = spare[class].now;
    if (RL_UNLIKELY(!m)) {
        if (!refill(class)) return NULL;
        m = spare[class].now;
    }
    spare[class].now = m->next;
    spare[class].n--;
    return m;
}

static inline rl_msg *make(u32 class, rl_sig sig, i64 tag, u64 pid) {
    rl_msg *m = block(class);
    if (RL_UNLIKELY(!m)) return NULL;
    m->tag = tag;
    m->pid = pid;
    m->size = 0;
    m->sig = (u8)sig;
    m->flag = 0;
    return m;
}

rl_msg *rl_msg_new(rl_sig sig, i64 tag, u64 pid) { return make(0, sig, tag, pid); }

static rl_err resize(rl_msg *m, u64 capacity) {
    bool inside = m->data == (u8 *)(m + 1);
    capacity = RL_MIN(capacity, RL_MSG_MAX);
    u8 *data = realloc(inside ? NULL : m->data, capacity);
    if (!data) return RL_ERR_NOMEM;
    if (inside) memcpy(data, m->data, m->size);
    m->data = data;
    m->capacity = (u32)capacity;
    m->more = true;
    return RL_OK;
}

rl_msg *rl_msg_new_data(i64 tag, u64 capacity) {
    if (RL_LIKELY(capacity - 1 < 8)) return make(0, RL_SIG_DATA, tag, 0);
    u32 class = UNKNOWN; /* for 0 too */
    while (class < CLASSES && (64u << class) - sizeof(rl_msg) < capacity) class++;
    if (RL_LIKELY(class < CLASSES)) return make(class, RL_SIG_DATA, tag, 0);
    rl_msg *m = make(0, RL_SIG_DATA, tag, 0);
    if (m) (void)resize(m, RL_MIN(capacity, 1u << 20)); /* a hint: it matters only when it is used */
    return m;
}

void rl_msg_clear(rl_msg *m) {
    if (m->data != (u8 *)(m + 1)) free(m->data);
    for (u32 i = 0; i < m->ncarried; i++)
        if (m->carried[i].type) m->carried[i].type->drop(m->carried[i].object);
    free(m->carried);
    m->data = (u8 *)(m + 1);
    m->capacity = (64u << m->class) - (u32)sizeof *m;
    m->size = m->ncarried = 0;
    m->carried = NULL;
    m->more = false;
}

/* A batch is full: it becomes the one in reserve, and that one goes to the depot. */
static __attribute__((noinline)) void put_away(u32 class) {
    if (spare[class].full) depot_put(class, spare[class].full, batch_of(class));
    spare[class].full = spare[class].now;
    spare[class].now = NULL;
    spare[class].n = 0;
}

static inline void put(rl_msg *m, u32 class) {
    m->next = spare[class].now;
    spare[class].now = m;
    if (RL_UNLIKELY(++spare[class].n == batch_of(class))) put_away(class);
}

static __attribute__((noinline)) void free_more(rl_msg *m) {
    if (m->sig == RL_SIG_ALARM) return;
    if (m->more) rl_msg_clear(m);
    put(m, m->class);
}

void rl_msg_free(rl_msg *m) {
    if (RL_UNLIKELY(!m)) return;
    if (RL_UNLIKELY(m->class || m->more)) free_more(m);
    else put(m, 0);
}

void rl_msg_thread_fini(void) {
    for (u32 c = 0; c < CLASSES; c++) {
        if (spare[c].full) depot_put(c, spare[c].full, batch_of(c));
        if (spare[c].now) depot_put(c, spare[c].now, spare[c].n);
        spare[c].full = spare[c].now = NULL;
        spare[c].n = 0;
    }
}

rl_err rl_msg_append_more(rl_msg *m, const void *bytes, u64 n) {
    if (n > RL_MSG_MAX - m->size) return RL_ERR_LIMIT;
    if (n > m->capacity - m->size) RL_TRY(resize(m, RL_MAX(m->size + n, m->capacity + (u64)m->capacity / 2)));
    memcpy(m->data + m->size, bytes, n);
    m->size += (u32)n;
    return RL_OK;
}

rl_err rl_msg_push(rl_msg *m, const struct rl_carried_type *type, void *object, u64 *index) {
    if (!(m->ncarried & (m->ncarried - 1))) { /* full at every power of two */
        u32 room = m->ncarried ? m->ncarried * 2 : 1;
        rl_carried *c = realloc(m->carried, room * sizeof *c);
        if (!c) return RL_ERR_NOMEM;
        m->carried = c;
        m->more = true;
        /* mailboxes weigh the room for data: it becomes larger by as much, so that they need not look at this */
        if (room > 1) RL_TRY(resize(m, m->capacity + (u64)room / 2 * sizeof *c));
    }
    m->more = true;
    *index = m->ncarried;
    m->carried[m->ncarried++] = (rl_carried){ type, object };
    return RL_OK;
}

void *rl_msg_take(rl_msg *m, u64 index, const struct rl_carried_type *type) {
    if (index >= m->ncarried || m->carried[index].type != type) return NULL;
    m->carried[index].type = NULL;
    return m->carried[index].object;
}
