/* Looks at the guard of the loop thread every TICK_MS while calls come, from the I/O thread; and
 * soon again where it sees a stay for the first time, so that a long one is known after AGAIN_MS to
 * TICK_MS + AGAIN_MS. */
#include "serve/watchdog.h"

#include "io/loop.h"

#include <stdlib.h>
#include <time.h>
#include <uv.h>

enum {
    TICK_MS = 14,
    AGAIN_MS = 6,     /* after a tick that finds the thread in a stay it has not seen before */
    QUIET_TICKS = 60, /* without a call, and the watchdog goes to sleep */
};

/* A guard and what wakes its watchdog. */
struct watched {
    struct guard guard;
    struct watchdog *watchdog;
    struct iocall wake;
};

struct watchdog {
    struct iothread *io;
    int64_t limit; /* CPU time in one stay inside Lua */
    void (*stuck)(void *data);
    void *data;

    /* I/O thread only. */
    struct watched *watched; /* set by change; NULL: nothing to watch */
    uv_timer_t timer;
    bool open;          /* libuv knows the timer */
    uint_fast64_t seen; /* the guard's state at the last tick */
    int64_t cpu;        /* of the guarded thread when that state was first seen */
    unsigned quiet;     /* ticks without a call */
    unsigned again;     /* ticks that saw that state again */

    struct iocall change; /* to next, under way only in watchdog_guard and watchdog_stop */
    struct watched *next;
    uv_sem_t changed;
    struct watched *last; /* that watchdog_guard gave out; those before it belong to lost threads */
};

static int64_t cpu_of(pthread_t thread)
{
    clockid_t clock;
    struct timespec ts = {0};
    if (pthread_getcpuclockid(thread, &clock) == 0)
        clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The next guard_enter wakes us; one that came just now is seen here. */
static void go_to_sleep(struct watchdog *watchdog)
{
    struct guard *guard = &watchdog->watched->guard;
    atomic_store(&guard->unwatched, true);
    if (atomic_load(&guard->state) == watchdog->seen)
        uv_timer_stop(&watchdog->timer);
    else
        atomic_store(&guard->unwatched, false);
}

/* The stay goes on. The signal's handler walks the whole stack of Lua, which on a busy machine may
 * take longer than a tick: so the signals become rarer. One may come when it changes nothing. */
static void remind(struct watchdog *watchdog, struct guard *guard)
{
    guard_remind(guard, watchdog->seen);
    watchdog->again++;
    if ((watchdog->again & (watchdog->again - 1)) == 0) /* a power of two */
        guard_signal(guard);
}

static void on_tick(uv_timer_t *timer)
{
    struct watchdog *watchdog = container_of(timer, struct watchdog, timer);
    struct guard *guard = &watchdog->watched->guard;
    uint_fast64_t state = atomic_load(&guard->state);
    bool same = state == watchdog->seen;
    bool inside = guard_is_inside(state);
    int64_t cpu = inside ? cpu_of(guard->thread) : 0;
    watchdog->quiet = same && !inside ? watchdog->quiet + 1 : 0;
    if (!same) {
        watchdog->seen = state;
        watchdog->cpu = cpu;
        watchdog->again = 0;
        if (inside)
            uv_timer_start(timer, on_tick, AGAIN_MS, TICK_MS);
    } else if (inside && cpu - watchdog->cpu > watchdog->limit && guard_give_up(guard, state)) {
        uv_timer_stop(timer);
        watchdog->stuck(watchdog->data);
    } else if (inside) {
        remind(watchdog, guard);
    } else if (watchdog->quiet >= QUIET_TICKS) {
        go_to_sleep(watchdog);
    }
}

static void on_wake(struct iocall *call)
{
    struct watched *watched = container_of(call, struct watched, wake);
    struct watchdog *watchdog = watched->watchdog;
    if (watchdog->watched != watched || !watchdog->open)
        return;
    watchdog->quiet = 0;
    uv_timer_start(&watchdog->timer, on_tick, TICK_MS, TICK_MS);
}

static void wake(struct guard *guard)
{
    struct watched *watched = container_of(guard, struct watched, guard);
    iothread_call(watched->watchdog->io, &watched->wake);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct watchdog *watchdog = container_of((uv_timer_t *)handle, struct watchdog, timer);
    watchdog->open = false;
    uv_sem_post(&watchdog->changed);
}

static void on_change(struct iocall *call)
{
    struct watchdog *watchdog = container_of(call, struct watchdog, change);
    watchdog->watched = watchdog->next;
    watchdog->seen = 0;
    watchdog->quiet = 0;
    if (!watchdog->open)
        watchdog->open = uv_timer_init(iothread_uv(watchdog->io), &watchdog->timer) == 0;
    uv_timer_stop(&watchdog->timer);
    if (watchdog->watched)
        uv_sem_post(&watchdog->changed);
    else
        uv_close((uv_handle_t *)&watchdog->timer, on_timer_closed);
}

static void change(struct watchdog *watchdog, struct watched *next)
{
    watchdog->next = next;
    iothread_call(watchdog->io, &watchdog->change);
    uv_sem_wait(&watchdog->changed);
}

struct watchdog *watchdog_start(struct iothread *io, int64_t cpu, void (*stuck)(void *data),
                                void *data, struct err *err)
{
    struct watchdog *watchdog = calloc(1, sizeof(*watchdog));
    if (!watchdog || uv_sem_init(&watchdog->changed, 0) != 0) {
        free(watchdog);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the watchdog");
        return NULL;
    }
    watchdog->io = io;
    watchdog->limit = cpu;
    watchdog->stuck = stuck;
    watchdog->data = data;
    watchdog->change.fn = on_change;
    return watchdog;
}

struct guard *watchdog_guard(struct watchdog *watchdog)
{
    struct watched *watched = calloc(1, sizeof(*watched));
    if (!watched)
        return NULL;
    watched->watchdog = watchdog;
    watched->wake.fn = on_wake;
    guard_init(&watched->guard, wake);
    change(watchdog, watched);
    watchdog->last = watched;
    return &watched->guard;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (watchdog && watchdog->watched)
        change(watchdog, NULL);
}

void watchdog_free(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    free(watchdog->last);
    uv_sem_destroy(&watchdog->changed);
    free(watchdog);
}
