/* How a function of the csi module waits: its handler's coroutine is suspended, the loop goes on,
 * and the finished operation resumes it. Loop thread.
 *
 * A binding that waits has three parts:
 *   start   checks its arguments, asks wait_check, starts an operation, ends in
 *           `return wait_suspend(L, &own->wait)`;
 *   wake    when the operation is finished: copies its result into own (it lies in the arena of the
 *           call, see vm_arena), lets go of everything else, and calls wait_done;
 *   cancel  called instead when nobody waits any more (the caller is gone, the time is over): stops
 * the operation, which must not call wait_done afterwards. push runs in the coroutine and may
 * raise, so it must hold nothing but arena memory. */
#ifndef LUACSI_SCRIPT_WAIT_H
#define LUACSI_SCRIPT_WAIT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct iothread;
struct lua_State;
struct loop;
struct task;

struct wait {
    struct task *task; /* who waits; wait_suspend sets it */
    void (*cancel)(struct wait *wait);
    /* Pushes what the binding returns, unless it failed; returns how many values.  [-0, +n, me] */
    int (*push)(struct lua_State *L, struct wait *wait);
    bool is_timed; /* it ends by the clock or by another handler: a virtual clock goes on meanwhile
                    */
    int code;      /* of wait_fail; STATUS_OK when it was not called */
    const char *message;
};

/* What a binding allocates for the time that it waits: size bytes, all zero, in the arena of the
 * call; it begins with a struct wait. Raises when there is no memory.  [-0, +0, m] */
void *wait_new(struct lua_State *L, size_t size);

/* Raises unless the running code can wait: a handler (not a script that is loading), in a place
 * that Lua can suspend (not a comparison of table.sort, a gsub callback, a metamethod called from
 * C). function: for the message, "csi.sleep".  [-0, +0, e] */
void wait_check(struct lua_State *L, const char *function);

/* True where wait_check would not raise.  [-0, +0, -] */
int wait_possible(struct lua_State *L);

/* Suspends the running handler until wait_done. Never returns; use as `return wait_suspend(...)`.
 */
int wait_suspend(struct lua_State *L, struct wait *wait);

/* For wake: a copy of size bytes, with a NUL behind, in the arena of the call. NULL when there is
 * no memory: then wait has failed. */
const char *wait_keep(struct wait *wait, const void *data, size_t size);

/* For wake: the handler gets nil, message, code instead of what push would push. */
void wait_fail(struct wait *wait, const struct err *err);

/* Resumes the handler; call it from the loop, never from inside Lua. After it, wait is gone. */
void wait_done(struct wait *wait);

#endif
