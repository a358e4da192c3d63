/* Strings of a Lua table, and the entries of a table that stands for a map. */
#ifndef LUACSI_SCRIPT_CODEC_ENTRIES_H
#define LUACSI_SCRIPT_CODEC_ENTRIES_H

#include "base/arena.h"
#include "script/codec_place.h"

#include <lua.h>
#include <stddef.h>

/* The bytes of a Lua string. They are there as long as a table holds it. */
struct text {
    const char *at; /* NULL: it is no string */
    size_t size;
};

/* Of what stands at index; a number is no string.  [-0, +0, -] */
static inline struct text codec_text(lua_State *L, int index)
{
    struct text text = {NULL, 0};
    if (lua_type(L, index) == LUA_TSTRING)
        text.at = lua_tolstring(L, index, &text.size);
    return text;
}

struct entry {
    struct text key;
    struct text value;
};

enum { ENTRIES_FEW = 8 }; /* most maps have no more */

/* Not to be copied. */
struct entries {
    struct entry *at; /* few, or in the arena; by key */
    size_t n;
    size_t room;
    struct entry few[ENTRIES_FEW];
};

/* Collects the entries of the table at index. -1 and err with the place when a key is no string, or
 * when memory is short. A value that is no string is left to the caller.  [-0, +0, -] */
int entries_take(struct entries *entries, lua_State *L, int table, struct arena *arena,
                 const struct place *place, struct err *err);

#endif
