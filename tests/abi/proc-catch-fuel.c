/* Running out of fuel is a trap like others for trap::catch: it gives 0, and what follows still runs as far as the next function entry
 * or loop. There it traps again: nobody goes on for ever. Reference 6.3, 8.12. */
#define WITH_CATCH
#include "lunatic.h"
static volatile int never;
static int32_t burn(int32_t depth)
{
    if (depth) {
        int32_t got = trap_catch(burn, depth - 1);
        for (volatile int i = 0; i < 2; i++) {} /* whatever compilers leave of the rest */
        return got + 1;
    }
    while (!never) {}
    return 100;
}
EXPORT("burner") void burner(int64_t depth)
{
    hold();
    int32_t got = trap_catch(burn, (int32_t)depth);
    message_create_data(got + 7, 0);
    message_send(1);
    while (!never) {}
}
EXPORT("stubborn") void stubborn(int64_t depth)
{
    hold();
    for (;;) trap_catch(burn, (int32_t)depth);
}
static void try(const char *entry, int64_t depth)
{
    uint64_t id, config = process_create_config();
    process_config_set_max_fuel(config, 1);
    spawn_as(1, config, SAME, entry, depth, &id);
    process_monitor(id), send_i64(id, 0, 0);
    while (process_exists(id)) process_sleep_ms(1);
    if (receive_tag(7, 0) == DATA) say("%s went on", entry);
    say("%s of depth %lld: %s", entry, depth, outcome(id));
}
int main(void)
{
    process_die_when_link_dies(0);
    try("burner", 0), try("burner", 1), try("burner", 5), try("stubborn", 0), try("stubborn", 3);
}
