/* The way of one call: rpc_on_accept, then a prepared reply or a task, then rpc_reply, then
 * rpc_on_sent.
 *
 * A struct rpc belongs to gRPC core while one of its operations is under way (waiting for a call,
 * or sending the reply), and to this file otherwise. All that a call needs lies in it or in its
 * arena. */
#include "serve/rpc.h"

#include "io/loop.h"
#include "script/prepared.h"
#include "script/task.h"
#include "serve/call_context.h"
#include "serve/call_log.h"
#include "serve/metrics.h"
#include "serve/payload.h"
#include "serve/recorder.h"
#include "serve/recording.h"
#include "serve/relay.h"

#include <grpc/byte_buffer.h>
#include <grpc/slice_buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    IDENTITY_BYTES = 64 * 1024, /* an Identity request has no field at all */
    ARENA_BYTES = 64 * 1024 * 1024,
};

struct rpc {
    struct rpc *next;   /* of the list that the server starts with */
    struct op accepted; /* the tag while it waits for a call */
    struct op sent;     /* the tag of the reply's batch */
    struct op closed;   /* the tag of the wait for the client's end, once the task is suspended */
    unsigned batches;   /* under way */
    bool watched;       /* that wait was started */
    bool replied;       /* the reply's batch was started */
    bool replaced;      /* another one waits for calls in its place */
    bool is_lost;       /* a thread that was given up may still write into the arena */
    struct rpc_host *host;
    const struct method *method;
    void *registered; /* the method's handle in gRPC core */

    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;    /* of the call; its room is used again */
    grpc_byte_buffer *payload;       /* NULL when the client sent no message */
    grpc_byte_buffer message;        /* of the reply, while it is sent */
    grpc_metadata trailer;           /* of the status, if n_trailers is 1 */
    size_t n_trailers;               /* 0: there is none, as of nearly all calls */
    int cancelled;                   /* RECV_CLOSE_ON_SERVER's result */
    int64_t taken;                   /* loop_now when the call came; for metrics and journal */
    uint64_t number;                 /* of the call */
    char id[CALL_ID_TEXT];           /* empty until rpc_id is asked */
    struct bytes bytes;              /* of the request, in the arena; empty until it is read */
    const ProtobufCMessage *request; /* in the arena; NULL: not unpacked */
    struct recording recording;      /* for the journal */

    struct arena arena;
    struct task task;           /* of a method of CSI */
    struct host_call host_call; /* of a method that is the host's */
    struct relay *relay;        /* while the driver behind this one answers */
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
static void replace(struct rpc *rpc)
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

/* Whether the host answers it, not the script. */
static bool is_hosts(const struct method *method)
{
    return method->index >= CATALOG_METHODS;
}

static const char *rpc_id(struct rpc *rpc)
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
static void note_end(struct rpc *rpc, struct bytes reply, int status, const char *text)
{
    if (call_log_wanted(status))
        log_call(rpc, reply, status, text);
    if (rpc->host->metrics)
        metrics_count(rpc->host->metrics, rpc->method->index, status, loop_now() - rpc->taken);
    if (rpc->recording.journal)
        keep_call(rpc, reply, status, text);
}

static void start_batch(struct rpc *rpc, const grpc_op *ops, size_t n, struct op *tag)
{
    if (grpc_call_start_batch(rpc->call, ops, n, tag, NULL) != GRPC_CALL_OK)
        abort(); /* only a mistake of ours */
    rpc->batches++;
}

static grpc_op wait_for_close(struct rpc *rpc)
{
    return (grpc_op){.op = GRPC_OP_RECV_CLOSE_ON_SERVER,
                     .data.recv_close_on_server.cancelled = &rpc->cancelled};
}

/* Sends everything that is left of the call in one batch: initial metadata, the message (NULL:
 * none), the status, and the wait for the client's end, without which gRPC core keeps the call
 * longer. */
static void rpc_reply(struct rpc *rpc, grpc_byte_buffer *message, int status, const char *text)
{
    note_end(rpc, payload_piece(message), status, text);
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
        ops[n++] = wait_for_close(rpc);
    rpc->replied = true;
    start_batch(rpc, ops, n, &rpc->sent);
    grpc_slice_unref(details);
}

static void reply_error(struct rpc *rpc, int status, const char *text)
{
    rpc_reply(rpc, NULL, status, text);
}

/* Sends slice, whose reference it takes. */
static void reply_slice(struct rpc *rpc, grpc_slice slice)
{
    grpc_slice_buffer_add(&rpc->message.data.raw.slice_buffer, slice);
    rpc_reply(rpc, &rpc->message, STATUS_OK, "");
}

static void reply_bytes(struct rpc *rpc, struct bytes bytes)
{
    reply_slice(rpc, grpc_slice_from_copied_buffer((const char *)bytes.data, bytes.size));
}

static void reply_prepared(struct rpc *rpc, const struct prepared *prepared)
{
    if (prepared->status != STATUS_OK)
        reply_error(rpc, prepared->status, prepared->message);
    else
        reply_slice(rpc, grpc_slice_ref(prepared->bytes));
}

/* One batch less; after the last the struct is ready for the next call. */
static void end_batch(struct rpc *rpc)
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
    end_batch(container_of(op, struct rpc, sent));
}

/* The answer will take longer than this turn of the loop: from now on the client's end and deadline
 * matter. */
static void watch(struct rpc *rpc)
{
    const grpc_op op = wait_for_close(rpc);
    rpc->watched = true;
    start_batch(rpc, &op, 1, &rpc->closed);
    replace(rpc);
}

static void cancel(struct rpc *rpc)
{
    static const char reason[] = "the caller is gone";
    if (rpc->relay) {
        relay_cancel(rpc->relay);
    } else if (is_hosts(rpc->method)) {
        rpc->host_call.cancelled(&rpc->host_call);
        reply_error(rpc, STATUS_CANCELLED, reason);
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
    end_batch(rpc);
}

/* ---- the driver behind this one ---- */

static void on_relayed(void *data, const struct relay_end *end)
{
    struct rpc *rpc = data;
    int status = status_valid(end->status) ? end->status : STATUS_UNKNOWN;
    note_end(rpc, end->reply, status, end->message);
    if (rpc->host->recorder)
        recorder_note(rpc->host->recorder, rpc->method, rpc->request, end, &rpc->arena);
    rpc->relay = NULL;
    rpc->replied = true;
    end_batch(rpc);
}

static void relay(struct rpc *rpc)
{
    const struct relay_call call = {
        .call = rpc->call,
        .path = grpc_slice_from_static_string(rpc->method->path),
        .deadline = rpc->deadline,
        .metadata = &rpc->metadata,
        .is_read = true,
        .payload = rpc->payload,
        .keeps_reply = rpc->host->recorder || rpc->recording.journal || log_v(CALL_LOG_BODIES),
        .done = on_relayed,
        .data = rpc,
    };
    struct err err;
    if (call.keeps_reply && !rpc->request)
        rpc->request = payload_unpack(rpc->payload, SIZE_MAX, rpc->method->request, &rpc->arena,
                                      &rpc->bytes, &err); /* NULL: then without it */
    rpc->relay = relay_start(rpc->host->upstream, rpc->host->queue, &call, &err);
    if (!rpc->relay) {
        reply_error(rpc, err.code, err.text);
        return;
    }
    rpc->batches++; /* all of the relay's */
    if (!rpc->watched)
        watch(rpc);
}

/* ---- the handler ---- */

static void fill_context(struct task *task, struct task_context *context)
{
    struct rpc *rpc = container_of(task, struct rpc, task);
    call_context_fill(context, rpc->call, &rpc->metadata, rpc->deadline, &rpc->arena);
}

static const char *id_of_task(struct task *task)
{
    return rpc_id(container_of(task, struct rpc, task));
}

static void on_task_suspended(struct task *task)
{
    struct rpc *rpc = container_of(task, struct rpc, task);
    int64_t too_much = budget_wall_left(&task->budget) - call_time_left(rpc->deadline);
    if (too_much > 0)
        task->budget.wall -= too_much;
    watch(rpc);
}

/* What the script wants instead of an answer; the status is for the log then. */
static void cut_off(struct rpc *rpc)
{
    int fd = call_connection(rpc->call);
    if (rpc->task.cut == TASK_CUT_SOCKET)
        rpc->host->vanish(rpc->host->data, rpc->task.cut_for);
    else if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

static void reply_failure(struct rpc *rpc)
{
    const struct task *task = &rpc->task;
    if (task->cut != TASK_CUT_NONE)
        cut_off(rpc);
    if (task->details.size > 0) {
        rpc->trailer = (grpc_metadata){
            .key = grpc_slice_from_static_string("grpc-status-details-bin"),
            .value =
                grpc_slice_from_copied_buffer((const char *)task->details.data, task->details.size),
        };
        rpc->n_trailers = 1;
    }
    reply_error(rpc, task->status, task->message);
}

static void answer_with(struct rpc *rpc, struct vm *vm, const struct handler *handler);

static void on_task_done(struct task *task)
{
    struct rpc *rpc = container_of(task, struct rpc, task);
    if (task->is_abandoned) {
        rpc->is_lost = true;
        if (!rpc->replaced)
            replace(rpc);
    }
    if (task->passes) {
        answer_with(rpc, task->vm, vm_default(task->vm, rpc->method));
    } else if (task->prepared) {
        reply_prepared(rpc, task->prepared);
        prepared_unref(task->prepared);
    } else if (task->status != STATUS_OK) {
        reply_failure(rpc);
    } else {
        reply_bytes(rpc, task->reply);
    }
}

/* ---- the request ---- */

static void run_handler(struct rpc *rpc, struct vm *vm, const struct handler *handler)
{
    rpc->task = (struct task){
        .vm = vm,
        .method = rpc->method,
        .name = rpc->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .has_caller = true,
        .request = rpc->request,
        .bytes = rpc->bytes,
        .arena = &rpc->arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .suspended = on_task_suspended,
        .done = on_task_done,
    };
    task_start(&rpc->task);
}

static void reply_host(struct host_call *call, struct bytes reply)
{
    reply_bytes(container_of(call, struct rpc, host_call), reply);
}

static void fail_host(struct host_call *call, const struct err *err)
{
    reply_error(container_of(call, struct rpc, host_call), err->code, err->text);
}

static void answer_with(struct rpc *rpc, struct vm *vm, const struct handler *handler)
{
    if (rpc->recording.journal)
        recording_handler(&rpc->recording, vm, handler, &rpc->arena);
    switch (handler->kind) {
    case HANDLER_NONE:
        reply_error(rpc, STATUS_UNIMPLEMENTED,
                    rpc->method->server_streaming ? "streaming replies are not supported yet"
                                                  : "the script has no handler for this method");
        break;
    case HANDLER_PREPARED:
        reply_prepared(rpc, handler->prepared);
        break;
    case HANDLER_FUNCTION:
        run_handler(rpc, vm, handler);
        break;
    case HANDLER_UPSTREAM:
        relay(rpc);
        break;
    }
}

static void answer_as_host(struct rpc *rpc)
{
    struct rpc_host *host = rpc->host;
    rpc->host_call = (struct host_call){
        .method = rpc->method,
        .request = rpc->request,
        .arena = &rpc->arena,
        .reply = reply_host,
        .fail = fail_host,
    };
    host->answer(host->data, &rpc->host_call);
    if (!rpc->replied)
        watch(rpc);
}

static size_t most_bytes(const struct rpc *rpc)
{
    if (is_hosts(rpc->method))
        return rpc->host->most_host_bytes;
    bool is_small = strcmp(rpc->method->service, "csi.v1.Identity") == 0;
    return is_small ? IDENTITY_BYTES : SIZE_MAX; /* gRPC core has its own limit */
}

/* Finds the vm that answers: that of the session, if there are any. -1 and err: there is no such
 * session. */
static int choose_vm(struct rpc *rpc, struct vm **vm, struct err *err)
{
    const struct sessions *sessions = rpc->host->sessions;
    *vm = rpc->host->vm;
    if (!sessions || is_hosts(rpc->method))
        return 0;
    *vm = recording_begin(&rpc->recording, sessions, &rpc->metadata, err);
    return *vm ? 0 : -1;
}

static void answer(struct rpc *rpc)
{
    struct err err;
    struct vm *vm;
    if (choose_vm(rpc, &vm, &err)) {
        reply_error(rpc, err.code, err.text);
        return;
    }
    if (rpc->host->n_open > rpc->host->max_open) {
        reply_error(rpc, STATUS_RESOURCE_EXHAUSTED, "too many calls are in flight");
        return;
    }
    const struct handler *handler = is_hosts(rpc->method) ? NULL : vm_handler(vm, rpc->method);
    if (handler && handler->kind == HANDLER_UPSTREAM) {
        answer_with(rpc, vm, handler);
        return;
    }
    if (payload_read(rpc->payload, most_bytes(rpc), &rpc->arena, &rpc->bytes, &err)) {
        reply_error(rpc, err.code, err.text);
        return;
    }
    bool is_wanted = !handler || handler->kind == HANDLER_FUNCTION || rpc->bytes.size > 0;
    if (is_wanted && !(rpc->request = codec_unpack(rpc->method->request, rpc->bytes.data,
                                                   rpc->bytes.size, &rpc->arena, &err)))
        reply_error(rpc, err.code, err.text);
    else if (handler)
        answer_with(rpc, vm, handler);
    else
        answer_as_host(rpc);
}

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
    answer(rpc);
}
