/* csi.store: what a script remembers from one call to the next, over a reload and, with --state,
 * over a restart. Nothing here waits; each function is one step that no other call can get between.
 */
#include "io/store.h"
#include "script/json.h"
#include "script/state.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

enum { SMALL_STRING = 256 };

static struct store *store_of(lua_State *L)
{
    return vm_of(L)->options.store;
}

/* ---- arguments ---- */

static struct store_key check_key(lua_State *L, int index)
{
    struct store_key key;
    struct err err;
    luaL_checktype(L, index, LUA_TSTRING);
    key.text = lua_tolstring(L, index, &key.size);
    if (store_check_key(key, &err))
        luaL_argerror(L, index, err.text);
    return key;
}

/* The value at index; its string is Lua's own. nil stands for no value. */
static struct store_value check_value(lua_State *L, int index)
{
    struct store_value value = {.kind = STORE_NIL};
    struct err err;
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        break;
    case LUA_TBOOLEAN:
        value.kind = STORE_BOOLEAN;
        value.boolean = lua_toboolean(L, index);
        break;
    case LUA_TNUMBER:
        value.kind = lua_isinteger(L, index) ? STORE_INTEGER : STORE_FLOAT;
        if (value.kind == STORE_INTEGER)
            value.integer = lua_tointeger(L, index);
        else
            value.number = lua_tonumber(L, index);
        break;
    case LUA_TSTRING:
        value.kind = STORE_STRING;
        value.string = lua_tolstring(L, index, &value.size);
        break;
    default:
        luaL_typeerror(L, index, "nil, boolean, number or string");
    }
    if (store_check_value(&value, &err))
        luaL_argerror(L, index, err.text);
    return value;
}

/* {ttl = seconds} at index, or nothing: nanoseconds, 0 for ever. */
static int64_t check_ttl(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return 0;
    luaL_checktype(L, index, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "ttl") == 0,
                      index, "expected no other field than ttl");
    }
    lua_pushliteral(L, "ttl");
    if (lua_rawget(L, index) == LUA_TNIL)
        return 0;
    double seconds = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    luaL_argcheck(L, seconds > 0 && seconds <= STORE_TTL_SECONDS, index,
                  "ttl: expected seconds, more than 0 and at most 1000000000");
    return (int64_t)ceil(seconds * 1e9);
}

/* A full store ends the call with its status; all else is a mistake of the script. */
static int raise(lua_State *L, const char *function, const struct err *err)
{
    lua_pushfstring(L, "%s: %s", function, err->text);
    if (err->code == STATUS_RESOURCE_EXHAUSTED)
        return csi_status_raise(L, err->code, lua_tostring(L, -1));
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
}

/* ---- functions ---- */

/* What a store holds.
 * @alias csi.storable boolean|integer|number|string
 */

/* csi.store.get(key): the value, or nil.
 * @param key string
 * @return csi.storable? value
 */
static int get(lua_State *L)
{
    const struct store_key key = check_key(L, 1);
    char small[SMALL_STRING];
    char *buffer = small;
    struct store_value value;
    store_get(store_of(L), key, buffer, sizeof(small), &value);
    for (size_t room = sizeof(small); value.size > room;) {
        room = value.size;
        buffer = lua_newuserdatauv(L, room, 0);
        store_get(store_of(L), key, buffer, room, &value);
    }
    switch (value.kind) {
    case STORE_NIL:
        lua_pushnil(L);
        break;
    case STORE_BOOLEAN:
        lua_pushboolean(L, value.boolean);
        break;
    case STORE_INTEGER:
        lua_pushinteger(L, value.integer);
        break;
    case STORE_FLOAT:
        lua_pushnumber(L, value.number);
        break;
    case STORE_STRING:
        lua_pushlstring(L, value.string, value.size);
        break;
    }
    return 1;
}

/* csi.store.set(key, value [, { ttl = seconds }]): sets it, for ever or for ttl seconds; nil
 * deletes it. key: 1 to 256 bytes of UTF-8. value: a boolean, an integer, a float, or a string of
 * at most 64 KiB. Raises RESOURCE_EXHAUSTED when the store is full (16 MiB).
 * @param key string
 * @param value csi.storable?
 * @param options? { ttl?: number }
 */
static int set(lua_State *L)
{
    const struct store_key key = check_key(L, 1);
    luaL_checkany(L, 2);
    const struct store_value value = check_value(L, 2);
    int64_t ttl = check_ttl(L, 3);
    struct err err;
    if (store_set(store_of(L), key, &value, ttl, &err))
        return raise(L, "csi.store.set", &err);
    return 0;
}

/* csi.store.incr(key [, by]): adds by (an integer, 1 unless given) to the integer that is there, or
 * to 0; the sum. A ttl goes on. Raises for a value of another type, and when the sum does not fit.
 * @param key string
 * @param by? integer
 * @return integer sum
 */
static int incr(lua_State *L)
{
    const struct store_key key = check_key(L, 1);
    luaL_argexpected(L, lua_isnoneornil(L, 2) || lua_isinteger(L, 2), 2, "integer");
    lua_Integer by = luaL_optinteger(L, 2, 1);
    int64_t sum;
    struct err err;
    if (store_incr(store_of(L), key, by, &sum, &err))
        return raise(L, "csi.store.incr", &err);
    lua_pushinteger(L, sum);
    return 1;
}

/* csi.store.cas(key, old, new): if the value is old (nil: not there), makes it new (nil: deletes
 * it); whether it was. 1 and 1.0 differ. A ttl goes on.
 * @param key string
 * @param old csi.storable?
 * @param new csi.storable?
 * @return boolean swapped
 */
static int cas(lua_State *L)
{
    const struct store_key key = check_key(L, 1);
    luaL_checkany(L, 3);
    const struct store_value old = check_value(L, 2);
    const struct store_value new = check_value(L, 3);
    bool swapped;
    struct err err;
    if (store_cas(store_of(L), key, &old, &new, &swapped, &err))
        return raise(L, "csi.store.cas", &err);
    lua_pushboolean(L, swapped);
    return 1;
}

/* csi.store.keys([prefix]): a sorted list of the keys, or of those that begin with prefix.
 * @param prefix? string
 * @return string[]
 */
static int keys(lua_State *L)
{
    struct store_key prefix;
    struct store_key *list;
    size_t n;
    struct err err;
    prefix.text = luaL_optlstring(L, 1, "", &prefix.size);
    if (store_keys(store_of(L), prefix, vm_arena(vm_of(L)), &list, &n, &err))
        return raise(L, "csi.store.keys", &err);
    lua_createtable(L, (int)n, 0);
    json_mark_array(L);
    for (size_t i = 0; i < n; i++) {
        lua_pushlstring(L, list[i].text, list[i].size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

void csi_store_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"get", get}, {"set", set}, {"incr", incr}, {"cas", cas}, {"keys", keys}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "store");
}
