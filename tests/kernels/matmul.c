#define NAME "matmul"
#define N 400
#include "bench.h"
u64 run(int n){ double*a=malloc(n*n*8),*b=malloc(n*n*8),*c=malloc(n*n*8);
 for(int i=0;i<n*n;i++){a[i]=(i*7%13)*0.5;b[i]=(i*3%17)*0.25;}
 for(int r=0;r<4;r++) for(int i=0;i<n;i++)for(int j=0;j<n;j++){double s=0;for(int k=0;k<n;k++)s+=a[i*n+k]*b[k*n+j];c[i*n+j]=s+r;}
 u64 h=0;for(int i=0;i<n*n;i++)h=mixd(h,c[i]);return h;}
