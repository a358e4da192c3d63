/* What answers a call: a constant, a handler, the driver behind this one, or the host itself. Loop
 * thread. */
#include "script/prepared.h"
#include "serve/call_log.h"
#include "serve/fixture.h"
#include "serve/payload.h"
#include "serve/rpc_call.h"

#include <sys/socket.h>

/* ---- the driver behind this one ---- */

static void on_relayed(void *data, const struct relay_end *end)
{
    struct rpc *rpc = data;
    int status = status_valid(end->status) ? end->status : STATUS_UNKNOWN;
    rpc_note_end(rpc, end->reply, status, end->message);
    if (rpc->host->fixture)
        fixture_note(rpc->host->fixture, rpc->method, rpc->request, end, &rpc->arena);
    rpc->relay = NULL;
    rpc->replied = true;
    rpc_end_batch(rpc);
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
        .keeps_reply = rpc->host->fixture || rpc->recording.journal || log_v(CALL_LOG_BODIES),
        .done = on_relayed,
        .data = rpc,
    };
    struct err err;
    if (call.keeps_reply && !rpc->request)
        rpc->request = payload_unpack(rpc->payload, SIZE_MAX, rpc->method->request, &rpc->arena,
                                      &rpc->bytes, &err); /* NULL: then without it */
    rpc->relay = relay_start(rpc->host->upstream, rpc->host->queue, &call, &err);
    if (!rpc->relay) {
        rpc_reply_error(rpc, err.code, err.text);
        return;
    }
    rpc->batches++; /* all of the relay's */
    if (!rpc->watched)
        rpc_watch(rpc);
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
    rpc_watch(rpc);
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
    rpc_reply_error(rpc, task->status, task->message);
}

static void answer_with(struct rpc *rpc, struct vm *vm, const struct handler *handler);

static void on_task_done(struct task *task)
{
    struct rpc *rpc = container_of(task, struct rpc, task);
    if (task->is_abandoned) {
        rpc->is_lost = true;
        if (!rpc->replaced)
            rpc_replace(rpc);
    }
    if (task->passes) {
        answer_with(rpc, task->vm, vm_default(task->vm, rpc->method));
    } else if (task->prepared) {
        rpc_reply_prepared(rpc, task->prepared);
        prepared_unref(task->prepared);
    } else if (task->status != STATUS_OK) {
        reply_failure(rpc);
    } else {
        rpc_reply_bytes(rpc, task->reply);
    }
}

/* ---- the request ---- */

/* What of the task is the same for every call. */
static void set_up_task(struct rpc *rpc)
{
    rpc->task = (struct task){
        .method = rpc->method,
        .name = rpc->method->name,
        .has_caller = true,
        .arena = &rpc->arena,
        .id = id_of_task,
        .context = fill_context,
        .suspended = on_task_suspended,
        .done = on_task_done,
    };
}

static void run_handler(struct rpc *rpc, struct vm *vm, const struct handler *handler)
{
    struct task *task = &rpc->task;
    if (!task->done || task->was_suspended) /* its first call, or the last one left its traces */
        set_up_task(rpc);
    task->vm = vm;
    task->function = handler->function;
    task->wants_request = handler->wants_request;
    task->wants_context = handler->wants_context;
    task->request = rpc->request;
    task->bytes = rpc->bytes;
    task->budget = vm_budget(vm);
    task_start(task);
}

static void reply_host(struct host_call *call, struct bytes reply)
{
    rpc_reply_bytes(container_of(call, struct rpc, host_call), reply);
}

static void fail_host(struct host_call *call, const struct err *err)
{
    rpc_reply_error(container_of(call, struct rpc, host_call), err->code, err->text);
}

static void answer_with(struct rpc *rpc, struct vm *vm, const struct handler *handler)
{
    if (rpc->recording.journal)
        recording_handler(&rpc->recording, vm, handler, &rpc->arena);
    switch (handler->kind) {
    case HANDLER_NONE:
        rpc_reply_error(rpc, STATUS_UNIMPLEMENTED,
                        rpc->method->server_streaming
                            ? "streaming replies are not supported yet"
                            : "the script has no handler for this method");
        break;
    case HANDLER_PREPARED:
        rpc_reply_prepared(rpc, handler->prepared);
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
        rpc_watch(rpc);
}

/* Finds the vm that answers: that of the session, if there are any. -1 and err: there is no such
 * session. */
static int choose_vm(struct rpc *rpc, struct vm **vm, struct err *err)
{
    const struct sessions *sessions = rpc->host->sessions;
    *vm = rpc->host->vm;
    if (!sessions || rpc_is_hosts(rpc->method))
        return 0;
    *vm = recording_begin(&rpc->recording, sessions, &rpc->metadata, err);
    return *vm ? 0 : -1;
}

void rpc_answer(struct rpc *rpc)
{
    struct err err;
    struct vm *vm;
    if (choose_vm(rpc, &vm, &err)) {
        rpc_reply_error(rpc, err.code, err.text);
        return;
    }
    if (rpc->host->n_open > rpc->host->max_open) {
        rpc_reply_error(rpc, STATUS_RESOURCE_EXHAUSTED, "too many calls are in flight");
        return;
    }
    const struct handler *handler = rpc_is_hosts(rpc->method) ? NULL : vm_handler(vm, rpc->method);
    if (handler && handler->kind == HANDLER_UPSTREAM) {
        answer_with(rpc, vm, handler);
        return;
    }
    if (payload_read(rpc->payload, rpc->most_bytes, &rpc->arena, &rpc->bytes, &err)) {
        rpc_reply_error(rpc, err.code, err.text);
        return;
    }
    bool is_wanted = !handler || handler->wants_request || rpc->bytes.size > 0;
    if (is_wanted && !(rpc->request = codec_unpack(rpc->method->request, rpc->bytes.data,
                                                   rpc->bytes.size, &rpc->arena, &err)))
        rpc_reply_error(rpc, err.code, err.text);
    else if (handler)
        answer_with(rpc, vm, handler);
    else
        answer_as_host(rpc);
}
