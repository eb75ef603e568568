/* Every encoder of jit/a64.h; see encode.h. Texts are what a disassembler prefers to say, so that where Capstone is
 * installed it reads the words back, and must say the same but for the notation of numbers. */
#include "jit/a64.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#include "tests/asm/encode.h"

#ifdef HAVE_CAPSTONE
static csh reader;

/* One number of either text: "#", or "." of a label at address 0, sign, digits in any notation. */
static bool number(const char **p, double *d, u64 *v) {
    const char *s = *p;
    if (*s == '.' && (s[1] == '+' || s[1] == '-')) s++;
    else if (*s == '#') s++;
    else return false;
    char *stop, *fstop;
    *v = *s == '-' ? -strtoull(s + 1, &stop, 0) : strtoull(*s == '+' ? s + 1 : s, &stop, 0);
    *d = strtod(s, &fstop);
    bool is_float = *stop == '.';
    if (is_float) *v = 0;
    else *d = 0;
    *p = is_float ? fstop : stop;
    return true;
}

static bool same(const char *a, const char *b) {
    u64 mask = strchr(a, 'x') && strchr(a, 'x') < strchr(a, ' ') + 2 ? UINT64_MAX : UINT32_MAX; /* width of the first register */
    while (*a || *b) {
        double x, y;
        u64 v, w;
        bool na = number(&a, &x, &v), nb = number(&b, &y, &w);
        if (na != nb || (na && (x != y || (v & mask) != (w & mask)))) return false;
        if (na) continue;
        if (*a != *b) return false;
        a++, b++;
    }
    return true;
}

/* Older versions say movz and movn, newer ones mov and the whole value. */
static void whole_value(char *text, size_t size, bool inverted) {
    char reg[8];
    unsigned imm, shift = 0;
    if (sscanf(text, "mov%*c %7[^,], #%i, lsl #%u", reg, (int *)&imm, &shift) < 2) return;
    u64 v = (u64)imm << shift;
    snprintf(text, size, "mov %s, #%llu", reg, (unsigned long long)(inverted ? ~v : v));
}

static void read_back(const char *text, u32 word) {
    cs_insn *in;
    u8 bytes[4];
    rl_store32(bytes, word);
    if (!word) return; /* udf: unknown to older versions */
    size_t n = cs_disasm(reader, bytes, 4, 0, 1, &in);
    char got[200] = "nothing";
    if (n) snprintf(got, sizeof got, "%s%s%s", in->mnemonic, in->op_str[0] ? " " : "", in->op_str);
    if (!strncmp(got, "movz", 4) || !strncmp(got, "movn", 4)) whole_value(got, sizeof got, got[3] == 'n');
    if (!strcmp(got, "hint #0x22")) strcpy(got, "bti c"); /* older versions know no names for these */
    if (!strcmp(got, "hint #0x24")) strcpy(got, "bti j");
    if (!same(text, got) && bad++ < 50) printf("capstone reads  %s\nexpected        %s\n", got, text);
    if (n) cs_free(in, n);
}
#else
static void read_back(const char *text, u32 word) { (void)text, (void)word; }
#endif

static void word(const char *text, u32 w) {
    rl_store32(buf, w);
    check(text, buf + 4);
    if (expected) read_back(text, w);
}
#define CHECK(encoded, ...) do { \
    char text_[200]; \
    snprintf(text_, sizeof text_, __VA_ARGS__); \
    word(text_, encoded); } while (0)

static const char *name(char kind, u32 r, const char *r31) {
    static char ring[64][8];
    static u32 at;
    char *s = ring[at++ % 64];
    if (r == 31 && r31) return r31;
    snprintf(s, 8, "%c%u", kind, r);
    return s;
}
#define X(r) name('x', r, "xzr")
#define W(r) name(w ? 'x' : 'w', r, w ? "xzr" : "wzr")
#define WSP(r) name(w ? 'x' : 'w', r, w ? "sp" : "wsp")
#define XSP(r) name('x', r, "sp")
#define F(r) name(f ? 'd' : 's', r, NULL)

static const u8 regs[] = { 0, 1, 15, 30 };  /* of the general ones */
static const u8 zero[] = { 0, 9, 31 };      /* 31: sp or zr        */
static const u8 fps[] = { 0, 7, 16, 31 };
static const char *const cond[] = { "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le" };
static const char *const shifts[] = { "lsl", "lsr", "asr", "ror" };
static const char *const extends[] = { "uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx" };

static void sums(void) {
    static const struct { u32 op; const char *text, *dropped; } ops[] = {
        { A64_ADD, "add", NULL }, { A64_ADDS, "adds", "cmn" }, { A64_SUB, "sub", NULL }, { A64_SUBS, "subs", "cmp" } };
    static const u32 imms[] = { 1, 255, 4095, 4096, 0xfff000 };
    for (u32 i = 0; i < RL_LEN(ops); i++) WIDTHS(w) {
        u32 op = ops[i].op;
        bool s = ops[i].dropped != NULL;
        for (u32 k = 0; k < RL_LEN(imms); k++) EACH(d, zero) EACH(a, zero) {
            char imm[32];
            snprintf(imm, sizeof imm, imms[k] < 4096 ? "#%u" : "#%u, lsl #12", imms[k] < 4096 ? imms[k] : imms[k] >> 12);
            if (s && d == 31) CHECK(a64_addi(op, w, d, a, imms[k]), "%s %s, %s", ops[i].dropped, WSP(a), imm);
            else CHECK(a64_addi(op, w, d, a, imms[k]), "%s %s, %s, %s", ops[i].text, s ? W(d) : WSP(d), WSP(a), imm);
        }
        EACH(a, regs) EACH(b, regs) {
            CHECK(a64_add(op, w, 2, a, b, A64_LSL, 0), "%s %s, %s, %s", ops[i].text, W(2), W(a), W(b));
            for (u32 shift = A64_LSL; shift <= A64_ASR; shift++) {
                u32 k = (a + b + shift) % (w ? 63 : 31) + 1;
                CHECK(a64_add(op, w, 2, a, b, shift, k), "%s %s, %s, %s, %s #%u", ops[i].text, W(2), W(a), W(b), shifts[shift], k);
                if (s) CHECK(a64_add(op, w, 31, a, b, shift, k), "%s %s, %s, %s #%u", ops[i].dropped, W(a), W(b), shifts[shift], k);
            }
            if (s) CHECK(a64_add(op, w, 31, a, b, A64_LSL, 0), "%s %s, %s", ops[i].dropped, W(a), W(b));
            for (u32 x = 0; x < RL_LEN(extends); x++) {
                if (x == A64_UXTX || x == A64_SXTX ? !w : 0) continue;
                u32 k = (a + x) % 5;
                char shift[16] = "";
                if (k) snprintf(shift, sizeof shift, " #%u", k);
                bool wide = x == A64_UXTX || x == A64_SXTX;
                CHECK(a64_addx(op, w, 3, a, b, x, k), "%s %s, %s, %s, %s%s", ops[i].text, W(3), W(a), name(wide ? 'x' : 'w', b, NULL), extends[x], shift);
            }
        }
        if (op == A64_SUB || op == A64_SUBS) CHECK(a64_add(op, w, 4, 31, 5, A64_LSL, 0), "neg%s %s, %s", op == A64_SUBS ? "s" : "", W(4), W(5));
    }
    CHECK(a64_addx(A64_SUB, 1, A64_SP, A64_SP, 10, A64_UXTX, 0), "sub sp, sp, x10");
    CHECK(a64_addx(A64_SUBS, 1, A64_ZR, A64_SP, 17, A64_UXTX, 0), "cmp sp, x17");
    CHECK(a64_addx(A64_ADD, 1, 3, A64_SP, 4, A64_UXTX, 2), "add x3, sp, x4, lsl #2");
    CHECK(a64_addi(A64_ADD, 1, A64_SP, 29, 0), "mov sp, x29");
    CHECK(a64_addi(A64_ADD, 1, 29, A64_SP, 0), "mov x29, sp");
}

static void bits(void) {
    static const struct { u32 op; const char *text, *inverted; } ops[] = {
        { A64_AND, "and", "bic" }, { A64_ORR, "orr", "orn" }, { A64_EOR, "eor", "eon" }, { A64_ANDS, "ands", "bics" } };
    static const u64 masks[] = { 1, 2, 0xff, 0xfe, 0x7fffffff, 0x80000001, 0xaaaaaaaa, 0x01010101, 0xf0f0f0f0, 0xfffffffe, 0x0ffffff0, 0xc000003f };
    for (u32 i = 0; i < RL_LEN(ops); i++) WIDTHS(w) {
        u32 op = ops[i].op, field;
        EACH(d, regs) EACH(b, regs) {
            u32 k = (d + 7 * b) % (w ? 63 : 31) + 1, shift = (d + b) & 3;
            CHECK(a64_log(op, w, d, 3, b, A64_LSL, 0), "%s %s, %s, %s", ops[i].text, W(d), W(3), W(b));
            CHECK(a64_log(op, w, d, 3, b, shift, k), "%s %s, %s, %s, %s #%u", ops[i].text, W(d), W(3), W(b), shifts[shift], k);
            CHECK(a64_log(op | A64_NOT, w, d, 3, b, A64_LSL, 0), "%s %s, %s, %s", ops[i].inverted, W(d), W(3), W(b));
            CHECK(a64_log(op | A64_NOT, w, d, 3, b, shift, k), "%s %s, %s, %s, %s #%u", ops[i].inverted, W(d), W(3), W(b), shifts[shift], k);
        }
        for (u32 k = 0; k < RL_LEN(masks); k++) {
            if (!a64_mask(0, masks[k], &field)) exit(3);
            if (!w) CHECK(a64_logi(op, 0, 5, 6, field), "%s w5, w6, #%#llx", ops[i].text, (unsigned long long)masks[k]);
            u64 v = masks[k] | masks[k] << 32;
            if (!a64_mask(1, v, &field)) exit(3);
            if (w) CHECK(a64_logi(op, 1, 5, 6, field), "%s x5, x6, #%#llx", ops[i].text, (unsigned long long)v);
        }
        for (u32 size = 2; size <= (w ? 64 : 32); size *= 2)
            for (u32 ones = 1; ones < size; ones += size / 8 + 1) {
                u32 rot = (ones * 5 + i) % size;
                u64 run = (1ull << ones) - 1, all = size == 64 ? ~0ull : (1ull << size) - 1;
                u64 v = rot ? (run << rot | run >> (size - rot)) & all : run;
                for (u32 k = size; k < 64; k *= 2) v |= v << k;
                if (!w) v = (u32)v;
                if (!a64_mask(w, v, &field)) exit(3);
                CHECK(a64_logi(op, w, 7, 8, field), "%s %s, %s, #%#llx", ops[i].text, W(7), W(8), (unsigned long long)v);
                if (op == A64_ANDS) CHECK(a64_logi(op, w, 31, 8, field), "tst %s, #%#llx", W(8), (unsigned long long)v);
            }
        if (op == A64_ANDS) CHECK(a64_log(op, w, 31, 8, 9, A64_LSL, 0), "tst %s, %s", W(8), W(9));
        if (op == A64_ORR) CHECK(a64_log(op | A64_NOT, w, 8, 31, 9, A64_LSL, 0), "mvn %s, %s", W(8), W(9));
    }
    EACH(d, regs) WIDTHS(w) {
        CHECK(a64_mov(w, d, 3), "mov %s, %s", W(d), W(3));
        for (u32 part = 0; part < (w ? 4 : 2); part++) {
            unsigned long long v = 0x1234ull << (16 * part);
            CHECK(a64_movw(A64_MOVZ, w, d, 0x1234, part), "mov %s, #%llu", W(d), v);
            CHECK(a64_movw(A64_MOVN, w, d, 0x1234, part), "mov %s, #%lld", W(d), w ? (long long)~v : (long long)(i32)~(u32)v);
            if (part) CHECK(a64_movw(A64_MOVK, w, d, 0xffff, part), "movk %s, #65535, lsl #%u", W(d), 16 * part);
            else CHECK(a64_movw(A64_MOVK, w, d, 0xffff, 0), "movk %s, #65535", W(d));
        }
    }
}

static void integers(void) {
    static const struct { u32 op; const char *text; } two[] = { { A64_UDIV, "udiv" }, { A64_SDIV, "sdiv" }, { A64_LSLV, "lsl" },
        { A64_LSRV, "lsr" }, { A64_ASRV, "asr" }, { A64_RORV, "ror" } };
    EACH(d, regs) EACH(a, regs) WIDTHS(w) {
        u32 top = w ? 63 : 31, k = (d * 5 + a) % top + 1;
        for (u32 i = 0; i < RL_LEN(two); i++) CHECK(a64_two(two[i].op, w, d, a, 12), "%s %s, %s, %s", two[i].text, W(d), W(a), W(12));
        CHECK(a64_lsl(w, d, a, k), "lsl %s, %s, #%u", W(d), W(a), k);
        CHECK(a64_lsr(w, d, a, k), "lsr %s, %s, #%u", W(d), W(a), k);
        CHECK(a64_asr(w, d, a, k), "asr %s, %s, #%u", W(d), W(a), k);
        CHECK(a64_ror(w, d, a, k), "ror %s, %s, #%u", W(d), W(a), k);
        CHECK(a64_bfm(A64_SBFM, w, d, a, 0, 7), "sxtb %s, %s", W(d), name('w', a, NULL));
        CHECK(a64_bfm(A64_SBFM, w, d, a, 0, 15), "sxth %s, %s", W(d), name('w', a, NULL));
        if (w) CHECK(a64_bfm(A64_SBFM, 1, d, a, 0, 31), "sxtw %s, %s", W(d), name('w', a, NULL));
        CHECK(a64_bfm(A64_UBFM, w, d, a, 3, 9), "ubfx %s, %s, #3, #7", W(d), W(a));
        CHECK(a64_bfm(A64_SBFM, w, d, a, 3, 9), "sbfx %s, %s, #3, #7", W(d), W(a));
        CHECK(a64_bfm(A64_UBFM, w, d, a, top - 3, 9), "ubfiz %s, %s, #4, #10", W(d), W(a));
        CHECK(a64_one(A64_CLZ, w, d, a), "clz %s, %s", W(d), W(a));
        CHECK(a64_one(A64_RBIT, w, d, a), "rbit %s, %s", W(d), W(a));
        CHECK(a64_madd(w, d, a, 11, 12), "madd %s, %s, %s, %s", W(d), W(a), W(11), W(12));
        CHECK(a64_msub(w, d, a, 11, 12), "msub %s, %s, %s, %s", W(d), W(a), W(11), W(12));
        CHECK(a64_mul(w, d, a, 14), "mul %s, %s, %s", W(d), W(a), W(14));
        if (!w) continue;
        CHECK(a64_umulh(d, a, 14), "umulh %s, %s, x14", X(d), X(a));
        CHECK(a64_smulh(d, a, 14), "smulh %s, %s, x14", X(d), X(a));
        CHECK(a64_smull(d, a, 14), "smull %s, %s, w14", X(d), name('w', a, NULL));
    }
    for (u32 c = 0; c < RL_LEN(cond); c++) WIDTHS(w) {
        CHECK(a64_csel(w, 3, 4, 5, c), "csel %s, %s, %s, %s", W(3), W(4), W(5), cond[c]);
        CHECK(a64_csel(w, 3, 31, 30, c), "csel %s, %s, %s, %s", W(3), W(31), W(30), cond[c]);
        if (!w) CHECK(a64_cset(c, c), "cset w%u, %s", c, cond[c]);
        CHECK(a64_ccmpi(A64_CCMP, w, c, 31 - c, c, c), "ccmp %s, #%u, #%u, %s", W(c), 31 - c, c, cond[c]);
        CHECK(a64_ccmpi(A64_CCMN, w, c, c, 15 - c, c), "ccmn %s, #%u, #%u, %s", W(c), c, 15 - c, cond[c]);
    }
}

static void memory(void) {
    static const struct { u32 access; const char *text, *unscaled; char kind; u8 scale; } ops[] = {
        { A64_ACCESS(0, 0, 1), "ldrb", "ldurb", 'w', 0 },   { A64_ACCESS(0, 0, 3), "ldrsb", "ldursb", 'w', 0 },
        { A64_ACCESS(0, 0, 2), "ldrsb", "ldursb", 'x', 0 }, { A64_ACCESS(1, 0, 1), "ldrh", "ldurh", 'w', 1 },
        { A64_ACCESS(1, 0, 3), "ldrsh", "ldursh", 'w', 1 }, { A64_ACCESS(1, 0, 2), "ldrsh", "ldursh", 'x', 1 },
        { A64_ACCESS(2, 0, 1), "ldr", "ldur", 'w', 2 },     { A64_ACCESS(2, 0, 2), "ldrsw", "ldursw", 'x', 2 },
        { A64_ACCESS(3, 0, 1), "ldr", "ldur", 'x', 3 },     { A64_ACCESS(2, 1, 1), "ldr", "ldur", 's', 2 },
        { A64_ACCESS(3, 1, 1), "ldr", "ldur", 'd', 3 },     { A64_ACCESS(0, 1, 3), "ldr", "ldur", 'q', 4 },
        { A64_ACCESS(0, 0, 0), "strb", "sturb", 'w', 0 },   { A64_ACCESS(1, 0, 0), "strh", "sturh", 'w', 1 },
        { A64_ACCESS(2, 0, 0), "str", "stur", 'w', 2 },     { A64_ACCESS(3, 0, 0), "str", "stur", 'x', 3 },
        { A64_ACCESS(2, 1, 0), "str", "stur", 's', 2 },     { A64_ACCESS(3, 1, 0), "str", "stur", 'd', 3 },
        { A64_ACCESS(0, 1, 2), "str", "stur", 'q', 4 } };
    for (u32 i = 0; i < RL_LEN(ops); i++) EACH(base, zero) {
        u32 access = ops[i].access, t = (base + i) % 31, k = ops[i].scale;
        const char *reg = name(ops[i].kind, t, NULL);
        if (a64_scale(access) != k) exit(3);
        CHECK(a64_ldst(access, t, base, 0), "%s %s, [%s]", ops[i].text, reg, XSP(base));
        CHECK(a64_ldst(access, t, base, 5u << k), "%s %s, [%s, #%u]", ops[i].text, reg, XSP(base), 5u << k);
        CHECK(a64_ldst(access, t, base, 4095u << k), "%s %s, [%s, #%u]", ops[i].text, reg, XSP(base), 4095u << k);
        CHECK(a64_ldstu(access, t, base, -256), "%s %s, [%s, #-256]", ops[i].unscaled, reg, XSP(base));
        CHECK(a64_ldstu(access, t, base, -1), "%s %s, [%s, #-1]", ops[i].unscaled, reg, XSP(base));
        CHECK(a64_ldstx(access, t, base, 13, A64_UXTX, false), "%s %s, [%s, x13]", ops[i].text, reg, XSP(base));
        if (k) CHECK(a64_ldstx(access, t, base, 13, A64_UXTX, true), "%s %s, [%s, x13, lsl #%u]", ops[i].text, reg, XSP(base), k);
        CHECK(a64_ldstx(access, t, base, 13, A64_UXTW, false), "%s %s, [%s, w13, uxtw]", ops[i].text, reg, XSP(base));
        if (k) CHECK(a64_ldstx(access, t, base, 13, A64_UXTW, true), "%s %s, [%s, w13, uxtw #%u]", ops[i].text, reg, XSP(base), k);
        CHECK(a64_ldstx(access, t, base, 13, A64_SXTW, false), "%s %s, [%s, w13, sxtw]", ops[i].text, reg, XSP(base));
    }
    EACH(base, zero) EACH(t, regs) {
        CHECK(a64_pair(A64_STP, t, 7, base, -512), "stp %s, x7, [%s, #-512]", X(t), XSP(base));
        CHECK(a64_pair(A64_LDP, t, 7, base, 504), "ldp %s, x7, [%s, #504]", X(t), XSP(base));
        CHECK(a64_pair(A64_STP_PRE, t, 7, base == 0 ? 8 : base, -16), "stp %s, x7, [%s, #-16]!", X(t), XSP(base == 0 ? 8 : base));
        CHECK(a64_pair(A64_LDP_POST, t, 7, base == 0 ? 8 : base, 16), "ldp %s, x7, [%s], #16", X(t), XSP(base == 0 ? 8 : base));
    }
    CHECK(A64_LDR_LIT32 | 2 << 5 | 3, "ldr s3, .+8");
    CHECK(A64_LDR_LIT64 | 2 << 5 | 3, "ldr d3, .+8");
    CHECK(A64_LDR_LITX | 2 << 5 | 3, "ldr x3, .+8");
}

static void control(void) {
    static const i32 rels[] = { 0, 8, -4, 32764, -32768 }, far[] = { 1048572, -1048576 };
    for (u32 i = 0; i < RL_LEN(rels) + RL_LEN(far); i++) {
        i32 rel = i < RL_LEN(rels) ? rels[i] : far[i - RL_LEN(rels)];
        u32 c = i % RL_LEN(cond);
        CHECK(a64_b(rel), "b .%+d", rel);
        CHECK(a64_bl(rel), "bl .%+d", rel);
        for (c = 0; c < RL_LEN(cond); c++) CHECK(a64_bcond(c, rel), "b.%s .%+d", cond[c], rel);
        CHECK(a64_adr(i + 1, rel + 3 - (rel > 1000000) * 3), "adr x%u, .%+d", i + 1, rel + 3 - (rel > 1000000) * 3);
        WIDTHS(w) for (u32 nz = 0; nz < 2; nz++) {
            CHECK(a64_cbz(w, nz, 3 + i, rel), "cb%sz %s, .%+d", nz ? "n" : "", W(3 + i), rel);
            if (i >= RL_LEN(rels)) continue;
            u32 bit = w ? 32 + 6 * i : 31 - 5 * i;
            CHECK(a64_tbz(nz, 3 + i, bit, rel), "tb%sz %s, #%u, .%+d", nz ? "n" : "", W(3 + i), bit, rel);
        }
    }
    CHECK(a64_b(-(1 << 27)), "b .-134217728");
    CHECK(a64_bl((1 << 27) - 4), "bl .+134217724");
    EACH(a, regs) {
        CHECK(a64_br(a), "br %s", X(a));
        CHECK(a64_blr(a), "blr %s", X(a));
    }
    CHECK(a64_ret(), "ret");
    CHECK(a64_nop(), "nop");
    CHECK(a64_bti_c(), "bti c");
    CHECK(a64_bti_j(), "bti j");
    CHECK(a64_udf(), "udf #0");
}

static void floats(void) {
    static const char *const bin[] = { "fmul", "fdiv", "fadd", "fsub", "fmax", "fmin" };
    static const struct { u32 op; const char *text; } un[] = { { A64_FMOV, "fmov" }, { A64_FABS, "fabs" }, { A64_FNEG, "fneg" },
        { A64_FSQRT, "fsqrt" }, { A64_FRINTN, "frintn" }, { A64_FRINTP, "frintp" }, { A64_FRINTM, "frintm" }, { A64_FRINTZ, "frintz" } };
    for (u32 f = 0; f < 2; f++) EACH(d, fps) EACH(a, fps) {
        for (u32 i = 0; i < RL_LEN(bin); i++) CHECK(a64_fbin(i, f, d, a, 5), "%s %s, %s, %s", bin[i], F(d), F(a), F(5));
        for (u32 i = 0; i < RL_LEN(un); i++) CHECK(a64_fun(un[i].op, f, d, a), "%s %s, %s", un[i].text, F(d), F(a));
        CHECK(a64_fcmp(f, d, a), "fcmp %s, %s", F(d), F(a));
        CHECK(a64_fcsel(f, d, a, 6, (d + a) % 14), "fcsel %s, %s, %s, %s", F(d), F(a), F(6), cond[(d + a) % 14]);
        if (f) CHECK(a64_fun(A64_FCVT_S, 1, d, a), "fcvt s%u, d%u", d, a);
        else CHECK(a64_fun(A64_FCVT_D, 0, d, a), "fcvt d%u, s%u", d, a);
    }
    for (u32 f = 0; f < 2; f++) EACH(v, fps) EACH(g, regs) WIDTHS(w) {
        CHECK(a64_fcvt(A64_FCVTZS, w, f, g, v), "fcvtzs %s, %s", W(g), F(v));
        CHECK(a64_fcvt(A64_FCVTZU, w, f, g, v), "fcvtzu %s, %s", W(g), F(v));
        CHECK(a64_fcvt(A64_SCVTF, w, f, v, g), "scvtf %s, %s", F(v), W(g));
        CHECK(a64_fcvt(A64_UCVTF, w, f, v, g), "ucvtf %s, %s", F(v), W(g));
        if (w != f) continue;
        CHECK(a64_fcvt(A64_FMOV_OUT, w, f, g, v), "fmov %s, %s", W(g), F(v));
        CHECK(a64_fcvt(A64_FMOV_IN, w, f, v, g), "fmov %s, %s", F(v), W(g));
    }
    for (u32 f = 0; f < 2; f++) {
        CHECK(a64_fcmp0(f, 9), "fcmp %s, #0.0", F(9));
        for (u32 imm8 = 0; imm8 < 256; imm8++) {
            double v = (16 + (imm8 & 15)) / 16.0 * (1 << ((imm8 >> 4 & 7) ^ 4)) / 8 * (imm8 & 128 ? -1 : 1);
            float narrow = (float)v;
            u64 raw = 0;
            u32 got;
            if (f) memcpy(&raw, &v, 8);
            else memcpy(&raw, &narrow, 4);
            if (!a64_fimm(f, raw, &got) || got != imm8) bad++, printf("%g is not immediate %u\n", v, imm8);
            CHECK(a64_fmovi(f, imm8 % 32, imm8), "fmov %s, #%.8f", F(imm8 % 32), v);
        }
    }
    EACH(d, fps) {
        CHECK(a64_vmov(d, 3), "mov v%u.16b, v3.16b", d);
        CHECK(a64_vzero(d), "movi v%u.2d, #0x0000000000000000", d);
        CHECK(a64_vsign32(d), "movi v%u.4s, #0x80, lsl #24", d);
        CHECK(a64_vneg64(d, 3), "fneg v%u.2d, v3.2d", d);
        CHECK(a64_vbit(d, 3, 4), "bit v%u.16b, v3.16b, v4.16b", d);
        CHECK(a64_vbif(d, 3, 4), "bif v%u.16b, v3.16b, v4.16b", d);
        CHECK(a64_vcnt(d, 3), "cnt v%u.8b, v3.8b", d);
        CHECK(a64_vaddv(d, 3), "addv b%u, v3.8b", d);
    }
}

int main(int argc, char **argv) {
    begin(argc, argv);
#ifdef HAVE_CAPSTONE
    if (cs_open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &reader)) return 2;
#endif
    sums();
    bits();
    integers();
    memory();
    control();
    floats();
    return end();
}
