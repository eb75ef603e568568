/* lunatic::message: the process's one message slot, sending and receiving. Invariant: a message is in exactly one of the
 * slot, a mailbox, a timer; a receive that parks leaves nothing behind but where its search stopped. Owned by the calling
 * process. Reference: sections 4 and 8.2. */
#include "src/base/os.h"
#include "src/host/guest.h"

i64 rl_guest_deadline(u64 timeout_ms) { return timeout_ms == RL_FOREVER ? INT64_MAX : rl_after_ms(rl_sched_now(), timeout_ms); }

/* ---- the slot ---- */

static void put_open(rl_proc *p, rl_msg *m) {
    if (p->open) rl_msg_free(p->open);
    p->open = m;
}

/* The open message, of any kind; NULL after a trap. */
static rl_msg *any_open(rl_host *h) {
    rl_msg *m = rl_proc_of(h)->open;
    if (!m) rl_exec_fail(&h->exec, "no message is open");
    return m;
}

rl_msg *rl_guest_data_open(rl_host *h) {
    rl_msg *m = any_open(h);
    if (!m || m->sig == RL_SIG_DATA) return m;
    rl_exec_fail(&h->exec, "the open message holds no data");
    return NULL;
}

void rl_host_message_create_data(rl_host *h, i64 tag, i64 capacity) {
    rl_proc *p = rl_proc_of(h);
    if (p->open && rl_msg_renew(p->open, tag, (u64)capacity)) return;
    rl_msg *m = rl_msg_new_data(tag, (u64)capacity);
    if (RL_LIKELY(m)) put_open(p, m);
    else rl_exec_fail(&h->exec, "out of memory");
}

/* A write or read that traps loses the message. */
static i32 lose(rl_host *h) {
    put_open(rl_proc_of(h), NULL);
    return 0;
}

static __attribute__((noinline)) i32 write_any(rl_host *h, i32 ptr, i32 len) {
    const void *bytes = rl_host_range(h, (u32)ptr, (u32)len);
    rl_msg *m = bytes ? rl_guest_data_open(h) : NULL;
    if (!m) return lose(h);
    u64 most = RL_MIN(rl_proc_share(rl_proc_of(h)), RL_MSG_MAX);
    rl_err e = m->size + (u64)(u32)len > most ? RL_ERR_LIMIT : rl_msg_append(m, bytes, (u32)len);
    if (!e) return len;
    if (e == RL_ERR_LIMIT) rl_exec_fail(&h->exec, "a message of more than %llu bytes", (unsigned long long)most);
    else rl_exec_fail(&h->exec, "out of memory");
    return lose(h);
}

/* Eight to 16 bytes go without a frame; whatever else there is has its own functions. */
i32 rl_host_message_write_data(rl_host *h, i32 ptr, i32 len) {
    const void *bytes = rl_host_inside(h, (u32)ptr, (u32)len);
    rl_msg *m = rl_proc_of(h)->open;
    u64 n = (u32)len;
    if (RL_UNLIKELY(n - 8 > 8 || !bytes || !m || m->sig != RL_SIG_DATA || n > m->capacity - m->size)) return write_any(h, ptr, len);
    rl_msg_copy(m->data + m->size, bytes, n);
    m->size += (u32)n;
    return len;
}

static __attribute__((noinline)) i32 read_any(rl_host *h, i32 ptr, i32 len) {
    void *to = rl_host_range(h, (u32)ptr, (u32)len);
    rl_msg *m = to ? rl_guest_data_open(h) : NULL;
    if (!m) return lose(h);
    if (m->at > m->size) {
        rl_exec_fail(&h->exec, "the read position is behind the message's end");
        return lose(h);
    }
    u64 n = RL_MIN(m->size - m->at, (u64)(u32)len);
    rl_msg_copy(to, m->data + m->at, n);
    m->at += n;
    return (i32)n;
}

i32 rl_host_message_read_data(rl_host *h, i32 ptr, i32 len) {
    void *to = rl_host_inside(h, (u32)ptr, (u32)len);
    rl_msg *m = rl_proc_of(h)->open;
    if (RL_UNLIKELY(!to || !m || m->sig != RL_SIG_DATA || m->at > m->size)) return read_any(h, ptr, len);
    u64 n = RL_MIN(m->size - m->at, (u64)(u32)len);
    if (RL_UNLIKELY(n - 8 > 8)) return read_any(h, ptr, len);
    rl_msg_copy(to, m->data + m->at, n);
    m->at += n;
    return (i32)n;
}

void rl_host_message_seek_data(rl_host *h, i64 index) {
    rl_msg *m = rl_guest_data_open(h);
    if (m) m->at = (u64)index;
}

i64 rl_host_message_data_size(rl_host *h) {
    rl_msg *m = rl_guest_data_open(h);
    return m ? (i64)m->size : 0;
}

i64 rl_host_message_get_tag(rl_host *h) {
    rl_msg *m = any_open(h);
    return m ? m->tag : 0;
}

i64 rl_host_message_get_process_id(rl_host *h) {
    rl_msg *m = any_open(h);
    return m && m->sig == RL_SIG_PROCESS_DIED ? (i64)m->pid : 0;
}

/* ---- resources ---- */

bool rl_guest_carry(rl_host *h, rl_msg *m, const struct rl_carried_type *type, void *object, u64 *index) {
    u64 most = rl_proc_share(rl_proc_of(h)) / RL_HOLD_EACH;
    if (m->ncarried >= most) rl_exec_fail(&h->exec, "a message with more than %llu resources", (unsigned long long)most);
    else if (!rl_msg_push(m, type, object, index)) return true;
    else rl_exec_fail(&h->exec, "out of memory");
    return false;
}

static void drop_module(void *o) { rl_prog_put(o); }
static const struct rl_carried_type carried_module = { "module", drop_module };

i64 rl_host_message_push_module(rl_host *h, i64 id) {
    u64 index = 0;
    rl_prog *prog = rl_guest_res(h, RL_RES_MODULE, id, "module");
    rl_msg *m = prog ? rl_guest_data_open(h) : NULL;
    if (!m) return 0;
    if (!rl_guest_carry(h, m, &carried_module, rl_prog_get(prog), &index)) rl_prog_put(prog);
    return (i64)index;
}

i64 rl_host_message_take_module(rl_host *h, i64 index) {
    u64 id = 0;
    rl_msg *m = rl_guest_data_open(h);
    rl_prog *prog = m ? rl_msg_take(m, (u64)index, &carried_module) : NULL;
    if (!m) return 0;
    if (!prog) {
        rl_exec_fail(&h->exec, "the message carries no module at %lld", (long long)index);
    } else if (rl_proc_add(rl_proc_of(h), RL_RES_MODULE, prog, &id)) {
        rl_prog_put(prog);
    }
    return (i64)id;
}

/* ---- sending and receiving ---- */

static bool send_open(rl_host *h, i64 pid) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m = any_open(h);
    if (!m) return false;
    p->open = NULL;
    rl_send_by(p, (u64)pid, m);
    return true;
}

i32 rl_host_message_send(rl_host *h, i64 pid) {
    send_open(h, pid);
    return 0;
}

/* The state of a wait for messages, kept in wait.word: where the search goes on. */
static rl_msg ***cursor(rl_host *h) { return (rl_msg ***)&h->wait.word[0]; }

/* All that a wait for messages has left behind: rl_host_done does more. */
static inline void wait_over(rl_host *h) {
    *cursor(h) = NULL;
    h->wait.retry = h->wait.timed_out = false;
    h->wait.deadline_ns = INT64_MAX;
}

/* Looks for a message from the cursor on. If there is none: parks, or gives up when the time has passed. A message is
 * put into the slot. Returns whether the call is over; *result is the receive's result. */
static bool wait_message(rl_host *h, const void *tags, u32 n, u64 timeout, i32 *result) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m = rl_mailbox_take(&p->mail, cursor(h), tags, n);
    if (!m && rl_mailbox_arrived(&p->mail)) {
        rl_sig_take(p);
        if (!p->dying) m = rl_mailbox_take(&p->mail, cursor(h), tags, n);
    }
    if (!m && (p->dying || (timeout && !h->wait.timed_out))) {
        p->wait_mail = RL_MAIL_LOOK;
        rl_host_park(h, -1, false, h->wait.retry ? h->wait.deadline_ns : rl_guest_deadline(timeout));
        return false;
    }
    if (m) put_open(p, m);
    *result = m ? m->sig : RL_TIMED_OUT;
    p->wait_mail = RL_MAIL_NOT;
    wait_over(h);
    return true;
}

static __attribute__((noinline)) i32 receive_any(rl_host *h, i32 tags_ptr, i32 ntags, i64 timeout) {
    i32 result = 0;
    const void *tags = NULL;
    if (ntags && !(tags = rl_host_range(h, (u32)tags_ptr, (u64)(u32)ntags * 8))) return 0;
    if (!h->wait.retry || !*cursor(h)) *cursor(h) = &rl_proc_of(h)->mail.first;
    wait_message(h, tags, (u32)ntags, (u64)timeout, &result);
    return result;
}

i32 rl_host_message_receive(rl_host *h, i32 tags_ptr, i32 ntags, i64 timeout) {
    rl_proc *p = rl_proc_of(h);
    if (ntags) return receive_any(h, tags_ptr, ntags, timeout);
    if (p->mail.first) { /* the most frequent cases: something is there */
        rl_msg *m = rl_mailbox_remove(&p->mail, &p->mail.first);
        put_open(p, m);
        p->wait_mail = RL_MAIL_NOT;
        wait_over(h);
        return m->sig;
    }
    if ((u64)timeout != RL_FOREVER || h->wait.retry || rl_mailbox_arrived(&p->mail)) return receive_any(h, tags_ptr, ntags, timeout);
    p->wait_mail = RL_MAIL_ANY; /* or nothing at all */
    h->wait.retry = true;       /* all else is as it is outside of waits */
    rl_exec_park(&h->exec);
    return 0;
}

i32 rl_host_message_send_receive_skip_search(rl_host *h, i64 pid, i64 tag, i64 timeout) {
    rl_proc *p = rl_proc_of(h);
    i32 result = 0;
    if (!h->wait.retry) {
        *cursor(h) = p->mail.last; /* before sending: to oneself it may be there at once */
        if (!send_open(h, pid)) return 0;
    }
    if (!wait_message(h, &tag, 1, (u64)timeout, &result)) return 0;
    return result == RL_TIMED_OUT ? result : 0;
}
