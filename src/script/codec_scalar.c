/* Takes numbers and enum values from Lua. No state; the thread of its caller. */
#include "script/codec_scalar.h"

#include "script/codec_names.h"

#include <lua.h>
#include <math.h>
#include <string.h>

int codec_integer(lua_State *L, int index, const struct schema_field *field, int64_t *value,
                  const struct place *place, struct err *err)
{
    if (lua_type(L, index) != LUA_TNUMBER)
        return place_wrong_field(place, L, index, field, err);
    if (lua_isinteger(L, index)) {
        *value = lua_tointeger(L, index);
    } else {
        lua_Number number = lua_tonumber(L, index);
        lua_Integer integer;
        if (floor(number) != number || !lua_numbertointeger(number, &integer))
            return place_wrong_field(place, L, index, field, err);
        *value = integer;
    }
    if (field->kind != KIND_INT64 && (*value < INT32_MIN || *value > INT32_MAX))
        return place_wrong_field(place, L, index, field, err);
    return 0;
}

/* What the name at index, a string, stands for; NULL: it is none of the enum's. */
static const ProtobufCEnumValue *value_by_name(lua_State *L, int index,
                                               const ProtobufCEnumDescriptor *e)
{
    size_t n;
    const char *name = lua_tolstring(L, index, &n);
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(e, name);
    return value && strlen(value->name) == n ? value : NULL;
}

int codec_enum(lua_State *L, int index, const struct schema_field *field, struct codec_names *names,
               int64_t *value, const struct place *place, struct err *err)
{
    const ProtobufCEnumDescriptor *e = field->pb->descriptor;
    int known = codec_names_value(L, index, names, field);
    if (known >= 0) {
        *value = e->values[known].value;
        return 0;
    }
    if (lua_type(L, index) == LUA_TSTRING) {
        const ProtobufCEnumValue *named = value_by_name(L, index, e);
        if (!named)
            return place_unknown_enum(place, L, index, field, err);
        *value = named->value;
        return 0;
    }
    if (codec_integer(L, index, field, value, place, err))
        return -1;
    if (!protobuf_c_enum_descriptor_get_value(e, (int)*value))
        return place_unknown_enum(place, L, index, field, err);
    return 0;
}
