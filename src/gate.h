/* The gate of a runtime: which workers are in, that is, may touch anything that processes share. One that sleeps is out. Who
 * is in alone may shut the gate, and is spared locked operations from then on (rl_alone). */
#ifndef RL_GATE_H
#define RL_GATE_H

#include "src/base/base.h"
#include "src/lock.h"

typedef struct rl_gate {
    _Atomic u32 word; /* workers in; and RL_GATE_* */
} rl_gate;

#define RL_GATE_SHUT (1u << 31)   /* the only one in wants to stay so */
#define RL_GATE_WANTED (1u << 30) /* and somebody waits */

/* Waits as long as the gate is shut; *asked gets the bit `entry` then, for whoever is in to see between two slices. */
void rl_gate_enter(rl_gate *g, _Atomic u32 *asked, u32 entry);
void rl_gate_leave(rl_gate *g);
/* Who is in: shuts the gate, if nobody else is in. */
void rl_gate_shut(rl_gate *g);
/* Who is in, in the middle of nothing: others may come. Fine when it is open. */
void rl_gate_open(rl_gate *g);

#endif
