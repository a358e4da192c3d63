/* Runs handlers, each in a coroutine from the vm's pool. Loop thread. */
#include "script/task.h"

#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

/* ---- coroutines ---- */

/* lua_pcall's function: makes a thread and leaves its reference. Returns: the thread, the
 * reference. */
static int new_coroutine(lua_State *L)
{
    lua_newthread(L);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
    return 2;
}

static int acquire(struct task *task)
{
    struct vm *vm = task->vm;
    lua_State *L = vm->L;
    if (vm->n_idle > 0) {
        const struct coroutine *idle = &vm->idle[--vm->n_idle];
        task->co = idle->co;
        task->co_ref = idle->ref;
        return 0;
    }
    lua_pushcfunction(L, new_coroutine);
    if (lua_pcall(L, 0, 2, 0) != LUA_OK) {
        lua_pop(L, 1);
        return -1;
    }
    task->co_ref = (int)lua_tointeger(L, -1);
    task->co = lua_tothread(L, -2);
    lua_pop(L, 2);
    return 0;
}

/* Back to the pool or, when that is full, to the garbage collector. */
static void release(struct task *task)
{
    struct vm *vm = task->vm;
    if (vm->n_idle < VM_IDLE_COROUTINES) {
        lua_settop(task->co, 0);
        vm->idle[vm->n_idle++] = (struct coroutine){.co = task->co, .ref = task->co_ref};
    } else {
        luaL_unref(vm->L, LUA_REGISTRYINDEX, task->co_ref);
    }
    task->co = NULL;
    task->co_ref = LUA_NOREF;
}

/* ---- in the coroutine ---- */

static void push_context(lua_State *L, struct task *task)
{
    struct task_context context = {0};
    task->context(task, &context);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, task->method->name);
    lua_setfield(L, -2, "method");
    lua_pushstring(L, context.peer);
    lua_setfield(L, -2, "peer");
    lua_pushstring(L, context.id);
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
        err_set(&err, STATUS_INTERNAL, "%s: expected a reply to %s, got one that is %s",
                task->method->name, task->method->name, prepared->schema->name);
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
            "%s: expected the handler to return a table or nil, code, message", task->method->name);
    set_status(task, err.code, err.text);
}

/* Behind the handler's call, at once or after it waited. stack: … reply code message */
static int finish(lua_State *L, int status, lua_KContext context)
{
    struct task *task = (struct task *)context;
    (void)status;
    int reply = lua_gettop(L) - 2;
    struct prepared *prepared = csi_reply_get(L, reply);
    if (prepared)
        take_prepared(task, prepared);
    else if (lua_isnil(L, reply))
        take_failure(task, L, reply + 1);
    else
        take_table(task, L, reply);
    return 0;
}

/* The body of every coroutine. Argument: the task. */
static int run_handler(lua_State *L)
{
    struct task *task = lua_touserdata(L, 1);
    int n = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, task->handler->function);
    if (task->handler->wants_request) {
        codec_push(L, task->method->request, task->request, false);
        n++;
    }
    if (task->handler->wants_context) {
        push_context(L, task);
        n++;
    }
    lua_callk(L, n, 3, (lua_KContext)task, finish);
    return finish(L, LUA_OK, (lua_KContext)task);
}

/* ---- outside ---- */

static void resume(struct task *task, int n_arguments)
{
    struct vm *vm = task->vm;
    int n_results;
    vm->running = task;
    int status = lua_resume(task->co, NULL, n_arguments, &n_results);
    if (status != LUA_OK) {
        failure_describe(task, task->co, status);
        lua_resetthread(task->co);
    }
    vm->running = NULL;
    release(task);
    task->done(task);
}

void task_start(struct task *task)
{
    task->status = STATUS_OK;
    task->message = "";
    task->reply = (struct bytes){0};
    task->prepared = NULL;
    if (acquire(task)) {
        task->status = STATUS_RESOURCE_EXHAUSTED;
        task->message = "no memory to run the handler";
        task->done(task);
        return;
    }
    lua_pushcfunction(task->co, run_handler);
    lua_pushlightuserdata(task->co, task);
    resume(task, 1);
}
