/* The time that Lua code may take: wall clock and CPU, of one task or of one load. A count hook
 * looks at the clock; the heavy functions of Lua's libraries do, too. Whichever thread runs the
 * state. */
#ifndef LUACSI_SCRIPT_BUDGET_H
#define LUACSI_SCRIPT_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct lua_State;

enum budget_limit { BUDGET_LEFT, BUDGET_WALL, BUDGET_CPU };

/* All times in nanoseconds. A slice is one stay in Lua: from a resume to the next yield. */
struct budget {
    int64_t wall;          /* may pass from started on, waiting included */
    int64_t cpu;           /* may be computed */
    int64_t started;       /* monotonic clock; 0: nobody has looked yet */
    int64_t kept;          /* of wall, while it rests */
    int64_t cpu_used;      /* by the slices before this one */
    int64_t slice_started; /* monotonic clock; 0: nobody has looked during this slice */
    int64_t
        slice_cpu;  /* this thread's CPU clock when the slice began; 0: nobody has looked twice */
    int64_t looked; /* monotonic clock at the last look of this slice */
    bool is_slow;   /* much time went by before that look: the next one comes soon */
    enum budget_limit hit; /* once a limit is hit, all Lua code of the budget is made to raise */
};

/* Puts the hook on L and on every coroutine made from it later; before the script loads. */
void budget_watch(struct lua_State *L);

/* The same, and the hook comes at the next instruction. From a signal handler, for L that runs. */
void budget_interrupt(struct lua_State *L);

/* Begins a slice. Unless it is measured, no clock is read before it is long enough for the hook. */
void budget_begin(struct budget *budget, bool is_measured);

/* Ends it. Nanoseconds of CPU that it took; of one that is not measured and was short: 0. */
int64_t budget_end(struct budget *budget);

/* Looks at the clock: starts the budget at first; afterwards raises when a limit is hit, and again
 * at every instruction from then on. For C functions that may take long.  [-0, +0, e] */
void budget_look(struct lua_State *L);

/* The same for what takes long for sure.  [-0, +0, e] */
void budget_look_now(struct lua_State *L);

/* What catches an error (status is Lua's, the error object on top) asks this first: raises it again
 * when the limit was hit. To find out that memory is short takes a full collection of garbage, so
 * that the clock is looked at, too.  [-0, +0, e] */
void budget_caught(struct lua_State *L, int status);

/* The wall clock stops, until budget_go_on: the code waits on purpose. */
void budget_rest(struct budget *budget);
void budget_go_on(struct budget *budget);

/* Nanoseconds of wall clock that are left; starts the budget when nobody has looked yet. */
int64_t budget_wall_left(struct budget *budget);

#endif
