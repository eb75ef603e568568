/* What all processes are doing, as text. */
#ifndef RL_SURVEY_H
#define RL_SURVEY_H

#include <stdio.h>

#include "src/base/base.h"

struct rl_rt;

/* Every process with its names, state, parent, links, mailbox, memory, fuel and backtrace, on the log. On a worker. */
void rl_survey_print(struct rl_rt *rt);

/* Columns by which rows can be chosen and ordered, largest first. */
typedef enum rl_survey_key {
#define KEY(name) RL_SURVEY_##name,
#define RL_SURVEY_KEYS KEY(id) KEY(busy) KEY(fuel) KEY(memory) KEY(mailbox) KEY(links)
    RL_SURVEY_KEYS
#undef KEY
    RL_SURVEY_KEY_COUNT
} rl_survey_key;

/* What an onlooker has seen, to tell what was spent since. Zeroed at first. */
typedef struct rl_survey_seen {
    struct rl_survey_spent { u64 id, fuel; } *spent; /* by id */
    u64 count;
} rl_survey_seen;
void rl_survey_forget(rl_survey_seen *s);

/* For another program to read, a field after another with tabs between them. First a line about the runtime: workers,
 * processes alive, at most, spawned, failed, messages, slices, steals, memory, fuel, fuel since the last look. Then a line
 * for each of the first `most` processes (0: all) by key: id, parent, state, mailbox, memory, fuel, fuel since the last
 * look, links, names (or -), innermost function (or -). Any thread. */
void rl_survey_rows(struct rl_rt *rt, rl_survey_key key, u64 most, rl_survey_seen *seen, FILE *out);
/* One process in detail, as rl_survey_print shows it; nothing when there is none. Any thread. */
void rl_survey_one(struct rl_rt *rt, u64 pid, FILE *out);

#endif
