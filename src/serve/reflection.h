/* gRPC reflection: a tool asks the server for its services and their descriptors, and needs no
 * proto file. Answered from the embedded descriptor set. Loop thread. */
#ifndef LUACSI_SERVE_REFLECTION_H
#define LUACSI_SERVE_REFLECTION_H

#include "serve/stream.h"

/* ServerReflectionInfo of grpc.reflection.v1 and of v1alpha: they differ in the name alone. */
extern const struct stream_method reflection_v1;
extern const struct stream_method reflection_v1alpha;

#endif
