/* A socket that listens on an endpoint: how it gets there without taking anything from others, and
 * how it goes without leaving anything behind. No thread of its own; the caller's thread. */
#ifndef LUACSI_SERVE_BOUND_H
#define LUACSI_SERVE_BOUND_H

#include "base/err.h"
#include "io/endpoint.h"

#include <stdbool.h>
#include <sys/types.h>

struct bound {
    struct endpoint endpoint;
    int fd;    /* listening, non-blocking, close-on-exec; -1 once closed */
    dev_t dev; /* of the socket's file, with ino: tells it from one that took its place */
    ino_t ino;
};

/* Binds and listens. A UNIX socket gets mode (0600: only the own user may connect); when others may
 * connect, too, by way of the process's umask, so no other thread may create files meanwhile. A
 * stale socket is replaced. No other file is ever made beside it.
 *
 * Fails with a text that begins "cannot listen on ...": STATUS_ALREADY_EXISTS when another process
 * listens there (it is left untouched), STATUS_NOT_FOUND without the directory,
 * STATUS_PERMISSION_DENIED, STATUS_FAILED_PRECONDITION when something else is in the way or the
 * system refuses. */
int bound_open(struct bound *bound, const struct endpoint *endpoint, mode_t mode, struct err *err);

/* Whether fd is a connection that was accepted from the socket: it has its address. Also when the
 * socket is closed. */
bool bound_accepted(const struct bound *bound, int fd);

/* Stops listening and removes the socket's file, unless another has taken its place. Waits up to a
 * second when someone else holds a lock on the directory. Does nothing when already closed. */
void bound_close(struct bound *bound);

#endif
