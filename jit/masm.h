/* The portable macro-assembler: what the front end may ask of a machine. One body per target (masm_x64.c, masm_a64.c;
 * masm.c is what they share), the same functions in the same order. Three-address: d may be any register, also equal to a
 * or b; the body uses RL_REG_TMP / RL_REG_FTMP where the machine needs two-address shuffling. Unless noted, flags are not preserved.
 *
 * Widths: RL_W32 results always leave the upper half of the 64-bit register zero; RL_W32 inputs have it zero.
 * The caller reserves room (rl_masm_room) before each wasm operator; every function here writes at most 64 bytes,
 * rl_masm_trunc 160. */
#ifndef RL_MASM_H
#define RL_MASM_H

#include "jit/code.h"
#include "jit/regs.h"
#include "jit/trap.h"

/* Native code of one function, at most: the largest body that is allowed, a million operators of the bulkiest kind,
 * needs as much; a call of a thousand parameters and results takes 16 KiB for its two bytes, and more of those fail. */
#define RL_MASM_MAX ((size_t)128 << 20)

typedef struct rl_masm {
    u8 *p;      /* next byte to write */
    u8 *base;   /* start of the buffer (malloc) */
    u8 *end;    /* end of the buffer */
    bool failed;/* out of memory: p is reset to base, everything after is garbage; look once at the end */
    u8 flavour; /* rl_flavour: how RL_MEM linear addresses are formed */
    u32 pool_count, pool_cap;  /* constant pool of this function: 64-bit entries, emitted by rl_masm_pool */
    u64 *pool;
    struct rl_pool_use { u32 at; u32 index; } *pool_uses;
    u32 nuses, uses_cap;
    u32 *tables;               /* positions of the switch tables, ascending */
    u32 ntables, tables_cap;
    u32 fault;                 /* see rl_masm_fault_pos */
    /* where displacements are too short to hold a label's chain (aarch64): uses of labels not bound yet */
    struct rl_label_use { u32 at; u32 next; } *label_uses;
    u32 nlabel_uses, label_uses_cap;
    bool far;                  /* in: branches reach everywhere, at the price of longer code */
    bool too_far;              /* out: some branch did not reach; assemble the function again with `far` */
    bool landing;              /* in: the function may be called through its address, not only by name */
    bool near;                 /* in: the function is small; every branch is expected to reach (aarch64: 32 KiB) */
    u32 zero_at;               /* an instruction that compares register zero_reg with 0 ends here; 0: none (aarch64) */
    u8 zero_reg, zero_bit;     /* zero_bit: only that bit of it; 64: all of it */
    bool zero_wide;
    struct rl_loop *loops;     /* those with constants of their own (aarch64) */
    u32 nloops, loops_cap, loop; /* loop: the innermost open one, index + 1; 0: none */
} rl_masm;

typedef enum rl_width { RL_W32, RL_W64 } rl_width;

typedef enum rl_bin { RL_BIN_ADD, RL_BIN_SUB, RL_BIN_AND, RL_BIN_OR, RL_BIN_XOR, RL_BIN_MUL,
                      RL_BIN_SHL, RL_BIN_SHR_S, RL_BIN_SHR_U, RL_BIN_ROTL, RL_BIN_ROTR } rl_bin;
typedef enum rl_un { RL_UN_CLZ, RL_UN_CTZ, RL_UN_POPCNT, RL_UN_SX8, RL_UN_SX16, RL_UN_SX32 /* W64 only */,
                     RL_UN_ZX32 /* 64 -> 32: also i32.wrap_i64 and i64.extend_i32_u of an unclean register */ } rl_un;
typedef enum rl_div { RL_DIV_S, RL_DIV_U, RL_REM_S, RL_REM_U } rl_div;
typedef enum rl_fbin { RL_FBIN_ADD, RL_FBIN_SUB, RL_FBIN_MUL, RL_FBIN_DIV, RL_FBIN_MIN, RL_FBIN_MAX, RL_FBIN_COPYSIGN } rl_fbin;
typedef enum rl_fun { RL_FUN_ABS, RL_FUN_NEG, RL_FUN_SQRT, RL_FUN_CEIL, RL_FUN_FLOOR, RL_FUN_TRUNC, RL_FUN_NEAREST } rl_fun;

/* Conditions. Integer ones follow rl_masm_cmp/test, float ones rl_masm_fcmp (which needs the condition beforehand).
 * rl_cc_not is exact also for floats: the negations of the float conditions are conditions of their own. Each
 * condition and its negation are neighbours: x ^ 1. */
typedef enum rl_cc { RL_CC_EQ, RL_CC_NE, RL_CC_LT_S, RL_CC_GE_S, RL_CC_LT_U, RL_CC_GE_U, RL_CC_GT_S, RL_CC_LE_S,
                     RL_CC_GT_U, RL_CC_LE_U,
                     RL_CC_F_EQ, RL_CC_F_NE, RL_CC_F_LT, RL_CC_F_NLT, RL_CC_F_GT, RL_CC_F_NGT, RL_CC_F_LE, RL_CC_F_NLE,
                     RL_CC_F_GE, RL_CC_F_NGE } rl_cc;
static inline rl_cc rl_cc_not(rl_cc c) { return (rl_cc)(c ^ 1); }
rl_cc rl_cc_swap(rl_cc c); /* the condition for exchanged operands (integer ones) */

/* Loads and stores. The first letter pair says what memory holds, then how it is widened. */
typedef enum rl_ldst { RL_LD_8U_32, RL_LD_8S_32, RL_LD_16U_32, RL_LD_16S_32, RL_LD_32,
                       RL_LD_8U_64, RL_LD_8S_64, RL_LD_16U_64, RL_LD_16S_64, RL_LD_32U_64, RL_LD_32S_64, RL_LD_64,
                       RL_LD_F32, RL_LD_F64, RL_LD_V128,
                       RL_ST_8, RL_ST_16, RL_ST_32, RL_ST_64, RL_ST_F32, RL_ST_F64, RL_ST_V128 } rl_ldst;

/* A memory operand: base + (index << scale) + disp. base or index may be RL_NOREG (not both without `linear`).
 * linear: an address in linear memory 0; base is the wasm address register (zero-extended i32; RL_NOREG: address is
 *   disp alone), the memory's own base is added by the masm as the flavour has it. disp is unsigned 32-bit (the memarg
 *   offset; the masm handles values over INT32_MAX). No index, but for:
 * wrap32: only with linear in the GS flavour: base + (index << scale) + disp is a 32-bit sum that wraps
 *   (address-size prefix); disp is then any 32-bit pattern. Query rl_masm_can_wrap32. */
typedef struct rl_mem {
    u8 base, index, scale;
    bool linear, wrap32;
    i64 disp;
} rl_mem;

static inline rl_mem rl_mem_at(u8 base, i32 disp) { return (rl_mem){ base, RL_NOREG, 0, false, false, disp }; }

/* Labels: `pos` when bound, else a chain of uses. Zero-initialise with RL_LABEL_INIT. */
typedef struct rl_label { i32 pos; u32 chain; } rl_label;
#define RL_LABEL_INIT ((rl_label){ -1, 0 })

/* ---- buffer ---- */
bool rl_masm_init(rl_masm *m, rl_flavour flavour);
void rl_masm_fini(rl_masm *m);
void rl_masm_reset(rl_masm *m);
RL_COLD void rl_masm_grow(rl_masm *m, u32 bytes);
static inline __attribute__((always_inline)) void rl_masm_room(rl_masm *m, u32 bytes) { if (RL_UNLIKELY((size_t)(m->end - m->p) < bytes)) rl_masm_grow(m, bytes); }
static inline u32 rl_masm_pos(const rl_masm *m) { return (u32)(m->p - m->base); }
void rl_masm_align(rl_masm *m, u32 to);      /* pads with long no-ops */

/* ---- queries ---- */
bool rl_masm_imm_ok(rl_bin op, rl_width w, i64 imm);   /* rl_masm_bini takes it */
bool rl_masm_cmp_imm_ok(rl_width w, i64 imm);
bool rl_masm_st_imm_ok(rl_ldst kind, i64 imm);         /* rl_masm_st_imm takes it */
bool rl_masm_needs_count(rl_bin op);                   /* rl_masm_bin wants b in RL_REG_COUNTREG (and d elsewhere) */
bool rl_masm_div_fixed(void);                            /* division is in RL_REG_DIV_A and RL_REG_DIV_D */
bool rl_masm_has_memops(void);                         /* rl_masm_binm and friends exist as one instruction */
bool rl_masm_can_wrap32(const rl_masm *m);
bool rl_masm_lea_ok(u8 scale);                         /* rl_masm_lea takes base + index << scale + disp */
void rl_masm_assume_all(bool pads);                    /* for listings: as if the CPU had every feature that is used */
void rl_masm_detect(void);                             /* (cpu_*.c) reads its features, once, before anything else */
bool rl_masm_supported(const char **missing);          /* (cpu_*.c) false: CPU lacks what every build needs; names it */

/* ---- moves and memory ---- */
void rl_masm_mov(rl_masm *m, rl_width w, u8 d, u8 s);          /* flags preserved */
void rl_masm_movi(rl_masm *m, rl_width w, u8 d, u64 imm);      /* flags preserved (never xor) */
void rl_masm_xchg(rl_masm *m, u8 a, u8 b);                     /* general registers, 64 bits; flags preserved */
void rl_masm_fmov(rl_masm *m, rl_type t, u8 d, u8 s);          /* F32, F64, V128 */
void rl_masm_fmovi(rl_masm *m, rl_type t, u8 d, u64 bits);     /* zero: xor; else from the constant pool. Flags preserved */
void rl_masm_ld(rl_masm *m, rl_ldst kind, u8 d, rl_mem a);     /* flags preserved, except linear with big disp */
void rl_masm_st(rl_masm *m, rl_ldst kind, u8 s, rl_mem a);
/* the frame: `at` from the stack pointer, or, when negative, -at from the frame pointer; flags preserved */
void rl_masm_ld_frame(rl_masm *m, rl_ldst kind, u8 d, i32 at);
void rl_masm_st_frame(rl_masm *m, rl_ldst kind, u8 s, i32 at);
/* linear: base + disp, with disp at most INT32_MAX; the address must be known to lie in the reservation */
void rl_masm_ld_linear(rl_masm *m, rl_ldst kind, u8 d, u8 base, i32 disp);
void rl_masm_st_linear(rl_masm *m, rl_ldst kind, u8 s, u8 base, i32 disp);
void rl_masm_st_imm(rl_masm *m, rl_ldst kind, i32 imm, rl_mem a); /* RL_ST_8..64; 64: sign-extended */
void rl_masm_lea(rl_masm *m, rl_width w, u8 d, rl_mem a);      /* not linear; W32 wraps. flags preserved */
/* code offset of the instruction that touches memory in the ld/st/binm... just emitted, for the trap row: the body
 * keeps it here because helper instructions may precede it */
static inline u32 rl_masm_fault_pos(const rl_masm *m) { return m->fault; }

/* ---- integers ---- */
void rl_masm_bin(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, u8 b);
void rl_masm_bini(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, i64 imm);
void rl_masm_binm(rl_masm *m, rl_bin op, rl_width w, u8 d, u8 a, rl_mem b);   /* ADD SUB AND OR XOR MUL; b: 32 or 64 bits by w */
void rl_masm_neg(rl_masm *m, rl_width w, u8 d, u8 a);
void rl_masm_un(rl_masm *m, rl_un op, rl_width w, u8 d, u8 a);
/* Division d = a / b or a % b; returns the result's register. Where registers are fixed (rl_masm_div_fixed), a is
 * RL_REG_DIV_A, which the quotient comes to, remainders come to RL_REG_DIV_D, both are clobbered, TMP too, and b is in
 * neither; d is not looked at. The caller has already tested for zero; RL_DIV_S overflow branches to `overflow` (may be
 * NULL when impossible); RL_REM_S of INT_MIN by -1 gives 0. */
u8 rl_masm_div(rl_masm *m, rl_div op, rl_width w, u8 d, u8 a, u8 b, rl_label *overflow);
/* By a constant other than 0 (and -1 for signed): the same without a trap. */
u8 rl_masm_divi(rl_masm *m, rl_div op, rl_width w, u8 d, u8 a, i64 imm);

/* ---- compare and branch ---- */
void rl_masm_cmp(rl_masm *m, rl_width w, u8 a, u8 b);
void rl_masm_cmpi(rl_masm *m, rl_width w, u8 a, i64 imm);        /* against 0: test a,a */
void rl_masm_cmpm(rl_masm *m, rl_width w, u8 a, rl_mem b);       /* a against memory */
void rl_masm_test(rl_masm *m, rl_width w, u8 a, u8 b);           /* a & b against 0; EQ and NE (and LT_S, GE_S) */
void rl_masm_testi(rl_masm *m, rl_width w, u8 a, i64 imm);       /* imm: as for RL_BIN_AND; over INT32_MAX: EQ and NE only */
void rl_masm_fcmp(rl_masm *m, rl_type t, rl_cc cc, u8 a, u8 b);
void rl_masm_fcmpm(rl_masm *m, rl_type t, rl_cc cc, u8 a, rl_mem b); /* rl_masm_fcmpm_ok(cc) only */
bool rl_masm_fcmpm_ok(rl_cc cc);                                  /* memory may be the second operand for this condition */
void rl_masm_setcc(rl_masm *m, rl_cc cc, u8 d);                   /* d = 0 or 1, 32 bits */
void rl_masm_select(rl_masm *m, rl_width w, rl_cc cc, u8 d, u8 a, u8 b);      /* d = cc ? a : b */
void rl_masm_fselect(rl_masm *m, rl_type t, rl_cc cc, u8 d, u8 a, u8 b);
void rl_masm_jmp(rl_masm *m, rl_label *l);
void rl_masm_jcc(rl_masm *m, rl_cc cc, rl_label *l);
void rl_masm_bind(rl_masm *m, rl_label *l);                       /* here; patches the chain */
/* Where an address is jumped to, or called, processors may want an instruction that says so (aarch64: BTI). It precedes
 * labels of switches where they are bound, and functions with m->landing; elsewhere it is asked for. */
void rl_masm_landing(rl_masm *m, bool called);
bool rl_masm_may_switch_to(const rl_label *l);                    /* else only to code that starts with rl_masm_landing */
/* Jumps to table[index]; index (32 bits, < n) is destroyed; the table of n code offsets follows in the code. Entry i
 * is to be filled by rl_masm_switch_entry(m, table, i, label) at any time before the function ends. */
u32 rl_masm_switch(rl_masm *m, u8 index, u32 n);
void rl_masm_switch_entry(rl_masm *m, u32 table, u32 i, rl_label *l);

/* Around the body of a loop without calls, before its header and after its end: where instructions cannot hold a constant
 * (aarch64), it is loaded once, before the loop, into a register of the masm's own. At most two are open: an outermost
 * loop and, within it, an innermost one. Registers of the masm's own do not survive a yield: rl_masm_loop_again follows
 * rl_masm_yield, with what m->loop was at the check. */
void rl_masm_loop(rl_masm *m, bool innermost);
void rl_masm_loop_end(rl_masm *m);
void rl_masm_loop_again(rl_masm *m, u32 loop);
/* Code that is thrown away leaves nothing kept: what rl_masm_loop_kept said before it. */
u32 rl_masm_loop_kept(const rl_masm *m);
void rl_masm_loop_keep_only(rl_masm *m, u32 kept);

/* ---- floats ---- */
void rl_masm_fbin(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u8 b);
void rl_masm_fbinm(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, rl_mem b);  /* ADD SUB MUL DIV */
void rl_masm_fbini(rl_masm *m, rl_fbin op, rl_type t, u8 d, u8 a, u64 bits);  /* ADD SUB MUL DIV with a pool constant */
void rl_masm_fun(rl_masm *m, rl_fun op, rl_type t, u8 d, u8 a);
typedef enum rl_cvt { RL_CVT_F32_I32S, RL_CVT_F32_I32U, RL_CVT_F32_I64S, RL_CVT_F32_I64U,
                      RL_CVT_F64_I32S, RL_CVT_F64_I32U, RL_CVT_F64_I64S, RL_CVT_F64_I64U,
                      RL_CVT_F32_F64, RL_CVT_F64_F32,
                      RL_CVT_I32_F32_BITS, RL_CVT_I64_F64_BITS, RL_CVT_F32_I32_BITS, RL_CVT_F64_I64_BITS } rl_cvt;
void rl_masm_cvt(rl_masm *m, rl_cvt op, u8 d, u8 a);    /* names are destination_source */
typedef enum rl_trunc { RL_TRUNC_I32S, RL_TRUNC_I32U, RL_TRUNC_I64S, RL_TRUNC_I64U } rl_trunc;
/* t: source type. sat: saturating, labels NULL. Else NaN branches to `invalid`, out of range to `overflow`. */
void rl_masm_trunc(rl_masm *m, rl_trunc op, rl_type t, bool sat, u8 d, u8 a, rl_label *invalid, rl_label *overflow);

/* ---- calls, frames, fuel, traps ---- */
u32 rl_masm_call(rl_masm *m);                          /* direct; returns the position to relocate (rl_reloc.at) */
u32 rl_masm_tail(rl_masm *m);                          /* direct jump to another function; as above */
/* Completes either: `at` is the relocated position in the code, from and to are code offsets of that position and of
 * the function. False: out of reach. */
bool rl_masm_relocate(u8 *at, i64 from, i64 to);
void rl_masm_callm(rl_masm *m, rl_mem a);              /* call through memory */
void rl_masm_tailm(rl_masm *m, rl_mem a);
void rl_masm_call_abs(rl_masm *m, const void *const *slot); /* call *slot: address in a table known now (lazy entries) */
void rl_masm_tail_abs(rl_masm *m, const void *const *slot);
/* Prologue: push frame pointer, set it, drop sp by `frame` bytes, compare sp with inst->stack_limit (when check)
 * branching to `overflow`, store `saved` callee-saved registers at [sp + saves + 8*i], ascending. It is written
 * backwards so that it ends exactly at `end_pos`; returns its start. At most RL_PROLOGUE_MAX bytes. On overflow sp is
 * already lowered; the cold code is rl_masm_restack. */
#define RL_PROLOGUE_MAX 96
u32 rl_masm_prologue(rl_masm *m, u32 end_pos, u32 frame, bool check, u32 saved, u32 saves, rl_label *overflow);
/* Restores the registers, sp and the frame pointer. Not the return. Two sizes are never needed: emit knows `saved`
 * only at the end, so epilogues are one shared block per function. */
void rl_masm_epilogue(rl_masm *m, u32 saved, u32 saves);
/* Cold code of a prologue whose check failed: undoes it, calls the grow glue, and starts the function again at position
 * `start`. Returns the position the glue is called from, for the row of RL_TRAP_STACK. */
u32 rl_masm_restack(rl_masm *m, u32 start);
void rl_masm_ret(rl_masm *m);
void rl_masm_charge(rl_masm *m, u32 k);                        /* fuel -= k; flags preserved */
void rl_masm_charge_check(rl_masm *m, u32 k, rl_label *cold);  /* fuel -= k; below zero branches to cold */
void rl_masm_yield(rl_masm *m);                                /* in cold code: call the yield glue; every register survives */
void rl_masm_trap(rl_masm *m);                                 /* one trapping instruction; fault_pos is its position */
void rl_masm_pool(rl_masm *m);                                 /* after the code: loads of loops' constants, constants, and patches their uses */

/* ---- whole stubs (rl_stub), into an empty masm; see jit/exec.h for what each does ---- */
void rl_masm_stub(rl_masm *m, const rl_proto *p, rl_stub kind);
/* entry i of a lazy table: jumps to glue that compiles function `func` of `code` and continues there with all
 * argument registers intact */
void rl_masm_lazy_stub(rl_masm *m, const void *code, u32 func);

/* ---- for the bodies ---- */
#define RL_TABLE_ENTRY 0x80000000u /* in the position of a label's use: an entry of a switch table */
#define RL_POOL_SCAN 24u           /* entries of the pool looked at for an equal one */
/* Room for one more in a growing array (`array` points at the pointer to its elements of `size` bytes); false: out of
 * memory, the masm has failed. */
RL_COLD bool rl_masm_more_slow(rl_masm *m, void *array, u32 *cap, size_t size);
static inline bool rl_masm_more(rl_masm *m, void *array, u32 count, u32 *cap, size_t size) {
    return RL_LIKELY(count < *cap) || rl_masm_more_slow(m, array, cap, size);
}
u32 rl_masm_pool_entry(rl_masm *m, u64 bits);               /* index of a constant in the pool, which gets it if need be */
void rl_masm_pool_use(rl_masm *m, u32 at, u32 entry);       /* `at`: what rl_masm_pool has to patch */
u32 rl_masm_table_of(const rl_masm *m, u32 at);             /* start of the switch table that contains the entry at `at` */
static inline bool rl_is_pow2(u64 x) { return x && !(x & (x - 1)); }

#endif
