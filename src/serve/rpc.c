/* The life of one call: rpc_on_accept, then an answer (rpc_answer.c), then rpc_reply, then
 * rpc_on_sent.
 *
 * A struct rpc belongs to gRPC core while one of its operations is under way (waiting for a call,
 * or sending the reply), and to these two files otherwise. All that a call needs lies in it or in
 * its arena. */
#include "serve/rpc_call.h"

#include "script/prepared.h"
#include "serve/batch.h"
#include "serve/call_log.h"
#include "serve/metrics.h"
#include "serve/payload.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice_buffer.h>
#include <stdlib.h>

enum {
    IDENTITY_BYTES = 64 * 1024, /* an Identity request has no field at all */
    ARENA_BYTES = 64 * 1024 * 1024,
};

static void rpc_on_accept(struct op *op, bool ok);
static void rpc_on_sent(struct op *op, bool ok);
static void rpc_on_closed(struct op *op, bool ok);

/* ---- waiting for a call ---- */

void rpc_wait(struct rpc *rpc)
{
    grpc_call_error error = grpc_server_request_registered_call(
        rpc->host->server, rpc->registered, &rpc->call, &rpc->deadline, &rpc->metadata,
        &rpc->payload, rpc->host->queue, rpc->host->queue, &rpc->accepted);
    if (error != GRPC_CALL_OK) /* only a mistake of ours: gRPC core says no in rpc_on_accept */
        abort();
    rpc->host->n_waiting++;
}

/* Has another struct wait for the next call in this one's place, which may take long. */
void rpc_replace(struct rpc *rpc)
{
    struct rpc *other = NULL;
    if (!rpc->host->stopping && rpc_new(&other, rpc->host, rpc->method, rpc->registered)) {
        rpc_wait(other);
        rpc->replaced = true;
    }
}

/* The struct is not needed any more. */
static void retire(struct rpc *rpc)
{
    struct rpc_host *host = rpc->host;
    rpc_free(rpc);
    rpc_host_fell(host);
}

/* Whether the host answers it, not the script. */
bool rpc_is_hosts(const struct method *method)
{
    return method->index >= CATALOG_METHODS;
}

static size_t most_bytes(const struct rpc_host *host, const struct method *method)
{
    if (rpc_is_hosts(method))
        return host->most_host_bytes;
    return catalog_is_identity(method) ? IDENTITY_BYTES
                                       : SIZE_MAX; /* gRPC core has its own limit */
}

bool rpc_new(struct rpc **list, struct rpc_host *host, const struct method *method,
             void *registered)
{
    struct rpc *rpc = calloc(1, sizeof(*rpc));
    if (!rpc)
        return false;
    *rpc = (struct rpc){
        .next = *list,
        .accepted.fn = rpc_on_accept,
        .sent.fn = rpc_on_sent,
        .closed.fn = rpc_on_closed,
        .host = host,
        .method = method,
        .registered = registered,
        .most_bytes = most_bytes(host, method),
        .message.type = GRPC_BB_RAW,
    };
    grpc_metadata_array_init(&rpc->metadata);
    grpc_slice_buffer_init(&rpc->message.data.raw.slice_buffer);
    arena_init(&rpc->arena, ARENA_BYTES);
    *list = rpc;
    return true;
}

struct rpc *rpc_next(const struct rpc *rpc)
{
    return rpc->next;
}

void rpc_free(struct rpc *rpc)
{
    grpc_metadata_array_destroy(&rpc->metadata);
    grpc_slice_buffer_destroy(&rpc->message.data.raw.slice_buffer);
    arena_fini(&rpc->arena);
    free(rpc);
}

/* ---- the reply ---- */

const char *rpc_id(struct rpc *rpc)
{
    if (!rpc->id[0])
        call_id(&rpc->metadata, rpc->number, rpc->id);
    return rpc->id;
}

static void log_call(struct rpc *rpc, struct bytes reply, int status, const char *text)
{
    const struct call_log call = {
        .method = rpc->method,
        .id = rpc_id(rpc),
        .request = rpc->request,
        .reply = reply,
        .status = status,
        .message = text,
        .arena = &rpc->arena,
    };
    call_log(&call);
}

static void keep_call(struct rpc *rpc, struct bytes reply, int status, const char *text)
{
    struct journal_call call = {
        .method = rpc->method,
        .duration = loop_now() - rpc->taken,
        .id = rpc_id(rpc),
        .metadata = &rpc->metadata,
        .request = rpc->request,
        .reply = reply,
        .status = status,
        .message = text,
        .arena = &rpc->arena,
    };
    recording_end(&rpc->recording, &call);
}

/* Tells log, metrics and journal how the call ended. */
void rpc_note_end(struct rpc *rpc, struct bytes reply, int status, const char *text)
{
    if (call_log_wanted(status))
        log_call(rpc, reply, status, text);
    if (rpc->host->metrics)
        metrics_count(rpc->host->metrics, rpc->method->index, status, loop_now() - rpc->taken);
    if (rpc->recording.journal)
        keep_call(rpc, reply, status, text);
}

/* Sends everything that is left of the call in one batch: initial metadata, the message (NULL:
 * none), the status, and the wait for the client's end, without which gRPC core keeps the call
 * longer. */
static void rpc_reply(struct rpc *rpc, grpc_byte_buffer *message, int status, const char *text)
{
    rpc_note_end(rpc, payload_piece(message), status, text);
    grpc_slice details = text[0] ? grpc_slice_from_copied_string(text) : grpc_empty_slice();
    grpc_op ops[4] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {.status = (grpc_status_code)status,
                                          .status_details = text[0] ? &details : NULL,
                                          .trailing_metadata_count = rpc->n_trailers,
                                          .trailing_metadata = &rpc->trailer}},
    };
    size_t n = 2;
    if (message)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message};
    if (!rpc->watched)
        ops[n++] = batch_wait_for_close(&rpc->cancelled);
    rpc->replied = true;
    batch_start(rpc->call, ops, n, &rpc->sent, &rpc->batches);
    grpc_slice_unref(details);
}

void rpc_reply_error(struct rpc *rpc, int status, const char *text)
{
    rpc_reply(rpc, NULL, status, text);
}

/* Sends slice, whose reference it takes. */
static void reply_slice(struct rpc *rpc, grpc_slice slice)
{
    grpc_slice_buffer_add(&rpc->message.data.raw.slice_buffer, slice);
    rpc_reply(rpc, &rpc->message, STATUS_OK, "");
}

void rpc_reply_bytes(struct rpc *rpc, struct bytes bytes)
{
    reply_slice(rpc, grpc_slice_from_copied_buffer((const char *)bytes.data, bytes.size));
}

void rpc_reply_prepared(struct rpc *rpc, const struct prepared *prepared)
{
    if (prepared->status != STATUS_OK)
        rpc_reply_error(rpc, prepared->status, prepared->message);
    else
        reply_slice(rpc, grpc_slice_ref(prepared->bytes));
}

/* One batch less; after the last the struct is ready for the next call. */
void rpc_end_batch(struct rpc *rpc)
{
    if (--rpc->batches > 0)
        return;
    grpc_call_unref(rpc->call);
    if (rpc->payload)
        grpc_byte_buffer_destroy(rpc->payload);
    grpc_slice_buffer_reset_and_unref(&rpc->message.data.raw.slice_buffer);
    rpc->call = NULL;
    rpc->payload = NULL;
    rpc->request = NULL;
    rpc->bytes = (struct bytes){0};
    rpc->id[0] = '\0';
    rpc->watched = rpc->replied = false;
    if (rpc->n_trailers > 0)
        grpc_slice_unref(rpc->trailer.value);
    rpc->n_trailers = 0;
    rpc->metadata.count = 0; /* what it held was the call's */
    rpc->host->n_open--;
    if (rpc->is_lost)
        rpc_host_fell(rpc->host); /* and its memory stays */
    else if (rpc->host->stopping || rpc->replaced)
        retire(rpc);
    else {
        arena_reset(&rpc->arena);
        rpc_wait(rpc);
    }
}

/* The reply is out, or the client is gone. */
static void rpc_on_sent(struct op *op, bool ok)
{
    (void)ok;
    rpc_end_batch(container_of(op, struct rpc, sent));
}

/* The answer will take longer than this turn of the loop: from now on the client's end and deadline
 * matter. */
void rpc_watch(struct rpc *rpc)
{
    const grpc_op op = batch_wait_for_close(&rpc->cancelled);
    rpc->watched = true;
    batch_start(rpc->call, &op, 1, &rpc->closed, &rpc->batches);
    rpc_replace(rpc);
}

static void cancel(struct rpc *rpc)
{
    static const char reason[] = "the caller is gone";
    if (rpc->relay) {
        relay_cancel(rpc->relay);
    } else if (rpc_is_hosts(rpc->method)) {
        rpc->host_call.cancelled(&rpc->host_call);
        rpc_reply_error(rpc, STATUS_CANCELLED, reason);
    } else {
        task_cancel(&rpc->task, STATUS_CANCELLED, reason);
    }
}

/* The client has gone while it waited for the answer, or the call has ended. */
static void rpc_on_closed(struct op *op, bool ok)
{
    struct rpc *rpc = container_of(op, struct rpc, closed);
    (void)ok;
    if (!rpc->replied)
        cancel(rpc);
    rpc_end_batch(rpc);
}

/* ---- a new call ---- */

static void rpc_on_accept(struct op *op, bool ok)
{
    struct rpc *rpc = container_of(op, struct rpc, accepted);
    rpc->host->n_waiting--;
    if (!ok) { /* the server shuts down */
        retire(rpc);
        return;
    }
    rpc->host->n_open++;
    if (rpc->host->metrics || rpc->host->sessions)
        rpc->taken = loop_now();
    rpc->number = ++rpc->host->n_calls; /* the host's own calls among them */
    rpc_answer(rpc);
}
