/* Owns eager compilation: threads take chunks from a counter, each with an emitter of its own, and write into chunks
 * only. Function contents depend on nothing but the module, and placing is done afterwards in order, so the result is
 * the same for any number of threads. Work stealing was not taken: chunks are small enough to balance. */
#include "jit/compile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "src/base/os.h"

#define CHUNK_BYTES 65536u /* of wasm code per chunk, at least one function */
#define MAX_THREADS 64u
#define PAD 0xcc           /* between functions: traps on x86-64 */

/* What the threads share. */
typedef struct team {
    const rl_compile_job *job;
    _Atomic u32 next;      /* chunk to take */
    atomic_bool failed;
    _Atomic u64 bytes;     /* native, so far */
    pthread_mutex_t lock;  /* guards the rest */
    rl_err err;
    rl_diag diag;
    u32 bad_chunk;         /* the failure reported is the first in the module */
} team;

rl_err rl_chunks_new(const rl_module *m, rl_chunk **out, u32 *n) {
    u32 total = m->nfuncs - m->nimported_funcs;
    u32 count = RL_MIN(m->code_size / CHUNK_BYTES + 2, total + 1);
    rl_chunk *k = calloc(count, sizeof *k);
    if (!k) return RL_ERR_NOMEM;
    u32 at = 0, bytes = 0;
    for (u32 i = 0; i < total; i++) {
        if (bytes >= CHUNK_BYTES && at + 1 < count) {
            at++;
            bytes = 0;
        }
        if (k[at].count++ == 0) k[at].first = i;
        bytes += m->funcs[m->nimported_funcs + i].body_len;
    }
    *out = k;
    *n = total ? at + 1 : 0;
    return RL_OK;
}

/* Where chunks are written until they are placed, one after the other; a thread fills a block of its own. Blocks of a
 * large module have large pages: a page fault per 4096 bytes would take a tenth of the time. */
typedef struct rl_code_block {
    u32 users;   /* chunks in it, and the thread that fills it; not shared while threads run */
    size_t size, used;
} rl_code_block;

#define BLOCK_BYTES (4u << 20)
#define BLOCK_START rl_align(sizeof(rl_code_block), 64)

static void block_put(rl_code_block *b) {
    if (b && --b->users == 0) rl_os_unmap(b, b->size);
}

static rl_code_block *block_new(size_t size) {
    rl_code_block *b = rl_os_map(size);
    if (!b) return NULL;
    if (size >= BLOCK_BYTES) rl_os_large(b, size);
    *b = (rl_code_block){ .users = 1, .size = size, .used = BLOCK_START };
    return b;
}

/* Room for `bytes` more at the end of chunk k, which is the last in the thread's block; moves it if it has to. */
static bool block_room(rl_code_block **block, rl_chunk *k, size_t bytes, size_t usual) {
    if (!k->block && *block) {
        k->block = *block;
        k->block->users++;
        k->block->used = rl_align(k->block->used, 64);
        k->code = (u8 *)k->block + k->block->used;
    }
    if (k->block && k->block->size - k->block->used >= bytes) return true;
    rl_code_block *b = block_new(RL_MAX(usual, rl_align(BLOCK_START + 2 * (k->size + bytes), RL_OS_PAGE)));
    if (!b) return false;
    u8 *code = (u8 *)b + b->used;
    if (k->size) memcpy(code, k->code, k->size);
    b->used += k->size;
    b->users++;
    block_put(k->block);
    block_put(*block);
    *block = k->block = b;
    k->code = code;
    return true;
}

void rl_chunk_fini(rl_chunk *k) {
    block_put(k->block);
    free(k->relocs);
    k->block = NULL;
    k->code = NULL;
    k->relocs = NULL;
}

static bool room(void **p, u32 *cap, u64 need, size_t each) {
    if (need <= *cap) return true;
    u64 to = RL_MAX(need, (u64)*cap + *cap / 2);
    void *q = to > UINT32_MAX / 2 ? NULL : realloc(*p, to * each);
    if (!q) return false;
    *p = q;
    *cap = (u32)to;
    return true;
}

/* Bytes of native code per byte of wasm, roughly, and then some. */
#define EXPANSION 4

static bool append(rl_code_block **block, rl_chunk *k, rl_func_code *f, const rl_emitted *e, u64 code_size) {
    u64 at = rl_align(k->size, RL_MAX(e->align, 1u));
    size_t usual = rl_align(RL_MIN(BLOCK_START + code_size * EXPANSION, (u64)BLOCK_BYTES), RL_OS_PAGE);
    if (at + e->size > UINT32_MAX / 2 || !block_room(block, k, at + e->size - k->size, usual)) return false;
    if (!room((void **)&k->relocs, &k->relocs_cap, (u64)k->nrelocs + e->nrelocs, sizeof *k->relocs)) return false;
    memset(k->code + k->size, PAD, at - k->size);
    memcpy(k->code + at, e->code, e->size);
    for (u32 i = 0; i < e->nrelocs; i++)
        k->relocs[k->nrelocs++] = (rl_reloc){ (u32)at + e->relocs[i].at, e->relocs[i].func };
    f->start = (u32)at + e->entry;
    f->size = e->size - e->entry;
    k->block->used += at + e->size - k->size;
    k->size = (u32)at + e->size;
    k->spills += e->spills;
    k->ops += e->ops;
    return true;
}

static rl_err compile_chunk(team *t, rl_emitter *em, rl_code_block **block, rl_chunk *k, rl_diag *d) {
    const rl_compile_job *job = t->job;
    for (u32 i = k->first; i < k->first + k->count; i++) {
        rl_emitted e = { 0 };
        RL_TRY(rl_emit_func(em, i + job->module->nimported_funcs, &e, d));
        if (atomic_fetch_add_explicit(&t->bytes, e.size, memory_order_relaxed) + e.size > job->limit)
            return rl_diag_set(d, RL_ERR_LIMIT, "native code too large");
        if (!append(block, k, &job->funcs[i], &e, job->module->code_size) || !job->copy_rows(&job->funcs[i], &e)) return RL_ERR_NOMEM;
    }
    return RL_OK;
}

static void fail(team *t, u32 chunk, rl_err e, const rl_diag *d) {
    atomic_store(&t->failed, true);
    pthread_mutex_lock(&t->lock);
    if (!t->err || chunk < t->bad_chunk) {
        t->err = e;
        t->diag = *d;
        t->bad_chunk = chunk;
    }
    pthread_mutex_unlock(&t->lock);
}

static void *work(void *arg) {
    team *t = arg;
    const rl_compile_job *j = t->job;
    rl_code_block *block = NULL;
    rl_diag d = { 0 };
    rl_emitter *em = rl_emitter_new(j->module, j->flavour, j->layout, &rl_compile_defaults, NULL);
    if (!em) fail(t, 0, RL_ERR_NOMEM, &d);
    u32 i;
    while (!atomic_load_explicit(&t->failed, memory_order_relaxed) &&
           (i = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed)) < j->nchunks) {
        rl_err e = compile_chunk(t, em, &block, &j->chunks[i], &d);
        if (e) fail(t, i, e, &d);
    }
    rl_emitter_free(em);
    block_put(block);
    return NULL;
}

rl_err rl_compile_chunks(const rl_compile_job *job, unsigned threads, rl_diag *d) {
    team t = { .job = job, .lock = PTHREAD_MUTEX_INITIALIZER };
    if (!threads) threads = rl_os_cores();
    threads = RL_MIN(RL_MIN(threads, MAX_THREADS), RL_MAX(job->nchunks, 1u));
    pthread_t ids[MAX_THREADS];
    unsigned started = 0;
    while (started + 1 < threads && pthread_create(&ids[started], NULL, work, &t) == 0) started++;
    work(&t);
    for (unsigned i = 0; i < started; i++) pthread_join(ids[i], NULL);
    if (!t.err) return RL_OK;
    if (d && !d->code) {
        if (t.diag.code) *d = t.diag;
        else rl_diag_set(d, t.err, "%s while compiling", rl_err_text(t.err));
    }
    return t.err;
}
