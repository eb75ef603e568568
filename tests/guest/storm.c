/* Hundreds of processes that spawn, link, monitor, name, message, time out, trap, exit and kill each other at random, a
 * hundred thousand operations in all; at the end nobody is left and nothing was lost that must not be.
 * | everybody is gone
 * | watchers told: all
 */
#include <stdio.h>
#include <stdlib.h>

#define RILLE_RAW /* it has its own _lunatic_catch_trap */
#include "rille_guest.h"

static uint32_t seed;
static uint32_t dice(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

__attribute__((export_name("_lunatic_catch_trap"))) int32_t caught(int32_t how, int32_t n) {
    if (how == 0) __builtin_trap();
    if (how == 1) rille_receive(n);
    if (how == 2) rille_process_sleep_ms(n);
    return how;
}

static int64_t somebody(void) { /* of those about our age; never main */
    int64_t id = rille_self() - 20 + (int64_t)dice(40);
    return id > 1 ? id : 2;
}

static void act(int64_t generation) {
    char name[2] = {(char)('a' + dice(26)), 0};
    int64_t node, id;
    switch (dice(16)) {
    case 0: case 1:
        if (generation > 0) rille_spawn("actor", generation - 1);
        break;
    case 2:
        if (generation > 0) rille_spawn_with("actor", generation - 1, 5);
        break;
    case 3: rille_process_link(dice(3), somebody()); break;
    case 4: rille_process_unlink(somebody()); break;
    case 5: rille_process_monitor(somebody()); break;
    case 6: rille_process_kill(somebody()); break;
    case 7: rille_registry_put(rille_address(name), 1, 0, rille_self()); break;
    case 8:
        if (!rille_registry_get(rille_address(name), 1, rille_address(&node), rille_address(&id))) rille_send(id, 1, name, 1);
        break;
    case 9: rille_receive(dice(3)); break;
    case 10: rille_receive_tag(dice(3), dice(2)); break;
    case 11:
        rille_message_create_data(1, 0);
        rille_timer_send_after(somebody(), dice(5));
        break;
    case 12: rille_trap_catch((int32_t)dice(4), (int32_t)dice(3)); break;
    case 13: rille_process_die_when_link_dies((int32_t)dice(2)); break;
    case 14:
        rille_message_create_data(1, 0);
        rille_message_send_receive_skip_search(somebody(), 1, dice(3));
        break;
    case 15:
        if (!dice(4)) _Exit((int)dice(2));
        if (!dice(4)) abort();
        rille_process_sleep_ms(dice(3));
    }
}

RILLE_ENTRY(actor)(int64_t generation) {
    seed = (uint32_t)rille_self() * 2654435761u;
    for (int i = 0; i < 60; i++) act(generation);
}

int main(void) {
    enum { ROUNDS = 40, FIRST = 25 };
    int told = 0, watched = 0;
    rille_process_die_when_link_dies(0);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t ids[FIRST], last = 0;
        for (int i = 0; i < FIRST; i++) {
            ids[i] = rille_spawn("actor", 3);
            rille_process_monitor(ids[i]);
            watched++;
            last = ids[i];
        }
        for (int i = 0; i < FIRST;)
            if (rille_receive(10000) == RILLE_PROCESS_DIED) {
                int64_t id = rille_message_get_process_id();
                for (int j = 0; j < FIRST; j++)
                    if (ids[j] == id) i++, told++, ids[j] = 0;
            } else if (rille_process_exists(last) < 0) {
                return 1;
            }
        rille_process_sleep_ms(1);
    }
    int64_t end = rille_spawn("actor", 0);
    for (int64_t id = 2; id <= end; id++)
        while (rille_process_exists(id)) {
            if (rille_receive(0) < 0) return 1;
            rille_process_sleep_ms(1);
        }
    puts("everybody is gone");
    printf("watchers told: %s\n", told == watched ? "all" : "not all");
}
