/* Resource tables. Invariant: every id below `next` was given out once; those still in the map are alive. The owning
 * process's worker only. An array indexed by id was not taken: a long-lived process that makes and drops a resource a
 * second would grow it for ever. */
#include "src/handle.h"

rl_err rl_handle_add(rl_handles *h, void *object, u64 *id) {
    RL_TRY(rl_map_put(&h->map, h->next, object, NULL));
    *id = h->next++;
    return RL_OK;
}

void rl_handles_fini(rl_handles *h, void (*drop)(void *object)) {
    RL_MAP_EACH(&h->map, s) drop(s->val);
    rl_map_fini(&h->map);
    h->next = 0;
}
