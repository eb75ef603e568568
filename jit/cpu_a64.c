/* What this aarch64 processor and system offer: everything used is in ARMv8.0 with floats and vectors, which Linux
 * demands, except for branch targets, which are marked where they are looked at; read once, before any compilation. */
#include <asm/hwcap.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "jit/a64.h"
#include "jit/engine.h"
#include "jit/masm.h"
#include "jit/target.h"

#ifndef PROT_BTI
#define PROT_BTI 0x10
#endif

/* In such pages the processor faults when a jump or call through a register leads to anything but a landing pad. */
void rl_masm_detect(void) { rl_a64_pads = (getauxval(AT_HWCAP2) & HWCAP2_BTI) && !getenv("RILLE_NO_BTI"); }

bool rl_masm_supported(const char **missing) {
    if (missing) *missing = NULL;
    return true;
}

int rl_engine_code_prot(void) { return PROT_READ | PROT_EXEC | (rl_a64_pads ? PROT_BTI : 0); }
bool rl_engine_has_gs(void) { return false; }

const rl_target *const rl_target_own = &rl_target_a64;
