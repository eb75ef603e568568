/* Forced into every source of Lua and SQLite: what POSIX has and wasi-libc lacks. Bodies in shim.c. */
#ifndef SHIM_POSIX_H
#define SHIM_POSIX_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define L_tmpnam 32
#ifndef F_RDLCK
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2
#define F_GETLK 5
#define F_SETLK 6
#define F_SETLKW 7
#endif

int fchmod(int, mode_t);
int fchown(int, uid_t, gid_t);
int chmod(const char *, mode_t);
uid_t geteuid(void);
uid_t getuid(void);
int system(const char *);
mode_t umask(mode_t);

#endif
