/* lunatic::process and the configuration calls of lunatic::wasi and rille::config: modules, configurations, spawning, and what processes do
 * to each other. Invariant: a child exists for others only once it is published; while its start function runs the
 * spawner is parked and holds it in p->starting. The calling process's worker. Reference: sections 2, 3, 6, 8.3, 8.10. */
#include <limits.h>
#include <stdlib.h>

#include "src/base/os.h"
#include "src/jobs.h"
#include "src/host/guest.h"

/* ---- modules ---- */

static i32 failed_with(rl_host *h, i32 id_ptr, const rl_diag *d, const char *more) {
    char text[4096];
    snprintf(text, sizeof text, "%s%s%s", d->text[0] ? d->text : rl_err_text(d->code), more && *more ? "\n" : "", more ? more : "");
    return rl_guest_error(h, id_ptr, text);
}

/* A module on its way from bytes to a program, on the threads for jobs: a big one takes seconds. */
typedef struct compiling {
    rl_job job;
    rl_flavour flavour;   /* of the processes that will be spawned from it */
    rl_compile_mode mode;
    u64 ns;               /* it took */
    rl_prog *prog;        /* NULL: it failed, and d and missing say how */
    rl_diag d;
    char *missing;
    size_t size;
    u8 bytes[];
} compiling;

static void compile(rl_job *j) {
    compiling *c = RL_CONTAINER(j, compiling, job);
    rl_code *code;
    u64 began = rl_os_now_ns();
    rl_err e = rl_prog_load(c->bytes, c->size, &c->prog, &c->missing, &c->d);
    if (!e && !rl_prog_count(c->prog, c->size)) {
        rl_diag_set(&c->d, RL_ERR_LIMIT, "modules brought by programs take more than %llu bytes", RL_PROG_COUNTED);
        rl_prog_put(c->prog);
        c->prog = NULL;
    } else if (!e && rl_code_get(c->prog->module, c->flavour, c->mode, 0, &code, &c->d)) {
        rl_prog_put(c->prog);
        c->prog = NULL;
    }
    c->ns = rl_os_now_ns() - began;
}

static void drop_compiling(rl_job *j) {
    compiling *c = RL_CONTAINER(j, compiling, job);
    rl_prog_put(c->prog);
    free(c->missing);
    free(c);
}

static void start_compiling(rl_host *h, i32 ptr, i32 len) {
    rl_proc *p = rl_proc_of(h);
    const rl_rt_config *config = p->worker->rt->config;
    const void *bytes = rl_host_range(h, (u32)ptr, (u32)len);
    if (!bytes) return;
    compiling *c = malloc(sizeof *c + (u32)len);
    if (!c) {
        rl_exec_fail(&h->exec, "%s", rl_err_text(RL_ERR_NOMEM));
        return;
    }
    *c = (compiling){ .flavour = rl_flavour_pick(config->memory == RL_MEMORY_GUARDED), .mode = config->compile, .size = (u32)len };
    memcpy(c->bytes, bytes, (u32)len);
    p->worker->stats.modules++;
    rl_job_start(h, &c->job, compile, drop_compiling);
}

i32 rl_host_process_compile_module(rl_host *h, i32 ptr, i32 len, i32 id_ptr) {
    rl_proc *p = rl_proc_of(h);
    u64 id;
    if (!p->conf->can_compile) return -1;
    if (!rl_job_of(h)) start_compiling(h, ptr, len);
    rl_job *j = rl_job_wait(h, INT64_MAX);
    if (!j) return 0;
    compiling *c = RL_CONTAINER(j, compiling, job);
    rl_err e = c->prog ? rl_proc_add(p, RL_RES_MODULE, c->prog, &id) : RL_OK; /* after a trap the rest does no harm */
    if (p->worker->tally) rl_dist_add(&p->worker->tally->compiling, (double)c->ns / 1e9);
    if (e) rl_diag_set(&c->d, e, "%s", rl_err_text(e));
    i32 result = e || !c->prog ? failed_with(h, id_ptr, &c->d, c->missing) : 0;
    if (!result) {
        c->prog = NULL; /* it is p's */
        rl_guest_put64(h, id_ptr, id);
    }
    drop_compiling(j);
    return result;
}

void rl_host_process_drop_module(rl_host *h, i64 id) {
    if (!rl_guest_res(h, RL_RES_MODULE, id, "module")) return;
    rl_guest_event(h, RL_EVENT_modules_dropped);
    rl_prog_put(rl_proc_del(rl_proc_of(h), RL_RES_MODULE, (u64)id));
}

/* ---- configurations ---- */

static rl_conf *conf_of(rl_host *h, i64 id) { return rl_guest_res(h, RL_RES_CONFIG, id, "configuration"); }

i64 rl_host_process_create_config(rl_host *h) {
    rl_proc *p = rl_proc_of(h);
    u64 id;
    if (!p->conf->can_configure) return -1;
    rl_conf *c = rl_conf_new();
    if (c && !rl_proc_add(p, RL_RES_CONFIG, c, &id)) {
        rl_guest_event(h, RL_EVENT_configs_created);
        return (i64)id;
    }
    rl_conf_put(c);
    return -1;
}

void rl_host_process_drop_config(rl_host *h, i64 id) {
    rl_conf *c = conf_of(h, id);
    if (!c) return;
    rl_guest_event(h, RL_EVENT_configs_dropped);
    rl_proc_let_go(rl_proc_of(h), c->held);
    rl_conf_put(rl_proc_del(rl_proc_of(h), RL_RES_CONFIG, (u64)id));
}

bool rl_guest_enlarge(rl_host *h, rl_conf *c, u64 bytes) {
    bytes = 2 * (bytes + 64); /* allocated, and what is granted of it is a copy */
    if (!rl_proc_hold(rl_proc_of(h), bytes)) return false;
    c->held += bytes;
    rl_conf_changed(c);
    return true;
}

/* A setter and a getter for one field: GETTER returns `field`, SETTER stores `value`. */
#define FIELD(getter, setter, type, field, to_guest, from_guest)      \
    type rl_host_process_config_##getter(rl_host *h, i64 id) {        \
        rl_conf *c = conf_of(h, id);                                  \
        return c ? to_guest(c->field) : 0;                            \
    }                                                                 \
    void rl_host_process_config_##setter(rl_host *h, i64 id, type v) { \
        rl_conf *c = conf_of(h, id);                                  \
        if (!c) return;                                               \
        rl_conf_changed(c);                                           \
        c->field = from_guest(v);                                     \
    }
FIELD(get_max_memory, set_max_memory, i64, max_memory, (i64), (u64))
FIELD(get_max_fuel, set_max_fuel, i64, max_fuel, (i64), (u64))
FIELD(can_compile_modules, set_can_compile_modules, i32, can_compile, (i32), !!)
FIELD(can_create_configs, set_can_create_configs, i32, can_configure, (i32), !!)
FIELD(can_spawn_processes, set_can_spawn_processes, i32, can_spawn, (i32), !!)
#undef FIELD

i64 rl_host_config_get_max_processes(rl_host *h, i64 id) {
    rl_conf *c = conf_of(h, id);
    return c ? (i64)c->max_processes : 0;
}

void rl_host_config_set_max_processes(rl_host *h, i64 id, i64 most) {
    rl_conf *c = conf_of(h, id);
    if (!c) return;
    rl_conf_changed(c);
    c->max_processes = (u64)most;
}

static void conf_result(rl_host *h, rl_err e) {
    if (e) rl_exec_fail(&h->exec, "%s", rl_err_text(e));
}

void rl_host_wasi_config_add_environment_variable(rl_host *h, i64 id, i32 key_ptr, i32 key_len, i32 value_ptr, i32 value_len) {
    const char *key = rl_guest_text(h, key_ptr, key_len), *value = key ? rl_guest_text(h, value_ptr, value_len) : NULL;
    rl_conf *c = value ? conf_of(h, id) : NULL;
    if (!c || !rl_guest_enlarge(h, c, (u64)(u32)key_len + (u32)value_len)) return;
    conf_result(h, rl_conf_add_env(c, key, (u32)key_len, value, (u32)value_len));
}

void rl_host_wasi_config_add_command_line_argument(rl_host *h, i64 id, i32 ptr, i32 len) {
    const char *text = rl_guest_text(h, ptr, len);
    rl_conf *c = text ? conf_of(h, id) : NULL;
    if (!c || !rl_guest_enlarge(h, c, (u32)len)) return;
    conf_result(h, rl_conf_add_arg(c, text, (u32)len));
}

void rl_host_wasi_config_preopen_dir(rl_host *h, i64 id, i32 ptr, i32 len) {
    const char *text = rl_guest_text(h, ptr, len), *home = getenv("HOME");
    rl_conf *c = text ? conf_of(h, id) : NULL;
    if (!c || !rl_guest_enlarge(h, c, 2 * (u64)(u32)len + PATH_MAX)) return;
    if (memchr(text, 0, (u32)len)) len = 0; /* no path has such a name, nor this one */
    if (len == 1 && *text == '~' && home) conf_result(h, rl_conf_add_dir(c, home, strlen(home), "~", false));
    else conf_result(h, rl_conf_add_dir(c, text, (u32)len, NULL, false));
}

/* ---- spawning ---- */

#define MAX_ARGS 1000 /* no function takes more: RL_MAX_VALS; a longer list is cut to one more and then fits nothing */

typedef struct args {
    u32 n;
    u8 types[MAX_ARGS + 1];
    u64 words[2 * (MAX_ARGS + 1)];
} args;

static args *scratch(rl_worker *w) {
    _Static_assert(sizeof(args) <= RL_SCRATCH, "");
    if (!w->scratch) w->scratch = malloc(RL_SCRATCH);
    return w->scratch;
}

/* Records of 17 bytes: a type and 16 bytes of value. False after a trap. */
static bool read_args(rl_host *h, i32 ptr, i32 len, args *a) {
    const u8 *p = rl_host_range(h, (u32)ptr, (u32)len);
    u64 *w = a->words;
    a->n = 0;
    if (!p) return false;
    if ((u32)len % 17) {
        rl_exec_fail(&h->exec, "spawn parameters of %u bytes are not records of 17", (u32)len);
        return false;
    }
    for (u32 i = 0; i < (u32)len / 17; i++, p += 17) {
        u8 t = *p == 0x7f ? RL_I32 : *p == 0x7e ? RL_I64 : *p == 0x7b ? RL_V128 : RL_BOT;
        if (t == RL_BOT) {
            rl_exec_fail(&h->exec, "a spawn parameter of type 0x%02x", *p);
            return false;
        }
        if (a->n > MAX_ARGS) continue;
        a->types[a->n++] = t;
        *w++ = t == RL_I32 ? rl_load32(p + 1) : rl_load64(p + 1);
        if (t == RL_V128) *w++ = rl_load64(p + 9);
    }
    return true;
}

/* Configuration and module of a spawn, with a reference each. False after a trap (*status -1) or when the configuration
 * cannot be granted (*status 1, d says why). */
static bool choose(rl_host *h, i64 config, i64 module, rl_spawn *s, i32 *status, rl_diag *d) {
    rl_proc *p = rl_proc_of(h);
    rl_conf *want = config == -1 ? p->conf : conf_of(h, config);
    rl_prog *prog = !want ? NULL : module == -1 ? p->prog : rl_guest_res(h, RL_RES_MODULE, module, "module");
    *status = -1;
    if (!prog) return false;
    if (want == p->conf) {
        s->conf = rl_conf_get(want);
    } else if (rl_conf_under(want, p->conf, &s->conf, d)) {
        *status = 1;
        return false;
    }
    s->prog = rl_prog_get(prog);
    return true;
}

/* Makes the child. True: p->starting is it. False: trapped (*status -1), or it could not be made (*status 1). */
static bool make_child(rl_host *h, i64 config, i64 module, i32 entry_ptr, i32 entry_len, i32 params_ptr, i32 params_len,
                       i32 *status, rl_diag *d) {
    rl_proc *p = rl_proc_of(h), *child = NULL;
    rl_spawn s = { .parent = p, .entry_len = (u32)entry_len };
    *status = -1;
    if (!p->conf->can_spawn || p->phase < RL_PHASE_NEW) {
        rl_exec_fail(&h->exec, p->conf->can_spawn ? "a start function may not spawn" : "this process may not spawn");
        return false;
    }
    args *a = scratch(p->worker);
    if (a && (s.entry = rl_guest_text(h, entry_ptr, entry_len)) && read_args(h, params_ptr, params_len, a) &&
        choose(h, config, module, &s, status, d)) {
        s.args = a->words;
        s.arg_types = a->types;
        s.nargs = a->n;
        *status = rl_proc_new(p->worker, &s, &child, d) ? 1 : 0;
        rl_prog_put(s.prog);
        rl_conf_put(s.conf);
    } else if (!a) {
        rl_exec_fail(&h->exec, "out of memory");
    }
    p->starting = child;
    return child;
}

/* Whether the child is through its start function, or never had one. Else parks. */
static bool child_ready(rl_host *h) {
    rl_proc *child = rl_proc_of(h)->starting;
    /* acquire: pairs with the release of whoever ran the start function */
    if (atomic_load_explicit(&child->launch, memory_order_acquire) == RL_LAUNCH_THROUGH) return true;
    if (!h->wait.retry) rl_proc_launch(child);
    rl_host_park(h, -1, false, INT64_MAX);
    return false;
}

/* A signal, or NULL after a trap. */
static rl_msg *signal_of(rl_host *h, rl_sig sig, i64 tag, u64 about) {
    rl_msg *m = rl_msg_new(sig, tag, about);
    if (!m) rl_exec_fail(&h->exec, "out of memory");
    return m;
}
/* Two. False after a trap. */
static bool signals_of(rl_host *h, rl_msg *m[2], rl_sig sig, const i64 tag[2], const u64 about[2]) {
    m[0] = signal_of(h, sig, tag[0], about[0]);
    m[1] = m[0] ? signal_of(h, sig, tag[1], about[1]) : NULL;
    if (!m[1]) rl_msg_free(m[0]);
    return m[1];
}

/* Both sides of a link at spawn, in order: our own signals first, so that a kill that is already here wins. */
static bool link_child(rl_host *h, rl_proc *child, i64 tag) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m[2];
    if (!signals_of(h, m, RL_SIG_LINK, (i64[]){ 0, tag }, (u64[]){ child->id, p->id })) p->dying = RL_DYING_KILLED;
    else rl_send_to(p, m[0]);
    rl_sig_drain(p);
    if (!p->dying) rl_send_to(child, m[1]);
    else if (m[1]) rl_msg_free(m[1]);
    return !p->dying;
}

/* The child is ready or bad. Returns the status of spawn (0, 1), or -1 when the caller is dying. */
static i32 release_child(rl_host *h, i64 link, u64 *id, rl_diag *d) {
    rl_proc *p = rl_proc_of(h), *child = p->starting;
    if (child->phase == RL_PHASE_BAD) {
        rl_diag_set(d, RL_ERR_TRAP, "start function: %s", child->host.exec.message);
    } else if (link && !link_child(h, child, link)) {
        rl_host_park(h, -1, false, INT64_MAX); /* the run loop ends us, and the child with us */
        return -1;
    }
    p->starting = NULL;
    *id = child->id;
    rl_host_done(h);
    if (!d->code) {
        rl_proc_publish(child); /* it may be running elsewhere, or gone */
        return 0;
    }
    rl_proc_drop(child);
    return 1;
}

i32 rl_host_process_spawn(rl_host *h, i64 link, i64 config, i64 module, i32 entry_ptr, i32 entry_len, i32 params_ptr,
                          i32 params_len, i32 id_ptr) {
    rl_diag d;
    i32 status;
    u64 id;
    rl_diag_clear(&d);
    if (!h->wait.retry && !make_child(h, config, module, entry_ptr, entry_len, params_ptr, params_len, &status, &d))
        return status == 1 ? failed_with(h, id_ptr, &d, NULL) : 0;
    if (!child_ready(h)) return 0;
    status = release_child(h, link, &id, &d);
    if (status > 0) return failed_with(h, id_ptr, &d, NULL);
    if (status == 0) rl_guest_put64(h, id_ptr, id);
    return 0;
}

/* The name was there. */
static i32 found(rl_host *h, i32 node_ptr, i32 id_ptr, u64 node, u64 pid) {
    rl_host_done(h);
    return rl_guest_put64(h, node_ptr, node) && rl_guest_put64(h, id_ptr, pid) ? 2 : 0;
}

i32 rl_host_process_get_or_spawn(rl_host *h, i32 name_ptr, i32 name_len, i64 link, i64 config, i64 module, i32 entry_ptr,
                                 i32 entry_len, i32 params_ptr, i32 params_len, i32 node_ptr, i32 id_ptr) {
    rl_proc *p = rl_proc_of(h);
    rl_names *names = &p->worker->rt->names;
    const char *name = rl_guest_text(h, name_ptr, name_len);
    rl_diag d = { 0 };
    i32 status = 0;
    u64 node, id;
    if (!name) return 0;
    if (!p->starting) {
        rl_name_state s = rl_names_reserve(names, name, (u32)name_len, p->id, rl_proc_share(p), &node, &id);
        if (rl_guest_named(h, s, id)) return found(h, node_ptr, id_ptr, node, id);
        if (s == RL_NAME_RESERVED || s == RL_NAME_CLAIMED) { /* its process is being made */
            rl_host_yield(h);
            return 0;
        }
        rl_host_done(h); /* of waiting for the name; now for the child */
        if (s == RL_NAME_NOMEM || s == RL_NAME_FULL) {
            rl_exec_fail(&h->exec, "%s", s == RL_NAME_FULL ? "too many names reserved" : rl_err_text(RL_ERR_NOMEM));
            return 0;
        }
        make_child(h, config, module, entry_ptr, entry_len, params_ptr, params_len, &status, &d);
    }
    u64 owner = p->id;
    if (p->starting) {
        if (!child_ready(h)) return 0;
        if (rl_names_claim(names, name, (u32)name_len, p->starting->id)) {
            status = 1; /* while the child is not known to anybody: else it would run, and we say that it does not */
            rl_diag_set(&d, RL_ERR_NOMEM, "%s", rl_err_text(RL_ERR_NOMEM));
            rl_proc_drop(p->starting);
            p->starting = NULL;
            rl_host_done(h);
        } else {
            owner = p->starting->id;
            status = release_child(h, link, &id, &d);
        }
    }
    if (status) rl_names_unreserve(names, name, (u32)name_len, owner);
    else if (rl_names_put(names, name, (u32)name_len, &(rl_name_owner){ .pid = id, .most = UINT64_MAX }) || !rl_proc_exists(p->worker->rt, id))
        rl_names_forget(names, id); /* it ended before it had its name */
    if (status < 0 || !rl_guest_put64(h, node_ptr, 0)) return 0;
    if (status) return failed_with(h, id_ptr, &d, NULL);
    rl_guest_put64(h, id_ptr, id);
    return 0;
}

/* ---- oneself and others ---- */

i64 rl_host_process_process_id(rl_host *h) { return (i64)rl_proc_of(h)->id; }
i64 rl_host_process_environment_id(rl_host *h) { return (i64)rl_proc_of(h)->worker->rt->config->environment; }

void rl_host_process_sleep_ms(rl_host *h, i64 ms) {
    if (h->wait.retry && h->wait.timed_out) {
        rl_host_done(h);
        return;
    }
    rl_host_park(h, -1, false, h->wait.retry ? h->wait.deadline_ns : rl_after_ms(rl_sched_now(), (u64)ms));
}

static bool send_to(rl_host *h, u64 to, rl_msg *m) { return rl_send(rl_proc_of(h)->worker->rt, to, m); }

void rl_host_process_die_when_link_dies(rl_host *h, i32 die) {
    rl_msg *m = signal_of(h, RL_SIG_FLAG, 0, 0);
    if (m) m->flag = die != 0;
    rl_send_to(rl_proc_of(h), m);
}

void rl_host_process_link(rl_host *h, i64 tag, i64 pid) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m[2]; /* what the other hears, and we */
    if (!signals_of(h, m, RL_SIG_LINK, (i64[]){ tag, tag }, (u64[]){ p->id, (u64)pid })) return;
    if (!send_to(h, (u64)pid, m[0])) {
        m[1]->sig = RL_SIG_LINK_END;
        m[1]->flag = RL_END_NOPROCESS;
    }
    rl_send_to(p, m[1]);
}

void rl_host_process_unlink(rl_host *h, i64 pid) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m[2];
    if (!signals_of(h, m, RL_SIG_UNLINK, (i64[]){ 0, 0 }, (u64[]){ p->id, (u64)pid })) return;
    send_to(h, (u64)pid, m[0]);
    rl_send_to(p, m[1]);
}

void rl_host_process_monitor(rl_host *h, i64 pid) {
    rl_proc *p = rl_proc_of(h);
    rl_msg *m = signal_of(h, RL_SIG_MONITOR, 0, p->id);
    if (m && !send_to(h, (u64)pid, m)) rl_send_to(p, signal_of(h, RL_SIG_PROCESS_DIED, 0, (u64)pid));
}

void rl_host_process_stop_monitoring(rl_host *h, i64 pid) {
    rl_msg *m = signal_of(h, RL_SIG_UNMONITOR, 0, rl_proc_of(h)->id);
    if (m) send_to(h, (u64)pid, m);
}

void rl_host_process_kill(rl_host *h, i64 pid) {
    rl_msg *m = signal_of(h, RL_SIG_KILL, 0, 0);
    if (m) send_to(h, (u64)pid, m);
}

i32 rl_host_process_exists(rl_host *h, i64 pid) { return rl_proc_exists(rl_proc_of(h)->worker->rt, (u64)pid); }
