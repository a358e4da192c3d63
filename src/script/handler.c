/* The body of every task's coroutine: converts the request, calls the handler, takes what it
 * returned. All of it may raise; all C memory is in the task's arena. Loop thread. */
#include "script/handler.h"

#include "base/log.h"
#include "script/csi_fault.h"
#include "script/state.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* The second argument of a handler.
 * @class csi.context
 * @field method csi.method
 * @field id string what the caller sent as csi.requestid, else the number of the call
 * @field peer string who calls: "unix:pid=1234,uid=0,gid=0"
 * @field deadline? number when the caller gives up, as csi.now()
 * @field metadata table<string, string>
 * @field upstream? fun(request?: table): table?, csi.code?, string? with --upstream: asks it
 */
static void push_context(lua_State *L, struct task *task)
{
    struct task_context context = {0};
    task->context(task, &context);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, task->name);
    lua_setfield(L, -2, "method");
    lua_pushstring(L, context.peer);
    lua_setfield(L, -2, "peer");
    lua_pushstring(L, task_id(task));
    lua_setfield(L, -2, "id");
    if (context.deadline) {
        lua_pushnumber(L, (lua_Number)context.deadline / 1e9);
        lua_setfield(L, -2, "deadline");
    }
    lua_createtable(L, 0, (int)context.n_metadata);
    for (size_t i = 0; i < context.n_metadata; i++) {
        const struct task_metadata *entry = &context.metadata[i];
        lua_pushlstring(L, entry->key, entry->key_size);
        lua_pushlstring(L, entry->value, entry->value_size);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "metadata");
    if (task->vm->options.upstream) {
        context_upstream_push(L, task);
        lua_setfield(L, -2, "upstream");
    }
}

/* A reply that breaks a rule under --validate warn. */
static void warn(void *data, const struct err *err)
{
    const struct task *task = data;
    vm_tell_violation(task->vm, task->method, err);
}

static void set_status(struct task *task, int status, const char *text)
{
    const char *copy = arena_copy(task->arena, text, strlen(text));
    task->status = status;
    task->message = copy ? copy : "no memory for the message";
}

static void take_prepared(struct task *task, struct prepared *prepared)
{
    struct err err;
    if (prepared->schema != task->method->response) {
        err_set(&err, STATUS_INTERNAL, "%s: expected a reply to %s, got one that is %s", task->name,
                task->name, prepared->schema->name);
        set_status(task, err.code, err.text);
        return;
    }
    task->prepared = prepared_ref(prepared);
}

static void take_table(struct task *task, lua_State *L, int index)
{
    struct codec_options options = {
        .arena = task->arena,
        .rules = task->vm->options.rules,
        .warn = warn,
        .data = task,
        .names = task->vm->names,
    };
    struct err err;
    if (codec_pull(L, index, task->method->response, &options, &task->reply, &err))
        set_status(task, err.code, err.text);
}

/* `return nil, code, message`, the way of Lua's own functions to fail. */
static void take_failure(struct task *task, lua_State *L, int code_index)
{
    int code = csi_status_code(L, code_index);
    struct err err;
    const char *message = csi_status_message(L, code_index + 1);
    if (code > 0 && message) {
        set_status(task, code, message);
        return;
    }
    err_set(&err, STATUS_INTERNAL,
            "%s: expected the handler to return a table or nil, code, message", task->name);
    set_status(task, err.code, err.text);
}

/* What a check returned: true is good; false, reason is "not yet", UNAVAILABLE; nil, reason is a
 * failure, FAILED_PRECONDITION. */
static void take_verdict(struct task *task, lua_State *L, int index)
{
    const char *reason = csi_status_message(L, index + 1);
    if (lua_isnil(L, index))
        set_status(task, STATUS_FAILED_PRECONDITION, reason ? reason : "failed, without a reason");
    else if (!lua_toboolean(L, index))
        set_status(task, STATUS_UNAVAILABLE, reason ? reason : "not yet");
}

/* Behind the handler's call, at once or after it waited. stack: … reply code message */
static int finish(lua_State *L, int status, lua_KContext context)
{
    struct task *task = (struct task *)context;
    (void)status;
    vm_guard_check(task->vm); /* given up meanwhile: the answer is another's */
    int reply = lua_gettop(L) - 2;
    if (!task->method) {
        if (task->judged)
            take_verdict(task, L, reply);
        return 0;
    }
    int type = lua_type(L, reply);
    struct prepared *prepared = type == LUA_TUSERDATA ? csi_reply_get(L, reply) : NULL;
    if (prepared)
        take_prepared(task, prepared);
    else if (type == LUA_TNIL)
        take_failure(task, L, reply + 1);
    else if (type == LUA_TLIGHTUSERDATA && csi_pass_is(L, reply))
        task->passes = true;
    else if (type != LUA_TTABLE && csi_fault_is(L, reply))
        return csi_fault_take(L, task, reply);
    else
        take_table(task, L, reply);
    return 0;
}

/* The body of every coroutine. Argument: the task. */
static int run_handler(lua_State *L)
{
    struct task *task = lua_touserdata(L, 1);
    int n = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, task->function);
    if (task->wants_request) {
        codec_push(L, task->method->request, task->request, false);
        n++;
    }
    if (task->wants_context) {
        push_context(L, task);
        n++;
    }
    lua_callk(L, n, 3, (lua_KContext)task, finish);
    return finish(L, LUA_OK, (lua_KContext)task);
}

void handler_push(struct task *task)
{
    lua_pushcfunction(task->co, run_handler);
    lua_pushlightuserdata(task->co, task);
}

/* ---- the end of a budget ---- */

const char *handler_over_time(const struct task *task)
{
    return task->budget.hit == BUDGET_CPU ? "the handler computed for longer than it may"
                                          : "the handler took longer than it may";
}

/* lua_pcall's function. Argument: the task, whose coroutine stands where it was stopped. */
static int log_place(lua_State *L)
{
    struct task *task = lua_touserdata(L, 1);
    failure_trace(L, task->co, NULL);
    log_error("Handler stopped", log_str("method", task->name), log_if("id", task_id(task)),
              log_str("reason", handler_over_time(task)), log_str("at", lua_tostring(L, -1)));
    return 0;
}

void handler_overran(struct task *task)
{
    lua_State *L = task->vm->L;
    task->vm->budget = NULL; /* a traceback runs no code of the script */
    budget_watch(L);         /* a __tostring may have been ended in there */
    lua_pushcfunction(L, log_place);
    lua_pushlightuserdata(L, task);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1);
    prepared_unref(task->prepared);
    task->prepared = NULL;
    task->passes = false;
    task->details = (struct bytes){0};
    task->cut = TASK_CUT_NONE;
    task->status = STATUS_DEADLINE_EXCEEDED;
    task->message = handler_over_time(task);
}
