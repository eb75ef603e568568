/* What the processes of one run print, kept instead of printed: a stream for each process, for its standard output and
 * error together. Test mode shows it when a test failed. */
#ifndef RL_CAPTURE_H
#define RL_CAPTURE_H

#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>

#include "src/base/err.h"

typedef struct rl_stream {
    FILE *file;
    char *text; /* after a flush */
    size_t size;
} rl_stream;

/* Written by any thread, under the lock; read once the run is over. */
typedef struct rl_capture {
    pthread_mutex_t lock;
    rl_stream **streams; /* in the order their processes were made: the root's first; NULL: nothing was written yet */
    u32 n, room;
    int echo;           /* also written here as it comes; -1: nowhere */
} rl_capture;

void rl_capture_init(rl_capture *c, int echo);
void rl_capture_fini(rl_capture *c);
/* A new stream, empty. */
rl_err rl_capture_open(rl_capture *c, u32 *stream);
/* Appends n slices whole. Bytes written, or -1 when memory is out. */
ssize_t rl_capture_write(rl_capture *c, u32 stream, const struct iovec *v, int n);
/* A stream's text, NUL-terminated; "" with size 0 when nothing was written. */
const char *rl_capture_text(rl_capture *c, u32 stream, size_t *size);

#endif
