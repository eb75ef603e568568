/* The registry. Invariant: every entry hangs in exactly one hash chain and in one list: that of its process when this is on
 * this node (or has reserved it), else that of nobody; a process that ends takes its list along, so a name never outlives
 * its process. Any thread, under the lock, which is held for a few instructions and never across a wait: a name being
 * spawned is reserved instead. A lock-free table was not taken: names are looked up once and then used as ids. */
#include "src/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "src/base/utf8.h"

void rl_names_init(rl_names *n) {
    memset(n, 0, sizeof *n);
    pthread_mutex_init(&n->lock, NULL);
}

void rl_names_fini(rl_names *n) {
    RL_MAP_EACH(&n->by_hash, s)
        for (rl_named *e = s->val, *next; e; e = next) {
            next = e->next;
            free(e);
        }
    RL_MAP_EACH(&n->by_pid, s) free(s->val);
    rl_map_fini(&n->by_hash);
    rl_map_fini(&n->by_pid);
    pthread_mutex_destroy(&n->lock);
}

static rl_named *find(rl_names *n, u64 hash, const void *name, u32 len) {
    rl_named *e = rl_map_get(&n->by_hash, hash);
    while (e && (e->len != len || memcmp(e->text, name, len))) e = e->next;
    return e;
}

typedef struct head { /* value of by_pid: a process's names */
    rl_named *first;
    u64 bytes;
} head;

static u64 bytes_of(const rl_named *e) { return sizeof *e + e->len + 2 * sizeof(rl_map_slot); }

static void of_unlink(rl_named *e) {
    if (!e->of_at) return;
    e->of->bytes -= bytes_of(e);
    *e->of_at = e->of_next;
    if (e->of_next) e->of_next->of_at = e->of_at;
    e->of_at = NULL;
    e->of_next = NULL;
}

/* The list of a process's names; NULL: out of memory. */
static head *head_of(rl_names *n, u64 pid) {
    head *h = rl_map_get(&n->by_pid, pid);
    if (h || !(h = calloc(1, sizeof *h))) return h;
    if (!rl_map_put(&n->by_pid, pid, h, NULL)) {
        atomic_store_explicit(&n->owners, n->by_pid.count, memory_order_relaxed);
        return h;
    }
    free(h);
    return NULL;
}

static void of_link(head *h, rl_named *e) {
    e->of_next = h->first;
    e->of_at = &h->first;
    e->of = h;
    h->bytes += bytes_of(e);
    if (e->of_next) e->of_next->of_at = &e->of_next;
    h->first = e;
}

static void drop(rl_names *n, rl_named *e) {
    rl_named *first = rl_map_get(&n->by_hash, e->hash);
    if (first == e) {
        if (e->next) (void)rl_map_put(&n->by_hash, e->hash, e->next, NULL); /* overwrites: cannot fail */
        else rl_map_del(&n->by_hash, e->hash);
    } else {
        while (first->next != e) first = first->next;
        first->next = e->next;
    }
    of_unlink(e);
    free(e);
}

/* Whether a name of so many bytes may be added; e: it is there, or NULL. */
static bool room(const head *h, const rl_named *e, u32 len, u64 most) {
    u64 bytes = sizeof *e + len + 2 * sizeof(rl_map_slot);
    return (e && e->of == h && e->of_at) || (h->bytes < most && bytes <= most - h->bytes);
}

static rl_err set(rl_names *n, const void *name, u32 len, const rl_name_owner *o, u8 reserved) {
    u64 hash = rl_hash_bytes(name, len);
    rl_named *e = find(n, hash, name, len);
    head *h = head_of(n, o->node || o->nobody ? 0 : o->pid); /* first: a failure changes nothing */
    if (!h) return RL_ERR_NOMEM;
    if (!room(h, e, len, o->most)) return RL_ERR_LIMIT;
    if (!e) {
        if (!(e = calloc(1, sizeof *e + len))) return RL_ERR_NOMEM;
        e->hash = hash;
        e->len = len;
        memcpy(e->text, name, len);
        void *old;
        if (rl_map_put(&n->by_hash, hash, e, &old)) {
            free(e);
            return RL_ERR_NOMEM;
        }
        e->next = old;
    }
    of_unlink(e);
    e->node = o->node;
    e->pid = o->pid;
    e->reserved = reserved;
    of_link(h, e);
    return RL_OK;
}

rl_err rl_names_put(rl_names *n, const void *name, u32 len, const rl_name_owner *o) {
    pthread_mutex_lock(&n->lock);
    rl_err e = set(n, name, len, o, 0);
    pthread_mutex_unlock(&n->lock);
    return e;
}

static rl_name_state look(rl_names *n, const void *name, u32 len, u64 *node, u64 *pid) {
    rl_named *e = find(n, rl_hash_bytes(name, len), name, len);
    if (!e) return RL_NAME_NONE;
    *node = e->node;
    *pid = e->pid;
    return e->reserved ? e->reserved : RL_NAME_TAKEN;
}

rl_name_state rl_names_get(rl_names *n, const void *name, u32 len, u64 *node, u64 *pid) {
    pthread_mutex_lock(&n->lock);
    rl_name_state s = look(n, name, len, node, pid);
    pthread_mutex_unlock(&n->lock);
    return s;
}

void rl_names_remove(rl_names *n, const void *name, u32 len) {
    pthread_mutex_lock(&n->lock);
    rl_named *e = find(n, rl_hash_bytes(name, len), name, len);
    if (e && !e->reserved) drop(n, e);
    pthread_mutex_unlock(&n->lock);
}

rl_name_state rl_names_reserve(rl_names *n, const void *name, u32 len, u64 pid, u64 most, u64 *node, u64 *owner) {
    pthread_mutex_lock(&n->lock);
    rl_name_state s = look(n, name, len, node, owner);
    rl_err e = s == RL_NAME_NONE ? set(n, name, len, &(rl_name_owner){ .pid = pid, .most = most }, RL_NAME_RESERVED) : RL_OK;
    if (e) s = e == RL_ERR_LIMIT ? RL_NAME_FULL : RL_NAME_NOMEM;
    pthread_mutex_unlock(&n->lock);
    return s;
}

rl_err rl_names_claim(rl_names *n, const void *name, u32 len, u64 pid) {
    pthread_mutex_lock(&n->lock);
    rl_err e = set(n, name, len, &(rl_name_owner){ .pid = pid, .most = UINT64_MAX }, RL_NAME_CLAIMED);
    pthread_mutex_unlock(&n->lock);
    return e;
}

void rl_names_unreserve(rl_names *n, const void *name, u32 len, u64 pid) {
    pthread_mutex_lock(&n->lock);
    rl_named *e = find(n, rl_hash_bytes(name, len), name, len);
    if (e && e->reserved && e->pid == pid) drop(n, e);
    pthread_mutex_unlock(&n->lock);
}

void rl_names_forget(rl_names *n, u64 pid) {
    /* relaxed: whoever named the process before its end did so before this thread knew of the end */
    if (!atomic_load_explicit(&n->owners, memory_order_relaxed)) return;
    pthread_mutex_lock(&n->lock);
    head *h = rl_map_del(&n->by_pid, pid);
    atomic_store_explicit(&n->owners, n->by_pid.count, memory_order_relaxed);
    while (h && h->first) drop(n, h->first);
    free(h);
    pthread_mutex_unlock(&n->lock);
}

static const u8 *after_third_slash(const rl_named *e, u32 *len) {
    const u8 *p = e->text, *end = e->text + e->len;
    for (u32 slashes = 0; slashes < 3; slashes++) {
        const u8 *s = memchr(p, '/', (size_t)(end - p));
        if (!s) break;
        p = s + 1;
    }
    *len = (u32)(end - p);
    return p;
}

bool rl_names_text(rl_names *n, u64 pid, char *buf, size_t size) {
    size_t at = 0;
    pthread_mutex_lock(&n->lock);
    head *h = rl_map_get(&n->by_pid, pid);
    for (rl_named *e = h ? h->first : NULL; e && at < size; e = e->of_next) {
        u32 len;
        const u8 *p = after_third_slash(e, &len);
        if (!e->reserved) at += (size_t)snprintf(buf + at, size - at, "%s'%.*s'", at ? " / " : "", (int)len, p);
    }
    pthread_mutex_unlock(&n->lock);
    if (at) rl_utf8_printable(buf); /* guests chose it */
    return at;
}

u32 rl_names_count(rl_names *n) {
    pthread_mutex_lock(&n->lock);
    u32 count = n->by_hash.count; /* names whose hashes are the same count once */
    pthread_mutex_unlock(&n->lock);
    return count;
}
