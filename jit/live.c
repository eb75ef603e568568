/* Owns everything about sets of locals: a forward walk over the events of a body for uses, writes, reads before writes
 * and weights, and sweep L, the walk backwards over the tape for liveness. One walk each way, no fixpoint, linear.
 * State is in the annot's scratch. Not taken: liveness by iteration, which is exact where this is generous (2 % of the
 * last uses in sqlite, none elsewhere worth naming) and takes several times as long.
 *
 * Forward, the set "assigned" holds what is certainly written since the header of the innermost open loop (or the
 * function's start). For an outer loop it is that set plus what was assigned, relative to it, when the inner loops
 * between were entered; so one set per open loop answers for all of them. Unreachable points have all bits set, the
 * neutral element of the meet.
 *
 * Backward, what is live at a loop's back-edge is not known before its body is walked. It is at most: read before
 * written inside, or live after the loop, or live at a label around it that its body branches to. The labels from the
 * outermost such one inwards are all taken. The live set then found at the header is exact but for that.
 *
 * The forward walk is driven by annotate.c while it scans; only when there are more than 64 locals is it made from the
 * tape, once their weights have told which 64 to track. */
#include "jit/live.h"

#include <stdio.h>
#include <stdlib.h>

#include "jit/opcode.h"

#define LIVE_COUNTED 256 /* open loops that count uses separately; deeper ones share the last row */
#define LIVE_CHAIN 32    /* enclosing constructs looked at singly before settling for all of them */

typedef rl_live_frame frame;

/* ---- which locals ---- */

static u32 mul8(u32 w) { return w > UINT32_MAX / 8 ? UINT32_MAX : w * 8; }

static int descending(const void *a, const void *b) {
    u64 x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x < y) - (x > y);
}

static void number(rl_annot *a) {
    a->ntracked = 0;
    for (u32 i = 0; i < a->nlocals; i++)
        if (a->tracked[i] != RL_UNTRACKED) {
            a->local_of[a->ntracked] = i;
            a->tracked[i] = (u8)a->ntracked++;
        }
}

/* More than 64 locals: weighs each (uses, times 8 per loop) and tracks the heaviest. */
static bool choose_heavy(rl_annot *a) {
    rl_vscratch *s = a->scratch;
    if (!rl_live_reserve(&s->heavy, &s->cap_heavy, a->nlocals, sizeof *s->heavy)) return false;
    for (u32 i = 0; i < a->nlocals; i++) s->heavy[i] = UINT32_MAX - i; /* lower locals first among equals */
    u32 loops = 0, w = 1;
    for (u32 i = 0; i < s->ntape; i++) {
        u32 kind = s->tape[i] & 7, x = s->tape[i] >> 3;
        if (kind <= RL_TAPE_SET) {
            u64 sum = (s->heavy[x] >> 32) + w;
            s->heavy[x] = RL_MIN(sum, UINT32_MAX) << 32 | (u32)s->heavy[x];
        } else if (kind == RL_TAPE_OPEN || kind == RL_TAPE_END) {
            if (s->marks[x].kind != RL_OP_loop) continue;
            loops += kind == RL_TAPE_OPEN ? 1 : UINT32_MAX;
            w = 1;
            for (u32 j = 0; j < loops && j < 11; j++) w = mul8(w);
        }
    }
    u32 n = 0;
    for (u32 i = 0; i < a->nlocals; i++)
        if (s->heavy[i] >> 32) s->heavy[n++] = s->heavy[i];
    if (n > RL_TRACKED) qsort(s->heavy, n, sizeof *s->heavy, descending);
    for (u32 i = 0; i < RL_MIN(n, RL_TRACKED); i++) a->tracked[UINT32_MAX - (u32)s->heavy[i]] = 0;
    number(a);
    return true;
}

bool rl_live_choose_all(rl_annot *a) {
    rl_vscratch *s = a->scratch;
    if (!rl_live_reserve(&a->tracked, &s->cap_tracked, (u64)a->nlocals + 1, 1)) return false;
    memset(a->tracked, a->nlocals <= RL_TRACKED ? 0 : RL_UNTRACKED, a->nlocals);
    number(a);
    return true;
}

/* ---- forward: sets and weights ---- */

static u32 count_row(u32 loops) { return RL_MIN(loops, LIVE_COUNTED - 1u); }

bool rl_fwd_start(rl_fwd *f, rl_annot *a) {
    rl_vscratch *s = a->scratch;
    if (!s->counts && !(s->counts = malloc(LIVE_COUNTED * sizeof *s->counts))) return false;
    if (!rl_live_reserve(&s->frames, &s->cap_frames, 1, sizeof *s->frames)) return false;
    *f = (rl_fwd){ .a = a, .s = s, .nframes = 1, .count = s->counts[0] };
    memset(f->count, 0, sizeof *s->counts);
    s->frames[0] = (frame){ .note = UINT32_MAX };
    return true;
}

/* What is assigned here, relative to the loop of frame t. Leaving out loops between only makes the set smaller. */
static u64 assigned_at(const rl_fwd *f, const frame *t) {
    u64 set = f->assigned;
    u32 inner = f->nloops, stop = t->loops;
    for (u32 i = 0; inner > stop && i < LIVE_CHAIN; i++) set |= f->s->frames[f->s->loops[--inner]].entry;
    return set;
}

bool rl_fwd_open(rl_fwd *f, u32 note) {
    rl_vscratch *s = f->s;
    if (f->nframes >= s->cap_frames && !rl_live_reserve(&s->frames, &s->cap_frames, (u64)f->nframes + 1, sizeof *s->frames))
        return false;
    frame *t = &s->frames[f->nframes];
    *t = (frame){ .uses = f->uses, .writes = f->writes, .acc = ~(u64)0, .entry = f->assigned, .note = note };
    f->uses = f->writes = 0;
    if (s->marks[note].kind == RL_OP_loop) {
        if (!rl_live_reserve(&s->loops, &s->cap_loops, (u64)f->nloops + 1, sizeof *s->loops)) return false;
        t->rbw = f->rbw;
        f->assigned = f->rbw = 0;
        s->loops[f->nloops++] = f->nframes;
        if (f->nloops < LIVE_COUNTED) memset(s->counts[f->nloops], 0, sizeof *s->counts);
        f->count = s->counts[count_row(f->nloops)];
    }
    t->loops = f->nloops;
    f->nframes++;
    return true;
}

void rl_fwd_else(rl_fwd *f) {
    frame *t = &f->s->frames[f->nframes - 1];
    t->acc &= f->assigned;
    f->assigned = t->entry;
}

static u16 add16(u32 a, u32 b) { return (u16)RL_MIN(a + b, 0xffffu); }

static bool end_loop(rl_fwd *f, frame *t, rl_block_note *n) {
    rl_annot *a = f->a;
    n->rbw = f->rbw;
    f->rbw = t->rbw | (f->rbw & ~t->entry);
    f->assigned |= t->entry;
    f->nloops--;
    u16 *outer = f->s->counts[count_row(f->nloops)], *inner = f->count;
    if (!rl_live_reserve(&a->weights, &a->cap_weights, (u64)a->nweights + RL_TRACKED, sizeof *a->weights)) return false;
    n->weights = a->nweights;
    for (u64 u = f->uses; u; u &= u - 1) {
        u32 x = (u32)__builtin_ctzll(u);
        a->weights[a->nweights++] = inner[x];
        if (outer != inner) outer[x] = add16(outer[x], (u32)inner[x] * 8);
    }
    f->count = outer;
    return true;
}

bool rl_fwd_end(rl_fwd *f) {
    frame *t = &f->s->frames[--f->nframes];
    rl_block_note *n = &f->a->notes[t->note];
    const rl_mark *k = &f->s->marks[t->note];
    n->uses = f->uses;
    n->writes = f->writes;
    if (k->kind == RL_OP_loop) {
        if (!end_loop(f, t, n)) return false;
    } else {
        f->assigned &= t->acc;
        if (k->kind == RL_OP_if && !k->has_else) f->assigned &= t->entry;
    }
    f->uses |= t->uses;
    f->writes |= t->writes;
    return true;
}

void rl_fwd_branch(rl_fwd *f, u32 depth) {
    frame *t = &f->s->frames[f->nframes - 1 - depth];
    t->acc &= assigned_at(f, t); /* not looked at for loops */
}

void rl_fwd_finish(rl_fwd *f) {
    f->a->rbw = f->rbw;
    f->a->nevents = f->nevents;
    memcpy(f->a->weight, f->s->counts[0], sizeof f->a->weight);
}

static bool replay(rl_annot *a) {
    rl_vscratch *s = a->scratch;
    rl_fwd f;
    if (!rl_fwd_start(&f, a)) return false;
    for (u32 i = 0; i < s->ntape; i++) {
        u32 x = s->tape[i] >> 3;
        switch (s->tape[i] & 7) {
        case RL_TAPE_GET: if (a->tracked[x] != RL_UNTRACKED) rl_fwd_get(&f, a->tracked[x]); break;
        case RL_TAPE_SET: if (a->tracked[x] != RL_UNTRACKED) rl_fwd_set(&f, a->tracked[x]); break;
        case RL_TAPE_OPEN: if (!rl_fwd_open(&f, x)) return false; break;
        case RL_TAPE_ELSE: rl_fwd_else(&f); break;
        case RL_TAPE_END: if (!rl_fwd_end(&f)) return false; break;
        case RL_TAPE_BR: rl_fwd_branch(&f, x); rl_fwd_stop(&f); break;
        case RL_TAPE_BR_IF: rl_fwd_branch(&f, x); break;
        case RL_TAPE_STOP: rl_fwd_stop(&f); break;
        }
    }
    rl_fwd_finish(&f);
    return true;
}

/* ---- backward: liveness ---- */

typedef struct bwd {
    rl_annot *a;
    rl_vscratch *s;
    frame *frames;
    u32 nframes;
    u64 live;
} bwd;

/* At most this is live at the header of the loop whose end is reached now. */
static u64 header_bound(const bwd *b, const rl_block_note *n, const rl_mark *k) {
    u64 set = n->rbw | (k->falls ? b->live : 0);
    if (b->nframes > k->outermost && b->nframes - k->outermost > LIVE_CHAIN) return set | b->frames[b->nframes - 1].all;
    for (u32 i = k->outermost; i < b->nframes; i++) set |= b->frames[i].live;
    return set;
}

static void bwd_end(bwd *b, u32 note) {
    const rl_mark *k = &b->s->marks[note];
    rl_block_note *n = &b->a->notes[note];
    frame *t = &b->frames[b->nframes], *out = t - 1;
    bool loop = k->kind == RL_OP_loop;
    t->note = note;
    t->live = loop ? header_bound(b, n, k) : b->live;
    t->all = t->live | out->all;
    if (!loop) n->live = b->live;
    b->nframes++;
}

static void bwd_open(bwd *b) {
    frame *t = &b->frames[--b->nframes];
    const rl_mark *k = &b->s->marks[t->note];
    if (k->kind == RL_OP_loop) b->a->notes[t->note].live = b->live;
    if (k->kind == RL_OP_if) b->live |= k->has_else ? t->entry : t->live;
}

static void backward(rl_annot *a) {
    rl_vscratch *s = a->scratch;
    bwd b = { .a = a, .s = s, .frames = s->frames, .nframes = 1 };
    s->frames[0] = (frame){ .note = UINT32_MAX };
    u8 *event = a->events + a->nevents;
    const u8 *const tracked = a->tracked;
    u64 live = 0; /* b.live, in a register between control operators */
    for (u32 i = s->ntape; i--;) {
        u32 x = s->tape[i] >> 3, kind = s->tape[i] & 7;
        frame *top;
        if (kind <= RL_TAPE_SET) { /* most are; which of the two nobody can predict, so no branch */
            u32 t = tracked[x];
            if (t == RL_UNTRACKED) continue;
            u64 bit = (u64)1 << t;
            *--event = live & bit ? 0 : (u8)(kind + 1);
            live = (live & ~bit) | (kind == RL_TAPE_GET ? bit : 0);
            continue;
        }
        b.live = live;
        switch (kind) {
        case RL_TAPE_OPEN: bwd_open(&b); break;
        case RL_TAPE_ELSE:
            top = &b.frames[b.nframes - 1];
            top->entry = b.live;
            b.live = top->live;
            break;
        case RL_TAPE_END: bwd_end(&b, x); break;
        case RL_TAPE_BR: b.live = b.frames[b.nframes - 1 - x].live; break;
        case RL_TAPE_BR_IF: b.live |= b.frames[b.nframes - 1 - x].live; break;
        case RL_TAPE_STOP: b.live = 0; break;
        }
        live = b.live;
    }
}

_Static_assert(RL_EV_LAST == RL_TAPE_GET + 1 && RL_EV_DEAD == RL_TAPE_SET + 1, "backward computes one from the other");

rl_err rl_live_annotate(rl_annot *a, rl_diag *d) {
    if (a->nlocals > RL_TRACKED) {
        if (!choose_heavy(a) || !replay(a)) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    }
    backward(a);
    return RL_OK;
}

/* ---- for tests and people ---- */

void rl_annot_worst(rl_annot *a) {
    u64 all = a->ntracked == RL_TRACKED ? ~(u64)0 : ((u64)1 << a->ntracked) - 1;
    a->has_calls = true;
    a->rbw = all;
    memset(a->events, 0, a->nevents);
    for (u32 i = 0; i < RL_TRACKED; i++) a->weight[i] = 1;
    a->nweights = 0;
    if (!rl_live_reserve(&a->weights, &a->cap_weights, RL_TRACKED, sizeof *a->weights)) rl_assert(!"memory for 64 weights");
    while (a->nweights < RL_TRACKED) a->weights[a->nweights++] = 1;
    for (u32 i = 0; i < a->nnotes; i++) {
        rl_block_note *n = &a->notes[i];
        if (!n->reachable) continue;
        n->live = n->uses = n->writes = all;
        n->rbw = a->scratch->marks[i].kind == RL_OP_loop ? all : 0;
        n->weights = 0; /* all loops share the one list */
        n->calls = 1;
        n->innermost = false;
    }
}

static void dump_set(const rl_annot *a, const char *name, u64 set, FILE *out) {
    fprintf(out, " %s={", name);
    for (u64 u = set; u; u &= u - 1)
        fprintf(out, "%s%u", u == set ? "" : " ", a->local_of[__builtin_ctzll(u)]);
    fputc('}', out);
}

static void dump_note(const rl_annot *a, u32 i, FILE *out) {
    const rl_block_note *n = &a->notes[i];
    const rl_mark *k = &a->scratch->marks[i];
    fprintf(out, "%s #%u end=%u", rl_op_infos[k->kind == RL_OP_else ? RL_OP_if : k->kind].text, i, n->end - a->code);
    if (!n->reachable) {
        fprintf(out, " unreachable\n");
        return;
    }
    dump_set(a, "live", n->live, out);
    dump_set(a, "uses", n->uses, out);
    dump_set(a, "writes", n->writes, out);
    if (k->kind == RL_OP_loop) {
        dump_set(a, "rbw", n->rbw, out);
        fprintf(out, " weights=[");
        for (int j = 0; j < __builtin_popcountll(n->uses); j++)
            fprintf(out, "%s%u", j ? " " : "", a->weights[n->weights + (u32)j]);
        fprintf(out, "]");
    }
    if (n->calls) fprintf(out, " calls=%u", n->calls);
    fprintf(out, "%s%s\n", n->branched ? " branched" : "", n->innermost ? " innermost" : "");
}

void rl_annot_dump(const rl_annot *a, FILE *out) {
    fprintf(out, "locals=%u tracked=%u depth=%u out=%u%s%s", a->nlocals, a->ntracked, a->max_depth, a->out_words,
            a->has_calls ? " calls" : "", a->has_loops ? " loops" : "");
    dump_set(a, "rbw", a->rbw, out);
    fprintf(out, " weight=[");
    for (u32 i = 0; i < a->ntracked; i++) fprintf(out, "%s%u", i ? " " : "", a->weight[i]);
    fprintf(out, "]\nsegments=[");
    for (u32 i = 0; i < a->nsegments; i++) fprintf(out, "%s%u", i ? " " : "", a->segments[i]);
    fprintf(out, "]\nevents=[");
    for (u32 i = 0; i < a->nevents; i++) fprintf(out, "%s%s", i ? " " : "", a->events[i] == RL_EV_LAST ? "last" : a->events[i] == RL_EV_DEAD ? "dead" : "-");
    fprintf(out, "]\n");
    for (u32 i = 0; i < a->nnotes; i++) dump_note(a, i, out);
}
