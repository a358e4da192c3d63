/* A second gRPC server in the same process, with one service of the host's own on a socket of its
 * own: nothing of CSI can be reached there, and the service not on CSI's socket. Loop thread. */
#ifndef LUACSI_SERVE_SIDE_SERVER_H
#define LUACSI_SERVE_SIDE_SERVER_H

#include "base/err.h"
#include "io/endpoint.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "serve/host_call.h"

#include <sys/types.h>

struct side_server;

struct side_server_options {
    const struct endpoint *endpoint; /* where to listen; copied */
    mode_t mode;                     /* of a UNIX socket */
    struct loop *loop;
    const char *service;     /* full name: "luacsi.v1.Control" */
    const char *descriptors; /* the embedded set that reflection shows; NULL: no reflection */
    size_t most_bytes;       /* of a request, up to 4 MiB */
    /* Answers a call of the service, before it returns or later. */
    void (*answer)(void *data, struct host_call *call);
    void *data; /* for answer */
};

/* Binds and listens: clients may connect and wait from now on. A stale socket is replaced, a live
 * one left alone. NULL and err: as bound_open, or gRPC core refuses. */
struct side_server *side_server_new(const struct side_server_options *options, struct err *err);

/* Serves from now on. Once. */
int side_server_start(struct side_server *side, struct iothread *io, struct err *err);

/* Stops listening, removes the socket and ends the calls: as server_shutdown, which then calls
 * done(data). While the I/O thread runs, or before side_server_start. */
void side_server_shutdown(struct side_server *side, int64_t grace, void (*done)(void *data),
                          void *data);

/* Ends the waiting of side_server_shutdown. */
void side_server_cancel_calls(struct side_server *side);

/* After side_server_shutdown's done, before loop_free. NULL is allowed, as below. */
void side_server_close(struct side_server *side);

/* After side_server_close and loop_free: a connection may still be on its way through the loop. */
void side_server_free(struct side_server *side);

#endif
