/* context.upstream: the driver behind this one, asked by a handler. Loop thread. */
#include "base/text.h"
#include "io/clock.h"
#include "io/outbound.h"
#include "io/upstream.h"
#include "script/state.h"
#include "script/wait.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

static const char function[] = "context.upstream";
static const char no_memory[] = "no memory for the reply of the upstream";

struct own {
    struct wait wait;
    struct outbound *outbound;
    const struct method *method;
    int status; /* the outcome; a message or a reply, in the arena */
    const char *message;
    struct bytes reply;
};

/* ---- waiting ---- */

static void fail(struct own *own, int status, const char *text)
{
    size_t size = text_cut(text, strlen(text), STATUS_MESSAGE_BYTES);
    const char *copy = arena_copy(own->wait.task->arena, text, size);
    own->status = status;
    own->message = !copy ? no_memory : csi_status_text(copy, size) ? copy : "(no message)";
}

static void keep_reply(struct own *own, const struct client_reply *reply)
{
    own->reply.size = reply->size;
    own->reply.data = (const uint8_t *)arena_copy(own->wait.task->arena, reply->data, reply->size);
    if (!own->reply.data)
        fail(own, STATUS_RESOURCE_EXHAUSTED, no_memory);
}

static void wake(void *data, const struct client_reply *reply, const struct err *err)
{
    struct own *own = data;
    if (err)
        fail(own, err->code, err->text);
    else if (reply->code != STATUS_OK)
        fail(own, reply->code, reply->message);
    else
        keep_reply(own, reply);
    wait_done(&own->wait);
}

static void cancel(struct wait *wait)
{
    outbound_cancel(container_of(wait, struct own, wait)->outbound);
}

static int push(lua_State *L, struct wait *wait)
{
    const struct own *own = container_of(wait, struct own, wait);
    const struct schema *schema = own->method->response;
    struct err err;
    if (own->status != STATUS_OK)
        return csi_status_answer(L, own->status, own->message);
    const ProtobufCMessage *message =
        codec_unpack(schema, own->reply.data, own->reply.size, vm_arena(vm_of(L)), &err);
    if (!message) {
        err_prefix(&err, "the upstream's reply: ");
        return csi_status_answer(L, err.code, err.text);
    }
    codec_push(L, schema, message, false);
    return 1;
}

/* ---- what is sent ---- */

/* Sets the metadata of request to that of the task's call, but for what is not handed on. */
static void fill_metadata(lua_State *L, const struct task_context *context,
                          struct client_request *request)
{
    struct arena *arena = vm_arena(vm_of(L));
    struct client_pair *pairs = arena_alloc(arena, context->n_metadata * sizeof(*pairs));
    if (!pairs) {
        luaL_error(L, "not enough memory");
        return;
    }
    for (size_t i = 0; i < context->n_metadata; i++) {
        const struct task_metadata *from = &context->metadata[i];
        const grpc_metadata entry = {
            .key = grpc_slice_from_static_buffer(from->key, from->key_size),
            .value = grpc_slice_from_static_buffer(from->value, from->value_size),
        };
        if (!upstream_carries(&entry))
            continue;
        const char *key = arena_copy(arena, from->key, from->key_size);
        if (!key)
            luaL_error(L, "not enough memory");
        pairs[request->n_metadata++] =
            (struct client_pair){.key = key, .value = from->value, .value_size = from->value_size};
    }
    request->metadata = pairs;
}

/* What the handler, or its caller, still has. */
static int64_t time_left(struct task *task, const struct task_context *context)
{
    int64_t left = budget_wall_left(&task->budget);
    if (context->deadline && context->deadline - clock_wall() < left)
        left = context->deadline - clock_wall();
    return left > 1 ? left : 1;
}

/* The table at index as the message of the request, in the arena; the original when it is nil. */
static struct bytes check_request(lua_State *L, int index, const struct schema *schema)
{
    const struct codec_options options = {.arena = vm_arena(vm_of(L)), .rules = RULES_OFF};
    struct bytes bytes;
    struct err err;
    if (lua_isnoneornil(L, index)) {
        bytes.data = (const uint8_t *)lua_tolstring(L, lua_upvalueindex(2), &bytes.size);
        return bytes;
    }
    luaL_checktype(L, index, LUA_TTABLE);
    if (codec_pull(L, index, schema, &options, &bytes, &err))
        luaL_argerror(L, index, err.text);
    return bytes;
}

/* context.upstream([request]): has the driver behind this one answer the call, and waits for it.
 * request: a table; without it the caller's request, as it came. Metadata and deadline are the
 * caller's. Returns the reply, a table. Or nil, code, message, as a handler may return them.
 * Upvalues: the method, the bytes of the request. */
static int ask(lua_State *L)
{
    struct task_context context = {0};
    struct task *task = vm_of(L)->running;
    struct err err;
    const struct method *method = lua_touserdata(L, lua_upvalueindex(1));
    wait_check(L, function);
    const struct bytes message = check_request(L, 1, method->request);
    struct client_request request = {
        .path = method->path, .data = message.data, .size = message.size};
    if (task->context)
        task->context(task, &context);
    fill_metadata(L, &context, &request);
    request.timeout = time_left(task, &context);
    struct own *own = wait_new(L, sizeof(*own));
    own->wait.cancel = cancel;
    own->wait.push = push;
    own->method = method;
    const struct vm_options *options = &vm_of(L)->options;
    own->outbound =
        outbound_start_upstream(options->upstream, options->loop, &request, wake, own, &err);
    if (!own->outbound)
        return csi_status_answer(L, err.code, err.text);
    return wait_suspend(L, &own->wait);
}

void context_upstream_push(lua_State *L, const struct task *task)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)task->method);
    lua_pushlstring(L, (const char *)task->bytes.data, task->bytes.size);
    lua_pushcclosure(L, ask, 2);
}
