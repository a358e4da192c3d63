/* Reads messages from the wire: protobuf-c unpacks them into an arena, and a walk of our own over
 * the same bytes looks at what protobuf-c lets through. */
#include "csi/message.h"

#include "base/text.h"
#include "csi/timestamp.h"
#include "csi/wire.h"

#include <string.h>

/* What protobuf-c allocates from. */
struct source {
    struct arena *arena;
    bool is_short; /* it said NULL: protobuf-c gives up, and does not say why */
};

static void *alloc_for_protobuf(void *data, size_t size)
{
    struct source *source = data;
    void *piece = arena_alloc(source->arena, size);
    source->is_short = source->is_short || !piece;
    return piece;
}

static void free_nothing(void *data, void *pointer)
{
    (void)data;
    (void)pointer; /* arena_reset takes it */
}

ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                 size_t size, struct arena *arena, struct err *err)
{
    struct source source = {.arena = arena};
    ProtobufCAllocator allocator = {
        .alloc = alloc_for_protobuf,
        .free = free_nothing,
        .allocator_data = &source,
    };
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, size, data);
    if (!message && source.is_short)
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the message, or it is too large");
    else if (!message)
        err_set(err, STATUS_INTERNAL, "not in the wire format of protobuf");
    return message;
}

/* ---- the walk over the wire form ---- */

static const struct schema_field *field_of_tag(const struct schema *schema, uint64_t tag)
{
    for (unsigned i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].tag == tag)
            return &schema->fields[i];
    }
    return NULL;
}

static int check_string(const struct wire *string, struct err *err)
{
    size_t n = (size_t)(string->end - string->at);
    if (n > 0 && memchr(string->at, '\0', n))
        return err_set(err, STATUS_INTERNAL, ": expected a string without NUL, got one with NUL");
    if (!text_is_utf8((const char *)string->at, n))
        return err_set(err, STATUS_INTERNAL, ": expected UTF-8, got other bytes");
    return 0;
}

/* The last value of a varint field in a message that is in the wire format; 0 when it is not there.
 */
static uint64_t find_varint(struct wire message, uint64_t wanted)
{
    uint64_t found = 0;
    for (struct wire_field field; wire_next(&message, &field);) {
        if (field.tag == wanted)
            found = field.value;
    }
    return found;
}

static int check_timestamp(const struct schema *schema, struct wire message, struct err *err)
{
    int64_t seconds = (int64_t)find_varint(message, schema->fields[0].tag);
    int32_t nanos = (int32_t)find_varint(message, schema->fields[1].tag);
    if (timestamp_valid(seconds, nanos))
        return 0;
    return err_set(err, STATUS_INTERNAL,
                   ": expected the years 1 to 9999, got %lld seconds and %d nanos",
                   (long long)seconds, (int)nanos);
}

/* err gets ".field: reason", each level puts its name in front. */
static int check_fields(const struct schema *schema, struct wire whole, struct err *err)
{
    struct wire rest = whole;
    for (struct wire_field on_wire; wire_next(&rest, &on_wire);) {
        const struct schema_field *field = field_of_tag(schema, on_wire.tag);
        int failed = 0;
        if (field && field->kind == KIND_STRING)
            failed = check_string(&on_wire.payload, err);
        else if (field && field->kind == KIND_MESSAGE)
            failed = check_fields(field->message, on_wire.payload, err);
        if (failed)
            return err_prefix(err, ".%s", field->pb->name);
    }
    if (rest.at < rest.end)
        return err_set(err, STATUS_INTERNAL, ": not in the wire format of protobuf");
    if (schema->form == FORM_TIMESTAMP)
        return check_timestamp(schema, whole, err);
    return 0;
}

int message_check(const struct schema *schema, const uint8_t *data, size_t size, struct err *err)
{
    if (size == 0)
        return 0;
    if (check_fields(schema, (struct wire){data, data + size}, err))
        return err_prefix(err, "%s", schema->name);
    return 0;
}
