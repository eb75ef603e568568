/* Endless recursion is a trap, whatever the size of the frames.
 * exit: 134
 * | start
 */
#include <unistd.h>

static int (*volatile self)(int, int, int, int);

static int down(int a, int b, int c, int d) { return self(b, c, d, a + 1) + self(a, b, c, d) + 1; }

int main(void) {
    write(1, "start\n", 6);
    self = down;
    return self(1, 2, 3, 4) != 0;
}
