/* A plugin for qemu-user that counts the instructions a program executes: "instructions: N" on standard error at the end.
 *
 *   cc -O2 -shared -fPIC -DVERSION=1 tools/cross/count.c -o count.so      VERSION: 1 before qemu 9, then 2
 *   qemu-aarch64 -plugin count.so PROGRAM
 *
 * A block is counted when it begins, so what a fault cuts short is counted whole. Debian has no header for plugins; the
 * five functions needed are declared here. Not taken: qemu's own "insn" example, which no package contains. */
#include <stdint.h>
#include <stdio.h>

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id;
enum { NO_REGISTERS = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id, void (*)(qemu_plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id, void (*)(qemu_plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);

extern int qemu_plugin_version;
int qemu_plugin_install(qemu_plugin_id, const void *info, int argc, char **argv);

__attribute__((visibility("default"))) int qemu_plugin_version = VERSION;
static uint64_t total; /* several threads lose some */

static void executed(unsigned cpu, void *n) {
    (void)cpu;
    total += (uintptr_t)n;
}

static void translated(qemu_plugin_id id, struct qemu_plugin_tb *tb) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGISTERS, (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

static void finished(qemu_plugin_id id, void *data) {
    (void)id, (void)data;
    fprintf(stderr, "instructions: %llu\n", (unsigned long long)total);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
