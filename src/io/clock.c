/* Owns the virtual clock: one number, written by the loop thread, read by any. */
#include "io/clock.h"

#include "io/loop.h"

#include <stdatomic.h>
#include <time.h>

static bool is_virtual;              /* constant once there are threads */
static _Atomic int64_t virtual_time; /* nanoseconds since the epoch */

void clock_make_virtual(int64_t start)
{
    is_virtual = true;
    atomic_store(&virtual_time, start);
}

bool clock_is_virtual(void)
{
    return is_virtual;
}

int64_t clock_now(void)
{
    return is_virtual ? atomic_load(&virtual_time) : loop_now();
}

int64_t clock_wall(void)
{
    struct timespec ts;
    if (is_virtual)
        return atomic_load(&virtual_time);
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void clock_go_to(int64_t at)
{
    if (at > atomic_load(&virtual_time))
        atomic_store(&virtual_time, at);
}
