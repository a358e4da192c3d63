/* Numbers as the codec takes them from Lua. */
#ifndef LUACSI_SCRIPT_CODEC_SCALAR_H
#define LUACSI_SCRIPT_CODEC_SCALAR_H

#include "script/codec_place.h"

#include <stdint.h>

struct codec_names;

/* The integer at index, within what the field can hold; a float counts when it is integral, a
 * numeric string never. -1 and err with the place when something else is there.  [-0, +0, -] */
int codec_integer(struct lua_State *L, int index, const struct schema_field *field, int64_t *value,
                  const struct place *place, struct err *err);

/* The number of the enum value at index, which is a name or a number. names: as in struct
 * codec_options. As codec_integer.  [-0, +0, me] */
int codec_enum(struct lua_State *L, int index, const struct schema_field *field,
               struct codec_names *names, int64_t *value, const struct place *place,
               struct err *err);

#endif
