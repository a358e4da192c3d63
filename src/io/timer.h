/* Timers of the event loop: a pairing heap, soonest first. It lies in the timers themselves, so
 * that one can be set when there is no memory. Loop thread. */
#ifndef LUACSI_IO_TIMER_H
#define LUACSI_IO_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* One point in time to be called at; it lies in its owner. All zero: not set. */
struct timer {
    void (*fn)(struct timer *timer);
    int64_t at;             /* nanoseconds of the clock that they go by */
    uint64_t order;         /* tells those of the same time apart: who was set first comes first */
    struct timers *timers;  /* that it is set in; NULL: not set */
    struct timer *child;    /* the first of those that come after it */
    struct timer *next;     /* the next one below the same parent */
    struct timer *previous; /* the one before it there; of the first one, the parent */
};

struct timers {
    struct timer *first;
    uint64_t set; /* how many were set so far */
};

/* Sets timer to call fn once at the given time; a timer that is set is moved. */
void timers_set(struct timers *timers, struct timer *timer, int64_t at);

/* Takes the timer out of those that it is set in; does nothing when it is not set. */
void timers_clear(struct timer *timer);

bool timer_is_set(const struct timer *timer);

/* The soonest timer, or NULL. */
static inline struct timer *timers_first(const struct timers *timers)
{
    return timers->first;
}

#endif
