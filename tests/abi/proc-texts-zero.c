/* Zero bytes in texts: arguments and variables carry them, and they count; a name with one is another name than what is before it.
 * Reference 2.3, 8.10. */
#include "lunatic.h"
#include <wasi/api.h>
static void show(const char *what, __wasi_errno_t sizes(__wasi_size_t *, __wasi_size_t *),
                 __wasi_errno_t get(uint8_t **, uint8_t *))
{
    uint8_t *at[8], text[64];
    __wasi_size_t n, bytes;
    char line[400], *p = line;
    sizes(&n, &bytes), get(at, text);
    for (uint32_t i = 0; i < n; i++) p += sprintf(p, " @%d", (int)(at[i] - text));
    *p++ = ' ';
    for (uint32_t i = 0; i < bytes; i++) p += sprintf(p, text[i] ? "%c" : "\\0", text[i]);
    say("%lu %s, %lu bytes:%s", n, what, bytes, line);
}
EXPORT("child") void child(int64_t parent)
{
    show("arguments", __wasi_args_sizes_get, __wasi_args_get);
    show("variables", __wasi_environ_sizes_get, __wasi_environ_get);
    send_i64(parent, 0, 0);
}
EXPORT("none") void none(void) { say("ran"); }
static void start(const char *name, uint32_t len)
{
    uint64_t id;
    uint32_t code = process_spawn(0, SAME, SAME, name, len, 0, 0, &id);
    wait_gone(id);
    say("%u bytes of a name: %u", len, code);
}
int main(void)
{
    uint64_t id, node, config = process_create_config();
    wasi_config_add_command_line_argument(config, "a\0b", 3);
    wasi_config_add_command_line_argument(config, "", 0);
    wasi_config_add_command_line_argument(config, "\0", 1);
    wasi_config_add_environment_variable(config, "K\0L", 3, "v\0w", 3);
    wasi_config_add_environment_variable(config, "M", 1, "x", 1);
    spawn_as(0, config, SAME, "child", self(), &id), next_i64();
    start("none", 4), start("none\0", 5), start("none\0x", 6), start("none", 4);
    registry_put("n\0x", 3, 0, 7);
    say("n: %u", registry_get("n", 1, &node, &id));
    say("all of it: %u %llu", registry_get("n\0x", 3, &node, &id), id);
}
