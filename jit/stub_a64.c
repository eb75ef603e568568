/* The small pieces of code between compiled code and the rest, made once per function type: entry from C, calls into
 * another instance, calls of C functions, and the lazy stub. jit/stub.h has the protocol they keep with the glue; here
 * x16 stands for r11, and a resume address lies in a pair of words, because sp is always a multiple of 16.
 *
 * Invariant: a stub's frame is linked by x29 like any other, and whatever must survive a park is in that frame, since
 * the retry may come on another worker with every register but x29, x28, x27 and x26 lost. Written into a rl_masm by
 * one thread. x10, x11 and x15 are free here: compiled code keeps nothing in them.
 *
 * Not taken: one generic stub that interprets the places at run time; a host call would then cost a loop instead of
 * its moves. */
#include "jit/a64.h"
#include "jit/masm.h"
#include "jit/stub.h"

#define X RL_REG_TMP      /* x16: the exec, or a callee's instance */
#define A RL_A64_X10
#define B RL_A64_X11
#define COPY RL_A64_X15
#define AT_INST(off) rl_mem_at(RL_REG_INST, off)
#define AT_EXEC(off) rl_mem_at(X, off)
#define AT_FUNC(reg, field) rl_mem_at(reg, (i32)offsetof(rl_func, field))
#define CHECKED_FRAME 512 /* larger frames than this compare with the stack limit: RL_STACK_MARGIN covers the smaller */

static void put(rl_masm *m, u32 word) {
    rl_masm_room(m, 64);
    rl_store32(m->p, word);
    m->p += 4;
}
static void ld(rl_masm *m, u8 d, rl_mem a) {
    rl_masm_room(m, 64);
    rl_masm_ld(m, RL_LD_64, d, a);
}
static void st(rl_masm *m, u8 s, rl_mem a) {
    rl_masm_room(m, 64);
    rl_masm_st(m, RL_ST_64, s, a);
}
static void st32(rl_masm *m, i32 imm, rl_mem a) {
    rl_masm_room(m, 64);
    rl_masm_st_imm(m, RL_ST_32, imm, a);
}
/* d = a + imm for any of sp, x29 and general registers */
static void lea(rl_masm *m, u8 d, u8 a, i32 imm) {
    rl_masm_room(m, 64);
    if (!imm) put(m, a64_addi(A64_ADD, 1, A64(d), A64(a), 0)); /* to or from sp */
    else rl_masm_lea(m, RL_W64, d, rl_mem_at(a, imm));
}

static u32 slots_of(const u8 *types, u32 n) {
    u32 slots = 0;
    for (u32 i = 0; i < n; i++) slots += types[i] == RL_V128 ? 2 : 1;
    return slots;
}

/* A register of any kind from or to memory, by type. An i32 is widened with zeros. */
static void load(rl_masm *m, u8 type, u8 reg, rl_mem from) {
    static const u8 kinds[] = { RL_LD_32, RL_LD_64, RL_LD_F32, RL_LD_F64, RL_LD_V128, RL_LD_64, RL_LD_64, RL_LD_64 };
    rl_masm_room(m, 64);
    rl_masm_ld(m, (rl_ldst)kinds[type], reg, from);
}
/* Whole words: an i32 or f32 register has its upper half zero. */
static void store(rl_masm *m, u8 type, u8 reg, rl_mem to) {
    rl_masm_room(m, 64);
    rl_masm_st(m, type == RL_V128 ? RL_ST_V128 : rl_type_is_fp(type) ? RL_ST_F64 : RL_ST_64, reg, to);
}
/* A value between two places in memory. */
static void copy(rl_masm *m, u8 type, rl_mem from, rl_mem to) {
    u8 via = type == RL_V128 ? RL_REG_FTMP : COPY;
    load(m, type == RL_F32 ? RL_I32 : type == RL_F64 ? RL_I64 : type, via, from);
    store(m, type == RL_V128 ? RL_V128 : RL_I64, via, to);
}

static void jump_glue(rl_masm *m, void (*glue)(void)) {
    rl_masm_room(m, 64);
    rl_masm_movi(m, RL_W64, RL_A64_X17, (u64)(uintptr_t)glue);
    put(m, a64_br(17));
}

/* x16 = x; fuel, instance, frame and stack pointer stored there. */
static void store_state(rl_masm *m) {
    ld(m, X, AT_INST(RL_INST_EXEC));
    st(m, RL_REG_INST, AT_EXEC(RL_EXEC_INST));
    st(m, RL_REG_FUEL, AT_EXEC(RL_EXEC_FUEL));
    st(m, RL_REG_FP, AT_EXEC(RL_EXEC_GUEST_FP));
    lea(m, B, RL_REG_SP, 0);
    st(m, B, AT_EXEC(RL_EXEC_GUEST_SP));
}

static void check_stack(rl_masm *m, rl_label *overflow) {
    ld(m, B, AT_INST(RL_INST_STACK_LIMIT));
    put(m, a64_addx(A64_SUBS, 1, A64_ZR, A64_SP, A64(B), A64_UXTX, 0));
    rl_masm_jcc(m, RL_CC_LT_U, overflow);
}

/* Makes the outgoing area of a call: what the type needs, or what tail calls of the callee's instance may need. */
static void outgoing(rl_masm *m, const rl_proto *t, u8 inst, rl_label *overflow) {
    rl_masm_room(m, 64);
    rl_masm_movi(m, RL_W64, A, t->out_words * 8u);
    ld(m, B, rl_mem_at(inst, RL_INST_TAIL_BYTES));
    rl_masm_cmp(m, RL_W64, A, B);
    rl_masm_select(m, RL_W64, RL_CC_GT_U, A, A, B);
    rl_masm_bini(m, RL_BIN_ADD, RL_W64, A, A, 15);
    rl_masm_bini(m, RL_BIN_AND, RL_W64, A, A, -16);
    put(m, a64_addx(A64_SUB, 1, A64_SP, A64_SP, A64(A), A64_UXTX, 0));
    check_stack(m, overflow);
}

/* x29 and x30 back, and the stack pointer with them. */
static void leave(rl_masm *m) {
    lea(m, RL_REG_SP, RL_REG_FP, 0);
    put(m, a64_pair(A64_LDP_POST, 29, 30, A64_SP, 16));
    put(m, a64_ret());
}

/* After a failed check_stack: a larger stack, or a trap that counts as the caller's. sp goes back to x29 - saved, where
 * it was at `again`, which is done again. */
static void overflow_grow(rl_masm *m, rl_label *overflow, rl_label *again, i32 saved) {
    if (!overflow->chain) return;
    rl_masm_bind(m, overflow);
    lea(m, RL_REG_SP, RL_REG_FP, -saved);
    rl_masm_room(m, 64);
    rl_masm_callm(m, AT_INST(RL_INST_GROW));
    rl_masm_jmp(m, again);
}

/* ---- ENTRY ---- */

/* [sp + 8] = rl_func; the pair becomes the outermost frame. x19 to x25 are free: rl_glue_enter has saved the host's. */
static void entry_stub(rl_masm *m, const rl_proto *t) {
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    rl_masm_landing(m, true);
    ld(m, RL_REG_FUNC, rl_mem_at(RL_REG_SP, 8));
    put(m, a64_pair(A64_STP, A64_ZR, A64_ZR, A64_SP, 0)); /* no return address, no outer frame */
    lea(m, RL_REG_FP, RL_REG_SP, 0);
    rl_masm_bind(m, &again);
    outgoing(m, t, RL_REG_INST, &overflow);
    ld(m, A, AT_INST(RL_INST_EXEC));
    ld(m, A, rl_mem_at(A, RL_EXEC_VALS));
    for (u32 i = 0, slot = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        rl_mem val = rl_mem_at(A, (i32)slot * 8);
        if (in->reg != RL_NOREG) load(m, in->type, in->reg, val);
        else copy(m, in->type, val, rl_mem_at(RL_REG_SP, in->word * 8));
        slot += in->type == RL_V128 ? 2 : 1;
    }
    rl_masm_room(m, 64);
    rl_masm_callm(m, AT_FUNC(RL_REG_FUNC, xcode));
    ld(m, A, AT_INST(RL_INST_EXEC)); /* vals may have moved */
    ld(m, A, rl_mem_at(A, RL_EXEC_VALS));
    for (u32 i = 0, slot = 0; i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        rl_mem val = rl_mem_at(A, (i32)slot * 8);
        if (out->reg != RL_NOREG) store(m, out->type, out->reg, val);
        else copy(m, out->type, rl_mem_at(RL_REG_SP, out->word * 8), val);
        slot += out->type == RL_V128 ? 2 : 1;
    }
    store_state(m);
    st32(m, RL_EXIT_DONE, AT_EXEC(RL_EXEC_EXIT));
    jump_glue(m, rl_glue_leave);
    overflow_grow(m, &overflow, &again, 0);
}

/* ---- HOST, BUILTIN, GENERIC ---- */

/* Their frame, below x29, which rl_glue_host_done knows too: the caller's callee-saved registers, x19 lowest; the record; the slots. */
enum { F_FUNC = RL_HOST_RESULT, F_X25 = -16, F_X23 = -32, F_X21 = -48, F_X19 = -64, F_SAVES = 64 };

static rl_mem slot_at(u32 nslots, u32 slot) { return rl_mem_at(RL_REG_FP, -F_SAVES - 8 * (i32)(nslots - slot)); }
/* word of the caller's outgoing area */
static rl_mem word_at(u32 word) { return rl_mem_at(RL_REG_FP, 16 + 8 * (i32)word); }

static void callee_saved(rl_masm *m, u32 pair) {
    put(m, a64_pair(pair, 19, 20, 29, F_X19));
    put(m, a64_pair(pair, 21, 22, 29, F_X21));
    put(m, a64_pair(pair, 23, 24, 29, F_X23));
}

/* Makes the frame and stores what a retry needs. Stack arguments stay where they are, except for GENERIC, which wants
 * all in one array. */
static void host_frame(rl_masm *m, const rl_proto *t, bool generic, u32 nslots, i32 frame, rl_label *overflow, rl_label *again) {
    rl_masm_landing(m, true);
    put(m, a64_pair(A64_STP_PRE, 29, 30, A64_SP, -16));
    lea(m, RL_REG_FP, RL_REG_SP, 0);
    rl_masm_bind(m, again);
    lea(m, RL_REG_SP, RL_REG_SP, -frame);
    if (frame > CHECKED_FRAME) check_stack(m, overflow);
    callee_saved(m, A64_STP);
    put(m, a64_pair(A64_STP, 25, A64(RL_REG_FUNC), 29, F_X25));
    for (u32 i = 0, slot = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        if (in->reg != RL_NOREG) store(m, in->type, in->reg, slot_at(nslots, slot));
        else if (generic) copy(m, in->type, word_at(in->word), slot_at(nslots, slot));
        slot += in->type == RL_V128 ? 2 : 1;
    }
}

/* The retry label: makes the frame found again, tells x where we are, and switches to the worker's stack. x16 = x. */
static void host_leave(rl_masm *m, i32 frame) {
    lea(m, RL_REG_SP, RL_REG_SP, -16);
    u32 retry = rl_masm_pos(m);
    rl_masm_landing(m, false);
    lea(m, RL_REG_FP, RL_REG_SP, frame + 16);
    put(m, a64_adr(A64(A), (i32)(retry - rl_masm_pos(m))));
    st(m, A, rl_mem_at(RL_REG_SP, 0));
    store_state(m);
    st32(m, RL_OUT_DONE, AT_EXEC(RL_EXEC_OUTCOME));
    ld(m, A, AT_EXEC(RL_EXEC_HOST_SP));
    lea(m, RL_REG_SP, A, 0);
}

/* Arguments by the C convention, from the frame: integers after the first (context) one, floats, the rest on the stack. */
static void c_args(rl_masm *m, const rl_proto *t, u32 nslots) {
    static const u8 gp[] = { RL_A64_X1, RL_A64_X2, RL_A64_X3, RL_A64_X4, RL_A64_X5, RL_A64_X6, RL_A64_X7 };
    u32 ngp = 0, nfp = 0, nstack = 0;
    for (u32 i = 0; i < t->nparams; i++) {
        if (rl_type_is_fp(t->params[i])) nstack += nfp++ >= 8;
        else nstack += ngp++ >= RL_LEN(gp);
    }
    if (nstack) lea(m, RL_REG_SP, RL_REG_SP, -(i32)rl_align(nstack * 8, 16));
    u32 g = 0, f = 0, stack = 0;
    for (u32 i = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        rl_assert(in->type != RL_V128); /* typed C functions have no vectors; RL_STUB_GENERIC does */
        rl_mem from = in->reg != RL_NOREG ? slot_at(nslots, i) : word_at(in->word);
        if (rl_type_is_fp(in->type) ? f < 8 : g < RL_LEN(gp))
            load(m, in->type, rl_type_is_fp(in->type) ? (u8)(RL_A64_V0 + f++) : gp[g++], from);
        else copy(m, in->type, from, rl_mem_at(RL_REG_SP, 8 * (i32)stack++));
    }
}

static void host_call(rl_masm *m, const rl_proto *t, rl_stub kind, u32 nslots) {
    if (kind != RL_STUB_GENERIC) c_args(m, t, nslots);
    ld(m, A, rl_mem_at(RL_REG_FP, F_FUNC));
    if (kind == RL_STUB_HOST || kind == RL_STUB_LEAF) { /* LEAF has no body of its own here */
        ld(m, RL_A64_X0, AT_EXEC(RL_EXEC_HOST));
    } else if (kind == RL_STUB_BUILTIN) {
        rl_masm_mov(m, RL_W64, RL_A64_X0, RL_REG_INST);
    } else {
        ld(m, RL_A64_X0, AT_FUNC(A, env));
        rl_masm_mov(m, RL_W64, RL_A64_X1, X);
        lea(m, RL_A64_X2, RL_REG_FP, (i32)slot_at(nslots, 0).disp);
    }
    rl_masm_room(m, 64);
    rl_masm_callm(m, AT_FUNC(A, fn));
}

/* Back on the worker's stack. x27 and x29 have survived C. */
static void host_return(rl_masm *m, const rl_proto *t, bool generic, u32 nslots) {
    rl_label left = RL_LABEL_INIT;
    ld(m, X, AT_INST(RL_INST_EXEC));
    rl_masm_ld(m, RL_LD_32, A, AT_EXEC(RL_EXEC_OUTCOME));
    rl_masm_cmpi(m, RL_W32, A, 0);
    rl_masm_jcc(m, RL_CC_NE, &left);
    ld(m, RL_REG_FUEL, AT_EXEC(RL_EXEC_FUEL));
    ld(m, RL_REG_BASE, AT_INST(RL_INST_MEM_BASE));
    for (u32 i = 0, slot = 0; generic && i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        if (out->reg != RL_NOREG) load(m, out->type, out->reg, slot_at(nslots, slot));
        else copy(m, out->type, slot_at(nslots, slot), word_at(out->word));
        slot += out->type == RL_V128 ? 2 : 1;
    }
    if (!generic && t->nresults && t->results[0] == RL_I32) put(m, a64_mov(0, 0, 0));
    callee_saved(m, A64_LDP);
    ld(m, RL_A64_X25, rl_mem_at(RL_REG_FP, F_X25));
    leave(m);
    rl_masm_bind(m, &left);
    jump_glue(m, rl_glue_host_left);
}

static void host_stub(rl_masm *m, const rl_proto *t, rl_stub kind) {
    bool generic = kind == RL_STUB_GENERIC;
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    u32 nslots = slots_of(t->params, t->nparams);
    if (generic) nslots = RL_MAX(nslots, slots_of(t->results, t->nresults));
    else rl_assert(t->nresults <= 1);
    nslots += nslots & 1;
    i32 frame = F_SAVES + 8 * (i32)nslots;
    host_frame(m, t, generic, nslots, frame, &overflow, &again);
    host_leave(m, frame);
    host_call(m, t, kind, nslots);
    host_return(m, t, generic, nslots);
    overflow_grow(m, &overflow, &again, 0);
}

/* ---- CROSS ---- */

enum { F_CALLER = -16, F_CROSS = 16 };

/* x0 = record, x16 = callee's instance. */
static void cross_frame(rl_masm *m, const rl_proto *t, rl_label *overflow, rl_label *again) {
    rl_masm_landing(m, true);
    put(m, a64_pair(A64_STP_PRE, 29, 30, A64_SP, -16));
    lea(m, RL_REG_FP, RL_REG_SP, 0);
    put(m, a64_pair(A64_STP_PRE, A64(RL_REG_INST), A64(RL_REG_BASE), A64_SP, F_CALLER));
    rl_masm_bind(m, again);
    ld(m, X, AT_FUNC(RL_REG_FUNC, inst));
    outgoing(m, t, X, overflow);
}

/* x27, the memory base and the cached words for the callee. */
static void cross_switch(rl_masm *m) {
    ld(m, A, AT_INST(RL_INST_STACK_LIMIT));
    ld(m, B, AT_INST(RL_INST_EXEC));
    st(m, A, rl_mem_at(X, RL_INST_STACK_LIMIT));
    st(m, B, rl_mem_at(X, RL_INST_EXEC));
    rl_masm_mov(m, RL_W64, RL_REG_INST, X);
    ld(m, RL_REG_BASE, AT_INST(RL_INST_MEM_BASE));
    rl_masm_callm(m, AT_FUNC(RL_REG_FUNC, code));
}

/* Back to the caller's instance; its memory may have moved meanwhile. Results in registers stay. */
static void cross_back(rl_masm *m) {
    ld(m, RL_REG_INST, rl_mem_at(RL_REG_FP, F_CALLER));
    ld(m, RL_REG_BASE, AT_INST(RL_INST_MEM_BASE));
}

static void cross_stub(rl_masm *m, const rl_proto *t) {
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    cross_frame(m, t, &overflow, &again);
    for (u32 i = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        if (in->reg == RL_NOREG) copy(m, in->type, word_at(in->word), rl_mem_at(RL_REG_SP, in->word * 8));
    }
    cross_switch(m);
    cross_back(m);
    for (u32 i = 0; i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        if (out->reg == RL_NOREG) copy(m, out->type, rl_mem_at(RL_REG_SP, out->word * 8), word_at(out->word));
    }
    leave(m);
    overflow_grow(m, &overflow, &again, F_CROSS);
}

void rl_masm_stub(rl_masm *m, const rl_proto *p, rl_stub kind) {
    if (kind == RL_STUB_ENTRY) entry_stub(m, p);
    else if (kind == RL_STUB_CROSS) cross_stub(m, p);
    else host_stub(m, p, kind);
}

/* bti c; adr x16, record; ldr x17, glue; br x17; record; glue */
void rl_masm_lazy_stub(rl_masm *m, const void *code, u32 func) {
    put(m, a64_bti_c()); /* always: there is room for it */
    put(m, a64_adr(A64(X), 12));
    put(m, A64_LDR_LITX | (24u >> 2) << 5 | 17);
    put(m, a64_br(17));
    rl_store64(m->p, (u64)(uintptr_t)code);
    rl_store64(m->p + 8, func);
    rl_store64(m->p + 16, (u64)(uintptr_t)&rl_glue_lazy);
    m->p += 24;
}
