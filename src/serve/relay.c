/* Owns the outbound half of a relayed call, and pumps between the two. Loop thread.
 *
 * Two pumps run side by side. Requests: ask → on_asked → on_passed and again, unless the caller's
 * only message was read before. Replies: on_headed, then receive → on_received → on_delivered and
 * again. A message is asked for when the one before is out: who reads slowly holds up who writes.
 * The status goes out when the replies are over and the driver's has come. */
#include "serve/relay.h"

#include "base/text.h"
#include "io/loop.h"
#include "serve/batch.h"

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/support/alloc.h>
#include <stdlib.h>
#include <string.h>

struct relay {
    struct upstream *upstream;
    struct relay_call what;
    grpc_call *outbound;
    unsigned batches; /* under way, on both calls */
    int64_t began;

    /* Requests: from the caller to the driver. */
    struct op asked;           /* the tag while one is read */
    struct op passed;          /* the tag while it, or the end of all, is sent */
    grpc_byte_buffer *request; /* that is on its way; NULL: none, or the end of all */
    grpc_metadata *metadata;   /* of the call; the entries are the caller's call's */

    /* Replies: from the driver to the caller. */
    struct op headed;    /* the tag of the start, and the wait for the driver's initial metadata */
    struct op received;  /* the tag while one is read */
    struct op delivered; /* the tag while it, or the initial metadata alone, is sent */
    grpc_metadata_array initial;
    grpc_byte_buffer *reply; /* that is on its way */
    bool has_begun;          /* initial metadata was sent to the caller */
    bool is_drained;         /* no further reply will come, and the last one is out */

    /* The end. */
    struct op ended;    /* the tag while the driver's status is waited for */
    struct op finished; /* the tag while it is sent */
    bool has_ended;
    grpc_status_code status;
    grpc_slice details;
    grpc_metadata_array trailing;
    const char *error; /* what gRPC core says of a status other than OK */
    char text[UPSTREAM_TEXT];
    struct relay_end end;
    grpc_slice kept; /* the first reply, of which end has the bytes */
};

/* ---- batches ---- */

static void free_relay(struct relay *relay)
{
    grpc_byte_buffer_destroy(relay->request);
    grpc_byte_buffer_destroy(relay->reply);
    grpc_metadata_array_destroy(&relay->initial);
    grpc_metadata_array_destroy(&relay->trailing);
    grpc_slice_unref(relay->details);
    grpc_slice_unref(relay->kept);
    gpr_free((void *)(uintptr_t)relay->error);
    free(relay->metadata);
    grpc_call_unref(relay->outbound);
    free(relay);
}

/* One batch less; after the last the relay is over. */
static void end_batch(struct relay *relay)
{
    if (--relay->batches > 0)
        return;
    relay->what.done(relay->what.data, &relay->end);
    free_relay(relay);
}

/* Takes out what is not handed on. */
static size_t sift(grpc_metadata *entries, const grpc_metadata *from, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (upstream_carries(&from[i]))
            entries[kept++] = from[i];
    }
    return kept;
}

static grpc_op initial_metadata(struct relay *relay)
{
    relay->has_begun = true;
    return (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA,
                     .data.send_initial_metadata = {.count = relay->initial.count,
                                                    .metadata = relay->initial.metadata}};
}

/* ---- the end ---- */

static void describe_end(struct relay *relay)
{
    bool failed = upstream_failed(relay->upstream, relay->status, relay->error);
    const char *details = (const char *)GRPC_SLICE_START_PTR(relay->details);
    size_t size = text_cut(details, GRPC_SLICE_LENGTH(relay->details), UPSTREAM_TEXT - 1);
    if (failed) {
        upstream_describe(relay->upstream, relay->details, relay->text);
        grpc_slice_unref(relay->details);
        relay->details = grpc_slice_from_copied_string(relay->text);
    } else {
        memcpy(relay->text, details, size);
        relay->text[size] = '\0';
    }
    relay->end.status = (int)relay->status;
    relay->end.message = relay->text;
    relay->end.by_driver = !failed;
}

static void end_if_over(struct relay *relay)
{
    if (!relay->is_drained || !relay->has_ended)
        return;
    describe_end(relay);
    size_t n_trailing =
        sift(relay->trailing.metadata, relay->trailing.metadata, relay->trailing.count);
    grpc_op ops[2] = {
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {
             .trailing_metadata_count = n_trailing,
             .trailing_metadata = relay->trailing.metadata,
             .status = relay->status,
             .status_details = GRPC_SLICE_LENGTH(relay->details) > 0 ? &relay->details : NULL}}};
    size_t n = 1;
    if (!relay->has_begun)
        ops[n++] = initial_metadata(relay);
    batch_start(relay->what.call, ops, n, &relay->finished, &relay->batches);
}

static void on_finished(struct op *op, bool ok)
{
    (void)ok;
    end_batch(container_of(op, struct relay, finished));
}

static void on_ended(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, ended);
    (void)ok;
    relay->has_ended = true;
    relay->end.nanoseconds = loop_now() - relay->began;
    end_if_over(relay);
    end_batch(relay);
}

/* ---- replies ---- */

static void receive(struct relay *relay)
{
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &relay->reply};
    batch_start(relay->outbound, &op, 1, &relay->received, &relay->batches);
}

static void drained(struct relay *relay)
{
    relay->is_drained = true;
    end_if_over(relay);
}

/* Sends what has come: the initial metadata if it is not out yet, the reply if there is one. */
static void deliver(struct relay *relay)
{
    grpc_op ops[2];
    size_t n = 0;
    if (!relay->has_begun)
        ops[n++] = initial_metadata(relay);
    if (relay->reply)
        ops[n++] =
            (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = relay->reply};
    batch_start(relay->what.call, ops, n, &relay->delivered, &relay->batches);
}

/* Who sends many messages may wait for the driver's metadata before the first; else they go out
 * with the first reply. */
static void on_headed(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, headed);
    (void)ok; /* the status says it */
    relay->initial.count =
        sift(relay->initial.metadata, relay->initial.metadata, relay->initial.count);
    if (relay->what.is_read)
        receive(relay);
    else
        deliver(relay);
    end_batch(relay);
}

static void keep_reply(struct relay *relay)
{
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, relay->reply))
        return;
    relay->kept = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    relay->end.reply = (struct bytes){.data = GRPC_SLICE_START_PTR(relay->kept),
                                      .size = GRPC_SLICE_LENGTH(relay->kept)};
}

static void on_received(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, received);
    (void)ok;
    if (relay->reply) {
        if (relay->end.n_replies++ == 0 && relay->what.keeps_reply)
            keep_reply(relay);
        deliver(relay);
    } else {
        drained(relay);
    }
    end_batch(relay);
}

/* ok is false when the caller is gone. */
static void on_delivered(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, delivered);
    grpc_byte_buffer_destroy(relay->reply);
    relay->reply = NULL;
    if (ok) {
        receive(relay);
    } else {
        grpc_call_cancel(relay->outbound, NULL);
        drained(relay);
    }
    end_batch(relay);
}

/* ---- requests ---- */

static void ask(struct relay *relay)
{
    const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                        .data.recv_message.recv_message = &relay->request};
    batch_start(relay->what.call, &op, 1, &relay->asked, &relay->batches);
}

/* Sends the request, or that there is no further one. */
static void pass(struct relay *relay)
{
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    if (relay->request)
        op =
            (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = relay->request};
    batch_start(relay->outbound, &op, 1, &relay->passed, &relay->batches);
}

static void on_asked(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, asked);
    (void)ok;
    if (!relay->has_ended)
        pass(relay);
    end_batch(relay);
}

/* ok is false when the driver does not listen any more: its status comes. */
static void on_passed(struct op *op, bool ok)
{
    struct relay *relay = container_of(op, struct relay, passed);
    bool was_last = !relay->request;
    grpc_byte_buffer_destroy(relay->request);
    relay->request = NULL;
    if (ok && !was_last)
        ask(relay);
    end_batch(relay);
}

/* ---- the start ---- */

static void begin(struct relay *relay)
{
    const struct relay_call *what = &relay->what;
    const grpc_op wait_for_end = {
        .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
        .data.recv_status_on_client = {.trailing_metadata = &relay->trailing,
                                       .status = &relay->status,
                                       .status_details = &relay->details,
                                       .error_string = &relay->error}};
    grpc_op ops[4] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = sift(relay->metadata, what->metadata->metadata,
                                                      what->metadata->count),
                                        .metadata = relay->metadata}},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &relay->initial},
    };
    size_t n = 2;
    if (what->payload)
        ops[n++] =
            (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = what->payload};
    if (what->is_read)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    batch_start(relay->outbound, ops, n, &relay->headed, &relay->batches);
    batch_start(relay->outbound, &wait_for_end, 1, &relay->ended, &relay->batches);
    if (!what->is_read)
        ask(relay);
}

struct relay *relay_start(struct upstream *upstream, grpc_completion_queue *queue,
                          const struct relay_call *call, struct err *err)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    grpc_metadata *metadata = calloc(call->metadata->count + 1, sizeof(*metadata));
    if (!relay || !metadata) {
        free(relay);
        free(metadata);
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory to hand the call on");
        return NULL;
    }
    *relay = (struct relay){
        .upstream = upstream,
        .what = *call,
        .began = loop_now(),
        .metadata = metadata,
        .asked.fn = on_asked,
        .passed.fn = on_passed,
        .headed.fn = on_headed,
        .received.fn = on_received,
        .delivered.fn = on_delivered,
        .ended.fn = on_ended,
        .finished.fn = on_finished,
        .details = grpc_empty_slice(),
        .kept = grpc_empty_slice(),
    };
    grpc_metadata_array_init(&relay->initial);
    grpc_metadata_array_init(&relay->trailing);
    relay->outbound = upstream_call(upstream, queue, call->path, call->deadline);
    begin(relay);
    return relay;
}

void relay_cancel(struct relay *relay)
{
    grpc_call_cancel(relay->outbound, NULL);
}
