/* How the catalog makes schemas; nobody else includes this. */
#ifndef LUACSI_CSI_SCHEMA_BUILD_H
#define LUACSI_CSI_SCHEMA_BUILD_H

#include "base/err.h"
#include "csi/schema.h"

/* Fills schema and its fields (room for pb->n_fields) from the descriptor. Left for the caller: the
 * options, and field.message. Fails on a type that the codec does not know. */
int schema_build(struct schema *schema, const ProtobufCMessageDescriptor *pb, unsigned index,
                 struct schema_field *fields, struct err *err);

/* Last step: needs the options and field.message. */
void schema_attach_rules(struct schema *schema);

#endif
