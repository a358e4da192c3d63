/* The event loop: one gRPC completion queue, polled by one thread, the loop thread. Everything of
 * gRPC and of Lua happens on it. Other threads hand it work with loop_post. */
#ifndef LUACSI_IO_LOOP_H
#define LUACSI_IO_LOOP_H

#include "base/err.h"
#include "io/alarms.h"
#include "io/timer.h"

#include <grpc/grpc.h>
#include <stdbool.h>

struct loop;

/* One thing that completes: the tag of a batch. It lies in its owner, which finds itself by
 * container_of. ok is gRPC's: false when the batch could not be carried out. Loop thread. */
struct op {
    void (*fn)(struct op *op, bool ok);
};

/* Something that wants its next turn; it lies in its owner. All zero: it does not wait for one. */
struct ready {
    void (*fn)(struct ready *ready);
    struct ready *next;   /* loop_ready's own */
    struct ready **place; /* where the list points to it; NULL: not in it */
};

/* Work handed over from another thread; it lies in its owner until fn was called. */
struct post {
    struct post *next; /* loop_post's own */
    void (*fn)(struct post *post);
};

#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Starts gRPC core and makes the queue. NULL and err when the system has no memory for it. */
struct loop *loop_new(struct err *err);

/* Drains the queue (every op still under way gets its call) and stops gRPC core. */
void loop_free(struct loop *loop);

/* The queue, for starting batches and registering with a server. Never polled by anyone else. */
grpc_completion_queue *loop_queue(struct loop *loop);

/* Calls operations as they complete, until loop_stop. */
void loop_run(struct loop *loop);

/* Makes loop_run return after the operation in hand. Loop thread. */
void loop_stop(struct loop *loop);

/* Nanoseconds of the monotonic clock of the system: what loop_timer_set counts in. Any thread. */
int64_t loop_now(void);

/* Calls timer->fn once, delay nanoseconds from now; a timer that is set is moved. Loop
 * thread. */
void loop_timer_set(struct loop *loop, struct timer *timer, int64_t delay);

/* The same by the clock that scripts live by, see clock.h: for what a script waits for. What guards
 * the host goes by loop_timer_set. Loop thread. */
void loop_alarm_set(struct loop *loop, struct timer *timer, int64_t delay);

/* Does nothing when the timer is not set; whichever of the two set it. Loop thread. */
void loop_timer_clear(struct loop *loop, struct timer *timer);

/* Lets advance->by nanoseconds of the virtual clock pass: timers that come due are called in the
 * order of their times, those set meanwhile too, and each finds the clock at its own time. The
 * clock stands still while handlers compute or wait for the world (loop_hold_clock). Then calls
 * advance->done, from loop_run. Orders are carried out one after the other. -1 and err as
 * alarms_advance. Loop thread. */
int loop_advance(struct loop *loop, struct advance *advance, struct err *err);

/* Takes the order back; does nothing when it was carried out. Loop thread. */
void loop_advance_cancel(struct loop *loop, struct advance *advance);

/* From here to loop_release_clock no virtual time passes: somebody waits for what no clock knows
 * of, a program or a peer. They come in pairs, and nest. Loop thread. */
void loop_hold_clock(struct loop *loop);
void loop_release_clock(struct loop *loop);

/* Has ready->fn called once, after what has happened meanwhile got its turn: how long computations
 * share the thread with calls. Loop thread. */
void loop_ready(struct loop *loop, struct ready *ready);

/* Does nothing when it does not wait for a turn. Loop thread. */
void loop_unready(struct loop *loop, struct ready *ready);

/* Has post->fn called on the loop thread. Any thread; the order of one thread's posts is kept. */
void loop_post(struct loop *loop, struct post *post);

#endif
