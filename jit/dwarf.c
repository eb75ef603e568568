/* Owns nothing; reads .debug_line of a module on the thread that reports a failure. One pass runs every line program
 * and remembers for each address the best row, names are decoded afterwards for the winners only. All reading goes
 * through the bounds-checked reader, every loop consumes bytes or ends. A DWARF library was not taken: they want an
 * object file around the sections, and the line table alone is a small format (DWARF 5, section 6.2). */
#include "jit/dwarf.h"

#include <stdio.h>

#include "jit/reader.h"

#define MAX_LOOKUPS 64

/* One line program's header; copies of readers are positions. */
typedef struct unit {
    rl_reader tables;   /* directories and files */
    rl_reader program;
    u16 version;
    u8 word;            /* bytes of an offset: 4 or 8 */
    u8 min_inst, opcode_base, line_range;
    i8 line_base;
    u8 lengths[256];    /* operands of standard opcodes */
} unit;

/* Best row so far for one address: of the sequence that starts nearest below it. */
typedef struct best { u64 start; u32 file, line, column; bool found; unit unit; } best;

typedef struct row { u64 address; u64 file, line, column; } row;

typedef struct search {
    const rl_module *m;
    u64 at[MAX_LOOKUPS]; /* addresses: offsets from the code section's payload */
    best best[MAX_LOOKUPS];
    u32 n;
} search;

static u64 read_fixed(rl_reader *r, u32 bytes) {
    const u8 *p = rl_read_bytes(r, bytes);
    u64 v = 0;
    if (p) memcpy(&v, p, bytes);
    return v;
}

static i64 read_sleb(rl_reader *r) { return (i64)rl_read_leb(r, 64, true); }

/* Bytes up to a zero, which is consumed; NULL at the end of data. */
static const char *read_text(rl_reader *r) {
    const u8 *p = r->p, *end = p ? memchr(p, 0, rl_reader_left(r)) : NULL;
    if (!end) {
        rl_reader_fail(r, RL_ERR_MALFORMED, rl_reader_pos(r), "unterminated text");
        return NULL;
    }
    r->p = end + 1;
    return (const char *)p;
}

/* ---- headers ---- */

/* Cuts the next unit off `all`. False at the end or when nothing sensible follows. */
static bool next_unit(rl_reader *all, unit *u) {
    if (all->err || rl_reader_left(all) < 4) return false;
    u64 len = read_fixed(all, 4);
    u->word = len == 0xffffffff ? 8 : 4;
    if (u->word == 8) len = read_fixed(all, 8);
    rl_reader r = *all;
    if (!rl_read_bytes(all, len)) return false;
    r.end = all->p;
    u->version = (u16)read_fixed(&r, 2);
    if (u->version >= 5) rl_read_bytes(&r, 2); /* address and selector size */
    u64 header = read_fixed(&r, u->word);
    u->program = r;
    if (!rl_read_bytes(&u->program, header)) return true; /* empty program */
    u->min_inst = rl_read_u8(&r);
    if (u->version >= 4) rl_read_u8(&r);
    rl_read_u8(&r); /* default is_stmt */
    u->line_base = (i8)rl_read_u8(&r);
    u->line_range = rl_read_u8(&r);
    u->opcode_base = rl_read_u8(&r);
    for (u32 i = 1; i < u->opcode_base; i++) u->lengths[i] = rl_read_u8(&r);
    u->tables = r;
    u->tables.end = RL_MAX(u->program.p, r.p); /* the header's length may be too short for what was read */
    if (r.err || u->version < 2 || u->version > 5 || !u->line_range || !u->opcode_base) u->program.p = u->program.end;
    return true;
}

/* ---- programs ---- */

/* Rows from `prev` up to the next row's address belong to prev. */
static void note(search *s, const unit *u, const row *prev, u64 next, u64 start) {
    for (u32 i = 0; i < s->n; i++) {
        best *b = &s->best[i];
        if (s->at[i] < prev->address || s->at[i] >= next || start == 0) continue; /* 0: a function the linker dropped */
        if (b->found && b->start > start) continue;
        *b = (best){ start, (u32)prev->file, (u32)prev->line, (u32)prev->column, true, *u };
    }
}

typedef struct machine { row now, prev; bool open; u64 start; } machine;

static void restart(machine *k) { *k = (machine){ .now = { 0, 1, 1, 0 } }; }

static void emit_row(search *s, const unit *u, machine *k) {
    if (k->open && k->now.address > k->prev.address) note(s, u, &k->prev, k->now.address, k->start);
    if (!k->open) k->start = k->now.address;
    k->open = true;
    k->prev = k->now;
}

static void extended(search *s, unit *u, machine *k) {
    rl_reader *r = &u->program;
    u64 len = rl_read_u64(r);
    rl_reader body = *r;
    if (!rl_read_bytes(r, len) || !len) return;
    body.end = r->p;
    switch (rl_read_u8(&body)) {
    case 1: /* DW_LNE_end_sequence */
        emit_row(s, u, k);
        restart(k);
        break;
    case 2: k->now.address = read_fixed(&body, (u32)RL_MIN(len - 1, (u64)8)); break; /* DW_LNE_set_address */
    default: break;
    }
}

static void standard(search *s, unit *u, machine *k, u8 op) {
    rl_reader *r = &u->program;
    switch (op) {
    case 1: emit_row(s, u, k); break;
    case 2: k->now.address += rl_read_u64(r) * u->min_inst; break;
    case 3: k->now.line += (u64)read_sleb(r); break;
    case 4: k->now.file = rl_read_u64(r); break;
    case 5: k->now.column = rl_read_u64(r); break;
    case 8: k->now.address += (u64)((255 - u->opcode_base) / u->line_range) * u->min_inst; break;
    case 9: k->now.address += read_fixed(r, 2); break;
    default:
        for (u32 i = 0; i < u->lengths[op]; i++) rl_read_u64(r);
        break;
    }
}

static void run(search *s, unit *u) {
    machine k;
    restart(&k);
    while (u->program.p < u->program.end) {
        u8 op = rl_read_u8(&u->program);
        if (op == 0) {
            extended(s, u, &k);
        } else if (op < u->opcode_base) {
            standard(s, u, &k, op);
        } else {
            u32 n = (u32)(op - u->opcode_base);
            k.now.address += (u64)(n / u->line_range) * u->min_inst;
            k.now.line += (u64)(i64)(u->line_base + (i32)(n % u->line_range));
            emit_row(s, u, &k);
        }
    }
}

/* ---- names ---- */

typedef struct entry { const char *name; u64 dir; } entry;

static const char *text_at(const rl_module *m, const char *section, u64 offset) {
    const rl_custom *c = rl_module_custom(m, section);
    if (!c || offset >= c->len) return NULL;
    rl_reader r = rl_reader_of(m->bytes, c->bytes + offset, (u64)c->bytes + c->len);
    return read_text(&r);
}

/* One attribute of version 5 (section 6.2.4.1); texts in *text, numbers in *number. False: unknown form. Only wanted texts
 * of other sections are looked at: each may be as long as its section. */
static bool read_form(const rl_module *m, unit *u, u64 form, bool wanted, const char **text, u64 *number) {
    rl_reader *r = &u->tables;
    u64 at;
    switch (form) {
    case 0x08: *text = read_text(r); return true;
    case 0x1f:
    case 0x0e:
        at = read_fixed(r, u->word);
        if (wanted) *text = text_at(m, form == 0x0e ? ".debug_str" : ".debug_line_str", at);
        return true;
    case 0x0b: *number = read_fixed(r, 1); return true;
    case 0x05: *number = read_fixed(r, 2); return true;
    case 0x06: *number = read_fixed(r, 4); return true;
    case 0x07: *number = read_fixed(r, 8); return true;
    case 0x0f: *number = rl_read_u64(r); return true;
    case 0x1e: rl_read_bytes(r, 16); return true;
    case 0x09: rl_read_bytes(r, rl_read_u64(r)); return true;
    default: return false;
    }
}

/* Reads one table of version 5; entry `want` into *out. False when the table cannot be followed. */
static bool table5(const rl_module *m, unit *u, u64 want, entry *out) {
    u64 content[8], form[8];
    u32 n = rl_read_u8(&u->tables);
    if (n > RL_LEN(content)) return false;
    for (u32 i = 0; i < n; i++) {
        content[i] = rl_read_u64(&u->tables);
        form[i] = rl_read_u64(&u->tables);
    }
    u64 count = rl_read_u64(&u->tables);
    for (u64 k = 0; k < count; k++) {
        const u8 *before = u->tables.p;
        entry e = { 0 };
        for (u32 i = 0; i < n; i++) {
            const char *text = NULL;
            u64 number = 0;
            if (!read_form(m, u, form[i], k == want, &text, &number)) return false;
            if (content[i] == 1) e.name = text;
            else if (content[i] == 2) e.dir = number;
        }
        if (u->tables.err || u->tables.p == before) return false;
        if (k == want) *out = e;
    }
    return true;
}

static bool names5(const rl_module *m, unit u, u64 file, entry *f, entry *dir) {
    unit again = u;
    if (!table5(m, &u, UINT64_MAX, f) || !table5(m, &u, file, f)) return false;
    return table5(m, &again, f->dir, dir);
}

/* Versions 2 to 4: texts until an empty one; files and directories count from 1, directory 0 is the unit's own. */
static bool names4(unit u, u64 file, entry *f, entry *dir) {
    rl_reader *r = &u.tables, dirs = *r;
    const char *t;
    while ((t = read_text(r)) && *t) {}
    for (u64 k = 1; (t = read_text(r)) && *t; k++) {
        u64 d = rl_read_u64(r);
        rl_read_u64(r);
        rl_read_u64(r);
        if (k == file) *f = (entry){ t, d };
    }
    for (u64 k = 1; k <= f->dir && (t = read_text(&dirs)) && *t; k++)
        if (k == f->dir) dir->name = t;
    return f->name != NULL;
}

static void describe(const rl_module *m, const best *b, rl_source *out) {
    entry f = { 0 }, dir = { 0 };
    bool ok = b->unit.version >= 5 ? names5(m, b->unit, b->file, &f, &dir) : names4(b->unit, b->file, &f, &dir);
    if (!ok || !f.name) return;
    out->line = b->line;
    out->column = b->column;
    bool join = dir.name && f.dir != 0 && f.name[0] != '/';
    snprintf(out->file, sizeof out->file, "%s%s%s", join ? dir.name : "", join ? "/" : "", f.name);
}

void rl_dwarf_lines(const rl_module *m, const u32 *offsets, u32 n, rl_source *out) {
    for (u32 i = 0; i < n; i++) out[i] = (rl_source){ 0 };
    const rl_custom *c = rl_module_custom(m, ".debug_line");
    if (!c) return;
    search s = { .m = m, .n = RL_MIN(n, (u32)MAX_LOOKUPS) };
    for (u32 i = 0; i < s.n; i++) s.at[i] = (u64)offsets[i] - m->code_offset;
    rl_reader all = rl_reader_of(m->bytes, c->bytes, (u64)c->bytes + c->len);
    unit u = { 0 };
    while (next_unit(&all, &u)) {
        run(&s, &u);
        u = (unit){ 0 };
    }
    for (u32 i = 0; i < s.n; i++)
        if (s.best[i].found) describe(m, &s.best[i], &out[i]);
}
