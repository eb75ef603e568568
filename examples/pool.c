/* A pool of workers: each asks for work when it has none, so the quick ones do more; each may use little memory.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/pool.c -o pool.wasm && rille --workers=4 pool.wasm
 *
 * | 100 numbers, 25 of them primes */
#include <stdio.h>

#include "rille_guest.h"

typedef struct answer { int64_t worker; int number, prime; } answer;
RILLE_MESSAGE(task, 1, int);
RILLE_MESSAGE(result, 2, answer);

static int is_prime(int n) {
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0) return 0;
    return n > 1;
}

static void worker(int64_t boss) {
    answer a = {rille_self(), 0, 0}; /* the first answer is none: it only asks for work */
    for (;;) {
        result_send(boss, &a);
        task_receive(&a.number, RILLE_FOREVER);
        a.prime = is_prime(a.number);
    }
}

int main(void) {
    int64_t small = rille_config_new();
    rille_config_memory(small, 1 << 20);
    for (int i = 0; i < 8; i++)
        if (!rille_start_with(worker, rille_self(), (rille_options){.link = 1, .config = small})) return 1;
    int next = 1, done = 0, primes = 0;
    for (answer a; done < 100;) {
        result_receive(&a, RILLE_FOREVER);
        done += a.number > 0;
        primes += a.prime;
        if (next <= 100) task_send(a.worker, &next), next++;
    }
    printf("%d numbers, %d of them primes\n", done, primes);
}
