/* gRPC reflection: a tool asks the server for its services and their descriptors, and needs no
 * proto file. Answered from an embedded descriptor set. Loop thread. */
#ifndef LUACSI_SERVE_REFLECTION_H
#define LUACSI_SERVE_REFLECTION_H

#include "serve/stream.h"

/* ServerReflectionInfo of grpc.reflection.v1 and of v1alpha, which differ in the name alone. set:
 * the embedded descriptor set of the services that share the socket, "csi.desc". */
struct stream_method reflection_v1(const char *set);
struct stream_method reflection_v1alpha(const char *set);

#endif
