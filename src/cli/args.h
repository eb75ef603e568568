/* The command line, parsed by the tables options.def and commands.def. */
#ifndef RL_ARGS_H
#define RL_ARGS_H

#include <limits.h>

#include "src/base/base.h"

typedef enum rl_cmd {
#define CMD(name, operands, least, most, sentence) RL_CMD_##name,
#include "src/cli/commands.def"
#undef CMD
    RL_CMD_COUNT
} rl_cmd;

typedef enum rl_opt {
#define OPT(field, name, kind, lowest, highest, commands, value, sentence) RL_OPT_##field,
#include "src/cli/options.def"
#undef OPT
    RL_OPT_COUNT
} rl_opt;

typedef enum rl_opt_kind { RL_OPT_flag, RL_OPT_text, RL_OPT_maybe, RL_OPT_list, RL_OPT_number, RL_OPT_bytes, RL_OPT_seconds,
                           RL_OPT_choice } rl_opt_kind;

typedef bool rl_arg_flag;
typedef const char *rl_arg_text;
typedef const char *rl_arg_maybe; /* "": given without a value */
typedef struct rl_arg_list { const char **v; u32 n; } rl_arg_list; /* strings belong to argv */
typedef u64 rl_arg_number;
typedef u64 rl_arg_bytes;
typedef double rl_arg_seconds;
typedef u32 rl_arg_choice;

/* Fields of options not given are zero; rl_args_given tells zero from absent. */
typedef struct rl_args {
    rl_cmd command;
    u64 given; /* bit set by rl_opt */
    bool help, version;
    char **argv; int argc; /* what was parsed */
    char **operands; /* part of argv, NULL at the end; for run: the file, then the guest's arguments, untouched */
    int noperands;
    /* NULL, or called with the file as it is, before anything is made of it (quick.c) */
    void (*seen)(const struct rl_args *a, const u8 *bytes, size_t size);
#define OPT(field, name, kind, lowest, highest, commands, value, sentence) rl_arg_##kind field;
#include "src/cli/options.def"
#undef OPT
} rl_args;

static inline bool rl_args_given(const rl_args *a, rl_opt o) { return a->given >> o & 1; }

/* Tables for help, manual and completions. */
typedef struct rl_cmd_row { const char *name, *operands, *sentence; int least, most; } rl_cmd_row;
typedef struct rl_opt_row {
    const char *name; /* without the leading dashes */
    rl_opt_kind kind;
    u64 lowest, highest;
    u32 commands; /* bit set by rl_cmd */
    const char *value, *sentence;
} rl_opt_row;
extern const rl_cmd_row rl_cmd_rows[RL_CMD_COUNT];
extern const rl_opt_row rl_opt_rows[RL_OPT_COUNT];

/* Parses argv (moves operands behind options, keeps pointers into it). false after it has explained the mistake on standard
 * error: exit with status 2. `a` is filled either way; rl_args_fini frees it. */
bool rl_args_parse(rl_args *a, int argc, char **argv);
void rl_args_fini(rl_args *a);
/* The command with a name so like this one that a slip is likely, or NULL. */
const char *rl_args_nearest_command(const char *name);

#endif
