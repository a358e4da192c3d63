/* Messages as Lua source that a person can read and edit: the table that a script would write for
 * them. No Lua, no state; any thread. */
#ifndef LUACSI_CSI_LUA_TEXT_H
#define LUACSI_CSI_LUA_TEXT_H

#include "base/err.h"
#include "csi/schema.h"

#include <stdio.h>

/* Writes message as a table, without the fields that have their default and those that CSI marks as
 * secret; map keys are sorted, so that equal messages have equal texts. indent: columns that the
 * lines after the first stand in at least. -1 and err (INTERNAL) when the message has a value that
 * no table stands for: an enum's number that CSI does not know, a time out of range. What was
 * written until then is of no use. */
int lua_text_message(FILE *file, const struct schema *schema, const ProtobufCMessage *message,
                     unsigned indent, struct err *err);

/* Writes n bytes as a string of Lua. */
void lua_text_string(FILE *file, const char *s, size_t n);

#endif
