/* Small modules made byte by byte, for tests. Sections of fixed shape around the bytes under test; every size is
 * written as a five-byte LEB, so that nothing has to be measured before it is written. */
#ifndef RL_TEST_WASM_H
#define RL_TEST_WASM_H

#include <stdio.h>
#include <stdlib.h>

#include "jit/module.h"
#include "tests/unit/test.h"

typedef struct wasm {
    u8 *p;
    size_t n, cap;
} wasm;

static inline void wasm_byte(wasm *w, u8 b) {
    if (w->n == w->cap) {
        w->cap = w->cap * 2 + 64;
        w->p = realloc(w->p, w->cap);
        assert_non_null(w->p);
    }
    w->p[w->n++] = b;
}
static inline void wasm_bytes(wasm *w, const void *p, size_t n) {
    for (size_t i = 0; i < n; i++) wasm_byte(w, ((const u8 *)p)[i]);
}
static inline void wasm_u32(wasm *w, u32 v) {
    for (; v >= 0x80; v >>= 7) wasm_byte(w, (u8)(v | 0x80));
    wasm_byte(w, (u8)v);
}
static inline void wasm_u32_wide(wasm *w, u32 v) {
    for (int i = 0; i < 4; i++, v >>= 7) wasm_byte(w, (u8)(v | 0x80));
    wasm_byte(w, (u8)v);
}
static inline void wasm_op_u32(wasm *w, u8 op, u32 v) {
    wasm_byte(w, op);
    wasm_u32(w, v);
}
static inline void wasm_section(wasm *w, u8 id, const void *p, size_t n) {
    wasm_byte(w, id);
    wasm_u32_wide(w, (u32)n);
    wasm_bytes(w, p, n);
}
static inline void wasm_header(wasm *w) { wasm_bytes(w, "\0asm\1\0\0\0", 8); }

/* Function 0: `params` i32 parameters, i32 locals up to `locals`, no result, this body. Memory 0 has a page. */
static inline rl_module *wasm_module_of_body(const wasm *body, u32 params, u32 locals) {
    wasm w = {0}, type = {0}, code = {0};
    wasm_bytes(&type, "\1\x60", 2);
    wasm_u32(&type, params);
    for (u32 i = 0; i < params; i++) wasm_byte(&type, 0x7f);
    wasm_byte(&type, 0);
    wasm_byte(&code, 1);
    wasm inner = {0};
    wasm_byte(&inner, 1);
    wasm_u32(&inner, locals - params);
    wasm_byte(&inner, 0x7f);
    wasm_bytes(&inner, body->p, body->n);
    wasm_u32_wide(&code, (u32)inner.n);
    wasm_bytes(&code, inner.p, inner.n);
    wasm_header(&w);
    wasm_section(&w, 1, type.p, type.n);
    wasm_section(&w, 3, "\1\0", 2);
    wasm_section(&w, 5, "\1\0\1", 3);
    wasm_section(&w, 10, code.p, code.n);
    rl_diag d = {0};
    rl_module *m = NULL;
    if (rl_module_new(w.p, w.n, &m, &d)) fail_msg("at 0x%llx: %s", (unsigned long long)d.offset, d.text);
    free(w.p);
    free(type.p);
    free(code.p);
    free(inner.p);
    return m;
}

static inline rl_module *wasm_module_of_file(const char *path) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    wasm w = {0};
    for (int c; (c = getc(f)) != EOF;) wasm_byte(&w, (u8)c);
    fclose(f);
    rl_diag d = {0};
    rl_module *m = NULL;
    if (rl_module_new(w.p, w.n, &m, &d)) fail_msg("%s: at 0x%llx: %s", path, (unsigned long long)d.offset, d.text);
    free(w.p);
    return m;
}

#endif
