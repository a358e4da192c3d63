/* Work that may block for long and cannot be interrupted: file systems, name servers. It runs in
 * threads that are made as they are needed, so that what hangs holds up nobody else. (The pool of
 * libuv has a fixed number of threads, and its loop does not end before they are done.) */
#ifndef LUACSI_IO_WORK_H
#define LUACSI_IO_WORK_H

#include "base/err.h"
#include "io/iothread.h"

#include <stdbool.h>

/* One piece of work. It lies in memory of its own, apart from who asked for it. */
struct work {
    /* In a thread of the pool; touches nothing but the work's own memory. */
    void (*run)(struct work *work);
    /* I/O thread: run has returned; not after work_abandon. */
    void (*done)(struct work *work);
    /* Gives the memory back: after done, or whenever an abandoned run has returned. Any thread. */
    void (*free)(struct work *work);

    /* work.c's own */
    struct iothread *io;
    struct iocall call;
    struct work *next; /* of those that wait for a thread */
    bool abandoned;    /* written by the I/O thread, under the lock */
};

/* Has work->run called. -1 and err (STATUS_RESOURCE_EXHAUSTED) when so many hang already, or the
 * system has no thread; work->free was not called then. I/O thread. */
int work_start(struct work *work, struct iothread *io, struct err *err);

/* Nobody wants the result; not after done. I/O thread. */
void work_abandon(struct work *work);

#endif
