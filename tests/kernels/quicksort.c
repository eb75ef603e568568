#define NAME "quicksort"
#define N 2
#include "bench.h"
static void qs(i32*a,int l,int r){while(l<r){i32 p=a[(l+r)/2];int i=l,j=r;while(i<=j){while(a[i]<p)i++;while(a[j]>p)j--;if(i<=j){i32 t=a[i];a[i]=a[j];a[j]=t;i++;j--;}}if(j-l<r-i){qs(a,l,j);l=i;}else{qs(a,i,r);r=j;}}}
u64 run(int n){int k=1000000;i32*a=malloc(k*4);u64 h=0;for(int q=0;q<n;q++){for(int i=0;i<k;i++)a[i]=rnd();qs(a,0,k-1);for(int i=0;i<k;i+=997)h=mix(h,a[i]);}return h;}
