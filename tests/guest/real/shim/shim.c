/* Answers of a system without users, locks and programs, for Lua and SQLite's shell. Everything that WebAssembly cannot
 * do fails with ENOSYS; permissions, which it does not have, can be set at will. No state. */
#include "posix.h"

#include <errno.h>
#include <stddef.h>

#include "pwd.h"

static int no(void) {
    errno = ENOSYS;
    return -1;
}

int system(const char *command) { (void)command; return no(); }
FILE *tmpfile(void) { no(); return NULL; }
char *tmpnam(char *name) { (void)name; return NULL; }
int fchmod(int fd, mode_t mode) { (void)fd, (void)mode; return 0; }
int chmod(const char *path, mode_t mode) { (void)path, (void)mode; return 0; }
int fchown(int fd, uid_t user, gid_t group) { (void)fd, (void)user, (void)group; return 0; }
uid_t geteuid(void) { return 0; }
uid_t getuid(void) { return 0; }
mode_t umask(mode_t mode) { (void)mode; return 022; }
struct passwd *getpwuid(uid_t user) { (void)user; return NULL; }
