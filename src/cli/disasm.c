/* Owns the loaded disassembler: one library, chosen by target when objdump starts. One thread (command-line tools). A
 * disassembler of our own was not taken: one that shared the encoders' tables could not find their mistakes. */
#include "src/cli/disasm.h"

#include <Zydis/Zydis.h>
#include <capstone/capstone.h>
#include <dlfcn.h>
#include <stdio.h>

static struct {
    ZyanStatus (*decoder_init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
    ZyanStatus (*decode)(const ZydisDecoder *, const void *, ZyanUSize, ZydisDecodedInstruction *, ZydisDecodedOperand *);
    ZyanStatus (*formatter_init)(ZydisFormatter *, ZydisFormatterStyle);
    ZyanStatus (*format)(const ZydisFormatter *, const ZydisDecodedInstruction *, const ZydisDecodedOperand *, ZyanU8, char *,
                         ZyanUSize, ZyanU64, void *);
    ZydisDecoder decoder;
    ZydisFormatter formatter;
} zydis;

static struct {
    cs_err (*open)(cs_arch, cs_mode, csh *);
    size_t (*disasm)(csh, const uint8_t *, size_t, uint64_t, size_t, cs_insn **);
    void (*free)(cs_insn *, size_t);
    csh handle;
} capstone;

static u32 (*disassemble)(const u8 *code, u32 size, u32 pc, char *buf, size_t cap);

static bool find(void *so, const char *name, void *slot) {
    void *f = so ? dlsym(so, name) : NULL;
    memcpy(slot, &f, sizeof f);
    return f != NULL;
}

static u32 zydis_op(const u8 *code, u32 size, u32 pc, char *buf, size_t cap) {
    ZydisDecodedInstruction in;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    if (!ZYAN_SUCCESS(zydis.decode(&zydis.decoder, code, size, &in, ops))) {
        snprintf(buf, cap, ".byte 0x%02x", *code);
        return 1;
    }
    zydis.format(&zydis.formatter, &in, ops, in.operand_count_visible, buf, cap, pc, NULL);
    return in.length;
}

/* The structures are those of the headers, so the versions must agree. */
static rl_err zydis_open(rl_diag *d) {
    char name[40];
    unsigned major = (unsigned)ZYDIS_VERSION_MAJOR(ZYDIS_VERSION), minor = (unsigned)ZYDIS_VERSION_MINOR(ZYDIS_VERSION);
    snprintf(name, sizeof name, "libZydis.so.%u.%u", major, minor);
    void *so = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!find(so, "ZydisDecoderInit", &zydis.decoder_init) || !find(so, "ZydisDecoderDecodeFull", &zydis.decode) ||
        !find(so, "ZydisFormatterInit", &zydis.formatter_init) || !find(so, "ZydisFormatterFormatInstruction", &zydis.format))
        return rl_diag_set(d, RL_ERR_NOTFOUND, "x86-64 code is shown by the library %s (Debian package libzydis%s)", name,
                           name + strlen("libZydis.so."));
    zydis.decoder_init(&zydis.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    zydis.formatter_init(&zydis.formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    disassemble = zydis_op;
    return RL_OK;
}

static u32 capstone_op(const u8 *code, u32 size, u32 pc, char *buf, size_t cap) {
    cs_insn *in;
    u32 word = size < 4 ? *code : rl_load32(code);
    /* words up to 0xffff are udf, which not every version knows, and literals */
    if (size < 4 || word <= 0xffff || !capstone.disasm(capstone.handle, code, 4, pc, 1, &in)) {
        snprintf(buf, cap, size < 4 ? ".byte 0x%02x" : word ? ".word 0x%08x" : "udf #0", word);
        return size < 4 ? 1 : 4;
    }
    snprintf(buf, cap, "%s%s%s", in->mnemonic, in->op_str[0] ? " " : "", in->op_str);
    capstone.free(in, 1);
    return 4;
}

static rl_err capstone_open(rl_diag *d) {
    char name[40];
    snprintf(name, sizeof name, "libcapstone.so.%d", CS_API_MAJOR);
    void *so = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!find(so, "cs_open", &capstone.open) || !find(so, "cs_disasm", &capstone.disasm) || !find(so, "cs_free", &capstone.free) ||
        capstone.open(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, &capstone.handle))
        return rl_diag_set(d, RL_ERR_NOTFOUND, "aarch64 code is shown by the library %s (Debian package libcapstone%d)", name, CS_API_MAJOR);
    disassemble = capstone_op;
    return RL_OK;
}

rl_err rl_disasm_open(bool a64, rl_diag *d) { return a64 ? capstone_open(d) : zydis_open(d); }
u32 rl_disasm_op(const u8 *code, u32 size, u32 pc, char *buf, size_t cap) { return disassemble(code, size, pc, buf, cap); }
