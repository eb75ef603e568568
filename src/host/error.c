/* lunatic::error: texts of failed calls, by id. Reference: section 8.1. */
#include "src/host/guest.h"

i32 rl_host_error_string_size(rl_host *h, i64 id) {
    const char *text = rl_guest_res(h, RL_RES_ERROR, id, "error");
    return text ? (i32)strlen(text) : 0;
}

void rl_host_error_to_string(rl_host *h, i64 id, i32 ptr) {
    const char *text = rl_guest_res(h, RL_RES_ERROR, id, "error");
    void *to = text ? rl_host_range(h, (u32)ptr, strlen(text)) : NULL;
    if (to) memcpy(to, text, strlen(text));
}

void rl_host_error_drop(rl_host *h, i64 id) {
    if (rl_guest_res(h, RL_RES_ERROR, id, "error")) rl_proc_drop_error(rl_proc_of(h), (u64)id);
}
