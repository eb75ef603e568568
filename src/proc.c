/* Processes: birth, slices, end. Invariant: between slices everything a process owns hangs from its record, so it can be
 * dropped at any such moment by rl_proc_free, and nothing of a host call is on any stack. The record and the machine
 * stack share a slot of src/stack.c. Threads: see rl_proc. Separate allocation of the record was not taken: it costs an
 * idle process a second page. */
#include "src/proc.h"

#include <stdlib.h>

#include "jit/trap.h"
#include "src/base/os.h"
#include "src/capture.h"
#include "src/jobs.h"
#include "src/sched.h"
#include "src/upper.h"

#define SPAWN_COST 400     /* what spawning takes from the slice, in instructions: it is that much work, and who spawns many
                               gives way to them while they are few enough for the cache */
#define MAX_TABLE 10000000u /* elements of a table: 80 MB; in all tables at most as many bytes as the process's share */

/* ---- birth ---- */

static rl_flavour flavour_of(const rl_rt *rt, const rl_spawn *s) {
    rl_memory_choice c = rt->config->memory;
    bool guarded = c == RL_MEMORY_GUARDED || (c == RL_MEMORY_AUTO && !s->parent);
    return rl_flavour_pick(guarded);
}

/* The host part of an exec whose stack is full. */
static rl_err more_stack(rl_host *h, u8 **stack, size_t *size) {
    rl_proc *p = rl_proc_of(h);
    rl_stack_cache *c = &rl_worker_self->deep_stacks;
    if (p->deep || c->all->size <= rl_worker_self->stacks.all->size) return RL_ERR_LIMIT;
    if (!(p->deep = rl_stack_get(c))) return RL_ERR_NOMEM;
    *stack = p->deep;
    *size = c->all->size;
    return RL_OK;
}

static void open_range(rl_host *h, const void *p, u64 n, bool write) {
    if (!rl_fence_open(&rl_proc_of(h)->fence, p, n, write)) rl_exec_fail(&h->exec, "the system refused access to memory");
}

/* A place for a process. From the top of a slot down: the record, the store with its instance if they are small, the
 * stack. */
static rl_proc *new_record(rl_worker *w) {
    u8 *slot = rl_stack_get(&w->stacks);
    if (!slot) return NULL;
    rl_proc *p = (rl_proc *)(slot + w->stacks.all->size - rl_align(sizeof(rl_proc), 64));
    memset((u8 *)p + sizeof p->host.exec, 0, sizeof *p - sizeof p->host.exec);
    p->stack = slot;
    p->host.direct = open_range;
    p->timer.kind = RL_DUE_PROC;
    p->alarm.sig = RL_SIG_ALARM;
    p->alarm.more = true;
    return p;
}

/* What every life begins with, whether the record is new or the shell of another. */
static void begin_life(rl_proc *p, rl_worker *w, const rl_spawn *s) {
    u64 limit; /* in instructions, as far as they can be counted */
    u8 *bottom = p->stack;
    rl_exec_init(&p->host.exec, bottom, (size_t)((u8 *)p - bottom) - s->prog->room, &p->host);
    p->host.exec.more = more_stack;
    p->host.exec.next = rl_proc_pass_on;
    memset(&p->host.wait, 0, sizeof p->host.wait);
    p->host.wait.fd = -1;
    p->host.wait.deadline_ns = INT64_MAX;
    rl_mailbox_init(&p->mail);
    p->id = rl_rt_new_id(w->rt);
    p->worker = w;
    p->die_with_links = true;
    p->dying = RL_DYING_NOT;
    p->parked = p->ready = p->known = false;
    p->wait_mail = RL_MAIL_NOT;
    p->peer = p;
    atomic_init(&p->alarmed, false); /* the last life may have ended with its alarm on the way */
    p->starting = NULL;
    p->throttled = false;
    p->fuel_limit = s->conf->max_fuel && !__builtin_mul_overflow(s->conf->max_fuel, RL_FUEL_UNIT, &limit) ? limit : UINT64_MAX;
    p->parent = s->parent ? s->parent->id : 0;
    p->root = !s->parent;
    p->quota = s->conf->quota;
    w->stats.processes++;
    rl_worker_count(w, 1, 0);
}

/* The entry stays for the shell's next life when it is in the record. */
static void free_args(rl_proc *p) {
    if (p->args == p->small) return;
    free(p->args);
    p->args = NULL;
    p->entry = NULL;
    p->entry_func = NULL;
}

/* Whether the shell's last life began with the same function. */
static bool same_entry(const rl_proc *p, const rl_spawn *s) {
    return p->entry_func && p->nargs == s->nargs && !memcmp(p->arg_types, s->arg_types, s->nargs) &&
           p->entry_len == s->entry_len && !memcmp(p->entry, s->entry, s->entry_len);
}

static rl_err copy_entry(rl_proc *p, const rl_spawn *s) {
    size_t words = 0;
    for (u32 i = 0; i < s->nargs; i++) words += s->arg_types[i] == RL_V128 ? 2 : 1;
    if (!same_entry(p, s)) {
        size_t size = words * 8 + s->nargs + s->entry_len + 1u;
        p->entry_func = NULL;
        p->args = size <= sizeof p->small ? p->small : malloc(size);
        if (!p->args) return RL_ERR_NOMEM;
        p->arg_types = (u8 *)(p->args + words);
        p->entry = (char *)p->arg_types + s->nargs;
        memcpy(p->entry, s->entry, s->entry_len);
        p->entry[s->entry_len] = 0; /* for reports: the name itself may hold one */
        p->entry_len = s->entry_len;
        p->nargs = s->nargs;
        if (s->nargs) memcpy(p->arg_types, s->arg_types, s->nargs);
    }
    for (size_t i = 0; i < words; i++) p->args[i] = s->args[i];
    return RL_OK;
}

static void count_memory(rl_proc *p) {
    u64 now = p->host.instance ? p->host.instance->mem_bound : 0;
    if (RL_LIKELY(now == p->memory)) return;
    rl_worker_count(p->worker, 0, (i64)(now - p->memory));
    p->memory = now;
}

static rl_err capture(rl_proc *p) {
    u32 stream;
    RL_TRY(rl_capture_open(p->worker->rt->config->capture, &stream));
    return rl_upper_host.wasi_capture(p->host.wasi, stream);
}

/* What it runs and may do, with a reference each. A shell has those of its last life. */
static rl_err furnish(rl_proc *p, const rl_spawn *s, rl_diag *d) {
    if (!p->prog) p->prog = rl_prog_get(s->prog);
    if (p->conf != s->conf) {
        if (p->host.wasi) rl_upper_host.wasi_free(p->host.wasi);
        p->host.wasi = NULL;
        rl_conf_put(p->conf);
        p->conf = rl_conf_get(s->conf);
        RL_TRY(rl_conf_open(s->conf, d));
    }
    if (!p->host.wasi && !(p->host.wasi = rl_upper_host.wasi_clone(s->conf->wasi))) return RL_ERR_NOMEM;
    if (p->worker->rt->config->capture) RL_TRY(capture(p));
    return copy_entry(p, s);
}

static u64 max_table(const rl_proc *p, const rl_module *m) {
    u64 all = rl_proc_share(p) / sizeof(void *);
    return RL_MIN((u64)MAX_TABLE, m->ntables > 1 ? all / m->ntables : all); /* seldom a division */
}

static rl_err instantiate(rl_proc *p, const rl_spawn *s, rl_diag *d) {
    rl_rt *rt = p->worker->rt;
    rl_module *m = s->prog->module;
    rl_store_config sc = { flavour_of(rt, s), s->conf->max_memory, 0, &p->worker->memory };
    rl_func *start = NULL;
    rl_code *code;
    bool same = p->conf == s->conf;
    RL_TRY(furnish(p, s, d));
    sc.max_table = max_table(p, m); /* of the configuration p has from here */
    if (p->fence.base && !same) { /* perhaps it may not have as much */
        rl_fence_drop(&p->fence);
        rl_assert(rl_store_retire(p->store));
    }
    if (p->fence.base) {
        rl_fence_reset(&p->fence, p->host.instance);
        RL_TRY(rl_store_reuse(p->store, &sc, &p->host.instance, &start, d));
    } else if (p->store) {
        RL_TRY(rl_store_renew(p->store, &sc, &p->host.instance, &start, d));
    } else {
        RL_TRY(rl_code_get(m, sc.flavour, rt->config->compile, 0, &code, d));
        if (s->prog->room) p->store = rl_store_place(&sc, (u8 *)p - s->prog->room, s->prog->room);
        else RL_TRY(rl_store_new(&sc, &p->store));
        RL_TRY(rl_instance_new(p->store, m, rl_prog_resolve, s->prog, &p->host.instance, &start, d));
    }
    count_memory(p);
    p->phase = start ? RL_PHASE_START : RL_PHASE_READY;
    atomic_init(&p->launch, start ? RL_LAUNCH_RUNNING : RL_LAUNCH_THROUGH);
    if (start && s->parent && !(p->note = rl_msg_new(RL_SIG_STARTED, 0, p->id))) return RL_ERR_NOMEM;
    p->host.exec.inst = p->host.instance;
    return start ? rl_exec_call(&p->host.exec, start, NULL) : RL_OK;
}

rl_err rl_proc_new(rl_worker *w, const rl_spawn *s, rl_proc **out, rl_diag *d) {
    rl_quota *full = RL_UNLIKELY(s->conf->quota != NULL) ? rl_quota_enter(s->conf->quota) : NULL;
    if (RL_UNLIKELY(full != NULL))
        return rl_diag_set(d, RL_ERR_LIMIT, "the limit of %llu processes is reached", (unsigned long long)full->limit);
    rl_proc *p = rl_spare_get(&w->spares, s->prog, flavour_of(w->rt, s));
    if (!p && !(p = new_record(w))) {
        if (s->conf->quota) rl_quota_leave(s->conf->quota);
        return rl_diag_set(d, RL_ERR_NOMEM, "%s", rl_err_text(RL_ERR_NOMEM));
    }
    begin_life(p, w, s);
    rl_err e = instantiate(p, s, d);
    if (!e) e = rl_pid_add(&w->rt->pids, p->id, p);
    if (e) {
        rl_diag_set(d, e, "%s", rl_err_text(e));
        rl_proc_free(p);
        return e;
    }
    *out = p;
    return RL_OK;
}

/* ---- memory that is opened on demand ---- */

/* A fault of the process that runs on this thread, in its code or in a host function's. */
static bool open_page(void *addr) {
    rl_worker *w = rl_worker_self;
    rl_fence *f = w && w->current ? &w->current->fence : NULL;
    return f && f->base && !f->broken && (u64)((u8 *)addr - f->base) < f->bytes && rl_fence_break(f);
}

static u8 *memory_get(rl_memory_source *source, u64 bytes, u64 *capacity) {
    rl_slots *s = &RL_CONTAINER(source, rl_worker, memory)->slots;
    return s->source.get(&s->source, bytes, capacity);
}

/* The memory of the process that runs may move to a larger slot; the old one leaves without its fence. */
static void memory_put(rl_memory_source *source, u8 *base, u64 capacity) {
    rl_slots *s = &RL_CONTAINER(source, rl_worker, memory)->slots;
    rl_worker *w = rl_worker_self;
    if (w && w->current && w->current->fence.base == base) rl_fence_drop(&w->current->fence);
    s->source.put(&s->source, base, capacity);
}

void rl_proc_memory_init(rl_memory_source *source) {
    *source = (rl_memory_source){ memory_get, memory_put };
    /* release: pairs with the acquire in jit/trap.c */
    atomic_store_explicit(&rl_trap_opener, open_page, memory_order_release);
}

void rl_proc_launch(rl_proc *p) { rl_sched_later(p); }

void rl_proc_publish(rl_proc *p) {
    rl_pids *pids = &rl_worker_self->rt->pids;
    p->phase = RL_PHASE_NEW;
    rl_pid_hold(pids, p->id);
    p->known = true;
    rl_pid_release(pids, p->id);
    rl_proc *parent = rl_worker_self->current;
    i64 left = parent ? parent->host.exec.fuel : 0;
    if (left > 0) rl_exec_tax(&parent->host.exec, (u64)RL_MIN(left, SPAWN_COST) << 4); /* no debts: the child is not to be ahead */
    if (p->root) rl_sched_later(p);
    else rl_sched_next(p);
}

/* ---- release ---- */

static void drop_error(void *o) { free(o); }
static void drop_module(void *o) { rl_prog_put(o); }
static void drop_config(void *o) { rl_conf_put(o); }

/* What was not sent lives on in the wheel, unless those without a starter fill a mailbox already: else processes that start
 * timers and end would take all memory there is. */
static void drop_timer(void *o) {
    rl_delayed *d = o;
    rl_worker *at = d->at;
    rl_rt *rt = at->rt;
    /* relaxed: a count only */
    bool room = atomic_fetch_add_explicit(&rt->orphans, d->bytes, memory_order_relaxed) + d->bytes <= rt->config->max_mailbox;
    rl_worker_lock(at);
    bool stays = room && rl_timer_armed(&d->timer);
    if (stays) d->owner = 0;
    rl_worker_unlock(at);
    if (stays) return;
    if (!room && !rt->config->quiet && !atomic_exchange_explicit(&rt->orphans_told, true, memory_order_relaxed))
        fprintf(rt->log, "rille: delayed messages of processes that ended fill %llu bytes; what is more is lost\n",
                (unsigned long long)rt->config->max_mailbox);
    atomic_fetch_sub_explicit(&rt->orphans, d->bytes, memory_order_relaxed);
    rl_delayed_drop(d);
}

static void free_cold(rl_cold *c) {
    static void (*const drop[RL_RES_DNS])(void *) = { drop_error, drop_module, drop_config, drop_timer };
    if (!c) return;
    rl_job_abandon(c->job);
    if (c->pending) c->drop_pending(c->pending);
    for (u32 i = 0; i < RL_RES_COUNT; i++) rl_handles_fini(&c->res[i], i < RL_RES_DNS ? drop[i] : rl_upper_host.drop[i]);
    RL_MAP_EACH(&c->links, s) rl_msg_free(s->val);
    RL_MAP_EACH(&c->monitors, s) rl_msg_free(s->val);
    rl_map_fini(&c->links);
    rl_map_fini(&c->monitors);
    free(c);
}

/* Ends the wait, wherever it is armed. After it no alarm of this wait comes any more; one may have come. */
static void disarm(rl_proc *p) {
    rl_worker *at = p->armed, *watched = p->watched;
    if (!at) return;
    if (watched) {
        rl_worker_lock(watched);
        rl_io_cancel(&watched->io, &p->waiter);
        rl_worker_unlock(watched);
        p->watched = NULL;
    }
    rl_worker_lock(at);
    rl_wheel_disarm(&at->wheel, &p->timer);
    if (!watched) rl_io_cancel(&at->io, &p->waiter);
    p->epoch++;
    rl_worker_unlock(at);
    p->armed = NULL;
}

void rl_proc_alarm(rl_proc *p, bool timed) {
    /* acquire: pairs with the release of whoever took the last one; the mailbox hands this one over */
    if (atomic_exchange_explicit(&p->alarmed, true, memory_order_acquire)) return; /* the call is repeated anyway */
    p->alarm.pid = p->epoch;
    p->alarm.flag = timed;
    rl_send_to(p, &p->alarm);
}

void rl_proc_scrap(rl_proc *p) {
    rl_worker *w = rl_worker_self;
    rl_fence_drop(&p->fence);
    rl_store_free(p->store);
    if (p->host.wasi) rl_upper_host.wasi_free(p->host.wasi);
    rl_conf_put(p->conf);
    rl_prog_put(p->prog);
    rl_stack_put(&w->stacks, p->stack); /* p lies there: the last thing */
}

/* Keeps what is left for the next process of the program. False: it is not fit for it. */
static bool become_shell(rl_proc *p, rl_worker *w) {
    rl_instance *i = p->host.instance;
    rl_spare_set *set = i ? rl_spare_find(&w->spares, p->prog, i->flavour, true) : NULL;
    if (!set || set->count == RL_SPARE_MAX) return false;
    if (i->flavour != RL_FLAVOUR_CHECKED || !rl_store_keep(p->store) || !rl_fence_keep(&p->fence, &set->habit, i)) {
        rl_fence_drop(&p->fence);
        if (!rl_store_retire(p->store)) return false;
    }
    if (p->host.wasi && (w->rt->config->capture || !rl_upper_host.wasi_untouched(p->host.wasi))) {
        rl_upper_host.wasi_free(p->host.wasi);
        p->host.wasi = NULL;
    }
    if (p->lives++ % 8 == 0) rl_stack_trim(w->stacks.all, p->stack);
    rl_spare_put(set, p);
    return true;
}

/* Everything, once no one finds it any more. */
static void release(rl_proc *p) {
    rl_worker *w = rl_worker_self;
    if (p->armed) disarm(p);
    if (RL_UNLIKELY(p->quota != NULL)) rl_quota_leave(p->quota);
    rl_worker_count(w, -1, -(i64)p->memory);
    p->memory = 0;
    rl_mailbox_fini(&p->mail);
    rl_msg_free(p->open);
    p->open = NULL;
    rl_msg_free(p->note);
    p->note = NULL;
    if (p->cold) free_cold(p->cold);
    p->cold = NULL;
    free_args(p);
    if (p->deep) rl_stack_put(&w->deep_stacks, p->deep);
    p->deep = NULL;
    if (!become_shell(p, w)) rl_proc_scrap(p);
}

void rl_proc_free(rl_proc *p) {
    rl_pid_remove(&rl_worker_self->rt->pids, p->id);
    p->known = false;
    release(p);
}

void rl_proc_drop(rl_proc *p) {
    /* acquire: pairs with the release in started */
    if (atomic_load_explicit(&p->launch, memory_order_acquire) != RL_LAUNCH_THROUGH) {
        rl_send_to(p, rl_msg_new(RL_SIG_KILL, 0, 0)); /* it ends when it is looked at */
        if (atomic_exchange_explicit(&p->launch, RL_LAUNCH_ABANDONED, memory_order_acq_rel) == RL_LAUNCH_RUNNING) return;
    }
    rl_proc_free(p);
}

/* ---- end ---- */

static void report(const rl_proc *p, const char *why, bool trace) {
    rl_rt *rt = p->worker->rt;
    char names[300];
    if (rt->config->quiet) return;
    flockfile(rt->log);
    fprintf(rt->log, "rille: process %llu", (unsigned long long)p->id);
    if (rl_names_text(&rt->names, p->id, names, sizeof names)) fprintf(rt->log, " (%s)", names);
    if (p->parent) fprintf(rt->log, ", spawned by process %llu,", (unsigned long long)p->parent);
    fprintf(rt->log, " failed: %s\n", why);
    if (trace) rl_backtrace_print(&p->host.exec, rt->log);
    fflush(rt->log);
    funlockfile(rt->log);
}

/* The start function is through, with this outcome. */
static void started(rl_proc *p, const char *failure) {
    p->phase = failure ? RL_PHASE_BAD : RL_PHASE_READY;
    if (failure && failure != p->host.exec.message)
        snprintf(p->host.exec.message, sizeof p->host.exec.message, "%s", failure);
    if (p->root && failure) {
        report(p, failure, true);
        rl_sched_stop(p->worker->rt, 134);
    } else if (p->root) {
        rl_proc_publish(p);
    } else {
        rl_rt *rt = p->worker->rt;
        u64 parent = p->parent;
        rl_msg *note = p->note;
        p->note = NULL;
        /* release: pairs with the acquire in rl_proc_drop; the spawner sees all of p, which is the spawner's from here.
         * acquire: pairs with the exchange there; who was abandoned sees why */
        if (atomic_exchange_explicit(&p->launch, RL_LAUNCH_THROUGH, memory_order_acq_rel) == RL_LAUNCH_ABANDONED) rl_proc_free(p);
        else rl_send(rt, parent, note), note = NULL;
        rl_msg_free(note);
    }
}

/* The process is over. status: the run's if this is the root. */
static void finish(rl_proc *p, rl_end end, int status) {
    rl_rt *rt = p->worker->rt;
    if (p->starting) rl_proc_drop(p->starting);
    p->worker->stats.failures += end != RL_END_NORMAL;
    rl_pid_remove(&rt->pids, p->id);
    p->known = false; /* to those whose peer it was */
    rl_names_forget(&rt->names, p->id);
    rl_sig_last(p);
    rl_sig_ended(p, end);
    if (p->root) rl_sched_stop(rt, status);
    release(p);
}

static void failed(rl_proc *p, const char *why, bool trace) {
    if (p->phase < RL_PHASE_NEW) {
        started(p, why);
        return;
    }
    report(p, why, trace);
    finish(p, RL_END_FAILURE, 134);
}

static void killed(rl_proc *p) {
    char why[80] = "killed";
    if (p->dying == RL_DYING_LINK) snprintf(why, sizeof why, "linked process %llu failed", (unsigned long long)p->cause);
    if (p->phase < RL_PHASE_NEW) {
        p->dying = RL_DYING_NOT;
        started(p, why);
        return;
    }
    if (p->dying == RL_DYING_FULL) snprintf(why, sizeof why, "its mailbox is full");
    if (p->root || p->dying != RL_DYING_KILLED) report(p, why, false);
    finish(p, RL_END_FAILURE, 134);
}

static void trapped(rl_proc *p) {
    rl_exec *x = &p->host.exec;
    char why[80];
    if (x->trap != RL_TRAP_EXIT) {
        failed(p, x->trap == RL_TRAP_HOST && x->message[0] ? x->message : rl_trap_text(x->trap), true);
    } else if (p->phase < RL_PHASE_NEW) {
        snprintf(why, sizeof why, "the start function left with status %d", x->exit_code);
        started(p, why);
    } else {
        snprintf(why, sizeof why, "it left with status %d", x->exit_code);
        if (x->exit_code && !p->root) report(p, why, false);
        finish(p, x->exit_code ? RL_END_FAILURE : RL_END_NORMAL, x->exit_code & 255);
    }
}

/* ---- slices ---- */

static const char *check_entry(rl_proc *p, rl_func **f) {
    rl_extern e;
    const rl_rt_config *c = p->worker->rt->config;
    if (!rl_instance_export(p->host.instance, p->entry, p->entry_len, &e)) return "there is no export";
    if (e.kind != RL_KIND_FUNC) return "the export is not a function:";
    const rl_proto *t = e.func->proto;
    bool same = t->nparams == p->nargs;
    for (u32 i = 0; same && i < p->nargs; i++) same = t->params[i] == p->arg_types[i];
    if (!same) return "the parameters do not fit the type of";
    if (t->nresults && !(p->root && c->results) && !(p->root && !c->entry)) return "an entry function has no results, unlike";
    *f = e.func;
    return NULL;
}

/* Calls the entry. False: it cannot be called, and the process is over. */
static bool begin(rl_proc *p) {
    rl_func *f;
    char why[200];
    const char *wrong = p->entry_func ? NULL : check_entry(p, &f);
    if (p->entry_func) f = p->entry_func;
    rl_exec *x = &p->host.exec;
    x->inst = p->host.instance;
    if (!wrong && rl_exec_call(x, f, p->args)) wrong = "no room for the parameters of";
    if (wrong) {
        snprintf(why, sizeof why, "%s '%s'", wrong, p->entry);
        failed(p, why, false);
        return false;
    }
    p->phase = RL_PHASE_RUN;
    if (p->root) return true; /* still needed: results */
    p->entry_func = f;
    free_args(p);
    return true;
}

static void done(rl_proc *p) {
    const rl_rt_config *c = p->worker->rt->config;
    rl_extern e;
    if (p->phase < RL_PHASE_NEW) {
        started(p, NULL);
        return;
    }
    if (p->root && c->results && rl_instance_export(p->host.instance, p->entry, p->entry_len, &e))
        c->results(c->results_env, e.func->proto, p->host.exec.vals);
    finish(p, RL_END_NORMAL, 0);
}

/* Arms what the parked call waits for. */
static __attribute__((noinline)) void arm_wait(rl_proc *p, bool timed) {
    rl_worker *w = p->worker;
    p->armed = w;
    rl_worker_lock(w);
    if (timed) rl_wheel_arm(&w->wheel, &p->timer, rl_sched_deadline(w, p->host.wait.deadline_ns));
    rl_watch *watch = p->host.wait.watch ? (rl_watch *)(uintptr_t)p->host.wait.word[3] : NULL;
    if (watch) p->watched = rl_watch_worker(watch, w);
    else if (p->host.wait.fd >= 0 && rl_io_wait(&w->io, &p->waiter, p->host.wait.fd, p->host.wait.write)) p->ready = true;
    rl_worker_unlock(w);
    if (!p->watched) return;
    rl_worker_lock(p->watched);
    if (!rl_io_await(&p->watched->io, watch, p->host.wait.fd, &p->waiter, p->host.wait.write)) p->ready = true;
    rl_worker_unlock(p->watched);
}
static inline void arm(rl_proc *p) {
    bool timed = p->host.wait.deadline_ns != INT64_MAX;
    p->parked = true;
    p->ready = p->host.wait.yield;
    if (!p->ready && (timed || p->host.wait.fd >= 0)) arm_wait(p, timed);
}

/* The parked process sleeps, unless something came for it: then it is queued or over. Once it sleeps it is another's. */
static inline void sleep_or_queue(rl_proc *p) {
    while (RL_LIKELY(!p->dying && !p->ready)) {
        if (RL_LIKELY(rl_mailbox_park(&p->mail))) return;
        rl_sig_drain(p);
    }
    if (p->dying) killed(p);
    else rl_sched_later(p);
}

/* It has no wait of its own: nothing is repeated after it. */
static __attribute__((noinline)) void throttle(rl_proc *p) {
    p->host.wait.yield = false;
    p->host.wait.fd = -1;
    p->host.wait.deadline_ns = rl_sched_now() + RL_WHEEL_TICK_NS;
    arm(p);
    sleep_or_queue(p);
}

static inline void slice_over(rl_proc *p, rl_exit how) {
    rl_worker *w = p->worker;
    if (RL_LIKELY(how == RL_EXIT_PARK)) {
        w->stats.parks++;
        p->throttled = false; /* it waits for something anyway */
        arm(p);
        sleep_or_queue(p);
        return;
    }
    switch (how) {
    case RL_EXIT_DONE: done(p); break;
    case RL_EXIT_TRAP: trapped(p); break;
    case RL_EXIT_YIELD:
        w->stats.yields++;
        if (RL_UNLIKELY(p->host.exec.fuel_spent >= p->fuel_limit) && !rl_exec_interrupt(&p->host.exec, RL_TRAP_FUEL)) {
            failed(p, rl_trap_text(RL_TRAP_FUEL), true);
            break;
        }
        if (RL_UNLIKELY(p->throttled)) {
            throttle(p);
            break;
        }
        rl_sched_later(p);
        break;
    case RL_EXIT_PARK: break;
    }
}

/* p runs for a slice or not at all. True: at all. */
static inline bool ready_to_run(rl_proc *p) {
    rl_sig_drain(p);
    if (RL_UNLIKELY(p->dying || (p->parked && !p->ready))) { /* killed, or woken by what is none of the call's business */
        sleep_or_queue(p);
        return false;
    }
    if (p->parked) {
        if (RL_UNLIKELY(p->armed != NULL)) disarm(p);
        if (RL_UNLIKELY(atomic_load_explicit(&p->alarmed, memory_order_relaxed))) rl_sig_take(p); /* it must not meet the next wait */
        p->parked = p->ready = false;
        if (RL_UNLIKELY(p->throttled)) {
            p->throttled = p->host.wait.timed_out = false;
            p->host.wait.deadline_ns = INT64_MAX;
        }
        if (RL_UNLIKELY(p->dying)) {
            killed(p);
            return false;
        }
    }
    return p->phase != RL_PHASE_NEW || begin(p);
}

/* How far p may go now. With nothing left it still goes to its next check, where it traps. */
static inline i64 allowance(const rl_proc *p, i64 slice) {
    u64 spent = p->host.exec.fuel_spent;
    return RL_LIKELY(spent < p->fuel_limit) ? (i64)RL_MIN((u64)slice, p->fuel_limit - spent) : 0;
}

static u64 account(rl_proc *p) {
    u64 spent = (u64)p->host.exec.granted;
    p->worker->stats.fuel += spent;
    if (RL_UNLIKELY(p->host.instance->mem_bound != p->memory)) count_memory(p);
    return spent;
}

/* ---- one goes on where another waits ---- */

/* Whether p waits only for messages and signals. */
static inline bool waits_for_mail(const rl_proc *p) {
    return p->wait_mail == RL_MAIL_ANY || (p->host.wait.deadline_ns == INT64_MAX && p->host.wait.fd < 0 && !p->host.wait.yield);
}

/* p parks and q runs, or NULL: it does not. */
static __attribute__((noinline)) rl_exec *pass_on_any(rl_proc *p, rl_proc *q, i64 left) {
    rl_worker *w = p->worker;
    if (!waits_for_mail(p) || p->dying) return NULL;
    w->next = NULL;
    w->ticks++;
    w->stats.slices++;
    q->worker = w;
    if (!ready_to_run(q)) return NULL;
    rl_exec_settle(&p->host.exec);
    account(p);
    w->budget = left;
    w->current = NULL;
    slice_over(p, RL_EXIT_PARK);
    w->current = q;
    rl_exec_grant(&q->host.exec, allowance(q, left));
    return &q->host.exec;
}

/* Whether p, which waits for a message and nothing else, can park without more ado, and q, to which only messages came, can
 * go on likewise: as it is mostly, while one thread does it all. (With others about, they look at `known`.) */
static inline bool both_simple(rl_proc *p, rl_proc *q) {
    return rl_alone() && waits_for_mail(p) && p->phase == RL_PHASE_RUN && !p->dying && !p->throttled &&
           q->phase == RL_PHASE_RUN && !q->dying && q->parked && q->ready && !q->throttled &&
           !q->armed /* then no alarm is on its way */ && rl_mailbox_quiet(&q->mail) && rl_mailbox_quiet(&p->mail) &&
           p->host.instance->mem_bound == p->memory;
}

/* The worker's loop in short, for the most frequent turn: the one that runs waits for a message, and somebody it sent
 * something goes on in its slice. Whatever else is to be done is left to the loop. */
rl_exec *rl_proc_pass_on(rl_exec *x) {
    rl_proc *p = RL_CONTAINER(x, rl_proc, host.exec);
    rl_worker *w = p->worker;
    rl_proc *q = w->next;
    i64 left = w->budget - (x->granted - x->fuel) - RL_DISPATCH_COST;
    if (!q || left <= 0 || w->ticks + 1 >= RL_LOOK_EVERY) return NULL;
    if (RL_UNLIKELY(!both_simple(p, q))) return pass_on_any(p, q, left);
    rl_exec_settle(x);
    w->stats.fuel += (u64)x->granted;
    w->stats.slices++;
    w->stats.parks++;
    w->ticks++;
    w->next = NULL;
    w->budget = left;
    w->current = q;
    p->parked = true;
    p->ready = false;
    rl_mailbox_park_alone(&p->mail);
    q->parked = q->ready = false;
    rl_exec_grant(&q->host.exec, allowance(q, left));
    return &q->host.exec;
}

u64 rl_proc_run(rl_proc *p, i64 slice) {
    rl_worker *w = p->worker = rl_worker_self;
    if (!ready_to_run(p)) return 0;
    w->current = p;
    rl_exit how = rl_exec_resume(&p->host.exec, allowance(p, slice));
    p = w->current;
    w->running = p->id;
    w->current = NULL;
    u64 spent = account(p);
    /* The budget is what p was given. A call that gives way has done much that costs no fuel. */
    bool whole = how == RL_EXIT_YIELD || (how == RL_EXIT_PARK && p->host.wait.yield);
    slice_over(p, how); /* p may be running elsewhere, or gone */
    return whole ? (u64)w->budget : spent;
}

/* ---- resources ---- */

rl_cold *rl_proc_cold(rl_proc *p) {
    if (!p->cold) p->cold = calloc(1, sizeof *p->cold);
    return p->cold;
}

bool rl_proc_hold(rl_proc *p, u64 bytes) {
    rl_cold *c = rl_proc_cold(p);
    u64 most = rl_proc_share(p);
    if (c && bytes <= most && c->held <= most - bytes) {
        c->held += bytes;
        return true;
    }
    if (c) rl_exec_fail(&p->host.exec, "more than %llu bytes of resources, messages and the like are kept for it", (unsigned long long)most);
    else rl_exec_fail(&p->host.exec, "out of memory");
    return false;
}

rl_err rl_proc_add(rl_proc *p, rl_resource kind, void *object, u64 *id) {
    if (!rl_proc_hold(p, RL_HOLD_EACH)) return RL_ERR_LIMIT;
    rl_err e = rl_handle_add(&p->cold->res[kind], object, id);
    if (!e) return RL_OK;
    rl_proc_let_go(p, RL_HOLD_EACH);
    rl_exec_fail(&p->host.exec, "%s", rl_err_text(e));
    return e;
}

bool rl_proc_pend(rl_proc *p, void *object, void (*drop)(void *)) {
    rl_cold *c = rl_proc_cold(p);
    if (!c) {
        rl_exec_fail(&p->host.exec, "out of memory");
        return false;
    }
    c->pending = object;
    c->drop_pending = drop;
    return true;
}

u64 rl_proc_fuel_left(const rl_proc *p) {
    const rl_exec *x = &p->host.exec;
    if (p->fuel_limit == UINT64_MAX) return UINT64_MAX;
    u64 spent = x->fuel_spent + (u64)(x->granted - x->fuel);
    return p->fuel_limit - RL_MIN(spent, p->fuel_limit);
}

void rl_proc_spend(rl_proc *p, u64 fuel) {
    rl_exec *x = &p->host.exec;
    x->fuel_spent += fuel;
    p->worker->stats.fuel += fuel;
    i64 left = (i64)RL_MIN(rl_proc_fuel_left(p), INT64_MAX), over = x->fuel - left;
    if (over <= 0) return;
    x->fuel -= over; /* this slice is shorter */
    x->granted -= over;
}

void rl_proc_error(rl_proc *p, u64 *id, const char *text) {
    u64 bytes = strlen(text) + 1;
    *id = 0;
    if (!rl_proc_hold(p, bytes)) return;
    char *copy = strdup(text);
    if (!copy) rl_exec_fail(&p->host.exec, "out of memory");
    else if (!rl_proc_add(p, RL_RES_ERROR, copy, id)) return;
    rl_proc_let_go(p, bytes);
    free(copy);
}

void rl_proc_drop_error(rl_proc *p, u64 id) {
    char *text = rl_proc_del(p, RL_RES_ERROR, id);
    if (text) rl_proc_let_go(p, strlen(text) + 1);
    free(text);
}
