/* Batches of operations on the calls that a server sees through. Loop thread. */
#ifndef LUACSI_SERVE_BATCH_H
#define LUACSI_SERVE_BATCH_H

#include "io/loop.h"

#include <stdlib.h>

/* Starts a batch that ends in tag, and counts it among those that its owner has under way. */
static inline void batch_start(grpc_call *call, const grpc_op *ops, size_t n, struct op *tag,
                               unsigned *under_way)
{
    if (grpc_call_start_batch(call, ops, n, tag, NULL) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
    ++*under_way;
}

/* The operation that lasts as long as an inbound call: until its status is out, or its caller is
 * gone. cancelled: room for its result. */
static inline grpc_op batch_wait_for_close(int *cancelled)
{
    return (grpc_op){.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                     .data.recv_close_on_server.cancelled = cancelled};
}

#endif
