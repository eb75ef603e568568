/* The small pieces of code between compiled code and the rest, made once per function type: entry from C, calls into
 * another instance, calls of C functions, and the lazy stub. jit/stub.h has the protocol they keep with the glue.
 *
 * Invariant: a stub's frame is linked by rbp like any other, and whatever must survive a park is in that frame, since
 * the retry may come on another worker with every register but rbp, r14, r15 and the memory base lost. Written into a
 * rl_masm by one thread.
 *
 * Not taken: one generic stub that interprets the places at run time; a host call would then cost a loop instead of
 * its moves. */
#include "jit/masm.h"
#include "jit/stub.h"
#include "jit/x64.h"

#define TMP RL_REG_TMP
#define AT_INST(off) x64_at(RL_REG_INST, off)
#define AT_FUNC(reg, field) x64_at(reg, (i32)offsetof(rl_func, field))
#define CHECKED_FRAME 512 /* larger frames than this compare with the stack limit: RL_STACK_MARGIN covers the smaller */

/* One step of a stub: at most 64 bytes. */
static inline u8 *room(rl_masm *m) {
    rl_masm_room(m, 64);
    return m->p;
}

static u32 slots_of(const u8 *types, u32 n) {
    u32 slots = 0;
    for (u32 i = 0; i < n; i++) slots += types[i] == RL_V128 ? 2 : 1;
    return slots;
}

/* A register of any kind from or to memory, by type. An i32 is widened with zeros, an f32 leaves the rest alone. */
static u8 *load(u8 *p, u8 type, u8 reg, x64_mem from) {
    switch (type) {
    case RL_F32: return x64_rm(p, X64_MOVSS, reg, from);
    case RL_F64: return x64_rm(p, X64_MOVSD, reg, from);
    case RL_V128: return x64_rm(p, X64_MOVUPS, reg, from);
    default: return x64_ld(p, type != RL_I32, reg, from);
    }
}
/* Whole words: an i32 register has its upper half zero, an f32 gets one (through r11). */
static u8 *store(u8 *p, u8 type, u8 reg, x64_mem to) {
    switch (type) {
    case RL_F32: return x64_st(x64_rr(p, X64_MOVD_OUT, reg, TMP), 1, TMP, to);
    case RL_F64: return x64_rm(p, X64_MOVSD_ST, reg, to);
    case RL_V128: return x64_rm(p, X64_MOVUPS_ST, reg, to);
    default: return x64_st(p, 1, reg, to);
    }
}
/* A value between two places in memory, through `gp` or xmm15. */
static u8 *copy(u8 *p, u8 type, u8 gp, x64_mem from, x64_mem to) {
    if (type == RL_V128) return x64_rm(x64_rm(p, X64_MOVUPS, RL_REG_FTMP, from), X64_MOVUPS_ST, RL_REG_FTMP, to);
    return x64_st(x64_ld(p, type != RL_I32 && type != RL_F32, gp, from), 1, gp, to);
}

static u8 *jump_glue(u8 *p, void (*glue)(void)) {
    p = x64_movi(p, RL_RAX, (u64)(uintptr_t)glue);
    return x64_jmp_r(p, RL_RAX);
}

/* r11 = x; fuel, instance, frame and stack pointer stored there. */
static u8 *store_state(u8 *p) {
    p = x64_ld(p, 1, TMP, AT_INST(RL_INST_EXEC));
    p = x64_st(p, 1, RL_REG_INST, x64_at(TMP, RL_EXEC_INST));
    p = x64_st(p, 1, RL_REG_FUEL, x64_at(TMP, RL_EXEC_FUEL));
    p = x64_st(p, 1, RL_RBP, x64_at(TMP, RL_EXEC_GUEST_FP));
    return x64_st(p, 1, RL_RSP, x64_at(TMP, RL_EXEC_GUEST_SP));
}

static void check_stack(rl_masm *m, rl_label *overflow) {
    m->p = x64_alu_rm(room(m), X64_CMP, 1, RL_RSP, AT_INST(RL_INST_STACK_LIMIT));
    rl_masm_jcc(m, RL_CC_LT_U, overflow);
}

/* Makes the outgoing area of a call: what the type needs, or what tail calls of the callee's instance may need. */
static void outgoing(rl_masm *m, const rl_proto *t, u8 inst, u8 scratch, rl_label *overflow) {
    x64_mem tail = x64_at(inst, RL_INST_TAIL_BYTES);
    u8 *p = x64_movi(room(m), scratch, t->out_words * 8u);
    p = x64_alu_rm(p, X64_CMP, 1, scratch, tail);
    p = x64_cmov_m(p, X64_B, 1, scratch, tail);
    p = x64_alu_rr(p, X64_SUB, 1, RL_RSP, scratch);
    m->p = x64_alu_ri(p, X64_AND, 1, RL_RSP, -16);
    check_stack(m, overflow);
}

/* After a failed check_stack: a larger stack, or a trap that counts as the caller's. rsp goes back to rbp - saved, where
 * it was at `again`, which is done again. */
static void overflow_grow(rl_masm *m, rl_label *overflow, rl_label *again, i32 saved) {
    if (!overflow->chain) return;
    room(m);
    rl_masm_bind(m, overflow);
    u8 *p = x64_lea(m->p, 1, RL_RSP, x64_at(RL_RBP, -saved));
    m->p = x64_call_m(p, AT_INST(RL_INST_GROW));
    rl_masm_jmp(m, again);
}

/* ---- ENTRY ---- */

/* [rsp] = rl_func. rbx, r10, r12 are free: rl_glue_enter has saved the host's. */
static void entry_stub(rl_masm *m, const rl_proto *t) {
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    u8 *p = room(m);
    p = x64_pop(p, RL_REG_FUNC);
    *p++ = 0x6a; /* push 0, twice: no return address, no outer frame */
    *p++ = 0;
    *p++ = 0x6a;
    *p++ = 0;
    m->p = x64_mov_rr(p, 1, RL_RBP, RL_RSP);
    rl_masm_bind(m, &again);
    outgoing(m, t, RL_REG_INST, RL_R10, &overflow);
    p = x64_ld(room(m), 1, RL_R10, AT_INST(RL_INST_EXEC));
    m->p = x64_ld(p, 1, RL_R10, x64_at(RL_R10, RL_EXEC_VALS));
    for (u32 i = 0, slot = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        x64_mem val = x64_at(RL_R10, (i32)slot * 8);
        p = room(m);
        if (in->reg != RL_NOREG) m->p = load(p, in->type, in->reg, val);
        else m->p = copy(p, in->type, TMP, val, x64_at(RL_RSP, in->word * 8));
        slot += in->type == RL_V128 ? 2 : 1;
    }
    p = x64_call_m(room(m), AT_FUNC(RL_REG_FUNC, xcode));
    p = x64_ld(p, 1, RL_R10, AT_INST(RL_INST_EXEC)); /* vals may have moved */
    m->p = x64_ld(p, 1, RL_R10, x64_at(RL_R10, RL_EXEC_VALS));
    for (u32 i = 0, slot = 0; i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        x64_mem val = x64_at(RL_R10, (i32)slot * 8);
        p = room(m);
        if (out->reg != RL_NOREG) m->p = store(p, out->type, out->reg, val);
        else m->p = copy(p, out->type, TMP, x64_at(RL_RSP, out->word * 8), val);
        slot += out->type == RL_V128 ? 2 : 1;
    }
    m->p = store_state(room(m));
    p = x64_st_i32(room(m), 0, RL_EXIT_DONE, x64_at(TMP, RL_EXEC_EXIT));
    m->p = jump_glue(p, rl_glue_leave);
    overflow_grow(m, &overflow, &again, 0);
}

/* ---- HOST, BUILTIN, GENERIC ---- */

/* Their frame, below rbp, which rl_glue_host_done knows too: the record, the caller's callee-saved registers, the slots. */
enum { F_FUNC = RL_HOST_RESULT, F_RBX = -16, F_R12 = -24, F_R10 = -32, F_R13 = -40, F_SAVES = 40 };

static x64_mem slot_at(u32 nslots, u32 slot) { return x64_at(RL_RBP, -F_SAVES - 8 * (i32)(nslots - slot)); }
/* word of the caller's outgoing area */
static x64_mem word_at(u32 word) { return x64_at(RL_RBP, 16 + 8 * (i32)word); }

/* Pushes the frame and stores what a retry needs. Stack arguments stay where they are, except for GENERIC, which
 * wants all in one array. */
static void host_frame(rl_masm *m, const rl_proto *t, bool generic, u32 nslots, i32 frame, rl_label *overflow, rl_label *again) {
    u8 *p = room(m);
    p = x64_push(p, RL_RBP);
    m->p = x64_mov_rr(p, 1, RL_RBP, RL_RSP);
    rl_masm_bind(m, again);
    m->p = x64_alu_ri(m->p, X64_SUB, 1, RL_RSP, frame);
    if (frame > CHECKED_FRAME) check_stack(m, overflow);
    p = room(m);
    p = x64_st(p, 1, RL_REG_FUNC, x64_at(RL_RBP, F_FUNC));
    p = x64_st(p, 1, RL_RBX, x64_at(RL_RBP, F_RBX));
    p = x64_st(p, 1, RL_R12, x64_at(RL_RBP, F_R12));
    p = x64_st(p, 1, RL_R10, x64_at(RL_RBP, F_R10));
    m->p = x64_st(p, 1, RL_R13, x64_at(RL_RBP, F_R13));
    for (u32 i = 0, slot = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        p = room(m);
        if (in->reg != RL_NOREG) m->p = store(p, in->type, in->reg, slot_at(nslots, slot));
        else if (generic) m->p = copy(p, in->type, TMP, word_at(in->word), slot_at(nslots, slot));
        slot += in->type == RL_V128 ? 2 : 1;
    }
}

/* The retry label: makes the frame found again, tells x where we are, and switches to the worker's stack. r11 = x. */
static void host_leave(rl_masm *m, i32 frame) {
    u8 *p = room(m), *retry = p;
    p = x64_lea(p, 1, RL_RBP, x64_at(RL_RSP, frame));
    p = x64_lea(p, 1, RL_RAX, (x64_mem){ X64_RIP, RL_RSP, 0, 0, 0 });
    rl_store32(p - 4, (u32)(retry - p));
    p = x64_push(p, RL_RAX);
    m->p = store_state(p);
    m->p = x64_ld(room(m), 1, RL_RSP, x64_at(TMP, RL_EXEC_HOST_SP)); /* aligned by rl_glue_enter */
}

/* Arguments by the C convention, from the frame: integers after the first (context) one, floats, the rest pushed. */
static void c_args(rl_masm *m, const rl_proto *t, u32 nslots) {
    static const u8 gp[] = { RL_RSI, RL_RDX, RL_RCX, RL_R8, RL_R9 };
    u32 ngp = 0, nfp = 0, nstack = 0;
    for (u32 i = 0; i < t->nparams; i++) {
        if (rl_type_is_fp(t->params[i])) nstack += nfp++ >= 8;
        else nstack += ngp++ >= RL_LEN(gp);
    }
    u8 *p = room(m);
    if (nstack) m->p = x64_alu_ri(p, X64_SUB, 1, RL_RSP, (i32)rl_align(nstack * 8, 16));
    u32 g = 0, f = 0, stack = 0;
    for (u32 i = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        rl_assert(in->type != RL_V128); /* typed C functions have no vectors; RL_STUB_GENERIC does */
        x64_mem from = in->reg != RL_NOREG ? slot_at(nslots, i) : word_at(in->word);
        p = room(m);
        if (rl_type_is_fp(in->type) ? f < 8 : g < RL_LEN(gp))
            m->p = load(p, in->type, rl_type_is_fp(in->type) ? (u8)(RL_XMM0 + f++) : gp[g++], from);
        else m->p = copy(p, in->type, RL_RAX, from, x64_at(RL_RSP, 8 * (i32)stack++));
    }
}

static void host_call(rl_masm *m, const rl_proto *t, rl_stub kind, u32 nslots) {
    u8 *p;
    if (kind != RL_STUB_GENERIC) c_args(m, t, nslots);
    p = x64_ld(room(m), 1, RL_RAX, x64_at(RL_RBP, F_FUNC));
    if (kind == RL_STUB_HOST || kind == RL_STUB_LEAF) {
        p = x64_ld(p, 1, RL_RDI, x64_at(TMP, RL_EXEC_HOST));
    } else if (kind == RL_STUB_BUILTIN) {
        p = x64_mov_rr(p, 1, RL_RDI, RL_REG_INST);
    } else {
        p = x64_ld(p, 1, RL_RDI, AT_FUNC(RL_RAX, env));
        p = x64_mov_rr(p, 1, RL_RSI, TMP);
        p = x64_lea(p, 1, RL_RDX, slot_at(nslots, 0));
    }
    m->p = x64_call_m(p, AT_FUNC(RL_RAX, fn));
}

/* Back on the worker's stack. r14 and rbp have survived C. */
static void host_return(rl_masm *m, const rl_proto *t, bool generic, u32 nslots, i32 frame) {
    rl_label left = RL_LABEL_INIT;
    u8 *p = x64_ld(room(m), 1, TMP, AT_INST(RL_INST_EXEC));
    m->p = x64_alu_mi(p, X64_CMP, 0, x64_at(TMP, RL_EXEC_OUTCOME), 0);
    rl_masm_jcc(m, RL_CC_NE, &left);
    p = x64_lea(room(m), 1, RL_RSP, x64_at(RL_RBP, -frame));
    p = x64_ld(p, 1, RL_REG_FUEL, x64_at(TMP, RL_EXEC_FUEL));
    p = x64_ld(p, 1, RL_R13, x64_at(RL_RBP, F_R13));
    p = x64_alu_mi(p, X64_CMP, 0, x64_at(TMP, RL_EXEC_GS), 0);
    m->p = x64_cmov_m(p, X64_E, 1, RL_REG_BASE, AT_INST(RL_INST_MEM_BASE));
    for (u32 i = 0, slot = 0; generic && i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        p = room(m);
        if (out->reg != RL_NOREG) m->p = load(p, out->type, out->reg, slot_at(nslots, slot));
        else m->p = copy(p, out->type, TMP, slot_at(nslots, slot), word_at(out->word));
        slot += out->type == RL_V128 ? 2 : 1;
    }
    p = room(m);
    if (!generic && t->nresults && t->results[0] == RL_I32) p = x64_mov_rr(p, 0, RL_RAX, RL_RAX);
    p = x64_ld(p, 1, RL_RBX, x64_at(RL_RBP, F_RBX));
    p = x64_ld(p, 1, RL_R12, x64_at(RL_RBP, F_R12));
    p = x64_ld(p, 1, RL_R10, x64_at(RL_RBP, F_R10));
    m->p = x64_ret(x64_leave(p));
    room(m);
    rl_masm_bind(m, &left);
    m->p = jump_glue(m->p, rl_glue_host_left);
}

static void host_stub(rl_masm *m, const rl_proto *t, rl_stub kind) {
    bool generic = kind == RL_STUB_GENERIC;
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    u32 nslots = slots_of(t->params, t->nparams);
    if (generic) nslots = RL_MAX(nslots, slots_of(t->results, t->nresults));
    else rl_assert(t->nresults <= 1);
    nslots += nslots & 1 ? 0 : 1; /* with the five saves: slots 16-byte aligned, and so the frame */
    i32 frame = F_SAVES + 8 * (i32)nslots;
    host_frame(m, t, generic, nslots, frame, &overflow, &again);
    host_leave(m, frame);
    host_call(m, t, kind, nslots);
    host_return(m, t, generic, nslots, frame);
    overflow_grow(m, &overflow, &again, 0);
}

/* ---- LEAF ---- */

static bool leaf_fits(const rl_proto *t) {
    for (u32 i = 0; i < t->nparams; i++)
        if (rl_type_is_fp(t->params[i])) return false;
    return t->nparams <= 5 && t->nresults <= 1 && !(t->nresults && rl_type_is_fp(t->results[0]));
}

/* From our convention (rdi rsi r8 r9 rdx) to C's behind the context (rsi rdx rcx r8 r9), in an order that loses none. */
static u8 *leaf_args(u8 *p, u32 n) {
    if (n > 2) p = x64_mov_rr(p, 1, RL_RCX, RL_R8);
    if (n > 3) p = x64_mov_rr(p, 1, RL_R8, RL_R9);
    if (n > 4) p = x64_mov_rr(p, 1, RL_R9, RL_RDX);
    if (n > 1) p = x64_mov_rr(p, 1, RL_RDX, RL_RSI);
    if (n > 0) p = x64_mov_rr(p, 1, RL_RSI, RL_RDI);
    return x64_ld(p, 1, RL_RDI, x64_at(TMP, RL_EXEC_HOST));
}

static void leaf_stub(rl_masm *m, const rl_proto *t) {
    static const u8 arg_gp[] = RL_ARG_GP;
    rl_label left = RL_LABEL_INIT;
    for (u32 i = 0; i < t->nparams; i++) rl_assert(t->in[i].reg == arg_gp[i]);
    u8 *p = x64_push(room(m), RL_RBP);
    p = x64_mov_rr(p, 1, RL_RBP, RL_RSP);
    p = x64_push(p, RL_R10);
    m->p = store_state(p);
    p = x64_ld(room(m), 1, RL_RSP, x64_at(TMP, RL_EXEC_HOST_SP));
    p = leaf_args(p, t->nparams);
    m->p = x64_call_m(p, AT_FUNC(RL_RAX, fn));
    p = x64_ld(room(m), 1, TMP, AT_INST(RL_INST_EXEC));
    m->p = x64_alu_mi(p, X64_CMP, 0, x64_at(TMP, RL_EXEC_OUTCOME), 0);
    rl_masm_jcc(m, RL_CC_NE, &left);
    p = x64_lea(room(m), 1, RL_RSP, x64_at(RL_RBP, -8));
    p = x64_ld(p, 1, RL_REG_FUEL, x64_at(TMP, RL_EXEC_FUEL));
    if (t->nresults && t->results[0] == RL_I32) p = x64_mov_rr(p, 0, RL_RAX, RL_RAX);
    p = x64_pop(p, RL_R10);
    p = x64_pop(p, RL_RBP);
    m->p = x64_ret(p);
    room(m);
    rl_masm_bind(m, &left);
    m->p = jump_glue(m->p, rl_glue_host_left);
}

/* ---- CROSS ---- */

enum { F_CALLER = -8, F_CALLER_R13 = -16, F_CROSS = 16 };

/* rax = record, r11 = callee's instance. */
static void cross_frame(rl_masm *m, const rl_proto *t, rl_label *overflow, rl_label *again) {
    u8 *p = room(m);
    p = x64_push(p, RL_RBP);
    p = x64_mov_rr(p, 1, RL_RBP, RL_RSP);
    p = x64_push(p, RL_REG_INST);
    m->p = x64_push(p, RL_R13);
    rl_masm_bind(m, again);
    m->p = x64_ld(room(m), 1, TMP, AT_FUNC(RL_REG_FUNC, inst));
    outgoing(m, t, TMP, RL_R13, overflow);
}

/* r14, the memory base and the cached words for the callee. r13 is scratch: callee-saved and in the frame (GS), or the
 * base, which is what it ends up with. */
static void cross_switch(rl_masm *m) {
    u8 *p = room(m);
    p = x64_ld(p, 1, RL_R13, AT_INST(RL_INST_STACK_LIMIT));
    p = x64_st(p, 1, RL_R13, x64_at(TMP, RL_INST_STACK_LIMIT));
    p = x64_ld(p, 1, RL_R13, AT_INST(RL_INST_EXEC));
    p = x64_st(p, 1, RL_R13, x64_at(TMP, RL_INST_EXEC));
    p = x64_alu_mi(p, X64_CMP, 0, x64_at(RL_R13, RL_EXEC_GS), 0);
    p = x64_ld(p, 1, RL_R13, x64_at(TMP, RL_INST_MEM_BASE));
    u8 *no_gs = p = x64_jcc8(p, X64_E, 0);
    p = x64_alu_rm(p, X64_CMP, 1, RL_R13, AT_INST(RL_INST_MEM_BASE));
    u8 *same = p = x64_jcc8(p, X64_E, 0);
    p = x64_wrgsbase(p, RL_R13);
    x64_land(no_gs, p);
    x64_land(same, p);
    p = x64_mov_rr(p, 1, RL_REG_INST, TMP);
    m->p = x64_call_m(p, AT_FUNC(RL_REG_FUNC, code));
}

/* Back to the caller's instance; its memory may have moved meanwhile. Results in registers stay; rcx is free. */
static void cross_back(rl_masm *m) {
    u8 *p = room(m);
    p = x64_ld(p, 1, TMP, x64_at(RL_RBP, F_CALLER));
    p = x64_ld(p, 1, RL_R13, AT_INST(RL_INST_EXEC));
    p = x64_alu_mi(p, X64_CMP, 0, x64_at(RL_R13, RL_EXEC_GS), 0);
    p = x64_ld(p, 1, RL_R13, x64_at(TMP, RL_INST_MEM_BASE));
    u8 *no_gs = p = x64_jcc8(p, X64_E, 0);
    p = x64_alu_rm(p, X64_CMP, 1, RL_R13, AT_INST(RL_INST_MEM_BASE));
    u8 *same = p = x64_jcc8(p, X64_E, 0);
    p = x64_wrgsbase(p, RL_R13);
    x64_land(same, p);
    p = x64_ld(p, 1, RL_R13, x64_at(RL_RBP, F_CALLER_R13));
    x64_land(no_gs, p);
    m->p = x64_mov_rr(p, 1, RL_REG_INST, TMP);
}

static void cross_stub(rl_masm *m, const rl_proto *t) {
    rl_label overflow = RL_LABEL_INIT, again = RL_LABEL_INIT;
    cross_frame(m, t, &overflow, &again);
    for (u32 i = 0; i < t->nparams; i++) {
        const rl_place *in = &t->in[i];
        if (in->reg != RL_NOREG) continue;
        m->p = copy(room(m), in->type, RL_R13, word_at(in->word), x64_at(RL_RSP, in->word * 8));
    }
    cross_switch(m);
    cross_back(m);
    for (u32 i = 0; i < t->nresults; i++) {
        const rl_place *out = &t->out[i];
        if (out->reg != RL_NOREG) continue;
        m->p = copy(room(m), out->type, RL_RCX, x64_at(RL_RSP, out->word * 8), word_at(out->word));
    }
    m->p = x64_ret(x64_leave(room(m)));
    overflow_grow(m, &overflow, &again, F_CROSS);
}

void rl_masm_stub(rl_masm *m, const rl_proto *p, rl_stub kind) {
    if (kind == RL_STUB_ENTRY) entry_stub(m, p);
    else if (kind == RL_STUB_CROSS) cross_stub(m, p);
    else if (kind == RL_STUB_LEAF && leaf_fits(p)) leaf_stub(m, p);
    else host_stub(m, p, kind);
}

/* lea r11, [rip + record]; jmp [rip + glue]; padding; record; glue */
void rl_masm_lazy_stub(rl_masm *m, const void *code, u32 func) {
    u8 *p = room(m), *start = p;
    p = x64_lea(p, 1, TMP, (x64_mem){ X64_RIP, RL_RSP, 0, 0, 0 });
    u8 *record = p;
    p = x64_jmp_m(p, (x64_mem){ X64_RIP, RL_RSP, 0, 0, 0 });
    u8 *glue = p;
    while ((p - start) & 7) *p++ = 0xcc;
    rl_store32(record - 4, (u32)(p - record));
    p = x64_put64(p, (u64)(uintptr_t)code);
    p = x64_put64(p, func);
    rl_store32(glue - 4, (u32)(p - glue));
    m->p = x64_put64(p, (u64)(uintptr_t)&rl_glue_lazy);
}
