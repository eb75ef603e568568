/* Limits of processes: of a configuration, of one beneath it, of the run; what is refused is an error, and the dead make
 * room again. A run that ends by itself ends all of them.
 * opts: --max-processes=12
 * | of 5: 5 started, then: the limit of 5 processes is reached
 * | again: 5 started, then: the limit of 5 processes is reached
 * | beneath: 2 of 2, then: the limit of 2 processes is reached
 * | beneath, and as its parent: 2 more, then: the limit of 5 processes is reached
 * | of the run: 11 started, then: the limit of 12 processes is reached
 * | told: 5, and then none: 0
 */
#include <stdio.h>
#include <string.h>

#include "rille_guest.h"

static int64_t ids[20];
static char text[100];

static void waiter(int64_t argument) {
    (void)argument;
    rille_receive(RILLE_FOREVER);
}

/* Starts waiters until one is refused; how many. */
static int start(int64_t config) {
    uint8_t parameters[34] = {0x7f, [17] = 0x7e};
    int32_t index = (int32_t)(intptr_t)waiter;
    int n = 0;
    int64_t id;
    memcpy(parameters + 1, &index, 4);
    while (n < 20 && !rille_process_spawn(0, config - 1, RILLE_SAME, rille_address("rille_start_in"), 14,
                                          rille_address(parameters), 34, rille_address(&id)))
        ids[n++] = id;
    memset(text, 0, sizeof text);
    if (n < 20) rille_error_to_string(id, rille_address(text));
    return n;
}

static void end(int n) {
    for (int i = 0; i < n; i++) {
        rille_kill(ids[i]);
        while (rille_alive(ids[i])) rille_sleep(1);
    }
}

/* One of five. */
static void middle(int64_t parent) {
    int64_t config = rille_config_new();
    rille_config_processes(config, 2);
    int n = start(config);
    printf("beneath: %d of 2, then: %s\n", n, text);
    n = start(0);
    printf("beneath, and as its parent: %d more, then: %s\n", n, text);
    fflush(stdout);
    rille_send(parent, 0, "", 0);
    rille_receive(RILLE_FOREVER);
}

int main(void) {
    int64_t config = rille_config_new();
    rille_config_processes(config, 5);
    for (int i = 0; i < 2; i++) {
        int n = start(config);
        printf("%s: %d started, then: %s\n", i ? "again" : "of 5", n, text);
        end(n);
    }
    fflush(stdout);
    rille_config_spawn(config, 1);
    rille_process_config_set_can_create_configs(config - 1, 1);
    int64_t parent = rille_start_with(middle, rille_self(), (rille_options){0, config});
    rille_receive(RILLE_FOREVER);
    for (int64_t id = parent; id < parent + 40; id++)
        if (rille_alive(id)) rille_kill(id);
    for (int64_t id = parent; id < parent + 40; id++)
        while (rille_alive(id)) rille_sleep(1);
    int n = start(0);
    printf("of the run: %d started, then: %s\n", n, text);
    end(n);
    int64_t told = rille_config_get_max_processes(config - 1);
    rille_config_processes(config, 0);
    printf("told: %lld, and then none: %lld\n", (long long)told, (long long)rille_config_get_max_processes(config - 1));
    return 0;
}
