/* The runtime: builds the root's configuration from what the command line said, starts the root process, runs the worker
 * until it ends, and clears everything away. Invariant: after rl_rt_run nothing of the run is left, whatever its
 * processes were doing. The calling thread is the first worker; the others are threads of src/sched.c. */
#include "src/rt.h"

#include <errno.h>
#include <stdlib.h>

#include "jit/engine.h"
#include "src/attach.h"
#include "src/base/os.h"
#include "src/jobs.h"
#include "src/sched.h"
#include "src/survey.h"
#include "src/upper.h"

_Atomic u32 rl_rt_signals;
static _Atomic(rl_io *) signal_io; /* whom to wake; set while a run handles signals */

static void on_signal(int sig) {
    int saved = errno; /* of whatever was interrupted */
    atomic_fetch_or_explicit(&rl_rt_signals, 1u << sig, memory_order_relaxed);
    /* acquire: pairs with the release in catch_signals */
    rl_io *io = atomic_load_explicit(&signal_io, memory_order_acquire);
    if (io) rl_io_wake(io);
    errno = saved;
}

/* A guest's stack has no room for a handler. */
static const struct { int number; void (*handler)(int); } caught[] = {
    { SIGINT, on_signal }, { SIGTERM, on_signal },   /* end */
    { SIGUSR1, on_signal }, { SIGUSR2, on_signal },  /* print a survey; let others attach */
    { SIGPIPE, SIG_IGN }, /* a reader that went away is an errno of one write, not our death */
};

static void catch_signals(rl_io *io, struct sigaction old[RL_LEN(caught)]) {
    atomic_store_explicit(&rl_rt_signals, 0, memory_order_relaxed);
    /* release: pairs with the acquire in on_signal */
    atomic_store_explicit(&signal_io, io, memory_order_release);
    for (u32 i = 0; i < RL_LEN(caught); i++) {
        struct sigaction a = { .sa_handler = caught[i].handler, .sa_flags = SA_ONSTACK };
        sigaction(caught[i].number, &a, &old[i]);
    }
}

static void release_signals(const struct sigaction old[RL_LEN(caught)]) {
    for (u32 i = 0; i < RL_LEN(caught); i++) sigaction(caught[i].number, &old[i], NULL);
    atomic_store_explicit(&signal_io, NULL, memory_order_relaxed);
}

rl_rt_config rl_rt_defaults(void) {
    return (rl_rt_config){ .max_memory = RL_CONF_MEMORY, .max_stack = 1u << 20, .max_mailbox = 1u << 30, .slice = 20000, .environment = 1 };
}

/* One that is not there stays as it was given: opening it will fail. */
static rl_err add_dir(rl_conf *f, const rl_rt_dir *dir) {
    char *real = realpath(dir->host, NULL);
    const char *host = real ? real : dir->host;
    rl_err e = rl_conf_add_dir(f, host, strlen(host), dir->guest ? dir->guest : dir->host, dir->readonly);
    free(real);
    return e;
}

static rl_err fill_conf(rl_conf *f, const rl_rt_config *c, rl_diag *d) {
    f->max_memory = c->max_memory;
    f->max_fuel = c->max_fuel;
    f->max_processes = c->max_processes;
    RL_TRY(rl_conf_count(f, NULL));
    f->can_spawn = !c->no_spawn;
    f->can_compile = !c->no_compile;
    f->can_configure = !c->no_configs;
    f->socks = c->socks;
    f->nsocks = c->nsocks;
    if (c->limit_net && !(f->net = rl_reach_new(NULL))) return RL_ERR_NOMEM;
    for (u32 i = 0; f->net && i < c->nnet; i++) RL_TRY(rl_reach_add(f->net, c->net[i], strlen(c->net[i]), d));
    for (u32 i = 0; i < c->nargs; i++) RL_TRY(rl_conf_add_arg(f, c->args[i], strlen(c->args[i])));
    for (u32 i = 0; i < c->nenv; i++) RL_TRY(rl_conf_add_env(f, c->env[i], strlen(c->env[i]), NULL, 0));
    for (u32 i = 0; i < c->ndirs; i++) RL_TRY(add_dir(f, &c->dirs[i]));
    return RL_OK;
}

static rl_err check_entry(const rl_rt_config *c, rl_module *m, rl_spawn *s, rl_diag *d) {
    s->entry = c->entry ? c->entry : "_start";
    s->entry_len = (u32)strlen(s->entry);
    const rl_export *e = rl_module_export(m, s->entry, s->entry_len);
    if (!e || e->kind != RL_KIND_FUNC)
        return rl_diag_set(d, RL_ERR_NOTFOUND, "the module exports no function '%s'", s->entry);
    const rl_proto *t = rl_module_proto(m, e->index);
    u32 words = 0;
    for (u32 i = 0; i < t->nparams; i++) words += t->params[i] == RL_V128 ? 2 : 1;
    if (words != c->nentry_args)
        return rl_diag_set(d, RL_ERR_USAGE, "'%s' takes %u arguments", s->entry, (unsigned)t->nparams);
    s->args = c->entry_args;
    s->arg_types = t->params;
    s->nargs = t->nparams;
    return RL_OK;
}

static rl_err start_root(rl_rt *rt, rl_module *m, rl_conf *conf, rl_diag *d) {
    rl_spawn s = { .conf = conf };
    rl_proc *root;
    char *missing = NULL;
    RL_TRY(check_entry(rt->config, m, &s, d));
    rl_err e = rl_prog_new(m, &s.prog, &missing, d);
    if (missing && *missing && !rt->config->quiet) fprintf(rt->log, "rille: missing imports:\n%s", missing);
    free(missing);
    if (e) return e;
    if (!(e = rl_proc_new(rl_worker_self, &s, &root, d))) {
        if (root->phase == RL_PHASE_START) rl_proc_launch(root);
        else rl_proc_publish(root);
    }
    rl_prog_put(s.prog);
    return e;
}

static void clear(rl_rt *rt) {
    rt->stacks.keep = rt->deep_stacks.keep = UINT32_MAX;
    for (u32 i = 0; i < rl_rt_started(rt); i++) rl_slots_end(&rl_rt_worker(rt, i)->slots);
    for (rl_proc *p; (p = rl_pid_any(&rt->pids));) rl_proc_free(p);
    if (rl_rt_started(rt)) rl_wheel_disarm(&rt->workers->wheel, &rt->deadline);
    for (u32 i = 0; i < rl_rt_started(rt); i++) {
        rl_wheel *wheel = &rl_rt_worker(rt, i)->wheel;
        for (rl_timer *t; wheel->armed && (t = rl_wheel_any(wheel));) {
            rl_delayed *late = RL_CONTAINER(t, rl_delayed, timer);
            rl_msg_free(late->msg);
            free(late);
        }
    }
    for (u32 i = 0; i < rl_rt_started(rt); i++) rl_spares_fini(&rl_rt_worker(rt, i)->spares); /* whose memories are of any */
    rl_pool_free(rt->pool); /* before the workers: a job's thread may still be about to wake one, under the pool's lock */
    for (u32 i = 0; i < rl_rt_started(rt); i++) rl_worker_fini(rl_rt_worker(rt, i));
    rl_stacks_fini(&rt->stacks);
    rl_stacks_fini(&rt->deep_stacks);
    rl_pids_fini(&rt->pids);
    rl_names_fini(&rt->names);
    rl_halt_fini(&rt->halt);
    rl_msg_thread_fini();
    free(rt->more_workers);
    free(rt->workers);
}

#define SHOWN 10u /* processes, when time is up: all of them if there are no more, else the first */

/* No worker runs any more, so every process is between two slices. */
static void report_timeout(rl_rt *rt) {
    fprintf(rt->log, "rille: time limit reached\n");
    if (rl_rt_alive(rt) <= SHOWN) rl_survey_print(rt);
    else rl_survey_one(rt, 1, rt->log);
}

static int run(rl_rt *rt, rl_module *m, rl_diag *d) {
    struct sigaction old[RL_LEN(caught)];
    const rl_rt_config *c = rt->config;
    rl_worker *w = rt->workers;
    rl_conf *conf = rl_conf_new();
    rl_err e = conf ? fill_conf(conf, c, d) : RL_ERR_NOMEM;
    if (!e && c->prometheus) e = rl_upper_host.observe(rt, c->prometheus, d);
    if (!e) e = start_root(rt, m, conf, d);
    rl_conf_put(conf);
    if (e) {
        rl_upper_host.unobserve(rt);
        rl_diag_set(d, e, "%s", rl_err_text(e));
        return 1;
    }
    rt->deadline.kind = RL_DUE_RUN;
    if (c->timeout_ns) rl_wheel_arm(&w->wheel, &rt->deadline, rl_sched_now() + (i64)RL_MIN(c->timeout_ns, (u64)INT64_MAX / 2));
    if (c->handle_signals) catch_signals(&w->io, old);
    rl_worker_run(w);
    rl_crew_join(rt);
    if (rt->out_of_time && !c->quiet) report_timeout(rt);
    rl_attach_close(rt);
    rl_upper_host.unobserve(rt);
    if (c->handle_signals && !c->leave) release_signals(old);
    return atomic_load_explicit(&rt->status, memory_order_relaxed); /* the other threads are joined */
}

/* There when a leak checker is linked in. It does not look into the slots where processes lie, so for it a run that left
 * everything as it was would have lost whatever hangs from them. */
extern void __lsan_do_leak_check(void) __attribute__((weak));

/* Everything but the workers' threads. */
static rl_err init(rl_rt *rt, const rl_rt_config *c, rl_diag *d) {
    rt->config = c;
    rt->log = c->log ? c->log : stderr;
    atomic_init(&rt->status, -1);
    rl_halt_init(&rt->halt);
    rl_names_init(&rt->names);
    rl_stacks_init(&rt->stacks, RL_MIN(c->max_stack, (u64)RL_STACK_FIRST));
    rl_stacks_init(&rt->deep_stacks, c->max_stack);
    if (c->seed) rl_seeded_init(rt->seeded = &rt->seed, c->seed);
    rt->workers = aligned_alloc(_Alignof(rl_worker), sizeof *rt->workers);
    rt->pool = rl_pool_new();
    if (!rt->workers || !rt->pool) return RL_ERR_NOMEM;
    rl_crew_init(rt);
    rt->crowd = RL_MIN(c->max_mailbox / 2, (u64)RL_CROWD);
    rl_worker_self = rt->workers;
    RL_TRY(rl_upper_host.init());
    RL_TRY(rl_engine_init(d));
    RL_TRY(rl_trap_thread_init());
    atomic_store_explicit(&rt->started, 1, memory_order_relaxed); /* no other thread yet */
    return rl_worker_init(rt->workers, rt, 0);
}

/* What pools saved: stacks and memories used again were not mapped and unmapped, and kept their pages. */
static RL_RACY void sum_avoided(rl_rt *rt, rl_rt_stats *s) {
    u64 stacks = s->processes - RL_MIN(s->processes, rl_stacks_used(&rt->stacks)), slots = 0, scans = 0, kept = 0;
    for (u32 i = 0; i < rl_rt_started(rt); i++) {
        const rl_slots *l = &rl_rt_worker(rt, i)->slots;
        slots += l->cleaned;
        scans += l->scans;
        for (u32 c = 0; c < RL_SLOT_CLASSES; c++) kept += l->classes[c].kept;
    }
    s->calls_avoided = 2 * (stacks + slots) - RL_MIN(2 * (stacks + slots), scans);
    s->faults_avoided = stacks + kept;
}

RL_RACY void rl_rt_sum(rl_rt *rt, rl_rt_stats *s) {
    *s = (rl_rt_stats){ .modules = 1, .processes_peak = atomic_load_explicit(&rt->alive_peak, memory_order_relaxed),
                        .memory_peak = atomic_load_explicit(&rt->memory_peak, memory_order_relaxed) };
    for (u32 i = 0; i < rl_rt_started(rt); i++) {
        const rl_rt_stats *w = &rl_rt_worker(rt, i)->stats;
        s->fuel += w->fuel;
        s->processes += w->processes;
        s->failures += w->failures;
        s->messages += w->messages;
        s->slices += w->slices;
        s->yields += w->yields;
        s->parks += w->parks;
        s->steals += w->steals;
        s->timers += w->timers;
        s->polls += w->polls;
        s->modules += w->modules;
    }
    sum_avoided(rt, s);
}

int rl_rt_run(const rl_rt_config *c, rl_module *m, rl_diag *d) {
    rl_rt *rt = aligned_alloc(_Alignof(rl_rt), rl_align(sizeof *rt, _Alignof(rl_rt)));
    i64 start = (i64)rl_os_now_ns();
    int status = 1;
    if (!rt) return rl_diag_set(d, RL_ERR_NOMEM, "%s", rl_err_text(RL_ERR_NOMEM)), 1;
    memset(rt, 0, sizeof *rt);
    rl_worker *outer = rl_worker_self;
    bool shared = rl_shared; /* as that one has it */
    rl_shared = false;
    rl_err e = init(rt, c, d);
    if (e) rl_diag_set(d, e, "%s", rl_err_text(e));
    else status = run(rt, m, d);
    if (c->stats) {
        rl_rt_sum(rt, c->stats);
        c->stats->wall_ns = (u64)((i64)rl_os_now_ns() - start);
    }
    if (c->leave && !rl_pid_any(&rt->pids) && !__lsan_do_leak_check) return status;
    clear(rt);
    rl_worker_self = outer;
    rl_shared = shared;
    rl_trap_thread_fini();
    free(rt);
    return status;
}
