/* The `test` command, and what Cargo's tests become: every export "#lunatic_test_…" of a module is a test, run as the root
 * process of a runtime of its own, several at a time, with its output captured; the verdicts look like libtest's.
 *
 * The main thread owns the list; runner threads take tests from it and write each one's result; what is printed and
 * counted is under the lock. A runtime for each test rather than one for all: a test's processes, names and numbers are
 * its own, its leftovers end with it, and one that spins or floods holds up no other. Names: SPEC of the lunatic-test
 * crate, "#lunatic_test_[#ignore_][#panic_TEXT#]NAME", a # in TEXT being \#. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "jit/code.h"
#include "jit/engine.h"
#include "jit/module.h"
#include "src/base/os.h"
#include "src/capture.h"
#include "src/cli/cli.h"
#include "src/cli/grant.h"

typedef enum outcome { NOT_RUN, PASSED, FAILED, IGNORED } outcome;

typedef struct test {
    char *export, *name;
    char *panic;       /* text that the panic must contain; NULL: it must not panic */
    bool ignored;
    outcome outcome;
    char *output;      /* what is shown of it; NULL or "": nothing */
    size_t output_size;
} test;

typedef struct suite {
    const rl_args *args;
    rl_rt_config config;
    rl_module *module;
    test *tests;
    u32 n, filtered; /* those selected, those not */
    pthread_mutex_t lock;
    u32 next, count[IGNORED + 1];
    const char *green, *red, *yellow, *off;
} suite;

/* ---- finding tests ---- */

static const char prefix[] = "#lunatic_test_", ignore[] = "#ignore_", panics[] = "#panic_";

static bool skip(const char **p, const char *what) {
    size_t n = strlen(what);
    if (strncmp(*p, what, n)) return false;
    *p += n;
    return true;
}

/* The text up to the # that is not written \#, unescaped; *p moves behind it. NULL: memory is out. */
static char *panic_text(const char **p) {
    char *text = strdup(*p), *to = text;
    if (!text) return NULL;
    while (**p && **p != '#') {
        if ((*p)[0] == '\\' && (*p)[1] == '#') ++*p;
        *to++ = *(*p)++;
    }
    *to = 0;
    if (**p) ++*p;
    return text;
}

static rl_err parse_export(const rl_export *e, test *t) {
    *t = (test){.export = strndup(e->name.p, e->name.len)};
    if (!t->export) return RL_ERR_NOMEM;
    const char *p = t->export + sizeof prefix - 1;
    t->ignored = skip(&p, ignore);
    if (skip(&p, panics) && !(t->panic = panic_text(&p))) return RL_ERR_NOMEM;
    t->name = strdup(p);
    return t->name ? RL_OK : RL_ERR_NOMEM;
}

static bool is_test(const rl_export *e) {
    return e->kind == RL_KIND_FUNC && e->name.len >= sizeof prefix - 1 && !memcmp(e->name.p, prefix, sizeof prefix - 1);
}

static bool selected(const rl_args *a, const test *t) {
    const char *filter = a->noperands > 1 ? a->operands[1] : "";
    if (a->exact ? strcmp(t->name, filter) : !strstr(t->name, filter)) return false;
    for (u32 i = 0; i < a->skip.n; i++)
        if (a->exact ? !strcmp(t->name, a->skip.v[i]) : !!strstr(t->name, a->skip.v[i])) return false;
    return !a->ignored || t->ignored;
}

static void test_fini(test *t) {
    free(t->export);
    free(t->name);
    free(t->panic);
    free(t->output);
}

static rl_err find_tests(suite *s, u32 *all) {
    const rl_module *m = s->module;
    *all = 0;
    if (!(s->tests = calloc(m->nexports + 1u, sizeof *s->tests))) return RL_ERR_NOMEM;
    for (u32 i = 0; i < m->nexports; i++) {
        if (!is_test(&m->exports[i])) continue;
        test *t = &s->tests[s->n];
        rl_err e = parse_export(&m->exports[i], t);
        ++*all;
        if (!e && selected(s->args, t)) {
            s->n++;
            continue;
        }
        test_fini(t);
        if (e) return e;
    }
    s->filtered = *all - s->n;
    return RL_OK;
}

/* ---- the verdict ---- */

typedef struct span { const char *p; size_t n; } span;

static const char *find(span in, const char *what) { return in.n ? memmem(in.p, in.n, what, strlen(what)) : NULL; }
static span from(span in, const char *p) { return (span){p, (size_t)(in.p + in.n - p)}; }
static span until(span in, const char *p) { return p ? (span){in.p, (size_t)(p - in.p)} : in; }

/* Cuts the next panic off *text: from the line "thread '…' panicked at " to the next such line. */
static bool next_panic(span *text, span *panic) {
    const char *start = NULL;
    for (const char *line = text->p; line && line < text->p + text->n;) {
        span rest = from(*text, line), one = until(rest, find(rest, "\n"));
        if (one.n > 8 && !memcmp(line, "thread '", 8) && find(one, " panicked at ")) {
            if (start) {
                *panic = (span){start, (size_t)(line - start)};
                *text = from(*text, line);
                return true;
            }
            start = line;
        }
        line = one.n < rest.n ? line + one.n + 1 : NULL;
    }
    if (!start) return false;
    *panic = from(*text, start);
    *text = from(*text, text->p + text->n);
    return true;
}

/* The message: in quotes and followed by the place, up to the last quote there is (Rust before 1.73); or on the lines
 * after the place. */
static bool panic_message(span panic, span *message) {
    static const char at[] = " panicked at ";
    span rest = from(panic, find(panic, at) + sizeof at - 1);
    if (rest.n && *rest.p == '\'') {
        const char *end = NULL;
        for (const char *p = rest.p; (p = find(from(rest, p), "', ")); p++) end = p;
        *message = end ? until(from(rest, rest.p + 1), end) : rest;
        return end;
    }
    const char *line = find(rest, "\n");
    if (!line) return false;
    rest = from(rest, line + 1);
    *message = until(rest, find(rest, "note: run with `RUST_BACKTRACE"));
    *message = until(*message, find(*message, "\nstack backtrace:"));
    while (message->n && message->p[message->n - 1] == '\n') message->n--;
    return true;
}

/* Whether the test passed; explains on `notes` what its output does not say. */
static bool judge(const suite *s, const test *t, bool failed, span text, FILE *notes) {
    span panic, message = {0};
    bool panicked = false, matched = false;
    while (next_panic(&text, &panic))
        if (panic_message(panic, &message)) panicked = true, matched |= t->panic && (!*t->panic || find(message, t->panic));
    if (!failed) {
        if (t->panic) fputs("note: test did not panic as expected\n", notes);
        return !t->panic;
    }
    if (!t->panic) {
        if (!panicked && !s->args->nocapture) fputs("note: Process trapped or received kill signal\n", notes);
        return false;
    }
    if (matched || !*t->panic) return true;
    if (panicked)
        fprintf(notes, "note: panic did not contain expected string\n      panic message: `\"%.*s\"`,\n expected substring: `\"%s\"`\n",
                (int)message.n, message.p, t->panic);
    else fprintf(notes, "note: Process received kill signal, but expected a panic that contains `%s`\n", t->panic);
    return false;
}

/* ---- running one ---- */

/* Captured streams, the notes at the end of the root's, and what the runtime said. */
static void put_output(FILE *out, rl_capture *c, const char *notes, const char *reports, bool streams) {
    for (u32 i = 0; i < c->n && streams; i++) {
        size_t n;
        const char *text = rl_capture_text(c, i, &n);
        if (c->n > 1) fprintf(out, " --- process %u stdout ---\n", i);
        fwrite(text, 1, n, out);
        if (i == 0) fputs(notes, out);
    }
    if (!c->n || !streams) fputs(notes, out);
    fputs(reports, out);
}

static void run_test(suite *s, test *t) {
    rl_rt_config c = s->config;
    rl_capture capture;
    rl_diag d = {0};
    char *reports = NULL, *notes = NULL;
    size_t nreports, nnotes;
    bool show = s->args->nocapture;
    FILE *log = show ? NULL : open_memstream(&reports, &nreports), *note = open_memstream(&notes, &nnotes);
    FILE *out = open_memstream(&t->output, &t->output_size);
    rl_capture_init(&capture, show ? 1 : -1);
    c.entry = t->export;
    c.capture = &capture;
    c.log = show ? stderr : log;
    bool failed = true, panicked = false;
    if (note && out && c.log) {
        span text, panic;
        failed = rl_rt_run(&c, s->module, &d) != 0;
        if (d.code) fprintf(note, "note: %s\n", d.text[0] ? d.text : rl_err_text(d.code));
        text.p = rl_capture_text(&capture, 0, &text.n);
        t->outcome = judge(s, t, failed, text, note) ? PASSED : FAILED;
        panicked = next_panic(&text, &panic);
        fflush(note);
        if (log) fflush(log);
        put_output(out, &capture, notes, t->outcome == FAILED && !panicked && reports ? reports : "", !show);
    } else t->outcome = FAILED;
    if (log) fclose(log);
    if (note) fclose(note);
    if (out) fclose(out);
    free(reports);
    free(notes);
    rl_capture_fini(&capture);
}

static void print_verdict(const suite *s, const test *t) {
    static const char *const word[] = {"", "ok", "FAILED", "ignored"};
    const char *colour = t->outcome == PASSED ? s->green : t->outcome == FAILED ? s->red : s->yellow;
    if (s->args->quiet && t->outcome != FAILED) return;
    printf("test %s%s ... %s%s%s\n", t->name, t->panic && t->outcome != IGNORED ? " - should panic" : "", colour, word[t->outcome],
           s->off);
    fflush(stdout);
}

/* A runner's thread: takes tests until there are none. */
static void *run_some(void *arg) {
    suite *s = arg;
    pthread_mutex_lock(&s->lock);
    while (s->next < s->n) {
        test *t = &s->tests[s->next++];
        if (t->ignored && !s->args->ignored && !s->args->include_ignored) t->outcome = IGNORED;
        else {
            pthread_mutex_unlock(&s->lock);
            run_test(s, t);
            pthread_mutex_lock(&s->lock);
        }
        s->count[t->outcome]++;
        print_verdict(s, t);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- all of them ---- */

/* Several for each core, because tests wait more than they compute. */
static u32 runners(const suite *s) {
    u64 n = rl_args_given(s->args, RL_OPT_test_threads) ? s->args->test_threads : RL_MAX(8u, 4 * rl_os_cores());
    return (u32)RL_MIN(n, (u64)RL_MAX(s->n, 1u));
}

static void run_all(suite *s) {
    u32 n = runners(s), started = 0;
    pthread_t *threads = calloc(n, sizeof *threads);
    while (threads && started + 1 < n && !pthread_create(&threads[started], NULL, run_some, s)) started++;
    run_some(s);
    for (u32 i = 0; i < started; i++) pthread_join(threads[i], NULL);
    free(threads);
}

static void print_group(const suite *s, const char *title, outcome which) {
    printf("\n%s:\n", title);
    for (u32 i = 0; i < s->n; i++) {
        const test *t = &s->tests[i];
        if (t->outcome != which || !t->output_size) continue;
        printf("\n---- %s stdout ----\n", t->name);
        fwrite(t->output, 1, t->output_size, stdout);
    }
    printf("\n%s:\n", title);
    for (u32 i = 0; i < s->n; i++)
        if (s->tests[i].outcome == which) printf("    %s\n", s->tests[i].name);
}

static int report(const suite *s, double seconds) {
    bool bad = s->count[FAILED];
    if (s->args->show_output && s->count[PASSED]) print_group(s, "successes", PASSED);
    if (bad) print_group(s, "failures", FAILED);
    printf("\ntest result: %s%s%s. %u passed; %u failed; %u ignored; 0 measured; %u filtered out; finished in %.2fs\n\n",
           bad ? s->red : s->green, bad ? "FAILED" : "ok", s->off, s->count[PASSED], s->count[FAILED], s->count[IGNORED], s->filtered,
           seconds);
    return bad ? RL_STATUS_FAILED : 0;
}

static int list(const suite *s) {
    for (u32 i = 0; i < s->n; i++) printf("%s: test\n", s->tests[i].name);
    if (!rl_args_given(s->args, RL_OPT_format)) printf("\n%u test%s, 0 benchmarks\n", s->n, s->n == 1 ? "" : "s");
    return 0;
}

static void colours(suite *s) {
    const char *no = getenv("NO_COLOR");
    bool plain = s->args->color == 2 || (s->args->color == 0 && no && *no);
    s->green = plain ? "" : "\033[92m";
    s->red = plain ? "" : "\033[91m";
    s->yellow = plain ? "" : "\033[93m";
    s->off = plain ? "" : "\033[0m";
}

/* Compiles for both kinds of process before the first test: tests measure time, and one must not wait for another's first
 * call of a function. An error comes again, with the test. */
static void compile(suite *s) {
    rl_code *code;
    rl_diag d = {0};
    bool guarded[] = {s->config.memory != RL_MEMORY_CHECKED, s->config.memory == RL_MEMORY_GUARDED};
    if (s->config.compile == RL_COMPILE_AUTO) s->config.compile = RL_COMPILE_EAGER;
    for (u32 i = 0; i < RL_LEN(guarded) && !rl_engine_init(&d); i++)
        (void)rl_code_get(s->module, rl_flavour_pick(guarded[i]), s->config.compile, 0, &code, &d);
}

static int run(suite *s) {
    u64 start = rl_os_now_ns();
    const rl_args *a = s->args;
    if (a->list_tests) return list(s);
    s->config.args = (const char *const *)a->operands + 2;
    s->config.nargs = a->noperands > 2 ? (u32)a->noperands - 2 : 0;
    s->config.environment = 0;
    s->config.patient = !s->config.seed;
    if (!s->config.workers) s->config.workers = 1; /* there are tests for the other cores */
    signal(SIGPIPE, SIG_IGN);
    colours(s);
    printf("\nrunning %u test%s\n", s->n, s->n == 1 ? "" : "s");
    fflush(stdout);
    compile(s);
    run_all(s);
    return report(s, (double)(rl_os_now_ns() - start) / 1e9);
}

int rl_cli_run_tests(const rl_args *a, bool *ran) {
    suite s = {.args = a, .config = rl_rt_defaults()};
    rl_grants g = {0};
    rl_diag d = {0};
    u32 all = 0;
    int status = RL_STATUS_FAILED;
    pthread_mutex_init(&s.lock, NULL);
    rl_err e = rl_grants_init(a, &g, &s.config);
    if (!e) e = rl_cli_module(a->operands[0], &s.module, &d);
    if (!e) e = find_tests(&s, &all);
    *ran = e || all;
    if (e == RL_ERR_USAGE && !d.code) status = RL_STATUS_USAGE;
    else if (e) rl_diag_set(&d, e, "%s", rl_err_text(e)), rl_cli_complain(a->operands[0], &d);
    else if (all) status = run(&s);
    for (u32 i = 0; i < s.n; i++) test_fini(&s.tests[i]);
    free(s.tests);
    rl_module_put(s.module);
    rl_grants_fini(&g);
    pthread_mutex_destroy(&s.lock);
    return status;
}

int rl_cli_test(const rl_args *a) {
    bool ran;
    int status = rl_cli_run_tests(a, &ran);
    if (ran) return status;
    rl_diag d = {0};
    rl_diag_set(&d, RL_ERR_NOTFOUND, "there are no tests in it: functions marked #[lunatic::test]");
    return rl_cli_complain(a->operands[0], &d);
}
