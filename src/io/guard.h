/* What the watchdog knows of a thread that runs Lua: whether it is inside, since when, and whether
 * it has been given up. Shared by that thread and the watchdog. */
#ifndef LUACSI_IO_GUARD_H
#define LUACSI_IO_GUARD_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What guard_signal sends to the thread. Its default is to do nothing. */
#define GUARD_SIGNAL SIGURG

struct guard {
    atomic_uint_fast64_t state;        /* times entered << 2 | given up << 1 | inside */
    atomic_bool unwatched;             /* the watchdog sleeps: the next guard_enter wakes it */
    atomic_uint_fast64_t reminded;     /* the state in which the watchdog saw it twice; or 0 */
    void (*wake)(struct guard *guard); /* wakes the watchdog; any thread */
    pthread_t thread;                  /* that enters; guard_init's caller */
};

/* For the calling thread. wake: NULL when nobody watches. */
void guard_init(struct guard *guard, void (*wake)(struct guard *guard));

/* The thread goes into Lua. */
void guard_enter(struct guard *guard);

/* The thread comes back. Does not return when it was given up: another thread does its work by now,
 * and nothing that they share may be touched. */
void guard_leave(struct guard *guard);

/* As guard_leave, for code inside Lua that is about to touch what is shared. */
void guard_check(struct guard *guard);

/* The watchdog's: tells the thread that its stay in state `seen` is long; and with GUARD_SIGNAL. */
void guard_remind(struct guard *guard, uint_fast64_t seen);
void guard_signal(struct guard *guard);

/* Whether the thread was reminded of the stay that it is in since the last time it asked. */
bool guard_is_reminded(struct guard *guard);

/* The watchdog's: gives the thread up, if it is still inside as it was in state `seen`. */
bool guard_give_up(struct guard *guard, uint_fast64_t seen);

static inline bool guard_is_inside(uint_fast64_t state)
{
    return (state & 3) == 1;
}

#endif
