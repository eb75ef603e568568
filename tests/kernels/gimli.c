#define NAME "gimli"
#define N 700000
#include "bench.h"
static inline u32 rot(u32 x,int b){return x<<b|x>>(32-b);}
NI static void gimli(u32*s){for(int r=24;r>0;r--){for(int c=0;c<4;c++){u32 x=rot(s[c],24),y=rot(s[4+c],9),z=s[8+c];s[8+c]=x^(z<<1)^((y&z)<<2);s[4+c]=y^x^((x|z)<<1);s[c]=z^y^((x&y)<<3);}
 if((r&3)==0){u32 t=s[0];s[0]=s[1];s[1]=t;t=s[2];s[2]=s[3];s[3]=t;}if((r&3)==2){u32 t=s[0];s[0]=s[2];s[2]=t;t=s[1];s[1]=s[3];s[3]=t;}if((r&3)==0)s[0]^=0x9e377900u|r;}}
u64 run(int n){u32 s[12];for(int i=0;i<12;i++)s[i]=i*i*i+i*0x9e3779b9u;for(int i=0;i<n;i++)gimli(s);return (u64)s[0]<<32|s[11];}
