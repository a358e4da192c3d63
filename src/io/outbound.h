/* Outbound unary calls that nobody waits for: each on a connection of its own, or on an upstream's.
 * Bytes in, bytes out; no Lua and no messages. Loop thread. */
#ifndef LUACSI_IO_OUTBOUND_H
#define LUACSI_IO_OUTBOUND_H

#include "base/err.h"
#include "io/client.h"
#include "io/dial.h"
#include "io/iothread.h"

struct outbound;
struct upstream;

/* Called once, later, unless the operation is cancelled. reply: borrowed for the call; any status
 * that ended it, as client_call has it. NULL and err when it could not begin: as dial_done has it.
 */
typedef void outbound_done(void *data, const struct client_reply *reply, const struct err *err);

/* One call, to be over within request->timeout (above 0), connecting included. All arguments are
 * copied. NULL and err: STATUS_INVALID_ARGUMENT, path or metadata that HTTP/2 does not carry;
 * STATUS_RESOURCE_EXHAUSTED. */
struct outbound *outbound_start(struct iothread *io, const struct dial_target *target,
                                const struct client_request *request, outbound_done *done,
                                void *data, struct err *err);

/* The same on the connection of an upstream. Of a status that was made here, the message says so.
 */
struct outbound *outbound_start_upstream(struct upstream *upstream, struct loop *loop,
                                         const struct client_request *request, outbound_done *done,
                                         void *data, struct err *err);

/* done is not called; not after done. What is under way ends by itself, at the latest in loop_free.
 */
void outbound_cancel(struct outbound *outbound);

#endif
