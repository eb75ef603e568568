/* Printing and reading of numbers, which exercises most of a C library's arithmetic.
 * | -2147483648 4294967295 -9223372036854775808
 * | 3.141592653589793 1e+308 4.9406564584124654e-324
 * | 0x1.921fb54442d18p+1
 * | 12345678.900000 1.2345679e+07
 * | 1 -1 0.5 2.71828183
 * | sorted 1
 */
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    printf("%d %u %lld\n", INT_MIN, UINT_MAX, LLONG_MIN);
    printf("%.16g %g %.17g\n", 3.14159265358979323846, 1e308, 5e-324);
    printf("%a\n", 3.14159265358979323846);
    printf("%f %.7e\n", strtod("12345678.9", NULL), strtod("12345678.9", NULL));
    printf("%g %g %g %.9g\n", cos(0), floor(-0.5), sqrt(0.25), exp(1));
    static double v[5000];
    unsigned seed = 1;
    for (int i = 0; i < 5000; i++) v[i] = (seed = seed * 1664525u + 1013904223u) / 1e3;
    qsort(v, 5000, sizeof *v, order);
    int sorted = 1;
    for (int i = 1; i < 5000; i++) sorted &= v[i - 1] <= v[i];
    printf("sorted %d\n", sorted);
    return 0;
}
