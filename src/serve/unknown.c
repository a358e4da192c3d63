/* Calls of methods that nobody registered: handed on to the driver behind this one, else answered
 * UNIMPLEMENTED. Loop thread.
 *
 * A struct unknown waits for a call, sees it through, and waits again. While the driver answers,
 * which may take long, another one waits in its place. All free themselves when the server shuts
 * down. */
#include "serve/unknown.h"

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "io/loop.h"
#include "serve/batch.h"
#include "serve/call_context.h"
#include "serve/relay.h"

#include <stdio.h>
#include <stdlib.h>

enum { VERBOSITY = 2, METHOD_TEXT = 101 };

struct unknown {
    struct op accepted; /* the tag while it waits for a call */
    struct op sent;     /* the tag of our own answer */
    struct op closed;   /* the tag of the wait for the caller's end, while the driver answers */
    unsigned batches;   /* under way; all of the relay's are one */
    bool is_replaced;   /* another one waits for calls in its place */
    struct rpc_host *host;
    struct relay *relay; /* while the driver behind this one answers */
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    uint64_t number; /* of the call */
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

/* It is not needed any more. */
static void retire(struct unknown *unknown)
{
    struct rpc_host *host = unknown->host;
    unknown_free(unknown);
    rpc_host_fell(host);
}

/* One batch less; after the last it is ready for the next call. */
static void end_batch(struct unknown *unknown)
{
    if (--unknown->batches > 0)
        return;
    grpc_call_unref(unknown->call);
    grpc_call_details_destroy(&unknown->details);
    grpc_call_details_init(&unknown->details);
    unknown->metadata.count = 0; /* what it held was the call's */
    unknown->host->n_open--;
    if (unknown->host->stopping || unknown->is_replaced)
        retire(unknown);
    else
        unknown_wait(unknown);
}

/* ---- the log ---- */

static void write_method(const struct unknown *unknown, char method[METHOD_TEXT])
{
    const char *path = (const char *)GRPC_SLICE_START_PTR(unknown->details.method);
    size_t size = GRPC_SLICE_LENGTH(unknown->details.method);
    snprintf(method, METHOD_TEXT, "%.*s", (int)text_cut(path, size, METHOD_TEXT - 1), path);
}

static void log_failure(const struct unknown *unknown, int status, const char *message)
{
    char id[CALL_ID_TEXT], method[METHOD_TEXT];
    call_id(&unknown->metadata, unknown->number, id);
    write_method(unknown, method);
    log_info("Call failed", log_str("method", method), log_str("id", id),
             log_str("code", status_name(status)), log_str("message", message));
}

/* ---- answered here ---- */

static void on_sent(struct op *op, bool ok)
{
    (void)ok;
    end_batch(container_of(op, struct unknown, sent));
}

static void reply_error(struct unknown *unknown, int status, const char *text)
{
    grpc_slice details = grpc_slice_from_copied_string(text);
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {.status = (grpc_status_code)status,
                                          .status_details = &details}},
        batch_wait_for_close(&unknown->cancelled),
    };
    batch_start(unknown->call, ops, sizeof(ops) / sizeof(ops[0]), &unknown->sent,
                &unknown->batches);
    grpc_slice_unref(details);
}

static void refuse(struct unknown *unknown)
{
    char method[METHOD_TEXT], text[METHOD_TEXT + 20];
    write_method(unknown, method);
    snprintf(text, sizeof(text), "unknown method %s", method);
    if (log_v(VERBOSITY))
        log_failure(unknown, STATUS_UNIMPLEMENTED, "unknown method");
    reply_error(unknown, STATUS_UNIMPLEMENTED, text);
}

/* ---- answered by the driver behind this one ---- */

static void on_relayed(void *data, const struct relay_end *end)
{
    struct unknown *unknown = data;
    if (end->status != STATUS_OK && log_v(VERBOSITY))
        log_failure(unknown, end->status, end->message);
    unknown->relay = NULL;
    end_batch(unknown);
}

/* The caller has gone, or the call has ended. */
static void on_closed(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, closed);
    (void)ok;
    if (unknown->relay)
        relay_cancel(unknown->relay);
    end_batch(unknown);
}

/* Has another one wait for the next call. */
static void replace(struct unknown *unknown)
{
    struct unknown *other = unknown->host->stopping ? NULL : unknown_new(unknown->host);
    if (!other)
        return;
    unknown_wait(other);
    unknown->is_replaced = true;
}

static void hand_on(struct unknown *unknown)
{
    const struct relay_call call = {
        .call = unknown->call,
        .path = unknown->details.method,
        .deadline = unknown->details.deadline,
        .metadata = &unknown->metadata,
        .done = on_relayed,
        .data = unknown,
    };
    const grpc_op close = batch_wait_for_close(&unknown->cancelled);
    struct err err;
    unknown->relay = relay_start(unknown->host->upstream, unknown->host->queue, &call, &err);
    if (!unknown->relay) {
        reply_error(unknown, err.code, err.text);
        return;
    }
    unknown->batches++;
    batch_start(unknown->call, &close, 1, &unknown->closed, &unknown->batches);
    replace(unknown);
}

/* ---- a new call ---- */

static void on_accept(struct op *op, bool ok)
{
    struct unknown *unknown = container_of(op, struct unknown, accepted);
    struct rpc_host *host = unknown->host;
    host->n_waiting--;
    if (!ok) { /* the server shuts down */
        retire(unknown);
        return;
    }
    host->n_open++;
    unknown->number = ++host->n_calls;
    if (!host->upstream)
        refuse(unknown);
    else if (host->n_open > host->max_open)
        reply_error(unknown, STATUS_RESOURCE_EXHAUSTED, "too many calls are in flight");
    else
        hand_on(unknown);
}

struct unknown *unknown_new(struct rpc_host *host)
{
    struct unknown *unknown = calloc(1, sizeof(*unknown));
    if (!unknown)
        return NULL;
    *unknown = (struct unknown){
        .accepted.fn = on_accept,
        .sent.fn = on_sent,
        .closed.fn = on_closed,
        .host = host,
    };
    grpc_call_details_init(&unknown->details);
    grpc_metadata_array_init(&unknown->metadata);
    return unknown;
}
