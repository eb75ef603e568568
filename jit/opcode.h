/* Operators: everything opcode.def knows, as enumerations and one dense table. */
#ifndef RL_OPCODE_H
#define RL_OPCODE_H

#include "jit/types.h"

/* RL_OP_i32_add: the code, prefixed ones as 0xfc << 8 | index */
typedef enum rl_op {
#define OP(name, code, text, imm, type, family, arg) RL_OP_##name = code,
#include "jit/opcode.def"
#undef OP
} rl_op;

/* What follows the opcode (and its index) in the binary. */
typedef enum rl_imm {
    RL_IMM_none,
    RL_IMM_block,       /* block type: s33 */
    RL_IMM_label,       /* relative depth */
    RL_IMM_labels,      /* n, n depths, default depth */
    RL_IMM_func,
    RL_IMM_indirect,    /* type, table */
    RL_IMM_types,       /* n, n value types */
    RL_IMM_local,
    RL_IMM_global,
    RL_IMM_table,
    RL_IMM_tables,      /* to table, from table */
    RL_IMM_elem,        /* element segment */
    RL_IMM_elem_table,  /* element segment, table */
    RL_IMM_memory,
    RL_IMM_memories,    /* to memory, from memory */
    RL_IMM_data,        /* data segment */
    RL_IMM_data_memory, /* data segment, memory */
    RL_IMM_mem1,        /* memarg: align, offset. The bytes accessed */
    RL_IMM_mem2,
    RL_IMM_mem4,
    RL_IMM_mem8,
    RL_IMM_i32,         /* s32, s64, 4 bytes, 8 bytes */
    RL_IMM_i64,
    RL_IMM_f32,
    RL_IMM_f64,
    RL_IMM_reftype,     /* heap type */
    RL_IMM_COUNT
} rl_imm;

typedef enum rl_family {
    RL_FAM_none, RL_FAM_ctl, RL_FAM_par, RL_FAM_var, RL_FAM_ref, RL_FAM_table, RL_FAM_mem, RL_FAM_load, RL_FAM_store,
    RL_FAM_cnst, RL_FAM_eqz, RL_FAM_cmp, RL_FAM_fcmp, RL_FAM_un, RL_FAM_bin, RL_FAM_div, RL_FAM_fun, RL_FAM_fbin,
    RL_FAM_cvt, RL_FAM_trunc, RL_FAM_sat, RL_FAM_COUNT
} rl_family;

/* The type column: SIG(name, result, parameter count, parameters...). */
#define RL_SIGS(SIG) \
    SIG(v_v, BOT, 0, BOT, BOT, BOT) SIG(i_v, I32, 0, BOT, BOT, BOT) SIG(l_v, I64, 0, BOT, BOT, BOT) \
    SIG(f_v, F32, 0, BOT, BOT, BOT) SIG(d_v, F64, 0, BOT, BOT, BOT) \
    SIG(i_i, I32, 1, I32, BOT, BOT) SIG(i_l, I32, 1, I64, BOT, BOT) SIG(i_f, I32, 1, F32, BOT, BOT) \
    SIG(i_d, I32, 1, F64, BOT, BOT) SIG(l_i, I64, 1, I32, BOT, BOT) SIG(l_l, I64, 1, I64, BOT, BOT) \
    SIG(l_f, I64, 1, F32, BOT, BOT) SIG(l_d, I64, 1, F64, BOT, BOT) SIG(f_i, F32, 1, I32, BOT, BOT) \
    SIG(f_l, F32, 1, I64, BOT, BOT) SIG(f_f, F32, 1, F32, BOT, BOT) SIG(f_d, F32, 1, F64, BOT, BOT) \
    SIG(d_i, F64, 1, I32, BOT, BOT) SIG(d_l, F64, 1, I64, BOT, BOT) SIG(d_f, F64, 1, F32, BOT, BOT) \
    SIG(d_d, F64, 1, F64, BOT, BOT) \
    SIG(i_ii, I32, 2, I32, I32, BOT) SIG(i_ll, I32, 2, I64, I64, BOT) SIG(i_ff, I32, 2, F32, F32, BOT) \
    SIG(i_dd, I32, 2, F64, F64, BOT) SIG(l_ll, I64, 2, I64, I64, BOT) SIG(f_ff, F32, 2, F32, F32, BOT) \
    SIG(d_dd, F64, 2, F64, F64, BOT) SIG(v_ii, BOT, 2, I32, I32, BOT) SIG(v_il, BOT, 2, I32, I64, BOT) \
    SIG(v_if, BOT, 2, I32, F32, BOT) SIG(v_id, BOT, 2, I32, F64, BOT) SIG(v_iii, BOT, 3, I32, I32, I32)

typedef enum rl_sig {
    RL_SIG_none, /* no such operator */
    RL_SIG_ANY,
#define SIG(name, result, n, a, b, c) RL_SIG_##name,
    RL_SIGS(SIG)
#undef SIG
    RL_SIG_COUNT
} rl_sig;

typedef struct rl_op_info {
    const char *text; /* NULL: no such operator */
    u16 code;
    u8 imm, sig, family;
    u8 cost;          /* fuel, see jit/validate.h */
} rl_op_info;

/* Index into rl_op_infos: single-byte opcodes as they are, those behind 0xfc from 0x100. */
#define RL_OP_DENSE 0x120u
static inline u32 rl_op_dense(u32 code) { return code < 0x100 ? code : 0x100 + (code & 0x1f); }
extern const rl_op_info rl_op_infos[RL_OP_DENSE];

/* Reads one operator of validated code: its code into *code, and returns where the next one starts. */
const u8 *rl_op_skip(const u8 *p, u32 *code);

/* The proposal an opcode byte outside our table belongs to ("SIMD", "exception handling", …), or NULL. */
const char *rl_op_proposal(u8 byte);

/* Operators that cost no fuel. */
#define RL_OP_FREE(c)                                                                                   \
    ((c) == RL_OP_nop || (c) == RL_OP_drop || (c) == RL_OP_block || (c) == RL_OP_loop ||                \
     (c) == RL_OP_unreachable || (c) == RL_OP_return || (c) == RL_OP_else || (c) == RL_OP_end)

#endif
