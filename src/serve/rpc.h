/* Inbound calls of the methods of CSI. Each struct rpc waits for one call, answers it and waits for
 * the next: it is the only memory that a call needs. Loop thread. */
#ifndef LUACSI_SERVE_RPC_H
#define LUACSI_SERVE_RPC_H

#include "csi/catalog.h"
#include "script/codec.h"
#include "script/vm.h"
#include "serve/host_call.h"

#include <grpc/grpc.h>
#include <stdbool.h>

struct metrics;
struct fixture;
struct sessions;
struct upstream;

/* What calls have in common; it outlives them. */
struct rpc_host {
    grpc_server *server;
    grpc_completion_queue *queue;
    struct vm *vm;   /* that answers calls from now on; NULL: all are the host's */
    size_t max_open; /* most calls in flight; what comes beyond is RESOURCE_EXHAUSTED */
    /* Answers calls of the host's own methods, whose requests have at most most_host_bytes. */
    void (*answer)(void *data, struct host_call *call);
    /* The script wants the socket to be gone for so many nanoseconds, and all connections. */
    void (*vanish)(void *data, int64_t duration);
    void *data;
    size_t most_host_bytes;
    struct metrics *metrics;   /* NULL: nobody asks for them */
    struct upstream *upstream; /* who answers what the script does not; NULL: nobody */
    struct fixture *fixture;   /* that is told what upstream answers; NULL: nobody */
    /* NULL: vm answers all calls; else that of the session, and calls are kept in its journal */
    const struct sessions *sessions;
    uint64_t n_calls; /* since the start; makes the ids */
    size_t n_open;    /* calls taken and not yet answered */
    size_t n_waiting; /* structs that gRPC core holds: it must give back each one before it ends */
    bool stopping;    /* no further call is waited for */
    /* Told while stopping, when n_open or n_waiting has fallen. */
    void (*fell)(struct rpc_host *host);
};

/* While stopping, tells that n_open or n_waiting has fallen. */
static inline void rpc_host_fell(struct rpc_host *host)
{
    if (host->stopping)
        host->fell(host);
}

struct rpc;

/* One that will take calls of method, whose handle in gRPC core is registered. It goes before those
 * in *list (rpc_next walks it). False when memory is short. */
bool rpc_new(struct rpc **list, struct rpc_host *host, const struct method *method,
             void *registered);

/* The next in the list of rpc_new; NULL at its end. */
struct rpc *rpc_next(const struct rpc *rpc);

/* Waits for a call, answers it, and waits again until the server shuts down; then it frees itself.
 * The server must have started. */
void rpc_wait(struct rpc *rpc);

/* Frees one that does not wait. */
void rpc_free(struct rpc *rpc);

#endif
