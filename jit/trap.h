/* Traps: kinds, the fault handler that turns machine faults into them, and backtraces. */
#ifndef RL_TRAP_H
#define RL_TRAP_H

#include <stdatomic.h>
#include <stdio.h>

#include "jit/exec.h"

typedef enum rl_trap {
#define TRAP(name, text) RL_TRAP_##name,
#include "jit/trap.def"
#undef TRAP
} rl_trap;

const char *rl_trap_text(rl_trap t);

/* Installs the SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE handlers (keeps and calls earlier ones for faults that are not
 * guest code's). Calling it again takes back signals somebody else has taken meanwhile. */
rl_err rl_trap_init(void);
/* Asked about a fault at addr before anything else: true when the access is to be tried again. Async-signal-safe; set before
 * the first fault it may know of, by whoever has memory that is opened on demand. */
typedef bool rl_trap_open(void *addr);
extern _Atomic(rl_trap_open *) rl_trap_opener;
/* Every thread that runs guest code needs an alternate signal stack: takes the one it has, or makes one that lives until
 * _fini or the end of the thread. */
rl_err rl_trap_thread_init(void);
void rl_trap_thread_fini(void);

typedef struct rl_frame {
    struct rl_module *module;
    u32 func;       /* function index */
    u32 wasm_offset;/* offset in the module of the instruction */
} rl_frame;

/* Innermost frames first; at most cap. Returns how many there are in all. */
u32 rl_backtrace(const rl_exec *x, rl_frame *frames, u32 cap);
/* "  0: name (file.rs:12:5) at 0x1234" lines; names demangled, file and line from DWARF when present. */
void rl_backtrace_print(const rl_exec *x, FILE *out);

#endif
