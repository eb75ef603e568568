/* A kill ends a process in the middle of a loop and inside every kind of call that waits, also beneath a caught
 * function; its monitor hears of it, and what it owned is gone.
 * | loop: ended
 * | loop that calls: ended
 * | loop that grows its memory: ended
 * | loop of messages to nobody: ended
 * | receive: ended
 * | sleep_ms: ended
 * | poll_oneoff: ended
 * | sched_yield for ever: ended
 * | waiting beneath a caught function: ended
 * | looping beneath a caught function: ended
 * | spawning for ever: ended
 * | 10 names are free again
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RILLE_RAW /* it has its own _lunatic_catch_trap */
#include "rille_guest.h"

static volatile int sink;
__attribute__((noinline)) static void work(int n) { sink += n; }
__attribute__((noinline)) static int recurse(int n) { return n ? recurse(n - 1) + sink : 0; }

__attribute__((export_name("_lunatic_catch_trap"))) int32_t caught(int32_t how, int32_t unused) {
    (void)unused;
    if (how) rille_receive(RILLE_FOREVER);
    for (;;) work(how);
}

RILLE_ENTRY(leaf)(int64_t unused) { (void)unused; }

RILLE_ENTRY(victim)(int64_t how) {
    int64_t parent = 1;
    char name[2] = {(char)how, 0};
    rille_registry_put(rille_address(name), 1, 0, rille_self());
    rille_send(parent, 0, &how, sizeof how);
    switch (how) {
    case 0: for (;;) sink++;
    case 1: for (;;) work(recurse(100));
    case 2: for (;;) __builtin_wasm_memory_grow(0, 1);
    case 3: for (;;) rille_send(12345, 0, name, 1);
    case 4: rille_receive(RILLE_FOREVER); break;
    case 5: rille_process_sleep_ms(3600000); break;
    case 6: sleep(3600); break;
    case 7: for (;;) sched_yield();
    case 8: rille_trap_catch(1, 0); break;
    case 9: rille_trap_catch(0, 0); break;
    case 10: for (;;) rille_spawn("leaf", 0);
    }
}

int main(void) {
    static const char *const what[] = {"loop", "loop that calls", "loop that grows its memory", "loop of messages to nobody",
        "receive", "sleep_ms", "poll_oneoff", "sched_yield for ever", "waiting beneath a caught function",
        "looping beneath a caught function", "spawning for ever"};
    int free_names = 0;
    int64_t node, id;
    for (int64_t how = 0; how < 11; how++) {
        int64_t child = rille_spawn("victim", how);
        rille_process_monitor(child);
        rille_receive(RILLE_FOREVER); /* it runs */
        rille_process_sleep_ms(2);    /* it is in the middle of it */
        rille_process_kill(child);
        int kind = rille_receive(5000);
        printf("%s: %s\n", what[how], kind == RILLE_PROCESS_DIED && !rille_process_exists(child) ? "ended" : "still there");
    }
    for (int64_t how = 1; how < 11; how++) {
        char name[2] = {(char)how, 0};
        free_names += rille_registry_get(rille_address(name), 1, rille_address(&node), rille_address(&id));
    }
    printf("%d names are free again\n", free_names);
}
