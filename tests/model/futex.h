/* The kernel's futex, but for waking without reason. Included by one file of a program. */
#ifndef MODEL_FUTEX_H
#define MODEL_FUTEX_H

#include "src/base/os.h"

static u32 wakes_at_gate;
static inline bool is_woken_at_gate(void *before) { return wakes_at_gate != *(u32 *)before; }
void rl_os_wait(_Atomic u32 *word, u32 value) {
    u32 now, before = wakes_at_gate;
    memcpy(&now, (void *)word, sizeof now);
    if (now == value) model_wait("waits at the gate", is_woken_at_gate, &before);
}
void rl_os_wake(_Atomic u32 *word) {
    (void)word;
    wakes_at_gate++;
}

#endif
