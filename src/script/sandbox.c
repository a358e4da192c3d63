/* What of Lua's own libraries a script gets. Left out: io, package, debug, bytecode, finalizers and
 * whatever ends or blocks the process. */
#include "base/log.h"
#include "io/clock.h"
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

/* Raises when the metatable at index 2 has the field.  [-0, +0, e] */
static void refuse_field(lua_State *L, const char *name, const char *why)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, 2) != LUA_TNIL)
        luaL_argerror(L, 2, lua_pushfstring(L, "%s is not available%s", name, why));
    lua_pop(L, 1);
}

/* setmetatable that refuses __gc, since a finalizer runs where nothing can stop it, and __concat:
 * Debian's Lua 5.4.4 uses freed memory when such a function makes the stack grow. */
static int set_metatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
    if (lua_istable(L, 2)) {
        refuse_field(L, "__gc", "");
        refuse_field(L, "__concat", ": this Lua would crash; use a method");
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
        budget_look_now(L);
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
    log_info("Script prints", log_if("id", task_id(vm_of(L)->running)),
             log_str("text", lua_tostring(L, -1)));
    return 0;
}

/* ---- functions that may take long ---- */

enum { LONG = 256 };

/* Longest list that table functions may be asked to walk: far more than memory has room for. */
static const lua_Unsigned longest_list = 1 << 24;

/* A function of Lua's libraries (upvalue 1) that looks at the clock first, for a long string or
 * list in any case. It has no upvalues of its own, so it runs in this function's place. */
static int look_and_call(lua_State *L)
{
    if (lua_rawlen(L, 1) > LONG)
        budget_look_now(L);
    else
        budget_look(L);
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* string.rep(s, n [, sep]): Lua's own counts to n even where there is nothing to repeat. */
static int repeat(lua_State *L)
{
    size_t size, separator_size;
    luaL_checklstring(L, 1, &size);
    luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator_size);
    if (size > 0 || separator_size > 0)
        return look_and_call(L);
    lua_settop(L, 1);
    return 1;
}

/* The same for functions that walk a list: a __len may claim any length. */
static int measure_and_call(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TTABLE && lua_getmetatable(L, 1)) {
        lua_pop(L, 1);
        luaL_argcheck(L, luaL_len(L, 1) <= (lua_Integer)longest_list, 1, "too long a list");
    }
    return look_and_call(L);
}

/* table.move(a1, f, e, t [, a2]): its range is in the arguments. */
static int check_range_and_call(lua_State *L)
{
    lua_Integer first = luaL_checkinteger(L, 2);
    lua_Integer last = luaL_checkinteger(L, 3);
    luaL_argcheck(L, last < first || (lua_Unsigned)last - (lua_Unsigned)first < longest_list, 3,
                  "too many elements to move");
    budget_look_now(L);
    return look_and_call(L);
}

/* Puts wrapper around the function called name of the table on top.  [-0, +0, e] */
static void wrap_function(lua_State *L, const char *name, lua_CFunction wrapper)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

void sandbox_heavy(lua_State *L, const char *const *names)
{
    for (; *names; names++)
        wrap_function(L, *names, look_and_call);
}

/* ---- the libraries ---- */

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
    static const char *const heavy[] = {"gsub",  "gmatch",  "find", "match",  "format", "lower",
                                        "upper", "reverse", "pack", "unpack", NULL};
    luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 1);
    remove_fields(L, unwanted);
    sandbox_heavy(L, heavy);
    wrap_function(L, "rep", repeat);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1); /* of all strings: a script must not see it */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 3);
}

static void open_table(lua_State *L)
{
    static const char *const walkers[] = {"concat", "insert", "remove", "sort", "unpack", NULL};
    luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 1);
    for (const char *const *name = walkers; *name; name++)
        wrap_function(L, *name, measure_and_call);
    wrap_function(L, "move", check_range_and_call);
    lua_pop(L, 1);
}

static void open_utf8(lua_State *L)
{
    static const char *const heavy[] = {"char", "codepoint", "len", "offset", NULL};
    luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 1);
    sandbox_heavy(L, heavy);
    lua_pop(L, 1);
}

static lua_Integer seconds_now(void)
{
    return (lua_Integer)(clock_wall() / 1000000000);
}

/* os.time([table]), by the clock of csi.now. Upvalue 1: Lua's own. */
static int os_time(lua_State *L)
{
    if (!lua_isnoneornil(L, 1))
        return lua_tocfunction(L, lua_upvalueindex(1))(L);
    lua_pushinteger(L, seconds_now());
    return 1;
}

/* os.date([format [, time]]), by the clock of csi.now. Upvalue 1: Lua's own. */
static int os_date(lua_State *L)
{
    lua_settop(L, 2);
    if (lua_isnil(L, 2)) {
        lua_pushinteger(L, seconds_now());
        lua_replace(L, 2);
    }
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static void open_os(lua_State *L)
{
    static const char *const wanted[] = {"clock", "date", "difftime", "time", NULL};
    luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
    keep_fields(L, wanted);
    wrap_function(L, "time", os_time);
    wrap_function(L, "date", os_date);
    lua_setglobal(L, LUA_OSLIBNAME);
}

void sandbox_open(lua_State *L)
{
    open_base(L);
    open_string(L);
    coroutines_open(L);
    protect_open(L);
    open_os(L);
    open_table(L);
    luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 1);
    lua_pop(L, 1);
    open_utf8(L);
    /* luaL_requiref keeps what it opened here, the whole os library among it */
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}
