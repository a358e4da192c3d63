/* What a handler may ask of its call: gRPC core's view of it, as a task_context. Loop thread. */
#ifndef LUACSI_SERVE_CALL_CONTEXT_H
#define LUACSI_SERVE_CALL_CONTEXT_H

#include "base/arena.h"
#include "script/task.h"

#include <grpc/grpc.h>

enum { CALL_ID_TEXT = 65 };

/* The id of a call, for logs: what its client sends as csi.requestid (as much of it as fits), else
 * the call's number. */
void call_id(const grpc_metadata_array *metadata, uint64_t number, char id[static CALL_ID_TEXT]);

/* Fills context, but for its id; texts lie in arena or belong to the call. What memory does not
 * suffice for is left empty. */
void call_context_fill(struct task_context *context, grpc_call *call,
                       const grpc_metadata_array *metadata, gpr_timespec deadline,
                       struct arena *arena);

/* The descriptor of the connection that call came on; -1 when gRPC core does not say. */
int call_connection(grpc_call *call);

/* Nanoseconds until deadline; INT64_MAX when there is none. */
int64_t call_time_left(gpr_timespec deadline);

#endif
