/* The inside of an inbound call, for rpc.c and rpc_answer.c alone. */
#ifndef LUACSI_SERVE_RPC_CALL_H
#define LUACSI_SERVE_RPC_CALL_H

#include "io/loop.h"
#include "script/task.h"
#include "serve/call_context.h"
#include "serve/host_call.h"
#include "serve/recording.h"
#include "serve/relay.h"
#include "serve/rpc.h"

struct rpc {
    struct rpc *next;   /* of the list that the server starts with */
    struct op accepted; /* the tag while it waits for a call */
    struct op sent;     /* the tag of the reply's batch */
    struct op closed;   /* the tag of the wait for the client's end, once the task is suspended */
    unsigned batches;   /* under way */
    bool watched;       /* that wait was started */
    bool replied;       /* the reply's batch was started */
    bool replaced;      /* another one waits for calls in its place */
    bool is_lost;       /* a thread that was given up may still write into the arena */
    struct rpc_host *host;
    const struct method *method;
    void *registered;  /* the method's handle in gRPC core */
    size_t most_bytes; /* of a request */

    grpc_call *call;
    gpr_timespec deadline;
    grpc_metadata_array metadata;    /* of the call; its room is used again */
    grpc_byte_buffer *payload;       /* NULL when the client sent no message */
    grpc_byte_buffer message;        /* of the reply, while it is sent */
    grpc_metadata trailer;           /* of the status, if n_trailers is 1 */
    size_t n_trailers;               /* 0: there is none, as of nearly all calls */
    int cancelled;                   /* RECV_CLOSE_ON_SERVER's result */
    int64_t taken;                   /* loop_now when the call came; for metrics and journal */
    uint64_t number;                 /* of the call */
    char id[CALL_ID_TEXT];           /* empty until rpc_id is asked */
    struct bytes bytes;              /* of the request, in the arena; empty until it is read */
    const ProtobufCMessage *request; /* in the arena; NULL: not unpacked */
    struct recording recording;      /* for the journal */

    struct arena arena;
    struct task task;           /* of a method of CSI */
    struct host_call host_call; /* of a method that is the host's */
    struct relay *relay;        /* while the driver behind this one answers */
};

/* ---- rpc_answer.c ---- */

/* A call has come, and lies in rpc: answers it, at once or later. */
void rpc_answer(struct rpc *rpc);

/* ---- rpc.c ---- */

/* Whether the host answers it, not the script. */
bool rpc_is_hosts(const struct method *method);

/* The call's id, for logs. */
const char *rpc_id(struct rpc *rpc);

/* Ends the call with a status, ... */
void rpc_reply_error(struct rpc *rpc, int status, const char *text);

/* ...with a message, of which it takes a copy, ... */
void rpc_reply_bytes(struct rpc *rpc, struct bytes bytes);

/* ...or with either. */
void rpc_reply_prepared(struct rpc *rpc, const struct prepared *prepared);

/* Tells log, metrics and journal how the call ended; the functions above do it themselves. */
void rpc_note_end(struct rpc *rpc, struct bytes reply, int status, const char *text);

/* The answer will take longer than this turn of the loop: from now on the client's end and deadline
 * matter. */
void rpc_watch(struct rpc *rpc);

/* Has another struct wait for the next call in this one's place, which may take long. */
void rpc_replace(struct rpc *rpc);

/* One batch less; after the last the struct is ready for the next call. */
void rpc_end_batch(struct rpc *rpc);

#endif
