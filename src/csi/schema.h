/* The shape of every message, as the codec wants it: protobuf-c's descriptors, with what protobuf-c
 * drops (map entries, csi_secret, alpha marks) added from the embedded descriptor set, and the
 * rules of the CSI specification attached to the fields they speak of.
 *
 * Built once by catalog_init, constant afterwards: any thread may read it. */
#ifndef LUACSI_CSI_SCHEMA_H
#define LUACSI_CSI_SCHEMA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rule;

enum { SCHEMA_MOST_ONEOFS = 4, SCHEMA_MOST_FIELDS = 32 }; /* in one message */

/* The types that the embedded protos use; schema_build refuses any other. */
enum schema_kind {
    KIND_BOOL,
    KIND_INT32,
    KIND_INT64,
    KIND_ENUM,
    KIND_STRING,
    KIND_BYTES,
    KIND_MESSAGE,
};

/* How a message stands in a Lua table. */
enum schema_form {
    FORM_TABLE,     /* a table from field name to value */
    FORM_MAP_ENTRY, /* a key and a value of the table that the map is */
    FORM_WRAPPER,   /* google.protobuf.*Value: the plain value of its field 1 */
    FORM_TIMESTAMP, /* google.protobuf.Timestamp: an RFC 3339 string */
};

struct schema_field {
    const ProtobufCFieldDescriptor *pb; /* name, number, place in the C struct */
    const struct schema *parent;        /* the message that has the field */
    const struct schema *message;       /* of KIND_MESSAGE; otherwise NULL */
    const struct rule *rule;            /* what CSI says of the field in a reply; NULL: nothing */
    size_t name_size;                   /* bytes of pb->name */
    uint32_t tag;                       /* number << 3 | wire type */
    unsigned first_value; /* of KIND_ENUM: which name of the message is that of its first value */
    enum schema_kind kind;
    bool repeated; /* a list; also true for a map */
    bool map;      /* repeated, and message is a FORM_MAP_ENTRY */
    bool secret;   /* option csi_secret: never shown in a log */
    bool alpha;    /* option alpha_field */
    int oneof;     /* which oneof of the message it belongs to, from 0; -1: none */
};

struct schema {
    const ProtobufCMessageDescriptor *pb;
    const char *name;            /* "GetPluginInfoResponse": the full name without its package */
    enum schema_form form;       /* what it looks like in Lua */
    bool alpha;                  /* option alpha_message */
    unsigned index;              /* of this message among all, from 0 */
    unsigned n_fields;           /* of fields */
    unsigned n_oneofs;           /* distinct values of schema_field.oneof */
    unsigned n_names;            /* of fields, and of the values of those that are enums */
    struct schema_field *fields; /* by number, ascending */
};

/* The field called name (n bytes); NULL: the message has none. */
const struct schema_field *schema_find(const struct schema *schema, const char *name, size_t n);

/* The same for one item of a repeated field: "string", "table". */
void schema_describe_item(const struct schema_field *field, char *text, size_t size);

/* The text that an error shows for what the field wants: "string", "list of PluginCapability". */
void schema_describe(const struct schema_field *field, char *text, size_t size);

#endif
