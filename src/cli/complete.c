/* Completion scripts for bash, zsh and fish, written from options.def and commands.def.
 *
 * Owns nothing; main thread only. The scripts are printed by the command itself rather than shipped, so that they
 * always fit the binary they complete. */
#include <stdio.h>
#include <string.h>

#include "src/cli/cli.h"

static void words_of_choice(const char *value, const char *between) {
    for (; *value; value++) fputs(*value == '|' ? between : (char[]){*value, 0}, stdout);
}

static void commands(void) {
    for (int c = 0; c < RL_CMD_COUNT; c++) printf("%s%s", c ? " " : "", rl_cmd_rows[c].name);
}

static void bash(void) {
    printf("_rille() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd=run\n"
           "  [ \"$cur\" = = ] && cur=\n"
           "  [ \"$prev\" = = ] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
           "  case ${COMP_WORDS[1]} in ");
    for (int c = 0; c < RL_CMD_COUNT; c++) printf("%s%s", c ? "|" : "", rl_cmd_rows[c].name);
    printf(") cmd=${COMP_WORDS[1]};; esac\n  case $prev in\n");
    for (int o = 0; o < RL_OPT_COUNT; o++) {
        if (rl_opt_rows[o].kind != RL_OPT_choice) continue;
        printf("  --%s) COMPREPLY=($(compgen -W '", rl_opt_rows[o].name);
        words_of_choice(rl_opt_rows[o].value, " ");
        printf("' -- \"$cur\")); return;;\n");
    }
    printf("  --dir) COMPREPLY=($(compgen -d -- \"$cur\")); return;;\n  esac\n  local words=\n  case $cmd in\n");
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        printf("  %s) words='--help", rl_cmd_rows[c].name);
        for (int o = 0; o < RL_OPT_COUNT; o++)
            if (rl_opt_rows[o].commands >> c & 1) printf(" --%s", rl_opt_rows[o].name);
        printf("';;\n");
    }
    printf("  esac\n  case $cur in -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return;; esac\n"
           "  if [ $cmd = completion ]; then COMPREPLY=($(compgen -W 'bash zsh fish' -- \"$cur\")); return; fi\n"
           "  COMPREPLY=($(compgen -f -- \"$cur\"))\n"
           "  [ $COMP_CWORD = 1 ] || [ $cmd = help ] && COMPREPLY+=($(compgen -W '");
    commands();
    printf("' -- \"$cur\"))\n}\ncomplete -o filenames -F _rille rille\n");
}

/* Inside '…' of a zsh spec: no quotes, brackets or bare colons. */
static void quoted(const char *text) {
    for (; *text; text++) {
        if (*text == '\'') fputs("’", stdout);
        else if (*text == '[') fputs("(", stdout);
        else if (*text == ']') fputs(")", stdout);
        else if (*text == ':') fputs("\\:", stdout);
        else fputc(*text, stdout);
    }
}

static void zsh_options(rl_cmd c) {
    for (int o = 0; o < RL_OPT_COUNT; o++) {
        const rl_opt_row *row = &rl_opt_rows[o];
        if (!(row->commands >> c & 1)) continue;
        printf(" \\\n      '%s--%s%s[", row->kind == RL_OPT_list ? "*" : "", row->name,
               row->kind == RL_OPT_maybe ? "=-" : *row->value ? "=" : "");
        quoted(row->sentence);
        printf(row->kind == RL_OPT_maybe ? "]:" : "]"); /* two colons: it may be left out */
        if (row->kind == RL_OPT_choice) {
            printf(":word:(");
            words_of_choice(row->value, " ");
            printf(")");
        } else if (*row->value) {
            printf(":");
            quoted(row->value);
            printf(":%s", !strcmp(row->name, "dir") ? "_files -/" : "");
        }
        printf("'");
    }
}

static void zsh(void) {
    printf("#compdef rille\n_rille() {\n  local cmd=run\n  case ${words[2]} in\n");
    for (int c = 0; c < RL_CMD_COUNT; c++)
        printf("  %s) cmd=%s; (( CURRENT > 2 )) && { shift words; (( CURRENT-- )) };;\n", rl_cmd_rows[c].name, rl_cmd_rows[c].name);
    printf("  esac\n  if (( CURRENT == 2 )) && [[ $PREFIX != -* && $cmd == run ]]; then\n    local -a commands=(");
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        printf("\n      '%s:", rl_cmd_rows[c].name);
        quoted(rl_cmd_rows[c].sentence);
        printf("'");
    }
    printf(")\n    _describe command commands\n  fi\n  case $cmd in\n");
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        printf("  %s) _arguments '--help[Explain it]'", rl_cmd_rows[c].name);
        zsh_options((rl_cmd)c);
        if (c == RL_CMD_help) {
            printf(" '1:command:(");
            commands();
            printf(")'");
        } else {
            printf(c == RL_CMD_completion ? " '1:shell:(bash zsh fish)'" : " '*:file:_files'");
        }
        printf(";;\n");
    }
    /* found by compinit it is called at once; sourced it only makes itself known */
    printf("  esac\n}\nif [[ ${funcstack[1]} == _rille ]]; then _rille \"$@\"; else compdef _rille rille; fi\n");
}

/* Inside '…' of fish: only the quote and the backslash are special. */
static void fish_text(const char *text) {
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\') fputc('\\', stdout);
        fputc(*text, stdout);
    }
}

/* Whether the line so far is for this command; `run` is also meant when no command is named. */
static void fish_condition(rl_cmd c) {
    printf("%s__fish_seen_subcommand_from", c == RL_CMD_run ? "not " : "");
    for (rl_cmd other = 0; other < RL_CMD_COUNT; other++)
        if (c == RL_CMD_run ? other != c : other == c) printf(" %s", rl_cmd_rows[other].name);
}

static void fish_option(rl_cmd c, const rl_opt_row *row) {
    printf("complete -c rille -n '");
    fish_condition(c);
    printf("' -l %s -d '", row->name);
    fish_text(row->sentence);
    printf("'");
    if (row->kind == RL_OPT_choice) {
        printf(" -xa '");
        words_of_choice(row->value, " ");
        printf("'");
    } else if (*row->value) {
        printf(!strcmp(row->name, "dir") ? " -xa '(__fish_complete_directories)'" : " -x");
    }
    printf("\n");
}

static void fish(void) {
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        printf("complete -c rille -n __fish_is_first_arg -a %s -d '", rl_cmd_rows[c].name);
        fish_text(rl_cmd_rows[c].sentence);
        printf("'\n");
    }
    for (int c = 0; c < RL_CMD_COUNT; c++)
        for (int o = 0; o < RL_OPT_COUNT; o++)
            if (rl_opt_rows[o].commands >> c & 1) fish_option((rl_cmd)c, &rl_opt_rows[o]);
    printf("complete -c rille -n '__fish_seen_subcommand_from help' -xa '");
    commands();
    printf("'\ncomplete -c rille -n '__fish_seen_subcommand_from completion' -xa 'bash zsh fish'\n"
           "complete -c rille -l help -d 'Explain it'\ncomplete -c rille -l version -d 'Print the version'\n");
}

int rl_cli_completion(const rl_args *a) {
    static const struct { const char *name; void (*print)(void); } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < RL_LEN(shells); i++)
        if (!strcmp(a->operands[0], shells[i].name)) {
            shells[i].print();
            return 0;
        }
    return rl_cli_usage("completion is for bash, zsh or fish, not \"%s\"", a->operands[0]);
}
