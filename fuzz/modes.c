/* libFuzzer target: the bytes are a module; every mode of the compiler (memory flavours, worst annotations, four
 * registers, a yield at every check, lazy compilation) must give the same transcript. A difference prints both lines
 * and aborts. Nothing outlives one input. Comparing with another engine was left to differ.py: a child process per
 * input would be a hundred times slower. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/play.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size) {
    char *first = play(bytes, size, &play_modes[0]);
    bool refused = strcmp(first, "refused\n") == 0;
    for (unsigned i = 1; i < play_nmodes && !refused; i++) {
        char *other = play(bytes, size, &play_modes[i]);
        if (play_compare(first, other)) {
            fprintf(stderr, "%s and %s differ:\n--- %s\n%s\n--- %s\n%s", play_modes[0].name, play_modes[i].name,
                    play_modes[0].name, first, play_modes[i].name, other);
            abort();
        }
        free(other);
    }
    free(first);
    return 0;
}
