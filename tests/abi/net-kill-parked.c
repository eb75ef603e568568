/* Killed while waiting in each kind of call: the process is gone, linked and monitoring ones hear of it, and the next round finds
 * everything as it was. Reference 3.6, Q37, Q40. */
#define WITH_CATCH
#include "lunatic_net.h"
#include <wasi/api.h>
/* (import "lunatic::process" "sleep_ms") (func $st i64.const 100000 call 0) (start $st) (func (export "f")) */
static const uint8_t slow[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x60, 0x01, 0x7e, 0x00, 0x60, 0x00, 0x00, 0x02, 0x1d,
    0x01, 0x10, 0x6c, 0x75, 0x6e, 0x61, 0x74, 0x69, 0x63, 0x3a, 0x3a, 0x70, 0x72, 0x6f, 0x63, 0x65, 0x73, 0x73, 0x08, 0x73,
    0x6c, 0x65, 0x65, 0x70, 0x5f, 0x6d, 0x73, 0x00, 0x00, 0x03, 0x03, 0x02, 0x01, 0x01, 0x07, 0x05, 0x01, 0x01, 0x66, 0x00,
    0x02, 0x08, 0x01, 0x01, 0x0a, 0x0d, 0x02, 0x08, 0x00, 0x42, 0xa0, 0x8d, 0x06, 0x10, 0x00, 0x0b, 0x02, 0x00, 0x0b,
};
static uint64_t slow_module(void)
{
    uint64_t id;
    if (process_compile_module(slow, sizeof slow, &id)) abort();
    return id;
}
static int32_t asleep(int32_t deep) { return deep ? trap_catch(asleep, deep - 1) : (process_sleep_ms(1000000), 1); }
static void wait_in(int64_t what)
{
    uint64_t a, b, n;
    uint16_t port;
    static uint8_t large[4 << 20], local[4] = {127, 0, 0, 1};
    __wasi_subscription_t sub = {0};
    __wasi_event_t event;
    __wasi_size_t events;
    switch (what) {
    case 0: process_sleep_ms(1000000); break;
    case 1: receive(FOREVER); break;
    case 2: receive_tag(5, FOREVER - 1); break;
    case 3: message_create_data(1, 0), message_send_receive_skip_search(1234567, 4, FOREVER); break;
    case 4: a = net_listen(&port), net_tcp_accept(a, &b, &n); break;
    case 5: a = net_listen(&port), net_tcp_connect(4, local, port, 0, 0, FOREVER, &a), net_tcp_read(a, large, 4, &n); break;
    case 6: net_udp_bind(4, local, 0, 0, 0, &a), net_udp_receive(a, large, 4, &n); break;
    case 7: sub.u.u.clock.id = 1, sub.u.u.clock.timeout = UINT64_C(1000000000000); __wasi_poll_oneoff(&sub, &event, 1, &events); break;
    case 8: process_spawn(0, SAME, slow_module(), "f", 1, 0, 0, &a); break;
    case 9: process_get_or_spawn("name", 4, 3, SAME, slow_module(), "f", 1, 0, 0, &n, &a), receive(FOREVER); break;
    case 10: process_sleep_ms(10), process_get_or_spawn("name", 4, 3, SAME, SAME, "none", 4, 0, 0, &n, &a), receive(FOREVER); break;
    case 11: for (;;) __wasi_sched_yield();
    case 12: for (;;) __wasi_random_get(large, sizeof large);
    case 13: asleep(0); break;
    case 14: asleep(3); break;
    case 15: for (;;) net_resolve("no-such-host.invalid:80", 23, FOREVER, &a);
    case 16: for (;;) process_drop_module(slow_module());
    }
}
EXPORT("none") void none(void) { receive(FOREVER); }
EXPORT("waiter") void waiter(int64_t what) { hold(), wait_in(what), say("%lld ended by itself", what); }
#define KINDS 17
int main(void)
{
    uint64_t id[KINDS];
    process_die_when_link_dies(0);
    for (int round = 0; round < 4; round++) {
        int links = 0, deaths = 0;
        for (int i = 0; i < KINDS; i++) {
            id[i] = spawn_linked(i + 1, "waiter", i);
            process_monitor(id[i]), send_i64(id[i], 0, 0);
        }
        process_sleep_ms(round ? round * 50 : 1);
        for (int i = 0; i < KINDS; i++) process_kill(id[i]);
        for (uint32_t kind; links + deaths < 2 * KINDS && (kind = receive(10000)) != TIMED_OUT;) *(kind == LINK_DIED ? &links : &deaths) += 1;
        say("round %d: %d links, %d deaths", round, links, deaths);
    }
}
