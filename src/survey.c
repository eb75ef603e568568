/* Surveys: text about every process, made while all workers wait (src/halt.c), into memory, and written out when they go
 * on: a slow terminal stops nobody. Invariant: nothing of a process is changed by looking at it, and no pointer to one
 * outlives the halt. A copy of every record, read later, was not taken: a backtrace needs the stack, too. */
#include "src/survey.h"

#include <stdlib.h>

#include "jit/demangle.h"
#include "src/base/utf8.h"
#include "src/halt.h"
#include "src/sched.h"

typedef struct row {
    const rl_proc *p;
    u64 id;   /* p's: sorting a million looks at records no more often than it must */
    u64 key;
    u64 fuel, busy; /* all of it; since the last look */
} row;

typedef unsigned long long ull; /* for printf */

/* ---- what is seen of one process ---- */

static bool asleep(const rl_proc *p) {
    /* acquire: pairs with the release in rl_mailbox_push; workers wait, but other threads may send */
    return p->parked && atomic_load_explicit(&p->mail.word, memory_order_acquire) == RL_PARKED;
}

static const char *state_of(const rl_proc *p) {
    if (!asleep(p)) return p->worker->running == p->id ? "running" : p->phase < RL_PHASE_NEW ? "starting" : "ready";
    if (p->starting) return "spawning";
    if (p->cold && p->cold->job) return "working";
    if (p->host.wait.fd >= 0) return p->host.wait.write ? "writing" : "reading";
    if (p->wait_mail) return "receiving";
    return p->host.wait.deadline_ns != INT64_MAX ? "sleeping" : "waiting";
}

/* Messages not received, those that have just arrived among them. */
static u64 mailbox_of(const rl_proc *p) {
    u64 n = p->mail.count;
    /* acquire: pairs with the release in rl_mailbox_push */
    const rl_msg *m = atomic_load_explicit(&p->mail.word, memory_order_acquire);
    for (; m && m != RL_PARKED; m = m->next) n += m->sig <= RL_SIG_PROCESS_DIED;
    return n;
}

static u32 links_of(const rl_proc *p) { return p->cold ? p->cold->links.count : 0; }
static u64 fuel_of(const rl_proc *p) { return p->host.exec.fuel_spent; }

static bool names_of(const rl_proc *p, char *buf, size_t size) { return rl_names_text(&p->worker->rt->names, p->id, buf, size); }

/* ---- all of them ---- */

static int by_id(const void *a, const void *b) {
    const row *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Whether x comes first. */
static bool before(const row *x, const row *y) { return x->key != y->key ? x->key > y->key : x->id < y->id; }
static int by_key(const void *a, const void *b) { return before(a, b) ? -1 : 1; }

/* Every process, by id; *rows is the caller's to free. */
static u64 gather(rl_rt *rt, row **rows) {
    u64 n = 0, all = 0;
    for (u32 i = 0; i < RL_PID_SHARDS; i++) all += rt->pids.shards[i].map.count;
    *rows = calloc(all + 1, sizeof **rows);
    for (u32 i = 0; *rows && i < RL_PID_SHARDS; i++)
        RL_MAP_EACH(&rt->pids.shards[i].map, s) {
            const rl_proc *p = s->val;
            (*rows)[n++] = (row){ .p = p, .id = p->id, .fuel = fuel_of(p) };
        }
    if (n) qsort(*rows, n, sizeof **rows, by_id);
    return n;
}

/* Brings the first `most` by key to the front, in order. A few of very many, usually: those are kept sorted in one pass. */
static void choose(row *rows, u64 n, u64 most) {
    if (!most || most > 1000) {
        if (n) qsort(rows, n, sizeof *rows, by_key);
        return;
    }
    for (u64 i = 0, kept = 0; i < n; i++) {
        row r = rows[i];
        if (kept == most && !before(&r, &rows[kept - 1])) continue;
        u64 at = kept < most ? kept++ : kept - 1;
        if (at != i) rows[i] = rows[at]; /* the one that falls out, or r itself */
        for (; at && before(&r, &rows[at - 1]); at--) rows[at] = rows[at - 1];
        rows[at] = r;
    }
}

/* ---- for people ---- */

static u64 place_of(const rl_proc *p, const rl_frame *f, u32 n) {
    struct { u64 store, func, offset; } at;
    u64 h = rl_hash_bytes(&p->prog, sizeof p->prog);
    for (u32 i = 0; i < n; i++) {
        at.store = (u64)(uintptr_t)f[i].module, at.func = f[i].func, at.offset = f[i].wasm_offset;
        h = h * 31 + rl_hash_bytes(&at, sizeof at);
    }
    return h;
}

/* The backtrace, or which process of `places` is at the same place: thousands often are. */
static void print_place(FILE *out, const rl_proc *p, rl_map *places) {
    rl_frame frames[64];
    u32 n = p->phase == RL_PHASE_RUN || p->phase == RL_PHASE_START ? rl_backtrace(&p->host.exec, frames, RL_LEN(frames)) : 0;
    if (!n) return;
    u64 place = place_of(p, frames, RL_MIN(n, (u32)RL_LEN(frames)));
    const rl_proc *same = places ? rl_map_get(places, place) : NULL;
    if (same) {
        fprintf(out, "  at the same place as process %llu\n", (ull)same->id);
        return;
    }
    if (places) (void)rl_map_put(places, place, (void *)(uintptr_t)p, NULL); /* no memory: printed again */
    rl_backtrace_print(&p->host.exec, out);
}

static void print_links(FILE *out, const rl_proc *p) {
    u32 n = 0;
    if (!links_of(p)) return;
    fputs(", linked with", out);
    RL_MAP_EACH(&p->cold->links, s)
        if (n++ < 10) fprintf(out, "%s %llu", n > 1 ? "," : "", (ull)s->key);
    if (n > 10) fprintf(out, " and %u more", n - 10);
}

static void print_one(FILE *out, const rl_proc *p, rl_map *places) {
    char names[300];
    fprintf(out, "process %llu", (ull)p->id);
    if (names_of(p, names, sizeof names)) fprintf(out, " (%s)", names);
    if (p->parent) fprintf(out, ", spawned by process %llu", (ull)p->parent);
    fprintf(out, ": %s", state_of(p));
    print_links(out, p);
    fprintf(out, "; mailbox %llu, memory %llu, fuel %llu\n", (ull)mailbox_of(p), (ull)p->memory, (ull)fuel_of(p));
    print_place(out, p, places);
}

void rl_survey_print(rl_rt *rt) {
    char *text = NULL;
    size_t size;
    row *rows = NULL;
    rl_map places = { 0 };
    FILE *out = open_memstream(&text, &size);
    if (!out) return;
    rl_halt_begin(rt);
    u64 n = gather(rt, &rows);
    fprintf(out, "rille: %llu processes\n", (ull)n);
    for (u64 i = 0; i < n; i++) print_one(out, rows[i].p, &places);
    rl_halt_end(rt);
    if (!fclose(out)) {
        fwrite(text, 1, size, rt->log);
        fflush(rt->log);
    }
    rl_map_fini(&places);
    free(rows);
    free(text);
}

void rl_survey_one(rl_rt *rt, u64 pid, FILE *out) {
    rl_halt_begin(rt);
    rl_proc *p = rl_pid_hold(&rt->pids, pid);
    rl_pid_release(&rt->pids, pid);
    if (p) print_one(out, p, NULL);
    rl_halt_end(rt);
}

/* ---- for programs ---- */

static u64 key_of(const row *r, rl_survey_key key) {
    switch (key) {
    case RL_SURVEY_busy: return r->busy;
    case RL_SURVEY_fuel: return r->fuel;
    case RL_SURVEY_memory: return r->p->memory;
    case RL_SURVEY_mailbox: return mailbox_of(r->p);
    case RL_SURVEY_links: return links_of(r->p);
    case RL_SURVEY_id:
    case RL_SURVEY_KEY_COUNT: break;
    }
    return 0; /* by id */
}

void rl_survey_forget(rl_survey_seen *s) {
    free(s->spent);
    *s = (rl_survey_seen){ 0 };
}

/* Notes what each has spent, and since the last look; rows are by id, as what was seen. Returns the sum. */
static u64 note_fuel(rl_survey_seen *seen, row *rows, u64 n) {
    rl_survey_seen now = { malloc((n + 1) * sizeof *now.spent), n };
    u64 sum = 0;
    for (u64 i = 0, j = 0; i < n; i++) {
        while (j < seen->count && seen->spent[j].id < rows[i].id) j++;
        bool known = j < seen->count && seen->spent[j].id == rows[i].id;
        rows[i].busy = rows[i].fuel - (known ? seen->spent[j].fuel : 0);
        sum += rows[i].busy;
        if (now.spent) now.spent[i] = (struct rl_survey_spent){ rows[i].id, rows[i].fuel };
    }
    if (!now.spent) now.count = 0; /* all will seem new */
    rl_survey_forget(seen);
    *seen = now;
    return sum;
}

static void put_totals(rl_rt *rt, u64 busy, FILE *out) {
    rl_rt_stats s;
    rl_rt_sum(rt, &s);
    const u64 totals[] = { rl_rt_started(rt), rl_rt_alive(rt), s.processes_peak, s.processes, s.failures, s.messages,
                           s.slices, s.steals, rl_rt_memory(rt), s.fuel, busy };
    for (u32 i = 0; i < RL_LEN(totals); i++) fprintf(out, "%s%llu", i ? "\t" : "", (ull)totals[i]);
    fputc('\n', out);
}

static void put_row(const row *r, FILE *out) {
    const rl_proc *p = r->p;
    char names[300] = "-", symbol[300], name[300], function[300] = "-";
    rl_frame f;
    names_of(p, names, sizeof names);
    if (p->phase == RL_PHASE_RUN && rl_backtrace(&p->host.exec, &f, 1)) {
        rl_module_func_name(f.module, f.func, symbol, sizeof symbol);
        snprintf(function, sizeof function, "%s", rl_demangle(symbol, name, sizeof name));
        rl_utf8_printable(function);
    }
    fprintf(out, "%llu\t%llu\t%s\t%llu\t%llu\t%llu\t%llu\t%u\t%s\t%s\n", (ull)p->id, (ull)p->parent, state_of(p),
            (ull)mailbox_of(p), (ull)p->memory, (ull)r->fuel, (ull)r->busy, links_of(p), names, function);
}

void rl_survey_rows(rl_rt *rt, rl_survey_key key, u64 most, rl_survey_seen *seen, FILE *out) {
    row *rows = NULL;
    rl_halt_begin(rt);
    u64 n = gather(rt, &rows), busy = note_fuel(seen, rows, n);
    for (u64 i = 0; i < n; i++) rows[i].key = key_of(&rows[i], key);
    choose(rows, n, most);
    put_totals(rt, busy, out);
    for (u64 i = 0; i < n && (!most || i < most); i++) put_row(&rows[i], out);
    rl_halt_end(rt);
    free(rows);
}
