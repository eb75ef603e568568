/* What a process leaves behind must never be seen by the next one in its place. Vandals fill all the memory they can get
 * with a secret and end in every way there is; detectives, spawned between them into the same slots, look at every word
 * of theirs, also of what they grow. Prints how often the secret was found. */
#include <stdio.h>
#include <stdlib.h>

#include "rille_guest.h"

extern char __data_end, __heap_base, __global_base;
static uint32_t seed;
static uint32_t dice(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}
/* never in memory but where a vandal puts it */
static inline uint64_t secret(void) {
    volatile uint32_t half = 0x5ec2e7u;
    return (uint64_t)half << 40 | (uint64_t)half * 3;
}

static inline void fill(char *from, char *to) {
    uint64_t s = secret();
    for (volatile uint64_t *p = (uint64_t *)(((uintptr_t)from + 7) & ~(uintptr_t)7); (char *)(p + 1) <= to; p++) *p = s;
}

static void vandal_inner(int64_t how) {
    char here;
    seed = (uint32_t)(how >> 8);
    if (dice(2)) __builtin_wasm_memory_grow(0, dice(5) ? dice(4) : dice(60));
    char *end = (char *)(__builtin_wasm_memory_size(0) * 65536);
    if (!dice(3)) end = &__heap_base + dice((uint32_t)(end - &__heap_base));
    fill(&__heap_base, end);
    if (dice(2)) fill(&__data_end, &here - 256);
    switch (how & 7) {
    case 0: return;
    case 1: fill(&__global_base, &__data_end); __builtin_trap(); /* its data too */
    case 2: _Exit(3);
    case 3: for (;;) fill(&__heap_base, end); /* killed while it does */
    case 4: rille_receive(-1); break;          /* killed while it waits */
    case 5: rille_send(rille_self(), 1, &__heap_base, dice(4000)); rille_receive(-1); return;
    case 6: *(volatile int *)-8 = 1; break;
    default: fill(0, &here - 256); __builtin_trap();
    }
}
RILLE_ENTRY(vandal)(int64_t how) { vandal_inner(how); }

RILLE_ENTRY(detective)(int64_t parent) {
    uint64_t s = secret();
    int64_t found = 0;
    uint32_t before = (uint32_t)__builtin_wasm_memory_size(0) * 65536;
    for (uint32_t p = 0; p < before; p += 8) found += *(volatile uint64_t *)(uintptr_t)p == s;
    for (uint32_t grown = 0, more = 1; grown < 24; grown += more, more = grown / 2 + 1) { /* through the classes of slots */
        if (__builtin_wasm_memory_grow(0, more) == (size_t)-1) break;
        uint32_t after = (uint32_t)__builtin_wasm_memory_size(0) * 65536;
        for (uint32_t p = before; p < after; p += 8) found += *(volatile uint64_t *)(uintptr_t)p != 0;
        before = after;
    }
    rille_send(parent, 1, &found, sizeof found);
}

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    int64_t found = 0, looked = 0, id[16];
    for (int r = 0; r < rounds; r++) {
        uint32_t luck = (uint32_t)r * 2654435761u; /* seed is the vandals' */
        for (int i = 0; i < 16; i++) id[i] = rille_spawn("vandal", (int64_t)(luck + (uint32_t)i * 77u) << 8 | (i & 7));
        rille_sleep(1);
        for (int i = 0; i < 16; i++) rille_process_kill(id[i]);
        for (int i = 0; i < 16; i++)
            while (rille_process_exists(id[i])) rille_sleep(0);
        for (int i = 0; i < 24; i++) looked += rille_spawn("detective", rille_self()) != 0;
        for (int i = 0; i < 24; i++) {
            int64_t n = -1;
            rille_receive(-1);
            rille_read(&n, sizeof n);
            found += n;
        }
    }
    printf("%lld looked, found %lld\n", (long long)looked, (long long)found);
    return 0;
}
