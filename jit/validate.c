/* Owns the checking half of sweep V: one forward pass over a body, with the operand and control stacks of the spec's
 * appendix. Annotations are the other half (annotate.c), made when a function is compiled, from code known to be
 * valid: it then needs no types, and this loop needs no notes. State is per call and in the annot's scratch, so threads
 * work on different annots freely.
 *
 * Speed: the hot loop keeps cursor and operand stack in registers; each operator of fixed type has a case of its own, in
 * which its signature from opcode.def is constants. Nothing there is bounds-checked per byte: immediates may run past the
 * body by less than the padding behind every module, and the loop's head notices. Only the operand stack's room is an
 * invariant: at least one byte per byte of body left, kept by the few operators that push more than they are long.
 *
 * Not taken: one pass that checks and annotates, which was slower by a third than the two together; and checking while
 * emitting, because an invalid module must be refused before any of it runs. */
#include "jit/validate.h"

#include <stdlib.h>

#include "jit/decode.h"
#include "jit/live.h"
#include "jit/opcode.h"
#include "jit/reader.h"

typedef struct rl_vctl {
    const u8 *start, *end; /* parameter and result types */
    u16 nstart, nend;
    u32 height;            /* operands below the parameters */
    u32 serial;            /* of the last br_table that targeted it */
    u8 kind;               /* opcode byte; RL_OP_block for the function itself */
    bool unreachable;      /* operands are polymorphic (spec) */
} rl_vctl;

/* The fields the hot loop keeps in registers lie apart: side by side, gcc loads and stores them in pairs through vector
 * registers and leaves them there. */
typedef struct val {
    const u8 *p;             /* cursor */
    const rl_module *m;
    u8 *sp;                  /* operands; synchronised with the hot loop's around calls */
    rl_annot *a;
    u8 *floor;               /* of the innermost construct */
    rl_vscratch *s;
    const u8 *op;            /* first byte of the current operator */
    rl_diag *d;
    u8 *max;                 /* greatest sp seen */
    const rl_proto *proto;
    const u8 *end;           /* of the body */
    u32 nctl;
} val;

/* ---- failure: all of it out of line ---- */

#define COLD __attribute__((noinline, cold))

static u64 at(const val *v) { return (u64)(v->op - v->m->bytes); }

static COLD rl_err fail_end(val *v) {
    return rl_diag_at(v->d, RL_ERR_MALFORMED, (u64)(v->end - v->m->bytes),
                      "unexpected end of section or function: END opcode expected");
}

static COLD rl_err fail_index(val *v, const char *what, u32 i) {
    return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "unknown %s %u", what, i);
}

static const char *op_text(const val *v) {
    u32 code = *v->op;
    if (code == 0xfc) code = 0xfc00 | (v->op[1] & 0x1f);
    const char *t = rl_op_infos[rl_op_dense(code)].text;
    return t ? t : "?";
}

static COLD rl_err fail_type(val *v, const char *want, const char *got) {
    return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "type mismatch: %s expects %s, found %s", op_text(v), want, got);
}

static COLD rl_err fail_invalid(val *v, const char *text) {
    return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "%s", text);
}

static COLD rl_err fail_malformed(val *v, const char *text) {
    return rl_diag_at(v->d, RL_ERR_MALFORMED, at(v), "%s", text);
}

static COLD rl_err fail_memory(val *v) { return rl_diag_set(v->d, RL_ERR_NOMEM, "out of memory"); }

static COLD rl_err fail_opcode(val *v, u32 sub) {
    const char *proposal = rl_op_proposal(*v->op);
    if (proposal)
        return rl_diag_at(v->d, RL_ERR_UNSUPPORTED, at(v), "%s: opcode 0x%02x", proposal, *v->op);
    if (*v->op == 0xfc && sub == 18) return rl_diag_at(v->d, RL_ERR_UNSUPPORTED, at(v), "memory control: opcode 0xfc 18");
    if (*v->op == 0xfc && sub >= 19 && sub <= 22)
        return rl_diag_at(v->d, RL_ERR_UNSUPPORTED, at(v), "wide arithmetic: opcode 0xfc %u", sub);
    if (*v->op == 0xfc) return rl_diag_at(v->d, RL_ERR_MALFORMED, at(v), "illegal opcode 0xfc %u", sub);
    return rl_diag_at(v->d, RL_ERR_MALFORMED, at(v), "illegal opcode 0x%02x", *v->op);
}

/* ---- immediates ---- */

/* A LEB of any length through the checked reader; *p is left unchanged on failure. */
static __attribute__((noinline)) rl_err leb_slow(val *v, const u8 **p, unsigned bits, bool is_signed, u64 *out) {
    const u8 *q = *p;
    u32 n = 0, value = 0;
    for (; n < 4; n++) { /* four bytes are always well-formed, and most long ones have three or four */
        value |= (u32)(q[n] & 0x7f) << (7 * n);
        if (q[n] < 0x80) break;
    }
    if (RL_LIKELY(n < 4 && q + n < v->end)) {
        u32 up = 57 - 7 * n;
        *out = is_signed ? (u64)((i64)((u64)value << up) >> up) : value;
        *p = q + n + 1;
        return RL_OK;
    }
    if (*p >= v->end) return fail_end(v);
    rl_reader r = rl_reader_of(v->m->bytes, (u64)(*p - v->m->bytes), (u64)(v->end - v->m->bytes));
    *out = rl_read_leb(&r, bits, is_signed);
    if (r.err) return rl_diag_at(v->d, r.err, r.at, "%s", r.what);
    *p = r.p;
    return RL_OK;
}

/* One- and two-byte forms inline. May read past the end, never past the padding. */
#define LEB_U32(x)                                                      \
    do {                                                                \
        u32 b_ = *p;                                                    \
        if (RL_LIKELY(b_ < 0x80)) {                                     \
            p++;                                                        \
            x = b_;                                                     \
        } else if (RL_LIKELY(p[1] < 0x80)) {                            \
            x = (b_ & 0x7f) | (u32)p[1] << 7;                           \
            p += 2;                                                     \
        } else {                                                        \
            u64 long_;                                                  \
            const u8 *p_ = p; /* p itself stays in a register */        \
            v->op = op_at;                                              \
            RL_TRY(leb_slow(v, &p_, 32, false, &long_));                \
            p = p_;                                                     \
            x = (u32)long_;                                             \
        }                                                               \
    } while (0)

static rl_err u32_imm(val *v, u32 *x) {
    const u8 *p = v->p, *op_at = v->op;
    LEB_U32(*x);
    v->p = p;
    return RL_OK;
}

static rl_err zero_byte(val *v, u32 n, const char *what) {
    u8 b = *v->p;
    if (v->p >= v->end) return fail_end(v);
    if (b && b < 0x80)
        return rl_diag_at(v->d, RL_ERR_UNSUPPORTED, at(v), "multi-memory: zero byte expected, found %s %u", what, b);
    if (b) return fail_malformed(v, "zero byte expected");
    v->p++;
    if (!n) return fail_index(v, what, 0);
    return RL_OK;
}

/* ---- operands ---- */

static __attribute__((noinline)) rl_err pop_slow(val *v, u8 want, u8 *got) {
    if (v->sp > v->floor) {
        u8 t = *--v->sp;
        if (got) *got = t;
        if (RL_LIKELY(t == want || want == RL_BOT || t == RL_BOT)) return RL_OK;
        return fail_type(v, rl_type_text(want), rl_type_text(t));
    }
    if (got) *got = RL_BOT;
    if (v->s->vctls[v->nctl - 1].unreachable) return RL_OK;
    return fail_type(v, want == RL_BOT ? "an operand" : rl_type_text(want), "nothing");
}

static inline __attribute__((always_inline)) rl_err pop(val *v, u8 want, u8 *got) {
    if (RL_UNLIKELY(v->sp <= v->floor || (want != RL_BOT && v->sp[-1] != want))) return pop_slow(v, want, got);
    v->sp--;
    if (got) *got = *v->sp;
    return RL_OK;
}

static rl_err pop_list_slow(val *v, const u8 *types, u32 n) {
    for (u32 i = n; i--;) {
        if (v->sp == v->floor && v->s->vctls[v->nctl - 1].unreachable) return RL_OK; /* the rest is polymorphic */
        RL_TRY(pop(v, types[i], NULL));
    }
    return RL_OK;
}

static inline bool same_types(const u8 *a, const u8 *b, u32 n) {
    switch (n) {
    case 0: return true;
    case 1: return *a == *b;
    default: return !memcmp(a, b, n);
    }
}

static inline rl_err pop_list(val *v, const u8 *types, u32 n) {
    if (RL_LIKELY((size_t)(v->sp - v->floor) >= n && same_types(v->sp - n, types, n))) {
        v->sp -= n;
        return RL_OK;
    }
    return pop_list_slow(v, types, n);
}

/* Keeps the invariant: room for n more and one per byte of body left. */
static __attribute__((noinline)) rl_err grow_types(val *v, u32 n) {
    rl_vscratch *s = v->s;
    uintptr_t old = (uintptr_t)s->types;
    size_t used = (uintptr_t)v->sp - old, floor = (uintptr_t)v->floor - old, max = (uintptr_t)v->max - old;
    if (used + n > RL_MAX_OPERANDS)
        return rl_diag_at(v->d, RL_ERR_LIMIT, at(v), "too many operands: at most %u", RL_MAX_OPERANDS);
    size_t want = (used + n + (size_t)(v->end - v->op)) * 2 + 64;
    u8 *types = realloc(s->types, want);
    if (!types) return fail_memory(v);
    s->types = types;
    s->cap_types = want;
    v->sp = types + used;
    v->floor = types + floor;
    v->max = types + max;
    return RL_OK;
}

static inline rl_err push_list(val *v, const u8 *types, u32 n) {
    if (RL_UNLIKELY((size_t)(v->s->types + v->s->cap_types - v->sp) < n + (size_t)(v->end - v->op) + 16))
        RL_TRY(grow_types(v, n));
    if (n == 1) *v->sp++ = *types;
    else if (n) {
        memcpy(v->sp, types, n);
        v->sp += n;
    }
    if (v->sp > v->max) v->max = v->sp;
    return RL_OK;
}

/* Checks the top n operands against types and leaves them, typed. */
static inline rl_err peek_list(val *v, const u8 *types, u32 n) {
    if (RL_LIKELY((size_t)(v->sp - v->floor) >= n && same_types(v->sp - n, types, n))) return RL_OK;
    RL_TRY(pop_list_slow(v, types, n));
    return push_list(v, types, n);
}

/* ---- control ---- */

static void set_unreachable(val *v) {
    v->s->vctls[v->nctl - 1].unreachable = true;
    v->sp = v->floor;
}

/* The types of a construct. Passed in parts, which stay in registers: to copy a rl_vctl made just before would wait. */
typedef struct vtypes {
    const u8 *start, *end;
    u16 nstart, nend;
} vtypes;

/* The operand stack already holds the parameters. */
static inline __attribute__((always_inline)) rl_err push_ctl(val *v, u8 kind, vtypes t) {
    if (RL_UNLIKELY(v->nctl >= v->s->cap_vctls) &&
        !rl_live_reserve(&v->s->vctls, &v->s->cap_vctls, (u64)v->nctl + 1, sizeof *v->s->vctls))
        return fail_memory(v);
    rl_vctl *c = &v->s->vctls[v->nctl];
    *c = (rl_vctl){ .start = t.start, .end = t.end, .nstart = t.nstart, .nend = t.nend, .kind = kind,
                    .height = (u32)(v->sp - v->s->types) - t.nstart };
    v->floor = v->sp - t.nstart;
    v->nctl++;
    return RL_OK;
}

static const u8 single_types[] = { RL_I32, RL_I64, RL_F32, RL_F64, RL_V128, RL_FUNCREF, RL_EXTERNREF };

/* Block type: empty, one value type, or the index of a function type (s33). */
static inline __attribute__((always_inline)) rl_err block_type(val *v, vtypes *c) {
    *c = (vtypes){ .start = single_types, .end = single_types };
    u8 b = *v->p, type;
    if (v->p >= v->end) return fail_end(v);
    if (b == 0x40) {
        v->p++;
        return RL_OK;
    }
    if (b >= 0x41 && b < 0x80) {
        rl_reader r = rl_reader_of(v->m->bytes, (u64)(v->p - v->m->bytes), (u64)(v->end - v->m->bytes));
        RL_TRY(rl_decode_type(&r, v->d, false, &type));
        v->p = r.p;
        c->end = &single_types[type];
        c->nend = 1;
        return RL_OK;
    }
    u64 index;
    if (b < 0x40) {
        index = b;
        v->p++;
    } else {
        RL_TRY(leb_slow(v, &v->p, 33, true, &index));
    }
    if (index >= v->m->nprotos) return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "unknown type %lld", (long long)index);
    const rl_proto *p = v->m->protos[index];
    *c = (vtypes){ .start = p->params, .nstart = p->nparams, .end = p->results, .nend = p->nresults };
    return RL_OK;
}

static rl_err op_block(val *v, u8 kind) {
    vtypes t;
    RL_TRY(block_type(v, &t));
    if (kind == RL_OP_if) RL_TRY(pop(v, RL_I32, NULL));
    if (t.nstart) RL_TRY(peek_list(v, t.start, t.nstart));
    return push_ctl(v, kind, t);
}

/* The operands must be exactly the results. */
static inline rl_err check_results(val *v, const rl_vctl *c) {
    if (RL_LIKELY((size_t)(v->sp - v->floor) == c->nend && same_types(v->floor, c->end, c->nend))) return RL_OK;
    RL_TRY(pop_list_slow(v, c->end, c->nend));
    if (v->sp != v->floor)
        return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "type mismatch: %u operands too many at %s",
                          (u32)(v->sp - v->floor), op_text(v));
    return push_list(v, c->end, c->nend);
}

static rl_err op_else(val *v) {
    rl_vctl *c = &v->s->vctls[v->nctl - 1];
    if (c->kind != RL_OP_if) return fail_malformed(v, "END opcode expected: else found outside of an if");
    RL_TRY(check_results(v, c));
    c->kind = RL_OP_else;
    c->unreachable = false;
    v->sp = v->floor;
    return push_list(v, c->start, c->nstart);
}

static rl_err end_function(val *v, bool *done) {
    *done = true;
    if (v->p != v->end)
        return rl_diag_at(v->d, RL_ERR_MALFORMED, (u64)(v->p - v->m->bytes),
                          "section size mismatch: operators remaining after end of function");
    return RL_OK;
}

static inline rl_err op_end(val *v, bool *done) {
    rl_vctl *c = &v->s->vctls[v->nctl - 1];
    RL_TRY(check_results(v, c));
    if (c->kind == RL_OP_if && (c->nstart != c->nend || memcmp(c->start, c->end, c->nend)))
        return fail_invalid(v, "type mismatch: if without else must give back its parameters");
    if (--v->nctl == 0) return end_function(v, done);
    v->floor = v->s->types + c[-1].height;
    return RL_OK;
}

static inline rl_err label(val *v, u32 depth, rl_vctl **out, const u8 **types, u32 *n) {
    if (depth >= v->nctl) return fail_index(v, "label", depth);
    rl_vctl *c = &v->s->vctls[v->nctl - 1 - depth];
    bool loop = c->kind == RL_OP_loop;
    *out = c;
    *types = loop ? c->start : c->end;
    *n = loop ? c->nstart : c->nend;
    return RL_OK;
}

static rl_err op_br(val *v) {
    u32 depth = 0, n = 0;
    const u8 *types = NULL;
    rl_vctl *c = NULL;
    RL_TRY(u32_imm(v, &depth));
    RL_TRY(label(v, depth, &c, &types, &n));
    RL_TRY(pop_list(v, types, n));
    set_unreachable(v);
    return RL_OK;
}

static rl_err op_br_if(val *v) {
    u32 depth = 0, n = 0;
    const u8 *types = NULL;
    rl_vctl *c = NULL;
    RL_TRY(u32_imm(v, &depth));
    RL_TRY(label(v, depth, &c, &types, &n));
    RL_TRY(pop(v, RL_I32, NULL));
    return peek_list(v, types, n);
}

/* One entry of br_table. Each label's types are checked once per table, without popping: a polymorphic stack may
 * satisfy labels of different types (spec 3.3.8.9). */
static rl_err table_label(val *v, u32 depth, u32 *arity) {
    const u8 *types = NULL;
    rl_vctl *c = NULL;
    u32 n = 0;
    RL_TRY(label(v, depth, &c, &types, &n));
    if (*arity != UINT32_MAX && *arity != n) return fail_invalid(v, "type mismatch: br_table labels differ in arity");
    *arity = n;
    if (c->serial == v->s->table_serial) return RL_OK;
    c->serial = v->s->table_serial;
    u32 have = (u32)(v->sp - v->floor), checked = RL_MIN(have, n);
    if (have < n && !v->s->vctls[v->nctl - 1].unreachable) return fail_type(v, "more operands", "fewer");
    for (u32 i = 1; i <= checked; i++) {
        u8 want = types[n - i], got = v->sp[-(ptrdiff_t)i];
        if (got != want && got != RL_BOT) return fail_type(v, rl_type_text(want), rl_type_text(got));
    }
    return RL_OK;
}

static rl_err op_br_table(val *v) {
    u32 n, arity = UINT32_MAX;
    RL_TRY(u32_imm(v, &n));
    if (n > (size_t)(v->end - v->p)) return fail_end(v);
    RL_TRY(pop(v, RL_I32, NULL));
    v->s->table_serial++;
    for (u32 i = 0; i <= n; i++) {
        u32 depth;
        if (v->p >= v->end) return fail_end(v);
        RL_TRY(u32_imm(v, &depth));
        RL_TRY(table_label(v, depth, &arity));
    }
    set_unreachable(v);
    return RL_OK;
}

static rl_err op_return(val *v) {
    RL_TRY(pop_list(v, v->proto->results, v->proto->nresults));
    set_unreachable(v);
    return RL_OK;
}

/* ---- calls ---- */

static inline rl_err call(val *v, const rl_proto *p) {
    RL_TRY(pop_list(v, p->params, p->nparams));
    return push_list(v, p->results, p->nresults);
}

static rl_err tail_call(val *v, const rl_proto *p) {
    const rl_proto *self = v->proto;
    if (p->nresults != self->nresults || memcmp(p->results, self->results, p->nresults)) {
        char want[120], got[120];
        return fail_type(v, rl_proto_text(self, want, sizeof want), rl_proto_text(p, got, sizeof got));
    }
    RL_TRY(pop_list(v, p->params, p->nparams));
    v->a->has_tail_calls = true;
    v->a->tail_words = RL_MAX(v->a->tail_words, p->out_words);
    set_unreachable(v);
    return RL_OK;
}

static rl_err callee(val *v, const rl_proto **p) {
    u32 f;
    RL_TRY(u32_imm(v, &f));
    if (f >= v->m->nfuncs) return fail_index(v, "function", f);
    *p = v->m->funcs[f].proto;
    return RL_OK;
}

static rl_err indirect(val *v, const rl_proto **p) {
    u32 type, table;
    RL_TRY(u32_imm(v, &type));
    RL_TRY(u32_imm(v, &table));
    if (table >= v->m->ntables) return fail_index(v, "table", table);
    if (v->m->tables[table].elem != RL_FUNCREF) return fail_type(v, "a table of funcref", "externref");
    if (type >= v->m->nprotos) return fail_index(v, "type", type);
    *p = v->m->protos[type];
    return pop(v, RL_I32, NULL);
}

static rl_err op_call(val *v, u8 op) {
    const rl_proto *p = NULL;
    RL_TRY(op & 1 ? indirect(v, &p) : callee(v, &p)); /* 10 call, 11 call_indirect, 12 and 13 their tail forms */
    return op >= RL_OP_return_call ? tail_call(v, p) : call(v, p);
}

/* ---- the other operators typed by hand ---- */

static rl_err op_select(val *v) {
    u8 a, b;
    RL_TRY(pop(v, RL_I32, NULL));
    RL_TRY(pop(v, RL_BOT, &a));
    RL_TRY(pop(v, RL_BOT, &b));
    if (rl_type_is_ref(a) || rl_type_is_ref(b)) return fail_type(v, "numbers", "a reference");
    if (a != b && a != RL_BOT && b != RL_BOT) return fail_type(v, rl_type_text(b), rl_type_text(a));
    *v->sp++ = a == RL_BOT ? b : a;
    return RL_OK;
}

static rl_err type_imm(val *v, bool ref_only, u8 *type) {
    if (v->p >= v->end) return fail_end(v);
    rl_reader r = rl_reader_of(v->m->bytes, (u64)(v->p - v->m->bytes), (u64)(v->end - v->m->bytes));
    RL_TRY(rl_decode_type(&r, v->d, ref_only, type));
    v->p = r.p;
    return RL_OK;
}

static rl_err op_select_t(val *v) {
    u32 n;
    u8 type;
    RL_TRY(u32_imm(v, &n));
    if (n != 1) return fail_invalid(v, "invalid result arity: select must have one type");
    RL_TRY(type_imm(v, false, &type));
    RL_TRY(pop(v, RL_I32, NULL));
    RL_TRY(pop(v, type, NULL));
    RL_TRY(pop(v, type, NULL));
    *v->sp++ = type;
    return RL_OK;
}

static rl_err op_ref(val *v, u8 op) {
    u8 type;
    u32 f;
    switch (op) {
    case RL_OP_ref_null:
        RL_TRY(type_imm(v, true, &type));
        return push_list(v, &type, 1);
    case RL_OP_ref_is_null:
        RL_TRY(pop(v, RL_BOT, &type));
        if (type != RL_BOT && !rl_type_is_ref(type)) return fail_type(v, "a reference", rl_type_text(type));
        *v->sp++ = RL_I32;
        return RL_OK;
    default:
        RL_TRY(u32_imm(v, &f));
        if (f >= v->m->nfuncs) return fail_index(v, "function", f);
        if (v->m->func_slot[f] == UINT32_MAX)
            return rl_diag_at(v->d, RL_ERR_INVALID, at(v), "undeclared function reference: function %u", f);
        type = RL_FUNCREF;
        return push_list(v, &type, 1);
    }
}

static rl_err table_imm(val *v, u8 *elem) {
    u32 t;
    RL_TRY(u32_imm(v, &t));
    if (t >= v->m->ntables) return fail_index(v, "table", t);
    *elem = v->m->tables[t].elem;
    return RL_OK;
}

static rl_err op_table_access(val *v, u8 op) {
    u8 elem;
    RL_TRY(table_imm(v, &elem));
    if (op == RL_OP_table_set) {
            RL_TRY(pop(v, elem, NULL));
        return pop(v, RL_I32, NULL);
    }
    RL_TRY(pop(v, RL_I32, NULL));
    *v->sp++ = elem;
    return RL_OK;
}

static rl_err elem_imm(val *v, u8 *type) {
    u32 i;
    RL_TRY(u32_imm(v, &i));
    if (i >= v->m->nelems) return fail_index(v, "elem segment", i);
    *type = v->m->elems[i].type;
    return RL_OK;
}

static rl_err data_imm(val *v) {
    u32 i;
    RL_TRY(u32_imm(v, &i));
    if (!v->m->has_data_count) return fail_malformed(v, "data count section required");
    if (i >= v->m->ndatas) return fail_index(v, "data segment", i);
    return RL_OK;
}

static rl_err pair(val *v, rl_err (*second)(val *v, u8 *type), rl_err (*first)(val *v, u8 *type)) {
    u8 a, b;
    RL_TRY(first(v, &a));
    RL_TRY(second(v, &b));
    return a == b ? RL_OK : fail_type(v, rl_type_text(a), rl_type_text(b));
}

static rl_err op_table_typed(val *v, u32 sub) {
    u8 elem;
    RL_TRY(table_imm(v, &elem));
    RL_TRY(pop(v, RL_I32, NULL));
    RL_TRY(pop(v, elem, NULL));
    if (sub == 0x11) return pop(v, RL_I32, NULL); /* fill */
    *v->sp++ = RL_I32;                            /* grow */
    return RL_OK;
}

/* Immediates of the operators behind 0xfc; those of fixed type are typed by the caller. */
static rl_err prefixed_imm(val *v, u8 imm) {
    u8 type;
    switch (imm) {
    case RL_IMM_data_memory: RL_TRY(data_imm(v)); return zero_byte(v, v->m->nmemories, "memory");
    case RL_IMM_data: return data_imm(v);
    case RL_IMM_memories: RL_TRY(zero_byte(v, v->m->nmemories, "memory")); return zero_byte(v, v->m->nmemories, "memory");
    case RL_IMM_memory: return zero_byte(v, v->m->nmemories, "memory");
    case RL_IMM_elem_table: return pair(v, table_imm, elem_imm);
    case RL_IMM_elem: return elem_imm(v, &type);
    case RL_IMM_tables: return pair(v, table_imm, table_imm);
    case RL_IMM_table: return table_imm(v, &type);
    default: return RL_OK;
    }
}

static __attribute__((noinline)) rl_err memarg_slow(val *v, u32 natural) {
    u32 align, offset;
    RL_TRY(u32_imm(v, &align));
    if (align >= 64 && align < 128)
        return rl_diag_at(v->d, RL_ERR_UNSUPPORTED, at(v), "multi-memory: malformed memop flags 0x%02x", align);
    if (align >= 32) return fail_malformed(v, "malformed memop flags");
    RL_TRY(u32_imm(v, &offset));
    if (align > natural) return fail_invalid(v, "alignment must not be larger than natural");
    return RL_OK;
}

/* ---- fixed types ---- */

typedef struct sig_row {
    u8 n, result; /* result RL_BOT: none */
    u8 params[3];
} sig_row;

static const sig_row sig_rows[RL_SIG_COUNT] = {
#define SIG(name, result, n, a, b, c) [RL_SIG_##name] = { n, RL_##result, { RL_##a, RL_##b, RL_##c } },
    RL_SIGS(SIG)
#undef SIG
};

/* The same as constants: RL_SIGN_i_ll is how many parameters, RL_SIGA_i_ll the first one's type, RL_SIGT_i_ll the last
 * one's, RL_SIGR_i_ll the result's. */
enum {
#define SIG(name, result, n, a, b, c) \
    RL_SIGN_##name = n, RL_SIGA_##name = RL_##a, RL_SIGT_##name = (n) == 1 ? RL_##a : RL_##b, RL_SIGR_##name = RL_##result,
    RL_SIGS(SIG)
#undef SIG
};

static COLD rl_err simple_slow(val *v, const sig_row *g) {
    for (u32 i = g->n; i--;) RL_TRY(pop(v, g->params[i], NULL));
    if (g->result != RL_BOT) *v->sp++ = g->result;
    return RL_OK;
}

/* ---- the hot loop ---- */

#define SYNC_OUT() (v->p = p, v->sp = sp, v->op = op_at, v->max = max)
#define SYNC_IN() (p = v->p, sp = v->sp, floor = v->floor, max = v->max)
#define HAND(call)       \
    do {                 \
        SYNC_OUT();      \
        RL_TRY(call);    \
        SYNC_IN();       \
    } while (0)
#define PUSH(t)                                          \
    do {                                                 \
        *sp++ = (t);                                     \
        if (sp > max) max = sp;                          \
    } while (0)

/* Four bytes of a LEB are well-formed whatever they are. */
#define SKIP_LEB(bits)                                          \
    do {                                                        \
        u32 ends_ = ~rl_load32(p) & 0x80808080;                 \
        if (RL_LIKELY(ends_)) {                                 \
            p += ((u32)__builtin_ctz(ends_) >> 3) + 1;          \
        } else {                                                \
            u64 ignored_;                                       \
            SYNC_OUT();                                         \
            RL_TRY(leb_slow(v, &v->p, bits, true, &ignored_));  \
            p = v->p;                                           \
        }                                                       \
    } while (0)

/* The usual alignment, and an offset of one or two bytes. */
#define MEMARG(imm)                                                                   \
    do {                                                                              \
        enum { natural_ = (imm) - RL_IMM_mem1 };                                      \
        if (RL_UNLIKELY(!m->nmemories)) { SYNC_OUT(); return fail_index(v, "memory", 0); } \
        if (RL_LIKELY(p[0] <= natural_ && p[1] < 0x80)) p += 2;                       \
        else if (RL_LIKELY(p[0] <= natural_ && p[2] < 0x80)) p += 3;                  \
        else { SYNC_OUT(); RL_TRY(memarg_slow(v, natural_)); p = v->p; }              \
    } while (0)

/* Pops the parameters of a signature of one or two, pushes its result. */
#define FIXED(n, first, top, result)                                                  \
    do {                                                                              \
        if (RL_UNLIKELY(sp - floor < (n) || sp[-1] != (top) || sp[-(n)] != (first))) goto mismatch; \
        sp -= (n);                                                                    \
        if ((int)(result) != RL_BOT) *sp++ = (u8)(result);                            \
    } while (0)
#define FIXED_SIG(sig) FIXED(RL_SIGN_##sig, RL_SIGA_##sig, RL_SIGT_##sig, RL_SIGR_##sig)

/* The cases of the families whose types are fixed; the others are written by hand. */
#define CASE_FIXED(code, imm, sig) case code: FIXED_SIG(sig); continue;
#define CASE_MEMORY(code, imm, sig) case code: MEMARG(RL_IMM_##imm); FIXED_SIG(sig); continue;
#define CASE_load CASE_MEMORY
#define CASE_store CASE_MEMORY
#define CASE_eqz CASE_FIXED
#define CASE_cmp CASE_FIXED
#define CASE_fcmp CASE_FIXED
#define CASE_un CASE_FIXED
#define CASE_bin CASE_FIXED
#define CASE_div CASE_FIXED
#define CASE_fun CASE_FIXED
#define CASE_fbin CASE_FIXED
#define CASE_cvt CASE_FIXED
#define CASE_trunc CASE_FIXED
#define CASE_sat(code, imm, sig)
#define CASE_ctl(code, imm, sig)
#define CASE_par(code, imm, sig)
#define CASE_var(code, imm, sig)
#define CASE_ref(code, imm, sig)
#define CASE_table(code, imm, sig)
#define CASE_mem(code, imm, sig)
#define CASE_cnst(code, imm, sig)

static rl_err sweep(val *v) {
    const u8 *p = v->p, *op_at;
    const u8 *const end = v->end;
    u8 *sp = v->sp, *floor = v->floor, *max = v->max;
    const u8 *const locals = v->a->local_types;
    const u32 nlocals = v->a->nlocals;
    const rl_module *const m = v->m;
    bool done = false;
    u32 x;
    for (;;) {
        op_at = p;
        if (RL_UNLIKELY(p >= end)) {
            SYNC_OUT();
            return fail_end(v);
        }
        u8 op = *p++;
        switch (op) {
#define OP(name, code, text, imm, type, family, arg) CASE_##family(code, imm, type)
#include "jit/opcode.def"
#undef OP
        case RL_OP_local_get:
            LEB_U32(x);
            if (RL_UNLIKELY(x >= nlocals)) { SYNC_OUT(); return fail_index(v, "local", x); }
            PUSH(locals[x]);
            continue;
        case RL_OP_local_set:
        case RL_OP_local_tee: {
            LEB_U32(x);
            if (RL_UNLIKELY(x >= nlocals)) { SYNC_OUT(); return fail_index(v, "local", x); }
            u8 t = locals[x];
            if (RL_LIKELY(sp > floor && sp[-1] == t)) {
                sp -= op == RL_OP_local_set;
            } else {
                HAND(pop(v, t, NULL));
                if (op == RL_OP_local_tee) PUSH(t);
            }
            continue;
        }
        case RL_OP_global_get:
            LEB_U32(x);
            if (RL_UNLIKELY(x >= m->nglobals)) { SYNC_OUT(); return fail_index(v, "global", x); }
            PUSH(m->globals[x].type.type);
            continue;
        case RL_OP_global_set:
            LEB_U32(x);
            if (RL_UNLIKELY(x >= m->nglobals)) { SYNC_OUT(); return fail_index(v, "global", x); }
            SYNC_OUT();
            if (!m->globals[x].type.mut) return fail_invalid(v, "global is immutable");
            HAND(pop(v, m->globals[x].type.type, NULL));
            continue;
        case RL_OP_i32_const:
            SKIP_LEB(32);
            PUSH(RL_I32);
            continue;
        case RL_OP_i64_const:
            SKIP_LEB(64);
            PUSH(RL_I64);
            continue;
        case RL_OP_f32_const: p += 4; PUSH(RL_F32); continue;
        case RL_OP_f64_const: p += 8; PUSH(RL_F64); continue;
        case RL_OP_memory_grow:
        case RL_OP_memory_size:
            SYNC_OUT();
            RL_TRY(zero_byte(v, m->nmemories, "memory"));
            p = v->p;
            if (op == RL_OP_memory_size) PUSH(RL_I32);
            else FIXED_SIG(i_i);
            continue;
        case RL_OP_drop:
            if (RL_LIKELY(sp > floor)) sp--;
            else HAND(pop(v, RL_BOT, NULL));
            continue;
        case RL_OP_select: HAND(op_select(v)); continue;
        case RL_OP_select_t: HAND(op_select_t(v)); continue;
        case RL_OP_unreachable: SYNC_OUT(); set_unreachable(v); SYNC_IN(); continue;
        case RL_OP_nop: continue;
        case RL_OP_block: case RL_OP_loop: case RL_OP_if: HAND(op_block(v, op)); continue;
        case RL_OP_else: HAND(op_else(v)); continue;
        case RL_OP_end:
            HAND(op_end(v, &done));
            if (RL_UNLIKELY(done)) return RL_OK;
            continue;
        case RL_OP_br: HAND(op_br(v)); continue;
        case RL_OP_br_if: HAND(op_br_if(v)); continue;
        case RL_OP_br_table: HAND(op_br_table(v)); continue;
        case RL_OP_return: HAND(op_return(v)); continue;
        case RL_OP_call: case RL_OP_call_indirect: case RL_OP_return_call: case RL_OP_return_call_indirect:
            HAND(op_call(v, op));
            continue;
        case RL_OP_ref_null: case RL_OP_ref_is_null: case RL_OP_ref_func: HAND(op_ref(v, op)); continue;
        case RL_OP_table_get: case RL_OP_table_set: HAND(op_table_access(v, op)); continue;
        case 0xfc: {
            SYNC_OUT();
            RL_TRY(u32_imm(v, &x));
            if (x > 17) return fail_opcode(v, x);
            const rl_op_info *info = &rl_op_infos[0x100 + x];
            if (info->sig == RL_SIG_ANY) RL_TRY(op_table_typed(v, x));
            else {
                RL_TRY(prefixed_imm(v, info->imm));
                RL_TRY(simple_slow(v, &sig_rows[info->sig]));
                if (v->sp > v->max) v->max = v->sp;
            }
            SYNC_IN();
            continue;
        }
        default:
            SYNC_OUT();
            return fail_opcode(v, 0);
        }
    mismatch: /* an error, or unreachable */
        HAND(simple_slow(v, &sig_rows[rl_op_infos[op].sig]));
    }
}

/* ---- one function ---- */

bool rl_live_reserve(void *array, u32 *cap, u64 n, size_t item) {
    if (n <= *cap) return true;
    u64 want = RL_MAX(n, (u64)*cap * 2 + 16);
    void **a = array, *bigger = want > UINT32_MAX ? NULL : realloc(*a, (size_t)want * item);
    if (!bigger) return false;
    *a = bigger;
    *cap = (u32)want;
    return true;
}

/* Parameters and declared locals; `r` stands at the declarations and is left at the first opcode. */
static rl_err read_locals(rl_annot *a, rl_reader *r, const rl_proto *proto, rl_diag *d) {
    u64 n = a->nparams = proto->nparams;
    if (!rl_live_reserve(&a->local_types, &a->cap_locals, n + 1, 1)) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    if (n) memcpy(a->local_types, proto->params, n);
    for (u32 groups = rl_read_u32(r); groups && !r->err; groups--) {
        u64 here = rl_reader_pos(r);
        u32 more = rl_read_u32(r);
        u8 type = 0;
        if (r->err) break;
        RL_TRY(rl_decode_type(r, d, false, &type));
        if (n + more > RL_MAX_LOCALS)
            return rl_diag_at(d, n + more > UINT32_MAX ? RL_ERR_MALFORMED : RL_ERR_LIMIT, here,
                              "too many locals: %llu, at most %u", (unsigned long long)(n + more), RL_MAX_LOCALS);
        if (!rl_live_reserve(&a->local_types, &a->cap_locals, n + more, 1))
            return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
        memset(a->local_types + n, type, more);
        n += more;
    }
    if (r->err) return rl_diag_at(d, r->err, r->at, "%s", r->what);
    a->nlocals = (u32)n;
    return RL_OK;
}

/* The operand stack starts as long as the body, which is its invariant; untouched pages cost nothing. */
static rl_err check(val *v) {
    rl_vscratch *s = v->s;
    size_t len = (size_t)(v->end - v->p) + 64;
    if (s->cap_types < len) {
        u8 *types = realloc(s->types, len);
        if (!types) return fail_memory(v);
        s->types = types;
        s->cap_types = len;
    }
    v->sp = v->floor = v->max = s->types;
    v->op = v->p;
    const rl_proto *p = v->proto;
    RL_TRY(push_ctl(v, RL_OP_block, (vtypes){ .start = single_types, .end = p->results, .nend = p->nresults }));
    RL_TRY(sweep(v));
    v->a->max_depth = (u32)(v->max - s->types);
    if (v->a->max_depth > RL_MAX_OPERANDS)
        return rl_diag_at(v->d, RL_ERR_LIMIT, v->a->code, "too many operands: at most %u", RL_MAX_OPERANDS);
    return RL_OK;
}

rl_err rl_validate_func(const rl_module *m, u32 index, bool annotate, rl_annot *a, rl_diag *d) {
    if (!a->scratch && !(a->scratch = calloc(1, sizeof *a->scratch)))
        return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    const rl_function *f = &m->funcs[index];
    rl_reader r = rl_reader_of(m->bytes, f->body, (u64)f->body + f->body_len);
    RL_TRY(read_locals(a, &r, f->proto, d));
    a->code = (u32)rl_reader_pos(&r);
    a->end = f->body + f->body_len;
    a->has_tail_calls = false;
    a->tail_words = 0;
    if (annotate) {
        a->max_depth = f->max_depth;
        return rl_annotate(m, a, d);
    }
    return check(&(val){ .m = m, .a = a, .s = a->scratch, .d = d, .proto = f->proto, .p = r.p, .end = r.end });
}

void rl_annot_fini(rl_annot *a) {
    if (a->scratch) {
        rl_vscratch *s = a->scratch;
        free(s->types);
        free(s->vctls);
        free(s->ctls);
        free(s->tape);
        free(s->marks);
        free(s->frames);
        free(s->loops);
        free(s->counts);
        free(s->heavy);
        free(s);
    }
    free(a->local_types);
    free(a->tracked);
    free(a->notes);
    free(a->weights);
    free(a->segments);
    free(a->events);
    *a = (rl_annot){0};
}
