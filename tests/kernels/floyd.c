#define NAME "floyd"
#define N 600
#include "bench.h"
u64 run(int n){i32*d=malloc(n*n*4);for(int i=0;i<n*n;i++)d[i]=(rnd()%997)+1;for(int k=0;k<n;k++)for(int i=0;i<n;i++)for(int j=0;j<n;j++){i32 t=d[i*n+k]+d[k*n+j];if(t<d[i*n+j])d[i*n+j]=t;}
 u64 h=0;for(int i=0;i<n*n;i++)h=mix(h,d[i]);return h;}
