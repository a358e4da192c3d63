/* Owns prepared replies, counted by reference. Loop thread. */
#include "script/prepared.h"

#include <stdlib.h>
#include <string.h>

static struct prepared *new_prepared(const struct schema *schema, int status, const char *message)
{
    struct prepared *prepared = calloc(1, sizeof(*prepared));
    char *copy = strdup(message);
    if (!prepared || !copy) {
        free(prepared);
        free(copy);
        return NULL;
    }
    *prepared = (struct prepared){
        .refs = 1,
        .schema = schema,
        .status = status,
        .message = copy,
        .bytes = grpc_empty_slice(),
    };
    return prepared;
}

struct prepared *prepared_new(const struct schema *schema, struct bytes bytes)
{
    struct prepared *prepared = new_prepared(schema, STATUS_OK, "");
    if (prepared)
        prepared->bytes = grpc_slice_from_copied_buffer((const char *)bytes.data, bytes.size);
    return prepared;
}

struct prepared *prepared_error(const struct schema *schema, const struct err *err)
{
    return new_prepared(schema, err->code, err->text);
}

struct prepared *prepared_ref(struct prepared *prepared)
{
    prepared->refs++;
    return prepared;
}

void prepared_unref(struct prepared *prepared)
{
    if (!prepared || --prepared->refs > 0)
        return;
    grpc_slice_unref(prepared->bytes);
    free(prepared->message);
    free(prepared);
}
