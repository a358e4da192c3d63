/* JSON text to Lua values: jansson parses, push_value walks its tree. Runs on the thread of its Lua
 * state.
 *
 * Lua may raise (memory) while the tree is alive, so a userdata owns the tree: freed at once when
 * all goes well, by the collector when not. */
#include "base/text.h"
#include "script/json.h"

#include <errno.h>
#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <string.h>

static const char tree_type[] = "luacsi.json.tree";

static int free_tree(lua_State *L)
{
    json_t **tree = lua_touserdata(L, 1); /* only the collector calls this */
    json_decref(*tree);
    *tree = NULL;
    return 0;
}

/* [-0, +1, m] */
static json_t **push_tree_owner(lua_State *L)
{
    json_t **tree = lua_newuserdatauv(L, sizeof(json_t *), 0);
    *tree = NULL;
    if (luaL_getmetatable(L, tree_type) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, free_tree);
        lua_setfield(L, -2, "__gc");
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, tree_type); /* last: known only when it is complete */
    }
    lua_setmetatable(L, -2);
    return tree;
}

static int too_deep(struct err *err)
{
    return err_set(err, STATUS_INVALID_ARGUMENT, "nested deeper than %d levels", JSON_DEPTH);
}

static int push_value(lua_State *L, const json_t *value, enum json_nulls nulls, int depth,
                      struct err *err);

static int push_array(lua_State *L, const json_t *array, enum json_nulls nulls, int depth,
                      struct err *err)
{
    size_t n = json_array_size(array);
    lua_createtable(L, n < 1024 ? (int)n : 1024, 0);
    json_mark_array(L);
    for (size_t i = 0; i < n; i++) {
        if (push_value(L, json_array_get(array, i), nulls, depth + 1, err))
            return -1;
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 0;
}

static int push_object(lua_State *L, json_t *object, enum json_nulls nulls, int depth,
                       struct err *err)
{
    lua_newtable(L);
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const json_t *member = json_object_iter_value(at);
        if (json_is_null(member) && nulls == JSON_DROP_NULLS)
            continue;
        lua_pushlstring(L, json_object_iter_key(at), json_object_iter_key_len(at));
        if (push_value(L, member, nulls, depth + 1, err))
            return -1;
        lua_rawset(L, -3);
    }
    return 0;
}

/* Pushes value; on -1 the stack holds what was under way.  [-0, +x, m] */
static int push_value(lua_State *L, const json_t *value, enum json_nulls nulls, int depth,
                      struct err *err)
{
    luaL_checkstack(L, 4, "JSON");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return depth < JSON_DEPTH ? push_object(L, (json_t *)value, nulls, depth, err)
                                  : too_deep(err);
    case JSON_ARRAY:
        return depth < JSON_DEPTH ? push_array(L, value, nulls, depth, err) : too_deep(err);
    case JSON_STRING:
        lua_pushlstring(L, json_string_value(value), json_string_length(value));
        return 0;
    case JSON_INTEGER:
        lua_pushinteger(L, json_integer_value(value));
        return 0;
    case JSON_REAL:
        lua_pushnumber(L, json_real_value(value));
        return 0;
    case JSON_NULL:
        lua_pushlightuserdata(L, NULL);
        return 0;
    default:
        lua_pushboolean(L, json_is_true(value));
        return 0;
    }
}

/* Tells what jansson found. It quotes the text, perhaps in the middle of a letter or of bytes that
 * are none: from there on nothing is shown. */
static int refuse(const json_error_t *error, struct err *err)
{
    size_t size = strlen(error->text);
    size_t n = 0;
    for (size_t letter; (letter = text_utf8_char(error->text + n, size - n)) > 0;)
        n += letter;
    return err_set(err, STATUS_INVALID_ARGUMENT, "line %d, column %d: %.*s", error->line,
                   error->column, (int)n, error->text);
}

int json_push(lua_State *L, const char *text, size_t size, enum json_nulls nulls, struct err *err)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 4, "JSON");
    json_t **tree = push_tree_owner(L);
    json_error_t error;
    errno = 0; /* jansson takes a text for a wrong one when memory is short */
    *tree =
        json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    int result;
    if (!*tree && errno == ENOMEM)
        result = err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for JSON");
    else if (!*tree)
        result = refuse(&error, err);
    else
        result = push_value(L, *tree, nulls, 0, err);
    json_decref(*tree);
    *tree = NULL;
    if (result == 0)
        lua_replace(L, top + 1); /* the value takes the place of the emptied owner */
    lua_settop(L, result == 0 ? top + 1 : top);
    return result;
}
