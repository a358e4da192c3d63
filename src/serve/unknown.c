/* Answers calls of unknown methods, one at a time; its struct frees itself when the server shuts
 * down. */
#include "serve/unknown.h"

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "io/loop.h"
#include "serve/call_context.h"

#include <stdio.h>
#include <stdlib.h>

enum { VERBOSITY = 2 };

struct unknown {
    struct op accepted; /* the tag while it waits for a call */
    struct op sent;     /* the tag of the reply's batch */
    struct rpc_host *host;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    int cancelled;
};

void unknown_wait(struct unknown *unknown)
{
    grpc_completion_queue *queue = unknown->host->queue;
    if (grpc_server_request_call(unknown->host->server, &unknown->call, &unknown->details,
                                 &unknown->metadata, queue, queue,
                                 &unknown->accepted) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
    unknown->host->n_waiting++;
}

void unknown_free(struct unknown *unknown)
{
    if (!unknown)
        return;
    grpc_call_details_destroy(&unknown->details);
    grpc_metadata_array_destroy(&unknown->metadata);
    free(unknown);
}

/* gRPC core has given it back for good. */
static void retire(struct unknown *unknown)
{
    struct rpc_host *host = unknown->host;
    unknown_free(unknown);
    rpc_host_fell(host);
}

static void on_sent(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, sent);
    (void)ok;
    grpc_call_unref(unknown->call);
    grpc_call_details_destroy(&unknown->details);
    grpc_call_details_init(&unknown->details);
    unknown->metadata.count = 0; /* what it held was the call's */
    unknown->host->n_open--;
    if (unknown->host->stopping)
        retire(unknown);
    else
        unknown_wait(unknown);
}

static void log_unknown(const struct unknown *unknown, const char *method)
{
    char id[CALL_ID_TEXT];
    call_id(&unknown->metadata, unknown->host->n_calls, id);
    log_info("Call failed", log_str("method", method), log_str("id", id),
             log_str("code", status_name(STATUS_UNIMPLEMENTED)),
             log_str("message", "unknown method"));
}

static void on_accept(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, accepted);
    unknown->host->n_waiting--;
    if (!ok) { /* the server shuts down */
        retire(unknown);
        return;
    }
    unknown->host->n_open++;
    unknown->host->n_calls++;
    char method[101], text[160];
    const char *path = (const char *)GRPC_SLICE_START_PTR(unknown->details.method);
    snprintf(method, sizeof(method), "%.*s",
             (int)text_cut(path, GRPC_SLICE_LENGTH(unknown->details.method), sizeof(method) - 1),
             path);
    snprintf(text, sizeof(text), "unknown method %s", method);
    if (log_v(VERBOSITY))
        log_unknown(unknown, method);
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

struct unknown *unknown_new(struct rpc_host *host)
{
    struct unknown *unknown = calloc(1, sizeof(*unknown));
    if (!unknown)
        return NULL;
    *unknown = (struct unknown){
        .accepted.fn = on_accept,
        .sent.fn = on_sent,
        .host = host,
    };
    grpc_call_details_init(&unknown->details);
    grpc_metadata_array_init(&unknown->metadata);
    return unknown;
}
