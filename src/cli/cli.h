/* What the commands share: their entry points, loading a file, saying what went wrong. Exit statuses:
 * 0 or the guest's own; 134 trap or limit; 1 could not load or the command found fault; 2 usage; 130, 143 signals. */
#ifndef RL_CLI_H
#define RL_CLI_H

#include <stdio.h>

#include "jit/module.h"
#include "src/base/err.h"
#include "src/cli/args.h"

enum { RL_STATUS_FAILED = 1, RL_STATUS_USAGE = 2, RL_STATUS_TRAP = 134 };

/* Each returns the exit status and prints its own errors. */
#define CMD(name, operands, least, most, sentence) int rl_cli_##name(const rl_args *a);
#include "src/cli/commands.def"
#undef CMD

/* Reads a module, "-" being standard input. Text is converted to binary by wasm-tools or wat2wasm (or what the
 * environment variable RILLE_WAT names). *bytes is malloc'ed; on failure NULL, and d says why. */
rl_err rl_cli_load(const char *path, u8 **bytes, size_t *size, rl_diag *d);
/* Reads any file whole, without conversion; same ownership. */
rl_err rl_cli_read(const char *path, u8 **bytes, size_t *size, rl_diag *d);
/* Text format to binary, in a child process: "wat" is the text. */
rl_err rl_cli_wat(const u8 *text, size_t len, u8 **bytes, size_t *size, rl_diag *d);

/* The second half of rl_cli_load: converts what rl_cli_read gave. It frees *bytes in any case but success. */
rl_err rl_cli_binary(u8 **bytes, size_t *size, rl_diag *d);

/* A module from a file, the caller's. */
rl_err rl_cli_module(const char *path, rl_module **m, rl_diag *d);
/* The tests in a file, for `rille test` and for what Cargo runs. *ran false: there are none in it, nothing was done. */
int rl_cli_run_tests(const rl_args *a, bool *ran);

/* The first and the last thing that main does. Begin: a standard descriptor that is closed would be given to whatever is
 * opened next, and the guest has it; it is replaced by one that fails as a closed one does. End: returns the status, or
 * RL_STATUS_FAILED when standard output did not take everything. */
void rl_cli_begin(void);
int rl_cli_end(int status);

/* "error: FILE: at 0x…: TEXT" on standard error. path may be NULL. Returns RL_STATUS_FAILED. */
int rl_cli_complain(const char *path, const rl_diag *d);
/* "error: …" and a hint where help is; returns RL_STATUS_USAGE. */
int rl_cli_usage(const char *fmt, ...) RL_PRINTF(1, 2);

/* Floats so that they read back exactly, in as few digits as that takes; "nan", "inf". buf: at least 40 bytes. */
const char *rl_cli_float(double v, bool is32, char *buf, size_t size);

/* Escape sequences for bold, or "" when f is no terminal or NO_COLOR is set. */
typedef struct rl_style { const char *bold, *red, *dim, *off; } rl_style;
rl_style rl_cli_style(FILE *f);

/* help.c: the manual and the completion scripts, from the tables. */
void rl_help_command(FILE *f, rl_cmd c);
void rl_help_all(FILE *f);
void rl_help_man(FILE *f);

#endif
