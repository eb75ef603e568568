/* Owns nothing: turns validated operators into the text format's words, driven by the immediate column of opcode.def,
 * so a new operator needs no line here. Any thread. Names of functions are left to the caller: they are looked up and
 * demangled elsewhere. */
#include "jit/dis.h"

#include <stdarg.h>
#include <stdio.h>

#include "jit/opcode.h"
#include "jit/reader.h"

typedef struct text { char *p; size_t left; } text;

static void put(text *t, const char *fmt, ...) RL_PRINTF(2, 3);
static void put(text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(t->p, t->left, fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : RL_MIN((size_t)n, t->left ? t->left - 1 : 0);
    t->p += used;
    t->left -= used;
}

/* s33: empty, one value type, or the index of a type. */
static void put_block(text *t, const rl_module *m, const u8 **p) {
    static const struct { i32 code; const char *name; } types[] = {
        { -1, "i32" }, { -2, "i64" }, { -3, "f32" }, { -4, "f64" }, { -5, "v128" }, { -16, "funcref" }, { -17, "externref" },
    };
    i64 v = rl_leb_i64(p);
    char buf[200];
    if (v >= 0 && v < m->nprotos) put(t, " %s", rl_proto_text(m->protos[v], buf, sizeof buf));
    for (u32 i = 0; i < RL_LEN(types); i++)
        if (types[i].code == v) put(t, " (result %s)", types[i].name);
}

static void put_memarg(text *t, const u8 **p, u32 natural) {
    u32 align = rl_leb_u32(p) & 63;
    u64 offset = rl_leb_u64(p);
    if (offset) put(t, " offset=%llu", (unsigned long long)offset);
    if ((1u << align) != natural) put(t, " align=%u", 1u << align);
}

static void put_list(text *t, const u8 **p, u32 n) {
    while (n--) put(t, " %u", rl_leb_u32(p));
}

static void put_float(text *t, const u8 **p, bool wide) {
    double d;
    float f;
    if (wide) memcpy(&d, *p, 8);
    else {
        memcpy(&f, *p, 4);
        d = f;
    }
    put(t, wide ? " %.17g" : " %.9g", d);
    *p += wide ? 8 : 4;
}

static void put_imm(text *t, const rl_module *m, const u8 **p, u8 imm) {
    switch (imm) {
    case RL_IMM_none: return;
    case RL_IMM_block: put_block(t, m, p); return;
    case RL_IMM_labels: put_list(t, p, rl_leb_u32(p) + 1); return;
    case RL_IMM_types: *p += rl_leb_u32(p); return;
    case RL_IMM_indirect: case RL_IMM_tables: case RL_IMM_elem_table: case RL_IMM_memories: case RL_IMM_data_memory:
        put_list(t, p, 2);
        return;
    case RL_IMM_mem1: put_memarg(t, p, 1); return;
    case RL_IMM_mem2: put_memarg(t, p, 2); return;
    case RL_IMM_mem4: put_memarg(t, p, 4); return;
    case RL_IMM_mem8: put_memarg(t, p, 8); return;
    case RL_IMM_i32: put(t, " %d", rl_leb_i32(p)); return;
    case RL_IMM_i64: put(t, " %lld", (long long)rl_leb_i64(p)); return;
    case RL_IMM_f32: put_float(t, p, false); return;
    case RL_IMM_f64: put_float(t, p, true); return;
    case RL_IMM_reftype: put(t, " %s", *(*p)++ == 0x70 ? "func" : "extern"); return;
    default: put_list(t, p, 1); return;
    }
}

u32 rl_dis_op(const rl_module *m, u32 at, u32 *code, char *buf, size_t size) {
    const u8 *p = m->bytes + at;
    *code = *p++;
    if (*code == 0xfc) *code = 0xfc00 | rl_leb_u32(&p);
    const rl_op_info *info = &rl_op_infos[rl_op_dense(*code)];
    text t = { buf, size };
    put(&t, "%s", info->text ? info->text : "?");
    put_imm(&t, m, &p, info->imm);
    return (u32)(p - m->bytes);
}

u32 rl_dis_first(const rl_module *m, u32 func) {
    const u8 *p = m->bytes + m->funcs[func].body;
    for (u32 n = rl_leb_u32(&p); n; n--) {
        rl_leb_u32(&p);
        p++; /* value types of today are one byte */
    }
    return (u32)(p - m->bytes);
}
