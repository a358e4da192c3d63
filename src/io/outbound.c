/* Owns outbound calls, from the connecting of the socket to the last batch. Loop thread. */
#include "io/outbound.h"

#include "io/loop.h"
#include "io/unary.h"
#include "io/upstream.h"

#include <stdlib.h>
#include <string.h>

struct outbound {
    struct op op; /* the tag of the batch under way */
    struct iothread *io;
    struct dial *dial; /* under way, or NULL */
    gpr_timespec deadline;
    grpc_channel *channel;     /* NULL until the socket is connected, and on an upstream */
    struct upstream *upstream; /* NULL: a connection of its own */
    struct unary unary;
    bool cancelled;
    outbound_done *done;
    void *data;
};

static void free_outbound(struct outbound *outbound)
{
    unary_fini(&outbound->unary);
    if (outbound->channel)
        grpc_channel_destroy(outbound->channel);
    free(outbound);
}

/* The status was made here: its message says who did not answer. */
static void blame_upstream(const struct outbound *outbound, struct client_reply *reply)
{
    char text[UPSTREAM_TEXT];
    upstream_describe(outbound->upstream, outbound->unary.details, text);
    char *message = strdup(text);
    if (!message)
        return;
    free(reply->message);
    reply->message = message;
}

static void tell_reply(struct outbound *outbound)
{
    struct client_reply reply;
    struct err err;
    if (unary_reply(&outbound->unary, &reply, &err)) {
        outbound->done(outbound->data, NULL, &err);
        return;
    }
    if (outbound->upstream && !outbound->unary.surplus &&
        upstream_failed(outbound->upstream, outbound->unary.status, outbound->unary.error))
        blame_upstream(outbound, &reply);
    outbound->done(outbound->data, &reply, NULL);
    client_reply_fini(&reply);
}

static void on_batch(struct op *op, bool ok)
{
    struct outbound *outbound = container_of(op, struct outbound, op);
    (void)ok; /* the status says it */
    if (!outbound->cancelled) {
        if (unary_next(&outbound->unary, op))
            return;
        tell_reply(outbound);
    }
    free_outbound(outbound);
}

static void on_dialled(void *data, int fd, const struct err *err)
{
    struct outbound *outbound = data;
    outbound->dial = NULL;
    if (fd < 0) {
        outbound->done(outbound->data, NULL, err);
        free_outbound(outbound);
        return;
    }
    grpc_completion_queue *queue = loop_queue(iothread_loop(outbound->io));
    outbound->channel = unary_channel(fd);
    unary_open(&outbound->unary, outbound->channel, queue, outbound->deadline);
    unary_next(&outbound->unary, &outbound->op);
}

/* NULL and err: memory is short, or the request cannot be sent. */
static struct outbound *new_outbound(const struct client_request *request, outbound_done *done,
                                     void *data, struct err *err)
{
    struct outbound *outbound = calloc(1, sizeof(*outbound));
    if (!outbound) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a call of %s", request->path);
        return NULL;
    }
    outbound->op.fn = on_batch;
    outbound->done = done;
    outbound->data = data;
    outbound->deadline = unary_deadline(request->timeout);
    if (!unary_init(&outbound->unary, request, err))
        return outbound;
    free_outbound(outbound);
    return NULL;
}

struct outbound *outbound_start_upstream(struct upstream *upstream, struct loop *loop,
                                         const struct client_request *request, outbound_done *done,
                                         void *data, struct err *err)
{
    struct outbound *outbound = new_outbound(request, done, data, err);
    if (!outbound)
        return NULL;
    outbound->upstream = upstream;
    unary_adopt(&outbound->unary, upstream_call(upstream, loop_queue(loop),
                                                unary_path(&outbound->unary), outbound->deadline));
    unary_next(&outbound->unary, &outbound->op);
    return outbound;
}

struct outbound *outbound_start(struct iothread *io, const struct dial_target *target,
                                const struct client_request *request, outbound_done *done,
                                void *data, struct err *err)
{
    struct outbound *outbound = new_outbound(request, done, data, err);
    if (!outbound)
        return NULL;
    outbound->io = io;
    outbound->dial = dial_start(io, target, request->timeout, on_dialled, outbound, err);
    if (outbound->dial)
        return outbound;
    free_outbound(outbound);
    return NULL;
}

void outbound_cancel(struct outbound *outbound)
{
    if (outbound->dial) {
        dial_cancel(outbound->dial);
        free_outbound(outbound);
    } else {
        outbound->cancelled = true;
        unary_cancel(&outbound->unary);
    }
}
