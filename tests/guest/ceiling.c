/* A child never gets more than its parent has: memory, fuel, rights and directories of a configuration are cut to the
 * parent's.
 * opts: --max-memory=1M
 * | memory: 16 pages at most
 * | a directory outside: spawn 1, directory '/' is not there, or not beneath one this process may use
 * | grandchild: compile -1, configs -1
 */
#include <stdio.h>
#include <string.h>

#include "rille_guest.h"

RILLE_ENTRY(grower)(int64_t parent) {
    while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {}
    int64_t pages = (int64_t)__builtin_wasm_memory_size(0);
    rille_send(parent, 0, &pages, sizeof pages);
}

RILLE_ENTRY(modest)(int64_t parent) {
    int64_t id;
    printf("grandchild: compile %d, configs %lld\n", rille_process_compile_module(0, 0, rille_address(&id)),
           (long long)rille_process_create_config());
    fflush(stdout);
    rille_send(parent, 0, &parent, sizeof parent);
}

/* Has the right to make configurations but not to compile; gives away both. */
RILLE_ENTRY(generous)(int64_t parent);

static int32_t spawn_with(int64_t config, const char *entry, int64_t argument, int64_t *id) {
    uint8_t parameter[17] = {0x7e};
    memcpy(parameter + 1, &argument, sizeof argument);
    return rille_process_spawn(0, config, RILLE_SAME, rille_address(entry), (int32_t)strlen(entry), rille_address(parameter),
                               sizeof parameter, rille_address(id));
}

RILLE_ENTRY(generous)(int64_t parent) {
    int64_t id, config = rille_process_create_config();
    rille_process_config_set_can_compile_modules(config, 1);
    spawn_with(config, "modest", parent, &id);
}

int main(void) {
    int64_t id, pages = 0, config = rille_process_create_config();
    char text[200] = "";
    rille_process_config_set_max_memory(config, INT64_MAX);
    spawn_with(config, "grower", rille_self(), &id);
    rille_receive(RILLE_FOREVER);
    rille_read(&pages, sizeof pages);
    printf("memory: %lld pages at most\n", (long long)pages);

    rille_wasi_config_preopen_dir(config, rille_address("/"), 1);
    int32_t failed = spawn_with(config, "grower", rille_self(), &id);
    rille_error_to_string(id, rille_address(text));
    printf("a directory outside: spawn %d, %s\n", failed, text);
    fflush(stdout);

    config = rille_process_create_config();
    rille_process_config_set_can_spawn_processes(config, 1);
    rille_process_config_set_can_create_configs(config, 1);
    spawn_with(config, "generous", rille_self(), &id);
    rille_receive(RILLE_FOREVER);
}
