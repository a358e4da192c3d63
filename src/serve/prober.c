/* Owns one run of Probe at a time and the list of those who wait for it. Loop thread. */
#include "serve/prober.h"

#include "csi.pb-c.h"
#include "csi/message.h"
#include "script/prepared.h"
#include "script/task.h"

#include <stdlib.h>

static const int64_t most_wall = 3000000000; /* what livenessprobe waits */

/* One run. On its own in memory: a thread that was given up inside it may still write into it. */
struct run {
    struct prober *prober;
    struct arena arena;
    struct task task;
};

struct prober {
    const struct scripts *scripts;
    const struct method *method;
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

static void answer_error(struct prober *prober, int status, const char *message)
{
    answer(prober, &(struct probe_result){.status = status, .message = message});
}

/* The reply's bytes to what they say. */
static void answer_reply(struct prober *prober, const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const Csi__V1__ProbeResponse *reply = (const Csi__V1__ProbeResponse *)message_unpack(
        prober->method->response->pb, data, size, &arena);
    if (reply)
        answer(prober, &(struct probe_result){.status = STATUS_OK,
                                              .message = "",
                                              .ready = !reply->ready || reply->ready->value});
    else
        answer_error(prober, STATUS_INTERNAL, "Probe's reply is garbage");
    arena_fini(&arena);
}

static void answer_prepared(struct prober *prober, const struct prepared *prepared)
{
    if (prepared->status == STATUS_OK)
        answer_reply(prober, GRPC_SLICE_START_PTR(prepared->bytes),
                     GRPC_SLICE_LENGTH(prepared->bytes));
    else
        answer_error(prober, prepared->status, prepared->message);
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
    struct run *run = container_of(task, struct run, task);
    struct prober *prober = run->prober;
    prober->is_running = false;
    if (task->passes)
        answer_prepared(prober, vm_default(task->vm, prober->method)->prepared);
    else if (task->prepared)
        answer_prepared(prober, task->prepared);
    else if (task->status == STATUS_OK)
        answer_reply(prober, task->reply.data, task->reply.size);
    else
        answer_error(prober, task->status, task->message);
    prepared_unref(task->prepared);
    if (task->is_abandoned)
        return;
    arena_fini(&run->arena);
    free(run);
}

struct prober *prober_new(const struct scripts *scripts)
{
    struct prober *prober = calloc(1, sizeof(*prober));
    if (!prober)
        return NULL;
    prober->scripts = scripts;
    prober->method = catalog_method("Probe");
    return prober;
}

static struct run *run_new(struct prober *prober, struct vm *vm, const struct handler *handler)
{
    struct run *run = calloc(1, sizeof(*run));
    if (!run)
        return NULL;
    run->prober = prober;
    arena_init(&run->arena, SIZE_MAX);
    run->task = (struct task){
        .vm = vm,
        .method = prober->method,
        .name = prober->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .request = message_unpack(prober->method->request->pb, NULL, 0, &run->arena),
        .arena = &run->arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .done = on_done,
    };
    if (run->task.budget.wall > most_wall)
        run->task.budget.wall = most_wall;
    if (run->task.request)
        return run;
    arena_fini(&run->arena);
    free(run);
    return NULL;
}

void prober_ask(struct prober *prober, struct probe_asker *asker)
{
    struct vm *vm = scripts_vm(prober->scripts);
    const struct handler *handler = vm_handler(vm, prober->method);
    asker->next = prober->askers;
    prober->askers = asker;
    if (prober->is_running)
        return;
    if (handler->kind != HANDLER_FUNCTION) {
        answer_prepared(prober, handler->prepared); /* Probe has a default: there is one */
        return;
    }
    struct run *run = run_new(prober, vm, handler);
    prober->is_running = run != NULL;
    if (run)
        task_start(&run->task);
    else
        answer_error(prober, STATUS_RESOURCE_EXHAUSTED, "no memory to run Probe");
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
    free(prober);
}
