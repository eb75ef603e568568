/* Stateless; any thread. Bind lists come from guests and may be anything: nothing is read beyond the end, and no length is
 * believed before it is compared with what is left. Writing runs twice, once to learn the size and once to fill the
 * guest's buffer, so that no copy is kept while the guest's allocator runs. */
#include "src/host/sqlite_values.h"

#include "src/base/utf8.h"

/* ---- bind lists ---- */

static bool take(rl_sql_list *l, void *to, size_t n) {
    if ((size_t)(l->end - l->at) < n) return false;
    memcpy(to, l->at, n);
    l->at += n;
    return true;
}

/* u64 length and so many bytes. */
static bool take_bytes(rl_sql_list *l, const u8 **bytes, u64 *n) {
    if (!take(l, n, 8) || *n > (u64)(l->end - l->at)) return false;
    *bytes = l->at;
    l->at += *n;
    return true;
}

static bool take_key(rl_sql_list *l, rl_sql_bind *b) {
    u32 variant;
    const u8 *name;
    if (!take(l, &variant, 4)) return false;
    b->key = (rl_sql_key)variant;
    switch (variant) {
    case RL_SQL_KEY_NONE: return true;
    case RL_SQL_KEY_INDEX: return take(l, &b->index, 8);
    case RL_SQL_KEY_NAME:
        if (!take_bytes(l, &name, &b->name_len) || !rl_utf8_valid(name, b->name_len)) return false;
        b->name = (const char *)name;
        return true;
    default: return false;
    }
}

static bool take_value(rl_sql_list *l, rl_sql_bind *b) {
    u32 variant;
    i32 small;
    if (!take(l, &variant, 4)) return false;
    b->kind = (rl_sql_kind)variant;
    switch (variant) {
    case RL_SQL_NULL: return true;
    case RL_SQL_BLOB: return take_bytes(l, &b->bytes, &b->len);
    case RL_SQL_TEXT: return take_bytes(l, &b->bytes, &b->len) && rl_utf8_valid(b->bytes, b->len);
    case RL_SQL_DOUBLE: return take(l, &b->real, 8);
    case RL_SQL_INT:
        if (!take(l, &small, 4)) return false;
        b->integer = small;
        return true;
    case RL_SQL_INT64: return take(l, &b->integer, 8);
    default: return false;
    }
}

bool rl_sql_list_open(rl_sql_list *l, const void *bytes, size_t n) {
    *l = (rl_sql_list){ .at = bytes, .end = (const u8 *)bytes + n };
    return take(l, &l->left, 8);
}

int rl_sql_list_next(rl_sql_list *l, rl_sql_bind *out) {
    *out = (rl_sql_bind){ 0 };
    if (!l->left) return 0;
    if (!take_key(l, out) || !take_value(l, out)) return -1;
    l->left--;
    return 1;
}

/* ---- values ---- */

void rl_sql_put(rl_sql_out *o, const void *bytes, u64 n) {
    o->size += n;
    if (!o->at) return;
    n = RL_MIN(n, (u64)(o->end - o->at));
    if (n) memcpy(o->at, bytes, n);
    o->at += n;
}

void rl_sql_put32(rl_sql_out *o, u32 v) { rl_sql_put(o, &v, 4); }
void rl_sql_put64(rl_sql_out *o, u64 v) { rl_sql_put(o, &v, 8); }

/* Bytes of the longest beginning of p that is part of some character: what one U+FFFD stands for. */
static size_t broken(const u8 *p, size_t n) {
    u8 c = p[0];
    size_t want = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 1, len = 1;
    u8 low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    for (; len < want && len < n && p[len] >= low && p[len] <= high; len++) low = 0x80, high = 0xbf;
    return len;
}

/* The whole of the text, in o or counted. */
static void put_lossy(rl_sql_out *o, const u8 *p, size_t n) {
    while (n) {
        size_t good = 0, width;
        for (; good < n; good += width) {
            u8 c = p[good];
            width = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            if (good + width > n || !rl_utf8_valid(p + good, width)) break;
        }
        rl_sql_put(o, p, good);
        p += good, n -= good;
        if (!n) return;
        rl_sql_put(o, "\xef\xbf\xbd", 3);
        size_t bad = broken(p, n);
        p += bad, n -= bad;
    }
}

void rl_sql_put_text(rl_sql_out *o, const char *text, size_t n) {
    rl_sql_out count = { 0 };
    bool valid = rl_utf8_valid(text, n);
    if (!valid) put_lossy(&count, (const u8 *)text, n);
    rl_sql_put64(o, valid ? n : count.size);
    if (valid) rl_sql_put(o, text, n);
    else put_lossy(o, (const u8 *)text, n);
}
