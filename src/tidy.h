/* Memory that a crowd of processes left behind goes back to the system. */
#ifndef RL_TIDY_H
#define RL_TIDY_H

#include "src/base/base.h"

struct rl_worker;

/* When the last period began, and what was true then. */
typedef struct rl_tidy {
    i64 began;     /* 0: there is nothing to give back */
    u64 processes; /* spawned by then */
    bool gave;     /* something was given back since all was quiet */
} rl_tidy;

/* Called by w when it is about to sleep: gives back a little of what was not needed for a while. In how many ns it is to be
 * called again, 0 at once; INT64_MAX: not before something has run. */
i64 rl_tidy_up(struct rl_worker *w);

#endif
