/* Message storage: a header of two cache lines with room for small data, a malloc'ed buffer beyond. Headers come from
 * a list the thread keeps; a message freed on another thread joins that thread's list. Invariant: data points to the
 * message's own room, or to memory that only it owns. One owner at a time, so nothing here is locked. A buffer shared
 * by reference count was not taken yet: large payloads are copied once, at write_data. */
#include "src/msg.h"

#include <stdlib.h>

#define KEEP 1024 /* headers a thread keeps; more go back to malloc */

static _Thread_local struct {
    rl_msg *list;
    u32 count;
} spare;

rl_msg *rl_msg_new(rl_sig sig, i64 tag, u64 pid) {
    rl_msg *m = spare.list;
    if (RL_LIKELY(m != NULL)) {
        spare.list = m->next;
        spare.count--;
    } else if (!(m = malloc(sizeof *m))) {
        return NULL;
    }
    memset(m, 0, offsetof(rl_msg, small));
    m->sig = (u8)sig;
    m->tag = tag;
    m->pid = pid;
    m->data = m->small;
    m->capacity = sizeof m->small;
    return m;
}

void rl_msg_free(rl_msg *m) {
    if (!m || m->sig == RL_SIG_ALARM) return;
    if (m->data != m->small) free(m->data);
    for (u32 i = 0; i < m->ncarried; i++)
        if (m->carried[i].type) m->carried[i].type->drop(m->carried[i].object);
    free(m->carried);
    if (spare.count >= KEEP) {
        free(m);
        return;
    }
    m->next = spare.list;
    spare.list = m;
    spare.count++;
}

void rl_msg_thread_fini(void) {
    while (spare.list) {
        rl_msg *m = spare.list;
        spare.list = m->next;
        free(m);
    }
    spare.count = 0;
}

static rl_err resize(rl_msg *m, u64 capacity) {
    bool small = m->data == m->small;
    u8 *data = realloc(small ? NULL : m->data, capacity);
    if (!data) return RL_ERR_NOMEM;
    if (small) memcpy(data, m->small, m->size);
    m->data = data;
    m->capacity = capacity;
    return RL_OK;
}

void rl_msg_reserve(rl_msg *m, u64 capacity) {
    if (capacity > m->capacity) (void)resize(m, RL_MIN(capacity, 1u << 20));
}

rl_err rl_msg_append(rl_msg *m, const void *bytes, u64 n) {
    if (n > RL_MSG_MAX - m->size) return RL_ERR_LIMIT;
    if (n > m->capacity - m->size) RL_TRY(resize(m, RL_MAX(m->size + n, m->capacity + m->capacity / 2)));
    memcpy(m->data + m->size, bytes, n);
    m->size += n;
    return RL_OK;
}

rl_err rl_msg_push(rl_msg *m, const struct rl_carried_type *type, void *object, u64 *index) {
    if (!(m->ncarried & (m->ncarried - 1))) { /* full at every power of two */
        u32 room = m->ncarried ? m->ncarried * 2 : 1;
        rl_carried *c = realloc(m->carried, room * sizeof *c);
        if (!c) return RL_ERR_NOMEM;
        m->carried = c;
    }
    *index = m->ncarried;
    m->carried[m->ncarried++] = (rl_carried){ type, object };
    return RL_OK;
}

void *rl_msg_take(rl_msg *m, u64 index, const struct rl_carried_type *type) {
    if (index >= m->ncarried || m->carried[index].type != type) return NULL;
    m->carried[index].type = NULL;
    return m->carried[index].object;
}
