/* Reading messages as protobuf-c holds them, by their schema. No state; any thread. What is
 * returned lies in the message. */
#ifndef LUACSI_CSI_FIELDS_H
#define LUACSI_CSI_FIELDS_H

#include "csi/schema.h"

/* Where the value of a field lies that is not repeated. */
const void *fields_value(const struct schema_field *field, const ProtobufCMessage *message);

/* Of a repeated field: how many items it has, and where the i-th lies (of a message: its address
 * does). */
size_t fields_count(const struct schema_field *field, const ProtobufCMessage *message);
const void *fields_item(const struct schema_field *field, const ProtobufCMessage *message,
                        size_t i);

/* False for an arm of a oneof that is not the one that is set. */
bool fields_is_present(const struct schema_field *field, const ProtobufCMessage *message);

/* True when the field has something that a reader would miss: an item, a oneof's arm that is set,
 * or a value other than its default. */
bool fields_is_set(const struct schema_field *field, const ProtobufCMessage *message);

/* The two fields of a FORM_TIMESTAMP. */
void fields_timestamp(const struct schema *schema, const ProtobufCMessage *message,
                      int64_t *seconds, int32_t *nanos);

#endif
