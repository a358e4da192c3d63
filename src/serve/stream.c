/* The way of one stream: on_accept, then read, on_received, stream_send, on_sent and again; then
 * stream_end, or the client goes. Loop thread.
 *
 * A struct stream waits for a call, serves it, and is freed when gRPC core has given back the last
 * batch. Another one has taken its place meanwhile. */
#include "serve/stream.h"

#include "base/log.h"
#include "io/loop.h"
#include "serve/batch.h"
#include "serve/payload.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice_buffer.h>
#include <stdlib.h>

enum { VERBOSITY = 5, ARENA_BYTES = 1024 * 1024 };

static const char stopping[] = "the server stops";

struct stream {
    struct streams *streams;
    struct stream *next;   /* in streams->open */
    struct stream **place; /* where the list points to it */
    struct op accepted;    /* the tag while it waits for a call */
    struct op received;    /* the tag while it waits for a message */
    struct op sent;        /* the tag of a message or of the status */
    struct op closed;      /* the tag of the wait for the call's end */
    unsigned batches;      /* under way */
    bool is_replaced;      /* another one waits for the next call */
    bool has_begun;        /* initial metadata was sent */
    bool has_received;     /* a message has come */
    bool is_over;          /* the status was sent, or the client has gone: no further message */

    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_byte_buffer *payload; /* what is received; NULL: the client has said all */
    grpc_byte_buffer message;  /* what is sent */
    int cancelled;             /* RECV_CLOSE_ON_SERVER's result */
    uint64_t number;           /* of the call; its id */
    struct arena arena;
    void *state; /* of who answers */
};

struct streams {
    struct stream_method method;
    struct rpc_host *host;
    void *registered;     /* the method's handle in gRPC core */
    struct stream *first; /* until it waits; NULL then */
    struct stream *open;  /* calls under way */
    unsigned n_open;
};

static void on_accept(struct op *op, bool ok);
static void on_received(struct op *op, bool ok);
static void on_sent(struct op *op, bool ok);
static void on_closed(struct op *op, bool ok);

/* ---- waiting for a call ---- */

static void stream_init(struct stream *stream, struct streams *streams)
{
    *stream = (struct stream){
        .streams = streams,
        .accepted.fn = on_accept,
        .received.fn = on_received,
        .sent.fn = on_sent,
        .closed.fn = on_closed,
        .message.type = GRPC_BB_RAW,
    };
    grpc_metadata_array_init(&stream->metadata);
    grpc_slice_buffer_init(&stream->message.data.raw.slice_buffer);
    arena_init(&stream->arena, ARENA_BYTES);
}

static void stream_fini(struct stream *stream)
{
    grpc_metadata_array_destroy(&stream->metadata);
    grpc_slice_buffer_destroy(&stream->message.data.raw.slice_buffer);
    arena_fini(&stream->arena);
}

static struct stream *stream_new(struct streams *streams)
{
    struct stream *stream = malloc(sizeof(*stream));
    if (stream)
        stream_init(stream, streams);
    return stream;
}

static void stream_free(struct stream *stream)
{
    stream_fini(stream);
    free(stream);
}

static void stream_wait(struct stream *stream)
{
    struct rpc_host *host = stream->streams->host;
    if (grpc_server_request_registered_call(
            host->server, stream->streams->registered, &stream->call, &stream->deadline,
            &stream->metadata, NULL, host->queue, host->queue, &stream->accepted) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
    host->n_waiting++;
}

struct streams *streams_new(struct rpc_host *host, const struct stream_method *method,
                            struct err *err)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    if (streams) {
        *streams = (struct streams){.method = *method, .host = host};
        streams->first = stream_new(streams);
    }
    if (!streams || !streams->first) {
        streams_free(streams);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for %s", method->path);
        return NULL;
    }
    streams->registered =
        grpc_server_register_method(host->server, method->path, NULL, GRPC_SRM_PAYLOAD_NONE, 0);
    if (streams->registered)
        return streams;
    streams_free(streams);
    err_set(err, STATUS_INTERNAL, "gRPC core does not take %s", method->path);
    return NULL;
}

void streams_wait(struct streams *streams)
{
    stream_wait(streams->first);
    streams->first = NULL; /* from now on they free themselves */
}

void streams_free(struct streams *streams)
{
    if (!streams)
        return;
    if (streams->first)
        stream_free(streams->first);
    free(streams);
}

/* ---- the end of a call ---- */

/* Has another struct take the next call. */
static void replace(struct stream *stream)
{
    struct stream *other = stream_new(stream->streams);
    if (!other)
        return;
    stream_wait(other);
    stream->is_replaced = true;
}

static void enter(struct stream *stream)
{
    struct streams *streams = stream->streams;
    stream->number = ++streams->host->n_calls;
    streams->host->n_open++;
    streams->n_open++;
    stream->next = streams->open;
    stream->place = &streams->open;
    if (stream->next)
        stream->next->place = &stream->next;
    streams->open = stream;
}

static void leave(struct stream *stream)
{
    struct streams *streams = stream->streams;
    *stream->place = stream->next;
    if (stream->next)
        stream->next->place = stream->place;
    streams->n_open--;
    streams->host->n_open--;
}

/* One batch less; after the last the call is gone. */
static void end_batch(struct stream *stream)
{
    struct streams *streams = stream->streams;
    if (--stream->batches > 0)
        return;
    leave(stream);
    grpc_call_unref(stream->call);
    grpc_byte_buffer_destroy(stream->payload); /* one that came too late */
    if (stream->is_replaced || streams->host->stopping) {
        stream_free(stream);
        rpc_host_fell(streams->host);
    } else {
        stream_fini(stream);
        stream_init(stream, streams);
        stream_wait(stream);
    }
}

/* From now on nothing is sent but a status. */
static void finish(struct stream *stream)
{
    const struct stream_method *method = &stream->streams->method;
    bool is_known = stream->has_received && !stream->is_over;
    stream->is_over = true;
    if (is_known && method->closed)
        method->closed(stream);
}

static void send_status(struct stream *stream, int status, const char *text)
{
    grpc_slice details = grpc_slice_from_copied_string(text);
    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {.status = (grpc_status_code)status,
                                          .status_details = text[0] ? &details : NULL}}};
    size_t n = 1;
    if (!stream->has_begun)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    batch_start(stream->call, ops, n, &stream->sent, &stream->batches);
    grpc_slice_unref(details);
}

void stream_end(struct stream *stream, int status, const char *text)
{
    if (stream->is_over)
        return;
    if (log_v(VERBOSITY))
        log_info("Stream ended", log_str("method", stream->streams->method.path),
                 log_int("id", (int64_t)stream->number), log_str("code", status_name(status)),
                 log_str("message", text));
    finish(stream);
    send_status(stream, status, text);
}

/* The client may have stopped reading: a status sent behind the messages might never arrive. */
void streams_end(struct streams *streams)
{
    for (struct stream *stream = streams->open; stream; stream = stream->next) {
        finish(stream);
        grpc_call_cancel_with_status(stream->call, GRPC_STATUS_UNAVAILABLE, stopping, NULL);
    }
}

/* The client has gone, or the status is out. */
static void on_closed(struct op *op, bool ok)
{
    struct stream *stream = container_of(op, struct stream, closed);
    (void)ok;
    finish(stream);
    end_batch(stream);
}

/* ---- messages ---- */

static void receive(struct stream *stream)
{
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &stream->payload};
    arena_reset(&stream->arena);
    batch_start(stream->call, &op, 1, &stream->received, &stream->batches);
}

static void take(struct stream *stream, bool is_last)
{
    const struct stream_method *method = &stream->streams->method;
    struct bytes bytes = {0};
    struct err err;
    int failed =
        is_last ? 0
                : payload_read(stream->payload, method->most_bytes, &stream->arena, &bytes, &err);
    grpc_byte_buffer_destroy(stream->payload);
    stream->payload = NULL;
    if (is_last) {
        stream_end(stream, STATUS_OK, "");
    } else if (failed) {
        stream_end(stream, err.code, err.text);
    } else {
        stream->has_received = true;
        method->received(stream, bytes);
    }
}

/* What take calls may run the script, which may get stuck for good: all the rest is done before. ok
 * is true even when the client has gone; its end comes too. */
static void on_received(struct op *op, bool ok)
{
    struct stream *stream = container_of(op, struct stream, received);
    bool is_last = !stream->payload && !stream->streams->method.is_watch;
    (void)ok;
    if (stream->is_over) {
        end_batch(stream);
        return;
    }
    stream->batches--; /* never the last: the wait for the call's end is under way */
    take(stream, is_last);
}

void stream_send(struct stream *stream, struct bytes message)
{
    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = &stream->message}};
    size_t n = 1;
    if (stream->is_over)
        return;
    grpc_slice_buffer_add(&stream->message.data.raw.slice_buffer,
                          grpc_slice_from_copied_buffer((const char *)message.data, message.size));
    if (!stream->has_begun)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    stream->has_begun = true;
    batch_start(stream->call, ops, n, &stream->sent, &stream->batches);
}

/* ok is false when the client has gone: its end comes too. */
static void on_sent(struct op *op, bool ok)
{
    struct stream *stream = container_of(op, struct stream, sent);
    const struct stream_method *method = &stream->streams->method;
    grpc_slice_buffer_reset_and_unref(&stream->message.data.raw.slice_buffer);
    if (ok && !stream->is_over && method->is_watch)
        method->sent(stream);
    else if (ok && !stream->is_over)
        receive(stream);
    end_batch(stream);
}

/* ---- a new call ---- */

/* Why it is not served; NULL: it is. */
static const char *objection(const struct stream *stream)
{
    const struct streams *streams = stream->streams;
    if (!stream->is_replaced)
        return "no memory for a stream";
    if (streams->n_open > streams->method.most_open)
        return "too many streams of this method are open";
    return streams->host->n_open > streams->host->max_open ? "too many calls are in flight" : NULL;
}

static void answer(struct stream *stream)
{
    if (stream->streams->host->stopping) {
        stream_end(stream, STATUS_UNAVAILABLE, stopping);
        return;
    }
    replace(stream);
    const char *reason = objection(stream);
    if (reason)
        stream_end(stream, STATUS_RESOURCE_EXHAUSTED, reason);
    else
        receive(stream);
}

static void on_accept(struct op *op, bool ok)
{
    struct stream *stream = container_of(op, struct stream, accepted);
    struct rpc_host *host = stream->streams->host;
    host->n_waiting--;
    if (!ok) { /* the server shuts down */
        stream_free(stream);
        rpc_host_fell(host);
        return;
    }
    const grpc_op close = batch_wait_for_close(&stream->cancelled);
    enter(stream);
    batch_start(stream->call, &close, 1, &stream->closed, &stream->batches);
    answer(stream);
}

/* ---- what belongs to it ---- */

void *stream_data(const struct stream *stream)
{
    return stream->streams->method.data;
}

struct arena *stream_arena(struct stream *stream)
{
    return &stream->arena;
}

void *stream_state(const struct stream *stream)
{
    return stream->state;
}

void stream_set_state(struct stream *stream, void *state)
{
    stream->state = state;
}
