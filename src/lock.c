/* Owns the one word that says whether a thread needs locks; src/gate.c changes it. A thread's own, as several runtimes may run
 * at once, each with its own gate. */
#include "src/lock.h"

_Thread_local __attribute__((tls_model("initial-exec"))) bool rl_shared;
