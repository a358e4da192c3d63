/* Owns the heap of timers; the timers themselves are their owners'. Loop thread. */
#include "io/timer.h"

#include <stdlib.h>

static void put(struct timers *timers, size_t place, struct timer *timer)
{
    timers->heap[place - 1] = timer;
    timer->place = place;
}

static struct timer *get(const struct timers *timers, size_t place)
{
    return timers->heap[place - 1];
}

static bool is_sooner(const struct timer *a, const struct timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void sift_up(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    for (; place > 1 && is_sooner(timer, get(timers, place / 2)); place /= 2)
        put(timers, place, get(timers, place / 2));
    put(timers, place, timer);
}

static void sift_down(struct timers *timers, struct timer *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t child = place * 2;
        if (child > timers->n)
            break;
        if (child < timers->n && is_sooner(get(timers, child + 1), get(timers, child)))
            child++;
        if (!is_sooner(get(timers, child), timer))
            break;
        put(timers, place, get(timers, child));
        place = child;
    }
    put(timers, place, timer);
}

void timers_fini(struct timers *timers)
{
    free(timers->heap);
    *timers = (struct timers){0};
}

bool timers_set(struct timers *timers, struct timer *timer, int64_t at)
{
    timers_clear(timer);
    if (timers->n == timers->room) {
        size_t room = timers->room ? timers->room * 2 : 16;
        struct timer **heap = realloc(timers->heap, room * sizeof(struct timer *));
        if (!heap)
            return false;
        timers->heap = heap;
        timers->room = room;
    }
    timer->at = at;
    timer->order = timers->set++;
    timer->timers = timers;
    put(timers, ++timers->n, timer);
    sift_up(timers, timer);
    return true;
}

void timers_clear(struct timer *timer)
{
    struct timers *timers = timer->timers;
    size_t place = timer->place;
    if (place == 0)
        return;
    struct timer *last = get(timers, timers->n--);
    timer->place = 0;
    if (last == timer)
        return;
    put(timers, place, last);
    sift_up(timers, last);
    sift_down(timers, last);
}

struct timer *timers_first(const struct timers *timers)
{
    return timers->n > 0 ? timers->heap[0] : NULL;
}
