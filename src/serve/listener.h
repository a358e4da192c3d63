/* The listener: accepts connections by itself and hands their descriptors over, since gRPC core's
 * own never accepts again once descriptors ran out, and takes a live socket from its owner. */
#ifndef LUACSI_SERVE_LISTENER_H
#define LUACSI_SERVE_LISTENER_H

#include "base/err.h"
#include "io/endpoint.h"
#include "io/iothread.h"
#include "io/loop.h"

#include <sys/types.h>

struct listener;

/* Binds and listens at once, without any thread: clients may connect and wait from now on. endpoint
 * is copied; mode and errors as in bound_open. NULL and err when it fails. */
struct listener *listener_open(const struct endpoint *endpoint, mode_t mode, struct err *err);

/* Accepts on the I/O thread; each connection's descriptor (non-blocking, close-on-exec) goes to
 * accepted(data, fd) on the loop thread, which owns it from then on. While the process or the
 * system has no descriptors left, clients wait in the backlog. Fails with STATUS_RESOURCE_EXHAUSTED
 * when the I/O thread cannot watch the socket. Loop thread; once. */
int listener_start(struct listener *listener, struct iothread *io, struct loop *loop,
                   void (*accepted)(void *data, int fd), void *data, struct err *err);

/* Closes the socket as listener_stop does, for a while, and cuts all connections that came through
 * it. Loop thread, after listener_start. */
void listener_pause(struct listener *listener);

/* Binds the socket again and goes on after listener_pause. Errors as of bound_open and of
 * listener_start; it stays paused then. Loop thread. */
int listener_resume(struct listener *listener, struct err *err);

/* Stops accepting, removes the socket's file if it is still ours, and closes the socket: clients
 * that were not accepted are turned away. accepted is not called any more. Loop thread, while the
 * I/O thread runs, or before listener_start; a second time does nothing. */
void listener_stop(struct listener *listener);

/* Gives the memory back, after listener_stop; a listener that was started, after loop_free too,
 * since a descriptor may still be on its way through the loop. NULL is allowed. */
void listener_free(struct listener *listener);

#endif
