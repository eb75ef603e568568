/* Every encoder of jit/x64.h; see encode.h. Texts are Intel syntax. */
#include "jit/x64.h"
#include "tests/asm/encode.h"

#define CHECK(encoded, ...) do { \
    char text_[200]; \
    snprintf(text_, sizeof text_, __VA_ARGS__); \
    check(text_, encoded); } while (0)

static const char *name(u32 bits, u32 r) {
    static const char *const low[4][8] = { { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" },
                                           { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" },
                                           { "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi" },
                                           { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi" } };
    static char ring[8][16];
    static u32 at;
    char *s = ring[at++ % 8];
    u32 size = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    static const char *const suffix[] = { "b", "w", "d", "" };
    if (r >= RL_XMM0) snprintf(s, 16, "xmm%u", r - RL_XMM0);
    else if (r < 8) return low[size][r];
    else snprintf(s, 16, "r%u%s", r, suffix[size]);
    return s;
}
#define W(r) name(w ? 64 : 32, r)
#define X(r) name(128, r)

static const char *mem(x64_mem a) {
    static char ring[4][64];
    static u32 at;
    char *s = ring[at++ % 4], *end = s + 64;
    u32 bits = a.prefix & X64_A32 ? 32 : 64;
    int n = snprintf(s, 64, "%s[", a.prefix & X64_GS ? "gs:" : "");
    if (a.base == X64_RIP) n += snprintf(s + n, (size_t)(end - s - n), "rip");
    else if (a.base != X64_NONE) n += snprintf(s + n, (size_t)(end - s - n), "%s", name(bits, a.base));
    if (a.index != RL_RSP)
        n += snprintf(s + n, (size_t)(end - s - n), "%s%s*%u", a.base == X64_NONE ? "" : "+", name(bits, a.index), 1u << a.scale);
    if (a.base == X64_NONE && a.index == RL_RSP) n += snprintf(s + n, (size_t)(end - s - n), "%d", a.disp);
    else if (a.disp || a.base == X64_NONE || a.base == X64_RIP) n += snprintf(s + n, (size_t)(end - s - n), "%+d", a.disp);
    snprintf(s + n, (size_t)(end - s - n), "]");
    return s;
}

static const u8 few[] = { RL_RAX, RL_RCX, RL_RSI, RL_R9, RL_R12, RL_R13 };
static const u8 gps[] = { RL_RAX, RL_RCX, RL_RDX, RL_RBX, RL_RSP, RL_RBP, RL_RSI, RL_RDI,
                          RL_R8, RL_R9, RL_R10, RL_R11, RL_R12, RL_R13, RL_R14, RL_R15 };
static const u8 fps[] = { RL_XMM0, RL_XMM0 + 7, RL_XMM0 + 8, RL_XMM15 };
static const char *const cc[] = { "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g" };
static const char *const alu[] = { "add", "or", "adc", "sbb", "and", "sub", "xor", "cmp" };
static const x64_mem some[] = { { RL_RSI, RL_RSP, 0, 0, 0 }, { RL_R12, RL_RSP, 0, 0, 16 }, { RL_R13, RL_RAX, 3, 0, 0 },
                                { RL_RBP, RL_R12, 1, X64_GS, -129 }, { X64_RIP, RL_RSP, 0, 0, 64 }, { RL_RCX, RL_RSP, 0, X64_GS | X64_A32, 8 } };

static void addresses(void) {
    static const i32 disps[] = { 0, 1, -1, 127, 128, -128, -129, 0x12345678, INT32_MIN };
    EACH(base, gps) for (u32 k = 0; k < RL_LEN(disps); k++) {
        x64_mem a = x64_at((u8)base, disps[k]);
        CHECK(x64_ld(buf, 0, RL_RDX, a), "mov edx, %s", mem(a));
        if (k < 3) {
            a.index = gps[(base + 5 + k) % 16] == RL_RSP ? RL_R14 : gps[(base + 5 + k) % 16];
            a.scale = (u8)((base + k) & 3);
            CHECK(x64_ld(buf, 1, RL_R10, a), "mov r10, %s", mem(a));
            a.prefix = X64_GS;
            CHECK(x64_ld(buf, 0, RL_R10, a), "mov r10d, %s", mem(a));
            a.prefix |= X64_A32;
            CHECK(x64_ld(buf, 1, RL_RDI, a), "mov rdi, %s", mem(a));
        }
    }
    EACH(index, gps) if (index != RL_RSP) {
        x64_mem a = { X64_NONE, (u8)index, 1 + index % 3, 0, (i32)index * 100 - 500 };
        CHECK(x64_lea(buf, 1, RL_RDX, a), "lea rdx, %s", mem(a));
        a.prefix = X64_GS | X64_A32;
        CHECK(x64_ld(buf, 1, RL_RDX, a), "mov rdx, %s", mem(a));
    }
    for (u8 prefix = X64_GS; prefix <= (X64_GS | X64_A32); prefix += X64_A32) {
        x64_mem a = { X64_NONE, RL_RSP, 0, prefix, 0x12345 };
        if (prefix == X64_GS) CHECK(x64_ld(buf, 1, RL_RDX, a), "mov rdx, %s", mem(a));
    }
    x64_mem a = { X64_RIP, RL_RSP, 0, 0, -5 };
    CHECK(x64_lea(buf, 1, RL_R11, a), "lea r11, %s", mem(a));
}

static void moves(void) {
    EACH(d, few) EACH(s, few) WIDTHS(w) {
        CHECK(x64_mov_rr(buf, w, d, s), "mov %s, %s", W(d), W(s));
        if (d != s && w) CHECK(x64_xchg(buf, d, s), "xchg %s, %s", W(d), W(s));
    }
    EACH(d, gps) {
        CHECK(x64_movi(buf, d, 0x7f), "mov %s, 127", name(32, d));
        CHECK(x64_movi(buf, d, 0xfedcba98u), "mov %s, 0xfedcba98", name(32, d));
        CHECK(x64_movi(buf, d, (u64)-2), "mov %s, -2", name(64, d));
        CHECK(x64_movi(buf, d, 0x123456789abcdef0u), "movabs %s, 0x123456789abcdef0", name(64, d));
        CHECK(x64_movabs(buf, d, 5), "movabs %s, 5", name(64, d));
        CHECK(x64_push(buf, d), "push %s", name(64, d));
        CHECK(x64_pop(buf, d), "pop %s", name(64, d));
        CHECK(x64_call_r(buf, d), "call %s", name(64, d));
        CHECK(x64_jmp_r(buf, d), "jmp %s", name(64, d));
        CHECK(x64_wrgsbase(buf, d), "wrgsbase %s", name(64, d));
    }
    for (u32 i = 0; i < RL_LEN(some); i++) {
        x64_mem a = some[i];
        const char *t = mem(a);
        WIDTHS(w) {
            CHECK(x64_ld(buf, w, RL_R8, a), "mov %s, %s", W(RL_R8), t);
            CHECK(x64_st(buf, w, RL_R8, a), "mov %s, %s", t, W(RL_R8));
            CHECK(x64_lea(buf, w, RL_RBX, (x64_mem){ a.base, a.index, a.scale, 0, a.disp }), "lea %s, %s", W(RL_RBX),
                  mem((x64_mem){ a.base, a.index, a.scale, 0, a.disp }));
            CHECK(x64_rm(buf, X64_MOVSX8 | X64_WIDTH(w), RL_RCX, a), "movsx %s, byte ptr %s", W(RL_RCX), t);
            CHECK(x64_rm(buf, X64_MOVSX16 | X64_WIDTH(w), RL_R15, a), "movsx %s, word ptr %s", W(RL_R15), t);
        }
        CHECK(x64_rm(buf, X64_MOVZX8, RL_RCX, a), "movzx ecx, byte ptr %s", t);
        CHECK(x64_rm(buf, X64_MOVZX16, RL_R15, a), "movzx r15d, word ptr %s", t);
        CHECK(x64_rm(buf, X64_MOVSXD, RL_R15, a), "movsxd r15, dword ptr %s", t);
        EACH(r, gps) {
            CHECK(x64_rm(buf, X64_MOV_ST8, r, a), "mov byte ptr %s, %s", t, name(8, r));
            CHECK(x64_rm(buf, X64_OP(X64_66, 0, X64_MOV_ST), r, a), "mov word ptr %s, %s", t, name(16, r));
        }
        EACH(x, fps) {
            CHECK(x64_rm(buf, X64_MOVSS, x, a), "movss %s, dword ptr %s", X(x), t);
            CHECK(x64_rm(buf, X64_MOVSD, x, a), "movsd %s, qword ptr %s", X(x), t);
            CHECK(x64_rm(buf, X64_MOVUPS, x, a), "movups %s, xmmword ptr %s", X(x), t);
            CHECK(x64_rm(buf, X64_MOVSS_ST, x, a), "movss dword ptr %s, %s", t, X(x));
            CHECK(x64_rm(buf, X64_MOVSD_ST, x, a), "movsd qword ptr %s, %s", t, X(x));
            CHECK(x64_rm(buf, X64_MOVUPS_ST, x, a), "movups xmmword ptr %s, %s", t, X(x));
        }
        if (a.base != X64_RIP) { /* the immediate would move its displacement; never emitted */
            CHECK(x64_st_i8(buf, -3, a), "mov byte ptr %s, -3", t);
            CHECK(x64_st_i16(buf, 0x1234, a), "mov word ptr %s, 0x1234", t);
            CHECK(x64_st_i32(buf, 0, -2, a), "mov dword ptr %s, -2", t);
            CHECK(x64_st_i32(buf, 1, -2, a), "mov qword ptr %s, -2", t);
        }
        CHECK(x64_call_m(buf, a), "call qword ptr %s", t);
        CHECK(x64_jmp_m(buf, a), "jmp qword ptr %s", t);
    }
}

static void integers(void) {
    static const i32 imms[] = { 1, -128, 128, 0x12345678 };
    EACH(d, few) EACH(s, few) WIDTHS(w) {
        for (u32 n = 0; n < 8; n++)
            if (n != X64_ADC && n != X64_SBB) CHECK(x64_alu_rr(buf, n, w, d, s), "%s %s, %s", alu[n], W(d), W(s));
        CHECK(x64_test_rr(buf, w, d, s), "test %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_IMUL | X64_WIDTH(w), d, s), "imul %s, %s", W(d), W(s));
        CHECK(x64_imul_i(buf, w, d, s, -5), "imul %s, %s, -5", W(d), W(s));
        CHECK(x64_imul_i(buf, w, d, s, 1000), "imul %s, %s, 1000", W(d), W(s));
        CHECK(x64_rr(buf, X64_LZCNT | X64_WIDTH(w), d, s), "lzcnt %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_TZCNT | X64_WIDTH(w), d, s), "tzcnt %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_POPCNT | X64_WIDTH(w), d, s), "popcnt %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_BSR | X64_WIDTH(w), d, s), "bsr %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_BSF | X64_WIDTH(w), d, s), "bsf %s, %s", W(d), W(s));
        CHECK(x64_rr(buf, X64_MOVSX8 | X64_BRM | X64_WIDTH(w), d, s), "movsx %s, %s", W(d), name(8, s));
        CHECK(x64_rr(buf, X64_MOVSX16 | X64_WIDTH(w), d, s), "movsx %s, %s", W(d), name(16, s));
        CHECK(x64_rorx(buf, w, d, s, 7), "rorx %s, %s, 7", W(d), W(s));
        EACH(c, few) {
            CHECK(x64_vrr(buf, X64_SHLX | X64_WIDTH(w), d, c, s), "shlx %s, %s, %s", W(d), W(s), W(c));
            if (c < 2) CHECK(x64_vrr(buf, X64_SARX | X64_WIDTH(w), d, c, s), "sarx %s, %s, %s", W(d), W(s), W(c));
            if (c > 8) CHECK(x64_vrr(buf, X64_SHRX | X64_WIDTH(w), d, c, s), "shrx %s, %s, %s", W(d), W(s), W(c));
        }
        u32 c = (d + s + w) & 15;
        CHECK(x64_cmov(buf, c, w, d, s), "cmov%s %s, %s", cc[c], W(d), W(s));
        if (w) CHECK(x64_rr(buf, X64_MOVSXD, d, s), "movsxd %s, %s", W(d), name(32, s));
        else CHECK(x64_rr(buf, X64_MOVZX8 | X64_BRM, d, s), "movzx %s, %s", W(d), name(8, s));
    }
    EACH(d, gps) WIDTHS(w) {
        for (u32 i = 0; i < RL_LEN(imms); i++) {
            u32 n = (d + i) & 7;
            CHECK(x64_alu_ri(buf, n, w, d, imms[i]), "%s %s, %d", alu[n], W(d), imms[i]);
        }
        CHECK(x64_test_i(buf, w, d, 0x1234), "test %s, 0x1234", W(d));
        if (w) CHECK(x64_test_i8(buf, d, 0x7f), "test %s, 0x7f", name(8, d));
        CHECK(x64_shift_i(buf, X64_SHL, w, d, 1), "shl %s, 1", W(d));
        CHECK(x64_shift_i(buf, X64_SHR, w, d, 31), "shr %s, 31", W(d));
        CHECK(x64_shift_i(buf, X64_SAR, w, d, 7), "sar %s, 7", W(d));
        CHECK(x64_shift_i(buf, X64_ROL, w, d, 9), "rol %s, 9", W(d));
        CHECK(x64_shift_cl(buf, X64_ROR, w, d), "ror %s, cl", W(d));
        CHECK(x64_shift_cl(buf, X64_SHL, w, d), "shl %s, cl", W(d));
        CHECK(x64_unary(buf, X64_NOT, w, d), "not %s", W(d));
        CHECK(x64_unary(buf, X64_NEG, w, d), "neg %s", W(d));
        CHECK(x64_unary(buf, X64_MUL, w, d), "mul %s", W(d));
        CHECK(x64_unary(buf, X64_IMUL1, w, d), "imul %s", W(d));
        CHECK(x64_unary(buf, X64_DIV, w, d), "div %s", W(d));
        CHECK(x64_unary(buf, X64_IDIV, w, d), "idiv %s", W(d));
        CHECK(x64_btc_i(buf, w, d, 31), "btc %s, 31", W(d));
        if (w) CHECK(x64_setcc(buf, d, d), "set%s %s", cc[d], name(8, d));
    }
    CHECK(x64_rr(buf, 0x20 | X64_BREG | X64_BRM, RL_R11, RL_RSI), "and sil, r11b");
    CHECK(x64_rr(buf, 0x08 | X64_BREG | X64_BRM, RL_R11, RL_RAX), "or al, r11b");
    CHECK(x64_cdq(buf, 0), "cdq");
    CHECK(x64_cdq(buf, 1), "cqo");
    for (u32 i = 0; i < RL_LEN(some); i++) WIDTHS(w) {
        const char *t = mem(some[i]);
        for (u32 n = 0; n < 8; n++) CHECK(x64_alu_rm(buf, n, w, RL_RDI, some[i]), "%s %s, %s", alu[n], W(RL_RDI), t);
        CHECK(x64_rm(buf, X64_IMUL | X64_WIDTH(w), RL_R9, some[i]), "imul %s, %s", W(RL_R9), t);
        CHECK(x64_cmov_m(buf, X64_NE, w, RL_R13, some[i]), "cmovne %s, %s", W(RL_R13), t);
        if (some[i].base == X64_RIP) continue;
        CHECK(x64_alu_mi(buf, X64_CMP, w, some[i], 0), "cmp %s ptr %s, 0", w ? "qword" : "dword", t);
        CHECK(x64_alu_mi(buf, X64_SUB, w, some[i], 1000), "sub %s ptr %s, 1000", w ? "qword" : "dword", t);
    }
}

static void floats(void) {
    static const struct { u8 op; const char *text; } arith[] = { { X64_FADD, "add" }, { X64_FSUB, "sub" }, { X64_FMUL, "mul" }, { X64_FDIV, "div" },
                                                                 { X64_FMIN, "min" }, { X64_FMAX, "max" }, { X64_FSQRT, "sqrt" } };
    static const struct { u32 op; const char *text; } packed[] = { { X64_ANDPS, "andps" }, { X64_ORPS, "orps" }, { X64_XORPS, "xorps" } };
    EACH(d, fps) EACH(s, fps) WIDTHS(w) {
        const char *t = w ? "sd" : "ss";
        for (u32 i = 0; i < RL_LEN(arith); i++) {
            CHECK(x64_rr(buf, X64_SCALAR(w, arith[i].op), d, s), "%s%s %s, %s", arith[i].text, t, X(d), X(s));
            EACH(v, fps) CHECK(x64_vrr(buf, X64_SCALAR(w, arith[i].op), d, v, s), "v%s%s %s, %s, %s", arith[i].text, t, X(d), X(v), X(s));
        }
        CHECK(x64_rr(buf, X64_UCOMIS(w), d, s), "ucomi%s %s, %s", t, X(d), X(s));
        u8 *p = x64_rr(buf, w ? X64_ROUNDSD : X64_ROUNDSS, d, s);
        *p = 10;
        CHECK(p + 1, "round%s %s, %s, 10", t, X(d), X(s));
        p = x64_vrr(buf, w ? X64_ROUNDSD : X64_ROUNDSS, d, s, s);
        *p = 11;
        CHECK(p + 1, "vround%s %s, %s, %s, 11", t, X(d), X(s), X(s));
        CHECK(x64_rr(buf, w ? X64_CVTSD2SS : X64_CVTSS2SD, d, s), "cvt%s %s, %s", w ? "sd2ss" : "ss2sd", X(d), X(s));
        CHECK(x64_vrr(buf, w ? X64_CVTSD2SS : X64_CVTSS2SD, d, s, s), "vcvt%s %s, %s, %s", w ? "sd2ss" : "ss2sd", X(d), X(s), X(s));
        if (w) continue;
        CHECK(x64_rr(buf, X64_MOVAPS, d, s), "movaps %s, %s", X(d), X(s));
        for (u32 i = 0; i < 3; i++) CHECK(x64_rr(buf, packed[i].op, d, s), "%s %s, %s", packed[i].text, X(d), X(s));
        for (u32 i = 0; i < RL_LEN(some); i++) {
            for (u32 k = 0; k < 3; k++)
                CHECK(x64_vrm(buf, packed[k].op, d, s, some[i]), "v%s %s, %s, xmmword ptr %s", packed[k].text, X(d), X(s), mem(some[i]));
            CHECK(x64_vrm(buf, X64_SCALAR(1, X64_FADD), d, s, some[i]), "vaddsd %s, %s, qword ptr %s", X(d), X(s), mem(some[i]));
            CHECK(x64_vrm(buf, X64_SCALAR(0, X64_FMUL), d, s, some[i]), "vmulss %s, %s, dword ptr %s", X(d), X(s), mem(some[i]));
        }
    }
    EACH(x, fps) EACH(g, few) WIDTHS(w) {
        CHECK(x64_rr(buf, X64_MOVD_IN | X64_WIDTH(w), x, g), "mov%s %s, %s", w ? "q" : "d", X(x), W(g));
        CHECK(x64_rr(buf, X64_MOVD_OUT | X64_WIDTH(w), x, g), "mov%s %s, %s", w ? "q" : "d", W(g), X(x));
        for (u32 f64 = 0; f64 < 2; f64++) {
            CHECK(x64_rr(buf, X64_SCALAR(f64, X64_FCVTSI) | X64_WIDTH(w), x, g), "cvtsi2s%s %s, %s", f64 ? "d" : "s", X(x), W(g));
            CHECK(x64_rr(buf, X64_SCALAR(f64, X64_FCVTT) | X64_WIDTH(w), g, x), "cvtts%s2si %s, %s", f64 ? "d" : "s", W(g), X(x));
        }
    }
    EACH(x, fps) {
        CHECK(x64_vshift_i(buf, false, false, x, 31), "psrld %s, 31", X(x));
        CHECK(x64_vshift_i(buf, false, true, x, 1), "pslld %s, 1", X(x));
        CHECK(x64_vshift_i(buf, true, false, x, 63), "psrlq %s, 63", X(x));
        CHECK(x64_vshift_i(buf, true, true, x, 1), "psllq %s, 1", X(x));
        for (u32 i = 0; i < RL_LEN(some); i++) {
            CHECK(x64_rm(buf, X64_UCOMIS(1), x, some[i]), "ucomisd %s, qword ptr %s", X(x), mem(some[i]));
            CHECK(x64_rm(buf, X64_UCOMIS(0), x, some[i]), "ucomiss %s, dword ptr %s", X(x), mem(some[i]));
            CHECK(x64_rm(buf, X64_SCALAR(1, X64_FDIV), x, some[i]), "divsd %s, qword ptr %s", X(x), mem(some[i]));
        }
    }
}

static void control(void) {
    for (u32 c = 0; c < 16; c++) {
        CHECK(x64_jcc8(buf, c, 5), "j%s .+7", cc[c]);
        CHECK(x64_jcc8(buf, c, -128), "j%s .-126", cc[c]);
        CHECK(x64_jcc32(buf, c, 1000), "j%s .+1006", cc[c]);
    }
    CHECK(x64_jmp8(buf, -2), "jmp .");
    CHECK(x64_jmp32(buf, (u32)-1000), "jmp .-995");
    CHECK(x64_call32(buf, 100), "call .+105");
    CHECK(x64_ret(buf), "ret");
    CHECK(x64_leave(buf), "leave");
    CHECK(x64_ud2(buf), "ud2");
    CHECK(x64_nops(buf, 1), "nop");
    CHECK(x64_nops(buf, 3), "nop dword ptr [rax]");
    CHECK(x64_nops(buf, 2), "xchg ax, ax");
}

int main(int argc, char **argv) {
    begin(argc, argv);
    addresses();
    moves();
    integers();
    floats();
    control();
    return end();
}
