/* pcall and xpcall for scripts. Lua's own would catch the error that ends a handler whose time is
 * over, and the script would go on. */
#include "script/state.h"

#include <lauxlib.h>

/* Behind the protected call, at once or after it waited. stack: … true results, or … error */
static int finish(lua_State *L, int status, lua_KContext below)
{
    if (status != LUA_OK && status != LUA_YIELD) {
        budget_caught(L, status);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
    }
    return lua_gettop(L) - (int)below;
}

/* pcall(f, …) as in Lua. */
static int protected_call(lua_State *L)
{
    budget_look(L); /* a C function that calls it in a loop never meets the hook */
    luaL_checkany(L, 1);
    lua_pushboolean(L, 1);
    lua_insert(L, 1); /* stack: true f … */
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, finish);
    return finish(L, status, 0);
}

/* The message handler around the script's own (upvalue 1), which has no say once the time is over.
 */
static int handle_message(lua_State *L)
{
    budget_caught(L, LUA_ERRRUN);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* xpcall(f, handler, …) as in Lua. */
static int protected_call_with_handler(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    int n = lua_gettop(L) - 2;
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* stack: f handler true f … */
    int status = lua_pcallk(L, n, LUA_MULTRET, 2, 2, finish);
    return finish(L, status, 2);
}

void protect_open(lua_State *L)
{
    lua_pushcfunction(L, protected_call);
    lua_setglobal(L, "pcall");
    lua_pushcfunction(L, protected_call_with_handler);
    lua_setglobal(L, "xpcall");
}
