/* Walks messages as protobuf-c holds them and writes JSON into a room of fixed size. No state. */
#include "csi/redact.h"

#include "base/text.h"
#include "csi/fields.h"
#include "csi/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char stripped[] = "\"***stripped***\"";

/* ---- text ---- */

static void put(struct redact *redact, const char *bytes, size_t n)
{
    redact->cut = redact->cut || redact->size + n > redact->limit;
    redact->lost = redact->lost || redact->cut;
    if (redact->cut)
        return;
    memcpy(redact->text + redact->size, bytes, n);
    redact->size += n;
}

void redact_put(struct redact *redact, const char *text)
{
    put(redact, text, strlen(text));
}

void redact_close(struct redact *redact, const char *text)
{
    size_t n = strlen(text);
    memcpy(redact->text + redact->size, text, n + 1);
    redact->size += n;
}

void redact_string(struct redact *redact, const char *s, size_t n)
{
    redact_put(redact, "\"");
    if (redact->cut)
        return;
    while (n > 0 && !redact->cut) {
        char out[TEXT_ESCAPED];
        size_t size;
        const char *quoted = text_next_quoted(&s, &n, true, out, &size);
        put(redact, quoted, size);
    }
    redact_close(redact, redact->cut ? "…\"" : "\"");
}

static void put_integer(struct redact *redact, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    redact_put(redact, text);
}

/* ---- values ---- */

static void put_enum(struct redact *redact, const ProtobufCEnumDescriptor *e, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(e, value);
    if (known)
        redact_string(redact, known->name, strlen(known->name));
    else
        put_integer(redact, value);
}

/* The one value that lies at member; of a message, there is one. */
static void put_value(struct redact *redact, const struct schema_field *field, const void *member)
{
    switch (field->kind) {
    case KIND_BOOL:
        redact_put(redact, *(const protobuf_c_boolean *)member ? "true" : "false");
        break;
    case KIND_INT32:
        put_integer(redact, *(const int32_t *)member);
        break;
    case KIND_INT64:
        put_integer(redact, *(const int64_t *)member);
        break;
    case KIND_ENUM:
        put_enum(redact, field->pb->descriptor, *(const int *)member);
        break;
    case KIND_STRING: {
        const char *s = *(const char *const *)member;
        redact_string(redact, s, strlen(s));
        break;
    }
    case KIND_BYTES: {
        const ProtobufCBinaryData *bytes = member;
        redact_string(redact, (const char *)bytes->data, bytes->len);
        break;
    }
    case KIND_MESSAGE:
        redact_message(redact, field->message, *(const ProtobufCMessage *const *)member);
        break;
    }
}

/* ---- lists, maps, messages ---- */

/* A member's key and colon, or nothing. Returns whether they are there. */
static bool put_key(struct redact *redact, bool first, const char *key)
{
    size_t start = redact->size;
    redact_put(redact, first ? "" : ",");
    redact_string(redact, key, strlen(key));
    redact_put(redact, ":");
    if (redact->cut)
        redact->size = start;
    return !redact->cut;
}

/* Takes back what was written since start when no value came behind it. */
static void keep_if_value(struct redact *redact, size_t start, size_t value)
{
    if (redact->size == value)
        redact->size = start;
}

static void put_entry(struct redact *redact, bool first, const struct schema *entry,
                      const ProtobufCMessage *message)
{
    size_t start = redact->size;
    if (!put_key(redact, first, *(const char *const *)fields_value(&entry->fields[0], message)))
        return;
    size_t value = redact->size;
    put_value(redact, &entry->fields[1], fields_value(&entry->fields[1], message));
    keep_if_value(redact, start, value);
}

static void put_item(struct redact *redact, bool first, const struct schema_field *field,
                     const void *item)
{
    size_t start = redact->size;
    redact_put(redact, first ? "" : ",");
    size_t value = redact->size;
    put_value(redact, field, item);
    keep_if_value(redact, start, value);
}

static void put_repeated(struct redact *redact, const struct schema_field *field,
                         const ProtobufCMessage *message)
{
    size_t n = fields_count(field, message);
    redact_put(redact, field->map ? "{" : "[");
    if (redact->cut)
        return;
    for (size_t i = 0; i < n && !redact->cut; i++) {
        const void *item = fields_item(field, message, i);
        if (field->map)
            put_entry(redact, i == 0, field->message, *(const ProtobufCMessage *const *)item);
        else
            put_item(redact, i == 0, field, item);
    }
    redact_close(redact, field->map ? "}" : "]");
}

/* Returns whether something was written. */
static bool put_field(struct redact *redact, bool first, const struct schema_field *field,
                      const ProtobufCMessage *message)
{
    size_t start = redact->size;
    if (!put_key(redact, first, field->pb->name))
        return false;
    size_t value = redact->size;
    if (field->secret)
        redact_put(redact, stripped);
    else if (field->repeated)
        put_repeated(redact, field, message);
    else
        put_value(redact, field, fields_value(field, message));
    keep_if_value(redact, start, value);
    return redact->size > start;
}

static void put_timestamp(struct redact *redact, const struct schema *schema,
                          const ProtobufCMessage *message)
{
    int64_t seconds;
    int32_t nanos;
    char text[TIMESTAMP_TEXT];
    fields_timestamp(schema, message, &seconds, &nanos);
    if (timestamp_format(seconds, nanos, text))
        redact_string(redact, text, strlen(text));
    else
        redact_put(redact, "null");
}

void redact_message(struct redact *redact, const struct schema *schema,
                    const ProtobufCMessage *message)
{
    bool first = true;
    if (schema->form == FORM_TIMESTAMP) {
        put_timestamp(redact, schema, message);
        return;
    }
    if (schema->form == FORM_WRAPPER) {
        put_value(redact, &schema->fields[0], fields_value(&schema->fields[0], message));
        return;
    }
    redact_put(redact, "{");
    if (redact->cut)
        return;
    for (unsigned i = 0; i < schema->n_fields && !redact->cut; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (fields_is_set(field, message) && put_field(redact, first, field, message))
            first = false;
    }
    redact_close(redact, "}");
}
