/* The distance between two names. Pure, any thread. The whole table would be 16 KB of stack, so three rows of it are kept:
 * a swap looks two back. */
#include "src/base/edits.h"

u32 rl_edits(const char *a, size_t na, const char *b, size_t nb) {
    u32 rows[3][RL_EDITS_MAX + 1], *before = rows[0], *above = rows[1], *now = rows[2];
    na = RL_MIN(na, (size_t)RL_EDITS_MAX);
    nb = RL_MIN(nb, (size_t)RL_EDITS_MAX);
    for (u32 j = 0; j <= nb; j++) now[j] = j;
    for (u32 i = 1; i <= na; i++) {
        u32 *oldest = before;
        before = above, above = now, now = oldest;
        now[0] = i;
        for (u32 j = 1; j <= nb; j++) {
            u32 best = RL_MIN(above[j - 1] + (a[i - 1] != b[j - 1]), RL_MIN(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) best = RL_MIN(best, before[j - 2] + 1);
            now[j] = best;
        }
    }
    return now[nb];
}
