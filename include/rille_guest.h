/* For programs that run in rille: its processes and messages from C.
 *
 * Compile with plain clang: clang --target=wasm32-wasi -O2 -I include app.c -o app.wasm
 *
 * Every host function of rille_api.def is declared as rille_NAMESPACE_NAME with exactly its WebAssembly type; programs
 * import those they call. What follows them are thin wrappers for everyday use. A process has one open message at a
 * time: what was last created or received. */
#ifndef RILLE_GUEST_H
#define RILLE_GUEST_H

#include <stdint.h>
#include <string.h>

#define PROTO0(letters, result) typedef result rille_fn_##letters(void);
#define PROTO(letters, result, ...) typedef result rille_fn_##letters(__VA_ARGS__);
#include "rille_proto.def"
#undef PROTO
#undef PROTO0

#define API(space, name, proto, permission, blocks, parameters, sentence) \
    rille_fn_##proto rille_##space##_##name __attribute__((import_module("lunatic::" #space), import_name(#name)));
#define RILLE(space, name, proto, permission, blocks, parameters, sentence) \
    rille_fn_##proto rille_##space##_##name __attribute__((import_module("rille::" #space), import_name(#name)));
#include "rille_api.def"
#undef RILLE
#undef API

/* A function that processes can start in: RILLE_ENTRY(worker)(int64_t argument) { … } */
#define RILLE_ENTRY(name) __attribute__((export_name(#name), used)) void name

#define RILLE_FOREVER INT64_C(-1) /* no timeout */
#define RILLE_SAME INT64_C(-1)    /* the caller's own configuration or module */
enum { RILLE_DATA = 0, RILLE_LINK_DIED = 1, RILLE_PROCESS_DIED = 2, RILLE_TIMED_OUT = 9027 };

static inline int32_t rille_address(const void *p) { return (int32_t)(intptr_t)p; }

static inline int64_t rille_self(void) { return rille_process_process_id(); }

/* Starts a process of this module in the exported function `entry`, which takes one i64. Linked: when one fails, the
 * other does too. Its id, or 0 when it could not be started. */
static inline int64_t rille_spawn_with(const char *entry, int64_t argument, int64_t link) {
    uint8_t parameter[17] = {0x7e};
    int64_t id = 0;
    memcpy(parameter + 1, &argument, sizeof argument);
    int32_t failed = rille_process_spawn(link, RILLE_SAME, RILLE_SAME, rille_address(entry), (int32_t)strlen(entry),
                                         rille_address(parameter), sizeof parameter, rille_address(&id));
    return failed ? 0 : id;
}
static inline int64_t rille_spawn(const char *entry, int64_t argument) { return rille_spawn_with(entry, argument, 0); }
static inline int64_t rille_spawn_link(const char *entry, int64_t argument) { return rille_spawn_with(entry, argument, 1); }

/* Sends a copy of `len` bytes; tag 0 is none. A process that is gone receives nothing, which is no error. */
static inline void rille_send(int64_t to, int64_t tag, const void *data, uint32_t len) {
    rille_message_create_data(tag, len);
    rille_message_write_data(rille_address(data), (int32_t)len);
    rille_message_send(to);
}

/* Waits for any message, at most `timeout` milliseconds, and opens it. RILLE_DATA: read it with rille_read. */
static inline int32_t rille_receive(int64_t timeout) { return rille_message_receive(0, 0, timeout); }
/* Waits for a message with this tag; others stay where they are. */
static inline int32_t rille_receive_tag(int64_t tag, int64_t timeout) {
    return rille_message_receive(rille_address(&tag), 1, timeout);
}
/* Reads on in the open message; returns how many bytes there were. */
static inline uint32_t rille_read(void *data, uint32_t len) {
    return (uint32_t)rille_message_read_data(rille_address(data), (int32_t)len);
}

static inline void rille_sleep(int64_t milliseconds) { rille_process_sleep_ms(milliseconds); }

/* ---- processes from functions ----
 * These and rille_catch need a function each that the program exports. Programs that count every byte of a process define
 * RILLE_RAW before they include this and do without them. */

#ifndef RILLE_RAW
/* How to start a process; all zero: not linked, with the caller's configuration and module. */
typedef struct rille_options {
    int64_t link;   /* tag under which its failure is told; 0: not linked */
    int64_t config; /* of rille_config_new, plus one; 0: the caller's */
} rille_options;

void rille_start_in(int32_t function, int64_t argument);
__attribute__((weak, export_name("rille_start_in"))) void rille_start_in(int32_t function, int64_t argument) {
    ((void (*)(int64_t))(intptr_t)function)(argument);
}

/* Starts a process in a function of this program. It has a memory of its own, as the program begins with: what it needs
 * is `argument`, or comes by message. Its id, or 0 when it could not be started. */
static inline int64_t rille_start_with(void (*function)(int64_t), int64_t argument, rille_options o) {
    static const char entry[] = "rille_start_in";
    uint8_t parameters[34] = {0x7f};
    int32_t index = (int32_t)(intptr_t)function;
    int64_t id = 0;
    memcpy(parameters + 1, &index, sizeof index);
    parameters[17] = 0x7e;
    memcpy(parameters + 18, &argument, sizeof argument);
    int32_t failed = rille_process_spawn(o.link, o.config - 1, RILLE_SAME, rille_address(entry), sizeof entry - 1,
                                         rille_address(parameters), sizeof parameters, rille_address(&id));
    return failed ? 0 : id;
}
static inline int64_t rille_start(void (*function)(int64_t), int64_t argument) {
    return rille_start_with(function, argument, (rille_options){0, 0});
}
/* Linked under a tag: when it fails the caller does too, or hears RILLE_LINK_DIED with that tag after
 * rille_die_with_links(0). */
static inline int64_t rille_start_link(void (*function)(int64_t), int64_t argument, int64_t tag) {
    return rille_start_with(function, argument, (rille_options){tag, 0});
}

#endif

/* ---- links, monitors, names ---- */

static inline void rille_die_with_links(int die) { rille_process_die_when_link_dies(die); }
static inline void rille_link(int64_t process, int64_t tag) { rille_process_link(tag, process); }
static inline void rille_unlink(int64_t process) { rille_process_unlink(process); }
/* RILLE_PROCESS_DIED comes when it ends, whatever the reason; rille_about tells whose. */
static inline void rille_monitor(int64_t process) { rille_process_monitor(process); }
static inline void rille_kill(int64_t process) { rille_process_kill(process); }
static inline int rille_alive(int64_t process) { return rille_process_exists(process); }
static inline int64_t rille_about(void) { return rille_message_get_process_id(); }
static inline int64_t rille_tag(void) { return rille_message_get_tag(); }
static inline void rille_register(const char *name, int64_t process) {
    rille_registry_put(rille_address(name), (int32_t)strlen(name), 0, process);
}
/* 0: nobody has that name. */
static inline int64_t rille_lookup(const char *name) {
    int64_t node, process = 0;
    int32_t none = rille_registry_get(rille_address(name), (int32_t)strlen(name), rille_address(&node), rille_address(&process));
    return none ? 0 : process;
}

/* ---- requests and typed messages ---- */

/* A tag nobody else in this process has: above those that programs number themselves. */
static inline int64_t rille_tag_new(void) {
    static int64_t last = INT64_C(1) << 32;
    return ++last;
}

/* Sends a question and waits for the answer to it, at most `timeout` milliseconds; other messages stay where they are.
 * The question begins with the asker's id and the tag that the answer must have: see rille_asked and rille_answer.
 * RILLE_DATA: the answer is the open message. RILLE_TIMED_OUT. */
static inline int32_t rille_ask(int64_t process, int64_t tag, const void *data, uint32_t len, int64_t timeout) {
    int64_t head[2] = {rille_self(), rille_tag_new()};
    rille_message_create_data(tag, (int64_t)len + 16);
    rille_message_write_data(rille_address(head), sizeof head);
    rille_message_write_data(rille_address(data), (int32_t)len);
    return rille_message_send_receive_skip_search(process, head[1], timeout);
}
typedef struct rille_asker { int64_t process, tag; } rille_asker;
/* Whose question the open message is; then rille_read goes on with what was asked. */
static inline rille_asker rille_asked(void) {
    rille_asker a = {0, 0};
    rille_read(&a, sizeof a);
    return a;
}
static inline void rille_answer(rille_asker to, const void *data, uint32_t len) { rille_send(to.process, to.tag, data, len); }

/* RILLE_MESSAGE(order, 1, struct order) makes a kind of message with a tag and a type of its own: order_tag,
 * order_send(process, &value), and order_receive(&value, timeout), which waits for this kind only and returns RILLE_DATA,
 * RILLE_TIMED_OUT, or RILLE_LINK_DIED for a link with that tag; order_read(&value) takes it out of the open message. */
#define RILLE_MESSAGE(name, number, type)                                                                              \
    enum { name##_tag = number };                                                                                      \
    static inline void name##_send(int64_t to, const type *value) { rille_send(to, number, value, sizeof *value); }    \
    static inline int name##_read(type *value) { return rille_read(value, sizeof *value) == sizeof *value; }           \
    static inline int32_t name##_receive(type *value, int64_t timeout) {                                               \
        int32_t got = rille_receive_tag(number, timeout);                                                              \
        if (got == RILLE_DATA) name##_read(value);                                                                     \
        return got;                                                                                                    \
    }                                                                                                                  \
    struct name##_message_end

/* ---- configurations ---- */

/* For rille_options.config: nothing granted, until it is. 0: this process may not make any. A process never gets more than
 * its parent has. */
static inline int64_t rille_config_new(void) { return rille_process_create_config() + 1; }
static inline void rille_config_free(int64_t c) { rille_process_drop_config(c - 1); }
static inline void rille_config_memory(int64_t c, int64_t bytes) { rille_process_config_set_max_memory(c - 1, bytes); }
/* In units of 100,000 instructions. */
static inline void rille_config_fuel(int64_t c, int64_t units) { rille_process_config_set_max_fuel(c - 1, units); }
/* How many processes with it, or beneath it, may be alive at one time. */
static inline void rille_config_processes(int64_t c, int64_t most) { rille_config_set_max_processes(c - 1, most); }
static inline void rille_config_spawn(int64_t c, int may) { rille_process_config_set_can_spawn_processes(c - 1, may); }
static inline void rille_config_directory(int64_t c, const char *path) {
    rille_wasi_config_preopen_dir(c - 1, rille_address(path), (int32_t)strlen(path));
}
static inline void rille_config_argument(int64_t c, const char *text) {
    rille_wasi_config_add_command_line_argument(c - 1, rille_address(text), (int32_t)strlen(text));
}
static inline void rille_config_variable(int64_t c, const char *name, const char *value) {
    rille_wasi_config_add_environment_variable(c - 1, rille_address(name), (int32_t)strlen(name), rille_address(value),
                                               (int32_t)strlen(value));
}

/* ---- traps ---- */

#ifndef RILLE_RAW
int32_t rille_catch_in(int32_t function, int32_t pointer);
__attribute__((weak, export_name("_lunatic_catch_trap"))) int32_t rille_catch_in(int32_t function, int32_t pointer) {
    ((void (*)(void *))(intptr_t)function)((void *)(intptr_t)pointer);
    return 1;
}

/* Calls a function; whether it returned rather than trapped. Memory stays as the trap left it. */
static inline int rille_catch(void (*function)(void *), void *argument) {
    void *sp;
    /* a trap leaves the stack in memory where it was */
    __asm__ volatile(".globaltype __stack_pointer, i32\n\tglobal.get __stack_pointer\n\tlocal.set %0" : "=r"(sp));
    int32_t returned = rille_trap_catch((int32_t)(intptr_t)function, rille_address(argument));
    __asm__ volatile("local.get %0\n\tglobal.set __stack_pointer" ::"r"(sp));
    return returned;
}

#endif

#endif
