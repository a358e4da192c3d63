/* Messages as protobuf-c holds them, read from the wire into an arena. No Lua, no state; any
 * thread. */
#ifndef LUACSI_CSI_MESSAGE_H
#define LUACSI_CSI_MESSAGE_H

#include "base/arena.h"
#include "base/err.h"
#include "csi/schema.h"

/* Unpacks size bytes; the message lies in arena and is never freed on its own. NULL with err:
 * STATUS_INTERNAL when they are no such message, STATUS_RESOURCE_EXHAUSTED when memory is short.
 * Strings are not looked at: see message_check. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                 size_t size, struct arena *arena, struct err *err);

/* Looks at every string in the wire form of a message: protobuf wants UTF-8, and protobuf-c would
 * cut it at a NUL. 0, or -1 and err (STATUS_INTERNAL) that names the field. */
int message_check(const struct schema *schema, const uint8_t *data, size_t size, struct err *err);

#endif
