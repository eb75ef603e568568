/* lunatic::registry: names of processes, over src/names.c. None of the calls waits: names being spawned are reserved, not
 * locked. Reference: sections 5 and 8.9. */
#include "src/host/guest.h"

static rl_names *names(rl_host *h) { return &rl_proc_of(h)->worker->rt->names; }

void rl_host_registry_put(rl_host *h, i32 ptr, i32 len, i64 node, i64 pid) {
    const char *name = rl_guest_text(h, ptr, len);
    if (name) rl_guest_event(h, RL_EVENT_registry_write);
    if (!name) return;
    rl_rt *rt = rl_proc_of(h)->worker->rt;
    bool here = !node && rl_proc_exists(rt, (u64)pid);
    rl_name_owner o = { .node = (u64)node, .pid = (u64)pid, .most = rl_proc_share(rl_proc_of(h)), .nobody = !here };
    rl_err e = rl_names_put(names(h), name, (u32)len, &o);
    if (e == RL_ERR_LIMIT) rl_exec_fail(&h->exec, "more than %llu bytes of names for process %llu", (unsigned long long)o.most, (unsigned long long)pid);
    else if (e) rl_exec_fail(&h->exec, "%s", rl_err_text(e));
    else if (here && !rl_proc_exists(rt, (u64)pid)) rl_names_forget(names(h), (u64)pid); /* it ended meanwhile */
}

i32 rl_host_registry_get(rl_host *h, i32 ptr, i32 len, i32 node_ptr, i32 pid_ptr) {
    u64 node, pid = 0;
    const char *name = rl_guest_text(h, ptr, len);
    if (!name) return 1;
    rl_guest_event(h, RL_EVENT_registry_read);
    rl_name_state s = rl_names_get(names(h), name, (u32)len, &node, &pid);
    if (!rl_guest_named(h, s, pid)) return 1;
    if (rl_guest_put64(h, node_ptr, node)) rl_guest_put64(h, pid_ptr, pid);
    return 0;
}

void rl_host_registry_remove(rl_host *h, i32 ptr, i32 len) {
    const char *name = rl_guest_text(h, ptr, len);
    if (!name) return;
    rl_guest_event(h, RL_EVENT_registry_deletion);
    rl_names_remove(names(h), name, (u32)len);
}
