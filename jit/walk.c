/* Owns the walk over guest frames: the frame-pointer chain from x->guest_fp, through stubs (whose return addresses are
 * no module's) and out through nested calls. Reads the guest stack only while the exec is stopped, on the thread that
 * owns it; believes nothing it reads (a broken chain ends the walk). Unwind tables were not taken: frame pointers cost
 * a fraction of a percent and need no table. */
#include "jit/walk.h"

void rl_walk_start(rl_walk *w, const rl_exec *x) {
    *w = (rl_walk){ .x = x, .nest = x->nest, .fp = x->guest_fp };
}

static bool frame_ok(const rl_exec *x, const u64 *fp) {
    uintptr_t at = (uintptr_t)fp, low = (uintptr_t)x->stack;
    return fp && at % 8 == 0 && at >= low && at + 16 <= low + x->stack_size;
}

static bool found(rl_walk *w, const void *pc) {
    w->code = rl_code_find(pc);
    if (!w->code) return false;
    w->pc = pc;
    return true;
}

/* The innermost frame of a fault: the instruction itself. Of a yield: behind the call of the glue. */
static bool first(rl_walk *w) {
    w->started = true;
    if (!w->x->guest_pc || !found(w, w->x->guest_pc)) return false;
    rl_row row;
    bool trap = rl_code_trap_at(w->code, w->pc, &row), yield = !trap && rl_code_ret_at(w->code, w->pc, &row);
    w->func = rl_code_func_at(w->code, w->pc);
    w->offset = trap || yield ? row.offset : 0;
    w->refund = trap ? row.refund : 0;
    return true;
}

static bool caller(rl_walk *w) {
    const u64 *fp = w->fp;
    const void *ret = (const void *)fp[1];
    const u64 *up = (const u64 *)fp[0];
    w->fp = up > fp ? up : NULL;
    if (!found(w, ret)) return false;
    rl_row row;
    bool known = rl_code_ret_at(w->code, ret, &row);
    w->func = rl_code_func_at(w->code, (const u8 *)ret - 1);
    w->offset = known ? row.offset : 0;
    w->refund = known ? row.refund : 0;
    return true;
}

bool rl_walk_next(rl_walk *w, const rl_nest *until) {
    if (!w->started && first(w)) return true;
    for (;;) {
        while (frame_ok(w->x, w->fp))
            if (caller(w)) return true;
        if (!w->nest || w->nest == until) return false;
        w->fp = w->nest->fp;
        w->nest = w->nest->prev;
    }
}

u64 rl_walk_refund(const rl_exec *x, const rl_nest *until) {
    u64 sum = 0;
    rl_walk w;
    rl_walk_start(&w, x);
    while (rl_walk_next(&w, until)) sum += w.refund;
    return sum;
}
