/* JSON, by the jansson library, loaded when first asked for: programs that do not read JSON do not pay for it. */
#ifndef RL_JSON_H
#define RL_JSON_H

#include "src/base/err.h"

typedef struct json_t rl_json;

/* Parses a file. The caller frees it; parts live as long as the whole. RL_ERR_NOTFOUND: no library. */
rl_err rl_json_load(const char *path, rl_json **out, rl_diag *d);
void rl_json_free(rl_json *j);

/* All accept NULL and values of another type, and then answer NULL or 0. */
rl_json *rl_json_get(const rl_json *j, const char *key);
const char *rl_json_text(const rl_json *j);
size_t rl_json_len(const rl_json *j); /* of a text, which may hold zero bytes */
i64 rl_json_int(const rl_json *j);
size_t rl_json_size(const rl_json *array);
rl_json *rl_json_at(const rl_json *array, size_t i);
/* rl_json_text(rl_json_get(j, key)) */
const char *rl_json_str(const rl_json *j, const char *key);

#endif
