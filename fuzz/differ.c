/* Plays modules given as files in every mode, for differ.py: prints "module FILE", the transcript of the first mode and
 * "end"; then "try MODE" for every other, and if it disagrees with the first, "differs MODE", its transcript and "end". With --mode=MODE first, only that one is compared; with --checked, only modes with compact memories are
 * played (under an emulator the others are slow). With --validate first, nothing is played: "module FILE", then "valid", or the error's name and text. Exit status 0;
 * a crash is the driver's to notice. One process takes many files, since starting one costs more than a module. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/play.h"

static u8 *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    u8 *bytes = malloc(*size + 1);
    if (bytes && fread(bytes, 1, *size, f) != *size) *size = 0;
    fclose(f);
    return bytes;
}

/* only: NULL, or the one mode to compare with the first; checked: modes of that flavour alone */
static void play_file(const char *path, const char *only, bool checked) {
    size_t size = 0;
    u8 *bytes = read_file(path, &size);
    printf("module %s\n", path);
    fflush(stdout); /* a crash must leave the name behind */
    if (!bytes) {
        printf("unreadable\nend\n");
        return;
    }
    unsigned start = 0;
    while (checked && play_modes[start].flavour != RL_FLAVOUR_CHECKED) start++;
    char *first = play(bytes, size, &play_modes[start]);
    printf("%send\n", first);
    for (unsigned i = start + 1; i < play_nmodes; i++) {
        if (checked && play_modes[i].flavour != RL_FLAVOUR_CHECKED) continue;
        if (only && strcmp(only, play_modes[i].name)) continue;
        printf("try %s\n", play_modes[i].name);
        fflush(stdout);
        char *other = play(bytes, size, &play_modes[i]);
        if (play_compare(first, other)) printf("differs %s\n%send\n", play_modes[i].name, other);
        free(other);
    }
    free(first);
    free(bytes);
}

static void validate_file(const char *path) {
    size_t size = 0;
    u8 *bytes = read_file(path, &size);
    rl_diag d = {0};
    rl_module *m = NULL;
    printf("module %s\n", path);
    fflush(stdout);
    if (rl_module_new(bytes, size, &m, &d)) printf("%s: %s at 0x%llx\nend\n", rl_err_text(d.code), d.text, (unsigned long long)d.offset);
    else printf("valid\nend\n");
    rl_module_put(m);
    free(bytes);
}

int main(int argc, char **argv) {
    bool validate = argc > 1 && strcmp(argv[1], "--validate") == 0;
    const char *only = argc > 1 && strncmp(argv[1], "--mode=", 7) == 0 ? argv[1] + 7 : NULL;
    bool checked = argc > 1 && strcmp(argv[1], "--checked") == 0;
    for (int i = 1 + (validate || only || checked); i < argc; i++) {
        if (validate) validate_file(argv[i]);
        else play_file(argv[i], only, checked);
    }
    return 0;
}
