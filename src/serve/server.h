/* A gRPC server: methods registered, connections added as they are accepted, calls answered by the
 * script or by the host. One for each socket. Loop thread. */
#ifndef LUACSI_SERVE_SERVER_H
#define LUACSI_SERVE_SERVER_H

#include "base/err.h"
#include "io/loop.h"
#include "script/vm.h"
#include "serve/status.h"
#include "serve/stream.h"

#include <stdint.h>

struct metrics;
struct server;
struct fixture;
struct upstream;

enum { SERVER_STREAMS = 8 };

struct server_options {
    struct loop *loop;            /* borrowed until server_free, as vm */
    const struct method *methods; /* what can be called, of the catalog */
    size_t n_methods;
    struct vm *vm;                   /* that answers those of CSI; NULL when there are none */
    const struct sessions *sessions; /* as in rpc_host */
    struct upstream *upstream;       /* the same */
    struct fixture *fixture;         /* the same */
    size_t max_in_flight;            /* calls */
    /* The methods that are the host's, not the script's: call by call... */
    void (*answer)(void *data, struct host_call *call);
    /* As of struct rpc_host. */
    void (*vanish)(void *data, int64_t duration);
    void *data;             /* for both */
    size_t most_host_bytes; /* of a request to one of the host's methods */
    /* ...and as streams; a path of NULL ends the list. */
    struct stream_method streams[SERVER_STREAMS];
};

/* Starts serving, without any connection yet. NULL and err when gRPC core refuses. */
struct server *server_new(const struct server_options *options, struct err *err);

/* From now on calls are answered by vm; those in flight are not touched. */
void server_answer_with(struct server *server, struct vm *vm);

/* Counts calls there from now on. */
void server_count(struct server *server, struct metrics *metrics);

/* Fills what the server knows. */
void server_report(const struct server *server, struct status_report *report);

/* Serves the connected, non-blocking socket fd, and owns it from now on. */
void server_add_connection(struct server *server, int fd);

/* Ends the streams, and lets calls in flight finish, for at most grace nanoseconds; what is left
 * then is cancelled. Calls done(data) when no call is left. Once. */
void server_shutdown(struct server *server, int64_t grace, void (*done)(void *data), void *data);

/* Ends the waiting of server_shutdown: cancels what is still in flight. */
void server_cancel_calls(struct server *server);

/* After server_shutdown's done. */
void server_free(struct server *server);

#endif
