/* The coroutine library for scripts. Lua's own resume would take the host's yields (a handler that
 * waits or is preempted inside a coroutine of its own) for the script's: here they pass through to
 * the host, and come back the same way. */
#include "script/state.h"

#include <lauxlib.h>
#include <lualib.h>

/* coroutine.close closes variables by running script code on the C stack, one level each. */
enum { MOST_CLOSING = 16 };

static lua_State *check_coroutine(lua_State *L)
{
    lua_State *co = lua_tothread(L, 1);
    luaL_argexpected(L, co, 1, "coroutine");
    return co;
}

/* Moves what co yielded or returned to L. Returns how many values, -1 with a message on top. */
static int take_results(lua_State *L, lua_State *co, int n)
{
    if (!lua_checkstack(L, n + 1)) {
        lua_pop(co, n);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(co, L, n);
    return n;
}

/* Whether co can be resumed with n arguments; else a message on top of L. */
static bool can_start(lua_State *L, lua_State *co, int n)
{
    const char *problem = NULL;
    lua_Debug frame;
    int status = lua_status(co);
    if (!lua_checkstack(co, n))
        problem = "too many arguments to resume";
    else if (co == L || (status == LUA_OK && lua_getstack(co, 0, &frame)) ||
             (status == LUA_YIELD && task_holds(vm_of(L), co)))
        problem = "cannot resume non-suspended coroutine";
    else if (status != LUA_YIELD && (status != LUA_OK || lua_gettop(co) == 0))
        problem = "cannot resume dead coroutine";
    if (problem)
        lua_pushstring(L, problem);
    return !problem;
}

/* One stay in co, with n arguments on its stack. Returns how many values it left on L, -1 when it
 * raised (the error object is on L), or, by not returning, lets a yield of the host through: then k
 * is called when the host goes on, and goes on with this same function. */
static int go_on(lua_State *L, lua_State *co, int n, lua_KFunction k)
{
    struct task *task = vm_of(L)->running;
    bool can_pass = task_enter(task, L, co);
    int n_results;
    int status = lua_resume(co, L, n, &n_results);
    if (status == LUA_YIELD && task && task->host_yields)
        return lua_yieldk(L, 0, 0, k);
    task_leave(task, co, can_pass);
    if (status == LUA_OK || status == LUA_YIELD)
        return take_results(L, co, n_results);
    lua_xmove(co, L, 1);
    budget_caught(L, status);
    return -1;
}

static int finish_resume(lua_State *L, int n)
{
    lua_pushboolean(L, n >= 0);
    int results = n >= 0 ? n : 1;
    lua_insert(L, -(results + 1));
    return results + 1;
}

static int continue_resume(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return finish_resume(L, go_on(L, lua_tothread(L, 1), 0, continue_resume));
}

/* coroutine.resume(co, …) as in Lua. */
static int resume(lua_State *L)
{
    lua_State *co = check_coroutine(L);
    int n = lua_gettop(L) - 1;
    if (!can_start(L, co, n))
        return finish_resume(L, -1);
    lua_xmove(L, co, n);
    return finish_resume(L, go_on(L, co, n, continue_resume));
}

/* An error out of a wrapped coroutine: it is closed, and the error (perhaps another one by then)
 * goes on with the position. */
static int finish_wrapped(lua_State *L, lua_State *co, int n)
{
    if (n >= 0)
        return n;
    int status = lua_status(co);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = lua_resetthread(co);
        lua_pop(L, 1);
        lua_xmove(co, L, 1);
        budget_caught(L, status);
    }
    if (lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int continue_wrapped(lua_State *L, int status, lua_KContext context)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    (void)status;
    (void)context;
    return finish_wrapped(L, co, go_on(L, co, 0, continue_wrapped));
}

/* The function that coroutine.wrap makes; upvalue 1 is the coroutine. */
static int call_wrapped(lua_State *L)
{
    lua_State *co = lua_tothread(L, lua_upvalueindex(1));
    int n = lua_gettop(L);
    if (!can_start(L, co, n))
        return finish_wrapped(L, co, -1);
    lua_xmove(L, co, n);
    return finish_wrapped(L, co, go_on(L, co, n, continue_wrapped));
}

static int create(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    budget_watch(co); /* L may have no hook yet: interrupt.h */
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    return 1;
}

static int wrap(lua_State *L)
{
    create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* coroutine.yield for the script's own coroutines. A handler's coroutine is the host's: a yield
 * there would end up where nobody waits for it. */
static int yield(lua_State *L)
{
    struct vm *vm = vm_of(L);
    if (vm->running && vm->running->co == L)
        return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

/* coroutine.close(co) as in Lua, nested MOST_CLOSING deep: 5.4.4 does not count these levels. */
static int close(lua_State *L)
{
    struct vm *vm = vm_of(L);
    lua_State *co = check_coroutine(L);
    if (task_holds(vm, co))
        return luaL_error(L, "cannot close a normal coroutine");
    if (vm->closing == MOST_CLOSING)
        return luaL_error(L, "coroutine.close is nested too deeply");
    lua_CFunction original = lua_tocfunction(L, lua_upvalueindex(1));
    lua_settop(L, 1);
    vm->closing++;
    lua_pushcfunction(L, original);
    lua_insert(L, 1);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    vm->closing--;
    if (status != LUA_OK)
        return lua_error(L);
    if (lua_gettop(L) > 1)
        budget_caught(L, LUA_ERRRUN);
    return lua_gettop(L);
}

void coroutines_open(lua_State *L)
{
    static const luaL_Reg own[] = {
        {"create", create}, {"resume", resume}, {"wrap", wrap}, {"yield", yield}, {NULL, NULL},
    };
    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
    luaL_setfuncs(L, own, 0);
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, close, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
}
