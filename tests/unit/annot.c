/* Annotations against an independent model: random structured bodies (and the functions of module files given as
 * arguments) are turned into an explicit graph of operators; liveness and reads before writes are computed on it by
 * fixpoint, weights, calls, segments and reachability naively. Sets must be equal where sweep V promises them, and
 * supersets where sweep L may be generous. A failing random body prints its seed. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "jit/module.h"
#include "jit/opcode.h"
#include "jit/reader.h"
#include "jit/validate.h"
#include "tests/unit/wasm.h"

static int nfiles;
static char **files;

/* ---- the model ---- */

enum { NO = UINT32_MAX };

typedef struct node {
    u32 code, at;          /* operator, offset in the module */
    u32 local;             /* of local.get/set/tee */
    u32 match, alt;        /* block, loop, if: its end; if: its else or NO. else: its end. end: its opener or NO */
    u32 note;              /* openers: index among them */
    u32 first, nsucc;      /* in `edges` */
    u32 loops;             /* loops around, this one not counted */
    bool reachable, target;/* label branched to by a reachable branch */
    u64 live;              /* before the operator: one 64-bit slice of the locals at a time */
} node;

typedef struct graph {
    const rl_module *m;
    node *n;
    u32 count;
    u32 *edges, nedges;
    u32 *stack; /* openers */
    u32 nstack;
} graph;

static bool is_open(u32 c) { return c == RL_OP_block || c == RL_OP_loop || c == RL_OP_if; }
static bool is_access(u32 c) { return c >= RL_OP_local_get && c <= RL_OP_local_tee; }

static void scan(graph *g, const rl_annot *a) {
    const u8 *p = g->m->bytes + a->code, *end = g->m->bytes + a->end;
    u32 notes = 0, loops = 0;
    while (p < end) {
        node *n = &g->n[g->count];
        const u8 *op = p;
        *n = (node){ .at = (u32)(p - g->m->bytes), .local = NO, .match = NO, .alt = NO, .loops = loops };
        p = rl_op_skip(p, &n->code);
        op++;
        if (is_access(n->code)) n->local = rl_leb_u32(&op);
        if (is_open(n->code)) {
            n->note = notes++;
            loops += n->code == RL_OP_loop;
            g->stack[g->nstack++] = g->count;
        } else if (n->code == RL_OP_else) {
            g->n[g->stack[g->nstack - 1]].alt = g->count;
        } else if (n->code == RL_OP_end && g->nstack) {
            u32 opener = g->stack[--g->nstack];
            n->match = opener;
            g->n[opener].match = g->count;
            if (g->n[opener].alt != NO) g->n[g->n[opener].alt].match = g->count;
            loops -= g->n[opener].code == RL_OP_loop;
            n->loops = loops;
        }
        g->count++;
    }
}

static void edge(graph *g, u32 to) { g->edges[g->nedges++] = to; }

/* The operator a branch to `depth` goes to. */
static u32 target(graph *g, u32 depth) {
    if (depth >= g->nstack) return g->count - 1;
    u32 opener = g->stack[g->nstack - 1 - depth];
    return g->n[opener].code == RL_OP_loop ? opener : g->n[opener].match;
}

static void connect(graph *g) {
    g->nstack = 0;
    for (u32 i = 0; i < g->count; i++) {
        node *n = &g->n[i];
        const u8 *p = g->m->bytes + n->at + 1;
        n->first = g->nedges;
        switch (n->code) {
        case RL_OP_unreachable: case RL_OP_return: case RL_OP_return_call: case RL_OP_return_call_indirect: break;
        case RL_OP_br: edge(g, target(g, rl_leb_u32(&p))); break;
        case RL_OP_br_if: edge(g, target(g, rl_leb_u32(&p))); edge(g, i + 1); break;
        case RL_OP_br_table:
            for (u32 k = rl_leb_u32(&p) + 1; k--;) edge(g, target(g, rl_leb_u32(&p)));
            break;
        case RL_OP_else: edge(g, n->match); break;
        case RL_OP_if: edge(g, i + 1); edge(g, n->alt != NO ? n->alt + 1 : n->match); break;
        default: if (i + 1 < g->count) edge(g, i + 1);
        }
        n->nsucc = g->nedges - n->first;
        if (is_open(n->code)) g->stack[g->nstack++] = i;
        if (n->code == RL_OP_end && g->nstack) g->nstack--;
    }
}

static void reach(graph *g) {
    u32 *work = malloc((g->nedges + 1) * sizeof *work), n = 1;
    work[0] = 0;
    while (n) {
        node *x = &g->n[work[--n]];
        if (x->reachable) continue;
        x->reachable = true;
        for (u32 i = 0; i < x->nsucc; i++) work[n++] = g->edges[x->first + i];
    }
    free(work);
}

static void mark_targets(graph *g) {
    for (u32 i = 0; i < g->count; i++) {
        node *n = &g->n[i];
        if (!n->reachable || (n->code != RL_OP_br && n->code != RL_OP_br_if && n->code != RL_OP_br_table)) continue;
        for (u32 k = 0; k < n->nsucc - (n->code == RL_OP_br_if); k++) {
            node *t = &g->n[g->edges[n->first + k]];
            if (t->code == RL_OP_end && t->match != NO) t = &g->n[t->match];
            t->target = true;
        }
    }
}

/* Locals base..base+63, live before every operator in [from, to]; nothing is live outside. */
static void fixpoint(graph *g, u32 from, u32 to, u32 base) {
    for (u32 i = from; i <= to; i++) g->n[i].live = 0;
    for (bool again = true; again;) {
        again = false;
        for (u32 i = to + 1; i-- > from;) {
            node *n = &g->n[i];
            u64 live = 0, bit = n->local >= base && n->local < base + 64 && n->local != NO ? (u64)1 << (n->local - base) : 0;
            for (u32 k = 0; k < n->nsucc; k++) {
                u32 s = g->edges[n->first + k];
                if (s >= from && s <= to) live |= g->n[s].live;
            }
            live = n->code == RL_OP_local_get ? live | bit : live & ~bit;
            if (live != n->live) n->live = live, again = true;
        }
    }
}

static u64 live_out(const graph *g, const node *n) {
    u64 live = 0;
    for (u32 k = 0; k < n->nsucc; k++) live |= g->n[g->edges[n->first + k]].live;
    return live;
}

/* ---- comparison ---- */

static u64 kept, missed; /* last uses and dead stores found, and those liveness missed */
static const char *where;
static u64 seed_now;

#define CHECK(c)                                                                                          \
    do {                                                                                                  \
        if (!(c)) {                                                                                       \
            fprintf(stderr, "%s, seed %llu: %s\n", where, (unsigned long long)seed_now, #c);               \
            rl_annot_dump(a, stderr);                                                                     \
            fail();                                                                                       \
        }                                                                                                 \
    } while (0)

static u32 slice_bit(const rl_annot *a, u32 local, u32 base) {
    return local >= base && local < base + 64 && a->tracked[local] != RL_UNTRACKED;
}

/* Tracked set from a slice of locals. */
static u64 tracked_set(const rl_annot *a, u64 slice, u32 base) {
    u64 set = 0;
    for (u64 s = slice; s; s &= s - 1) {
        u32 local = base + (u32)__builtin_ctzll(s);
        if (a->tracked[local] != RL_UNTRACKED) set |= (u64)1 << a->tracked[local];
    }
    return set;
}

static u64 slice_mask(const rl_annot *a, u32 base) {
    u64 set = 0;
    for (u32 i = 0; i < a->ntracked; i++)
        if (slice_bit(a, a->local_of[i], base)) set |= (u64)1 << i;
    return set;
}

static void check_events(const graph *g, const rl_annot *a, u32 base) {
    u32 event = 0;
    for (u32 i = 0; i < g->count; i++) {
        const node *n = &g->n[i];
        if (!n->reachable || !is_access(n->code) || a->tracked[n->local] == RL_UNTRACKED) continue;
        u8 e = a->events[event++];
        if (!slice_bit(a, n->local, base)) continue;
        bool live = live_out(g, n) >> (n->local - base) & 1;
        CHECK(!(live && e));
        CHECK(!(e & (n->code == RL_OP_local_get ? RL_EV_DEAD : RL_EV_LAST)));
        if (e) kept++;
        else if (!live) missed++;
    }
    CHECK(event == a->nevents);
}

static void check_live(graph *g, const rl_annot *a) {
    for (u32 base = 0; base < a->nlocals; base += 64) {
        if (!slice_mask(a, base)) continue;
        fixpoint(g, 0, g->count - 1, base);
        check_events(g, a, base);
        CHECK((a->rbw & slice_mask(a, base)) == tracked_set(a, g->n[0].live, base));
        for (u32 i = 0; i < g->count; i++) {
            const node *n = &g->n[i];
            if (!is_open(n->code) || !n->reachable) continue;
            u64 exact = n->code == RL_OP_loop ? n->live : g->n[n->match].reachable ? g->n[n->match].live : 0;
            CHECK(!(tracked_set(a, exact, base) & ~a->notes[n->note].live));
        }
        for (u32 i = 0; i < g->count; i++) {
            if (g->n[i].code != RL_OP_loop || !g->n[i].reachable) continue;
            fixpoint(g, i, g->n[i].match, base);
            CHECK((a->notes[g->n[i].note].rbw & slice_mask(a, base)) == tracked_set(a, g->n[i].live, base));
        }
    }
}

static bool is_call(u32 c) {
    return (c >= RL_OP_call && c <= RL_OP_return_call_indirect) || c == RL_OP_memory_grow || c == RL_OP_table_set ||
           (c >= RL_OP_memory_init && c <= RL_OP_table_fill && c != RL_OP_table_size);
}

static u64 pow8(u32 n) { return n > 10 ? (u64)1 << 33 : (u64)1 << (3 * n); }

static void check_note(const graph *g, const rl_annot *a, u32 i) {
    const node *n = &g->n[i];
    const rl_block_note *t = &a->notes[n->note];
    u32 next = n->match + 1 < g->count ? g->n[n->match + 1].at : a->end;
    CHECK(t->end == next);
    CHECK(t->reachable == n->reachable);
    if (!n->reachable) {
        CHECK(!t->live && !t->uses && !t->writes && !t->rbw && !t->calls && !t->branched && !t->innermost);
        return;
    }
    CHECK(t->branched == n->target);
    u64 uses = 0, writes = 0, calls = 0, weights[RL_TRACKED] = {0};
    u32 inside = n->loops + (n->code == RL_OP_loop);
    bool inner = false;
    for (u32 k = i + 1; k < n->match; k++) {
        const node *x = &g->n[k];
        if (!x->reachable) continue;
        u64 w = pow8(x->loops - inside);
        inner |= x->code == RL_OP_loop;
        if (is_call(x->code)) calls += w;
        if (!is_access(x->code) || a->tracked[x->local] == RL_UNTRACKED) continue;
        uses |= (u64)1 << a->tracked[x->local];
        if (x->code != RL_OP_local_get) writes |= (u64)1 << a->tracked[x->local];
        weights[a->tracked[x->local]] += w;
    }
    CHECK(t->uses == uses);
    CHECK(t->writes == writes);
    CHECK(t->calls == RL_MIN(calls, 0xffffu));
    CHECK(t->innermost == (n->code == RL_OP_loop && !inner));
    if (n->code != RL_OP_loop) return;
    u32 w = t->weights;
    for (u64 u = uses; u; u &= u - 1) CHECK(a->weights[w++] == RL_MIN(weights[__builtin_ctzll(u)], 0xffffu));
}

/* The rules of validate.h, one by one. */
static void check_segments(const graph *g, const rl_annot *a) {
    u32 index = 0, cost = 0;
    for (u32 i = 0; i < g->count; i++) {
        const node *n = &g->n[i];
        bool begins = false, after = i + 1 < g->count && g->n[i + 1].reachable;
        u32 c = n->reachable && rl_op_infos[rl_op_dense(n->code)].cost;
        if (c && cost == 4095) {
            CHECK(a->segments[index++] == cost);
            cost = 0;
        }
        cost += c;
        switch (n->code) {
        case RL_OP_loop: case RL_OP_if: case RL_OP_br_if: begins = n->reachable; break;
        case RL_OP_else: begins = after; break;
        case RL_OP_end:
            if (n->match == NO) break;
            begins = n->reachable && (g->n[n->match].code == RL_OP_if || (g->n[n->match].code == RL_OP_block && g->n[n->match].target));
            break;
        default: break;
        }
        if (!begins) continue;
        CHECK(index < a->nsegments);
        CHECK(a->segments[index++] == cost);
        cost = 0;
    }
    CHECK(index + 1 == a->nsegments);
    CHECK(a->segments[index] == cost);
}

/* With more than 64 locals: none left out is heavier than one chosen. */
static void check_choice(const graph *g, const rl_annot *a) {
    u64 *weight = calloc(a->nlocals + 1, sizeof *weight), least = UINT64_MAX;
    for (u32 i = 0; i < g->count; i++)
        if (g->n[i].reachable && is_access(g->n[i].code))
            weight[g->n[i].local] = RL_MIN(weight[g->n[i].local] + RL_MIN(pow8(g->n[i].loops), UINT32_MAX), UINT32_MAX);
    u32 used = 0;
    for (u32 i = 0; i < a->nlocals; i++) {
        used += weight[i] != 0;
        if (a->tracked[i] != RL_UNTRACKED) {
            least = RL_MIN(least, weight[i]);
            CHECK(a->local_of[a->tracked[i]] == i);
        }
    }
    CHECK(a->ntracked == (a->nlocals <= RL_TRACKED ? a->nlocals : RL_MIN(used, (u32)RL_TRACKED)));
    for (u32 i = 0; i < a->nlocals; i++) CHECK(a->tracked[i] != RL_UNTRACKED || weight[i] <= least || !used);
    for (u32 i = 0; i < a->ntracked; i++) CHECK(a->weight[i] == RL_MIN(weight[a->local_of[i]], 0xffffu));
    free(weight);
}

static void check_function(const rl_module *m, u32 index, rl_annot *a) {
    rl_diag d = {0};
    if (rl_validate_func(m, index, true, a, &d)) fail_msg("%s: %s", where, d.text);
    u32 size = a->end - a->code;
    graph g = { .m = m, .n = malloc((size_t)size * sizeof(node)), .edges = malloc(((size_t)size * 2 + 2) * sizeof(u32)),
                .stack = malloc((size_t)size * sizeof(u32)) };
    scan(&g, a);
    connect(&g);
    reach(&g);
    mark_targets(&g);
    check_choice(&g, a);
    check_segments(&g, a);
    for (u32 i = 0; i < g.count; i++)
        if (is_open(g.n[i].code)) check_note(&g, a, i);
    check_live(&g, a);
    free(g.n);
    free(g.edges);
    free(g.stack);
}

/* ---- random bodies ---- */

static u64 rng;
static u32 below(u32 n) {
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (u32)(((rng >> 33) * n) >> 31);
}

typedef struct gen {
    wasm w;
    u32 nlocals, params, depth, budget;
} gen;

static void local(gen *g, u8 op) { wasm_op_u32(&g->w, op, below(below(2) ? g->nlocals : RL_MIN(g->nlocals, 6u))); }

static void sequence(gen *g, u32 level);

static void construct(gen *g, u32 level, u8 op) {
    if (op == RL_OP_if) local(g, RL_OP_local_get);
    wasm_byte(&g->w, op);
    wasm_byte(&g->w, 0x40);
    g->depth++;
    sequence(g, level + 1);
    if (op == RL_OP_if && below(2)) {
        wasm_byte(&g->w, RL_OP_else);
        sequence(g, level + 1);
    }
    wasm_byte(&g->w, RL_OP_end);
    g->depth--;
}

static void table(gen *g) {
    u32 n = below(4);
    local(g, RL_OP_local_get);
    wasm_op_u32(&g->w, RL_OP_br_table, n);
    for (u32 i = 0; i <= n; i++) wasm_u32(&g->w, below(g->depth + 1));
}

static void call_self(gen *g, u8 op) {
    for (u32 i = 0; i < g->params; i++) local(g, RL_OP_local_get);
    wasm_op_u32(&g->w, op, 0);
}

static void statement(gen *g, u32 level) {
    switch (below(level < 12 ? 22 : 14)) {
    case 0: case 1: case 2: local(g, RL_OP_local_get); wasm_byte(&g->w, RL_OP_drop); break;
    case 3: case 4: local(g, RL_OP_local_get); local(g, RL_OP_local_set); break;
    case 5: wasm_op_u32(&g->w, RL_OP_i32_const, 7); local(g, RL_OP_local_set); break;
    case 6: local(g, RL_OP_local_get); local(g, RL_OP_local_tee); local(g, RL_OP_local_set); break;
    case 7: case 8: local(g, RL_OP_local_get); wasm_op_u32(&g->w, RL_OP_br_if, below(g->depth + 1)); break;
    case 9: call_self(g, RL_OP_call); break;
    case 10: wasm_byte(&g->w, RL_OP_nop); break;
    case 11: if (!below(3)) wasm_op_u32(&g->w, RL_OP_br, below(g->depth + 1)); break;
    case 12: if (!below(3)) table(g); break;
    case 13: if (!below(6)) wasm_byte(&g->w, below(2) ? RL_OP_return : RL_OP_unreachable); break;
    case 14: case 15: case 16: construct(g, level, RL_OP_loop); break;
    case 17: case 18: construct(g, level, RL_OP_if); break;
    case 19: if (!below(4)) call_self(g, RL_OP_return_call); break;
    default: construct(g, level, RL_OP_block);
    }
}

static void sequence(gen *g, u32 level) {
    for (u32 n = below(6) + (level == 0 ? 6 : 0); n && g->budget; n--, g->budget--) statement(g, level);
}

static rl_module *random_module(u64 seed) {
    rng = seed * 0x9e3779b97f4a7c15u + 1;
    static const u32 sizes[] = { 1, 3, 8, 40, 64, 65, 90, 200 };
    gen g = { .nlocals = sizes[below(8)], .budget = 20 + below(200) };
    g.params = RL_MIN(g.nlocals, 3u);
    sequence(&g, 0);
    if (!below(20)) /* a straight line longer than a segment may be */
        for (u32 i = below(9000); i; i--) local(&g, RL_OP_local_get), wasm_byte(&g.w, RL_OP_drop);
    wasm_byte(&g.w, RL_OP_end);
    rl_module *m = wasm_module_of_body(&g.w, g.params, g.nlocals);
    free(g.w.p);
    return m;
}

static void random_bodies(void **state) {
    (void)state;
    rl_annot a = {0};
    where = "random body";
    for (u64 seed = 1; seed <= 6000; seed++) {
        seed_now = seed;
        rl_module *m = random_module(seed);
        check_function(m, 0, &a);
        rl_module_put(m);
    }
    rl_annot_fini(&a);
    print_message("%llu last uses and dead stores found, %llu missed\n", (unsigned long long)kept, (unsigned long long)missed);
    assert_true(kept > 20 * missed); /* generous, but seldom */
}

static void module_files(void **state) {
    (void)state;
    rl_annot a = {0};
    for (int i = 0; i < nfiles; i++) {
        where = files[i];
        kept = missed = 0;
        rl_module *m = wasm_module_of_file(files[i]);
        for (u32 f = m->nimported_funcs; f < m->nfuncs; f++)
            if (m->funcs[f].body_len < 20000) check_function(m, f, &a);
        rl_module_put(m);
        print_message("%s: %llu found, %llu missed\n", where, (unsigned long long)kept, (unsigned long long)missed);
    }
    rl_annot_fini(&a);
}

int main(int argc, char **argv) {
    nfiles = argc - 1;
    files = argv + 1;
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_bodies), cmocka_unit_test(module_files) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
