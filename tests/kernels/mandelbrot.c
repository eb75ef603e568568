#define NAME "mandelbrot"
#define N 800
#include "bench.h"
u64 run(int n){u64 t=0;for(int y=0;y<n;y++)for(int x=0;x<n;x++){double cr=2.0*x/n-1.5,ci=2.0*y/n-1.0,zr=0,zi=0;int i=0;while(i<200&&zr*zr+zi*zi<4){double u=zr*zr-zi*zi+cr;zi=2*zr*zi+ci;zr=u;i++;}t=mix(t,i);}return t;}
