/* Constants of aarch64 take the fewest moves: what rl_masm_movi writes, on any host, counted against the least that movz,
 * movn, movk and orr of a bit mask can do. That is found from a list of all bit masks, made by their definition. The words
 * are also executed, by the few lines that these need. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "jit/a64.h"
#include "jit/masm.h"

enum { MASKS = 5334 + 1302, SETS = 16 /* of parts of 16 bits, as bits: those that movk leaves alone */ };

static u64 masks[2][MASKS]; /* [width] */
static u32 nmasks[2];
static u64 *cut[2][SETS];   /* the masks, only those parts of them, sorted */
static rl_masm m;

static u64 parts_of(u64 v, u32 set) {
    for (u32 i = 0; i < 4; i++)
        if (!(set >> i & 1)) v &= ~(0xffffull << 16 * i);
    return v;
}

static int compare(const void *a, const void *b) {
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

/* Elements of 2, 4 .. bits, each the same: a run of ones, rotated. */
static void make_masks(u32 w) {
    u32 bits = w ? 64 : 32;
    for (u32 size = 2; size <= bits; size *= 2)
        for (u32 ones = 1; ones < size; ones++)
            for (u32 rotated = 0; rotated < size; rotated++) {
                u64 v = 0;
                for (u32 b = 0; b < bits; b++) v |= (u64)((b + rotated) % size < ones) << b;
                masks[w][nmasks[w]++] = v;
            }
    assert_int_equal(nmasks[w], w ? 5334 : 1302);
    for (u32 set = 0; set < SETS; set++) {
        cut[w][set] = malloc(nmasks[w] * 8);
        for (u32 i = 0; i < nmasks[w]; i++) cut[w][set][i] = parts_of(masks[w][i], set);
        qsort(cut[w][set], nmasks[w], 8, compare);
    }
}

/* The least at this width. */
static u32 least_of(u32 w, u64 v) {
    u32 parts = w ? 4 : 2, best = 99;
    for (u32 set = 0; set < 1u << parts; set++) { /* parts that the first move makes; the others are written after it */
        u64 x = parts_of(v, set), key = x;
        u32 moves = 1 + parts - (u32)__builtin_popcount(set), zeros = 0, ones = 0;
        for (u32 i = 0; i < parts; i++)
            if (set >> i & 1) zeros += (x >> 16 * i & 0xffff) == 0, ones += (x >> 16 * i & 0xffff) == 0xffff;
        bool wide = RL_MAX(zeros, ones) + 1 >= (u32)__builtin_popcount(set); /* movz, movn: all but one */
        if (moves < best && (wide || bsearch(&key, cut[w][set], nmasks[w], 8, compare))) best = moves;
    }
    return best;
}

static u32 least(rl_width w, u64 v) {
    if (w == RL_W32) return least_of(0, (u32)v);
    u32 n = least_of(1, v);
    return v <= UINT32_MAX ? RL_MIN(n, least_of(0, v)) : n; /* narrow ones clear the upper half */
}

static u64 mask_of_field(u32 w, u32 field) {
    for (u32 i = 0; i < nmasks[w]; i++) {
        u32 f;
        if (a64_mask(w, masks[w][i], &f) && f == field) return masks[w][i];
    }
    fail_msg("no mask %x", field);
    return 0;
}

static u64 noise(void) { /* xorshift64* */
    static u64 s = 0x9e3779b97f4a7c15u;
    s ^= s >> 12;
    s ^= s << 25;
    s ^= s >> 27;
    return s * 0x2545f4914f6cdd1du;
}

/* What the words from `at` on leave in register 3. */
static u64 execute(const u8 *at, const u8 *end) {
    u64 r = noise();
    for (; at < end; at += 4) {
        u32 word = rl_load32(at), w = word >> 31, imm = word >> 5 & 0xffff, part = word >> 21 & 3;
        assert_int_equal(word & 31, 3);
        switch (word & 0x7f800000) {
        case 0x12800000: r = ~((u64)imm << 16 * part); break;
        case 0x52800000: r = (u64)imm << 16 * part; break;
        case 0x72800000: r = (r & ~(0xffffull << 16 * part)) | (u64)imm << 16 * part; break;
        case 0x32000000: r = mask_of_field(w, word >> 10 & 0x1fff); break;
        default: fail_msg("unknown word %x", word);
        }
        if (!w) r = (u32)r;
    }
    return r;
}

static u32 histogram[5];

static void one(rl_width w, u64 v) {
    if (w == RL_W32) v = (u32)v;
    rl_masm_reset(&m);
    rl_masm_movi(&m, w, RL_A64_X3, v);
    u32 n = rl_masm_pos(&m) / 4, want = least(w, v);
    if (n != want) fail_msg("%#lx takes %u moves, not %u", v, n, want);
    if (execute(m.base, m.p) != v) fail_msg("%#lx becomes %#lx", v, execute(m.base, m.p));
    histogram[n]++;
}
static void both(u64 v) {
    one(RL_W32, v);
    one(RL_W64, v);
}

static void all_masks(void **state) {
    (void)state;
    for (u32 w = 0; w < 2; w++)
        for (u32 i = 0; i < nmasks[w]; i++) both(masks[w][i]);
}

/* masks of which one or two parts are something else */
static void near_masks(void **state) {
    (void)state;
    for (u32 i = 0; i < nmasks[1]; i++)
        for (u32 k = 0; k < 32; k++) {
            u64 a = 0xffffull << 16 * (k & 3), b = k & 16 ? 0xffffull << 16 * (k >> 2 & 3) : 0;
            both(masks[1][i] ^ (noise() & (a | b)));
        }
}

/* every combination of parts that begin, end, contain or repeat a run, and of some that do not */
static void combined(void **state) {
    (void)state;
    static const u16 part[] = { 0, 0xffff, 1, 0xfffe, 0x8000, 0x7fff, 0xff, 0xff00, 0x3c00, 0xc3ff, 0x5555, 0xaaaa, 0x3333, 0xf0f0, 0x1234, 0xedcb };
    for (u32 i = 0; i < 1u << 16; i++) {
        u64 v = 0;
        for (u32 k = 0; k < 4; k++) v |= (u64)part[i >> 4 * k & 15] << 16 * k;
        one(RL_W64, v);
    }
    for (u32 i = 0; i < 256; i++) one(RL_W32, part[i & 15] | (u32)part[i >> 4] << 16);
}

static void random_ones(void **state) {
    (void)state;
    for (u32 i = 0; i < 300000; i++) both(noise() >> (noise() & 63));
    for (u32 n = 1; n <= 4; n++) assert_true(histogram[n] > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_masks), cmocka_unit_test(near_masks), cmocka_unit_test(combined), cmocka_unit_test(random_ones),
    };
    make_masks(0);
    make_masks(1);
    assert_true(rl_masm_init(&m, RL_FLAVOUR_GUARDED));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
