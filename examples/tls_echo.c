/* tls_echo.c: an echo server over TLS, a process for every connection.
 *
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost
 *   rille tls_echo.wasm [ADDRESS:PORT [CERTIFICATE KEY [ROOTS]]]    with ROOTS: clients need a certificate that leads there
 *   openssl s_client -connect localhost:8443 */
#include <stdio.h>
#include <stdlib.h>

#include "rille_net.h"

RILLE_ENTRY(echo)(int64_t kind) {
    static char bytes[16384];
    char who[100], protocol[20];
    int64_t stream = rille_take_stream(kind), n;
    printf("%s speaks %s\n", *rille_tls_peer_subject(stream, who, sizeof who) ? who : "somebody",
           *rille_tls_protocol(stream, protocol, sizeof protocol) ? protocol : "nothing in particular");
    fflush(stdout);
    while ((n = rille_stream_read(stream, RILLE_TLS, bytes, sizeof bytes)) > 0)
        if (rille_stream_write(stream, RILLE_TLS, bytes, (uint32_t)n) < 0) return;
}

static char *file(const char *name) {
    static char room[3][16384];
    static int used;
    FILE *f = fopen(name, "r");
    if (!f) {
        perror(name);
        exit(1);
    }
    room[used][fread(room[used], 1, sizeof room[0] - 1, f)] = 0;
    fclose(f);
    return room[used++];
}

int main(int argc, char **argv) {
    char why[200];
    rille_tls_options o = {.certificate = file(argc > 3 ? argv[2] : "cert.pem"), .key = file(argc > 3 ? argv[3] : "key.pem"),
                           .roots = argc > 4 ? file(argv[4]) : "", .protocols = "\4echo", .protocols_size = 5};
    o.certificate_size = (uint32_t)strlen(o.certificate), o.key_size = (uint32_t)strlen(o.key), o.roots_size = (uint32_t)strlen(o.roots);
    int64_t listener = rille_tls_listen_with(argc > 1 ? argv[1] : "127.0.0.1:8443", &o);
    if (listener < 0) {
        fprintf(stderr, "cannot listen: %s\n", rille_why(why, sizeof why));
        return 1;
    }
    printf("listening on port %u\n", rille_tls_port(listener));
    fflush(stdout);
    for (;;) {
        int64_t stream = rille_tls_accept(listener);
        if (stream >= 0) rille_spawn_stream("echo", stream, RILLE_TLS);
        else fprintf(stderr, "a client failed: %s\n", rille_why(why, sizeof why));
    }
}
