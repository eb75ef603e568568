#define NAME "base64"
#define N 120
#include "bench.h"
static const char T[]="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
u64 run(int n){static u8 in[786432],o[1048576],bk[786432];u8 D[256]={0};for(int i=0;i<64;i++)D[(u8)T[i]]=i;for(u32 i=0;i<sizeof in;i++)in[i]=rnd();
 u64 h=0;for(int r=0;r<n;r++){u8*q=o;for(u32 i=0;i<sizeof in;i+=3){u32 v=in[i]<<16|in[i+1]<<8|in[i+2];*q++=T[v>>18];*q++=T[v>>12&63];*q++=T[v>>6&63];*q++=T[v&63];}
 u8*w=bk;for(u32 i=0;i<sizeof o;i+=4){u32 v=D[o[i]]<<18|D[o[i+1]]<<12|D[o[i+2]]<<6|D[o[i+3]];*w++=v>>16;*w++=v>>8;*w++=v;}in[r]^=1;h=mix(h,bk[r*31]);}return h;}
