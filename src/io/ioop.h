/* An operation that the loop thread asks for and the I/O thread carries out: what all of them
 * share. It is over for its owner when it has finished, at its timeout or when it is cancelled,
 * whichever comes first; it then lives on by itself until the I/O thread has let go of it.
 *
 * iothread_stop waits for the operations under way, and they only hurry once they are over: cancel
 * all of them before it. */
#ifndef LUACSI_IO_IOOP_H
#define LUACSI_IO_IOOP_H

#include "base/err.h"
#include "io/iothread.h"
#include "io/loop.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct ioop;

struct ioop_kind {
    /* I/O thread: starts the work, which ends in ioop_end; it may end in here. */
    void (*begin)(struct ioop *op);
    /* I/O thread: nobody waits for the result any more, so the work shall end in ioop_end as soon
     * as it can. Called at most once, after begin and only while the work has not ended. */
    void (*stop)(struct ioop *op);
    /* Loop thread: tells the owner, once; never after ioop_cancel. timed_out: the I/O thread still
     * works on the operation, so nothing that it writes may be read. */
    void (*finish)(struct ioop *op, bool timed_out);
    /* Gives the memory back. Last of all; any thread. */
    void (*free)(struct ioop *op);
};

/* It lies in the operation that it is part of. Nothing here is for anyone but ioop.c. */
struct ioop {
    const struct ioop_kind *kind;
    struct iothread *io; /* borrowed */
    bool over;           /* loop thread: the owner has been told, or does not want to know */
    bool ended;          /* I/O thread: ioop_end was called */
    atomic_uint refs;    /* the work, and the call of stop when it is under way */
    struct iocall begin;
    struct iocall stop;
    struct post end;
    struct timer timer; /* loop thread */
};

/* Starts an operation; never calls back before it has returned. timeout: nanoseconds, above 0. Loop
 * thread. */
void ioop_start(struct ioop *op, const struct ioop_kind *kind, struct iothread *io,
                int64_t timeout);

/* The owner does not want the result any more: finish is not called. Not for an operation that is
 * over. Loop thread. */
void ioop_cancel(struct ioop *op);

/* The work has ended: libuv knows nothing of the operation any more. I/O thread. */
void ioop_end(struct ioop *op);

/* What an operation that timed out tells its owner: "name: not done within 5 s". */
void ioop_timed_out(const char *name, int64_t timeout, struct err *err);

#endif
