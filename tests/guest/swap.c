/* A process puts a link to the outside where one of its directories was, and grants that to a child: nothing comes of it,
 * and nobody learns what is out there.
 * | the directory: 0
 * | renamed 0, linked 0
 * | the link: 1, directory 'sub' is not there, or not beneath one this process may use
 * | nothing at all: 1, directory 'none' is not there, or not beneath one this process may use
 * | where it is now: 0
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <wasi/api.h>

#include "rille_guest.h"

RILLE_ENTRY(nothing)(int64_t argument) { (void)argument; }

static int64_t config_with(const char *directory) {
    int64_t config = rille_config_new();
    rille_config_directory(config, directory);
    return config;
}

static void try(const char *what, const char *directory) {
    uint8_t parameter[17] = {0x7e};
    char text[200] = "";
    int64_t id;
    int32_t failed = rille_process_spawn(0, config_with(directory) - 1, RILLE_SAME, rille_address("nothing"), 7,
                                         rille_address(parameter), 17, rille_address(&id));
    if (failed) rille_error_to_string(id, rille_address(text));
    printf("%s: %d%s%s\n", what, failed, failed ? ", " : "", text);
}

/* Has "." on descriptor 3 and "sub", which is beneath it, besides. */
static void hostile(int64_t parent) {
    try("the directory", "sub");
    int renamed = __wasi_path_rename(3, "sub", 3, "old"), linked = __wasi_path_symlink("..", 3, "sub");
    printf("renamed %d, linked %d\n", renamed, linked);
    try("the link", "sub");
    try("nothing at all", "none");
    try("where it is now", "old");
    fflush(stdout);
    rille_send(parent, 0, "", 0);
}

int main(void) {
    int64_t config = config_with(".");
    mkdir("sub", 0777);
    rille_config_directory(config, "sub");
    rille_config_spawn(config, 1);
    rille_process_config_set_can_create_configs(config - 1, 1);
    rille_start_with(hostile, rille_self(), (rille_options){0, config});
    rille_receive(RILLE_FOREVER);
    return 0;
}
