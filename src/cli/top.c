/* The `top` command: attaches to a running program and shows its processes, again every second, or once.
 *
 * Owns the connection and the terminal's mode, which every way out gives back; main thread only. The program opens its
 * socket when it gets SIGUSR2 (src/attach.h), which would end a process that does not expect it: so we look in /proc
 * first. Rows arrive chosen and ordered; here they are only laid out. A terminal library was not taken: what it would do
 * for us is four escape sequences. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "src/attach.h"
#include "src/cli/cli.h"

typedef unsigned long long ull;

enum { WORKERS, ALIVE, PEAK, SPAWNED, FAILED, MESSAGES, SLICES, STEALS, MEMORY, FUEL, BUSY, TOTALS }; /* see src/survey.h */
enum { FIELDS = 10, KEYS = 6 };
static const char *const keys[KEYS] = {"id", "busy", "fuel", "memory", "mailbox", "links"};

typedef struct row { ull id, parent, mailbox, memory, fuel, busy, links; char state[12], names[200], function[200]; } row;

typedef struct top {
    pid_t pid;
    int fd;
    FILE *in;
    u32 key;               /* of keys */
    ull totals[TOTALS], before[TOTALS];
    double seconds;        /* between the two */
    row *rows; u32 n, cap;
    u32 chosen;            /* the row under the cursor */
    bool exact;            /* whole numbers and lines of any length: for programs to read */
    int width, height;
    rl_style style;
} top;

static volatile sig_atomic_t over; /* a signal came */
static void on_end(int sig) { over = sig; }

/* ---- finding and attaching ---- */

/* Whether the process is one that catches SIGUSR2, called rille, and ours. */
static bool expects_us(pid_t pid) {
    char path[64], line[256], name[17] = "";
    ull caught = 0, uid = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        (void)sscanf(line, "Name: %16s", name);
        (void)sscanf(line, "Uid: %llu", &uid);
        (void)sscanf(line, "SigCgt: %llx", &caught);
    }
    if (f) fclose(f);
    return !strcmp(name, "rille") && caught >> (SIGUSR2 - 1) & 1 && (uid == geteuid() || !geteuid());
}

/* The only one there is; 0 after a complaint. */
static pid_t find(void) {
    char list[200] = "";
    pid_t found = 0;
    u32 n = 0;
    DIR *d = opendir("/proc");
    for (struct dirent *e; d && (e = readdir(d));) {
        pid_t pid = isdigit((unsigned char)*e->d_name) ? atoi(e->d_name) : 0;
        if (!pid || pid == getpid() || !expects_us(pid)) continue;
        size_t at = strlen(list);
        snprintf(list + at, sizeof list - at, " %d", (int)pid);
        found = pid;
        n++;
    }
    if (d) closedir(d);
    if (n == 1) return found;
    rl_diag why = {0};
    if (n) rl_diag_set(&why, RL_ERR_USAGE, "several programs are running, name one:%s", list);
    else rl_diag_set(&why, RL_ERR_NOTFOUND, "no program is running (or none of yours)");
    rl_cli_complain(NULL, &why);
    return 0;
}

static void nap_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

/* Opens t->fd to t->pid, which is given up to two seconds to open its side. */
static bool attach(top *t) {
    struct sockaddr_un a;
    socklen_t size = rl_attach_address(&a, t->pid);
    pid_t other = 0;
    if (kill(t->pid, SIGUSR2)) return false;
    for (int tries = 0; tries < 200; tries++, nap_ms(10)) {
        t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (t->fd >= 0 && !connect(t->fd, (struct sockaddr *)&a, size)) break;
        if (t->fd >= 0) close(t->fd);
        t->fd = -1;
    }
    if (t->fd < 0 || !rl_attach_trusted(t->fd, &other) || other != t->pid) return false;
    return (t->in = fdopen(t->fd, "r"));
}

/* ---- asking ---- */

static bool ask(const top *t, const char *fmt, ...) {
    char text[64];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return send(t->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* The next line of an answer, without its end; NULL at the dot, and *lost when the program is gone. */
static char *next_line(const top *t, char **line, size_t *size, bool *lost) {
    ssize_t n = getline(line, size, t->in);
    *lost = n <= 0;
    if (n <= 0) return NULL;
    (*line)[n - 1] = 0;
    return strcmp(*line, ".") ? *line : NULL;
}

static bool parse_row(char *line, row *r) {
    char *field[FIELDS], *rest = line;
    for (int i = 0; i < FIELDS; i++)
        if (!(field[i] = strsep(&rest, "\t"))) return false;
    ull *const numbers[FIELDS] = {&r->id, &r->parent, NULL, &r->mailbox, &r->memory, &r->fuel, &r->busy, &r->links, NULL, NULL};
    for (int i = 0; i < FIELDS; i++)
        if (numbers[i]) *numbers[i] = strtoull(field[i], NULL, 10);
    snprintf(r->state, sizeof r->state, "%s", field[2]);
    snprintf(r->names, sizeof r->names, "%s", field[8]);
    snprintf(r->function, sizeof r->function, "%s", field[9]);
    return true;
}

static row *new_row(top *t) {
    if (t->n == t->cap) {
        u32 cap = t->cap ? t->cap * 2 : 64;
        row *more = realloc(t->rows, cap * sizeof *more);
        if (!more) return NULL;
        t->rows = more;
        t->cap = cap;
    }
    return &t->rows[t->n];
}

static void parse_totals(top *t, char *line) {
    memcpy(t->before, t->totals, sizeof t->before);
    for (int i = 0; i < TOTALS && line; i++) {
        char *field = strsep(&line, "\t");
        t->totals[i] = strtoull(field, NULL, 10);
    }
}

static double now(void) {
    struct timespec s;
    clock_gettime(CLOCK_MONOTONIC, &s);
    return (double)s.tv_sec + (double)s.tv_nsec / 1e9;
}

/* Asks for at most `most` rows (0: all). False: the program is gone. */
static bool refresh(top *t, int most) {
    static double last;
    char *line = NULL;
    size_t size = 0;
    bool lost = false;
    double at = now();
    if (!ask(t, "rows %s %d\n", keys[t->key], most)) return false;
    if (next_line(t, &line, &size, &lost)) parse_totals(t, line);
    t->n = 0;
    t->seconds = last > 0 ? at - last : 0;
    last = at;
    while (!lost && next_line(t, &line, &size, &lost)) {
        row *r = new_row(t);
        if (r && parse_row(line, r)) t->n++;
    }
    free(line);
    return !lost;
}

/* ---- laying out ---- */

/* A number in at most five columns, or in full. */
static const char *number(const top *t, ull n, double step, char buf[24]) {
    static const char units[] = " kMGTPE";
    double v = (double)n;
    int unit = 0;
    for (; v >= (step > 1000 ? 9999 : 99999) && units[unit + 1] && !t->exact; unit++) v /= step;
    if (unit) snprintf(buf, 24, v < 100 ? "%.1f%c" : "%.0f%c", v, units[unit]);
    else snprintf(buf, 24, "%llu", n);
    return buf;
}

/* Prints a line of text, cut at the terminal's width (in characters, each one column wide). */
static void put_line(const top *t, const char *before, char *text, const char *after) {
    int columns = 0;
    char *end = text;
    for (; *end && (t->exact || columns < t->width); columns++)
        for (end++; (*end & 0xc0) == 0x80; end++) {}
    *end = 0;
    printf("%s%s%s%s\n", before, text, after, t->height ? "\033[K" : "");
}

static double rate(const top *t, int what) {
    return t->seconds > 0 ? (double)(t->totals[what] - t->before[what]) / t->seconds : 0;
}

static void put_totals(const top *t) {
    char text[300], alive[24], peak[24], spawned[24], memory[24], messages[24], slices[24];
    snprintf(text, sizeof text, "process %d: %llu worker%s, %s processes (%s at most), %s spawned, %llu failed", (int)t->pid,
             t->totals[WORKERS], t->totals[WORKERS] == 1 ? "" : "s", number(t, t->totals[ALIVE], 1000, alive),
             number(t, t->totals[PEAK], 1000, peak), number(t, t->totals[SPAWNED], 1000, spawned), t->totals[FAILED]);
    put_line(t, t->style.bold, text, t->style.off);
    snprintf(text, sizeof text, "%s bytes of memory, %s messages/s, %s slices/s, %llu steals",
             number(t, t->totals[MEMORY], 1024, memory), number(t, (ull)rate(t, MESSAGES), 1000, messages),
             number(t, (ull)rate(t, SLICES), 1000, slices), t->totals[STEALS]);
    put_line(t, "", text, "");
}

#define COLUMNS "%8s %8s %-9s %6s %7s %7s %7s %5s  %s"

static void put_row(const top *t, const row *r, bool chosen) {
    char text[600], id[24], parent[24], busy[24], mailbox[24], memory[24], fuel[24], links[24], where[420];
    bool named = strcmp(r->names, "-");
    snprintf(id, sizeof id, "%llu", r->id);
    snprintf(parent, sizeof parent, "%llu", r->parent);
    snprintf(busy, sizeof busy, "%.1f%%", t->totals[BUSY] ? 100.0 * (double)r->busy / (double)t->totals[BUSY] : 0);
    snprintf(where, sizeof where, "%s%s%s", named ? r->names : "", named ? " " : "", r->function);
    snprintf(text, sizeof text, COLUMNS, id, r->parent ? parent : "-", r->state, busy, number(t, r->mailbox, 1000, mailbox),
             number(t, r->memory, 1024, memory), number(t, r->fuel, 1000, fuel), number(t, r->links, 1000, links), where);
    const char *colour = chosen ? "\033[7m" : *t->style.off && strcmp(r->state, "running") == 0 ? t->style.bold : "";
    put_line(t, colour, text, *colour ? "\033[0m" : "");
}

static void put_table(const top *t) {
    char head[120];
    put_totals(t);
    snprintf(head, sizeof head, COLUMNS, "ID", "PARENT", "STATE", "BUSY", "MAILBOX", "MEMORY", "FUEL", "LINKS", "NAME, FUNCTION");
    put_line(t, t->style.dim, head, t->style.off);
    for (u32 i = 0; i < t->n; i++) put_row(t, &t->rows[i], t->height && i == t->chosen);
}

/* ---- the terminal ---- */

static struct termios normal;

static void raw(bool on) {
    struct termios mode = normal;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(0, TCSANOW, on ? &mode : &normal);
    fputs(on ? "\033[?1049h\033[?25l" : "\033[?25h\033[?1049l", stdout); /* the other screen, no cursor; and back */
    fflush(stdout);
}

static void measure(top *t) {
    struct winsize w;
    bool known = !ioctl(1, TIOCGWINSZ, &w) && w.ws_col;
    t->width = known ? w.ws_col : 80;
    t->height = known ? RL_MAX(w.ws_row, 6) : 24;
}

/* A key within `ms`, arrows as their last letter with a high bit; 0: none. */
static int key_within(int ms) {
    unsigned char c[3] = {0};
    struct pollfd p = {.fd = 0, .events = POLLIN};
    if (poll(&p, 1, ms) <= 0 || read(0, c, 1) != 1) return 0;
    if (c[0] == 27 && poll(&p, 1, 10) > 0 && read(0, c + 1, 2) == 2 && c[1] == '[') return c[2] | 0x80;
    return c[0];
}

static bool show_one(const top *t, ull id) {
    char *line = NULL;
    size_t size = 0;
    bool lost = false;
    int lines = 0;
    if (!ask(t, "one %llu\n", id)) return false;
    fputs("\033[H", stdout);
    while (next_line(t, &line, &size, &lost))
        if (lines++ < t->height - 2) printf("%s\033[K\n", line);
    if (!lines) printf("process %llu has ended\033[K\n", id);
    printf("\033[J\n(any key goes back)");
    fflush(stdout);
    free(line);
    while (!lost && !over && !key_within(1000)) {}
    return !lost;
}

/* What a key does; false: leave. */
static bool press(top *t, int c) {
    u32 last = t->n ? t->n - 1 : 0;
    switch (c) {
    case 'q': return false;
    case 'k': case 'A' | 0x80: t->chosen -= t->chosen > 0; break;
    case 'j': case 'B' | 0x80: t->chosen = RL_MIN(t->chosen + 1, last); break;
    case '\n': case '\r': return !t->n || show_one(t, t->rows[t->chosen].id);
    case 'i': t->key = 0; break;
    case 'b': t->key = 1; break;
    case 'f': t->key = 2; break;
    case 'm': t->key = 3; break;
    case 'x': t->key = 4; break;
    case 'l': t->key = 5; break;
    }
    return true;
}

static void put_screen(top *t) {
    char help[] = "q quit  enter details   by: i id  b busy  f fuel  m memory  x mailbox  l links";
    fputs("\033[H", stdout);
    put_table(t);
    fputs("\033[J", stdout);
    printf("\033[%d;1H", t->height);
    help[RL_MIN((int)sizeof help - 1, t->width - 1)] = 0;
    printf("%s%s%s", t->style.dim, help, t->style.off);
    fflush(stdout);
}

/* Until a key or a signal ends it: true; false when the program is gone. */
static bool watch(top *t) {
    struct sigaction end = {.sa_handler = on_end};
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    tcgetattr(0, &normal);
    raw(true);
    bool there = true;
    for (double next = 0; there && !over;) {
        measure(t);
        if (now() >= next) {
            there = refresh(t, t->height - 5);
            next = now() + 1;
        }
        t->chosen = t->n ? RL_MIN(t->chosen, t->n - 1) : 0;
        if (there) put_screen(t);
        u32 key = t->key;
        int c = there ? key_within((int)RL_MAX((next - now()) * 1000, 1)) : 0;
        if (c && !press(t, c)) break;
        if (key != t->key) next = 0;
    }
    raw(false);
    return there;
}

/* ---- the command ---- */

static bool once(top *t) {
    t->exact = !isatty(1);
    if (!t->exact) measure(t);
    t->height = 0; /* plain lines, no cursor */
    /* twice: what is busy shows only over some time */
    if (!refresh(t, 1)) return false;
    nap_ms(200);
    if (!refresh(t, 0)) return false;
    put_table(t);
    return true;
}

static int fail(const top *t, const char *why) {
    rl_diag d = {0};
    rl_diag_set(&d, RL_ERR_NOTFOUND, "process %d %s", (int)t->pid, why);
    return rl_cli_complain(NULL, &d);
}

int rl_cli_top(const rl_args *a) {
    top t = {.fd = -1, .style = rl_cli_style(stdout), .key = rl_args_given(a, RL_OPT_sort) ? a->sort : 1};
    char *end = NULL;
    if (a->noperands) {
        t.pid = (pid_t)strtol(a->operands[0], &end, 10);
        if (*end || t.pid <= 0) return rl_cli_usage("rille top wants the number of an operating-system process, not \"%s\"", a->operands[0]);
    } else if (!(t.pid = find())) {
        return RL_STATUS_FAILED;
    }
    if (!expects_us(t.pid)) return fail(&t, "runs no program of yours");
    bool attached = attach(&t), there = false;
    if (attached) there = a->once || !isatty(0) || !isatty(1) ? once(&t) : watch(&t);
    if (t.in) fclose(t.in);
    else if (t.fd >= 0) close(t.fd);
    free(t.rows);
    if (!attached) return fail(&t, "does not answer");
    if (!there && a->once) return fail(&t, "has ended");
    if (!there) printf("process %d has ended\n", (int)t.pid);
    return 0;
}
