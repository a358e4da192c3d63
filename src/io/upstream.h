/* The real driver behind this one: one channel, which connects when a call needs it and again when
 * the connection is lost. gRPC core does that by itself. Loop thread. */
#ifndef LUACSI_IO_UPSTREAM_H
#define LUACSI_IO_UPSTREAM_H

#include "base/err.h"
#include "io/endpoint.h"

#include <grpc/grpc.h>
#include <stdbool.h>

struct upstream;

/* endpoint is copied; nothing is connected, and gRPC core need not be there yet. NULL and err when
 * memory is short. */
struct upstream *upstream_new(const struct endpoint *endpoint, struct err *err);

/* From now on calls can be made. After grpc_init. */
void upstream_open(struct upstream *upstream);

/* The connection is closed once the calls under way have ended. Before grpc_shutdown; may be called
 * for one that was never opened. */
void upstream_close(struct upstream *upstream);

/* NULL is allowed. */
void upstream_free(struct upstream *upstream);

/* Where it is: "unix:///run/csi.sock". */
const char *upstream_text(const struct upstream *upstream);

/* A call of the method at path (a reference is taken), on which nothing is sent yet. It fails at
 * once with UNAVAILABLE while the driver cannot be reached. The caller unrefs it. */
grpc_call *upstream_call(struct upstream *upstream, grpc_completion_queue *queue, grpc_slice path,
                         gpr_timespec deadline);

/* Whether an entry of a call's metadata may be handed on: gRPC's own may not, nor what HTTP/2 does
 * not carry. */
bool upstream_carries(const grpc_metadata *entry);

enum { UPSTREAM_TEXT = 1024 };

/* Whether a call's status was made here, not by the driver (the connection is lost, the deadline
 * has passed). error_string: as RECV_STATUS_ON_CLIENT gives it; NULL for OK. */
bool upstream_failed(const struct upstream *upstream, grpc_status_code status,
                     const char *error_string);

/* What a status says that was made here, with these details: "upstream unix:///run/csi.sock: cannot
 * be reached: No such file or directory". */
void upstream_describe(const struct upstream *upstream, grpc_slice details,
                       char text[UPSTREAM_TEXT]);

#endif
