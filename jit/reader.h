/* Bounds-checked reader of the binary format. Fails stickily: after the first failure every read returns zero, and the
 * caller looks at r->err once at the end (or before it allocates by a count it read). Not for hot loops: sweep V has
 * its own fast path, and code that is known to be valid uses rl_leb_*. */
#ifndef RL_READER_H
#define RL_READER_H

#include "src/base/err.h"

typedef struct rl_reader {
    const u8 *base; /* of the module: offsets in errors count from here */
    const u8 *p, *end;
    rl_err err;
    const char *what; /* static text of the first failure */
    u64 at;           /* its offset */
} rl_reader;

static inline rl_reader rl_reader_of(const u8 *base, u64 from, u64 to) {
    return (rl_reader){ .base = base, .p = base + from, .end = base + to };
}
static inline u64 rl_reader_pos(const rl_reader *r) { return (u64)(r->p - r->base); }
static inline size_t rl_reader_left(const rl_reader *r) { return (size_t)(r->end - r->p); }

/* Records the first failure, and makes every further read find the end. */
static inline void rl_reader_fail(rl_reader *r, rl_err e, u64 at, const char *what) {
    if (r->err) return;
    r->err = e;
    r->what = what;
    r->at = at;
    r->p = r->end;
}

static inline u8 rl_read_u8(rl_reader *r) {
    if (RL_LIKELY(r->p < r->end)) return *r->p++;
    rl_reader_fail(r, RL_ERR_MALFORMED, rl_reader_pos(r), "unexpected end");
    return 0;
}

/* LEB128 of at most `bits` bits. Spec 5.2.2: unused bits of the last byte are the sign (or zero). */
static inline u64 rl_read_leb(rl_reader *r, unsigned bits, bool is_signed) {
    u64 at = rl_reader_pos(r), v = 0;
    unsigned shift = 0;
    for (;;) {
        u8 b = rl_read_u8(r);
        if (r->err) return 0;
        unsigned left = bits - shift;
        if (left < 7) {
            u8 rest = (u8)((b & 0x7f) >> (is_signed ? left - 1 : left)), all = (u8)(0x7f >> (is_signed ? left - 1 : left));
            if (b & 0x80) { rl_reader_fail(r, RL_ERR_MALFORMED, at, "integer representation too long"); return 0; }
            if (rest && !(is_signed && rest == all)) { rl_reader_fail(r, RL_ERR_MALFORMED, at, "integer too large"); return 0; }
        } else if (left == 7 && (b & 0x80)) {
            rl_reader_fail(r, RL_ERR_MALFORMED, at, "integer representation too long");
            return 0;
        }
        v |= (u64)(b & 0x7f) << shift;
        shift += 7;
        if (!(b & 0x80)) {
            if (is_signed && shift < 64 && (b & 0x40)) v |= ~(u64)0 << shift;
            return v;
        }
    }
}
static inline u32 rl_read_u32(rl_reader *r) {
    if (RL_LIKELY(r->p < r->end && *r->p < 0x80)) return *r->p++;
    return (u32)rl_read_leb(r, 32, false);
}
static inline u64 rl_read_u64(rl_reader *r) { return rl_read_leb(r, 64, false); }
static inline i32 rl_read_i32(rl_reader *r) { return (i32)rl_read_leb(r, 32, true); }
static inline i64 rl_read_i64(rl_reader *r) { return (i64)rl_read_leb(r, 64, true); }

static inline const u8 *rl_read_bytes(rl_reader *r, u64 n) {
    if (RL_LIKELY(n <= rl_reader_left(r))) {
        const u8 *p = r->p;
        r->p += n;
        return p;
    }
    rl_reader_fail(r, RL_ERR_MALFORMED, rl_reader_pos(r), "unexpected end");
    return NULL;
}

/* ---- code already validated: no checks ---- */
/* At least two bytes: the caller has seen the first go on. */
static __attribute__((noinline, unused)) u64 rl_leb_long(const u8 **pp, bool is_signed) {
    const u8 *p = *pp;
    u64 v = 0;
    unsigned shift = 0;
    u8 b = p[1];
    if (RL_LIKELY(b < 0x80)) {
        *pp = p + 2;
        v = (p[0] & 0x7fu) | (u32)b << 7;
        return is_signed ? (u64)((i64)(v << 50) >> 50) : v;
    }
    do {
        b = *p++;
        v |= (u64)(b & 0x7f) << shift;
        shift += 7;
    } while (b & 0x80);
    if (is_signed && shift < 64 && (b & 0x40)) v |= ~(u64)0 << shift;
    *pp = p;
    return v;
}
/* Only a copy of the cursor has its address taken: the caller's stays in a register. */
static inline u64 rl_leb_far(const u8 **pp, bool is_signed) {
    const u8 *p = *pp;
    u64 v = rl_leb_long(&p, is_signed);
    *pp = p;
    return v;
}
static inline u32 rl_leb_u32(const u8 **pp) {
    if (RL_LIKELY(**pp < 0x80)) return *(*pp)++;
    return (u32)rl_leb_far(pp, false);
}
static inline u64 rl_leb_u64(const u8 **pp) {
    if (RL_LIKELY(**pp < 0x80)) return *(*pp)++;
    return rl_leb_far(pp, false);
}
static inline i64 rl_leb_i64(const u8 **pp) {
    if (RL_LIKELY(**pp < 0x80)) return (i64)((u64) * (*pp)++ << 57) >> 57;
    return (i64)rl_leb_far(pp, true);
}
static inline i32 rl_leb_i32(const u8 **pp) { return (i32)rl_leb_i64(pp); }

#endif
