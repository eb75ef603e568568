#define NAME "jacobi2d"
#define N 500
#include "bench.h"
#define M 500
static double a[M][M],b[M][M];
u64 run(int n){for(int i=0;i<M;i++)for(int j=0;j<M;j++)a[i][j]=b[i][j]=((double)i*(j+2)+2)/M;
 for(int t=0;t<n;t++){for(int i=1;i<M-1;i++)for(int j=1;j<M-1;j++)b[i][j]=0.2*(a[i][j]+a[i][j-1]+a[i][j+1]+a[i+1][j]+a[i-1][j]);for(int i=1;i<M-1;i++)for(int j=1;j<M-1;j++)a[i][j]=0.2*(b[i][j]+b[i][j-1]+b[i][j+1]+b[i+1][j]+b[i-1][j]);}
 u64 h=0;for(int i=0;i<M;i++)h=mixd(h,a[i][i]);return h;}
