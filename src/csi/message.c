/* Reads messages from the wire: protobuf-c unpacks them into an arena, and a walk of our own over
 * the same bytes looks at what protobuf-c lets through. */
#include "csi/message.h"

#include "base/text.h"
#include "csi/timestamp.h"

#include <string.h>

static void *arena_alloc_for_protobuf(void *data, size_t size)
{
    return arena_alloc(data, size);
}

static void free_nothing(void *data, void *pointer)
{
    (void)data;
    (void)pointer; /* arena_reset takes it */
}

ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                 size_t size, struct arena *arena)
{
    ProtobufCAllocator allocator = {
        .alloc = arena_alloc_for_protobuf,
        .free = free_nothing,
        .allocator_data = arena,
    };
    return protobuf_c_message_unpack(descriptor, &allocator, size, data);
}

/* ---- the walk over the wire form ---- */

enum wire { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool read_varint(struct cursor *cursor, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* Steps over the payload of a field; for WIRE_BYTES, *payload is what lies inside. */
static bool read_payload(struct cursor *cursor, unsigned wire, struct cursor *payload)
{
    uint64_t n = 0;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(cursor, &n);
    case WIRE_64BIT:
        n = 8;
        break;
    case WIRE_32BIT:
        n = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(cursor, &n))
            return false;
        break;
    default:
        return false;
    }
    if (n > (uint64_t)(cursor->end - cursor->at))
        return false;
    *payload = (struct cursor){cursor->at, cursor->at + n};
    cursor->at += n;
    return true;
}

static const struct schema_field *field_of_tag(const struct schema *schema, uint64_t tag)
{
    for (unsigned i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].tag == tag)
            return &schema->fields[i];
    }
    return NULL;
}

static int check_string(const struct cursor *string, struct err *err)
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
static uint64_t find_varint(struct cursor cursor, uint64_t wanted)
{
    uint64_t found = 0;
    uint64_t tag;
    struct cursor payload;
    while (cursor.at < cursor.end && read_varint(&cursor, &tag)) {
        struct cursor value = cursor;
        if (!read_payload(&cursor, tag & 7, &payload))
            break;
        if (tag == wanted)
            read_varint(&value, &found);
    }
    return found;
}

static int check_timestamp(const struct schema *schema, struct cursor message, struct err *err)
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
static int check_fields(const struct schema *schema, struct cursor whole, struct err *err)
{
    struct cursor cursor = whole;
    while (cursor.at < cursor.end) {
        uint64_t tag;
        struct cursor payload = {NULL, NULL};
        if (!read_varint(&cursor, &tag) || !read_payload(&cursor, tag & 7, &payload))
            return err_set(err, STATUS_INTERNAL, ": not in the wire format of protobuf");
        const struct schema_field *field = field_of_tag(schema, tag);
        int failed = 0;
        if (field && field->kind == KIND_STRING)
            failed = check_string(&payload, err);
        else if (field && field->kind == KIND_MESSAGE)
            failed = check_fields(field->message, payload, err);
        if (failed)
            return err_prefix(err, ".%s", field->pb->name);
    }
    if (schema->form == FORM_TIMESTAMP)
        return check_timestamp(schema, whole, err);
    return 0;
}

int message_check(const struct schema *schema, const uint8_t *data, size_t size, struct err *err)
{
    if (size == 0)
        return 0;
    if (check_fields(schema, (struct cursor){data, data + size}, err))
        return err_prefix(err, "%s", schema->name);
    return 0;
}
