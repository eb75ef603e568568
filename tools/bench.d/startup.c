/* Starts a program N times, one after the other, and prints the wall time of each (nanoseconds, from before the fork
 * to the end of the wait) and, last on each line, the peak resident set in KiB as the kernel counted it.
 * A small C parent: the kernel carries the parent's own peak over an exec, and Python's would drown a C hello's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ll + t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc < 3) return fprintf(stderr, "usage: startup N PROGRAM ARGS...\n"), 2;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0, n = atoi(argv[1]); i < n; i++) {
        pid_t pid;
        int status;
        struct rusage use;
        long long start = now();
        if (posix_spawnp(&pid, argv[2], &quiet, NULL, argv + 2, environ)) return perror(argv[2]), 1;
        if (wait4(pid, &status, 0, &use) < 0) return perror("wait4"), 1;
        if (status) return fprintf(stderr, "startup: %s ended with status 0x%x\n", argv[2], status), 1;
        printf("%lld %ld\n", now() - start, use.ru_maxrss);
    }
    return 0;
}
