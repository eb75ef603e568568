/* Owns the process-wide set of function types. A proto is made once, is immutable but for its stubs (jit/code.c), and
 * is never freed, so equal types are equal pointers everywhere and no module keeps another alive. Any thread may
 * intern; one mutex guards the set, which only decoding takes. The alternative, types owned by modules and compared
 * structurally, would make every call_indirect a comparison of lists. */
#include "jit/types.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "jit/regs.h"
#include "src/base/map.h"

typedef struct entry {
    struct entry *next; /* same bucket */
    u32 hash;
    rl_proto proto;
    u8 types[]; /* parameters, results; then, aligned, the places */
} entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rl_convention convention = RL_CONVENTION;
static entry **buckets; /* under lock, as all below */
static u32 nbuckets, count;

static bool grow(void) {
    u32 n = nbuckets ? nbuckets * 2 : 256;
    entry **b = calloc(n, sizeof *b);
    if (!b) return false;
    for (u32 i = 0; i < nbuckets; i++)
        for (entry *e = buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = b[e->hash & (n - 1)];
            b[e->hash & (n - 1)] = e;
        }
    free(buckets);
    buckets = b;
    nbuckets = n;
    return true;
}

/* Registers while they last, then words of the caller's outgoing area from *words on. */
static void place(rl_place *to, const u8 *types, u32 n, const u8 *gp, u32 ngp, u32 nfp, u16 *words) {
    u32 g = 0, f = 0;
    for (u32 i = 0; i < n; i++) {
        to[i] = (rl_place){ .reg = RL_NOREG, .type = types[i] };
        if (rl_type_is_fp(types[i])) {
            if (f < nfp) { to[i].reg = (u8)(convention.fp0 + f++); continue; }
        } else if (g < ngp) {
            to[i].reg = gp[g++];
            continue;
        }
        to[i].word = *words;
        *words += types[i] == RL_V128 ? 2 : 1;
    }
}

void rl_proto_use(const rl_convention *c) { convention = *c; }

static entry *make(const u8 *params, u32 nparams, const u8 *results, u32 nresults, u32 hash) {
    const rl_convention *c = &convention;
    u32 n = nparams + nresults;
    size_t places = rl_align(sizeof(entry) + n, _Alignof(rl_place));
    entry *e = calloc(1, places + n * sizeof(rl_place));
    if (!e) return NULL;
    rl_place *at = (rl_place *)((char *)e + places);
    if (nparams) memcpy(e->types, params, nparams);
    if (nresults) memcpy(e->types + nparams, results, nresults);
    e->hash = hash;
    rl_proto *p = &e->proto;
    p->id = count;
    p->nparams = (u16)nparams;
    p->nresults = (u16)nresults;
    p->params = e->types;
    p->results = e->types + nparams;
    p->in = at;
    p->out = at + nparams;
    u16 words = 0;
    place(at + nparams, results, nresults, c->res_gp, c->nres_gp, c->nres_fp, &words);
    place(at, params, nparams, c->arg_gp, c->narg_gp, c->narg_fp, &words);
    p->out_words = words;
    return e;
}

rl_proto *rl_proto_intern(const u8 *params, u32 nparams, const u8 *results, u32 nresults) {
    u32 h = (u32)(rl_hash_bytes(params, nparams) * 31 + rl_hash_bytes(results, nresults));
    pthread_mutex_lock(&lock);
    entry *e = NULL;
    if (count >= nbuckets && !grow()) goto out;
    for (e = buckets[h & (nbuckets - 1)]; e; e = e->next) {
        const rl_proto *p = &e->proto;
        if (e->hash == h && p->nparams == nparams && p->nresults == nresults &&
            (!nparams || !memcmp(p->params, params, nparams)) && (!nresults || !memcmp(p->results, results, nresults)))
            goto out;
    }
    e = make(params, nparams, results, nresults, h);
    if (e) {
        e->next = buckets[h & (nbuckets - 1)];
        buckets[h & (nbuckets - 1)] = e;
        count++;
    }
out:
    pthread_mutex_unlock(&lock);
    return e ? &e->proto : NULL;
}

const char *rl_type_text(rl_type t) {
    static const char *const texts[RL_TYPE_COUNT] = {
        [RL_I32] = "i32", [RL_I64] = "i64", [RL_F32] = "f32", [RL_F64] = "f64", [RL_V128] = "v128",
        [RL_FUNCREF] = "funcref", [RL_EXTERNREF] = "externref", [RL_BOT] = "any",
    };
    return t < RL_TYPE_COUNT ? texts[t] : "?";
}

static size_t list(char *buf, size_t size, size_t at, const char *open, const u8 *types, u32 n) {
    at += (size_t)snprintf(buf + RL_MIN(at, size - 1), size - RL_MIN(at, size - 1), "%s[", open);
    for (u32 i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s%s", i ? " " : "", rl_type_text(types[i]));
    at = RL_MIN(at, size - 1);
    return at + (size_t)snprintf(buf + at, size - at, "]");
}

const char *rl_proto_text(const rl_proto *p, char *buf, size_t size) {
    if (!size) return buf;
    size_t at = list(buf, size, 0, "", p->params, p->nparams);
    list(buf, size, at, " -> ", p->results, p->nresults);
    return buf;
}
