/* Takes operations from the loop thread to the I/O thread and back; owns nothing itself.
 *
 * The work holds one reference, from ioop_start until its end was told on the loop thread; a call
 * of stop holds another, because it may arrive when the work has just ended. */
#include "io/ioop.h"

static void unref(struct ioop *op)
{
    if (atomic_fetch_sub(&op->refs, 1) == 1)
        op->kind->free(op);
}

/* ---- I/O thread ---- */

static void on_begin(struct iocall *call)
{
    struct ioop *op = container_of(call, struct ioop, begin);
    op->kind->begin(op);
}

static void on_stop(struct iocall *call)
{
    struct ioop *op = container_of(call, struct ioop, stop);
    if (!op->ended)
        op->kind->stop(op);
    unref(op);
}

void ioop_end(struct ioop *op)
{
    op->ended = true;
    loop_post(iothread_loop(op->io), &op->end);
}

/* ---- loop thread ---- */

static void on_end(struct post *post)
{
    struct ioop *op = container_of(post, struct ioop, end);
    if (!op->over) {
        op->over = true;
        loop_timer_clear(iothread_loop(op->io), &op->timer);
        op->kind->finish(op, false);
    }
    unref(op);
}

static void stop(struct ioop *op)
{
    op->over = true;
    atomic_fetch_add(&op->refs, 1);
    iothread_call(op->io, &op->stop);
}

static void on_timeout(struct timer *timer)
{
    struct ioop *op = container_of(timer, struct ioop, timer);
    stop(op); /* on_end, which lets go of op, cannot come before this returns */
    op->kind->finish(op, true);
}

void ioop_start(struct ioop *op, const struct ioop_kind *kind, struct iothread *io, int64_t timeout)
{
    *op = (struct ioop){
        .kind = kind,
        .io = io,
        .begin.fn = on_begin,
        .stop.fn = on_stop,
        .end.fn = on_end,
        .timer.fn = on_timeout,
    };
    atomic_init(&op->refs, 1);
    loop_timer_set(iothread_loop(io), &op->timer, timeout);
    iothread_call(io, &op->begin);
}

void ioop_cancel(struct ioop *op)
{
    loop_timer_clear(iothread_loop(op->io), &op->timer);
    stop(op);
}

void ioop_timed_out(const char *name, int64_t timeout, struct err *err)
{
    err_set(err, STATUS_DEADLINE_EXCEEDED, "%s: not done within %g s", name, (double)timeout / 1e9);
}
