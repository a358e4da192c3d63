/* Answers calls of unknown methods, one at a time; its struct frees itself when the server shuts
 * down. */
#include "serve/unknown.h"

#include "base/log.h"
#include "base/status.h"
#include "io/loop.h"

#include <stdio.h>
#include <stdlib.h>

enum { VERBOSITY = 2 };

struct unknown {
    struct op accepted; /* the tag while it waits for a call */
    struct op sent;     /* the tag of the reply's batch */
    grpc_server *server;
    grpc_completion_queue *queue;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    int cancelled;
};

void unknown_wait(struct unknown *unknown)
{
    if (grpc_server_request_call(unknown->server, &unknown->call, &unknown->details,
                                 &unknown->metadata, unknown->queue, unknown->queue,
                                 &unknown->accepted) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
}

void unknown_free(struct unknown *unknown)
{
    if (!unknown)
        return;
    grpc_call_details_destroy(&unknown->details);
    grpc_metadata_array_destroy(&unknown->metadata);
    free(unknown);
}

static void on_sent(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, sent);
    (void)ok;
    grpc_call_unref(unknown->call);
    grpc_call_details_destroy(&unknown->details);
    grpc_call_details_init(&unknown->details);
    unknown->metadata.count = 0; /* what it held was the call's */
    unknown_wait(unknown);
}

static void on_accept(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, accepted);
    if (!ok) { /* the server shuts down */
        unknown_free(unknown);
        return;
    }
    char text[160];
    size_t n = GRPC_SLICE_LENGTH(unknown->details.method);
    snprintf(text, sizeof(text), "unknown method %.*s", n < 100 ? (int)n : 100,
             (const char *)GRPC_SLICE_START_PTR(unknown->details.method));
    if (log_v(VERBOSITY))
        log_info("Call failed", log_str("code", status_name(STATUS_UNIMPLEMENTED)),
                 log_str("message", text));
    grpc_slice details = grpc_slice_from_copied_string(text);
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {.status = GRPC_STATUS_UNIMPLEMENTED,
                                          .status_details = &details}},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
         .data.recv_close_on_server.cancelled = &unknown->cancelled},
    };
    if (grpc_call_start_batch(unknown->call, ops, sizeof(ops) / sizeof(ops[0]), &unknown->sent,
                              NULL) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
    grpc_slice_unref(details);
}

struct unknown *unknown_new(grpc_server *server, grpc_completion_queue *queue)
{
    struct unknown *unknown = calloc(1, sizeof(*unknown));
    if (!unknown)
        return NULL;
    *unknown = (struct unknown){
        .accepted.fn = on_accept,
        .sent.fn = on_sent,
        .server = server,
        .queue = queue,
    };
    grpc_call_details_init(&unknown->details);
    grpc_metadata_array_init(&unknown->metadata);
    return unknown;
}
