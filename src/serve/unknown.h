/* Inbound calls of methods that nobody registered. Loop thread. */
#ifndef LUACSI_SERVE_UNKNOWN_H
#define LUACSI_SERVE_UNKNOWN_H

#include "serve/rpc.h"

struct unknown;

/* NULL when memory is short. */
struct unknown *unknown_new(struct rpc_host *host);

/* Hands every call of an unregistered method on to the host's upstream, or answers it
 * UNIMPLEMENTED: gRPC core leaves such calls hanging when nobody asks for them. Frees itself when
 * the server shuts down. The server must have started. */
void unknown_wait(struct unknown *unknown);

/* Frees one that does not wait; NULL is allowed. */
void unknown_free(struct unknown *unknown);

#endif
