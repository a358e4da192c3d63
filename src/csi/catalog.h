/* The catalog: every service, method and message type that luacsi speaks, from the generated
 * descriptors and the embedded descriptor set. Filled once at start, constant afterwards. */
#ifndef LUACSI_CSI_CATALOG_H
#define LUACSI_CSI_CATALOG_H

#include "base/err.h"
#include "csi/schema.h"

struct method {
    const char *name;              /* "Probe": distinct among all methods of CSI */
    const char *path;              /* "/csi.v1.Identity/Probe" */
    const char *service;           /* "csi.v1.Identity" */
    const struct schema *request;  /* message of the request */
    const struct schema *response; /* message of the reply, or of each one when streaming */
    bool server_streaming;
    bool alpha;     /* option alpha_method */
    unsigned index; /* of this method among all, from 0 */
};

enum {
    CATALOG_METHODS = 32,  /* of CSI: scripts answer these */
    CATALOG_SERVED = 34,   /* with what the host answers: luacsi.v1.Host, grpc.health.v1's Check */
    CATALOG_CALLABLE = 47, /* with grpc.health.v1's Watch, which is a stream, and the services that
                              have a socket of their own */
};

/* Fills the catalog; may be called again (it does nothing then), but not from two threads at once.
 * Fails with STATUS_INTERNAL only when the embedded descriptor set does not fit the generated code.
 */
int catalog_init(struct err *err);

/* All methods, CATALOG_METHODS of them, in the order of the proto file. */
const struct method *catalog_methods(void);

/* The method of CSI called name: "Probe", "csi.v1.Identity/Probe" or "/csi.v1.Identity/Probe"; else
 * NULL. */
const struct method *catalog_method(const char *name);

/* Whether it is one of the three that everybody calls, with requests that have no field. */
bool catalog_is_identity(const struct method *method);

/* As catalog_method, and also "grpc.health.v1.Health/Check" or "/grpc.health.v1.Health/Check": what
 * can be called. */
const struct method *catalog_callable(const char *name);

/* The methods of the service called name, n of them, one behind the other; NULL: there is none. */
const struct method *catalog_service(const char *name, size_t *n);

/* The nearest method name to a misspelt one, or NULL. */
const char *catalog_nearest_method(const char *name);

/* Message types, in the order of their index. */
size_t catalog_message_count(void);
const struct schema *catalog_message_at(size_t index);

/* The message called name, with or without the package "csi.v1."; NULL: there is none. */
const struct schema *catalog_message(const char *name);

#endif
