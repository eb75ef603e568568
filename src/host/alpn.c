/* Lists of names of protocols as TLS has them (ALPN, RFC 7301): a byte of length before each name. Stateless. OpenSSL's
 * SSL_select_next_proto was not taken: without a common name it gives one that the other side did not offer. */
#include "src/host/tls.h"

#include <string.h>

bool rl_alpn_valid(const u8 *list, size_t n) {
    if (!n || n > UINT16_MAX) return false;
    while (n) {
        size_t name = 1u + *list;
        if (name == 1 || name > n) return false;
        list += name;
        n -= name;
    }
    return true;
}

const u8 *rl_alpn_common(const u8 *ours, size_t nours, const u8 *theirs, size_t ntheirs) {
    for (const u8 *a = ours; a < ours + nours; a += 1 + *a)
        for (const u8 *b = theirs; b < theirs + ntheirs; b += 1 + *b)
            if (*a == *b && !memcmp(a + 1, b + 1, *a)) return a;
    return NULL;
}
