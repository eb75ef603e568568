/* Landing pads: code memory is mapped so that the processor demands them, where it can, and what the compiler publishes has
 * them. A call of code without one ends the child that makes it; the suites prove that nothing of ours is without. */
#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jit/code.h"
#include "jit/engine.h"
#include "jit/masm.h"

static bool demanded; /* by this processor */

typedef void function(void);

static function *published(bool pad) {
    rl_masm m = { 0 };
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
    rl_masm_room(&m, 64);
    if (pad) rl_masm_landing(&m, true);
    rl_masm_ret(&m);
    function *f = (function *)(uintptr_t)rl_code_publish(m.base, rl_masm_pos(&m));
    rl_masm_fini(&m);
    assert_non_null(f);
    return f;
}

/* The signal that ends a process that calls f; 0: it returns. */
static int signal_of(function *f) {
    pid_t child = fork();
    if (!child) {
        signal(SIGILL, SIG_DFL);
        f();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void with_pad(void **state) {
    (void)state;
    assert_int_equal(signal_of(published(true)), 0);
}

static void without_pad(void **state) {
    (void)state;
    assert_int_equal(signal_of(published(false)), demanded ? SIGILL : 0);
}

/* A pad costs an instruction exactly where it is demanded. */
static void written(void **state) {
    (void)state;
    rl_masm m = { 0 };
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
    rl_masm_room(&m, 64);
    rl_masm_landing(&m, true);
    rl_masm_landing(&m, false);
    assert_int_equal(rl_masm_pos(&m), demanded ? 8 : 0);
    rl_masm_fini(&m);
}

int main(void) {
    rl_diag d;
    if (rl_engine_init(&d)) return 1;
    demanded = rl_engine_code_prot() != (PROT_READ | PROT_EXEC);
    printf("landing pads: %sdemanded here\n", demanded ? "" : "not ");
    const struct CMUnitTest tests[] = { cmocka_unit_test(with_pad), cmocka_unit_test(without_pad), cmocka_unit_test(written) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
