/* The handshake of a thread that runs Lua with its watchdog: one atomic word. */
#include "io/guard.h"

#include <unistd.h>

enum { INSIDE = 1, GIVEN_UP = 2, ENTERED_ONCE = 4 };

void guard_init(struct guard *guard, void (*wake)(struct guard *guard))
{
    atomic_init(&guard->state, 0);
    atomic_init(&guard->unwatched, wake != NULL);
    atomic_init(&guard->reminded, 0);
    guard->wake = wake;
    guard->thread = pthread_self();
}

/* Nobody waits for this thread any more, and nothing of it can be freed. */
static _Noreturn void park(void)
{
    for (;;)
        pause();
}

void guard_enter(struct guard *guard)
{
    atomic_fetch_add(&guard->state, ENTERED_ONCE | INSIDE); /* orders it before the look below */
    if (atomic_load(&guard->unwatched) && atomic_exchange(&guard->unwatched, false))
        guard->wake(guard);
}

void guard_leave(struct guard *guard)
{
    if (atomic_fetch_sub(&guard->state, INSIDE) & GIVEN_UP)
        park();
}

void guard_check(struct guard *guard)
{
    if (atomic_load_explicit(&guard->state, memory_order_acquire) & GIVEN_UP)
        park();
}

void guard_remind(struct guard *guard, uint_fast64_t seen)
{
    atomic_store(&guard->reminded, seen);
}

void guard_signal(struct guard *guard)
{
    pthread_kill(guard->thread, GUARD_SIGNAL);
}

bool guard_is_reminded(struct guard *guard)
{
    uint_fast64_t state = atomic_load_explicit(&guard->state, memory_order_relaxed);
    return atomic_load_explicit(&guard->reminded, memory_order_relaxed) == state &&
           atomic_compare_exchange_strong(&guard->reminded, &state, 0);
}

bool guard_give_up(struct guard *guard, uint_fast64_t seen)
{
    return guard_is_inside(seen) &&
           atomic_compare_exchange_strong(&guard->state, &seen, seen | GIVEN_UP);
}
