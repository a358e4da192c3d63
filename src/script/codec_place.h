/* What the codec says of a value that it cannot take: where it stands, what was expected, what
 * came. */
#ifndef LUACSI_SCRIPT_CODEC_PLACE_H
#define LUACSI_SCRIPT_CODEC_PLACE_H

#include "base/err.h"
#include "csi/schema.h"

struct lua_State;

/* One step of a path; lies on the C stack of the level that took it. */
struct place {
    const struct place *outer; /* NULL at the message itself */
    const char *name;          /* of a field or the message, or the key of a map */
    long long index;           /* in a list, from 1; 0: name counts */
    bool secret;               /* a field that csi_secret marks: nothing in it may be shown */
};

enum { PLACE_VALUE_TEXT = 96 };

/* Puts the path before what err says; returns -1. */
int place_prefix(const struct place *place, struct err *err);

/* What stands at index, in a few words: `string "abc"`, `number 1.5`, `table`; of a secret only the
 * type. Returns text.  [-0, +0, -] */
const char *place_describe(const struct place *place, struct lua_State *L, int index,
                           char text[static PLACE_VALUE_TEXT]);

/* Each fills err with STATUS_INTERNAL and the path, and returns -1.  [-0, +0, -] */
int place_wrong_type(const struct place *place, struct lua_State *L, int index,
                     const char *expected, struct err *err);
int place_wrong_field(const struct place *place, struct lua_State *L, int index,
                      const struct schema_field *field, struct err *err);
int place_unknown_enum(const struct place *place, struct lua_State *L, int index,
                       const struct schema_field *field, struct err *err);
/* table has a key that is no field of schema. */
int place_unknown_key(const struct place *place, struct lua_State *L, int table,
                      const struct schema *schema, struct err *err);
/* table has n keys, and they are not 1 to n. */
int place_not_a_list(const struct place *place, struct lua_State *L, int table, size_t n,
                     struct err *err);

#endif
