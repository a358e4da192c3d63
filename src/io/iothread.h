/* The background I/O thread: one libuv loop for what gRPC core does not wait for: new connections,
 * signals, timers, files, processes. It never touches Lua or a gRPC call; results go to the loop
 * thread with loop_post. */
#ifndef LUACSI_IO_IOTHREAD_H
#define LUACSI_IO_IOTHREAD_H

#include "base/err.h"
#include "io/loop.h"

#include <uv.h>

struct iothread;

/* Work handed to the I/O thread; it lies in its owner until fn was called. */
struct iocall {
    struct iocall *next; /* iothread_call's own */
    void (*fn)(struct iocall *call);
};

/* Something that lives as long as the I/O thread and is made on it when it is first needed; it lies
 * in its owner. I/O thread. */
struct iopart {
    const void *kind; /* what it is: the address of something of its owner's */
    /* The thread ends: closes every handle, then gives the memory back. */
    void (*end)(struct iopart *part);
    struct iopart *next; /* iothread_add_part's own */
};

/* Blocks SIGTERM, SIGINT and SIGHUP in the calling thread and in those that it starts from now on,
 * and ignores SIGPIPE and SIGXFSZ: a blocked signal waits until iothread_on_signal takes it. Call
 * it before loop_new, because gRPC core starts threads; iothread_start does the same for its
 * caller. */
void iothread_block_signals(void);

/* Starts the thread. loop is borrowed until iothread_stop. NULL and err (STATUS_RESOURCE_EXHAUSTED)
 * when the system has no thread, memory or descriptors for it. */
struct iothread *iothread_start(struct loop *loop, struct err *err);

/* Ends the thread and waits for it; nothing is posted to the loop afterwards. Whoever has handles
 * on iothread_uv must have closed them before (parts do so now), and every operation (io/ioop.h)
 * must have finished or been cancelled. Not on the I/O thread. */
void iothread_stop(struct iothread *io);

/* Gives the memory back: after iothread_stop and after loop_free, since a signal may still be on
 * its way through the loop. NULL is allowed. */
void iothread_free(struct iothread *io);

/* Has call->fn called on the I/O thread, in the order of the calls. Any thread, until
 * iothread_stop. */
void iothread_call(struct iothread *io, struct iocall *call);

/* The loop that the thread was started with. Any thread. */
struct loop *iothread_loop(struct iothread *io);

/* The part of this kind, or NULL when there is none yet. I/O thread. */
struct iopart *iothread_part(struct iothread *io, const void *kind);
void iothread_add_part(struct iothread *io, struct iopart *part);

/* The libuv loop, for code that runs on the I/O thread. */
uv_loop_t *iothread_uv(struct iothread *io);

/* From now on SIGTERM, SIGINT and SIGHUP call fn(data, number) on the loop thread; signals of one
 * kind that come faster than that are one. At most once. Any thread. */
void iothread_on_signal(struct iothread *io, void (*fn)(void *data, int number), void *data);

#endif
