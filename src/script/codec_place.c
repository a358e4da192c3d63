/* Makes the messages of the codec. Only raw access; raises nothing. The thread of its caller. */
#include "script/codec_place.h"

#include "base/text.h"

#include <lua.h>
#include <stdio.h>
#include <string.h>

enum { KEY_TEXT = 80, SHOWN_STRING = 48, MOST_NAMES = 48 };

static bool is_secret(const struct place *place)
{
    return place && (place->secret || is_secret(place->outer));
}

static size_t path_text(const struct place *place, char *text, size_t size)
{
    if (!place)
        return 0;
    size_t n = path_text(place->outer, text, size);
    const char *name =
        place->name && text_is_utf8(place->name, strlen(place->name)) ? place->name : "?";
    if (is_secret(place->outer))
        name = "***";
    int more = 0;
    if (n < size && place->index > 0)
        more = snprintf(text + n, size - n, "[%lld]", place->index);
    else if (n < size)
        more = snprintf(text + n, size - n, "%s%.*s", place->outer ? "." : "",
                        (int)text_cut(name, strlen(name), KEY_TEXT), name);
    return n + (size_t)(more > 0 ? more : 0);
}

int place_prefix(const struct place *place, struct err *err)
{
    char path[512];
    path[0] = '\0';
    path_text(place, path, sizeof(path));
    return err_prefix(err, "%s: ", path);
}

/* True for strings that can be shown whole. */
static bool is_plain(const char *s, size_t n)
{
    return n <= SHOWN_STRING && text_is_utf8_without_nul(s, n);
}

const char *place_describe(const struct place *place, lua_State *L, int index,
                           char text[static PLACE_VALUE_TEXT])
{
    if (is_secret(place)) {
        snprintf(text, PLACE_VALUE_TEXT, "%s", lua_typename(L, lua_type(L, index)));
        return text;
    }
    size_t n;
    const char *s = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
    if (s && is_plain(s, n))
        snprintf(text, PLACE_VALUE_TEXT, "string \"%s\"", s);
    else if (lua_isinteger(L, index))
        snprintf(text, PLACE_VALUE_TEXT, "number %lld", (long long)lua_tointeger(L, index));
    else if (lua_type(L, index) == LUA_TNUMBER)
        snprintf(text, PLACE_VALUE_TEXT, "number %.17g", (double)lua_tonumber(L, index));
    else if (lua_type(L, index) == LUA_TBOOLEAN)
        snprintf(text, PLACE_VALUE_TEXT, "boolean %s", lua_toboolean(L, index) ? "true" : "false");
    else
        snprintf(text, PLACE_VALUE_TEXT, "%s", lua_typename(L, lua_type(L, index)));
    return text;
}

int place_wrong_type(const struct place *place, lua_State *L, int index, const char *expected,
                     struct err *err)
{
    char got[PLACE_VALUE_TEXT];
    err_set(err, STATUS_INTERNAL, "expected %s, got %s", expected,
            place_describe(place, L, index, got));
    return place_prefix(place, err);
}

int place_wrong_field(const struct place *place, lua_State *L, int index,
                      const struct schema_field *field, struct err *err)
{
    char expected[128];
    if (place->index > 0)
        schema_describe_item(field, expected, sizeof(expected));
    else
        schema_describe(field, expected, sizeof(expected));
    return place_wrong_type(place, L, index, expected, err);
}

/* The string at index, if one of names (ends with NULL) is near it; else NULL. */
static const char *nearest(lua_State *L, int index, const char *const *names)
{
    return lua_type(L, index) == LUA_TSTRING ? text_nearest(lua_tostring(L, index), names) : NULL;
}

/* ` (did you mean name?)` behind what err says, unless name is NULL. */
static void suggest(struct err *err, const char *name)
{
    size_t n = strlen(err->text);
    if (name)
        snprintf(err->text + n, sizeof(err->text) - n, " (did you mean %s?)", name);
}

int place_unknown_enum(const struct place *place, lua_State *L, int index,
                       const struct schema_field *field, struct err *err)
{
    const ProtobufCEnumDescriptor *e = field->pb->descriptor;
    const char *names[MOST_NAMES + 1] = {NULL};
    char all[512] = "";
    size_t used = 0;
    for (unsigned i = 0; i < e->n_values && i < MOST_NAMES && used < sizeof(all); i++) {
        names[i] = e->values[i].name;
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", names[i]);
    }
    char type[96];
    char got[PLACE_VALUE_TEXT];
    schema_describe(field, type, sizeof(type));
    err_set(err, STATUS_INTERNAL, "expected a %s (%s), got %s", type, all,
            place_describe(place, L, index, got));
    suggest(err, nearest(L, index, names));
    return place_prefix(place, err);
}

/* The key at index: a name in quotes, or what else it is. */
static const char *describe_key(const struct place *place, lua_State *L, int index,
                                char text[static PLACE_VALUE_TEXT])
{
    static const char prefix[] = "string ";
    place_describe(place, L, index, text);
    bool quoted = strncmp(text, prefix, sizeof(prefix) - 1) == 0;
    return quoted ? text + sizeof(prefix) - 1 : text;
}

static bool is_field(lua_State *L, int index, const struct schema *schema)
{
    size_t n;
    const char *name = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &n) : NULL;
    return name && schema_find(schema, name, n);
}

int place_unknown_key(const struct place *place, lua_State *L, int table,
                      const struct schema *schema, struct err *err)
{
    const char *names[MOST_NAMES + 1] = {NULL};
    char got[PLACE_VALUE_TEXT];
    for (unsigned i = 0; i < schema->n_fields && i < MOST_NAMES; i++)
        names[i] = schema->fields[i].pb->name;
    lua_pushnil(L);
    while (lua_next(L, table) && is_field(L, -2, schema))
        lua_pop(L, 1);
    err_set(err, STATUS_INTERNAL, "no field is called %s", describe_key(place, L, -2, got));
    suggest(err, nearest(L, -2, names));
    lua_pop(L, 2);
    return place_prefix(place, err);
}

/* True when the key at index is one of 1 to n. */
static bool is_in_list(lua_State *L, int index, size_t n)
{
    return lua_isinteger(L, index) && lua_tointeger(L, index) >= 1 &&
           (lua_Unsigned)lua_tointeger(L, index) <= n;
}

int place_not_a_list(const struct place *place, lua_State *L, int table, size_t n, struct err *err)
{
    char got[PLACE_VALUE_TEXT];
    lua_Integer hole = 1;
    for (; lua_rawgeti(L, table, hole) != LUA_TNIL; hole++)
        lua_pop(L, 1);
    lua_pop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, table) && is_in_list(L, -2, n)) /* n keys that are not 1 to n: one is not */
        lua_pop(L, 1);
    if (lua_isinteger(L, -2) && lua_tointeger(L, -2) > 0)
        err_set(err, STATUS_INTERNAL,
                "expected a list without holes, got nothing at %lld and a value at %lld",
                (long long)hole, (long long)lua_tointeger(L, -2));
    else
        err_set(err, STATUS_INTERNAL, "expected a list, got the key %s",
                describe_key(place, L, -2, got));
    lua_pop(L, 2);
    return place_prefix(place, err);
}
