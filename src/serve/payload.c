/* Copies a message out of gRPC core's slices. No state; loop thread. */
#include "serve/payload.h"

#include <grpc/byte_buffer_reader.h>
#include <string.h>

int payload_read(grpc_byte_buffer *payload, size_t most, struct arena *arena, struct bytes *bytes,
                 struct err *err)
{
    *bytes = (struct bytes){0};
    if (!payload)
        return err_set(err, STATUS_UNIMPLEMENTED, "expected one request message, got none");
    if (payload->data.raw.compression != GRPC_COMPRESS_NONE)
        return err_set(err, STATUS_UNIMPLEMENTED, "expected a request that is not compressed");
    size_t size = grpc_byte_buffer_length(payload);
    if (size == 0)
        return 0;
    if (size > most)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED,
                       "expected a request of at most %zu bytes, got %zu", most, size);
    uint8_t *data = arena_alloc(arena, size);
    grpc_byte_buffer_reader reader;
    if (!data || !grpc_byte_buffer_reader_init(&reader, payload))
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the request");
    size_t at = 0;
    for (grpc_slice *slice; grpc_byte_buffer_reader_peek(&reader, &slice);) {
        memcpy(data + at, GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
        at += GRPC_SLICE_LENGTH(*slice);
    }
    grpc_byte_buffer_reader_destroy(&reader);
    *bytes = (struct bytes){.data = data, .size = size};
    return 0;
}

const ProtobufCMessage *payload_unpack(grpc_byte_buffer *payload, size_t most,
                                       const struct schema *schema, struct arena *arena,
                                       struct bytes *bytes, struct err *err)
{
    if (payload_read(payload, most, arena, bytes, err))
        return NULL;
    return codec_unpack(schema, bytes->data, bytes->size, arena, err);
}

struct bytes payload_piece(const grpc_byte_buffer *payload)
{
    if (!payload)
        return (struct bytes){0};
    const grpc_slice *slice = &payload->data.raw.slice_buffer.slices[0];
    return (struct bytes){GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice)};
}
