/* memory.copy of every short size, at every distance at which the ranges overlap, against copying byte by byte; then at the
 * very end of memory, and beyond it.
 *
 * | 30368 copies, 0 wrong
 * | at the end: 146 returned, 0 wrong
 * | beyond: 0 of 145 returned
 */
#include <stdio.h>
#include <stdlib.h>

#include "rille_guest.h"

#define MOST 145

__attribute__((target("bulk-memory"), noinline)) static void copy(void *to, const void *from, size_t n) { __builtin_memmove(to, from, n); }

static uint8_t a[600], b[600];

static void fill(uint8_t *p) {
    for (int i = 0; i < 600; i++) p[i] = (uint8_t)(i * 7 + i / 256);
}

static void by_hand(uint8_t *to, const uint8_t *from, int n) {
    uint8_t volatile between[MOST];
    for (int i = 0; i < n; i++) between[i] = from[i];
    for (int i = 0; i < n; i++) to[i] = between[i];
}

static uint8_t *end;
static size_t size;
static void up_to_the_end(void *beyond) {
    copy(end - size + *(int *)beyond, a, size);
    copy(a, end - size + *(int *)beyond, size);
}

static int returned(int beyond) { return rille_catch(up_to_the_end, &beyond); }

int main(void) {
    int done = 0, wrong = 0, fine = 0;
    for (int n = 0; n <= MOST; n++)
        for (int distance = -103; distance <= 104; distance++, done++) {
            fill(a), fill(b);
            copy(a + 200 + distance, a + 200, (size_t)n);
            by_hand(b + 200 + distance, b + 200, n);
            wrong += memcmp(a, b, sizeof a) != 0;
        }
    printf("%d copies, %d wrong\n", done, wrong);
    end = (uint8_t *)(__builtin_wasm_memory_size(0) << 16);
    for (size = 0, wrong = 0; size <= MOST; size++) {
        fill(a);
        fine += returned(0);
        fill(b);
        wrong += memcmp(end - size, b, size) != 0;
    }
    printf("at the end: %d returned, %d wrong\n", fine, wrong);
    for (size = 1, fine = 0; size <= MOST; size++) fine += returned(1);
    printf("beyond: %d of %d returned\n", fine, MOST);
}
