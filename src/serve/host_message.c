/* Serializes what the host answers by itself. Loop thread. */
#include "serve/host_message.h"

int host_message_pack(const ProtobufCMessage *message, struct arena *arena, struct bytes *bytes,
                      struct err *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, size);
    if (!data)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
    protobuf_c_message_pack(message, data);
    *bytes = (struct bytes){.data = data, .size = size};
    return 0;
}

void host_message_reply(struct host_call *call, const ProtobufCMessage *message)
{
    struct bytes reply = {0};
    struct err err;
    if (host_message_pack(message, call->arena, &reply, &err))
        host_call_fail(call, &err);
    else
        host_call_reply(call, reply);
}
