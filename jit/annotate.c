/* Owns the annotating half of sweep V: notes, fuel segments and the event tape of one body, from code that has been
 * checked. It follows reachability and control only; operands have no part in it, so most operators cost a table look-up
 * and the skipping of an immediate. State is in the annot's scratch, one thread at a time. Every array a body fills at
 * most once per byte is made that long beforehand: the loop never grows them, and untouched pages cost nothing.
 *
 * Not taken: annotating while checking (see validate.c), and keeping annotations from load to compilation, which would
 * hold several bytes per byte of code for functions that may never run. */
#include <stdlib.h>

#include "jit/live.h"
#include "jit/opcode.h"
#include "jit/reader.h"

#define NONE UINT32_MAX
#define MAX_SEGMENT 4095

/* An open construct. */
typedef struct rl_actl {
    u32 note;
    u32 outermost; /* see rl_mark */
    u32 serial;    /* of the last br_table that targeted it */
    u16 calls;
    u8 kind;       /* opcode byte; RL_OP_block for the function itself */
    bool entered;  /* the opcode itself is reachable */
    bool branched, has_loop;
    bool falls;    /* if with else: the end of the then branch is reachable */
} rl_actl;

typedef struct scan {
    const rl_module *m;
    rl_annot *a;
    rl_vscratch *s;
    rl_diag *d;
    rl_actl *top;
    rl_fwd fwd;  /* when sets: at most 64 locals, all tracked under their own numbers */
    bool sets;
    u32 nctl;
    u32 live; /* 1: this point is reachable */
    u32 cost; /* of the current segment */
} scan;

static inline void tape(scan *v, u32 kind, u32 payload) { v->s->tape[v->s->ntape++] = rl_tape(kind, payload); }

/* A segment too long for one charge is several. */
static inline void end_segment(scan *v) {
    for (; RL_UNLIKELY(v->cost > MAX_SEGMENT); v->cost -= MAX_SEGMENT) v->a->segments[v->a->nsegments++] = MAX_SEGMENT;
    v->a->segments[v->a->nsegments++] = (u16)v->cost;
    v->cost = 0;
}

static inline u16 saturate(u32 n) { return (u16)RL_MIN(n, 0xffffu); }

static void note_call(scan *v, u32 out_words) {
    if (!v->live) return;
    v->a->out_words = RL_MAX(v->a->out_words, out_words);
    v->a->has_calls = true;
    v->top->calls = saturate(v->top->calls + 1u);
}

static inline u32 out_words(const rl_module *m, u32 func) {
    u32 n = m->out_words[func];
    __builtin_prefetch(&m->funcs[func]); /* sweep E will want it */
    return RL_LIKELY(n < 255) ? n : m->funcs[func].proto->out_words;
}

/* ---- control ---- */

static bool push_ctl(scan *v, u8 kind) {
    if (v->nctl >= v->s->cap_ctls && !rl_live_reserve(&v->s->ctls, &v->s->cap_ctls, (u64)v->nctl + 1, sizeof *v->top))
        return false;
    v->top = &v->s->ctls[v->nctl++];
    *v->top = (rl_actl){ .kind = kind, .entered = v->live, .outermost = NONE, .note = NONE };
    return true;
}

static bool open(scan *v, u8 kind) {
    rl_annot *a = v->a;
    if (!push_ctl(v, kind)) return false;
    if (a->nnotes >= a->cap_notes &&
        (!rl_live_reserve(&a->notes, &a->cap_notes, (u64)a->nnotes + 1, sizeof *a->notes) ||
         !rl_live_reserve(&v->s->marks, &v->s->cap_marks, a->cap_notes, sizeof *v->s->marks)))
        return false;
    u32 note = v->top->note = a->nnotes++;
    a->notes[note] = (rl_block_note){ .reachable = v->live };
    v->s->marks[note] = (rl_mark){ .kind = kind };
    if (!v->live) return true;
    tape(v, RL_TAPE_OPEN, note);
    if (v->sets && !rl_fwd_open(&v->fwd, note)) return false;
    a->has_loops |= kind == RL_OP_loop;
    if (kind != RL_OP_block) end_segment(v);
    return true;
}

static void otherwise(scan *v) {
    rl_actl *c = v->top;
    c->kind = RL_OP_else;
    c->falls = v->live;
    v->live = c->entered;
    if (!v->live) return;
    tape(v, RL_TAPE_ELSE, c->note);
    if (v->sets) rl_fwd_else(&v->fwd);
    v->s->marks[c->note].has_else = true;
    end_segment(v);
}

/* Hands what was seen inside c to the construct around it. */
static void merge(rl_actl *out, const rl_actl *c) {
    bool loop = c->kind == RL_OP_loop;
    out->has_loop |= loop | c->has_loop;
    out->outermost = RL_MIN(out->outermost, c->outermost);
    out->calls = saturate(out->calls + (u32)c->calls * (loop ? 8 : 1));
}

static bool close(scan *v, const u8 *p) {
    rl_actl *c = v->top--;
    rl_block_note *n = &v->a->notes[c->note];
    v->nctl--;
    n->end = (u32)(p - v->m->bytes);
    if (!c->entered) return true;
    bool loop = c->kind == RL_OP_loop;
    c->falls = v->live | c->falls | (c->kind == RL_OP_if); /* an if without else falls through its missing branch */
    v->live = c->falls | (c->branched & !loop);
    n->branched = c->branched;
    n->innermost = loop & !c->has_loop;
    n->calls = c->calls;
    rl_mark *k = &v->s->marks[c->note];
    k->outermost = c->outermost;
    k->falls = c->falls;
    tape(v, RL_TAPE_END, c->note);
    if (v->sets && !rl_fwd_end(&v->fwd)) return false;
    merge(v->top, c);
    if (v->live && !loop && (c->branched || c->kind != RL_OP_block)) end_segment(v);
    return true;
}

/* A reachable branch to the construct `depth` levels out. */
static inline void branch(scan *v, u32 kind, u32 depth) {
    (v->top - depth)->branched = true;
    u32 level = v->nctl - 1 - depth;
    if (level < v->top->outermost) v->top->outermost = level;
    tape(v, kind, depth);
    if (v->sets) rl_fwd_branch(&v->fwd, depth);
}

static void stop(scan *v) {
    if (v->live) tape(v, RL_TAPE_STOP, 0);
    rl_fwd_stop(&v->fwd);
    v->live = 0;
}

static const u8 *table(scan *v, const u8 *p) {
    v->s->table_serial++;
    for (u32 n = rl_leb_u32(&p) + 1; n; n--) {
        u32 depth = rl_leb_u32(&p);
        rl_actl *to = v->top - depth;
        if (!v->live || to->serial == v->s->table_serial) continue;
        to->serial = v->s->table_serial;
        branch(v, RL_TAPE_BR_IF, depth);
    }
    stop(v);
    return p;
}

static void tail(scan *v, const rl_proto *p) {
    note_call(v, p->out_words);
    v->a->has_tail_calls = true;
    v->a->tail_words = RL_MAX(v->a->tail_words, p->out_words);
    stop(v);
}

/* ---- the loop ---- */

/* What an operator means here; most mean only their immediate. Straight-line code is what is up to SET. */
enum {
    SKIP0, SKIP1, SKIP2, SKIP4, SKIP8, /* nothing, one or two LEBs, 4 or 8 bytes */
    GET, CALL, SET, OPEN, ELSE, END, BR, BR_IF, TABLE, STOP, INDIRECT, TAIL, TAIL_INDIRECT, TYPES, HELPER, PREFIX
};

#define MEANS(code, imm)                                                                                       \
    ((code) == RL_OP_local_get ? GET : (code) == RL_OP_local_set || (code) == RL_OP_local_tee ? SET            \
     : (code) >= RL_OP_block && (code) <= RL_OP_if ? OPEN : (code) == RL_OP_else ? ELSE                        \
     : (code) == RL_OP_end ? END : (code) == RL_OP_br ? BR : (code) == RL_OP_br_if ? BR_IF                     \
     : (code) == RL_OP_br_table ? TABLE : (code) == RL_OP_return || (code) == RL_OP_unreachable ? STOP         \
     : (code) == RL_OP_call ? CALL : (code) == RL_OP_call_indirect ? INDIRECT                                  \
     : (code) == RL_OP_return_call ? TAIL : (code) == RL_OP_return_call_indirect ? TAIL_INDIRECT               \
     : (code) == RL_OP_select_t ? TYPES : (code) == RL_OP_table_set || (code) == RL_OP_memory_grow ? HELPER    \
     : (imm) == RL_IMM_none ? SKIP0 : (imm) == RL_IMM_f32 ? SKIP4 : (imm) == RL_IMM_f64 ? SKIP8                \
     : (imm) >= RL_IMM_mem1 && (imm) <= RL_IMM_mem8 ? SKIP2 : SKIP1)

typedef struct row {
    u8 means, cost;
} row;

static const row rows[RL_OP_DENSE] = {
    [0xfc] = { PREFIX, 1 },
#define OP(name, code, text, imm, type, family, arg) \
    [(code) < 0x100 ? (code) : 0x100 + ((code)&0x1f)] = { MEANS(code, RL_IMM_##imm), !RL_OP_FREE(code) },
#include "jit/opcode.def"
#undef OP
};

static inline const u8 *skip_leb(const u8 *p) {
    while (*p++ & 0x80) {}
    return p;
}

/* All operators behind 0xfc but the conversions and table.size are done by helpers. */
static const u8 *prefixed(scan *v, const u8 *op) {
    u32 code;
    const u8 *p = rl_op_skip(op, &code);
    if (code >= RL_OP_memory_init && code != RL_OP_table_size) note_call(v, 0);
    return p;
}

/* Operators that touch more than their immediate; rare enough for a call each. NULL: no memory. */
static const u8 *control(scan *v, u32 means, const u8 *p) {
    switch (means) {
    case OPEN:
        if (!open(v, p[-1])) return NULL;
        return *p < 0x80 ? p + 1 : skip_leb(p);
    case ELSE: otherwise(v); return p;
    case TABLE: return table(v, p);
    case STOP: stop(v); return p;
    case TAIL: tail(v, v->m->funcs[rl_leb_u32(&p)].proto); return p;
    case TAIL_INDIRECT: tail(v, v->m->protos[rl_leb_u32(&p)]); return skip_leb(p);
    case TYPES: return p + 1 + *p; /* one type, one byte */
    case HELPER: note_call(v, 0); return skip_leb(p);
    default: return prefixed(v, p - 1);
    }
}

/* Where an operator is handled in straight(); a constant for each. */
#define GO(means, free)                                            \
    do {                                                           \
        if ((means) == SKIP0 && (free)) goto free0;                \
        if ((means) == SKIP0) goto skip0;                          \
        if ((means) == SKIP1) goto skip1;                          \
        if ((means) == SKIP2) goto skip2;                          \
        if ((means) == SKIP4) goto skip4;                          \
        if ((means) == SKIP8) goto skip8;                          \
        if ((means) == GET) goto get;                              \
        if ((means) == SET) goto set;                              \
        if ((means) == CALL) goto call;                            \
        goto out;                                                  \
    } while (0)

/* From p, which is reachable, to the next operator that is more than straight-line code. Nearly all of a body's operators
 * are met here, so the state they change is in registers meanwhile (a local copy of fwd that nothing points at), and
 * the jump that nobody can predict waits for as few loads as possible: it is by opcode, not by what the opcode means. */
static inline __attribute__((always_inline)) const u8 *straight(scan *v, const u8 *p, bool sets) {
    rl_fwd f = v->fwd;
    u32 *tape = v->s->tape + v->s->ntape, cost = v->cost, x;
    for (;; cost++) {
    next:
        switch ((u32)*p++) {
#define OP(name, code, text, imm, type, family, arg) case code: GO(MEANS(code, RL_IMM_##imm), RL_OP_FREE(code));
#include "jit/opcode.def"
#undef OP
        default: goto out;
        }
    free0: goto next;
    skip2: p = skip_leb(p); /* fall through */
    skip1: p = skip_leb(p); /* fall through */
    skip0: continue;
    skip4:
        p += 4;
        continue;
    skip8:
        p += 8;
        continue;
    get:
        x = rl_leb_u32(&p);
        *tape++ = rl_tape(RL_TAPE_GET, x);
        if (sets) rl_fwd_get(&f, x);
        continue;
    set:
        x = rl_leb_u32(&p);
        *tape++ = rl_tape(RL_TAPE_SET, x);
        if (sets) rl_fwd_set(&f, x);
        continue;
    call:
        x = rl_leb_u32(&p);
        note_call(v, out_words(v->m, x));
    }
out:
    v->s->ntape = (u32)(tape - v->s->tape);
    v->cost = cost;
    v->fwd.uses = f.uses, v->fwd.writes = f.writes, v->fwd.assigned = f.assigned, v->fwd.rbw = f.rbw; /* the rest is as it was */
    v->fwd.nevents = f.nevents;
    return p - 1;
}

/* The same where nothing is reachable. */
static const u8 *skip_straight(const u8 *p) {
    u32 code;
    while (rows[*p].means <= SET) p = rl_op_skip(p, &code);
    return p;
}

static bool walk(scan *v) {
    const u8 *p = v->m->bytes + v->a->code;
    u32 x;
    for (;;) {
        if (!v->live) p = skip_straight(p);
        else p = v->sets ? straight(v, p, true) : straight(v, p, false);
        const row r = rows[*p++];
        v->cost += r.cost & v->live;
        switch (r.means) {
        case END:
            if (v->nctl == 1) return true; /* the function's own */
            if (!close(v, p)) return false;
            break;
        case BR:
            x = rl_leb_u32(&p);
            if (v->live) branch(v, RL_TAPE_BR, x);
            rl_fwd_stop(&v->fwd);
            v->live = 0;
            break;
        case BR_IF:
            x = rl_leb_u32(&p);
            if (!v->live) break;
            branch(v, RL_TAPE_BR_IF, x);
            end_segment(v);
            break;
        case INDIRECT:
            x = rl_leb_u32(&p);
            p = skip_leb(p);
            note_call(v, v->m->protos[x]->out_words);
            break;
        default:
            if (!(p = control(v, r.means, p))) return false;
        }
    }
}

rl_err rl_annotate(const rl_module *m, rl_annot *a, rl_diag *d) {
    rl_vscratch *s = a->scratch;
    u64 len = a->end - a->code;
    if (!rl_live_reserve(&s->tape, &s->cap_tape, len + 4, sizeof *s->tape) ||
        !rl_live_reserve(&a->segments, &a->cap_segments, len + 4, sizeof *a->segments) ||
        !rl_live_reserve(&a->events, &a->cap_events, len / 2 + 4, sizeof *a->events))
        return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    s->ntape = 0;
    a->nnotes = a->nweights = a->nsegments = a->nevents = a->ntracked = 0;
    a->out_words = m->tail_words;
    a->has_calls = a->has_loops = false;
    a->rbw = 0;
    scan v = { .m = m, .a = a, .s = s, .d = d, .live = 1, .sets = a->nlocals <= RL_TRACKED };
    if (!rl_live_choose_all(a) || !rl_fwd_start(&v.fwd, a) || !push_ctl(&v, RL_OP_block) || !walk(&v))
        return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    end_segment(&v);
    if (v.sets) rl_fwd_finish(&v.fwd);
    return rl_live_annotate(a, d);
}
