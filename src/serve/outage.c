/* Owns the timer that ends an outage. While there is one, the listener is paused. Loop thread. */
#include "serve/outage.h"

#include "base/log.h"
#include "io/clock.h"

#include <stdlib.h>

static const int64_t retry_after = 1000000000; /* when the socket cannot be bound again */

struct outage {
    struct listener *listener;
    struct loop *loop;
    struct timer timer; /* set during an outage */
    bool is_on;
    int64_t until;   /* as clock_now counts, while it is on */
    bool is_failing; /* binding has failed, and it was told */
    bool is_over;    /* outage_stop was called */
};

static void try_later(struct outage *outage, const struct err *err)
{
    if (!outage->is_failing)
        log_error("Socket is not back; it is tried again until it is",
                  log_str("reason", err->text));
    outage->is_failing = true;
    loop_timer_set(outage->loop, &outage->timer, retry_after);
}

static void end(struct timer *timer)
{
    struct outage *outage = container_of(timer, struct outage, timer);
    struct err err;
    if (listener_resume(outage->listener, &err)) {
        try_later(outage, &err);
        return;
    }
    outage->is_on = false;
    outage->is_failing = false;
    log_info("Socket is back");
}

struct outage *outage_new(struct listener *listener, struct loop *loop)
{
    struct outage *outage = calloc(1, sizeof(*outage));
    if (outage)
        *outage = (struct outage){.listener = listener, .loop = loop, .timer.fn = end};
    return outage;
}

void outage_begin(struct outage *outage, int64_t duration)
{
    int64_t until = clock_now() + duration;
    if (outage->is_over || (outage->is_on && until <= outage->until))
        return;
    if (!outage->is_on) {
        log_info("Socket vanishes, as the script says", log_int("ms", duration / 1000000));
        listener_pause(outage->listener);
    }
    outage->is_on = true;
    outage->until = until;
    loop_alarm_set(outage->loop, &outage->timer, duration);
}

void outage_stop(struct outage *outage)
{
    if (!outage)
        return;
    outage->is_over = true;
    loop_timer_clear(outage->loop, &outage->timer);
}

void outage_free(struct outage *outage)
{
    free(outage);
}
