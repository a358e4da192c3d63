/* Owns the completion queue and the list of posts. loop_post may be called by any thread,
 * everything else by the loop thread. */
#include "io/loop.h"

#include "base/abseil.h"
#include "base/log.h"
#include "io/clock.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { EVENTS_PER_TURN = 64 }; /* that may be handled before who computes gets a turn */

struct loop {
    grpc_completion_queue *queue;
    grpc_channel *lame; /* a channel to nowhere, whose calls cost nothing */
    grpc_call *waker;   /* an empty batch on it completes at once: the only way to wake the queue */
    struct op wake;     /* the tag of that batch */
    struct ready *turns; /* loop thread only, as timers: who waits for a turn, oldest first */
    struct ready **last_turn;
    struct timers timers; /* loop thread only, as what follows */
    struct alarms alarms; /* empty unless the clock of scripts is virtual */
    bool stopping;
    struct post *taken;   /* to be run next; outlives a thread that gets stuck in one of them */
    pthread_mutex_t lock; /* of the fields below */
    struct post *first;   /* oldest post not yet run */
    struct post **last;   /* where the next one goes */
    bool waking;          /* the wake batch is under way */
};

static void take_posts(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->taken = loop->first;
    loop->first = NULL;
    loop->last = &loop->first;
    loop->waking = false;
    pthread_mutex_unlock(&loop->lock);
}

static void run_taken(struct loop *loop)
{
    while (loop->taken) {
        struct post *post = loop->taken;
        loop->taken = post->next; /* fn may free its post */
        post->fn(post);
    }
}

static void run_posts(struct op *op, bool ok)
{
    struct loop *loop = container_of(op, struct loop, wake);
    (void)ok;
    take_posts(loop);
    run_taken(loop);
}

/* gRPC core's own messages, into our log: its own way to standard error may block. */
static void log_core(gpr_log_func_args *args)
{
    log_write(args->severity == GPR_LOG_SEVERITY_ERROR ? LOG_ERROR : LOG_INFO, args->file,
              args->line, "gRPC core",
              (const struct log_field[]){log_str("text", args->message), {.kind = LOG_END}});
}

struct loop *loop_new(struct err *err)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the event loop");
        return NULL;
    }
    abseil_quiet();
    gpr_set_log_function(log_core);
    grpc_init();
    loop->queue = grpc_completion_queue_create_for_next(NULL);
    loop->lame = grpc_lame_client_channel_create(NULL, GRPC_STATUS_UNAVAILABLE, "wakes the loop");
    loop->waker = grpc_channel_create_call(loop->lame, NULL, 0, loop->queue,
                                           grpc_slice_from_static_string("/wake"), NULL,
                                           gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    loop->wake.fn = run_posts;
    loop->last = &loop->first;
    loop->last_turn = &loop->turns;
    alarms_init(&loop->alarms);
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

static void dispatch(const grpc_event *event)
{
    struct op *op = event->tag;
    op->fn(op, event->success);
}

void loop_free(struct loop *loop)
{
    grpc_call_unref(loop->waker);
    grpc_channel_destroy(loop->lame);
    grpc_completion_queue_shutdown(loop->queue);
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(loop->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        dispatch(&event);
    }
    grpc_completion_queue_destroy(loop->queue);
    grpc_shutdown();
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

grpc_completion_queue *loop_queue(struct loop *loop)
{
    return loop->queue;
}

int64_t loop_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Calls the timers whose time has come. */
static void run_timers(struct loop *loop)
{
    int64_t now = loop_now();
    for (struct timer *timer; (timer = timers_first(&loop->timers)) && timer->at <= now;) {
        timers_clear(timer);
        timer->fn(timer);
    }
}

/* Gives the oldest one that waits for a turn its turn. */
static void run_turn(struct loop *loop)
{
    struct ready *ready = loop->turns;
    loop_unready(loop, ready);
    ready->fn(ready);
}

void loop_ready(struct loop *loop, struct ready *ready)
{
    ready->next = NULL;
    ready->place = loop->last_turn;
    *loop->last_turn = ready;
    loop->last_turn = &ready->next;
}

void loop_unready(struct loop *loop, struct ready *ready)
{
    if (!ready->place)
        return;
    *ready->place = ready->next;
    if (ready->next)
        ready->next->place = ready->place;
    else
        loop->last_turn = ready->place;
    ready->place = NULL;
}

static gpr_timespec next_deadline(const struct loop *loop)
{
    if (loop->turns || alarms_ready(&loop->alarms))
        return gpr_inf_past(GPR_CLOCK_MONOTONIC);
    const struct timer *first = timers_first(&loop->timers);
    return first ? gpr_time_from_nanos(first->at, GPR_CLOCK_MONOTONIC)
                 : gpr_inf_future(GPR_CLOCK_MONOTONIC);
}

void loop_run(struct loop *loop)
{
    unsigned events = 0; /* since the last turn */
    loop->stopping = false;
    run_taken(loop); /* what the thread before left, when it got stuck */
    while (!loop->stopping) {
        grpc_event event = grpc_completion_queue_next(loop->queue, next_deadline(loop), NULL);
        if (event.type == GRPC_OP_COMPLETE)
            dispatch(&event);
        if (timers_first(&loop->timers))
            run_timers(loop);
        if (loop->turns && (event.type == GRPC_QUEUE_TIMEOUT || ++events == EVENTS_PER_TURN)) {
            events = 0;
            run_turn(loop);
        }
        if (!loop->turns && alarms_ready(&loop->alarms))
            alarms_step(&loop->alarms);
    }
}

void loop_timer_set(struct loop *loop, struct timer *timer, int64_t delay)
{
    timers_set(&loop->timers, timer, loop_now() + delay);
}

void loop_alarm_set(struct loop *loop, struct timer *timer, int64_t delay)
{
    if (clock_is_virtual())
        timers_set(&loop->alarms.timers, timer, clock_now() + delay);
    else
        loop_timer_set(loop, timer, delay);
}

void loop_timer_clear(struct loop *loop, struct timer *timer)
{
    (void)loop;
    timers_clear(timer);
}

int loop_advance(struct loop *loop, struct advance *advance, struct err *err)
{
    return alarms_advance(&loop->alarms, advance, err);
}

void loop_advance_cancel(struct loop *loop, struct advance *advance)
{
    alarms_cancel(&loop->alarms, advance);
}

void loop_hold_clock(struct loop *loop)
{
    loop->alarms.held++;
}

void loop_release_clock(struct loop *loop)
{
    loop->alarms.held--;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_post(struct loop *loop, struct post *post)
{
    post->next = NULL;
    pthread_mutex_lock(&loop->lock);
    *loop->last = post;
    loop->last = &post->next;
    bool wake = !loop->waking;
    loop->waking = true;
    pthread_mutex_unlock(&loop->lock);
    if (wake)
        grpc_call_start_batch(loop->waker, NULL, 0, &loop->wake, NULL);
}
