/* Owns the timers of the virtual clock, but not what they lie in. Loop thread. */
#include "io/alarms.h"

#include "io/clock.h"

#include <stddef.h>

static const int64_t latest = CLOCK_LATEST * 1000000000;

void alarms_init(struct alarms *alarms)
{
    *alarms = (struct alarms){.last = &alarms->first};
}

int alarms_advance(struct alarms *alarms, struct advance *advance, struct err *err)
{
    if (!clock_is_virtual())
        return err_set(err, STATUS_FAILED_PRECONDITION,
                       "the clock is the system's: start with --clock virtual");
    if (advance->by < 0 || advance->by > latest - clock_now())
        return err_set(
            err, STATUS_OUT_OF_RANGE,
            "expected to advance the clock by 0 seconds or more, not beyond the year 2199");
    advance->has_begun = false;
    advance->next = NULL;
    *alarms->last = advance;
    alarms->last = &advance->next;
    return 0;
}

void alarms_cancel(struct alarms *alarms, struct advance *advance)
{
    struct advance **place = &alarms->first;
    while (*place && *place != advance)
        place = &(*place)->next;
    if (!*place)
        return;
    *place = advance->next;
    if (!*place)
        alarms->last = place;
}

static struct timer *due(const struct alarms *alarms)
{
    struct timer *first = timers_first(&alarms->timers);
    return first && first->at <= clock_now() ? first : NULL;
}

bool alarms_are_ready(const struct alarms *alarms)
{
    return (alarms->first && alarms->held == 0) || due(alarms);
}

static void call(struct timer *timer)
{
    timers_clear(timer);
    timer->fn(timer);
}

/* Time passes for the oldest order: until the next timer, or until it is carried out. */
static void pass(struct alarms *alarms, struct advance *advance)
{
    if (!advance->has_begun) {
        int64_t now = clock_now(); /* those before it may have come near the end */
        advance->until = advance->by < latest - now ? now + advance->by : latest;
        advance->has_begun = true;
    }
    struct timer *next = timers_first(&alarms->timers);
    if (next && next->at <= advance->until) {
        clock_go_to(next->at);
        call(next);
    } else {
        clock_go_to(advance->until);
        alarms_cancel(alarms, advance);
        advance->done(advance);
    }
}

void alarms_step(struct alarms *alarms)
{
    struct timer *timer = due(alarms);
    if (timer)
        call(timer);
    else if (alarms->first && alarms->held == 0)
        pass(alarms, alarms->first);
}
