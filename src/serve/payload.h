/* The bytes of one inbound message. No state. */
#ifndef LUACSI_SERVE_PAYLOAD_H
#define LUACSI_SERVE_PAYLOAD_H

#include "base/arena.h"
#include "base/err.h"
#include "script/codec.h"

#include <grpc/byte_buffer.h>

/* Fills bytes with the message in one piece, in arena. payload: as gRPC core gave it; NULL: no
 * message came. -1 and err when it is not usable: UNIMPLEMENTED, none or a compressed one;
 * RESOURCE_EXHAUSTED, more than `most` bytes, or no memory. */
int payload_read(grpc_byte_buffer *payload, size_t most, struct arena *arena, struct bytes *bytes,
                 struct err *err);

/* The same, and as a message; NULL and err also when it is none: INTERNAL. */
const ProtobufCMessage *payload_unpack(grpc_byte_buffer *payload, size_t most,
                                       const struct schema *schema, struct arena *arena,
                                       struct bytes *bytes, struct err *err);

/* The bytes of a payload that is one piece, as all of our replies are; none for NULL. */
struct bytes payload_piece(const grpc_byte_buffer *payload);

#endif
