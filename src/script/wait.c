/* Suspends handlers and wakes them. Loop thread. */
#include "script/wait.h"

#include "script/state.h"

#include <lauxlib.h>
#include <string.h>

int wait_possible(lua_State *L)
{
    const struct vm *vm = vm_of(L);
    return vm->running && task_may_yield(vm, L);
}

void wait_check(lua_State *L, const char *function)
{
    vm_guard_check(vm_of(L));
    if (!vm_of(L)->running)
        luaL_error(L, "%s cannot wait here: only a handler can, not a script that is loading",
                   function);
    if (!wait_possible(L))
        luaL_error(
            L, "%s cannot wait here: inside a function of Lua's libraries that cannot be suspended",
            function);
}

/* Behind the wait. */
static int after(lua_State *L, int status, lua_KContext context)
{
    struct task *task = vm_of(L)->running;
    struct wait *wait = task ? task->wait : NULL;
    (void)status;
    (void)context;
    if (!wait) /* a coroutine that a script kept beyond the call that it waited in */
        return luaL_error(L, "the call that this coroutine waited in is over");
    task->wait = NULL;
    return wait->code == STATUS_OK ? wait->push(L, wait)
                                   : csi_status_failure(L, wait->code, wait->message);
}

void *wait_new(lua_State *L, size_t size)
{
    void *own = arena_alloc(vm_arena(vm_of(L)), size);
    if (!own) {
        luaL_error(L, "not enough memory");
        return NULL;
    }
    return memset(own, 0, size);
}

const char *wait_keep(struct wait *wait, const void *data, size_t size)
{
    const char *copy = arena_copy(wait->task->arena, data, size);
    if (!copy) {
        wait->code = STATUS_RESOURCE_EXHAUSTED;
        wait->message = "no memory for the result";
    }
    return copy;
}

void wait_fail(struct wait *wait, const struct err *err)
{
    wait->code = err->code;
    const char *message = wait_keep(wait, err->text, strlen(err->text));
    if (message)
        wait->message = message;
}

int wait_suspend(lua_State *L, struct wait *wait)
{
    struct task *task = vm_of(L)->running;
    wait->task = task;
    task->wait = wait;
    task->host_yields = true;
    return lua_yieldk(L, 0, 0, after);
}

void wait_done(struct wait *wait)
{
    task_resume(wait->task);
}
