/* What this aarch64 processor offers: everything used is in ARMv8.0 with floats and vectors, which Linux demands. */
#include "jit/engine.h"
#include "jit/masm.h"
#include "jit/target.h"

void rl_masm_detect(void) {}

bool rl_masm_supported(const char **missing) {
    if (missing) *missing = NULL;
    return true;
}

bool rl_engine_has_gs(void) { return false; }

const rl_target *const rl_target_own = &rl_target_a64;
