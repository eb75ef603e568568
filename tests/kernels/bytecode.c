#define NAME "bytecode"
#define N 8000000
#include "bench.h"
/* small register VM driven by a switch: br_table + data dependent branches */
enum{LDI,ADD,SUB,MUL,XOR,SHR,JNZ,DEC,MOV,AND,LD,ST,HALT};
typedef struct{u8 op,a,b,c;i32 imm;}I;
static u32 mem[256];
NI u64 vm(const I*p){u32 r[16]={0};u64 cnt=0;int pc=0;for(;;){I i=p[pc++];cnt++;switch(i.op){case LDI:r[i.a]=i.imm;break;case ADD:r[i.a]=r[i.b]+r[i.c];break;case SUB:r[i.a]=r[i.b]-r[i.c];break;case MUL:r[i.a]=r[i.b]*r[i.c];break;case XOR:r[i.a]=r[i.b]^r[i.c];break;case SHR:r[i.a]=r[i.b]>>(i.imm&31);break;case JNZ:if(r[i.a])pc=i.imm;break;case DEC:r[i.a]--;break;case MOV:r[i.a]=r[i.b];break;case AND:r[i.a]=r[i.b]&i.imm;break;case LD:r[i.a]=mem[r[i.b]&255];break;case ST:mem[r[i.b]&255]=r[i.a];break;case HALT:return mix(cnt,r[1]);}}}
u64 run(int n){I p[]={{LDI,0,0,0,n},{LDI,1,0,0,1},{LDI,2,0,0,1664525},{MUL,1,1,2,0},{ADD,1,1,2,0},{SHR,3,1,0,7},{XOR,1,1,3,0},{AND,4,1,0,255},{LD,5,4,0,0},{ADD,5,5,1,0},{ST,5,4,0,0},{DEC,0,0,0,0},{JNZ,0,0,0,3},{HALT,0,0,0,0}};return vm(p);}
