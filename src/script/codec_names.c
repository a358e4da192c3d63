/* Owns the names by which the codec knows keys and enum values; all of it is memory of the Lua
 * state. The thread of its caller. */
#include "script/codec_names.h"

#include "csi/catalog.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

struct codec_names *codec_names_new(lua_State *L)
{
    size_t size = catalog_message_count() * sizeof(struct codec_names);
    struct codec_names *names = lua_newuserdatauv(L, size, 0);
    memset(names, 0, size);
    luaL_ref(L, LUA_REGISTRYINDEX);
    return names;
}

/* Adds name to the table on top, which holds it, as the n-th.  [-0, +0, m] */
static const void *hold(lua_State *L, unsigned n, const char *name)
{
    lua_pushstring(L, name);
    const void *address = lua_topointer(L, -1);
    lua_rawseti(L, -2, (lua_Integer)n + 1);
    return address;
}

void codec_names_learn(lua_State *L, struct codec_names *names, const struct schema *schema)
{
    luaL_checkstack(L, 3, "no room for names");
    const void **at = lua_newuserdatauv(L, schema->n_names * sizeof(*at), 1);
    lua_createtable(L, (int)schema->n_names, 0);
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const struct schema_field *field = &schema->fields[i];
        at[i] = hold(L, i, field->pb->name);
        const ProtobufCEnumDescriptor *e = field->kind == KIND_ENUM ? field->pb->descriptor : NULL;
        for (unsigned v = 0; e && v < e->n_values; v++)
            at[field->first_value + v] = hold(L, field->first_value + v, e->values[v].name);
    }
    lua_setiuservalue(L, -2, 1);
    luaL_ref(L, LUA_REGISTRYINDEX);
    names[schema->index].at = at;
}
