/* lunatic::timer: messages sent later. Invariant: a delayed message is in the worker's wheel until it is sent or
 * cancelled; its starter's timer table knows it as long as both live, and the wheel outlives the starter. Reference:
 * section 8.4. */
#include <stdlib.h>

#include "src/host/guest.h"

i64 rl_host_timer_send_after(rl_host *h, i64 pid, i64 delay) {
    rl_proc *p = rl_proc_of(h);
    rl_worker *w = p->worker;
    if (!p->open) {
        rl_exec_fail(&h->exec, "no message is open");
        return 0;
    }
    rl_delayed *d = calloc(1, sizeof *d);
    u64 bytes = sizeof *d + rl_msg_weight(p->open);
    if (!d) rl_exec_fail(&h->exec, "out of memory");
    bool held = d && rl_proc_hold(p, bytes);
    if (!held || rl_proc_add(p, RL_RES_TIMER, d, &d->id)) {
        if (held) rl_proc_let_go(p, bytes);
        free(d);
        return 0;
    }
    d->bytes = bytes;
    d->timer.kind = RL_DUE_SEND;
    d->msg = p->open;
    p->open = NULL;
    d->owner = p->id;
    d->target = rl_proc_exists(w->rt, (u64)pid) ? (u64)pid : 0;
    d->at = w;
    i64 at = rl_guest_deadline((u64)delay);
    rl_worker_lock(w);
    rl_wheel_arm(&w->wheel, &d->timer, rl_sched_deadline(w, RL_MIN(at, INT64_MAX - 1))); /* never, but in the wheel, so that it is freed */
    rl_worker_unlock(w);
    rl_guest_event(h, RL_EVENT_timers_started);
    return (i64)d->id;
}

i32 rl_host_timer_cancel_timer(rl_host *h, i64 id) {
    rl_proc *p = rl_proc_of(h);
    rl_delayed *d = rl_proc_del(p, RL_RES_TIMER, (u64)id);
    if (d) rl_proc_let_go(p, d->bytes);
    bool cancelled = d && rl_delayed_drop(d);
    if (cancelled) rl_guest_event(h, RL_EVENT_timers_canceled);
    return cancelled;
}
