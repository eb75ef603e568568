/* The `objdump` command: every function's operators on the left, the native code made of them on the right.
 *
 * Owns an emitter of its own, for either target, and compiles function by function; nothing is placed or run. The
 * compiler is lazy, so an operator may show no code and a later one the code of several. */
#include <stdlib.h>

#include "jit/demangle.h"
#include "jit/dis.h"
#include "jit/engine.h"
#include "jit/opcode.h"
#include "jit/target.h"
#include "jit/trap.h"
#include "src/cli/cli.h"
#include "src/cli/disasm.h"

#define LEFT 44 /* columns of the left side */

typedef struct listing {
    rl_module *m;
    const rl_emitted *e;
    u32 pc;            /* next native byte to show */
    u32 reloc;         /* next of them */
    rl_rows rows;      /* those behind `row` */
    rl_row row;        /* the next; kind RL_TRAP_NONE: no more */
    char left[256];    /* text waiting for its line */
} listing;

static void next_row(listing *l) {
    if (!rl_rows_next(&l->rows, &l->row)) l->row.kind = RL_TRAP_NONE;
}

/* What the tables say about the instruction [pc, pc + len). */
static void notes(listing *l, u32 pc, u32 len, char *buf, size_t size) {
    const rl_emitted *e = l->e;
    buf[0] = 0;
    char symbol[600], name[600];
    if (l->reloc < e->nrelocs && e->relocs[l->reloc].at < pc + len) {
        rl_module_func_name(l->m, e->relocs[l->reloc++].func, symbol, sizeof symbol);
        snprintf(buf, size, "  ; %s", rl_demangle(symbol, name, sizeof name));
    }
    while (l->row.kind && (l->row.pc + e->entry < pc || l->row.kind == RL_ROW_CALL)) next_row(l);
    if (l->row.kind && l->row.pc + e->entry == pc)
        snprintf(buf, size, "  ; or trap: %s, refund %u, 0x%x", rl_trap_text(l->row.kind), l->row.refund, l->row.offset);
}

static void flush_left(listing *l) {
    if (l->left[0]) printf("%s\n", l->left);
    l->left[0] = 0;
}

/* Native instructions up to `to`, the first beside the waiting text. */
static void show_native(listing *l, u32 to) {
    const rl_emitted *e = l->e;
    while (l->pc < to) {
        char text[200], note[800];
        u32 len = rl_disasm_op(e->code + l->pc, e->size - l->pc, l->pc, text, sizeof text);
        notes(l, l->pc, len, note, sizeof note);
        printf("%-*s %5x  %s%s\n", LEFT, l->left, l->pc, text, note);
        l->left[0] = 0;
        l->pc += len;
    }
}

static void show_body(listing *l, u32 func, u32 end) {
    u32 at = rl_dis_first(l->m, func), depth = 0, next = 0, code;
    const rl_emitted *e = l->e;
    while (at < end) {
        char text[200];
        u32 after = rl_dis_op(l->m, at, &code, text, sizeof text);
        if ((code == RL_OP_end || code == RL_OP_else) && depth) depth--;
        bool emitted = next < e->npositions && e->positions[next].offset == at;
        if (emitted) show_native(l, e->positions[next++].pc);
        flush_left(l);
        snprintf(l->left, sizeof l->left, "  %06x %*s%s", at, (int)RL_MIN(2 * depth, 24u), "", text);
        if (code == RL_OP_block || code == RL_OP_loop || code == RL_OP_if || code == RL_OP_else) depth++;
        at = after;
    }
    show_native(l, e->size);
    flush_left(l);
}

static void show_function(rl_module *m, u32 func, const rl_emitted *e) {
    char symbol[600], name[600], proto[300];
    rl_module_func_name(m, func, symbol, sizeof symbol);
    printf("\nfunc[%u] %s %s: %u bytes, %u native\n", func, rl_demangle(symbol, name, sizeof name),
           rl_proto_text(m->funcs[func].proto, proto, sizeof proto), m->funcs[func].body_len, e->size - e->entry);
    listing l = { .m = m, .e = e, .pc = e->entry, .rows = e->rows };
    next_row(&l);
    show_body(&l, func, m->funcs[func].body + m->funcs[func].body_len);
}

static const rl_target *target_of(const rl_args *a) {
    return !a->target ? rl_target_own : a->target == 1 ? &rl_target_x64 : &rl_target_a64;
}

static rl_err show_module(const rl_args *a, rl_module *m, rl_diag *d) {
    rl_layout layout;
    rl_layout_of(m, &layout);
    rl_compile_options o = { .max_regs = (u8)a->max_regs, .worst_annotations = a->worst, .positions = true };
    const rl_target *t = target_of(a);
    if (a->target) t->assume_all(a->target == 3);
    rl_flavour flavour = a->memory == 2 ? RL_FLAVOUR_CHECKED : a->target ? t->guarded : rl_flavour_pick(true);
    rl_emitter *em = t->emitter_new(m, flavour, &layout, &o, NULL);
    if (!em) return rl_diag_set(d, RL_ERR_NOMEM, "out of memory");
    rl_err e = RL_OK;
    for (u32 f = m->nimported_funcs; f < m->nfuncs && !e; f++) {
        rl_emitted out;
        e = t->emit(em, f, &out, d);
        if (!e) show_function(m, f, &out);
    }
    t->emitter_free(em);
    return e;
}

int rl_cli_objdump(const rl_args *a) {
    const char *path = a->operands[0];
    rl_diag d = { 0 };
    u8 *bytes = NULL;
    size_t size;
    rl_module *m = NULL;
    rl_proto_use(&target_of(a)->convention);
    rl_err e = rl_engine_init(&d);
    if (!e) e = rl_disasm_open(target_of(a) == &rl_target_a64, &d);
    if (!e) e = rl_cli_load(path, &bytes, &size, &d);
    if (!e) e = rl_module_new(bytes, size, &m, &d);
    if (!e) e = show_module(a, m, &d);
    free(bytes);
    rl_module_put(m);
    return e ? rl_cli_complain(path, &d) : 0;
}
