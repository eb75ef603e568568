/* Owns the loaded jansson library: one table of its functions, filled once. One thread (command-line tools). Linking it
 * was not taken: every start of every program would relocate it. */
#include "src/cli/json.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>

#include "src/cli/cli.h"

static struct {
    json_t *(*load)(const char *, size_t, size_t, json_error_t *);
    json_t *(*object_get)(const json_t *, const char *);
    const char *(*string_value)(const json_t *);
    size_t (*string_length)(const json_t *);
    json_int_t (*integer_value)(const json_t *);
    size_t (*array_size)(const json_t *);
    json_t *(*array_get)(const json_t *, size_t);
    void (*delete)(json_t *);
} lib;

static bool find(void *so, const char *name, void *slot) {
    void *f = dlsym(so, name);
    memcpy(slot, &f, sizeof f);
    return f != NULL;
}

static rl_err open_library(rl_diag *d) {
    if (lib.delete) return RL_OK;
    void *so = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);
    if (so && find(so, "json_loadb", &lib.load) && find(so, "json_object_get", &lib.object_get) &&
        find(so, "json_string_value", &lib.string_value) && find(so, "json_string_length", &lib.string_length) && find(so, "json_integer_value", &lib.integer_value) &&
        find(so, "json_array_size", &lib.array_size) && find(so, "json_array_get", &lib.array_get) &&
        find(so, "json_delete", &lib.delete))
        return RL_OK;
    return rl_diag_set(d, RL_ERR_NOTFOUND, "reading JSON needs the library libjansson.so.4 (Debian package libjansson4)");
}

rl_err rl_json_load(const char *path, rl_json **out, rl_diag *d) {
    *out = NULL;
    RL_TRY(open_library(d));
    json_error_t e;
    u8 *text;
    size_t size;
    RL_TRY(rl_cli_read(path, &text, &size, d));
    *out = lib.load((const char *)text, size, JSON_ALLOW_NUL, &e);
    free(text);
    return *out ? RL_OK : rl_diag_set(d, RL_ERR_MALFORMED, "%s (line %d)", e.text, e.line);
}

void rl_json_free(rl_json *j) {
    if (j && j->refcount != (size_t)-1 && --j->refcount == 0) lib.delete(j);
}

rl_json *rl_json_get(const rl_json *j, const char *key) { return j ? lib.object_get(j, key) : NULL; }
const char *rl_json_text(const rl_json *j) { return j ? lib.string_value(j) : NULL; }
size_t rl_json_len(const rl_json *j) { return j ? lib.string_length(j) : 0; }
i64 rl_json_int(const rl_json *j) { return j ? lib.integer_value(j) : 0; }
size_t rl_json_size(const rl_json *array) { return array ? lib.array_size(array) : 0; }
rl_json *rl_json_at(const rl_json *array, size_t i) { return array ? lib.array_get(array, i) : NULL; }
const char *rl_json_str(const rl_json *j, const char *key) { return rl_json_text(rl_json_get(j, key)); }
