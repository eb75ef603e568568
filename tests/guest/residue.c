/* What a process finds in its memory is what its module says, whatever the processes before it wrote where: constants,
 * zeroed data, unused stack, heap, pages that were grown. First come many that write nothing, so that the runtime learns
 * to expect little; then some that write anywhere, also through host functions.

 * | 900 processes, nothing found
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "rille_guest.h"

#define T4(n) (uint8_t)(n), (uint8_t)((n) * 3 + 1), (uint8_t)((n) * 5 + 2), (uint8_t)((n) * 7 + 3)
#define T16(n) T4(n), T4(n + 4), T4(n + 8), T4(n + 12)
#define T256(n) T16(n), T16(n + 16), T16(n + 32), T16(n + 48), T16(n + 64), T16(n + 80), T16(n + 96), T16(n + 112), \
    T16(n + 128), T16(n + 144), T16(n + 160), T16(n + 176), T16(n + 192), T16(n + 208), T16(n + 224), T16(n + 240)
#define T4K(n) T256(n), T256(n + 1), T256(n + 2), T256(n + 3), T256(n + 4), T256(n + 5), T256(n + 6), T256(n + 7), \
    T256(n + 8), T256(n + 9), T256(n + 10), T256(n + 11), T256(n + 12), T256(n + 13), T256(n + 14), T256(n + 15)
static const uint8_t table[] = { T4K(0), T4K(20), T4K(40), T4K(60), T4K(80) };
static uint8_t zeros[50000];
extern uint8_t __data_end, __heap_base;

static uint32_t sum(const volatile uint8_t *p, uint32_t n) {
    uint32_t s = 0;
    for (uint32_t i = 0; i < n; i++) s = s * 31 + p[i];
    return s;
}
static uint32_t any(const volatile uint8_t *p, const volatile uint8_t *end) {
    while (p < end && !*p) p++;
    return p < end ? (uint32_t)(uintptr_t)p : 0;
}

/* Where something was found, or 0. */
static int64_t look(uint32_t right) {
    uint8_t here;
    uint32_t at, end = (uint32_t)__builtin_wasm_memory_size(0) * 65536;
    if (sum(table, sizeof table) != right) return 1;
    if ((at = any(zeros, zeros + sizeof zeros))) return at;
    if ((at = any(&__heap_base, (uint8_t *)(uintptr_t)end))) return at;
    volatile uint8_t *stack = &__data_end;
    if (&here > &__data_end && (at = any(stack, &here - 4096))) return at;
    return 0;
}

static void soil(uint32_t seed) {
    uint8_t deep[3000];
    uint32_t end = (uint32_t)__builtin_wasm_memory_size(0) * 65536;
    for (uint32_t i = 0; i < 6; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t r = seed >> 8;
        switch (r % 8) {
        case 0: *(volatile uint8_t *)(uintptr_t)&table[r / 8 % sizeof table] ^= 0x55; break;
        case 1: *(volatile uint8_t *)&zeros[r / 8 % sizeof zeros] = 0x66; break;
        case 2: *((volatile uint8_t *)(uintptr_t)end - 1 - r / 8 % 30000) = 0x77; break;
        case 3: for (uint32_t k = 0; k < sizeof deep; k++) *(volatile uint8_t *)&deep[k] = (uint8_t)r; break;
        case 4: getentropy(&zeros[r / 8 % (sizeof zeros - 200)], 200); break; /* the kernel writes */
        case 5: if (end < 1u << 19 && __builtin_wasm_memory_grow(0, 1 + r / 8 % 2) != (size_t)-1)
                *(volatile uint8_t *)(uintptr_t)(end + r / 64 % 65536) = 0x11; break;
        case 6: rille_message_create_data(1, 8); rille_message_write_data((int32_t)(uintptr_t)&zeros[r / 8 % 49000], 900); break;
        case 7: write(1, &zeros[r / 8 % 40000], 0); break;
        }
    }
}

RILLE_ENTRY(tenant)(int64_t order) { /* seed, parent and right sum come in a message */
    int64_t v[3];
    (void)order;
    rille_receive(-1);
    rille_read(v, sizeof v);
    int64_t found = v[0] <= 0 || v[0] % 3 == 1 ? 0 : look((uint32_t)v[2]);
    if (v[0] > 0) soil((uint32_t)v[0]);
    rille_send(v[1], 1, &found, sizeof found);
}

int main(void) {
    int64_t found, bad = 0, n = 0;
    uint32_t right = sum(table, sizeof table);
    for (int64_t i = -300; i < 600; i++, n++) {
        int64_t v[3] = { i % 10 && i > 0 ? -1 : i, rille_self(), right };
        if (i > 300) v[0] = i;
        int64_t child = rille_spawn("tenant", 0);
        rille_send(child, 1, v, sizeof v);
        rille_receive(-1);
        rille_read(&found, sizeof found);
        if (found && bad++ < 5) printf("process %lld: something at %lld\n", (long long)n, (long long)found);
    }
    if (!bad) printf("%lld processes, nothing found\n", (long long)n);
    return 0;
}
