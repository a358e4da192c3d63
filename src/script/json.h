/* JSON text and Lua values, strictly: what the other side cannot hold as it is is refused. Used by
 * csi.json, by the command line and by the Lua client.
 *
 *   JSON            Lua
 *   object          table without a metatable; the keys are strings
 *   array           table with the shared metatable of arrays (__jsontype = "array")
 *   1, 1.0          integer, float
 *   null            json.null, a light userdata
 *
 * Text that nests deeper than JSON_DEPTH, a key that comes twice or has a NUL in it, an integer of
 * more than 64 bits and invalid UTF-8 are errors. So are, on the way back, NaN and the infinities,
 * a table with holes or with both kinds of keys, and values that JSON does not know. */
#ifndef LUACSI_SCRIPT_JSON_H
#define LUACSI_SCRIPT_JSON_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct lua_State;

enum { JSON_DEPTH = 100 };

/* What becomes of the members of an object that are null. */
enum json_nulls {
    JSON_KEEP_NULLS, /* json.null */
    JSON_DROP_NULLS, /* as if they were not there: protobuf's reading */
};

/* Pushes the value of size bytes of text. 0, or -1 and err (STATUS_INVALID_ARGUMENT with line and
 * column, STATUS_RESOURCE_EXHAUSTED), and nothing pushed.  [-0, +(1|0), m] */
int json_push(struct lua_State *L, const char *text, size_t size, enum json_nulls nulls,
              struct err *err);

/* Pushes the value at index as JSON text: one line for indent 0, else that many spaces a level. The
 * metafields __jsontype ("array", "object") and __jsonorder (a list of keys, which come first) are
 * honoured; other keys are sorted; no metamethod is called. A table without __jsontype is an array
 * when its keys are 1 to n, n at least 1. 0, or -1 and err (STATUS_INVALID_ARGUMENT) with the path
 * of the place ("value.list[2]"), and nothing pushed.  [-0, +(1|0), m] */
int json_text(struct lua_State *L, int index, int indent, struct err *err);

/* Gives the table at the top of the stack the metatable of arrays.  [-0, +0, m] */
void json_mark_array(struct lua_State *L);

/* Pushes the module: decode, encode, array, null.  [-0, +1, m] */
int json_open(struct lua_State *L);

#endif
