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

#endif
