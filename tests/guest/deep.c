/* A process begins with a small stack and goes on in a larger one when recursion needs it: whatever is on the stack then
 * (arguments in registers and in memory, floats, frames of nested calls, a call that waits) is as it was, and a trap at
 * any depth is caught where it should be.
 * | depth 10: 110 caught 0 then 42
 * | depth 100: 10100 caught 0 then 42
 * | depth 1000: 1001000 caught 0 then 42
 * | depth 2000: 4002000 caught 0 then 42
 * | endless: 0 then 42
 * | 40 of 40
 */
#include <stdio.h>

#define RILLE_RAW /* it has its own _lunatic_catch_trap */
#include "rille_guest.h"

__attribute__((export_name("_lunatic_catch_trap"))) int32_t catch_trap(int32_t (*f)(int32_t), int32_t argument) {
    return f(argument);
}
static int32_t try(int32_t (*f)(int32_t), int32_t argument) { return rille_trap_catch((int32_t)(intptr_t)f, argument); }

static int64_t word(void) {
    int64_t v = -1;
    rille_receive(-1);
    rille_read(&v, sizeof v);
    return v;
}

/* Sixteen parameters do not fit into registers on any processor; each level returns the sum of them, or counts a mistake. */
static int32_t wrong;
typedef double sum(int32_t n, int64_t b, float c, double d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i, int64_t j,
                   double k, float l, double m, double o, double p, double q, double r, double s);
static sum *volatile self;
static double sums(int32_t n, int64_t b, float c, double d, int32_t e, int32_t f, int64_t g, int32_t h, int32_t i, int64_t j,
                   double k, float l, double m, double o, double p, double q, double r, double s) {
    double here = n + (double)b + c + d + e + f + (double)g + h + i + (double)j + k + l + m + o + p + q + r + s;
    if (here != 20.0 * n - 2 * n) wrong++;
    if (!n) return rille_process_sleep_ms(0), 0;
    double rest = self(n - 1, b - 1, c - 1, d - 1, e - 1, f - 1, g - 1, h - 1, i - 1, j - 1, k - 1, l - 1, m - 1, o - 1, p - 1,
                       q - 1, r - 1, s - 1);
    if (b != n || c != (float)n || s != n || j != n) wrong++;
    return rest + 2 * n + (int)(here / n) - 18;
}

static int32_t (*volatile next)(int32_t);
static int32_t trap_below(int32_t n) {
    if (!n) __builtin_trap();
    return next(n - 1) + 1;
}
static int32_t catches_below(int32_t n) { return n ? next(n - 1) : try(trap_below, 10000000) + 42; }
static int32_t catches(int32_t n) {
    next = catches_below;
    return try(catches_below, n);
}
static int32_t traps(int32_t n) {
    next = trap_below;
    return try(trap_below, n);
}
static int32_t answer(int32_t n) {
    (void)n;
    return 42;
}
/* Down to n, there a nested call which goes down as far as it can and is caught. */
static int32_t (*volatile again)(int32_t);
static int32_t down(int32_t n) {
    if (n) return again(n - 1) + (n & 1 ? 1 : -1);
    next = trap_below;
    return try(trap_below, 100000000) + try(answer, 0);
}

static void report(int64_t depth, const char *line) {
    rille_send(depth, 1, line, (uint32_t)strlen(line) + 1);
}

RILLE_ENTRY(deep)(int64_t parent) {
    char line[100];
    int32_t n = (int32_t)word();
    self = sums;
    again = down;
    double result = self(n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n);
    snprintf(line, sizeof line, "depth %d: %.0f caught %d then %d", (int)n, wrong ? -1.0 : result, (int)traps(n), (int)down(n & ~1));
    report(parent, line);
}

RILLE_ENTRY(endless)(int64_t parent) {
    char line[100];
    next = trap_below;
    snprintf(line, sizeof line, "endless: %d then %d", (int)try(trap_below, 100000000), (int)catches(10));
    report(parent, line);
}

/* Waits for a message at the bottom, so that it is resumed there by whoever is free. */
static int64_t (*volatile waiter)(int32_t);
static int64_t waits(int32_t n) {
    volatile int64_t mine = n;
    int64_t below = n ? waiter(n - 1) : word();
    return below + mine - n;
}
RILLE_ENTRY(sleeper)(int64_t parent) {
    waiter = waits;
    int64_t got = waits((int32_t)word());
    rille_send(parent, 1, &got, sizeof got);
}

int main(void) {
    static const int64_t depths[] = { 10, 100, 1000, 2000 };
    char line[100];
    for (int i = 0; i < 4; i++) {
        rille_send(rille_spawn("deep", rille_self()), 1, &depths[i], 8);
        rille_receive(-1);
        rille_read(line, sizeof line);
        puts(line);
    }
    rille_spawn("endless", rille_self());
    rille_receive(-1);
    rille_read(line, sizeof line);
    puts(line);
    int64_t id[40], good = 0;
    for (int64_t i = 0; i < 40; i++) {
        int64_t n = 50 * i;
        rille_send(id[i] = rille_spawn("sleeper", rille_self()), 1, &n, 8);
    }
    for (int64_t i = 0; i < 40; i++) rille_send(id[i], 1, &i, 8);
    for (int64_t i = 0, seen = 0; i < 40; i++) {
        int64_t v = word();
        good += v >= 0 && v < 40 && !(seen >> v & 1);
        seen |= INT64_C(1) << v;
    }
    printf("%d of 40\n", (int)good);
    return 0;
}
