/* The json module for Lua: checks arguments, calls json_push and json_text. Runs on the thread of
 * its Lua state. */
#include "script/json.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

static const char array_type[] = "luacsi.json.array";

enum {
    MAX_INDENT = 8,
    MAX_TEXT = 1024 * 1024, /* the tree of a text takes up to 50 times its size, for a moment */
};

void json_mark_array(lua_State *L)
{
    luaL_checkstack(L, 3, "JSON");
    if (luaL_getmetatable(L, array_type) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 2);
        lua_pushliteral(L, "array");
        lua_setfield(L, -2, "__jsontype");
        lua_pushboolean(L, 0); /* all arrays share it: nobody shall change it */
        lua_setfield(L, -2, "__metatable");
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, array_type); /* last: known only when it is complete */
    }
    lua_setmetatable(L, -2);
}

/* json.decode(text) -> value, or nil and a message: the value of a JSON text of at most 1 MiB.
 * @param text string
 * @return any value
 * @return string? message
 */
static int decode(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    struct err err;
    if (size > MAX_TEXT)
        err_set(&err, STATUS_INVALID_ARGUMENT, "expected at most %d bytes, got %zu", MAX_TEXT,
                size);
    else if (json_push(L, text, size, JSON_KEEP_NULLS, &err) == 0)
        return 1;
    luaL_pushfail(L);
    lua_pushstring(L, err.text);
    return 2;
}

/* The indent of encode's options at index 2; raises for anything else in them. */
static int check_options(lua_State *L)
{
    lua_Integer indent = 0;
    if (lua_isnoneornil(L, 2))
        return 0;
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
        bool known = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "indent") == 0;
        luaL_argcheck(L, known, 2, "the only option is indent");
        indent = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
    }
    luaL_argcheck(L, indent >= 0 && indent <= MAX_INDENT, 2,
                  "indent: expected integer from 0 to 8");
    return (int)indent;
}

/* json.encode(value [, {indent = 2}]) -> text. Raises, with the path, for what JSON cannot hold.
 * @param value any
 * @param options? { indent?: integer }
 * @return string text
 */
static int encode(lua_State *L)
{
    luaL_checkany(L, 1);
    struct err err;
    if (json_text(L, 1, check_options(L), &err))
        return luaL_argerror(L, 1, err.text);
    return 1;
}

/* json.array([list]) -> list: marks a table (or a new one) so that it is an array even when empty.
 * @param list? table
 * @return table list
 */
static int array(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    json_mark_array(L);
    return 1;
}

/* json.null: the value that stands for null.
 * @type userdata
 */
int json_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"decode", decode}, {"encode", encode}, {"array", array}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
