/* Parses the command line by the tables options.def and commands.def.
 *
 * Owns the lists of an rl_args; every string stays argv's. Runs once, on the main thread. The C library's getopt_long
 * splits the words, given a table of the options that the command takes; what it does not do is here: values checked
 * against their rows, the nearest name of a misspelt one. argp was not taken: its help is laid out from a second table. */
#include "src/cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/edits.h"
#include "src/cli/cli.h"

const rl_cmd_row rl_cmd_rows[RL_CMD_COUNT] = {
#define CMD(name, operands, least, most, sentence) {#name, operands, sentence, least, most},
#include "src/cli/commands.def"
#undef CMD
};

#define IN(command) (1u << RL_CMD_##command)
const rl_opt_row rl_opt_rows[RL_OPT_COUNT] = {
#define OPT(field, name, kind, lowest, highest, commands, value, sentence) \
    {name, RL_OPT_##kind, lowest, highest, commands, value, sentence},
#include "src/cli/options.def"
#undef OPT
};
#undef IN

static const u16 field_at[RL_OPT_COUNT] = {
#define OPT(field, name, kind, lowest, highest, commands, value, sentence) offsetof(rl_args, field),
#include "src/cli/options.def"
#undef OPT
};

/* ---- the nearest known name ---- */

/* NULL: none is like it. */
static const char *nearest_option(rl_cmd c, const char *name, size_t len) {
    const char *best = "help";
    u32 least = rl_edits(name, len, best, strlen(best));
    for (int o = 0; o < RL_OPT_COUNT; o++) {
        const char *known = rl_opt_rows[o].name;
        u32 d = rl_opt_rows[o].commands >> c & 1 ? rl_edits(name, len, known, strlen(known)) : UINT32_MAX;
        if (d < least) best = known, least = d;
    }
    return least <= RL_MAX(2, len / 2) ? best : NULL;
}

const char *rl_args_nearest_command(const char *name) {
    const char *best = NULL;
    u32 least = 3;
    for (int c = 0; c < RL_CMD_COUNT; c++) {
        u32 d = rl_edits(name, strlen(name), rl_cmd_rows[c].name, strlen(rl_cmd_rows[c].name));
        if (d < least) best = rl_cmd_rows[c].name, least = d;
    }
    return best;
}

/* ---- values ---- */

static bool parse_number(const rl_opt_row *o, const char *text, u64 *out) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || v < o->lowest || v > o->highest) {
        rl_cli_usage("--%s wants a number from %llu to %llu, not \"%s\"", o->name, (unsigned long long)o->lowest,
                     (unsigned long long)o->highest, text);
        return false;
    }
    *out = v;
    return true;
}

static bool parse_bytes(const rl_opt_row *o, const char *text, u64 *out) {
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, *end & ~0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (shift) end++;
    if (shift && !strcmp(end, "iB")) end += 2;
    if (text[0] < '0' || text[0] > '9' || *end || errno || v > UINT64_MAX >> shift) {
        rl_cli_usage("--%s wants a number of bytes, such as 65536 or 64M, not \"%s\"", o->name, text);
        return false;
    }
    *out = v << shift;
    return true;
}

static bool parse_seconds(const rl_opt_row *o, const char *text, double *out) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !(v > 0 && v <= 1e9)) {
        rl_cli_usage("--%s wants seconds, such as 10 or 0.5, not \"%s\"", o->name, text);
        return false;
    }
    *out = v;
    return true;
}

static bool parse_choice(const rl_opt_row *o, const char *text, u32 *out) {
    size_t len = strlen(text);
    u32 index = 0;
    for (const char *p = o->value;; p++, index++) {
        if (!strncmp(p, text, len) && (p[len] == '|' || !p[len])) {
            *out = index;
            return true;
        }
        if (!(p = strchr(p, '|'))) break;
    }
    rl_cli_usage("--%s is one of %s, not \"%s\"", o->name, o->value, text);
    return false;
}

static bool append(rl_arg_list *l, const char *text) {
    const char **v = realloc(l->v, (l->n + 1) * sizeof *v);
    if (!v) return false;
    l->v = v;
    l->v[l->n++] = text;
    return true;
}

static bool store(rl_args *a, rl_opt opt, const char *text) {
    const rl_opt_row *o = &rl_opt_rows[opt];
    void *field = (char *)a + field_at[opt];
    a->given |= (u64)1 << opt;
    switch (o->kind) {
    case RL_OPT_flag: *(bool *)field = true; return true;
    case RL_OPT_text: *(const char **)field = text; return true;
    case RL_OPT_maybe: *(const char **)field = text ? text : ""; return true;
    case RL_OPT_list: return append(field, text);
    case RL_OPT_number: return parse_number(o, text, field);
    case RL_OPT_bytes: return parse_bytes(o, text, field);
    case RL_OPT_seconds: return parse_seconds(o, text, field);
    case RL_OPT_choice: return parse_choice(o, text, field);
    }
    return false;
}

/* ---- the line ---- */

enum { LONG = 256 }; /* getopt's value for a long option is LONG + its rl_opt */

/* The options of one command, and --help and --version, as getopt_long wants them. */
static void option_table(rl_cmd c, struct option out[RL_OPT_COUNT + 3]) {
    static const int values[] = {[RL_OPT_flag] = no_argument, [RL_OPT_maybe] = optional_argument, [RL_OPT_text] = required_argument,
                                 [RL_OPT_list] = required_argument, [RL_OPT_number] = required_argument, [RL_OPT_bytes] = required_argument,
                                 [RL_OPT_seconds] = required_argument, [RL_OPT_choice] = required_argument};
    u32 n = 0;
    out[n++] = (struct option){"help", no_argument, NULL, 'h'};
    out[n++] = (struct option){"version", no_argument, NULL, 'V'};
    for (int o = 0; o < RL_OPT_COUNT; o++)
        if (rl_opt_rows[o].commands >> c & 1)
            out[n++] = (struct option){rl_opt_rows[o].name, values[rl_opt_rows[o].kind], NULL, LONG + o};
    out[n] = (struct option){0};
}

static bool unknown_option(rl_cmd c, const char *word) {
    const char *name = word + 2;
    size_t len = strcspn(name, "=");
    for (int o = 0; o < RL_OPT_COUNT; o++)
        if (strlen(rl_opt_rows[o].name) == len && !memcmp(rl_opt_rows[o].name, name, len)) {
            int owner = __builtin_ctz(rl_opt_rows[o].commands);
            rl_cli_usage("--%s is no option of \"rille %s\" but of \"rille %s\"", rl_opt_rows[o].name, rl_cmd_rows[c].name,
                         rl_cmd_rows[owner].name);
            return false;
        }
    const char *near = nearest_option(c, name, len);
    if (near) rl_cli_usage("unknown option --%.*s; the nearest is --%s", (int)len, name, near);
    else rl_cli_usage("unknown option --%.*s", (int)len, name);
    return false;
}

/* Explains what getopt_long refused: `word` is the one it stands at, optopt the option when it knows it. */
static bool refused(rl_cmd c, int why, const char *word) {
    if (why == ':') rl_cli_usage("--%s wants a value: %s", rl_opt_rows[optopt - LONG].name, rl_opt_rows[optopt - LONG].value);
    else if (optopt >= LONG) rl_cli_usage("--%s takes no value", rl_opt_rows[optopt - LONG].name);
    else if (!strncmp(word, "--", 2) && (optopt == 'h' || optopt == 'V'))
        rl_cli_usage("%.*s takes no value", (int)strcspn(word, "="), word);
    else if (!strncmp(word, "--", 2)) return unknown_option(c, word);
    else rl_cli_usage("unknown option -%c; options begin with two dashes", optopt);
    return false;
}

/* The command named by the first word, or RL_CMD_COUNT. */
static rl_cmd find_command(const char *word) {
    for (int c = 0; c < RL_CMD_COUNT; c++)
        if (!strcmp(word, rl_cmd_rows[c].name)) return (rl_cmd)c;
    return RL_CMD_COUNT;
}

static bool check_operands(const rl_args *a, bool named) {
    const rl_cmd_row *row = &rl_cmd_rows[a->command];
    if (a->help || a->version) return true;
    if (a->noperands < row->least) {
        if (a->command == RL_CMD_run && !named) rl_cli_usage("nothing to run: rille [OPTIONS] FILE [ARGS…]");
        else rl_cli_usage("rille %s wants %s", row->name, row->operands);
        return false;
    }
    if (a->noperands > row->most) {
        rl_cli_usage("rille %s takes %s; \"%s\" is one too many", row->name, *row->operands ? row->operands : "options only",
                     a->operands[row->most]);
        return false;
    }
    /* "rille vaildate x" would be a program named vaildate */
    const char *near = named || !a->noperands || !access(a->operands[0], F_OK) ? NULL : rl_args_nearest_command(a->operands[0]);
    if (near) {
        rl_cli_usage("no file and no command named \"%s\"; the nearest command is \"%s\"", a->operands[0], near);
        return false;
    }
    return true;
}

bool rl_args_parse(rl_args *a, int argc, char **argv) {
    *a = (rl_args){.operands = argv + argc, .argv = argv, .argc = argc};
    rl_cmd named = argc > 1 ? find_command(argv[1]) : RL_CMD_COUNT;
    a->command = named < RL_CMD_COUNT ? named : RL_CMD_run;
    if (named < RL_CMD_COUNT) argc--, argv++;
    struct option table[RL_OPT_COUNT + 3];
    option_table(a->command, table);
    /* run: what follows the file is the guest's */
    const char *words = a->command == RL_CMD_run ? "+:hV" : ":hV";
    optind = 0;
    for (int found; (found = getopt_long(argc, argv, words, table, NULL)) != -1;) {
        if (found == 'h') a->help = true;
        else if (found == 'V') a->version = true;
        else if (found < LONG) return refused(a->command, found, argv[optind - 1]);
        else if (!store(a, (rl_opt)(found - LONG), optarg)) return false;
    }
    a->operands = argv + optind;
    a->noperands = argc - optind;
    return check_operands(a, named < RL_CMD_COUNT);
}

void rl_args_fini(rl_args *a) {
    for (int o = 0; o < RL_OPT_COUNT; o++)
        if (rl_opt_rows[o].kind == RL_OPT_list) free(((rl_arg_list *)(void *)((char *)a + field_at[o]))->v);
    *a = (rl_args){0};
}
