/* Waiting for so long and no longer: for a message, for an answer, and messages that are sent later.
 *
 *   clang --target=wasm32-wasi -O2 -I include examples/timeouts.c -o timeouts.wasm && rille timeouts.wasm
 *
 * | nothing came within 10 ms
 * | the quick one answers 42
 * | the slow one did not answer within 20 ms
 * | the alarm rang
 * | the cancelled one did not */
#include <stdio.h>

#include "rille_guest.h"

enum { QUESTION = 1, ALARM };

/* Answers with twice the question, after so many milliseconds. */
static void answerer(int64_t delay) {
    for (;;) {
        int n;
        rille_receive_tag(QUESTION, RILLE_FOREVER);
        rille_asker who = rille_asked();
        rille_read(&n, sizeof n);
        n *= 2;
        rille_sleep(delay);
        rille_answer(who, &n, sizeof n);
    }
}

static int64_t alarm_in(int64_t milliseconds) {
    rille_message_create_data(ALARM, 0);
    return rille_timer_send_after(rille_self(), milliseconds);
}

int main(void) {
    int n = 21;
    if (rille_receive(10) == RILLE_TIMED_OUT) puts("nothing came within 10 ms");
    if (rille_ask(rille_start(answerer, 0), QUESTION, &n, sizeof n, 5000) == RILLE_DATA && rille_read(&n, sizeof n))
        printf("the quick one answers %d\n", n);
    if (rille_ask(rille_start(answerer, 60000), QUESTION, &n, sizeof n, 20) == RILLE_TIMED_OUT)
        puts("the slow one did not answer within 20 ms");
    alarm_in(10);
    if (rille_receive_tag(ALARM, 5000) == RILLE_DATA) puts("the alarm rang");
    rille_timer_cancel_timer(alarm_in(30));
    if (rille_receive_tag(ALARM, 60) == RILLE_TIMED_OUT) puts("the cancelled one did not");
}
