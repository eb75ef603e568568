/* Makes one kind of thing that lives outside this program's memory, again and again, and never lets go of it: hoard KIND.
 * tests/hostile/run looks how much memory the runtime has then. Ends in a trap, or by "kept N". */
#include <stdio.h>
#include <stdlib.h>

#include "rille_guest.h"

#define NOBODY INT64_C(1000000000000)
#define EVER INT64_C(1000000000000) /* milliseconds */

static char text[4096];
static int64_t id, node;
static int32_t at(const void *p) { return rille_address(p); }
static int32_t numbered(int n) { return sprintf(text, "name %d", n); }
static void data(int bytes) {
    rille_message_create_data(1, bytes);
    for (; bytes > 0; bytes -= (int)sizeof text) rille_message_write_data(at(text), sizeof text);
}

static const char *why(void) {
    rille_error_to_string(id, at(text));
    text[rille_error_string_size(id)] = 0;
    return text;
}

/* Of `size` bytes, most of them in a section that means nothing. */
static int64_t module(uint32_t size) {
    uint8_t *m = calloc(1, size + 32);
    memcpy(m, "\0asm\1\0\0", 8);
    m[9] = (uint8_t)(size & 127) | 128, m[10] = (uint8_t)(size >> 7 & 127) | 128, m[11] = (uint8_t)(size >> 14);
    if (rille_process_compile_module(at(m), (int32_t)size + 12, at(&id))) {
        puts(why());
        exit(9);
    }
    free(m);
    return id;
}

RILLE_ENTRY(starter)(int64_t unused) {
    (void)unused;
    for (int i = 0; i < 100; i++) {
        data(4096);
        rille_timer_send_after(NOBODY, EVER);
    }
}
RILLE_ENTRY(watcher)(int64_t whom) { rille_monitor(whom); }
RILLE_ENTRY(nested)(int64_t depth) {
    if (!depth) return;
    int64_t c = rille_config_new();
    rille_config_spawn(c, 1);
    rille_config_processes(c, 100000);
    rille_process_config_set_can_create_configs(c - 1, 1);
    uint8_t parameter[17] = {0x7e};
    depth--;
    memcpy(parameter + 1, &depth, sizeof depth);
    if (rille_process_spawn(0, c - 1, RILLE_SAME, at("nested"), 6, at(parameter), sizeof parameter, at(&id))) {
        printf("%lld left: %s\n", (long long)depth, why());
        return;
    }
    rille_monitor(id);
    rille_receive(-1);
}

static void errors(int n) { rille_networking_resolve(at("x"), 1, 1000, at(&id)); (void)n; }
static void configs(int n) { rille_config_new(); (void)n; }
static int64_t config;
static void variables(int n) { rille_wasi_config_add_environment_variable(config - 1, at(text), numbered(n), at(text), 1000); }
static void arguments(int n) { rille_wasi_config_add_command_line_argument(config - 1, at(text), 1000 + (n & 1)); }
static void directories(int n) { rille_wasi_config_preopen_dir(config - 1, at("."), 1); (void)n; }
static void rules(int n) { rille_config_net_allow(config - 1, at("all,all,all,all,all"), 19, at(&id)); (void)n; }
static void timers(int n) { data(n & 1 ? 1 : 4096); rille_timer_send_after(NOBODY, EVER); }
static void addresses(int n) { rille_networking_resolve(at("127.0.0.1:80"), 12, 1000, at(&id)); (void)n; }
static void sockets(int n) { rille_networking_clone_udp_socket(config); (void)n; }
static void message(int n) { if (!n) rille_message_create_data(1, 0); rille_message_write_data(at(text), sizeof text); }
static void carried(int n) { if (!n) rille_message_create_data(1, 0); rille_message_push_module(config); }
static void modules(int n) { module(100); (void)n; }
static void gone_modules(int n) {
    if (!n) rille_message_create_data(1, 0);
    int64_t m = module(100000);
    rille_message_push_module(m);
    rille_process_drop_module(m);
}
static void heavy(int n) { /* messages that are little but for what they carry */
    rille_message_create_data(1, 0);
    for (int i = 0; i < 1000; i++) rille_message_push_module(config);
    rille_message_send(rille_self());
    if (n % 100 == 0) rille_sleep(0);
}
static void names(int n) { rille_registry_put(at(text), numbered(n), 0, rille_self()); }
static void nobodys(int n) { rille_registry_put(at(text), numbered(n), 0, NOBODY + n); }
static void elsewhere(int n) { rille_registry_put(at(text), numbered(n), 7, n); }
static void links(int n) { if (!n) rille_die_with_links(0); rille_link(NOBODY + n, 5); }
static void monitors(int n) { rille_monitor(NOBODY + n); }
static void orphans(int n) { rille_spawn("starter", 0); if (n % 10 == 9) rille_sleep(1); }
static void watchers(int n) { rille_spawn("watcher", rille_self()); if (n % 100 == 99) rille_sleep(0); }
static void nest(int n) { rille_monitor(rille_spawn("nested", 3000)); rille_receive(-1); (void)n; }

/* Rows of a megabyte in a table that lies in memory. */
static void sql(int n) {
    static const char make[] = "PRAGMA temp_store = 2; CREATE TEMP TABLE t (x)", more[] = "INSERT INTO t VALUES (zeroblob(1000000))";
    if (!n && rille_sqlite_open(at("hoard.db"), 8, at(&id))) {
        puts(why());
        exit(6);
    }
    static int64_t db;
    if (!n) db = id;
    if (!n && rille_sqlite_execute(db, at(make), sizeof make - 1)) exit(5);
    if (rille_sqlite_execute(db, at(more), sizeof more - 1) == 0) return;
    printf("row %d: refused\n", n);
    exit(0);
}

static const struct kind { const char *name; void (*once)(int); int times; } kinds[] = {
    {"errors", errors, 5000000}, {"configs", configs, 5000000}, {"variables", variables, 500000}, {"arguments", arguments, 500000},
    {"directories", directories, 2000000}, {"rules", rules, 1000}, {"timers", timers, 500000}, {"addresses", addresses, 5000000},
    {"sockets", sockets, 5000000}, {"message", message, 200000}, {"carried", carried, 30000000}, {"modules", modules, 200000},
    {"gone modules", gone_modules, 10000}, {"heavy", heavy, 100000}, {"names", names, 3000000}, {"names of nobody", nobodys, 3000000},
    {"names elsewhere", elsewhere, 3000000}, {"links", links, 10000000}, {"monitors", monitors, 10000000}, {"orphans", orphans, 2000},
    {"rows", sql, 4000}, {"watchers", watchers, 2000000}, {"nested", nest, 1},
};

int main(int argc, char **argv) {
    for (unsigned i = 0; argc > 1 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name)) continue;
        memset(text, 'x', sizeof text);
        if (!strcmp(argv[1], "sockets")) {
            uint8_t any[4] = {127, 0, 0, 1};
            if (rille_networking_udp_bind(4, at(any), 0, 0, 0, at(&config))) return 8;
        } else {
            config = !strcmp(argv[1], "carried") || !strcmp(argv[1], "heavy") ? module(10) : rille_config_new();
        }
        for (int n = 0; n < kinds[i].times; n++) kinds[i].once(n);
        printf("kept %d\n", kinds[i].times);
        return 0;
    }
    return 7;
}
