/* Messages to Lua: protobuf-c's structs, walked by their schema. Loop thread (or the one thread of
 * a client). Holds nothing: the message lies in the caller's arena, so a raised error leaks
 * nothing. */
#include "script/codec.h"

#include "csi/fields.h"
#include "csi/message.h"
#include "csi/timestamp.h"

#include <lauxlib.h>
#include <lua.h>

ProtobufCMessage *codec_unpack(const struct schema *schema, const uint8_t *data, size_t size,
                               struct arena *arena, struct err *err)
{
    if (message_check(schema, data, size, err))
        return NULL;
    ProtobufCMessage *message = message_unpack(schema->pb, data, size, arena, err);
    if (!message)
        err_prefix(err, "%s: ", schema->name);
    return message;
}

/* ---- annotation for JSON: the metafields that several JSON libraries of Lua share ---- */

enum json_type { JSON_OBJECT, JSON_ARRAY };

/* Sets the metatable found in the registry under key on the table on top; makes it at first use.
 * order: NULL, or the message whose fields are the keys. */
static void annotate_as(lua_State *L, const void *key, enum json_type type,
                        const struct schema *order)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, type == JSON_ARRAY ? "array" : "object");
        lua_setfield(L, -2, "__jsontype");
        if (order) {
            lua_createtable(L, (int)order->n_fields, 0);
            for (unsigned i = 0; i < order->n_fields; i++) {
                lua_pushstring(L, order->fields[i].pb->name);
                lua_rawseti(L, -2, (lua_Integer)i + 1);
            }
            lua_setfield(L, -2, "__jsonorder");
        }
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, key);
    }
    lua_setmetatable(L, -2);
}

static const char list_key;
static const char map_key;

/* ---- the walk ---- */

static void push_timestamp(lua_State *L, const ProtobufCMessage *message,
                           const struct schema *schema)
{
    int64_t seconds;
    int32_t nanos;
    char text[TIMESTAMP_TEXT];
    fields_timestamp(schema, message, &seconds, &nanos);
    if (!timestamp_format(seconds, nanos, text))
        luaL_error(L, "Timestamp: expected the years 1 to 9999, got %I seconds and %d nanos",
                   (LUAI_UACINT)seconds, (int)nanos);
    lua_pushstring(L, text);
}

static void push_enum(lua_State *L, const ProtobufCEnumDescriptor *e, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(e, value);
    if (known)
        lua_pushstring(L, known->name);
    else
        lua_pushinteger(L, value);
}

/* Pushes the one value that lies at member.  [-0, +1, me] */
static void push_value(lua_State *L, const struct schema_field *field, const void *member,
                       bool annotate)
{
    switch (field->kind) {
    case KIND_BOOL:
        lua_pushboolean(L, *(const protobuf_c_boolean *)member);
        return;
    case KIND_INT32:
        lua_pushinteger(L, *(const int32_t *)member);
        return;
    case KIND_INT64:
        lua_pushinteger(L, *(const int64_t *)member);
        return;
    case KIND_ENUM:
        push_enum(L, field->pb->descriptor, *(const int *)member);
        return;
    case KIND_STRING:
        lua_pushstring(L, *(const char *const *)member);
        return;
    case KIND_BYTES: {
        const ProtobufCBinaryData *bytes = member;
        lua_pushlstring(L, bytes->len ? (const char *)bytes->data : "", bytes->len);
        return;
    }
    case KIND_MESSAGE: {
        const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)member;
        if (inner)
            codec_push(L, field->message, inner, annotate);
        else
            lua_pushnil(L);
        return;
    }
    }
}

/* Sets the entry of a map in the table on top.  [-0, +0, m] */
static void set_entry(lua_State *L, const struct schema *entry, const ProtobufCMessage *message,
                      bool annotate)
{
    for (int i = 0; i < 2; i++)
        push_value(L, &entry->fields[i], fields_value(&entry->fields[i], message), annotate);
    lua_rawset(L, -3);
}

static void push_repeated(lua_State *L, const struct schema_field *field,
                          const ProtobufCMessage *message, bool annotate)
{
    size_t n = fields_count(field, message);
    int size = n < INT32_MAX ? (int)n : 0;
    lua_createtable(L, field->map ? 0 : size, field->map ? size : 0);
    for (size_t i = 0; i < n; i++) {
        const void *item = fields_item(field, message, i);
        if (field->map) {
            set_entry(L, field->message, *(ProtobufCMessage *const *)item, annotate);
        } else {
            push_value(L, field, item, annotate);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    if (annotate)
        annotate_as(L, field->map ? &map_key : &list_key, field->map ? JSON_OBJECT : JSON_ARRAY,
                    NULL);
}

void codec_push(lua_State *L, const struct schema *schema, const ProtobufCMessage *message,
                bool annotate)
{
    luaL_checkstack(L, 4,
                    "message nested too deeply"); /* table, value or key and value, metatable */
    if (schema->form == FORM_TIMESTAMP) {
        push_timestamp(L, message, schema);
        return;
    }
    if (schema->form == FORM_WRAPPER) {
        push_value(L, &schema->fields[0], fields_value(&schema->fields[0], message), annotate);
        return;
    }
    lua_createtable(L, 0, (int)schema->n_fields);
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (!fields_is_present(field, message))
            continue;
        if (field->repeated)
            push_repeated(L, field, message, annotate);
        else
            push_value(L, field, fields_value(field, message), annotate);
        lua_setfield(L, -2, field->pb->name); /* the table is ours: no metamethod */
    }
    if (annotate)
        annotate_as(L, schema, JSON_OBJECT, schema);
}
