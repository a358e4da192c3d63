/* One inbound call handed on to the driver behind this one, as it is: messages both ways, any
 * number of them, metadata, status. No message is opened. Loop thread. */
#ifndef LUACSI_SERVE_RELAY_H
#define LUACSI_SERVE_RELAY_H

#include "base/err.h"
#include "io/upstream.h"
#include "script/codec.h"

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stdint.h>

struct relay;

/* How it ended. Borrowed for the call of done. */
struct relay_end {
    int status;          /* what the caller got; perhaps none that enum status knows */
    const char *message; /* of the status; cut where it is very long */
    bool by_driver;      /* the driver answered; else the status was made on the way */
    struct bytes reply;  /* the first message that came, if keeps_reply was set */
    unsigned n_replies;  /* messages that came */
    int64_t nanoseconds; /* from the start to the driver's status */
};

/* What is to be handed on. */
struct relay_call {
    grpc_call *call; /* the caller's; it, and what belongs to it, stays until done */
    grpc_slice path; /* borrowed for relay_start */
    gpr_timespec deadline;
    const grpc_metadata_array *metadata;
    bool is_read;              /* the caller's only message was read */
    grpc_byte_buffer *payload; /* that one; borrowed until done. NULL: it sent none */
    bool keeps_reply;
    /* Called once, later: the status is out, or the caller is gone. No batch of the relay is under
     * way on call any more. */
    void (*done)(void *data, const struct relay_end *end);
    void *data;
};

/* Begins; sends everything of the caller's call but RECV_CLOSE_ON_SERVER, which is its owner's.
 * NULL and err when memory is short. */
struct relay *relay_start(struct upstream *upstream, grpc_completion_queue *queue,
                          const struct relay_call *call, struct err *err);

/* The caller is gone: the driver's call is cancelled. done is still called. */
void relay_cancel(struct relay *relay);

#endif
