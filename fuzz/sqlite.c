/* What a guest binds to a statement is its own bytes, and what it reads is a database's: whatever a list says, taking it
 * apart ends within bounds, and text written for a guest is UTF-8 of the length that was counted. */
#include <stdlib.h>

#include "src/base/utf8.h"
#include "src/host/sqlite_values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rl_sql_list l;
    rl_sql_bind b;
    u64 sum = 0;
    if (rl_sql_list_open(&l, data, size))
        while (rl_sql_list_next(&l, &b) > 0) {
            for (u64 i = 0; i < b.len; i++) sum += b.bytes[i];
            for (u64 i = 0; i < b.name_len; i++) sum += (u8)b.name[i];
        }
    rl_sql_out count = { 0 };
    rl_sql_put_text(&count, (const char *)data, size);
    u8 *text = malloc(count.size);
    if (!text) return 0;
    rl_sql_out o = { .at = text, .end = text + count.size };
    rl_sql_put_text(&o, (const char *)data, size);
    check(o.size == count.size && o.at == o.end && rl_utf8_valid(text + 8, count.size - 8));
    free(text);
    return sum == 1 ? 1 : 0; /* keeps the sum alive; 1 is "do not keep this input" */
}
