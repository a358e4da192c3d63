/* The names of fields and enum values as one Lua state has them. Lua keeps a short string once, so
 * that a key or value which a script wrote is known by its address. One that is not is a long
 * string or a mistake, and is looked up by its bytes. */
#ifndef LUACSI_SCRIPT_CODEC_NAMES_H
#define LUACSI_SCRIPT_CODEC_NAMES_H

#include "csi/schema.h"

#include <lua.h>

/* Those of one message; an array by schema.index has those of all. */
struct codec_names {
    /* The addresses of its fields' names, then from schema_field.first_value on of its enums'
     * values. The state holds these strings, so that no other gets their addresses. NULL until
     * they are asked for. */
    const void *const *at;
};

/* The array, which lives as long as the state.  [-0, +0, me] */
struct codec_names *codec_names_new(lua_State *L);

/* Fills that of schema.  [-0, +0, me] */
void codec_names_learn(lua_State *L, struct codec_names *names, const struct schema *schema);

/* Which of the n names from first on stands at index; -1: none, or names is NULL.  [-0, +0, me] */
static inline int codec_names_find(lua_State *L, int index, struct codec_names *names,
                                   const struct schema *schema, unsigned first, unsigned n)
{
    if (!names)
        return -1;
    if (!names[schema->index].at)
        codec_names_learn(L, names, schema);
    const void *const *at = names[schema->index].at + first;
    const void *name = lua_topointer(L, index);
    for (unsigned i = 0; i < n; i++) {
        if (at[i] == name)
            return (int)i;
    }
    return -1;
}

/* Which field of schema, and which value of an enum field, has its name at index. As
 * codec_names_find.  [-0, +0, me] */
static inline int codec_names_field(lua_State *L, int index, struct codec_names *names,
                                    const struct schema *schema)
{
    return codec_names_find(L, index, names, schema, 0, schema->n_fields);
}

static inline int codec_names_value(lua_State *L, int index, struct codec_names *names,
                                    const struct schema_field *field)
{
    const ProtobufCEnumDescriptor *e = field->pb->descriptor;
    return codec_names_find(L, index, names, field->parent, field->first_value, e->n_values);
}

#endif
