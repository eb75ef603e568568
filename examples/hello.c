/* The smallest program with two processes: one says hello, the other passes it on.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/hello.c -o hello.wasm && rille hello.wasm
 */
#include <stdio.h>

#include "rille_guest.h"

RILLE_ENTRY(greeter)(int64_t parent) { rille_send(parent, 0, "hello from another process", 27); }

int main(void) {
    char text[64];
    rille_spawn("greeter", rille_self());
    rille_receive(RILLE_FOREVER);
    rille_read(text, sizeof text);
    puts(text);
}
