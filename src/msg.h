/* Messages: what one process sends another, and the signals that travel with them. */
#ifndef RL_MSG_H
#define RL_MSG_H

#include "src/base/err.h"

typedef enum rl_sig {
#define SIG(name, text) RL_SIG_##name,
#include "src/sig.def"
#undef SIG
    RL_SIG_COUNT
} rl_sig;

/* Why a process ended, as links hear it. */
typedef enum rl_end { RL_END_NORMAL, RL_END_FAILURE, RL_END_NOPROCESS } rl_end;

/* Something a message carries besides bytes. */
typedef struct rl_carried {
    const struct rl_carried_type *type; /* NULL: taken out */
    void *object;
} rl_carried;

struct rl_carried_type {
    const char *name;
    void (*drop)(void *object);
};

#define RL_MSG_MAX (1ull << 31) /* most bytes of data in one message */

/* One owner at a time: the process that writes it, then the mailbox, then the receiver. A header of 56 bytes with room
 * for data behind it, 8 bytes or more by its class, so that a small message is one cache line. */
typedef struct rl_msg {
    struct rl_msg *next;
    i64 tag;             /* 0: none */
    union {
        u64 pid;         /* the process a signal tells of */
        u64 at;          /* DATA: read position; may lie anywhere */
    };
    u8 *data;            /* the room behind the header, or malloc'ed */
    u32 size, capacity;
    rl_carried *carried;
    u32 ncarried;
    u8 sig;              /* rl_sig */
    u8 flag;             /* LINK_END: rl_end; FLAG: the flag; STARTED: failed */
    u8 class;            /* 64 << class bytes altogether */
    bool more;           /* freeing it is more than putting the block away: data elsewhere, things carried, an alarm */
} rl_msg;

/* With little or no room for data. NULL when memory is out. */
rl_msg *rl_msg_new(rl_sig sig, i64 tag, u64 pid);
/* A DATA message with room for `capacity` bytes, which is a hint (0: unknown), or NULL. */
rl_msg *rl_msg_new_data(i64 tag, u64 capacity);
/* Releases what it carries too. NULL is fine; an alarm stays, as it is part of its process. */
void rl_msg_free(rl_msg *m);
/* Releases data and resources; the message stays, empty. */
void rl_msg_clear(rl_msg *m);
/* Makes m, which the caller owns, an empty DATA message with room for `capacity` bytes, if that takes no more than writing to
 * it. */
static inline bool rl_msg_renew(rl_msg *m, i64 tag, u64 capacity) {
    if (m->class || m->more || capacity - 1 >= 64 - sizeof *m) return false;
    m->tag = tag;
    m->at = 0;
    m->size = 0;
    m->sig = RL_SIG_DATA;
    m->flag = 0;
    return true;
}
/* Gives what this thread keeps for reuse to the others. */
void rl_msg_thread_fini(void);
/* memcpy, with the sizes small messages have in line. */
static inline void rl_msg_copy(void *to, const void *from, u64 n) {
    if (n - 8 <= 8) { /* 8 to 16: two words that may overlap */
        u64 first = rl_load64(from), last = rl_load64((const u8 *)from + n - 8);
        rl_store64(to, first);
        rl_store64((u8 *)to + n - 8, last);
    } else {
        memcpy(to, from, n);
    }
}
/* Bytes it occupies, as mailboxes count them; what it carries is limited elsewhere. */
static inline u64 rl_msg_weight(const rl_msg *m) {
    return sizeof *m + m->capacity;
}

rl_err rl_msg_append_more(rl_msg *m, const void *bytes, u64 n);
static inline rl_err rl_msg_append(rl_msg *m, const void *bytes, u64 n) {
    if (RL_UNLIKELY(n > m->capacity - m->size)) return rl_msg_append_more(m, bytes, n);
    rl_msg_copy(m->data + m->size, bytes, n);
    m->size += (u32)n;
    return RL_OK;
}
/* Takes over object; *index is its place. On failure the object stays the caller's. */
rl_err rl_msg_push(rl_msg *m, const struct rl_carried_type *type, void *object, u64 *index);
/* The object at index, now the caller's; NULL when it is not there or of another type. */
void *rl_msg_take(rl_msg *m, u64 index, const struct rl_carried_type *type);

#endif
