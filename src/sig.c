/* Signals: what a process does with everything that arrives through its one queue, and what it tells others at its end.
 * Invariant: signals take effect in the order they were sent, messages among them, at the points where a process may be
 * interrupted: between slices, and inside calls that wait. Signals a process sends itself go the same way, so that
 * "link, then send" keeps its order. On the receiving process's worker. Applying one's own signals at once was not
 * taken: a death that arrived before the flag was cleared must still kill. */
#include "src/sched.h"

#include <stdlib.h>

#include "src/base/os.h"

static void save(rl_proc *p, rl_msg *m) {
    p->worker->stats.messages++;
    p->ready |= p->wait_mail != RL_MAIL_NOT;
    rl_mailbox_save(&p->mail, m);
}

/* News of others' ends: nobody is made to wait for the receiver's reading, so it ends here when its mailbox is full. */
static void save_news(rl_proc *p, rl_msg *m) {
    save(p, m);
    if (rl_mailbox_bytes(&p->mail) >= p->worker->rt->config->max_mailbox) p->dying = RL_DYING_FULL;
}

/* Sends the message of somebody who asked back to him, as sig. */
static void tell(rl_proc *p, rl_msg *m, rl_sig sig, rl_end end) {
    u64 to = m->pid;
    m->sig = (u8)sig;
    m->pid = p->id;
    m->flag = (u8)end;
    rl_send(p->worker->rt, to, m);
}

/* Keeps the message that asked for a link or to be told of the end: it is the one that will tell, so that memory for it
 * cannot be missing then. Without memory for the promise p ends, and says so at once. True: m was kept. */
static bool keep_asker(rl_proc *p, rl_map *askers, rl_msg *m, rl_sig answer) {
    void *old = NULL;
    p->worker->events[RL_EVENT_signals]++;
    rl_mailbox_left(&p->mail, m);
    if (!askers || rl_map_put(askers, m->pid, m, &old)) {
        p->dying = RL_DYING_KILLED;
        tell(p, m, answer, RL_END_FAILURE);
    }
    rl_msg_free(old);
    return true;
}

/* In its start function it is, too, whether others know it or not. */
static bool alive_somehow(rl_rt *rt, u64 pid) {
    bool there = rl_pid_hold(&rt->pids, pid);
    rl_pid_release(&rt->pids, pid);
    return there;
}

/* Who asked to be told of p's end and is gone is told nothing; unlike a link's other side, it does not say so when it goes.
 * Looked for whenever there are twice as many as the last look left: a process that lives long is asked by many that do
 * not. */
static void forget_dead(rl_proc *p) {
    rl_map *all = &p->cold->monitors, alive = { 0 };
    RL_MAP_EACH(all, s)
        if (alive_somehow(p->worker->rt, s->key) && rl_map_put(&alive, s->key, s->val, NULL)) {
            rl_map_fini(&alive); /* no memory: another time */
            return;
        }
    RL_MAP_EACH(all, s)
        if (!rl_map_get(&alive, s->key)) rl_msg_free(s->val);
    rl_map_fini(all);
    *all = alive;
    p->cold->forget_at = RL_MAX(2 * alive.count, 64u);
}

static void count_links(const rl_proc *p) {
    rl_tally *t = p->worker->tally;
    if (RL_LIKELY(!t) || !p->cold) return;
    t->links = p->cold->links.count;
    t->links_at = (i64)rl_os_now_ns();
}

static void drop_link(rl_proc *p, u64 pid) {
    if (p->cold) rl_msg_free(rl_map_del(&p->cold->links, pid));
    count_links(p);
}

static bool keep_link(rl_proc *p, rl_msg *m) {
    bool kept = keep_asker(p, rl_proc_cold(p) ? &p->cold->links : NULL, m, RL_SIG_LINK_END);
    count_links(p);
    return kept;
}

/* A linked process ended. True: m lives on as a message. */
static bool link_end(rl_proc *p, rl_msg *m) {
    drop_link(p, m->pid);
    if (m->flag == RL_END_NORMAL) return false;
    if (p->die_with_links) {
        p->dying = RL_DYING_LINK;
        p->cause = m->pid;
        return false;
    }
    m->sig = RL_SIG_LINK_DIED;
    p->worker->events[RL_EVENT_link_died]++;
    save_news(p, m);
    return true;
}

static void alarm_rings(rl_proc *p, rl_msg *m) {
    bool now = m->pid == p->epoch && p->armed, timed = m->flag;
    /* release: pairs with the acquire in rl_proc_alarm; we are through with the alarm before the next is written */
    atomic_store_explicit(&p->alarmed, false, memory_order_release);
    p->ready |= now;
    p->host.wait.timed_out |= now && timed;
}

/* True: m was kept. */
static bool take(rl_proc *p, rl_msg *m) {
    switch ((rl_sig)m->sig) {
    case RL_SIG_DATA: save(p, m); return true;
    case RL_SIG_LINK_DIED: save_news(p, m); return true;
    case RL_SIG_PROCESS_DIED:
        p->worker->events[RL_EVENT_process_died]++;
        save_news(p, m);
        return true;
    case RL_SIG_KILL: p->dying = m->flag ? RL_DYING_FULL : RL_DYING_KILLED; break;
    case RL_SIG_LINK_END: return link_end(p, m);
    case RL_SIG_LINK: return keep_link(p, m);
    case RL_SIG_UNLINK: drop_link(p, m->pid); break;
    case RL_SIG_MONITOR:
        if (p->cold && p->cold->monitors.count > p->cold->forget_at) forget_dead(p);
        return keep_asker(p, rl_proc_cold(p) ? &p->cold->monitors : NULL, m, RL_SIG_PROCESS_DIED);
    case RL_SIG_UNMONITOR:
        if (p->cold) rl_msg_free(rl_map_del(&p->cold->monitors, m->pid));
        break;
    case RL_SIG_FLAG: p->die_with_links = m->flag; break;
    case RL_SIG_STARTED:
    case RL_SIG_JOB_DONE: p->ready = true; return false; /* these are no signals to the guest, and not counted */
    case RL_SIG_ALARM: alarm_rings(p, m); return false;
    case RL_SIG_TIMER_SENT: {
        rl_delayed *d = rl_proc_del(p, RL_RES_TIMER, m->pid);
        if (!d) return false;
        rl_proc_let_go(p, d->bytes);
        rl_delayed_drop(d);
        return false;
    }
    case RL_SIG_COUNT: break;
    }
    p->worker->events[RL_EVENT_signals]++;
    return false;
}

/* Whoever wants to know of the end of a process that is about to end is told, whether that came in time or not. */
static bool still_counts(const rl_msg *m) {
    return m->sig == RL_SIG_LINK || m->sig == RL_SIG_UNLINK || m->sig == RL_SIG_MONITOR || m->sig == RL_SIG_UNMONITOR ||
           m->sig == RL_SIG_ALARM;
}

static void take_all(rl_proc *p, bool last) {
    rl_msg *m = rl_mailbox_arrivals(&p->mail);
    while (m) {
        rl_msg *next = m->next;
        if (((last || p->dying) && !still_counts(m)) || !take(p, m)) {
            rl_mailbox_left(&p->mail, m);
            rl_msg_free(m);
        }
        m = next;
    }
}

void rl_sig_take(rl_proc *p) { take_all(p, false); }
void rl_sig_last(rl_proc *p) {
    if (rl_mailbox_arrived(&p->mail)) take_all(p, true);
}

static void tell_all(rl_proc *p, rl_map *askers, rl_sig sig, rl_end end) {
    RL_MAP_EACH(askers, s) tell(p, s->val, sig, end);
    rl_map_fini(askers);
}

void rl_sig_ended(rl_proc *p, rl_end end) {
    if (!p->cold) return;
    tell_all(p, &p->cold->links, RL_SIG_LINK_END, end);
    tell_all(p, &p->cold->monitors, RL_SIG_PROCESS_DIED, end);
}

/* The receiver has much to read: the sender's slice ends, so that the receiver has its turn and the messages are still in
 * the cache then. When its mailbox is at least half full, and it may be on another worker, the sender sleeps for a moment
 * besides. And when m is one too many, it becomes the signal that ends the receiver: whoever lets messages pile up would
 * take the memory of all. */
static __attribute__((noinline)) void crowded(rl_worker *w, const rl_proc *p, rl_msg *m) {
    rl_exec *x = w->current ? &w->current->host.exec : NULL;
    u64 bytes = rl_mailbox_bytes(&p->mail), most = w->rt->config->max_mailbox;
    if (p == w->current && bytes < most / 2) return;
    if (x && x->fuel > 0) rl_exec_tax(x, (u64)x->fuel << 4);
    if (x && !rl_alone() && bytes >= most / 2) w->current->throttled = true;
    if (bytes < most) return;
    rl_msg_clear(m);
    m->sig = RL_SIG_KILL;
    m->flag = true;
}

/* m is about to reach p, of whose mailbox others only know about how full it is. */
static RL_RACY void count_sent(rl_tally *t, const rl_proc *p, const rl_msg *m) {
    if (m->sig == RL_SIG_STARTED || m->sig == RL_SIG_JOB_DONE || m->sig == RL_SIG_ALARM || m->sig == RL_SIG_TIMER_SENT) return;
    t->signals++;
    if (m->sig != RL_SIG_DATA) return;
    rl_dist_add(&t->bytes, m->size);
    rl_dist_add(&t->resources, m->ncarried);
    t->mailbox = p->mail.count + 1;
    t->mailbox_at = (i64)rl_os_now_ns();
}

static inline void check_room(rl_worker *w, const rl_proc *p, rl_msg *m) {
    if (RL_UNLIKELY(w->tally != NULL)) count_sent(w->tally, p, m);
    if (RL_UNLIKELY(rl_mailbox_bytes(&p->mail) >= w->rt->crowd) && m->sig == RL_SIG_DATA) crowded(w, p, m);
}

/* p, which was parked in a receive that takes anything, has received m: its call is not repeated. */
static inline void end_receive(rl_worker *w, rl_proc *p, rl_msg *m) {
    w->stats.messages++;
    if (p->open) rl_msg_free(p->open);
    p->open = m;
    p->wait_mail = RL_MAIL_NOT;
    p->host.wait.retry = false; /* the only note; there is no cursor */
    p->ready = true;
    rl_exec_finish(&p->host.exec, RL_SIG_DATA);
    rl_sched_next(p);
}

/* The only thread does what the receiver would do with data itself; a receiver that waits for something else is not even
 * woken. False: it is not to be done like that. */
static inline __attribute__((always_inline)) bool save_alone(rl_worker *w, rl_proc *p, rl_msg *m) {
    if (RL_LIKELY(p->wait_mail == RL_MAIL_ANY && m->sig == RL_SIG_DATA && !w->tally) && rl_mailbox_unpark_alone(&p->mail)) {
        end_receive(w, p, m);
        return true;
    }
    check_room(w, p, m);
    if (RL_UNLIKELY(m->sig != RL_SIG_DATA || !rl_mailbox_save_alone(&p->mail, m))) return false;
    w->stats.messages++;
    if (!p->wait_mail) return true;
    p->ready = true;
    if (rl_mailbox_unpark_alone(&p->mail)) rl_sched_next(p);
    return true;
}

/* With other threads about: p stays while its id is held. */
static __attribute__((noinline)) bool send_shared(rl_rt *rt, u64 pid, rl_msg *m) {
    rl_proc *p = rl_pid_hold(&rt->pids, pid);
    bool there = p && p->known;
    if (there) check_room(rl_worker_self, p, m);
    bool woken = there && rl_mailbox_push(&p->mail, m);
    rl_pid_release(&rt->pids, pid);
    if (woken) rl_sched_next(p); /* it was parked, so it is ours and does not end */
    if (!there) rl_msg_free(m);
    return there;
}

/* To nobody, or not simply data. */
static __attribute__((noinline)) bool send_other(rl_proc *p, rl_msg *m) {
    if (p && p->known) {
        if (rl_mailbox_push(&p->mail, m)) rl_sched_next(p);
        return true;
    }
    rl_msg_free(m);
    return false;
}

bool rl_send(rl_rt *rt, u64 pid, rl_msg *m) {
    if (RL_UNLIKELY(!m)) return false;
    if (RL_UNLIKELY(!rl_alone())) return send_shared(rt, pid, m);
    rl_proc *p = rl_map_get(&rl_pid_shard(&rt->pids, pid)->map, pid / RL_PID_SHARDS);
    if (RL_UNLIKELY(!p || !p->known || !save_alone(rl_worker_self, p, m))) return send_other(p, m);
    return true;
}

static __attribute__((noinline)) void send_anew(rl_proc *p, u64 pid, rl_msg *m) {
    rl_rt *rt = p->worker->rt;
    if (rl_alone()) {
        rl_proc *to = rl_map_get(&rl_pid_shard(&rt->pids, pid)->map, pid / RL_PID_SHARDS);
        p->peer = to ? to : p;
    }
    rl_send(rt, pid, m);
}

/* Records stay where they are when their processes end, so that a look at a peer that is gone finds another or none. */
void rl_send_by(rl_proc *p, u64 pid, rl_msg *m) {
    rl_proc *to = p->peer;
    if (RL_UNLIKELY(!rl_alone() || to->id != pid || !to->known || !save_alone(p->worker, to, m))) send_anew(p, pid, m);
}

bool rl_proc_exists(rl_rt *rt, u64 pid) {
    rl_proc *p = rl_pid_hold(&rt->pids, pid);
    bool there = p && p->known;
    rl_pid_release(&rt->pids, pid);
    return there;
}

void rl_send_to(rl_proc *p, rl_msg *m) {
    if (!m) return;
    if (rl_alone()) {
        if (save_alone(rl_worker_self, p, m)) return;
    } else if (RL_UNLIKELY(rl_worker_self->tally != NULL)) {
        count_sent(rl_worker_self->tally, p, m);
    }
    if (rl_mailbox_push(&p->mail, m)) rl_sched_next(p);
}
