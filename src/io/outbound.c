/* Owns outbound calls, from the connecting of the socket to the last batch. Loop thread. */
#include "io/outbound.h"

#include "io/loop.h"
#include "io/unary.h"

#include <stdlib.h>

struct outbound {
    struct op op; /* the tag of the batch under way */
    struct iothread *io;
    struct dial *dial; /* under way, or NULL */
    gpr_timespec deadline;
    grpc_channel *channel; /* NULL until the socket is connected */
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

static void tell_reply(struct outbound *outbound)
{
    struct client_reply reply;
    struct err err;
    if (unary_reply(&outbound->unary, &reply, &err)) {
        outbound->done(outbound->data, NULL, &err);
        return;
    }
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

struct outbound *outbound_start(struct iothread *io, const struct dial_target *target,
                                const struct client_request *request, outbound_done *done,
                                void *data, struct err *err)
{
    struct outbound *outbound = calloc(1, sizeof(*outbound));
    if (!outbound) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a call to %s", target->text);
        return NULL;
    }
    outbound->op.fn = on_batch;
    outbound->io = io;
    outbound->done = done;
    outbound->data = data;
    outbound->deadline = unary_deadline(request->timeout);
    if (!unary_init(&outbound->unary, request, err))
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
