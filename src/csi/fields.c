/* Knows where protobuf-c's structs keep what. */
#include "csi/fields.h"

static const void *at(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

const void *fields_value(const struct schema_field *field, const ProtobufCMessage *message)
{
    return at(message, field->pb->offset);
}

/* How far one item lies behind the one before it. */
static size_t item_size(enum schema_kind kind)
{
    switch (kind) {
    case KIND_BOOL:
        return sizeof(protobuf_c_boolean);
    case KIND_INT32:
        return sizeof(int32_t);
    case KIND_INT64:
        return sizeof(int64_t);
    case KIND_ENUM:
        return sizeof(int);
    case KIND_BYTES:
        return sizeof(ProtobufCBinaryData);
    case KIND_STRING:
    case KIND_MESSAGE:
        break;
    }
    return sizeof(void *);
}

size_t fields_count(const struct schema_field *field, const ProtobufCMessage *message)
{
    return *(const size_t *)at(message, field->pb->quantifier_offset);
}

const void *fields_item(const struct schema_field *field, const ProtobufCMessage *message, size_t i)
{
    const char *items = *(const char *const *)at(message, field->pb->offset);
    return items + i * item_size(field->kind);
}

static bool is_default(const struct schema_field *field, const void *value)
{
    switch (field->kind) {
    case KIND_BOOL:
        return !*(const protobuf_c_boolean *)value;
    case KIND_INT32:
        return *(const int32_t *)value == 0;
    case KIND_INT64:
        return *(const int64_t *)value == 0;
    case KIND_ENUM:
        return *(const int *)value == 0;
    case KIND_STRING:
        return **(const char *const *)value == '\0';
    case KIND_BYTES:
        return ((const ProtobufCBinaryData *)value)->len == 0;
    case KIND_MESSAGE:
        return !*(const ProtobufCMessage *const *)value;
    }
    return false;
}

bool fields_is_present(const struct schema_field *field, const ProtobufCMessage *message)
{
    return field->oneof < 0 ||
           *(const uint32_t *)at(message, field->pb->quantifier_offset) == field->pb->id;
}

bool fields_is_set(const struct schema_field *field, const ProtobufCMessage *message)
{
    if (field->repeated)
        return fields_count(field, message) > 0;
    if (field->oneof >= 0)
        return fields_is_present(field, message);
    return !is_default(field, fields_value(field, message));
}

void fields_timestamp(const struct schema *schema, const ProtobufCMessage *message,
                      int64_t *seconds, int32_t *nanos)
{
    *seconds = *(const int64_t *)fields_value(&schema->fields[0], message);
    *nanos = *(const int32_t *)fields_value(&schema->fields[1], message);
}
