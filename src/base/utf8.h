/* Whether bytes are UTF-8, and text of strangers made fit for a terminal. */
#ifndef RL_UTF8_H
#define RL_UTF8_H

#include "src/base/base.h"

/* Strict: no overlong forms, no surrogates, nothing above U+10FFFF. */
static inline bool rl_utf8_valid(const void *bytes, size_t n) {
    const u8 *p = bytes, *end = p + n;
    while (p < end) {
        u8 c = *p++;
        if (c < 0x80) continue;
        u32 more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more) return false;
        u8 lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*p < lo || *p > hi) return false;
        for (p++; --more; p++)
            if ((*p & 0xc0) != 0x80) return false;
    }
    return true;
}

/* Replaces by '?' what must not reach a terminal: control characters of either set, and what is not UTF-8. */
static inline char *rl_utf8_printable(char *text) {
    bool valid = rl_utf8_valid(text, strlen(text));
    for (u8 *c = (u8 *)text; *c; c++)
        if (*c < ' ' || *c == 0x7f || (*c >= 0x80 && !valid)) *c = '?';
        else if (*c == 0xc2 && c[1] < 0xa0) *c = c[1] = '?';
    return text;
}

#endif
