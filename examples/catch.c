/* Catching a trap: in this process, by rille_catch; and in another, whose end is a message. What a process may use up is
 * limited by its configuration, and going beyond is a trap as well.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/catch.c -o catch.wasm && rille catch.wasm
 *
 * | 7 / 2 is 3
 * | 7 / 0 traps
 * | and we go on
 * | the one that spins is stopped
 * | a process that returns is heard of too */
#include <stdio.h>

#include "rille_guest.h"

typedef struct division { volatile int a, b, result; } division;

static void divide(void *argument) {
    division *d = argument;
    d->result = d->a / d->b;
}

static void try_to(int a, int b) {
    division d = {a, b, 0};
    if (rille_catch(divide, &d)) printf("%d / %d is %d\n", a, b, d.result);
    else printf("%d / %d traps\n", a, b);
}

static void spin(int64_t unused) {
    (void)unused;
    for (volatile int i = 0;; i++) {}
}

static void nothing(int64_t unused) { (void)unused; }

int main(void) {
    try_to(7, 2);
    try_to(7, 0);
    puts("and we go on");
    rille_die_with_links(0);
    int64_t poor = rille_config_new();
    rille_config_fuel(poor, 10); /* a million instructions */
    rille_start_with(spin, 0, (rille_options){.link = 5, .config = poor});
    if (rille_receive(RILLE_FOREVER) == RILLE_LINK_DIED && rille_tag() == 5) puts("the one that spins is stopped");
    int64_t other = rille_start(nothing, 0);
    rille_monitor(other);
    if (rille_receive(RILLE_FOREVER) == RILLE_PROCESS_DIED && rille_about() == other) puts("a process that returns is heard of too");
}
