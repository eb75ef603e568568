/* Processes: one instance each, run in slices, parked while they wait, dropped without unwinding. */
#ifndef RL_PROC_H
#define RL_PROC_H

#include "src/conf.h"
#include "src/fence.h"
#include "src/handle.h"
#include "src/host/host.h"
#include "src/io.h"
#include "src/loader.h"
#include "src/mailbox.h"
#include "src/runq.h"
#include "src/timer.h"

struct rl_worker;
struct rl_rt;

/* Kinds of resource a process holds by id. */
typedef enum rl_resource {
    RL_RES_ERROR, RL_RES_MODULE, RL_RES_CONFIG, RL_RES_TIMER,
    /* those of src/host, which releases them (rl_upper) */
    RL_RES_DNS, RL_RES_TCP_LISTENER, RL_RES_TCP, RL_RES_TLS_LISTENER, RL_RES_TLS, RL_RES_UDP,
    RL_RES_SQLITE, RL_RES_SQLITE_STATEMENT,
    RL_RES_COUNT
} rl_resource;

typedef enum rl_phase {
    RL_PHASE_START, /* its module's start function runs; nobody knows it yet but the one that spawns it */
    RL_PHASE_READY, /* through with that, waits for being published                                     */
    RL_PHASE_BAD,   /* the start function failed; whoever spawns it takes it away                       */
    RL_PHASE_NEW,   /* published, entry not called yet                                                  */
    RL_PHASE_RUN,   /* in its entry                                                                     */
} rl_phase;

/* How far a process with a start function is, as its spawner sees it. */
typedef enum rl_launch {
    RL_LAUNCH_THROUGH,   /* it is the spawner's: start function over, or none */
    RL_LAUNCH_RUNNING,   /* it runs */
    RL_LAUNCH_ABANDONED, /* it runs, and takes itself away at the end: the spawner is gone */
} rl_launch;

/* Whether a new message makes a parked process ready. */
typedef enum rl_wait_mail {
    RL_MAIL_NOT,
    RL_MAIL_LOOK, /* it looks whether it is one that it waits for */
    RL_MAIL_ANY,  /* any will do, nothing is saved, and the wait has no end: it is over with the first */
} rl_wait_mail;

typedef enum rl_dying { RL_DYING_NOT, RL_DYING_KILLED, RL_DYING_LINK, RL_DYING_FULL } rl_dying;

/* What few processes have; made on first use. */
typedef struct rl_cold {
    rl_handles res[RL_RES_COUNT];
    rl_map links;    /* pid: the rl_msg that asked for it, which will tell of the end */
    rl_map monitors; /* the same */
    u32 forget_at;   /* monitors from which on those that are gone are looked for */
    u64 held;        /* bytes, see rl_proc_hold */
    struct rl_job *job; /* the parked call waits for; NULL: none */
    void *pending;   /* what a parked host call has begun; NULL: nothing */
    void (*drop_pending)(void *);
} rl_cold;

/* Lives at the top of its own stack slot, so that an idle process touches one page for both. Owned by the worker that
 * runs it or in whose queue it is, while parked by whoever takes the parked mark away; other threads touch `mail.word`,
 * `known` under the lock of the table of processes, `launch`, and, for a wait that was armed, timer, waiter, alarm and
 * `epoch` under the lock of the worker at `armed`. */
typedef struct rl_proc {
    rl_host host;   /* first: a host function's rl_host is its process */
    rl_mailbox mail;
    /* one cache line, the last one that a slice uses */
    _Alignas(64) u64 id;
    struct rl_worker *worker; /* that runs it now or ran it last */
    rl_msg *open;   /* the message slot */
    struct rl_worker *armed; /* whose wheel and descriptors the wait is in; NULL: none */
    rl_cold *cold;
    u64 memory;     /* bytes of linear memory as last counted */
    u64 fuel_limit; /* instructions that may be spent; UINT64_MAX: any number */
    /* how it is, in one byte: what is written in part and read as a whole soon after would wait for the store */
    u8 phase : 3;       /* rl_phase */
    u8 dying : 2;       /* rl_dying: seen by the run loop, whatever the process does */
    bool parked : 1;    /* the last slice ended in a park, and the call has not been repeated */
    bool ready : 1;     /* it is worth repeating the call */
    bool throttled : 1; /* what it sends to is full: it sleeps at the end of its slice, or does */
    bool known;         /* published: others may find it */
    u8 wait_mail;       /* rl_wait_mail */
    bool die_with_links;
    /* and the rest, of which a slice uses the first line */
    struct rl_proc *peer; /* whom it last sent something while rl_alone, or itself; may be over and another or none */
    _Atomic bool alarmed; /* alarm is on its way */
    rl_run run;
    rl_prog *prog;
    rl_conf *conf;
    rl_quota *quota; /* its configuration's; NULL: none */
    rl_store *store;
    void *stack, *deep; /* the slot this lies in; the larger one it went on in, or NULL */
    bool root;
    _Atomic u8 launch; /* rl_launch */
    rl_timer timer;
    rl_waiter waiter;
    struct rl_worker *watched; /* where the watch is registered that is waited for, and has the waiter; NULL: none */
    u64 epoch;      /* number of the wait */
    rl_msg alarm;   /* pid: epoch; flag: the deadline */
    u64 cause;      /* RL_DYING_LINK: whose death */
    u64 parent;
    struct rl_proc *starting; /* the child being spawned */
    rl_msg *note;   /* START: for telling the parent */
    u64 small[8];   /* for args */
    u64 *args;      /* arguments, one word each, v128 two; small or owned, and behind them: */
    u8 *arg_types;  /* rl_type each */
    char *entry;    /* export to call */
    rl_func *entry_func; /* what it was found to be, in the last life too; NULL: not looked for */
    u32 nargs, entry_len;
    u32 lives;
    rl_fence fence; /* of the memory */
    struct rl_proc *spare_next; /* see src/spare.h */
} rl_proc;

static inline rl_proc *rl_proc_of(rl_host *h) { return (rl_proc *)h; }

/* What to spawn. entry, args are copied. */
typedef struct rl_spawn {
    rl_prog *prog;
    rl_conf *conf;
    rl_proc *parent; /* NULL: the root */
    const char *entry; u32 entry_len;
    const u64 *args; const u8 *arg_types; u32 nargs;
} rl_spawn;

/* Makes a process that nobody else can see. With a start function in the module (*out)->phase is START and it has to run
 * through it first (rl_proc_launch; its parent's p->starting is to be set), else READY. */
rl_err rl_proc_new(struct rl_worker *w, const rl_spawn *s, rl_proc **out, rl_diag *d);
/* Lets the start function run. */
void rl_proc_launch(rl_proc *p);
/* Makes a READY process known under its id and runnable. */
void rl_proc_publish(rl_proc *p);
/* Drops a process that was never published, wherever it is in its start function. */
void rl_proc_drop(rl_proc *p);
/* Of what memories of processes come from; the worker's `memory`. */
void rl_proc_memory_init(rl_memory_source *source);
/* Releases a shell (src/spare.h), or what never lived. */
void rl_proc_scrap(rl_proc *p);
/* Releases everything at once. Only for processes in no queue, or when no worker runs. */
void rl_proc_free(rl_proc *p);
/* For rl_io: the descriptor that a process waits for is ready, or (timed) its deadline passed. Under the lock of the
 * worker it is armed at. */
void rl_proc_alarm(rl_proc *p, bool timed);

/* Runs p for at most `slice` instructions, and does whatever the end of that slice asks for. Returns how many of them it
 * used: all, when its slice was over. */
u64 rl_proc_run(rl_proc *p, i64 slice);

/* exec.next of processes: when the one that runs waits, who was woken by it goes on without the worker's loop. */
rl_exec_next rl_proc_pass_on;

/* Hands m, the open message of p, to the process with that id, if there is one. */
void rl_send_by(rl_proc *p, u64 pid, rl_msg *m);
/* Hands m (taken over; NULL is memory running out and does nothing) to the process with that id. False: there is none. */
bool rl_send(struct rl_rt *rt, u64 pid, rl_msg *m);
bool rl_proc_exists(struct rl_rt *rt, u64 pid);
/* The same to a process at hand, whether others know it or not. */
void rl_send_to(rl_proc *p, rl_msg *m);

/* Takes in everything that has arrived: signals take effect, messages are saved. */
void rl_sig_take(rl_proc *p);
static inline void rl_sig_drain(rl_proc *p) {
    if (rl_mailbox_arrived(&p->mail)) rl_sig_take(p);
}
/* Takes in what counts although the process is ending: who else wants to be told. */
void rl_sig_last(rl_proc *p);
/* Tells links and monitors of a published process. */
void rl_sig_ended(rl_proc *p, rl_end end);

/* The cold part, made if needed; NULL when memory is out. */
rl_cold *rl_proc_cold(rl_proc *p);
#define RL_HOLD_LEAST (1u << 20) /* bytes that the host keeps at most for a process that may have little memory */
#define RL_HOLD_EACH 256u        /* bytes that a resource counts as, whatever it is */
/* Bytes that the host may keep for p besides what has a limit of its own (memory, mailbox, stack): as many as p's memory
 * may have. What is kept elsewhere for it must not be more either. */
static inline u64 rl_proc_share(const rl_proc *p) { return RL_MAX(p->conf->max_memory, (u64)RL_HOLD_LEAST); }
/* Counts bytes kept for p. False: too many, or no memory; nothing is counted, and p traps. */
bool rl_proc_hold(rl_proc *p, u64 bytes);
/* They are kept no longer. */
static inline void rl_proc_let_go(rl_proc *p, u64 bytes) { p->cold->held -= bytes; }
/* Resources by id; get and del give NULL for unknown ids. On failure p traps, and the object stays the caller's. */
rl_err rl_proc_add(rl_proc *p, rl_resource kind, void *object, u64 *id);
static inline void *rl_proc_res(const rl_proc *p, rl_resource kind, u64 id) {
    return p->cold ? rl_handle_get(&p->cold->res[kind], id) : NULL;
}
static inline void *rl_proc_del(rl_proc *p, rl_resource kind, u64 id) {
    void *object = p->cold ? rl_handle_del(&p->cold->res[kind], id) : NULL;
    if (object) rl_proc_let_go(p, RL_HOLD_EACH);
    return object;
}
/* What a host call has begun and needs when it is repeated: released with drop if the process ends before. False after a
 * trap: it stays the caller's. */
bool rl_proc_pend(rl_proc *p, void *object, void (*drop)(void *));
/* The same object, the caller's again; NULL: none. */
static inline void *rl_proc_unpend(rl_proc *p) {
    void *o = p->cold ? p->cold->pending : NULL;
    if (o) p->cold->pending = NULL;
    return o;
}
/* Instructions that p may still spend; UINT64_MAX: any number. In a host call. */
u64 rl_proc_fuel_left(const rl_proc *p);
/* So many more count as spent by p, for what was done for it elsewhere; if that is all it had, it traps at its next check. In
 * a host call. */
void rl_proc_spend(rl_proc *p, u64 fuel);
/* Registers the text as an error of p; *id is its id. On failure p traps. */
void rl_proc_error(rl_proc *p, u64 *id, const char *text);
void rl_proc_drop_error(rl_proc *p, u64 id);

#endif
