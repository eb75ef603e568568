/* Names of Unix sockets. Invariant: a resolved name is looked at as text only while rules are asked; it is opened part by
 * part and no link is followed, so a link put there meanwhile leads nowhere that the rules do not name. Stateless; any
 * thread. Names beneath the directories that WASI shows were not taken: rules are the host's words, and who has no files
 * may well have a socket. */
#include "src/upath.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/os.h"

#define MAX_ABSTRACT 107 /* of sun_path's 108, without the first */

/* Appends what could not be resolved, part by part. False: it is no plain name. */
static bool append(char out[PATH_MAX], const char *rest) {
    size_t n = strlen(out);
    if (n == 1) n = 0; /* the root */
    while (*rest) {
        size_t len = strcspn(rest, "/");
        if ((len == 1 && *rest == '.') || (len == 2 && rest[0] == '.' && rest[1] == '.')) return false;
        if (n + len + 2 >= PATH_MAX) return false;
        if (len) {
            out[n++] = '/';
            memcpy(out + n, rest, len);
            n += len;
        }
        rest += len;
        rest += strspn(rest, "/");
    }
    out[n] = 0;
    return n + 2 <= PATH_MAX; /* room for a slash */
}

bool rl_upath_resolve(const char *text, size_t n, char out[PATH_MAX]) {
    char path[PATH_MAX];
    size_t at = 0;
    if (!n || n >= PATH_MAX || memchr(text, 0, n)) return false;
    if (*text == '@') {
        memcpy(out, text, n);
        out[n] = 0;
        return n > 1 && n <= MAX_ABSTRACT;
    }
    if (*text != '/') {
        if (!getcwd(path, sizeof path) || *path != '/') return false;
        at = strlen(path);
        path[at++] = '/';
    }
    if (at + n >= sizeof path) return false;
    memcpy(path + at, text, n);
    path[at + n] = 0;
    bool dir = text[n - 1] == '/', known;
    char *cut = path + at + n;
    do { /* the longest part that is there */
        while (*--cut != '/') {}
        *cut = 0;
        known = realpath(cut == path ? "/" : path, out) != NULL;
        *cut = '/';
    } while (!known && cut != path);
    if (!known || !append(out, cut + 1)) return false;
    size_t len = strlen(out);
    if (dir && (!len || out[len - 1] != '/')) memcpy(out + len, "/", 2);
    return true;
}

bool rl_upath_covers(const char *rule, const char *name) {
    size_t n = strlen(rule);
    return rule[n - 1] == '/' ? !strncmp(name, rule, n) && name[n] : !strcmp(name, rule);
}

int rl_upath_open_dir(const char *name, const char **last) {
    *last = strrchr(name, '/') + 1;
    return rl_os_open_dir(name, (size_t)(*last - name));
}
