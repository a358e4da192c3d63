/* What of Lua's own libraries a script gets. Left out: io, package, debug, bytecode, finalizers and
 * whatever ends or blocks the process. */
#include "base/log.h"
#include "script/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* Sets the fields called names (ends with NULL) of the table on top to nil.  [-0, +0, -] */
static void remove_fields(lua_State *L, const char *const *names)
{
    for (; *names; names++) {
        lua_pushnil(L);
        lua_setfield(L, -2, *names);
    }
}

/* Keeps only the fields called names of the table on top.  [-0, +0, e] */
static void keep_fields(lua_State *L, const char *const *names)
{
    lua_newtable(L);
    for (; *names; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_replace(L, -2);
}

/* load(chunk [, chunkname [, mode [, env]]]) as in Lua, for text alone. */
static int load_text(lua_State *L)
{
    const char *mode = luaL_optstring(L, 3, "t");
    if (!strchr(mode, 't'))
        return luaL_argerror(L, 3, "only text can be loaded");
    int n = lua_gettop(L);
    lua_settop(L, n < 3 ? 3 : n);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* setmetatable that refuses __gc: a finalizer runs where nothing can stop it. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (lua_istable(L, 2)) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_argerror(L, 2, "__gc is not available");
        lua_pop(L, 1);
    }
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* collectgarbage("count" | "collect"): the rest of Lua's options would change how the host runs. */
static int collect_garbage(lua_State *L)
{
    static const char *const options[] = {"collect", "count", NULL};
    if (luaL_checkoption(L, 1, "collect", options) == 0) {
        lua_pushinteger(L, lua_gc(L, LUA_GCCOLLECT));
    } else {
        lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT) + lua_gc(L, LUA_GCCOUNTB) / 1024.0);
    }
    return 1;
}

/* print goes to the log: standard output is not the script's. */
static int print_to_log(lua_State *L)
{
    int n = lua_gettop(L);
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= n; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    log_info("Script prints", log_str("text", lua_tostring(L, -1)));
    return 0;
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

static void open_base(lua_State *L)
{
    static const char *const unwanted[] = {"dofile", "loadfile", "warn", NULL};
    luaL_requiref(L, LUA_GNAME, luaopen_base, 1);
    lua_getfield(L, -1, "load");
    lua_pushcclosure(L, load_text, 1);
    lua_setfield(L, -2, "load");
    static const luaL_Reg own[] = {
        {"setmetatable", set_metatable},
        {"collectgarbage", collect_garbage},
        {"print", print_to_log},
        {NULL, NULL},
    };
    luaL_setfuncs(L, own, 0);
    remove_fields(L, unwanted);
    lua_pop(L, 1);
}

static void open_string(lua_State *L)
{
    static const char *const unwanted[] = {"dump", NULL};
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    remove_fields(L, unwanted);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1); /* of all strings: a script must not see it */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 3);
}

static void open_coroutine(lua_State *L)
{
    luaL_requiref(L, LUA_COLIBNAME, luaopen_coroutine, 1);
    lua_pushcfunction(L, yield);
    lua_setfield(L, -2, "yield");
    lua_pop(L, 1);
}

static void open_os(lua_State *L)
{
    static const char *const wanted[] = {"clock", "date", "difftime", "time", NULL};
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
    keep_fields(L, wanted);
    lua_setglobal(L, LUA_OSLIBNAME);
}

void sandbox_open(lua_State *L)
{
    open_base(L);
    open_string(L);
    open_coroutine(L);
    open_os(L);
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    lua_pop(L, 3);
    /* luaL_requiref keeps what it opened here, the whole os library among it */
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}
