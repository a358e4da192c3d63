/* Keeps the heap of timers in order. Setting one takes a step; taking one out takes, on average, as
 * many as the logarithm of their number. Loop thread. */
#include "io/timer.h"

#include <stddef.h>

static bool is_sooner(const struct timer *a, const struct timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

/* Two heaps, each by its first timer, become one: the later timer goes below the other. NULL: there
 * is none. */
static struct timer *merge(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    struct timer *top = is_sooner(b, a) ? b : a;
    struct timer *below = top == a ? b : a;
    below->previous = top;
    below->next = top->child;
    if (below->next)
        below->next->previous = below;
    top->child = below;
    return top;
}

/* All that have one parent become one heap: in pairs, from the left, then from the right. */
static struct timer *merge_all(struct timer *list)
{
    struct timer *pairs = NULL;
    struct timer *top = NULL;
    while (list) {
        struct timer *a = list;
        struct timer *b = a->next;
        list = b ? b->next : NULL;
        struct timer *pair = merge(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct timer *pair = pairs;
        pairs = pair->next;
        top = merge(top, pair);
    }
    return top;
}

static struct timer *become_first(struct timer *timer)
{
    if (timer)
        timer->previous = timer->next = NULL;
    return timer;
}

/* Out of the list below its parent. */
static void cut(struct timer *timer)
{
    if (timer->previous->child == timer)
        timer->previous->child = timer->next;
    else
        timer->previous->next = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
}

void timers_set(struct timers *timers, struct timer *timer, int64_t at)
{
    timers_clear(timer);
    timer->timers = timers;
    timer->at = at;
    timer->order = timers->set++;
    timers->first = become_first(merge(timers->first, timer));
}

void timers_clear(struct timer *timer)
{
    struct timers *timers = timer->timers;
    if (!timers)
        return;
    struct timer *rest = merge_all(timer->child);
    if (timers->first == timer) {
        timers->first = become_first(rest);
    } else {
        cut(timer);
        timers->first = become_first(merge(timers->first, rest));
    }
    timer->timers = NULL;
    timer->child = timer->next = timer->previous = NULL;
}

bool timer_is_set(const struct timer *timer)
{
    return timer->timers != NULL;
}
