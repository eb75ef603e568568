/* lunatic::metrics, and what the exporter shows: the guests' series and the runtime's own. Invariant: a series is found by
 * its name as Prometheus writes it and never changes its kind; there are at most MAX_SERIES, as guests choose names. One
 * lock for all series, taken by guests only while there is an exporter; without one the calls check their names and do
 * nothing. The runtime's own are sums over the workers' counters at the time of asking. Counting in the exporter's library
 * was not taken: that would bring it into every program. Reference: sections 8.14 and 11. */
#include "src/host/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "src/host/guest.h"

#define MAX_SERIES 10000u
#define MAX_NAME 200u

typedef enum kind { COUNTER, GAUGE, HISTOGRAM } kind;

typedef struct series {
    struct series *next; /* as first used */
    u8 kind;
    double value;        /* gauge */
    u64 count;           /* counter */
    rl_dist *dist;       /* histogram */
    char name[];
} series;

struct rl_metrics {
    pthread_mutex_t lock;
    rl_map by_name; /* hash of the name, or one of the next if that is another's */
    series *first, **last;
    u32 n;
};

rl_metrics *rl_metrics_new(void) {
    rl_metrics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->lock, NULL);
    m->last = &m->first;
    return m;
}

void rl_metrics_free(rl_metrics *m) {
    if (!m) return;
    while (m->first) {
        series *s = m->first;
        m->first = s->next;
        free(s->dist);
        free(s);
    }
    rl_map_fini(&m->by_name);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- the guests' ---- */

/* Letters, digits, _ and : remain, everything else becomes _; none begins with a digit. */
static void clean(char *to, const char *name, u32 len) {
    u32 n = 0;
    if (!len || (*name >= '0' && *name <= '9')) to[n++] = '_';
    for (u32 i = 0; i < len && n < MAX_NAME; i++) {
        char c = name[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
        to[n++] = good ? c : '_';
    }
    to[n] = 0;
}

static series *add(rl_metrics *m, u64 key, const char *name, kind k) {
    series *s = m->n < MAX_SERIES ? calloc(1, sizeof *s + strlen(name) + 1) : NULL;
    if (!s) return NULL;
    s->kind = (u8)k;
    strcpy(s->name, name);
    if ((k == HISTOGRAM && !(s->dist = calloc(1, sizeof *s->dist))) || rl_map_put(&m->by_name, key, s, NULL)) {
        free(s->dist);
        free(s);
        return NULL;
    }
    m->n++;
    *m->last = s;
    m->last = &s->next;
    return s;
}

/* The series of that name and kind. NULL: too many, no memory, or the name is another kind's: nothing is counted. Under
 * the lock. */
static series *find(rl_metrics *m, const char *name, u32 len, kind k) {
    char text[MAX_NAME + 2];
    clean(text, name, len);
    u64 key = rl_hash_bytes(text, strlen(text));
    for (series *s; (s = rl_map_get(&m->by_name, key)); key++)
        if (!strcmp(s->name, text)) return s->kind == k ? s : NULL;
    return add(m, key, text, k);
}

/* Locks the series, or NULL (after a trap, without an exporter, …): nothing is locked then. */
static series *begin(rl_host *h, i32 ptr, i32 len, kind k) {
    const char *name = rl_guest_text(h, ptr, len);
    rl_metrics *m = name ? rl_proc_of(h)->worker->rt->metrics : NULL;
    if (!m) return NULL;
    pthread_mutex_lock(&m->lock);
    series *s = find(m, name, (u32)len, k);
    if (!s) pthread_mutex_unlock(&m->lock);
    return s;
}
static void end(rl_host *h) { pthread_mutex_unlock(&rl_proc_of(h)->worker->rt->metrics->lock); }

static void count(rl_host *h, i32 ptr, i32 len, u64 n) {
    series *s = begin(h, ptr, len, COUNTER);
    if (!s) return;
    s->count += n;
    end(h);
}

static void move(rl_host *h, i32 ptr, i32 len, double keep, double value) {
    series *s = begin(h, ptr, len, GAUGE);
    if (!s) return;
    s->value = s->value * keep + value;
    end(h);
}

void rl_host_metrics_counter(rl_host *h, i32 ptr, i32 len, i64 value) { count(h, ptr, len, (u64)value); }
void rl_host_metrics_increment_counter(rl_host *h, i32 ptr, i32 len) { count(h, ptr, len, 1); }

void rl_host_metrics_gauge(rl_host *h, i32 ptr, i32 len, double value) {
    series *s = begin(h, ptr, len, GAUGE);
    if (!s) return;
    s->value = value;
    end(h);
}
void rl_host_metrics_increment_gauge(rl_host *h, i32 ptr, i32 len, double value) { move(h, ptr, len, 1, value); }
void rl_host_metrics_decrement_gauge(rl_host *h, i32 ptr, i32 len, double value) { move(h, ptr, len, 1, -value); }

void rl_host_metrics_histogram(rl_host *h, i32 ptr, i32 len, double value) {
    series *s = begin(h, ptr, len, HISTOGRAM);
    if (!s) return;
    rl_dist_add(s->dist, value);
    end(h);
}

/* ---- the text ---- */

#define NODE "node_id=\"0\"" /* as the old runtime labels everything */

static void number(double v, FILE *out) {
    if (isnan(v)) fputs("NaN\n", out);
    else if (isinf(v)) fputs(v > 0 ? "+Inf\n" : "-Inf\n", out);
    else fprintf(out, "%.17g\n", v);
}

static void print_dist(const char *name, const rl_dist *d, FILE *out) {
    u64 sum = 0;
    for (int b = 0; b < RL_DIST_BUCKETS; b++)
        fprintf(out, "%s_bucket{" NODE ",le=\"%.10g\"} %llu\n", name, rl_dist_end(b), (unsigned long long)(sum += d->buckets[b]));
    fprintf(out, "%s_bucket{" NODE ",le=\"+Inf\"} %llu\n%s_sum{" NODE "} ", name, (unsigned long long)d->count, name);
    number(d->sum, out);
    fprintf(out, "%s_count{" NODE "} %llu\n", name, (unsigned long long)d->count);
}

static void print_series(const series *s, FILE *out) {
    static const char *const kinds[] = { "counter", "gauge", "histogram" };
    fprintf(out, "# TYPE %s %s\n", s->name, kinds[s->kind]);
    if (s->kind == COUNTER) fprintf(out, "%s{" NODE "} %llu\n", s->name, (unsigned long long)s->count);
    if (s->kind == GAUGE) fprintf(out, "%s{" NODE "} ", s->name), number(s->value, out);
    if (s->kind == HISTOGRAM) print_dist(s->name, s->dist, out);
}

static void own(FILE *out, const char *name, const char *type, const char *help, u64 value) {
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s{" NODE "} %llu\n", name, help, name, type, name, (unsigned long long)value);
}

static RL_RACY void sum_events(rl_rt *rt, u64 *sum) {
    for (u32 w = 0; w < rl_rt_started(rt); w++)
        for (u32 i = 0; i < RL_EVENT_COUNT; i++) sum[i] += rl_rt_worker(rt, w)->events[i];
}

static RL_RACY void add_dist(rl_dist *to, const rl_dist *from) {
    to->sum += from->sum;
    to->count += from->count;
    for (u32 b = 0; b <= RL_DIST_BUCKETS; b++) to->buckets[b] += from->buckets[b];
}

static RL_RACY void sum_tallies(rl_rt *rt, rl_tally *sum) {
    for (u32 w = 0; w < rl_rt_started(rt); w++) {
        const rl_tally *t = rl_rt_worker(rt, w)->tally;
        sum->signals += t->signals;
        add_dist(&sum->bytes, &t->bytes);
        add_dist(&sum->resources, &t->resources);
        add_dist(&sum->compiling, &t->compiling);
        if (t->mailbox_at > sum->mailbox_at) sum->mailbox = t->mailbox, sum->mailbox_at = t->mailbox_at;
        if (t->links_at > sum->links_at) sum->links = t->links, sum->links_at = t->links_at;
    }
}

static void print_tallies(rl_rt *rt, FILE *out) {
    rl_tally t = { 0 };
    sum_tallies(rt, &t);
    fprintf(out, "# HELP lunatic_process_signals_send Signals sent, messages among them\n# TYPE lunatic_process_signals_send counter\n"
                 "lunatic_process_signals_send{" NODE ",process_kind=\"wasm\"} %llu\n", (unsigned long long)t.signals);
    own(out, "lunatic_process_messages_outstanding", "gauge", "Messages in the mailbox that got the last one", t.mailbox);
    own(out, "lunatic_process_links_alive", "gauge", "Links of the process whose links changed last", t.links);
#define H(name, help, dist) \
    fputs("# HELP lunatic_process_" name " " help "\n# TYPE lunatic_process_" name " histogram\n", out); \
    print_dist("lunatic_process_" name, &dist, out);
    H("messages_data_size", "Bytes of data messages", t.bytes)
    H("messages_data_resources_count", "Resources of data messages", t.resources)
    H("modules_compiled_duration", "Seconds for compiling a module that a process brought", t.compiling)
#undef H
}

static void print_own(rl_rt *rt, FILE *out) {
    rl_rt_stats s;
    u64 e[RL_EVENT_COUNT] = { 0 };
    rl_rt_sum(rt, &s);
    sum_events(rt, e);
    u64 modules = s.modules - RL_MIN(s.modules, e[RL_EVENT_modules_dropped]), data = s.messages - e[RL_EVENT_link_died] - e[RL_EVENT_process_died];
    u64 timers = e[RL_EVENT_timers_started] - e[RL_EVENT_timers_completed] - e[RL_EVENT_timers_canceled];
#define C(name, help, value) own(out, "lunatic_" name, "counter", help, value);
#define G(name, help, value) own(out, "lunatic_" name, "gauge", help, value);
    C("process_signals_received", "Signals handled, messages among them", s.messages + e[RL_EVENT_signals])
    C("process_messages_send", "Messages put into a mailbox", s.messages)
    C("process_messages_data_count", "Data messages among them", data)
    C("process_messages_link_died_count", "Deaths of links that became messages", e[RL_EVENT_link_died])
    G("process_environment_process_count", "Processes alive", rl_rt_alive(rt))
    G("process_environment_count", "Environments", 1)
    C("process_modules_compiled", "Modules compiled", s.modules)
    C("process_modules_dropped", "Modules dropped", e[RL_EVENT_modules_dropped])
    G("process_modules_active", "Modules not dropped", modules)
    C("process_configs_created", "Configurations created", e[RL_EVENT_configs_created])
    C("process_configs_dropped", "Configurations dropped", e[RL_EVENT_configs_dropped])
    G("process_configs_active", "Configurations not dropped", e[RL_EVENT_configs_created] - e[RL_EVENT_configs_dropped])
    C("timers_started", "Delayed messages", e[RL_EVENT_timers_started])
    C("timers_completed", "Delayed messages that were sent", e[RL_EVENT_timers_completed])
    C("timers_canceled", "Delayed messages that were cancelled", e[RL_EVENT_timers_canceled])
    G("timers_active", "Delayed messages that are waiting", timers)
    C("registry_write", "Names registered", e[RL_EVENT_registry_write])
    C("registry_read", "Names looked up", e[RL_EVENT_registry_read])
    C("registry_deletion", "Names removed", e[RL_EVENT_registry_deletion])
    G("registry_registered", "Names there are", rl_names_count(&rt->names))
#undef C
#undef G
#define C(name, help, value) own(out, "rille_" name, "counter", help, value);
#define G(name, help, value) own(out, "rille_" name, "gauge", help, value);
    C("processes_spawned", "Processes ever spawned", s.processes)
    C("processes_failed", "Processes that trapped, were killed, or exited with a status", s.failures)
    G("processes_peak", "Processes alive at most", s.processes_peak)
    G("memory_bytes", "Linear memory of all processes", rl_rt_memory(rt))
    C("fuel", "WebAssembly instructions executed", s.fuel)
    C("slices", "Times a process was resumed", s.slices)
    C("parks", "Times a process began to wait", s.parks)
    C("steals", "Processes taken over by another worker", s.steals)
    C("deadlines", "Deadlines that passed", s.timers)
    C("polls", "Looks at the kernel for readiness or sleep", s.polls)
    G("workers", "Threads that run processes", rl_rt_started(rt))
#undef C
#undef G
}

void rl_metrics_print(rl_rt *rt, rl_metrics *m, FILE *out) {
    print_own(rt, out);
    print_tallies(rt, out);
    pthread_mutex_lock(&m->lock);
    for (const series *s = m->first; s; s = s->next) print_series(s, out);
    pthread_mutex_unlock(&m->lock);
}

/* ---- health ---- */

/* Changes whenever the worker gets something done, which it also does when it is woken for nothing. */
static RL_RACY u64 progress(const rl_worker *w) { return w->stats.slices + w->stats.polls; }

bool rl_metrics_healthy(rl_rt *rt, char *why, size_t size) {
    u32 n = rl_rt_started(rt), behind = n;
    u64 *before = calloc(n, sizeof *before);
    if (!before) return snprintf(why, size, "out of memory"), false;
    for (u32 i = 0; i < n; i++) before[i] = progress(rl_rt_worker(rt, i));
    for (u32 tries = 0; behind && tries < 200; tries++) {
        const struct timespec t = { 0, tries ? 10000000 : 1000000 };
        for (u32 i = 0; i < n; i++)
            if (progress(rl_rt_worker(rt, i)) == before[i]) rl_io_wake(&rl_rt_worker(rt, i)->io);
        nanosleep(&t, NULL);
        behind = 0;
        for (u32 i = 0; i < n; i++)
            if (progress(rl_rt_worker(rt, i)) == before[i]) behind++, snprintf(why, size, "worker %u got nothing done for two seconds", i);
    }
    free(before);
    return !behind;
}
