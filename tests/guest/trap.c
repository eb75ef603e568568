/* A trap ends the program with 134; what was written before stays written.
 * exit: 134
 * | before
 */
#include <unistd.h>

int main(void) {
    write(1, "before\n", 7);
    __builtin_trap();
}
