/* Owns the table of operators, expanded from opcode.def and constant. Indexed by rl_op_dense, so that a reader goes
 * from byte to row without a search; the rows with text NULL are holes. Not taken: one table per prefix, which would
 * make every user choose first. */
#include "jit/opcode.h"

#include "jit/reader.h"

const rl_op_info rl_op_infos[RL_OP_DENSE] = {
#define OP(name, c, t, i, type, fam, arg)                                                                      \
    [(c) < 0x100 ? (c) : 0x100 + ((c)&0x1f)] = { .text = t, .code = c, .imm = RL_IMM_##i, .sig = RL_SIG_##type, \
                                                 .family = RL_FAM_##fam, .cost = !RL_OP_FREE(c) },
#include "jit/opcode.def"
#undef OP
};

const char *rl_op_proposal(u8 byte) {
    switch (byte) {
    case 0x06: case 0x07: case 0x08: case 0x09: case 0x0a: case 0x18: case 0x19: case 0x1f:
        return "exception handling";
    case 0x14: case 0x15: case 0xd4: case 0xd5: case 0xd6: return "function references";
    case 0xd3: case 0xfb: return "GC";
    case 0xfd: return "SIMD";
    case 0xfe: return "threads";
    default: return NULL;
    }
}

static void skip_lebs(const u8 **p, u32 n) {
    while (n--) (void)rl_leb_u64(p);
}

static void skip_imm(const u8 **p, u8 imm) {
    switch (imm) {
    case RL_IMM_none: return;
    case RL_IMM_labels: skip_lebs(p, rl_leb_u32(p) + 1); return;
    case RL_IMM_types: *p += rl_leb_u32(p); return;
    case RL_IMM_indirect: case RL_IMM_tables: case RL_IMM_elem_table: case RL_IMM_memories: case RL_IMM_data_memory:
    case RL_IMM_mem1: case RL_IMM_mem2: case RL_IMM_mem4: case RL_IMM_mem8: skip_lebs(p, 2); return;
    case RL_IMM_f32: *p += 4; return;
    case RL_IMM_f64: *p += 8; return;
    default: skip_lebs(p, 1); return; /* indices, block types and integers: one number each */
    }
}

const u8 *rl_op_skip(const u8 *p, u32 *code) {
    *code = *p++;
    if (*code == 0xfc) *code = 0xfc00 | rl_leb_u32(&p);
    skip_imm(&p, rl_op_infos[rl_op_dense(*code)].imm);
    return p;
}
