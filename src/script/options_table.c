/* Reads tables of options, raw: no metamethod is called. Whichever thread runs the state. */
#include "script/options_table.h"

#include "base/text.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <string.h>

enum { DEFAULT_TIMEOUT = 5, MOST_SECONDS = 366 * 24 * 3600 };

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

void options_table_check(lua_State *L, int index, const char *const *names)
{
    if (lua_isnoneornil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, index, "expected names as keys");
        const char *name = lua_tostring(L, -2);
        if (is_one_of(name, names))
            continue;
        const char *near = text_nearest(name, names);
        luaL_argerror(L, index,
                      near ? lua_pushfstring(L, "unknown option %s (did you mean %s?)", name, near)
                           : lua_pushfstring(L, "unknown option %s", name));
    }
}

/* Pushes the option and returns its type; nil for none.  [-0, +1, -] */
static int push_option(lua_State *L, int index, const char *name)
{
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

static void raise(lua_State *L, int index, const char *name, const char *expected)
{
    luaL_argerror(L, index, lua_pushfstring(L, "%s: expected %s", name, expected));
}

int64_t options_table_timeout(lua_State *L, int index)
{
    double seconds = DEFAULT_TIMEOUT;
    if (push_option(L, index, "timeout") != LUA_TNIL)
        seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (!(seconds > 0 && seconds <= MOST_SECONDS))
        raise(L, index, "timeout", "seconds, more than 0 and at most a year");
    lua_pop(L, 1);
    return (int64_t)ceil(seconds * 1e9);
}

const char *options_table_string(lua_State *L, int index, const char *name, size_t *size)
{
    size_t n = 0;
    const char *string = NULL;
    if (push_option(L, index, name) == LUA_TSTRING)
        string = lua_tolstring(L, -1, &n);
    else if (!lua_isnil(L, -1))
        raise(L, index, name, "string");
    if (string && !size && (n == 0 || strlen(string) != n))
        raise(L, index, name, "a text that is not empty, without NUL");
    if (size)
        *size = n;
    lua_pop(L, 1);
    return string;
}

size_t options_table_size(lua_State *L, int index, const char *name, size_t most, size_t fallback)
{
    lua_Integer value = (lua_Integer)fallback;
    if (push_option(L, index, name) != LUA_TNIL) {
        value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : -1;
        if (value < 0 || value > (lua_Integer)most)
            raise(L, index, name, lua_pushfstring(L, "integer from 0 to %I", (lua_Integer)most));
    }
    lua_pop(L, 1);
    return (size_t)value;
}

/* A string without NUL.  [-0, +0, -] */
static bool is_text(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TSTRING)
        return false;
    return strlen(lua_tostring(L, index)) == lua_rawlen(L, index);
}

size_t options_table_pairs(lua_State *L, int index, const char *name)
{
    size_t n = 0;
    int type = push_option(L, index, name);
    if (type == LUA_TNIL)
        return 0;
    if (type != LUA_TTABLE)
        raise(L, index, name, "table from name to string");
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), n++) {
        if (!is_text(L, -2) || !is_text(L, -1))
            raise(L, index, name, "names as keys and strings as values, without NUL");
    }
    return n;
}

/* Nanoseconds; -1 where the value at index is no number from least to a year.  [-0, +0, -] */
static int64_t seconds_at(lua_State *L, int index, double least)
{
    double seconds = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
    return seconds >= least && seconds <= MOST_SECONDS ? (int64_t)ceil(seconds * 1e9) : -1;
}

int64_t options_table_period(lua_State *L, int index, const char *name, double least,
                             int64_t fallback)
{
    int64_t ns = fallback;
    if (push_option(L, index, name) != LUA_TNIL)
        ns = seconds_at(L, -1, least);
    if (ns < 0)
        raise(L, index, name, lua_pushfstring(L, "seconds, from %f to a year", least));
    lua_pop(L, 1);
    return ns;
}

int64_t options_table_seconds(lua_State *L, int index, double least)
{
    int64_t ns = seconds_at(L, index, least);
    if (ns < 0)
        luaL_argerror(L, index, lua_pushfstring(L, "expected seconds, from %f to a year", least));
    return ns;
}
