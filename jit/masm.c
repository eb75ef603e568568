/* What the bodies of the macro-assembler share: the buffer that code is written into, the pool of constants and the
 * positions of switch tables.
 *
 * Invariant: after a failure the buffer keeps its size, which any one operation fits into, and what writes to older
 * positions (bind, pool, prologue, tables) does nothing, so that only the end need ask. A rl_masm belongs to one thread.
 * Not taken: chunks of code, which would save copying the buffer when it grows, and cost every patch a search. */
#include "jit/masm.h"

#include <stdlib.h>

#define SLACK 64 /* bytes behind m->end that encoders may scribble on */
#define FIRST_BYTES 65536u

bool rl_masm_init(rl_masm *m, rl_flavour flavour) {
    *m = (rl_masm){ .flavour = (u8)flavour };
    m->base = malloc(FIRST_BYTES + SLACK);
    if (!m->base) return false;
    m->p = m->base;
    m->end = m->base + FIRST_BYTES;
    return true;
}

void rl_masm_fini(rl_masm *m) {
    free(m->base);
    free(m->pool);
    free(m->pool_uses);
    free(m->tables);
    free(m->label_uses);
    free(m->loops);
    *m = (rl_masm){ 0 };
}

void rl_masm_reset(rl_masm *m) {
    m->p = m->base;
    m->failed = m->too_far = false;
    m->pool_count = m->nuses = m->ntables = m->nlabel_uses = m->zero_at = m->nloops = m->loop = 0;
}

void rl_masm_grow(rl_masm *m, u32 bytes) {
    size_t used = (size_t)(m->p - m->base), want = (size_t)(m->end - m->base);
    while (want - used < bytes) want *= 2;
    u8 *base = want <= RL_MASM_MAX && !m->failed ? realloc(m->base, want + SLACK) : NULL;
    if (!base) {
        m->failed = true;
        m->p = m->base;
        return;
    }
    m->base = base;
    m->p = base + used;
    m->end = base + want;
}

bool rl_masm_more_slow(rl_masm *m, void *array, u32 *cap, size_t size) {
    u32 n = *cap ? *cap * 2 : 64;
    void *old, *p;
    memcpy(&old, array, sizeof old);
    p = n < UINT32_MAX / size ? realloc(old, n * size) : NULL;
    if (!p) {
        m->failed = true;
        return false;
    }
    memcpy(array, &p, sizeof p);
    *cap = n;
    return true;
}

u32 rl_masm_pool_entry(rl_masm *m, u64 bits) {
    u32 first = m->pool_count > RL_POOL_SCAN ? m->pool_count - RL_POOL_SCAN : 0;
    for (u32 i = m->pool_count; i-- > first;)
        if (m->pool[i] == bits) return i;
    if (!rl_masm_more(m, &m->pool, m->pool_count, &m->pool_cap, sizeof *m->pool)) return 0;
    m->pool[m->pool_count] = bits;
    return m->pool_count++;
}

void rl_masm_pool_use(rl_masm *m, u32 at, u32 entry) {
    if (!rl_masm_more(m, &m->pool_uses, m->nuses, &m->uses_cap, sizeof *m->pool_uses)) return;
    m->pool_uses[m->nuses++] = (struct rl_pool_use){ at, entry };
}

u32 rl_masm_table_of(const rl_masm *m, u32 at) {
    u32 i = m->ntables;
    while (i > 1 && m->tables[i - 1] > at) i--;
    return m->tables[i - 1];
}

rl_cc rl_cc_swap(rl_cc c) {
    static const u8 swap[] = { [RL_CC_EQ] = RL_CC_EQ,     [RL_CC_NE] = RL_CC_NE,     [RL_CC_LT_S] = RL_CC_GT_S,
                               [RL_CC_GE_S] = RL_CC_LE_S, [RL_CC_LT_U] = RL_CC_GT_U, [RL_CC_GE_U] = RL_CC_LE_U,
                               [RL_CC_GT_S] = RL_CC_LT_S, [RL_CC_LE_S] = RL_CC_GE_S, [RL_CC_GT_U] = RL_CC_LT_U,
                               [RL_CC_LE_U] = RL_CC_GE_U };
    return (rl_cc)swap[c];
}
