/* Timers of the event loop: a binary heap, soonest first. Loop thread. */
#ifndef LUACSI_IO_TIMER_H
#define LUACSI_IO_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One point in time to be called at; it lies in its owner. All zero: not set. */
struct timer {
    void (*fn)(struct timer *timer);
    int64_t at;            /* nanoseconds of the clock that they go by */
    uint64_t order;        /* tells those of the same time apart: who was set first comes first */
    size_t place;          /* in the heap, from 1; 0: not set */
    struct timers *timers; /* that it is set in */
};

struct timers {
    struct timer **heap;
    size_t n;
    size_t room;
    uint64_t set; /* how many were set so far */
};

void timers_fini(struct timers *timers);

/* Sets timer to call fn once at the given time; a timer that is set is moved. False, and not set,
 * when memory is short. */
bool timers_set(struct timers *timers, struct timer *timer, int64_t at);

/* Takes the timer out of those that it is set in; does nothing when it is not set. */
void timers_clear(struct timer *timer);

/* The soonest timer, or NULL. */
struct timer *timers_first(const struct timers *timers);

#endif
