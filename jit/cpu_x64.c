/* What this x86-64 processor and system offer; read once, before any compilation, into the record that the
 * macro-assembler asks. Apart from it, because listings are made on other machines too. */
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/platform/x86.h>

#include "jit/engine.h"
#include "jit/masm.h"
#include "jit/target.h"
#include "jit/x64.h"

/* The C library has asked the processor (and the system, about the registers it saves) already; asking again costs some
 * ten microseconds in a virtual machine. */
void rl_masm_detect(void) {
    bool avx = CPU_FEATURE_ACTIVE(AVX);
    /* BMI2's instructions are VEX-encoded, so they depend on the system's support too */
    rl_x64_cpu = (x64_cpu){ .avx = avx, .bmi2 = avx && CPU_FEATURE_ACTIVE(BMI2), .tzcnt = CPU_FEATURE_ACTIVE(BMI1),
                            .lzcnt = CPU_FEATURE_ACTIVE(LZCNT), .popcnt = CPU_FEATURE_ACTIVE(POPCNT),
                            .sse41 = CPU_FEATURE_ACTIVE(SSE4_1) };
}

bool rl_masm_supported(const char **missing) {
    const char *what = !rl_x64_cpu.popcnt ? "POPCNT" : !rl_x64_cpu.sse41 ? "SSE4.1" : NULL;
    if (missing) *missing = what;
    return !what;
}

int rl_engine_code_prot(void) { return PROT_READ | PROT_EXEC; }

/* May user code write the segment base? AT_HWCAP2 bit 1. */
bool rl_engine_has_gs(void) { return getauxval(AT_HWCAP2) & 2; }

const rl_target *const rl_target_own = &rl_target_x64;
