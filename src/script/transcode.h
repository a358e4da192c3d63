/* Messages to JSON and back for callers that have no Lua state of their own: the same conversions
 * as everywhere (codec, json), in a state that lives as long as the call. Any thread. */
#ifndef LUACSI_SCRIPT_TRANSCODE_H
#define LUACSI_SCRIPT_TRANSCODE_H

#include "base/arena.h"
#include "base/err.h"
#include "csi/schema.h"
#include "script/codec.h"

/* Reads size bytes of JSON as a message; a member that is null counts as absent. 0 and out (in
 * arena), or -1 and err: STATUS_INVALID_ARGUMENT with line and column or the path of what does not
 * fit, STATUS_RESOURCE_EXHAUSTED. */
int transcode_from_json(const struct schema *schema, const char *text, size_t size,
                        struct arena *arena, struct bytes *out, struct err *err);

/* Writes a message as JSON in the order of its fields, indent spaces a level (0: one line). 0 and a
 * NUL-terminated text (in arena), or -1 and err as codec_push and json_text have it. */
int transcode_to_json(const struct schema *schema, const ProtobufCMessage *message, int indent,
                      struct arena *arena, const char **text, struct err *err);

#endif
