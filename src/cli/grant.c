/* Options into a runtime configuration.
 *
 * Owns the lists it builds for the configuration until they are finished; main thread only. What a program may see is
 * decided here and only here: the runtime grants what the configuration says and no more. */
#include "src/cli/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "jit/code.h"
#include "src/base/utf8.h"
#include "src/cli/cli.h"
#include "src/host/net.h"

void rl_grants_fini(rl_grants *g) {
    for (u32 i = 0; g->dir_texts && i < g->ndirs; i++) free(g->dir_texts[i]);
    free(g->dir_texts);
    free(g->dirs);
    free(g->env);
    free(g->vals);
    for (u32 i = 0; i < g->nsocks; i++) close(g->socks[i]);
    free(g->socks);
    *g = (rl_grants){0};
}

/* ---- directories and environment ---- */

/* Splits HOST[::GUEST][:ro] in place. */
static bool parse_dir(char *text, rl_rt_dir *out) {
    size_t len = strlen(text);
    if (len > 3 && !strcmp(text + len - 3, ":ro")) {
        text[len - 3] = 0;
        out->readonly = true;
    }
    char *sep = strstr(text, "::");
    if (sep) *sep = 0;
    out->host = text;
    out->guest = sep ? sep + 2 : text;
    return *out->host && *out->guest;
}

static rl_err grant_dirs(const rl_args *a, rl_grants *g) {
    u32 max = a->dir.n + 1;
    g->dirs = calloc(max, sizeof *g->dirs);
    g->dir_texts = calloc(max, sizeof *g->dir_texts);
    if (!g->dirs || !g->dir_texts) return RL_ERR_NOMEM;
    if (!a->isolated) g->dirs[g->ndirs++] = (rl_rt_dir){".", ".", false};
    for (u32 i = 0; i < a->dir.n; i++) {
        u32 at = g->ndirs++;
        if (!(g->dir_texts[at] = strdup(a->dir.v[i]))) return RL_ERR_NOMEM;
        if (!parse_dir(g->dir_texts[at], &g->dirs[at])) {
            rl_cli_usage("--dir wants HOST[::GUEST][:ro], not \"%s\"", a->dir.v[i]);
            return RL_ERR_USAGE;
        }
    }
    return RL_OK;
}

static size_t name_len(const char *variable) { return strcspn(variable, "="); }

/* Adds NAME=VALUE; a variable given again replaces the earlier one. */
static void put_env(rl_grants *g, const char *variable) {
    size_t n = name_len(variable);
    for (u32 i = 0; i < g->nenv; i++)
        if (name_len(g->env[i]) == n && !memcmp(g->env[i], variable, n)) {
            g->env[i] = variable;
            return;
        }
    g->env[g->nenv++] = variable;
}

/* rille's own "NAME=VALUE", or NULL. */
static const char *own_env(const char *name) {
    size_t n = strlen(name);
    for (char **e = environ; *e; e++)
        if (!strncmp(*e, name, n) && (*e)[n] == '=') return *e;
    return NULL;
}

static rl_err grant_env(const rl_args *a, rl_grants *g) {
    u32 n = a->env.n;
    for (char **e = environ; *e; e++) n++;
    if (!(g->env = calloc(n + RL_LEN(g->listen_fds), sizeof *g->env))) return RL_ERR_NOMEM;
    for (char **e = environ; *e && !a->isolated; e++)
        /* what is not text cannot be given to every guest language; the old runtime crashed on it */
        if (rl_utf8_valid(*e, strlen(*e)) && strchr(*e, '=')) g->env[g->nenv++] = *e;
    for (u32 i = 0; i < a->env.n; i++) {
        const char *text = a->env.v[i], *variable = strchr(text, '=') ? text : own_env(text);
        if (!*text || *text == '=') {
            rl_cli_usage("--env wants NAME[=VALUE], not \"%s\"", text);
            return RL_ERR_USAGE;
        }
        if (variable) put_env(g, variable);
    }
    return RL_OK;
}

static rl_err grant_rights(const rl_args *a, rl_rt_config *c) {
    c->no_spawn = c->no_compile = c->no_configs = a->isolated;
    c->limit_net = a->isolated || a->net.n;
    c->dns = a->dns;
    c->net = a->net.v, c->nnet = a->net.n;
    const struct { const char *name; bool *denied; } rights[] = {
        {"spawn", &c->no_spawn}, {"compile", &c->no_compile}, {"config", &c->no_configs}};
    for (u32 i = 0; i < a->allow.n; i++) {
        size_t r = 0;
        while (r < RL_LEN(rights) && strcmp(rights[r].name, a->allow.v[i])) r++;
        if (r == RL_LEN(rights)) {
            rl_cli_usage("--allow is one of spawn, compile, config, not \"%s\"", a->allow.v[i]);
            return RL_ERR_USAGE;
        }
        *rights[r].denied = false;
    }
    return RL_OK;
}

/* ---- the network ---- */

/* A socket that listens on text, with a word about the port when the system picked it. */
static rl_err open_listener(const char *text, int *out) {
    rl_addr a;
    char name[RL_ADDR_TEXT];
    socklen_t len = sizeof a;
    if (!rl_addr_parse(text, strlen(text), &a)) {
        rl_cli_usage("--tcplisten wants ADDRESS:PORT, not \"%s\"", text);
        return RL_ERR_USAGE;
    }
    if ((*out = rl_sock_listen(&a, false)) < 0) {
        rl_cli_usage("--tcplisten=%s: %s", text, strerror(errno));
        return RL_ERR_USAGE;
    }
    if (!rl_addr_port(&a) && !getsockname(*out, &a.any, &len))
        fprintf(stderr, "rille: listening on %s\n", rl_addr_text(&a, name, sizeof name));
    return RL_OK;
}

/* Programs find them by the variables that systemd gives to those it starts, and one for where they begin: directories
 * come first, as C libraries look for them from descriptor 3 on. */
static rl_err grant_listeners(const rl_args *a, rl_grants *g) {
    if (!a->tcplisten.n) return RL_OK;
    if (!(g->socks = calloc(a->tcplisten.n, sizeof *g->socks))) return RL_ERR_NOMEM;
    for (; g->nsocks < a->tcplisten.n; g->nsocks++) RL_TRY(open_listener(a->tcplisten.v[g->nsocks], &g->socks[g->nsocks]));
    snprintf(g->listen_fds[0], sizeof g->listen_fds[0], "LISTEN_FDS=%u", g->nsocks);
    snprintf(g->listen_fds[1], sizeof g->listen_fds[1], "LISTEN_FDS_START=%u", 3 + g->ndirs);
    for (u32 i = 0; i < RL_LEN(g->listen_fds); i++) put_env(g, g->listen_fds[i]);
    return RL_OK;
}

static rl_err grant_exporter(const rl_args *a, rl_grants *g, rl_rt_config *c) {
    if (!rl_args_given(a, RL_OPT_prometheus)) return RL_OK;
    const char *text = *a->prometheus ? a->prometheus : "127.0.0.1:9927";
    c->prometheus = &g->prometheus;
    if (rl_addr_parse(text, strlen(text), &g->prometheus)) return RL_OK;
    rl_cli_usage("--prometheus wants ADDRESS:PORT, not \"%s\"", text);
    return RL_ERR_USAGE;
}

/* ADDRESS or ADDRESS:PORT, as the library will read it when a name is looked up for the first time. */
static bool is_name_server(const char *text, size_t len) {
    char full[80];
    rl_addr a;
    if (rl_addr_parse(text, len, &a)) return true;
    int n = snprintf(full, sizeof full, memchr(text, ':', len) && *text != '[' ? "[%.*s]:53" : "%.*s:53", (int)len, text);
    return n < (int)sizeof full && rl_addr_parse(full, (size_t)n, &a);
}

static rl_err check_dns(const rl_args *a) {
    for (const char *p = a->dns; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (is_name_server(p, strcspn(p, ","))) continue;
        rl_cli_usage("--dns wants ADDRESS[:PORT], several parted by commas, not \"%s\"", a->dns);
        return RL_ERR_USAGE;
    }
    return RL_OK;
}

/* What is wrong with a rule is said here, before anything runs. */
static rl_err check_net(const rl_args *a) {
    rl_reach *r = rl_reach_new(NULL);
    rl_diag d = {0};
    rl_err e = r ? RL_OK : RL_ERR_NOMEM;
    for (u32 i = 0; !e && i < a->net.n; i++) e = rl_reach_add(r, a->net.v[i], strlen(a->net.v[i]), &d);
    if (e) rl_cli_usage("--net: %s", d.text);
    rl_reach_put(r);
    return e ? RL_ERR_USAGE : RL_OK;
}

/* ---- all of it ---- */

static void configure(const rl_args *a, rl_rt_config *c) {
    if (rl_args_given(a, RL_OPT_max_memory)) c->max_memory = a->max_memory;
    if (rl_args_given(a, RL_OPT_max_stack)) c->max_stack = a->max_stack;
    if (rl_args_given(a, RL_OPT_max_mailbox)) c->max_mailbox = a->max_mailbox;
    if (rl_args_given(a, RL_OPT_max_processes)) c->max_processes = a->max_processes;
    if (rl_args_given(a, RL_OPT_fuel)) c->max_fuel = a->fuel;
    if (rl_args_given(a, RL_OPT_timeout)) c->timeout_ns = (u64)(a->timeout * 1e9) + 1;
    if (rl_args_given(a, RL_OPT_workers)) c->workers = (unsigned)a->workers;
    if (rl_args_given(a, RL_OPT_slice)) c->slice = (i64)a->slice;
    if (rl_args_given(a, RL_OPT_seed)) c->seed = a->seed;
    c->memory = (rl_memory_choice)a->memory;
    c->compile = (rl_compile_mode)a->compile;
    rl_compile_defaults.max_regs = (u8)a->max_regs;
    rl_compile_defaults.worst_annotations = a->worst;
    if (a->perf_map) rl_code_perf_map(true);
}

rl_err rl_grants_init(const rl_args *a, rl_grants *g, rl_rt_config *c) {
    configure(a, c);
    RL_TRY(grant_dirs(a, g));
    RL_TRY(grant_env(a, g));
    RL_TRY(grant_rights(a, c));
    RL_TRY(check_net(a));
    RL_TRY(check_dns(a));
    RL_TRY(grant_listeners(a, g));
    RL_TRY(grant_exporter(a, g, c));
    c->socks = g->socks, c->nsocks = g->nsocks;
    c->dirs = g->dirs, c->ndirs = g->ndirs;
    c->env = g->env, c->nenv = g->nenv;
    return RL_OK;
}
