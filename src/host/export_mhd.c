/* The exporter's HTTP, by libmicrohttpd on one thread of its own, loaded when it is asked for. Invariant: it reads the
 * runtime's counters and writes nothing of it; it ends before the runtime does. Few clients are expected, so their number
 * and their idleness are bounded. Serving from a worker was not taken: when the workers are busy is when one wants to look. */
#include "src/host/metrics.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "src/host/lib.h"

#define CLIENTS 32u
#define IDLE_SECONDS 10u

#define FUNCS(F) F(MHD_start_daemon) F(MHD_stop_daemon) F(MHD_create_response_from_buffer) F(MHD_add_response_header) \
    F(MHD_queue_response) F(MHD_destroy_response)
#define SLOT(name) __typeof__(name) *name;
static struct { FUNCS(SLOT) } mhd;
#define ENTRY(name) { #name, &mhd.name },
static const rl_lib_func funcs[] = { FUNCS(ENTRY) { NULL, NULL } };
static rl_lib lib = { "Exporting metrics", "libmicrohttpd.so.12", "libmicrohttpd12", funcs, NULL };

struct rl_exporter {
    struct MHD_Daemon *daemon;
    struct rl_rt *rt;
    rl_metrics *metrics;
};

/* Takes over text, which is malloc'ed. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, char *text, size_t n, const char *type) {
    struct MHD_Response *r = text ? mhd.MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!r) {
        free(text);
        return MHD_NO;
    }
    mhd.MHD_add_response_header(r, "Content-Type", type);
    enum MHD_Result result = mhd.MHD_queue_response(c, status, r);
    mhd.MHD_destroy_response(r);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text) {
    return answer(c, status, strdup(text), strlen(text), "text/plain; charset=utf-8");
}

static enum MHD_Result metrics(rl_exporter *e, struct MHD_Connection *c) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) return MHD_NO;
    rl_metrics_print(e->rt, e->metrics, f);
    fclose(f);
    return answer(c, MHD_HTTP_OK, text, n, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result health(rl_exporter *e, struct MHD_Connection *c) {
    char why[120] = "", text[130];
    bool good = rl_metrics_healthy(e->rt, why, sizeof why);
    snprintf(text, sizeof text, "%s\n", good ? "ok" : why);
    return answer_text(c, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static enum MHD_Result asked(void *exporter, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                             const char *data, size_t *size, void **state) {
    (void)version, (void)data;
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
    if (!*state) { /* the header only; what follows, if anything does, is not read */
        *state = c;
        return MHD_YES;
    }
    *size = 0;
    if (!strcmp(url, "/metrics")) return metrics(exporter, c);
    if (!strcmp(url, "/healthz")) return health(exporter, c);
    return answer_text(c, MHD_HTTP_NOT_FOUND, "/metrics and /healthz are here\n");
}

rl_exporter *rl_exporter_start(struct rl_rt *rt, rl_metrics *m, const rl_addr *at, rl_diag *d) {
    char text[RL_ADDR_TEXT];
    if (rl_lib_open(&lib)) return rl_diag_set(d, RL_ERR_NOTFOUND, "%s", lib.why), NULL;
    rl_exporter *e = calloc(1, sizeof *e);
    if (!e) return rl_diag_set(d, RL_ERR_NOMEM, "%s", rl_err_text(RL_ERR_NOMEM)), NULL;
    *e = (rl_exporter){ .rt = rt, .metrics = m };
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | (at->any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    errno = 0;
    e->daemon = mhd.MHD_start_daemon(flags, rl_addr_port(at), NULL, NULL, asked, e, MHD_OPTION_SOCK_ADDR, &at->any,
                                     MHD_OPTION_CONNECTION_LIMIT, CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
    if (e->daemon) return e;
    rl_diag_set(d, RL_ERR_IO, "no server of metrics on %s: %s", rl_addr_text(at, text, sizeof text), strerror(errno));
    free(e);
    return NULL;
}

void rl_exporter_stop(rl_exporter *e) {
    if (!e) return;
    mhd.MHD_stop_daemon(e->daemon);
    free(e);
}
