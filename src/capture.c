/* Captured output. Invariant: streams are only ever added, so a number stays its process's. A stream's buffer is made by
 * its first write, because most processes print nothing. One file for each process was not taken: descriptors are few. */
#include "src/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void rl_capture_init(rl_capture *c, int echo) {
    *c = (rl_capture){ .echo = echo };
    pthread_mutex_init(&c->lock, NULL);
}

void rl_capture_fini(rl_capture *c) {
    for (u32 i = 0; i < c->n; i++) {
        rl_stream *s = c->streams[i];
        if (!s) continue;
        if (s->file) fclose(s->file);
        free(s->text);
        free(s);
    }
    free(c->streams);
    pthread_mutex_destroy(&c->lock);
}

static rl_err add(rl_capture *c, u32 *stream) {
    if (c->n == c->room) {
        u32 more = c->room ? c->room * 2 : 4;
        rl_stream **s = realloc(c->streams, more * sizeof *s);
        if (!s) return RL_ERR_NOMEM;
        c->streams = s;
        c->room = more;
    }
    *stream = c->n;
    c->streams[c->n++] = NULL;
    return RL_OK;
}

rl_err rl_capture_open(rl_capture *c, u32 *stream) {
    pthread_mutex_lock(&c->lock);
    rl_err e = add(c, stream);
    pthread_mutex_unlock(&c->lock);
    return e;
}

/* Under the lock. NULL: memory is out. */
static FILE *file_of(rl_capture *c, u32 stream) {
    rl_stream *s = c->streams[stream];
    if (!s) s = c->streams[stream] = calloc(1, sizeof *s);
    if (s && !s->file) s->file = open_memstream(&s->text, &s->size);
    return s ? s->file : NULL;
}

ssize_t rl_capture_write(rl_capture *c, u32 stream, const struct iovec *v, int n) {
    ssize_t all = 0;
    pthread_mutex_lock(&c->lock);
    FILE *f = file_of(c, stream);
    for (int i = 0; f && i < n; i++) {
        if (fwrite(v[i].iov_base, 1, v[i].iov_len, f) < v[i].iov_len) f = NULL;
        else all += (ssize_t)v[i].iov_len;
    }
    if (f && c->echo >= 0 && writev(c->echo, v, n) < 0) { /* nobody reads it: the capture has it */ }
    pthread_mutex_unlock(&c->lock);
    if (f) return all;
    errno = ENOMEM;
    return -1;
}

const char *rl_capture_text(rl_capture *c, u32 stream, size_t *size) {
    rl_stream *s = stream < c->n ? c->streams[stream] : NULL;
    *size = 0;
    if (!s || !s->file || fflush(s->file)) return "";
    *size = s->size;
    return s->text;
}
