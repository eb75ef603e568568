/* Line tables are the guest's bytes, read when it fails: whatever they say, looking positions up ends, within bounds.
 * The first byte picks a version (others: all bytes are the section as they stand), the second the length of the
 * header, so that mutations reach the programs and name tables instead of dying on a wrong length. */
#include <stdlib.h>

#include "jit/dwarf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The section: a header of consistent lengths around the rest of the input, or the input itself. */
static size_t build(const uint8_t *data, size_t size, u8 *out) {
    if (size < 3 || data[0] < 2 || data[0] > 5) {
        memcpy(out, data, size);
        return size;
    }
    size_t body = size - 2, at = 4;
    u8 version = data[0];
    out[at] = version, out[at + 1] = 0;
    at += 2;
    if (version == 5) out[at++] = 4, out[at++] = 0;
    rl_store32(out + at, (u32)RL_MIN((size_t)data[1], body));
    at += 4;
    memcpy(out + at, data + 2, body);
    at += body;
    rl_store32(out, (u32)at - 4);
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const u32 offsets[] = { 0, 1, 16, 300, 70000, UINT32_MAX };
    u8 *bytes = malloc(size + 32);
    if (!bytes) return 0;
    u32 n = (u32)build(data, size, bytes);
    bytes = realloc(bytes, n ? n : 1); /* exact, so that reading past the end is noticed */
    rl_custom customs[] = { { { ".debug_line", 11 }, 0, n }, { { ".debug_str", 10 }, 0, n }, { { ".debug_line_str", 15 }, 0, n } };
    rl_module m = { .bytes = bytes, .size = n, .customs = customs, .ncustoms = RL_LEN(customs) };
    rl_source out[RL_LEN(offsets)];
    rl_dwarf_lines(&m, offsets, RL_LEN(offsets), out);
    free(bytes);
    return 0;
}
