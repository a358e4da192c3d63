/* Makes schemas of protobuf-c's descriptors and answers questions about them. catalog.c calls
 * schema_build once for each message; nothing changes afterwards. */
#include "csi/schema_build.h"

#include "csi/rules.h"
#include "csi/wire.h"

#include <stdio.h>
#include <string.h>

static int kind_of(const ProtobufCFieldDescriptor *pb, enum schema_kind *kind)
{
    switch (pb->type) {
    case PROTOBUF_C_TYPE_BOOL:
        *kind = KIND_BOOL;
        return 0;
    case PROTOBUF_C_TYPE_INT32:
        *kind = KIND_INT32;
        return 0;
    case PROTOBUF_C_TYPE_INT64:
        *kind = KIND_INT64;
        return 0;
    case PROTOBUF_C_TYPE_ENUM:
        *kind = KIND_ENUM;
        return 0;
    case PROTOBUF_C_TYPE_STRING:
        *kind = KIND_STRING;
        return 0;
    case PROTOBUF_C_TYPE_BYTES:
        *kind = KIND_BYTES;
        return 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        *kind = KIND_MESSAGE;
        return 0;
    default:
        return -1;
    }
}

static bool has_length(enum schema_kind kind)
{
    return kind == KIND_STRING || kind == KIND_BYTES || kind == KIND_MESSAGE;
}

static enum schema_form form_of(const char *full_name)
{
    static const char google[] = "google.protobuf.";
    if (strncmp(full_name, google, sizeof(google) - 1) != 0)
        return FORM_TABLE;
    const char *name = full_name + sizeof(google) - 1;
    if (strcmp(name, "Timestamp") == 0)
        return FORM_TIMESTAMP;
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, "Value") == 0 ? FORM_WRAPPER : FORM_TABLE;
}

/* The number of the oneof that pb belongs to: protobuf-c tells oneofs apart by where their case
 * lies. */
static int oneof_of(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *pb)
{
    if (!(pb->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return -1;
    int oneof = 0;
    for (const ProtobufCFieldDescriptor *f = message->fields; f < pb; f++) {
        if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        if (f->quantifier_offset == pb->quantifier_offset)
            return oneof_of(message, f);
        bool first = true;
        for (const ProtobufCFieldDescriptor *g = message->fields; g < f; g++)
            first = first && g->quantifier_offset != f->quantifier_offset;
        oneof += first;
    }
    return oneof;
}

int schema_build(struct schema *schema, const ProtobufCMessageDescriptor *pb, unsigned index,
                 struct schema_field *fields, struct err *err)
{
    size_t package = strlen(pb->package_name);
    *schema = (struct schema){
        .pb = pb,
        .name = pb->name + (package ? package + 1 : 0),
        .form = form_of(pb->name),
        .index = index,
        .n_fields = pb->n_fields,
        .n_names = pb->n_fields,
        .fields = fields,
    };
    if (pb->n_fields > SCHEMA_MOST_FIELDS)
        return err_set(err, STATUS_INTERNAL, "%s: more than %d fields", schema->name,
                       SCHEMA_MOST_FIELDS);
    for (unsigned i = 0; i < pb->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &pb->fields[i];
        enum schema_kind kind;
        if (kind_of(f, &kind))
            return err_set(err, STATUS_INTERNAL, "%s.%s: a type that the codec does not know",
                           schema->name, f->name);
        fields[i] = (struct schema_field){
            .pb = f,
            .parent = schema,
            .name_size = strlen(f->name),
            .tag = f->id << 3 | (has_length(kind) ? WIRE_BYTES : WIRE_VARINT),
            .kind = kind,
            .repeated = f->label == PROTOBUF_C_LABEL_REPEATED,
            .first_value = schema->n_names,
            .oneof = oneof_of(pb, f),
        };
        if (kind == KIND_ENUM)
            schema->n_names += ((const ProtobufCEnumDescriptor *)f->descriptor)->n_values;
        if (fields[i].repeated && !has_length(kind))
            return err_set(err, STATUS_INTERNAL,
                           "%s.%s: a packed list, which the codec does not know", schema->name,
                           f->name);
        if (fields[i].oneof >= (int)schema->n_oneofs)
            schema->n_oneofs = (unsigned)fields[i].oneof + 1;
    }
    if (schema->n_oneofs > SCHEMA_MOST_ONEOFS)
        return err_set(err, STATUS_INTERNAL, "%s: more than %d oneofs", schema->name,
                       SCHEMA_MOST_ONEOFS);
    return 0;
}

void schema_attach_rules(struct schema *schema)
{
    for (unsigned i = 0; i < schema->n_fields; i++)
        schema->fields[i].rule = rules_find(&schema->fields[i]);
}

const struct schema_field *schema_find(const struct schema *schema, const char *name, size_t n)
{
    for (unsigned i = 0; i < schema->n_fields; i++) {
        const struct schema_field *field = &schema->fields[i];
        if (field->name_size == n && memcmp(field->pb->name, name, n) == 0)
            return field;
    }
    return NULL;
}

static const char *describe_kind(const struct schema_field *field)
{
    switch (field->kind) {
    case KIND_BOOL:
        return "boolean";
    case KIND_INT32:
        return "32-bit integer";
    case KIND_INT64:
        return "integer";
    case KIND_ENUM: {
        const ProtobufCEnumDescriptor *e = field->pb->descriptor;
        return e->name + strlen(e->package_name) + 1;
    }
    case KIND_STRING:
        return "string";
    case KIND_BYTES:
        return "string (bytes)";
    case KIND_MESSAGE:
        if (field->message->form == FORM_WRAPPER)
            return describe_kind(&field->message->fields[0]);
        return field->message->form == FORM_TIMESTAMP ? "RFC 3339 string" : "table";
    }
    return "value";
}

void schema_describe(const struct schema_field *field, char *text, size_t size)
{
    if (field->map)
        snprintf(text, size, "table (map from string to %s)",
                 describe_kind(&field->message->fields[1]));
    else if (field->repeated && field->kind == KIND_MESSAGE)
        snprintf(text, size, "table (list of %s)", field->message->name);
    else if (field->repeated)
        snprintf(text, size, "table (list of %s)", describe_kind(field));
    else
        snprintf(text, size, "%s", describe_kind(field));
}

void schema_describe_item(const struct schema_field *field, char *text, size_t size)
{
    snprintf(text, size, "%s", describe_kind(field));
}
