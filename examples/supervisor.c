/* A supervisor: starts workers, hears when one fails, and starts it again.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/supervisor.c -o supervisor.wasm && rille supervisor.wasm
 *
 * | worker 1 did 10
 * | worker 2 did 20
 * | worker 2 failed and is started again
 * | worker 2 did 30
 * | worker 1 did 40 */
#include <stdio.h>

#include "rille_guest.h"

RILLE_MESSAGE(job, 1, int);
enum { DONE = 2 }; /* the tag of answers; links have the number of their worker plus 100 */

/* Fails at odd jobs. */
static void worker(int64_t boss) {
    for (int n;;) {
        job_receive(&n, RILLE_FOREVER);
        if (n % 2) __builtin_trap();
        rille_send(boss, DONE, &n, sizeof n);
    }
}

static int64_t workers[3];

static void start(int i) { workers[i] = rille_start_link(worker, rille_self(), 100 + i); }

/* Gives worker i a job and tells what becomes of it. */
static void give(int i, int n) {
    job_send(workers[i], &n);
    if (rille_receive(RILLE_FOREVER) == RILLE_LINK_DIED) {
        i = (int)rille_tag() - 100;
        printf("worker %d failed and is started again\n", i);
        start(i);
    } else {
        rille_read(&n, sizeof n);
        printf("worker %d did %d\n", i, n);
    }
}

int main(void) {
    rille_die_with_links(0); /* a worker's end is a message, not ours */
    start(1);
    start(2);
    give(1, 10);
    give(2, 20);
    give(2, 21);
    give(2, 30);
    give(1, 40);
}
