#define NAME "sieve"
#define N 60
#include "bench.h"
static u8 s[1000001];
u64 run(int n){ u64 c=0; for(int r=0;r<n;r++){ memset(s,1,sizeof s); for(u32 i=2;i<=1000000;i++) if(s[i]){ c++; for(u32 j=i*2;j<=1000000;j+=i) s[j]=0; } } return c; }
