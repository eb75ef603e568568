// How the guests of tests/net/run print: a line, at once.
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}
