/* Owns the state of a prompt. What a line means is in scripts/repl.lua; here are the task that it
 * runs in, and calls of the script's handlers, each a task of its own as in a server. Loop thread.
 */
#include "script/repl.h"

#include "base/embedded.h"
#include "io/loop.h"
#include "script/state.h"
#include "script/wait.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t longest =
    (int64_t)365 * 86400 * 1000000000; /* nanoseconds an expression may wait */

enum { ID_TEXT = 24 };

struct repl {
    struct vm *vm;
    struct repl_options options;
    struct arena arena; /* of the evaluation under way */
    struct task task;
    int evaluate; /* registry references: the functions of repl.lua */
    int complete;
    const char *problem; /* what the evaluation failed with, in arena; NULL: nothing */
    uint64_t calls;      /* of handlers, for their ids */
};

/* ---- calling a handler ---- */

struct call {
    struct wait wait;
    struct repl *repl;
    const struct method *method;
    struct ready turn; /* set before the handler begins, and between its end and ours */
    struct task task;
    struct arena arena; /* of the handler's call */
    char id[ID_TEXT];
    const struct task_metadata *metadata; /* in the arena of the expression */
    size_t n_metadata;
    bool is_cancelled; /* nobody waits for it any more */
    int status;
    const char *message;
    struct bytes reply;
};

static void fill_context(struct task *task, struct task_context *context)
{
    const struct call *call = container_of(task, struct call, task);
    *context = (struct task_context){
        .peer = "luacsi repl",
        .metadata = call->metadata,
        .n_metadata = call->n_metadata,
    };
}

static const char *id_of_task(struct task *task)
{
    return container_of(task, struct call, task)->id;
}

static void keep_status(struct call *call, int status, const char *message)
{
    call->status = status;
    call->message = wait_keep(&call->wait, message, strlen(message));
}

static void keep_reply(struct call *call, const void *data, size_t size)
{
    call->reply.data = (const uint8_t *)wait_keep(&call->wait, data, size);
    call->reply.size = size;
}

/* prepared: NULL where nothing answers. */
static void keep_prepared(struct call *call, const struct prepared *prepared)
{
    if (!prepared)
        keep_status(call, STATUS_UNIMPLEMENTED, "the script has no handler for this method");
    else if (prepared->status != STATUS_OK)
        keep_status(call, prepared->status, prepared->message);
    else
        keep_reply(call, GRPC_SLICE_START_PTR(prepared->bytes), GRPC_SLICE_LENGTH(prepared->bytes));
}

static void on_answered(struct ready *turn)
{
    wait_done(&container_of(turn, struct call, turn)->wait);
}

static void go_on(struct call *call)
{
    call->turn.fn = on_answered;
    loop_ready(call->repl->vm->options.loop, &call->turn);
}

static void on_call_done(struct task *task)
{
    struct call *call = container_of(task, struct call, task);
    if (!call->is_cancelled) {
        if (task->passes)
            keep_prepared(call, vm_default(task->vm, call->method)->prepared);
        else if (task->prepared)
            keep_prepared(call, task->prepared);
        else if (task->status == STATUS_OK)
            keep_reply(call, task->reply.data, task->reply.size);
        else
            keep_status(call, task->status, task->message);
        go_on(call);
    }
    prepared_unref(task->prepared);
    arena_fini(&call->arena);
}

static void on_turn(struct ready *turn)
{
    task_start(&container_of(turn, struct call, turn)->task);
}

static void cancel_call(struct wait *wait)
{
    struct call *call = container_of(wait, struct call, wait);
    call->is_cancelled = true;
    bool waits_for_turn = call->turn.place != NULL;
    loop_unready(call->repl->vm->options.loop, &call->turn);
    if (call->task.is_suspended)
        task_cancel(&call->task, STATUS_CANCELLED, "interrupted");
    else if (waits_for_turn && call->turn.fn == on_turn)
        arena_fini(&call->arena);
}

static int push_answer(lua_State *L, struct wait *wait)
{
    const struct call *call = container_of(wait, struct call, wait);
    struct err err;
    if (call->status != STATUS_OK)
        return csi_status_answer(L, call->status, call->message);
    const ProtobufCMessage *reply = codec_unpack(call->method->response, call->reply.data,
                                                 call->reply.size, vm_arena(vm_of(L)), &err);
    if (!reply)
        return csi_status_answer(L, err.code, err.text);
    codec_push(L, call->method->response, reply, true);
    return 1;
}

/* ---- its arguments ---- */

static const struct method *check_method(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    const struct method *method = catalog_method(name);
    if (!method) {
        const char *near = catalog_nearest_method(name);
        luaL_argerror(
            L, index,
            near ? lua_pushfstring(L, "CSI has no method %s (did you mean %s?)", name, near)
                 : lua_pushfstring(L, "CSI has no method %s", name));
    }
    return method;
}

/* The table at index as bytes; none: an empty message. */
static struct bytes check_request(lua_State *L, int index, const struct schema *schema)
{
    const struct codec_options options = {.arena = vm_arena(vm_of(L)), .rules = RULES_OFF};
    struct bytes bytes = {0};
    struct err err;
    if (!lua_isnil(L, index) && codec_pull(L, index, schema, &options, &bytes, &err))
        luaL_argerror(L, index, err.text);
    return bytes;
}

/* The metadata at index, a table from key to value; its strings are the table's. */
static void check_metadata(lua_State *L, int index, struct call *call)
{
    size_t n = 0;
    if (lua_isnil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), n++)
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, index,
                      "expected metadata as strings only");
    struct task_metadata *entries = wait_new(L, n * sizeof(*entries));
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        struct task_metadata *entry = &entries[call->n_metadata++];
        entry->key = lua_tolstring(L, -2, &entry->key_size);
        entry->value = lua_tolstring(L, -1, &entry->value_size);
    }
    call->metadata = entries;
}

static void prepare_task(struct call *call, const struct handler *handler, struct bytes request)
{
    struct vm *vm = call->repl->vm;
    struct err err;
    arena_init(&call->arena, SIZE_MAX);
    snprintf(call->id, sizeof(call->id), "%" PRIu64, ++call->repl->calls);
    call->task = (struct task){
        .vm = vm,
        .method = call->method,
        .name = call->method->name,
        .function = handler->function,
        .wants_request = handler->wants_request,
        .wants_context = handler->wants_context,
        .request =
            codec_unpack(call->method->request, request.data, request.size, &call->arena, &err),
        .arena = &call->arena,
        .budget = vm_budget(vm),
        .id = id_of_task,
        .context = fill_context,
        .done = on_call_done,
    };
}

/* call(method [, request [, metadata]]) -> reply, or nil, code, message. Upvalue: the repl. Waits.
 */
static int call_method(lua_State *L)
{
    struct repl *repl = lua_touserdata(L, lua_upvalueindex(1));
    lua_settop(L, 3);
    const struct method *method = check_method(L, 1);
    const struct bytes request = check_request(L, 2, method->request);
    const struct handler *handler = vm_handler(repl->vm, method);
    wait_check(L, "call");
    struct call *call = wait_new(L, sizeof(*call));
    call->wait.cancel = cancel_call;
    call->wait.push = push_answer;
    call->wait.task = repl->vm->running;
    call->repl = repl;
    call->method = method;
    check_metadata(L, 3, call);
    if (handler->kind != HANDLER_FUNCTION) {
        keep_prepared(call, handler->prepared);
        return push_answer(L, &call->wait);
    }
    prepare_task(call, handler, request);
    if (!call->task.request) {
        arena_fini(&call->arena);
        return luaL_error(L, "not enough memory");
    }
    call->turn.fn = on_turn;
    loop_ready(repl->vm->options.loop, &call->turn);
    return wait_suspend(L, &call->wait);
}

/* ---- what repl.lua gets ---- */

/* print(text): as the value of an expression is printed. */
static int print_text(lua_State *L)
{
    const struct repl *repl = lua_touserdata(L, lua_upvalueindex(1));
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    repl->options.print(repl->options.data, text, size);
    return 0;
}

/* fail(text): the evaluation has failed with this. */
static int fail(lua_State *L)
{
    struct repl *repl = lua_touserdata(L, lua_upvalueindex(1));
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const char *copy = arena_copy(&repl->arena, text, size);
    repl->problem = copy ? copy : "no memory for the message";
    return 0;
}

static void push_methods(lua_State *L)
{
    lua_createtable(L, CATALOG_METHODS, 0);
    for (int i = 0; i < CATALOG_METHODS; i++) {
        lua_pushstring(L, catalog_methods()[i].name);
        lua_rawseti(L, -2, i + 1);
    }
}

/* lua_pcall's function: runs repl.lua, which returns evaluate and complete. Argument: the repl. */
static int open_repl(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"call", call_method}, {"print", print_text}, {"fail", fail}, {NULL, NULL}};
    struct repl *repl = lua_touserdata(L, 1);
    const struct embedded *file = embedded_find("repl.lua");
    chunk_load(L, (const char *)file->data, file->size, "=[luacsi]/repl.lua");
    lua_newtable(L);
    lua_pushlightuserdata(L, repl);
    luaL_setfuncs(L, functions, 1);
    push_methods(L);
    lua_setfield(L, -2, "methods");
    lua_call(L, 1, 2);
    repl->complete = luaL_ref(L, LUA_REGISTRYINDEX);
    repl->evaluate = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

struct repl *repl_new(struct vm *vm, const struct repl_options *options, struct err *err)
{
    struct repl *repl = calloc(1, sizeof(*repl));
    if (repl) {
        *repl = (struct repl){
            .vm = vm, .options = *options, .evaluate = LUA_NOREF, .complete = LUA_NOREF};
        arena_init(&repl->arena, vm->options.memory);
        lua_pushcfunction(vm->L, open_repl);
        lua_pushlightuserdata(vm->L, repl);
        if (lua_pcall(vm->L, 1, 0, 0) == LUA_OK)
            return repl;
        lua_pop(vm->L, 1);
    }
    repl_free(repl);
    err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a prompt");
    return NULL;
}

void repl_free(struct repl *repl)
{
    if (!repl)
        return;
    luaL_unref(repl->vm->L, LUA_REGISTRYINDEX, repl->evaluate);
    luaL_unref(repl->vm->L, LUA_REGISTRYINDEX, repl->complete);
    arena_fini(&repl->arena);
    free(repl);
}

/* ---- evaluating ---- */

static void end(struct repl *repl, enum repl_outcome outcome, const char *message)
{
    repl->options.done(repl->options.data, outcome, message);
    repl->problem = NULL;
    arena_reset(&repl->arena);
}

static void on_done(struct task *task)
{
    struct repl *repl = container_of(task, struct repl, task);
    luaL_unref(repl->vm->L, LUA_REGISTRYINDEX, task->function);
    prepared_unref(task->prepared);
    const char *problem = task->status == STATUS_OK ? repl->problem : task->message;
    end(repl, problem ? REPL_FAILED : REPL_OK, problem);
}

/* What lua_pcall's function below gets and gives. */
struct compiling {
    struct repl *repl;
    const char *text;
    int function;        /* registry reference, or LUA_NOREF with: */
    const char *problem; /* in the repl's arena */
    bool is_incomplete;
};

static int compile(lua_State *L)
{
    struct compiling *c = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->repl->evaluate);
    lua_pushstring(L, c->text);
    lua_call(L, 1, 3); /* stack: c function message is_incomplete */
    if (lua_isfunction(L, 2)) {
        lua_pushvalue(L, 2);
        c->function = luaL_ref(L, LUA_REGISTRYINDEX);
        return 0;
    }
    size_t size;
    const char *message = luaL_tolstring(L, 3, &size);
    c->is_incomplete = lua_toboolean(L, 4);
    c->problem = arena_copy(&c->repl->arena, message, size);
    return 0;
}

void repl_evaluate(struct repl *repl, const char *text)
{
    struct compiling c = {.repl = repl, .text = text, .function = LUA_NOREF};
    lua_State *L = repl->vm->L;
    lua_pushcfunction(L, compile);
    lua_pushlightuserdata(L, &c);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    if (c.function == LUA_NOREF) {
        end(repl, c.is_incomplete ? REPL_INCOMPLETE : REPL_FAILED,
            c.problem ? c.problem : "no memory for it");
        return;
    }
    repl->task = (struct task){
        .vm = repl->vm,
        .name = "stdin",
        .function = c.function,
        .arena = &repl->arena,
        .budget = {.wall = longest, .cpu = repl->vm->options.handler_cpu},
        .done = on_done,
    };
    task_start(&repl->task);
}

void repl_interrupt(struct repl *repl)
{
    if (repl->task.is_suspended)
        task_cancel(&repl->task, STATUS_CANCELLED, "interrupted");
}

/* ---- completing ---- */

struct completing {
    const struct repl *repl;
    const char *text;
    char *buffer;
    size_t size;
};

/* lua_pcall's function. repl.lua gives the words, each with a newline behind. */
static int complete(lua_State *L)
{
    struct completing *c = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->repl->complete);
    lua_pushstring(L, c->text);
    lua_call(L, 1, 1);
    snprintf(c->buffer, c->size, "%s", luaL_checkstring(L, -1));
    return 0;
}

void repl_complete(struct repl *repl, const char *text, char *buffer, size_t size)
{
    struct completing c = {.repl = repl, .text = text, .buffer = buffer, .size = size};
    lua_State *L = repl->vm->L;
    buffer[0] = '\0';
    lua_pushcfunction(L, complete);
    lua_pushlightuserdata(L, &c);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    char *last = strrchr(buffer, '\n'); /* what did not fit whole is left out */
    if (last)
        last[1] = '\0';
    else
        buffer[0] = '\0';
}
