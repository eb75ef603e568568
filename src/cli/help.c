/* Help and the manual page, written from options.def and commands.def.
 *
 * Owns nothing; main thread only. One source for what people read and what the parser accepts, instead of texts kept
 * beside the code that drift from it. */
#include <stdio.h>
#include <string.h>

#include "src/cli/cli.h"

/* ---- help ---- */

/* Prints text from column `indent` on, broken before column 80. */
static void wrap(FILE *f, const char *text, int indent) {
    int col = indent;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (col > indent && col + 1 + len > 80) col = (fprintf(f, "\n%*s", indent, ""), indent);
        if (col > indent) col += fprintf(f, " ");
        col += fprintf(f, "%.*s", len, text);
        text += len + (text[len] == ' ');
    }
    fputc('\n', f);
}

static void option_help(FILE *f, const rl_opt_row *o, rl_style s) {
    fprintf(f, "  %s--%s%s%s%s\n      ", s.bold, o->name, s.off, *o->value ? "=" : "", o->value);
    wrap(f, o->sentence, 6);
}

void rl_help_command(FILE *f, rl_cmd c) {
    const rl_cmd_row *row = &rl_cmd_rows[c];
    rl_style s = rl_cli_style(f);
    bool any = false;
    fprintf(f, "%srille %s%s [OPTIONS] %s\n\n", s.bold, row->name, s.off, row->operands);
    wrap(f, row->sentence, 0);
    for (int o = 0; o < RL_OPT_COUNT; o++) {
        if (!(rl_opt_rows[o].commands >> c & 1)) continue;
        if (!any) fprintf(f, "\n%sOptions%s (--option=value and --option value are the same)\n", s.bold, s.off);
        any = true;
        option_help(f, &rl_opt_rows[o], s);
    }
    if (c != RL_CMD_run) return;
    fprintf(f, "\n%sExit status%s\n  the program's own; 0 when it returns; 134 when it traps or exceeds a limit; 1 when it\n"
               "  cannot be loaded; 2 when rille is called wrongly; 130 or 143 on an interrupt\n", s.bold, s.off);
}

void rl_help_all(FILE *f) {
    rl_style s = rl_cli_style(f);
    fprintf(f, "%srille%s runs WebAssembly programs as native code, in processes that share nothing.\n\n"
               "%sUsage%s\n  rille [OPTIONS] FILE [ARGS…]\n  rille COMMAND …\n\n%sCommands%s\n",
            s.bold, s.off, s.bold, s.off, s.bold, s.off);
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        fprintf(f, "  %s%-11s%s ", s.bold, rl_cmd_rows[c].name, s.off);
        wrap(f, rl_cmd_rows[c].sentence, 14);
    }
    fprintf(f, "\n%sFor example%s\n"
               "  rille app.wasm --verbose in.txt             the program gets --verbose and in.txt\n"
               "  rille --dir=/data::in:ro app.wasm           it may read /data, which it knows as \"in\"\n"
               "  rille --isolated --timeout=5 app.wasm       it sees nothing and has five seconds\n"
               "  rille --invoke=add add.wat 1 2              calls one function and prints what it returns\n"
               "  rille help run                              every option of a run\n", s.bold, s.off);
}

/* ---- the manual ---- */

/* roff reads backslashes, and dots or quotes at the start of a line; dashes of options must stay ASCII. */
static void roff(FILE *f, const char *text) {
    for (bool start = true; *text; start = *text++ == '\n') {
        if (start && (*text == '.' || *text == '\'')) fputs("\\&", f);
        if (*text == '\\') fputs("\\e", f);
        else if (*text == '-') fputs("\\-", f);
        else if (!strncmp(text, "…", strlen("…"))) fputs("...", f), text += strlen("…") - 1;
        else fputc(*text, f);
    }
}

static void man_options(FILE *f, rl_cmd c) {
    for (int o = 0; o < RL_OPT_COUNT; o++) {
        const rl_opt_row *row = &rl_opt_rows[o];
        if (!(row->commands >> c & 1)) continue;
        fprintf(f, ".TP\n\\fB\\-\\-");
        roff(f, row->name);
        fprintf(f, "\\fR%s\\fI", *row->value ? "=" : "");
        roff(f, row->value);
        fprintf(f, "\\fR\n");
        roff(f, row->sentence);
        fputc('\n', f);
    }
}

void rl_help_man(FILE *f) {
    fprintf(f, ".TH RILLE 1 \"\" \"rille %s\" \"User Commands\"\n.SH NAME\nrille \\- runs WebAssembly programs as native "
               "code, in processes that share nothing\n.SH SYNOPSIS\n.B rille\n[\\fIOPTIONS\\fR] \\fIFILE\\fR "
               "[\\fIARGS\\fR...]\n.br\n.B rille\n\\fICOMMAND\\fR ...\n.SH DESCRIPTION\nA module is compiled to native "
               "code and run. Options stand before the file; everything after it belongs to the program. Options may "
               "be written \\-\\-option=value or \\-\\-option value. FILE may be \\- for standard input, and may be "
               "WebAssembly text when wasm\\-tools or wat2wasm is installed.\n.SH COMMANDS\n", RL_VERSION);
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        fprintf(f, ".SS rille %s ", rl_cmd_rows[c].name);
        roff(f, rl_cmd_rows[c].operands);
        fputc('\n', f);
        roff(f, rl_cmd_rows[c].sentence);
        fputc('\n', f);
        man_options(f, (rl_cmd)c);
    }
    fprintf(f, ".SH EXIT STATUS\nThe program's own; 0 when it returns; 134 when it traps or exceeds a limit; 1 when it "
               "cannot be loaded; 2 when rille is called wrongly; 130 or 143 on an interrupt.\n.SH ENVIRONMENT\n.TP\n"
               "RILLE_WAT\nThe converter for WebAssembly text, called as \\fIRILLE_WAT\\fR parse \\-.\n.TP\nNO_COLOR\n"
               "When set, no colours are used.\n");
}

int rl_cli_help(const rl_args *a) {
    if (a->man) {
        rl_help_man(stdout);
        return 0;
    }
    if (!a->noperands) {
        rl_help_all(stdout);
        return 0;
    }
    for (int c = 0; c < RL_CMD_COUNT; c++)
        if (!strcmp(a->operands[0], rl_cmd_rows[c].name)) {
            rl_help_command(stdout, (rl_cmd)c);
            return 0;
        }
    const char *near = rl_args_nearest_command(a->operands[0]);
    return near ? rl_cli_usage("no command named \"%s\"; the nearest is \"%s\"", a->operands[0], near)
                : rl_cli_usage("no command named \"%s\"", a->operands[0]);
}
