#define NAME "bintrees"
#define N 17
#include "bench.h"
typedef struct T{struct T*l,*r;}T;
static T*mk(int d){T*t=malloc(sizeof*t);if(d){t->l=mk(d-1);t->r=mk(d-1);}else t->l=t->r=0;return t;}
static int ck(T*t){return t->l?1+ck(t->l)+ck(t->r):1;}
static void fr(T*t){if(t->l){fr(t->l);fr(t->r);}free(t);}
u64 run(int n){u64 s=0;T*lg=mk(n);for(int d=4;d<=n;d+=4){int it=1<<(n-d+4);for(int i=0;i<it;i++){T*t=mk(d);s+=ck(t);fr(t);}}s+=ck(lg);fr(lg);return s;}
