/* What the programs encode_x64 and encode_a64 share: every encoder in its forms, against bytes a reference assembler made
 * of the same text.
 *
 *   encode_TARGET FILE     compares with FILE, lines of "text TAB hex"; prints the lines that differ
 *   encode_TARGET          prints the texts, for tests/asm/bless.py to assemble
 *
 * The order of lines is the order of the program. */
#ifndef ENCODE_H
#define ENCODE_H

#include <stdio.h>
#include <stdlib.h>

#include "src/base/base.h"

static FILE *expected;
static u32 lines, bad;
static u8 buf[64];

static void check(const char *text, const u8 *end) {
    char want[256], got[256];
    int n = snprintf(got, sizeof got, "%s\t", text);
    for (const u8 *p = buf; p < end; p++) n += snprintf(got + n, sizeof got - (size_t)n, "%02x", *p);
    snprintf(got + n, sizeof got - (size_t)n, "\n");
    lines++;
    if (!expected) {
        puts(text);
        return;
    }
    if (!fgets(want, sizeof want, expected)) snprintf(want, sizeof want, "nothing\n");
    if (strcmp(want, got) && bad++ < 50) printf("expected %sgot      %s", want, got);
}

static void begin(int argc, char **argv) {
    if (argc > 1 && !(expected = fopen(argv[1], "r"))) {
        perror(argv[1]);
        exit(2);
    }
}

static int end(void) {
    if (!expected) return 0;
    if (fgetc(expected) != EOF) bad++, printf("the file has more lines\n");
    printf("%u instructions, %u wrong\n", lines, bad);
    return bad != 0;
}

#define EACH(v, list) for (u32 v##_ = 0, v; v##_ < RL_LEN(list) && (v = list[v##_], 1); v##_++)
#define WIDTHS(w) for (u32 w = 0; w < 2; w++)

#endif
