/* One outbound unary call, batch by batch, for a client that waits (client.h) and for one that is
 * called back (outbound.h). Belongs to the thread of its completion queue. */
#ifndef LUACSI_IO_UNARY_H
#define LUACSI_IO_UNARY_H

#include "base/err.h"
#include "io/client.h"

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <stdbool.h>

enum { UNARY_METADATA = 64 }; /* most pairs of one call */

enum unary_stage { UNARY_REQUEST, UNARY_SURPLUS, UNARY_STATUS, UNARY_OVER };

/* What a call takes from gRPC and has to give back. Nothing here is for anyone but unary.c. */
struct unary {
    enum unary_stage stage; /* of the next batch */
    grpc_call *call;        /* NULL before unary_open */
    grpc_slice path;
    grpc_metadata_array initial;
    grpc_metadata_array trailing;
    grpc_byte_buffer *sent;
    grpc_byte_buffer *received;
    grpc_byte_buffer *surplus; /* a second message, which a unary call must not bring */
    grpc_slice details;
    const char *error; /* what gRPC core says of a status other than OK */
    grpc_status_code status;
    size_t n_metadata;
    grpc_metadata metadata[UNARY_METADATA];
};

/* A channel on a connected socket, which it takes. */
grpc_channel *unary_channel(int fd);

/* The point in time that is timeout nanoseconds from now; 0: never. */
gpr_timespec unary_deadline(int64_t timeout);

/* Takes a copy of the request, but for its timeout. Call unary_fini whatever comes of it. -1 and
 * err: STATUS_INVALID_ARGUMENT, path or metadata that HTTP/2 does not carry. */
int unary_init(struct unary *unary, const struct client_request *request, struct err *err);

/* Makes the call; nothing is sent yet. The channel must stay until unary_fini. */
void unary_open(struct unary *unary, grpc_channel *channel, grpc_completion_queue *queue,
                gpr_timespec deadline);

/* As unary_open, with a call that was made elsewhere, for unary_path; takes it. */
void unary_adopt(struct unary *unary, grpc_call *call);

/* Of the method; borrowed. */
grpc_slice unary_path(const struct unary *unary);

/* Starts the next batch, whose completion comes to the queue with this tag; false: there is none,
 * the call is over. Only when the batch before has completed. */
bool unary_next(struct unary *unary, void *tag);

/* Ends the call early: the batch under way completes soon. */
void unary_cancel(struct unary *unary);

/* Whether the connection seems lost, or a server says so: nothing tells them apart. When it is
 * over.
 */
bool unary_unavailable(const struct unary *unary);

/* What came of it, once it is over; the caller frees it with client_reply_fini. -1 and err when
 * memory is short. */
int unary_reply(const struct unary *unary, struct client_reply *reply, struct err *err);

/* Gives everything back. No batch may be under way. */
void unary_fini(struct unary *unary);

#endif
