#define NAME "json"
#define N 80
#include "bench.h"
/* json-ish parser: builds a tree in an arena, then walks it */
typedef struct V{u8 t;struct V*first,*next;double num;const char*s;int len;const char*k;int kl;}V;
static char buf[1<<20];static V ar[400000];static int an;static const char*p;
static V*nv(int t){V*v=&ar[an++];memset(v,0,sizeof*v);v->t=t;return v;}
static void ws(void){while(*p==' '||*p=='\n'||*p=='\t')p++;}
static V*val(void);
static void str(const char**s,int*l){p++;*s=p;while(*p!='"'){if(*p=='\\')p++;p++;}*l=p-*s;p++;}
static double num(void){double v=0,sg=1;if(*p=='-'){sg=-1;p++;}while(*p>='0'&&*p<='9')v=v*10+(*p++-'0');if(*p=='.'){double f=0.1;p++;while(*p>='0'&&*p<='9'){v+=f*(*p++-'0');f*=0.1;}}return sg*v;}
static V*val(void){ws();V*v;switch(*p){case'{':{v=nv('o');p++;V**t=&v->first;ws();while(*p!='}'){const char*k;int kl;ws();str(&k,&kl);ws();p++;V*c=val();c->k=k;c->kl=kl;*t=c;t=&c->next;ws();if(*p==',')p++;ws();}p++;return v;}
case'[':{v=nv('a');p++;V**t=&v->first;ws();while(*p!=']'){V*c=val();*t=c;t=&c->next;ws();if(*p==',')p++;ws();}p++;return v;}
case'"':v=nv('s');str(&v->s,&v->len);return v;case't':p+=4;return nv('t');case'f':p+=5;return nv('f');case'n':p+=4;return nv('0');default:v=nv('n');v->num=num();return v;}}
static u64 walk(V*v,u64 h){h=mix(h,v->t);if(v->t=='n')h=mixd(h,v->num);for(int i=0;i<v->len;i++)h=mix(h,v->s[i]);for(int i=0;i<v->kl;i++)h=mix(h,v->k[i]);for(V*c=v->first;c;c=c->next)h=walk(c,h);return h;}
static char*ap(char*q,const char*s){while(*s)*q++=*s++;return q;}
static char*an_(char*q,u32 x){char t[12];int i=0;do{t[i++]='0'+x%10;x/=10;}while(x);while(i)*q++=t[--i];return q;}
u64 run(int n){char*q=buf;*q++='[';for(int i=0;i<9000;i++){if(i)q=ap(q,", ");q=ap(q,"{\"id\": ");q=an_(q,i);q=ap(q,", \"name\": \"user\\n");q=an_(q,rnd()%100000);q=ap(q,"\", \"tags\": [true, false, null, ");q=an_(q,rnd()%1000);*q++='.';q=an_(q,rnd()%1000);q=ap(q,"], \"pos\": {\"x\": -");q=an_(q,rnd()%1000);q=ap(q,"}}");}*q++=']';*q=0;
 u64 h=0;for(int r=0;r<n;r++){an=0;p=buf;h=walk(val(),h);}return h;}
