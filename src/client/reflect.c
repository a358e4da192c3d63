/* Lists methods, messages and fields for Lua. No state; the thread of its Lua state. */
#include "client/reflect.h"

#include "csi/catalog.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

/* The name by which catalog_message finds it: the full one, without CSI's own package. */
static const char *name_of(const struct schema *schema)
{
    static const char package[] = "csi.v1.";
    const char *name = schema->pb->name;
    return strncmp(name, package, strlen(package)) == 0 ? name + strlen(package) : name;
}

static void set_string(lua_State *L, const char *key, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

/* luacsi.methods() -> list of {name, path, service, request, response, streaming}.
 * @return table[]
 */
static int methods(lua_State *L)
{
    lua_createtable(L, CATALOG_METHODS, 0);
    for (int i = 0; i < CATALOG_METHODS; i++) {
        const struct method *method = &catalog_methods()[i];
        lua_createtable(L, 0, 6);
        set_string(L, "name", method->name);
        set_string(L, "path", method->path);
        set_string(L, "service", method->service);
        set_string(L, "request", name_of(method->request));
        set_string(L, "response", name_of(method->response));
        set_boolean(L, "streaming", method->server_streaming);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* luacsi.messages() -> list of the names of all message types.
 * @return string[]
 */
static int messages(lua_State *L)
{
    lua_createtable(L, (int)catalog_message_count(), 0);
    for (size_t i = 0; i < catalog_message_count(); i++) {
        lua_pushstring(L, name_of(catalog_message_at(i)));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static void set_enum(lua_State *L, const ProtobufCEnumDescriptor *values)
{
    lua_createtable(L, 0, (int)values->n_values);
    for (unsigned i = 0; i < values->n_values; i++)
        set_integer(L, values->values[i].name, values->values[i].value);
    lua_setfield(L, -2, "enum");
}

static void push_field(lua_State *L, const struct schema_field *field)
{
    static const char *const kinds[] = {
        [KIND_BOOL] = "bool",       [KIND_INT32] = "int32",   [KIND_INT64] = "int64",
        [KIND_ENUM] = "enum",       [KIND_STRING] = "string", [KIND_BYTES] = "bytes",
        [KIND_MESSAGE] = "message",
    };
    lua_createtable(L, 0, 10);
    set_string(L, "name", field->pb->name);
    set_integer(L, "number", (lua_Integer)field->pb->id);
    set_string(L, "kind", kinds[field->kind]);
    set_boolean(L, "repeated", field->repeated);
    set_boolean(L, "map", field->map);
    set_boolean(L, "secret", field->secret);
    set_boolean(L, "alpha", field->alpha);
    if (field->oneof >= 0)
        set_integer(L, "oneof", field->oneof + 1);
    if (field->message)
        set_string(L, "message", name_of(field->message));
    if (field->kind == KIND_ENUM)
        set_enum(L, field->pb->descriptor);
}

/* luacsi.fields(message) -> list of {name, number, kind, repeated, map, secret, alpha, oneof (a
 * number; nil: in none), message (of kind "message"), enum (of kind "enum": {NAME = number})}, and
 * how the message stands in Lua: "table", "map_entry", "wrapper" or "timestamp".
 * @param message string
 * @return table[] fields
 * @return string form
 */
static int fields(lua_State *L)
{
    static const char *const forms[] = {
        [FORM_TABLE] = "table",
        [FORM_MAP_ENTRY] = "map_entry",
        [FORM_WRAPPER] = "wrapper",
        [FORM_TIMESTAMP] = "timestamp",
    };
    const struct schema *schema = catalog_message(luaL_checkstring(L, 1));
    luaL_argcheck(L, schema, 1, "unknown message");
    lua_createtable(L, (int)schema->n_fields, 0);
    for (unsigned i = 0; i < schema->n_fields; i++) {
        push_field(L, &schema->fields[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushstring(L, forms[schema->form]);
    return 2;
}

void reflect_add(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"methods", methods}, {"messages", messages}, {"fields", fields}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
