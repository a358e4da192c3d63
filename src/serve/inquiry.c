/* Owns runs of handlers for the host itself, and the memory of their replies. Loop thread. */
#include "serve/inquiry.h"

#include "base/arena.h"
#include "csi/message.h"
#include "io/outbound.h"
#include "script/prepared.h"
#include "script/task.h"

#include <stdlib.h>

/* One run. On its own in memory: a thread that was given up inside it may still write into it. */
struct run {
    struct inquiry *inquiry;
    struct arena arena;
    struct task task;
};

static void answer_error(struct inquiry *inquiry, int status, const char *message)
{
    inquiry->answered(inquiry, &(struct inquiry_answer){.status = status, .message = message});
}

static void answer_reply(struct inquiry *inquiry, const uint8_t *data, size_t size)
{
    struct arena arena;
    struct err err;
    arena_init(&arena, SIZE_MAX);
    const ProtobufCMessage *reply =
        message_unpack(inquiry->method->response->pb, data, size, &arena, &err);
    if (reply)
        inquiry->answered(inquiry, &(struct inquiry_answer){.status = STATUS_OK, .reply = reply});
    else
        answer_error(inquiry, err.code, err.text);
    arena_fini(&arena);
}

static void answer_prepared(struct inquiry *inquiry, const struct prepared *prepared)
{
    if (prepared->status == STATUS_OK)
        answer_reply(inquiry, GRPC_SLICE_START_PTR(prepared->bytes),
                     GRPC_SLICE_LENGTH(prepared->bytes));
    else
        answer_error(inquiry, prepared->status, prepared->message);
}

static void on_reply(void *data, const struct client_reply *reply, const struct err *err)
{
    struct inquiry *inquiry = data;
    inquiry->outbound = NULL;
    inquiry->is_running = false;
    if (err)
        answer_error(inquiry, err->code, err->text);
    else if (reply->code != STATUS_OK)
        answer_error(inquiry, reply->code, reply->message);
    else
        answer_reply(inquiry, reply->data, reply->size);
}

static void ask_upstream(struct inquiry *inquiry)
{
    const struct client_request request = {.path = inquiry->method->path, .timeout = inquiry->wall};
    struct err err;
    inquiry->is_running = true;
    inquiry->outbound =
        outbound_start_upstream(scripts_upstream(inquiry->scripts), scripts_loop(inquiry->scripts),
                                &request, on_reply, inquiry, &err);
    if (!inquiry->outbound)
        on_reply(inquiry, NULL, &err);
}

/* What is no function: a constant, the driver behind, or nothing. */
static void answer_otherwise(struct inquiry *inquiry, const struct handler *handler)
{
    if (handler->kind == HANDLER_UPSTREAM)
        ask_upstream(inquiry);
    else if (handler->kind == HANDLER_PREPARED)
        answer_prepared(inquiry, handler->prepared);
    else
        answer_error(inquiry, STATUS_UNIMPLEMENTED, "the script has no such handler");
}

static void fill_context(struct task *task, struct task_context *context)
{
    (void)task;
    *context = (struct task_context){.peer = "luacsi"};
}

static const char *id_of_task(struct task *task)
{
    return container_of(task, struct run, task)->inquiry->id;
}

static void on_done(struct task *task)
{
    struct run *run = container_of(task, struct run, task);
    struct inquiry *inquiry = run->inquiry;
    inquiry->is_running = false;
    if (task->passes)
        answer_otherwise(inquiry, vm_default(task->vm, inquiry->method));
    else if (task->prepared)
        answer_prepared(inquiry, task->prepared);
    else if (task->status == STATUS_OK)
        answer_reply(inquiry, task->reply.data, task->reply.size);
    else
        answer_error(inquiry, task->status, task->message);
    prepared_unref(task->prepared);
    if (task->is_abandoned)
        return;
    arena_fini(&run->arena);
    free(run);
}

static struct run *run_new(struct inquiry *inquiry, struct vm *vm, const struct handler *handler)
{
    struct run *run = calloc(1, sizeof(*run));
    struct err err;
    if (!run)
        return NULL;
    run->inquiry = inquiry;
    arena_init(&run->arena, SIZE_MAX);
    run->task = (struct task){
        .vm = vm,
        .method = inquiry->method,
        .name = inquiry->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .request = message_unpack(inquiry->method->request->pb, NULL, 0, &run->arena, &err),
        .arena = &run->arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .done = on_done,
    };
    if (run->task.budget.wall > inquiry->wall)
        run->task.budget.wall = inquiry->wall;
    if (run->task.request)
        return run;
    arena_fini(&run->arena);
    free(run);
    return NULL;
}

void inquiry_init(struct inquiry *inquiry, const struct scripts *scripts, const char *method,
                  const char *id,
                  void (*answered)(struct inquiry *inquiry, const struct inquiry_answer *answer))
{
    *inquiry = (struct inquiry){
        .answered = answered,
        .scripts = scripts,
        .method = catalog_method(method),
        .id = id,
    };
}

void inquiry_run(struct inquiry *inquiry, int64_t wall)
{
    struct vm *vm = scripts_vm(inquiry->scripts);
    const struct handler *handler = vm_handler(vm, inquiry->method);
    inquiry->wall = wall;
    if (handler->kind != HANDLER_FUNCTION) {
        answer_otherwise(inquiry, handler);
        return;
    }
    struct run *run = run_new(inquiry, vm, handler);
    inquiry->is_running = run != NULL;
    if (run)
        task_start(&run->task);
    else
        answer_error(inquiry, STATUS_RESOURCE_EXHAUSTED, "no memory to run the handler");
}

void inquiry_stop(struct inquiry *inquiry)
{
    if (inquiry->outbound)
        outbound_cancel(inquiry->outbound);
    inquiry->outbound = NULL;
}
