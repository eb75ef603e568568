/* Owns the machine stubs: one per proto and kind, assembled on first use, shared by everything, never freed. Any
 * thread; `lock` guards assembly and the page being filled, finished stubs are read without it. Made on demand rather
 * than per module, because modules share most of their types. */
#include "jit/stub.h"

#include <pthread.h>
#include <stdatomic.h>

#include "jit/code.h"
#include "jit/codemem.h"
#include "jit/masm.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static u8 *next, *end; /* free part of the last range */
static char stubs_owner; /* rl_code_find must not take stubs for a module's code */

static const void *publish(const void *code, size_t size) {
    size_t step = rl_align(size, rl_codemem_grain());
    if ((size_t)(end - next) < step) {
        next = rl_codemem_alloc(rl_align(step, RL_CODEMEM_GRANULE), &stubs_owner);
        if (!next) return end = NULL, NULL;
        end = next + rl_align(step, RL_CODEMEM_GRANULE);
    }
    if (!rl_codemem_write(next, code, size)) return NULL;
    next += step;
    return next - step;
}

const void *rl_code_publish(const void *code, size_t size) {
    pthread_mutex_lock(&lock);
    const void *p = publish(code, size);
    pthread_mutex_unlock(&lock);
    return p;
}

static const void *make(rl_proto *p, rl_stub kind) {
    rl_masm m = { 0 };
    const void *code = NULL;
    if (rl_masm_init(&m, RL_FLAVOUR_GUARDED)) {
        rl_masm_room(&m, 64);
        rl_masm_stub(&m, p, kind);
        if (!m.failed) code = publish(m.base, rl_masm_pos(&m));
    }
    rl_masm_fini(&m);
    return code;
}

const void *rl_stub_get(rl_proto *p, rl_stub kind) {
    /* acquire: pairs with the release below */
    const void *code = atomic_load_explicit(&p->stub[kind], memory_order_acquire);
    if (RL_LIKELY(code != NULL)) return code;
    pthread_mutex_lock(&lock);
    code = atomic_load_explicit(&p->stub[kind], memory_order_relaxed);
    if (!code) {
        code = make(p, kind);
        atomic_store_explicit(&p->stub[kind], code, memory_order_release); /* pairs with the acquire above */
    }
    pthread_mutex_unlock(&lock);
    return code;
}

bool rl_stub_owns(const void *owner) { return owner == &stubs_owner; }
