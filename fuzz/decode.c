/* Fuzzes the decoder, the validator and the annotations: no input may crash, hang or use memory out of proportion, and
 * what sweep V says about a valid function must hang together. Whether verdicts are right is for tests/spec/agree. */
#include "jit/module.h"
#include "jit/opcode.h"
#include "jit/validate.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void check_sets(const rl_annot *a, const rl_block_note *n) {
    u64 all = a->ntracked == RL_TRACKED ? ~(u64)0 : ((u64)1 << a->ntracked) - 1;
    rl_assert(!((n->live | n->uses) & ~all));
    rl_assert(!(n->writes & ~n->uses));
    rl_assert(!(n->rbw & ~n->uses));
    rl_assert(n->reachable || !(n->live | n->uses | n->calls | n->branched | n->innermost));
    rl_assert(n->end > a->code && n->end <= a->end);
    rl_assert(n->weights + (u32)__builtin_popcountll(n->uses) <= a->nweights || !n->rbw);
}

/* Follows the body by rl_op_skip: operators and notes must come out even. */
static void check_walk(const rl_module *m, const rl_annot *a) {
    const u8 *p = m->bytes + a->code, *end = m->bytes + a->end;
    u32 notes = 0, accesses = 0, code;
    u64 cost = 0;
    while (p < end) {
        p = rl_op_skip(p, &code);
        const rl_op_info *info = &rl_op_infos[rl_op_dense(code)];
        rl_assert(info->text && info->code == code);
        notes += code >= RL_OP_block && code <= RL_OP_if;
        accesses += code >= RL_OP_local_get && code <= RL_OP_local_tee;
        cost += info->cost;
    }
    rl_assert(p == end);
    rl_assert(notes == a->nnotes);
    rl_assert(a->nevents <= accesses);
    for (u32 i = 0; i < a->nsegments; i++) {
        rl_assert(a->segments[i] <= 4095 && a->segments[i] <= cost);
        cost -= a->segments[i];
    }
}

static void check_function(const rl_module *m, u32 index, rl_annot *a) {
    rl_diag d = {0};
    rl_assert(!rl_validate_func(m, index, true, a, &d));
    check_walk(m, a);
    for (u32 i = 0; i < a->nnotes; i++) check_sets(a, &a->notes[i]);
    for (u32 i = 0; i < a->nlocals; i++)
        rl_assert(a->tracked[i] == RL_UNTRACKED || (a->tracked[i] < a->ntracked && a->local_of[a->tracked[i]] == i));
    for (u32 i = 0; i < a->nevents; i++) rl_assert(a->events[i] <= RL_EV_DEAD);
    rl_annot_worst(a);
    for (u32 i = 0; i < a->nnotes; i++) rl_assert(!a->notes[i].reachable || a->notes[i].uses == a->rbw);
}

static void check_names(rl_module *m) {
    char name[64];
    for (u32 i = 0; i < m->nfuncs && i < 10; i++) rl_assert(strlen(rl_module_func_name(m, i, name, sizeof name)) < sizeof name);
    for (u32 i = 0; i < m->nexports; i++) {
        const rl_export *e = rl_module_export(m, m->exports[i].name.p, m->exports[i].name.len);
        rl_assert(e == &m->exports[i]);
    }
    rl_assert(!rl_module_export(m, "no\1such", 7) || m->nexports);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
    static rl_annot a; /* reused, as the compiler does */
    rl_module *m;
    rl_diag d = {0};
    rl_err e = rl_module_new(data, size, &m, &d);
    rl_assert(e == d.code && (e != 0) == (m == NULL));
    if (e) {
        rl_assert(d.text[0]);
        return 0;
    }
    for (u32 i = m->nimported_funcs; i < m->nfuncs; i++) check_function(m, i, &a);
    check_names(m);
    rl_module_put(m);
    return 0;
}
