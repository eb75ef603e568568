/* What the lunatic host functions share: strings and out-pointers of a guest. */
#ifndef RL_GUEST_H
#define RL_GUEST_H

#include "src/base/utf8.h"
#include "src/host/table.h"
#include "src/sched.h"

#define RL_TIMED_OUT 9027  /* the one "timed out" result */
#define RL_FOREVER UINT64_MAX

/* A guest's UTF-8 string, or NULL after a trap. Dies with the call. */
static inline const char *rl_guest_text(rl_host *h, i32 ptr, i32 len) {
    const char *p = rl_host_range(h, (u32)ptr, (u32)len);
    if (!p) return NULL;
    if (rl_utf8_valid(p, (u32)len)) return p;
    rl_exec_fail(&h->exec, "a string that is not UTF-8");
    return NULL;
}

/* Writes 8 bytes at ptr. False after a trap. */
static inline bool rl_guest_put64(rl_host *h, i32 ptr, u64 v) {
    void *p = rl_host_range(h, (u32)ptr, 8);
    if (p) rl_store64(p, v);
    return p;
}

/* The resource, or NULL after a trap that names the kind. */
static inline void *rl_guest_res(rl_host *h, rl_resource kind, i64 id, const char *what) {
    void *o = rl_proc_res(rl_proc_of(h), kind, (u64)id);
    if (!o) rl_exec_fail(&h->exec, "no %s with id %lld", what, (long long)id);
    return o;
}

/* Whether a name in this state stands for a process, pid. One that is claimed does as soon as its process runs. */
static inline bool rl_guest_named(rl_host *h, rl_name_state s, u64 pid) {
    return s == RL_NAME_TAKEN || (s == RL_NAME_CLAIMED && rl_proc_exists(rl_proc_of(h)->worker->rt, pid));
}

/* ID/ERR(ptr): makes an error of the text, writes its id, returns 1. */
static inline i32 rl_guest_error(rl_host *h, i32 ptr, const char *text) {
    u64 id;
    rl_proc_error(rl_proc_of(h), &id, text);
    rl_guest_put64(h, ptr, id);
    return 1;
}

/* The open message, of kind data; NULL after a trap. */
rl_msg *rl_guest_data_open(rl_host *h);

/* Puts a resource into m. False: it traps, and the object stays the caller's. */
bool rl_guest_carry(rl_host *h, rl_msg *m, const struct rl_carried_type *type, void *object, u64 *index);

/* Releases a process's hold on a SQLite connection, and the statements with it. */
void rl_sqlite_drop(void *connection);

static inline void rl_guest_event(rl_host *h, rl_event e) { rl_proc_of(h)->worker->events[e]++; }

/* Before c, a configuration of the caller's, changes and becomes larger by so many bytes. False: too many, it traps. */
bool rl_guest_enlarge(rl_host *h, rl_conf *c, u64 bytes);

/* When a timeout in milliseconds from now ends. */
i64 rl_guest_deadline(u64 timeout_ms);

#endif
