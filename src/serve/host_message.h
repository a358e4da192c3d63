/* The messages that the host fills by itself, with the generated code: those of its own services.
 * No state. */
#ifndef LUACSI_SERVE_HOST_MESSAGE_H
#define LUACSI_SERVE_HOST_MESSAGE_H

#include "serve/host_call.h"

#include <stdint.h>

/* s as a field of such a message; NULL: an empty one. */
static inline char *host_message_text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : ""); /* protobuf-c only reads it */
}

/* Serializes the message into arena. -1 and err when memory is short. */
int host_message_pack(const ProtobufCMessage *message, struct arena *arena, struct bytes *bytes,
                      struct err *err);

/* Answers call with the message, or fails it when memory is short. */
void host_message_reply(struct host_call *call, const ProtobufCMessage *message);

#endif
