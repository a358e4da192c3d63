/* Owns one run of Probe at a time and the list of those who wait for it. Loop thread. */
#include "serve/prober.h"

#include "csi.pb-c.h"
#include "csi/message.h"
#include "script/prepared.h"
#include "script/task.h"

#include <stdlib.h>

static const int64_t most_wall = 3000000000; /* what livenessprobe waits */

struct prober {
    const struct scripts *scripts;
    const struct method *method;
    struct arena arena;
    struct task task;
    bool is_running;
    struct probe_asker *askers; /* who waits for the run */
};

static void answer(struct prober *prober, const struct probe_result *result)
{
    struct probe_asker *asker = prober->askers;
    prober->askers = NULL;
    while (asker) {
        struct probe_asker *next = asker->next;
        asker->answered(asker, result);
        asker = next;
    }
}

/* The reply's bytes to what they say. */
static void answer_reply(struct prober *prober, const uint8_t *data, size_t size)
{
    const Csi__V1__ProbeResponse *reply = (const Csi__V1__ProbeResponse *)message_unpack(
        prober->method->response->pb, data, size, &prober->arena);
    struct probe_result result = {.status = STATUS_OK, .message = ""};
    if (reply)
        result.ready = !reply->ready || reply->ready->value;
    else
        result =
            (struct probe_result){.status = STATUS_INTERNAL, .message = "Probe's reply is garbage"};
    answer(prober, &result);
}

static void answer_prepared(struct prober *prober, const struct prepared *prepared)
{
    if (prepared->status == STATUS_OK)
        answer_reply(prober, GRPC_SLICE_START_PTR(prepared->bytes),
                     GRPC_SLICE_LENGTH(prepared->bytes));
    else
        answer(prober,
               &(struct probe_result){.status = prepared->status, .message = prepared->message});
}

static void fill_context(struct task *task, struct task_context *context)
{
    (void)task;
    *context = (struct task_context){.peer = "luacsi"};
}

static const char *id_of_task(struct task *task)
{
    (void)task;
    return "probe";
}

static void on_done(struct task *task)
{
    struct prober *prober = container_of(task, struct prober, task);
    prober->is_running = false;
    if (task->passes)
        answer_prepared(prober, vm_default(task->vm, prober->method)->prepared);
    else if (task->prepared)
        answer_prepared(prober, task->prepared);
    else if (task->status == STATUS_OK)
        answer_reply(prober, task->reply.data, task->reply.size);
    else
        answer(prober, &(struct probe_result){.status = task->status, .message = task->message});
    prepared_unref(task->prepared);
    if (task->is_abandoned)
        arena_init(&prober->arena, SIZE_MAX); /* a lost thread may still write into the old one */
    else
        arena_reset(&prober->arena);
}

struct prober *prober_new(const struct scripts *scripts)
{
    struct prober *prober = calloc(1, sizeof(*prober));
    if (!prober)
        return NULL;
    prober->scripts = scripts;
    prober->method = catalog_method("Probe");
    arena_init(&prober->arena, SIZE_MAX);
    return prober;
}

static void run(struct prober *prober, struct vm *vm, const struct handler *handler)
{
    prober->task = (struct task){
        .vm = vm,
        .method = prober->method,
        .name = prober->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .request = message_unpack(prober->method->request->pb, NULL, 0, &prober->arena),
        .arena = &prober->arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .done = on_done,
    };
    if (prober->task.budget.wall > most_wall)
        prober->task.budget.wall = most_wall;
    prober->is_running = true;
    if (prober->task.request)
        task_start(&prober->task);
    else
        on_done(&prober->task);
}

void prober_ask(struct prober *prober, struct probe_asker *asker)
{
    struct vm *vm = scripts_vm(prober->scripts);
    const struct handler *handler = vm_handler(vm, prober->method);
    asker->next = prober->askers;
    prober->askers = asker;
    if (prober->is_running)
        return;
    if (handler->kind == HANDLER_FUNCTION) {
        run(prober, vm, handler);
    } else {
        answer_prepared(prober, handler->prepared); /* Probe has a default: there is one */
        arena_reset(&prober->arena);
    }
}

void prober_forget(struct prober *prober, const struct probe_asker *asker)
{
    struct probe_asker **place = &prober->askers;
    while (*place != asker)
        place = &(*place)->next;
    *place = asker->next;
}

void prober_free(struct prober *prober)
{
    if (!prober)
        return;
    arena_fini(&prober->arena);
    free(prober);
}
