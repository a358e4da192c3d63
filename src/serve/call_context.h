/* What a handler may ask of its call: gRPC core's view of it, as a task_context. Loop thread. */
#ifndef LUACSI_SERVE_CALL_CONTEXT_H
#define LUACSI_SERVE_CALL_CONTEXT_H

#include "base/arena.h"
#include "script/task.h"

#include <grpc/grpc.h>

/* Fills context; texts lie in arena or belong to the call. What memory does not suffice for is left
 * empty. */
void call_context_fill(struct task_context *context, grpc_call *call,
                       const grpc_metadata_array *metadata, gpr_timespec deadline, uint64_t number,
                       struct arena *arena);

/* Nanoseconds until deadline; INT64_MAX when there is none. */
int64_t call_time_left(gpr_timespec deadline);

#endif
