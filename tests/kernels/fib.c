#define NAME "fib"
#define N 39
#include "bench.h"
NI u32 fib(u32 n){ return n<2?n:fib(n-1)+fib(n-2); }
u64 run(int n){ return fib(n); }
