#define NAME "indirect"
#define N 30000000
#include "bench.h"
typedef u32(*F)(u32);
NI u32 f0(u32 x){return x*3+1;}NI u32 f1(u32 x){return x^x>>5;}NI u32 f2(u32 x){return x-77;}NI u32 f3(u32 x){return x<<1|x>>31;}
NI u32 f4(u32 x){return x+0x1234567;}NI u32 f5(u32 x){return ~x;}NI u32 f6(u32 x){return x*5;}NI u32 f7(u32 x){return x^0x5a5a5a5a;}
static F volatile tab[8]={f0,f1,f2,f3,f4,f5,f6,f7};
u64 run(int n){F t[8];for(int i=0;i<8;i++)t[i]=tab[i];u32 x=1;for(int i=0;i<n;i++)x=t[(i+(x>>29&1))&7](x);return x;}
