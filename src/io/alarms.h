/* Timers of the virtual clock, and the orders to advance it. Time moves on from one timer to the
 * next, and only while nobody has anything to do at the moment it stands at. Part of the event
 * loop; loop thread. */
#ifndef LUACSI_IO_ALARMS_H
#define LUACSI_IO_ALARMS_H

#include "base/err.h"
#include "io/timer.h"

/* An order to let so much time pass; it lies in its owner. */
struct advance {
    void (*done)(struct advance *advance); /* called once that time is over */
    int64_t by;                            /* nanoseconds */
    int64_t until;                         /* alarms.c's own, as the rest: set when its turn came */
    bool has_begun;
    struct advance *next;
};

struct alarms {
    struct timers timers;  /* of clock_now */
    struct advance *first; /* under way; the others come after it */
    struct advance **last; /* where the next one goes */
    unsigned held;         /* those who wait for the world, for which no time may pass */
};

void alarms_init(struct alarms *alarms);

/* STATUS_FAILED_PRECONDITION when the clock is not virtual, STATUS_OUT_OF_RANGE when it would go
 * back, or beyond CLOCK_LATEST. */
int alarms_advance(struct alarms *alarms, struct advance *advance, struct err *err);

/* Does nothing when the order was carried out. The time that has passed for it has passed. */
void alarms_cancel(struct alarms *alarms, struct advance *advance);

/* Whether alarms_step has something to do, where there is a timer or an order at all. */
bool alarms_are_ready(const struct alarms *alarms);

/* The same in general. Each turn of the loop asks twice, and mostly there is neither. */
static inline bool alarms_ready(const struct alarms *alarms)
{
    return (alarms->first || timers_first(&alarms->timers)) && alarms_are_ready(alarms);
}

/* Calls one timer that is due; else lets time pass until one is, or the order is carried out. */
void alarms_step(struct alarms *alarms);

#endif
