/* The families of operators, each with the file it lives in. */
#ifndef RL_EMIT_OPS_H
#define RL_EMIT_OPS_H

#include "jit/emit.h"
#include "jit/reader.h"

/* ---- emit.c ---- */
void rl_emit_trap_if(rl_emitter *e, rl_cc cc, rl_trap kind);
rl_label *rl_emit_trap_label(rl_emitter *e, rl_trap kind);

/* kind: rl_trap or RL_ROW_CALL */
static inline void rl_emit_row(rl_emitter *e, u32 pc, u32 offset, u16 refund, u32 kind) {
    if (RL_UNLIKELY(!rl_row_put(&e->rows, pc, offset, refund, kind))) e->failed = true;
}

/* The instruction at pc belongs to this operator. */
static inline void rl_emit_trap_row(rl_emitter *e, u32 pc, rl_trap kind) { rl_emit_row(e, pc, rl_offset(e), rl_refund(e), kind); }

/* The call just emitted returns here. */
static inline void rl_emit_ret_row(rl_emitter *e) { rl_emit_row(e, rl_masm_pos(&e->m), rl_offset(e), rl_refund(e), RL_ROW_CALL); }
void rl_emit_ops(rl_emitter *e, const u8 *end); /* the operators before end, or up to a failure */
rl_cold *rl_emit_cold(rl_emitter *e, rl_cold_kind kind);

/* ---- emit_num.c ---- */
void rl_emit_bin(rl_emitter *e, rl_bin op, u8 type);
void rl_emit_div(rl_emitter *e, rl_div op, u8 type);
void rl_emit_un(rl_emitter *e, rl_un op, u8 type, u8 from);
void rl_emit_eqz(rl_emitter *e, rl_width w);
void rl_emit_cmp(rl_emitter *e, rl_cc cc, u8 type);
void rl_emit_fcmp(rl_emitter *e, rl_cc cc, u8 type);
void rl_emit_fbin(rl_emitter *e, rl_fbin op, u8 type);
void rl_emit_fun(rl_emitter *e, rl_fun op, u8 type);
void rl_emit_cvt(rl_emitter *e, rl_cvt op, u8 type, u8 from);
void rl_emit_trunc(rl_emitter *e, rl_trunc op, u8 from, u8 type, bool sat);
void rl_emit_select(rl_emitter *e);
void rl_emit_flags(rl_emitter *e, rl_cc cc);

/* ---- emit_mem.c ---- */
void rl_emit_load(rl_emitter *e, rl_ldst kind, u8 type, u32 size);
void rl_emit_store(rl_emitter *e, rl_ldst kind, u8 type, u32 size);
void rl_emit_cold_bound(rl_emitter *e, rl_cold *c, rl_label *trap);
void rl_emit_cold_near(rl_emitter *e, rl_cold *c, rl_label *trap);
void rl_emit_limit(rl_emitter *e, u8 r); /* before the head of a tight loop */
void rl_emit_memory(rl_emitter *e, u32 op);
void rl_emit_table(rl_emitter *e, u32 op);
void rl_emit_ref(rl_emitter *e, u32 op);
void rl_emit_global_get(rl_emitter *e, u32 index);
void rl_emit_global_set(rl_emitter *e, u32 index);
/* A register with the address of the rl_table, and where a field of it is. */
rl_mem rl_emit_table_at(rl_emitter *e, u32 table, u32 field, u8 scratch);

/* ---- emit_call.c ---- */
void rl_emit_call(rl_emitter *e, u32 func);
void rl_emit_call_indirect(rl_emitter *e, u32 table, const rl_proto *p);
void rl_emit_builtin(rl_emitter *e, rl_builtin b);
void rl_emit_tail_call(rl_emitter *e, u32 func);
void rl_emit_tail_indirect(rl_emitter *e, u32 table, const rl_proto *p);
void rl_emit_cold_tail(rl_emitter *e, const rl_cold *c);
void rl_emit_return_values(rl_emitter *e);

/* ---- immediates of validated code ---- */
static inline __attribute__((always_inline)) u32 rl_emit_u32(rl_emitter *e) {
    u32 b = *e->ip;
    if (RL_UNLIKELY(b >= 0x80)) return (u32)rl_leb_long(&e->ip, false);
    e->ip++;
    return b;
}
static inline u64 rl_emit_u64(rl_emitter *e) { return rl_leb_u64(&e->ip); }
static inline i64 rl_emit_s64(rl_emitter *e) { return rl_leb_i64(&e->ip); }

#endif
