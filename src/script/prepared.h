/* A prepared reply: encoded once, sent as often as it is asked for. What a constant of the script
 * and csi.reply become. */
#ifndef LUACSI_SCRIPT_PREPARED_H
#define LUACSI_SCRIPT_PREPARED_H

#include "csi/schema.h"
#include "script/codec.h"

#include <grpc/slice.h>

struct prepared {
    unsigned refs;               /* loop thread only: not atomic */
    const struct schema *schema; /* the message that it is */
    int status;       /* enum status; not OK for a constant that must be answered with an error */
    char *message;    /* of the status; empty when OK */
    grpc_slice bytes; /* the serialized reply when OK */
};

/* An OK reply with a copy of bytes. NULL when memory is short. The caller holds one reference. */
struct prepared *prepared_new(const struct schema *schema, struct bytes bytes);

/* A reply that is the status of err. NULL when memory is short. */
struct prepared *prepared_error(const struct schema *schema, const struct err *err);

struct prepared *prepared_ref(struct prepared *prepared);

/* Gives one reference back; NULL is allowed. */
void prepared_unref(struct prepared *prepared);

#endif
