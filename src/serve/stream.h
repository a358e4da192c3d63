/* Inbound calls that are streams of messages. All of them are the host's own, for tools; the script
 * sees none. Loop thread. */
#ifndef LUACSI_SERVE_STREAM_H
#define LUACSI_SERVE_STREAM_H

#include "script/codec.h"
#include "serve/rpc.h"

#include <grpc/grpc.h>
#include <stdbool.h>

/* One call. */
struct stream;

/* All calls of one method. */
struct streams;

/* A method and who answers it. */
struct stream_method {
    const char *path;   /* "/grpc.health.v1.Health/Watch" */
    bool is_watch;      /* the caller says one message and gets any number, until it hangs up; else
                           each of its messages is answered by one */
    size_t most_bytes;  /* of one message */
    unsigned most_open; /* calls at once; what comes beyond is RESOURCE_EXHAUSTED */
    void *data;         /* for who answers: stream_data */
    /* A message has come; it lies in stream_arena until the answer is out. Who answers calls
     * stream_send or stream_end, of a watch also later. */
    void (*received)(struct stream *stream, struct bytes message);
    /* Of a watch: what stream_send was given is out, the next one may go. */
    void (*sent)(struct stream *stream);
    /* Of a watch that had received its message: nothing can be sent any more. */
    void (*closed)(struct stream *stream);
};

/* Registers method, of which it takes a copy; before the server starts. NULL and err: gRPC core
 * does not take it, or memory is short. */
struct streams *streams_new(struct rpc_host *host, const struct stream_method *method,
                            struct err *err);

/* Takes calls from now on, until the server shuts down. The server must have started. */
void streams_wait(struct streams *streams);

/* Ends all open ones with UNAVAILABLE, when the server shuts down. */
void streams_end(struct streams *streams);

/* After the server's shutdown, or if it never started. NULL is allowed. */
void streams_free(struct streams *streams);

void *stream_data(const struct stream *stream);

/* Memory of the call; of one that is no watch, of one message and its answer. */
struct arena *stream_arena(struct stream *stream);

/* For who answers: starts as NULL. */
void *stream_state(const struct stream *stream);
void stream_set_state(struct stream *stream, void *state);

/* Sends one message. The one before must be out. */
void stream_send(struct stream *stream, struct bytes message);

/* Ends the call with a status; does nothing when it is over. */
void stream_end(struct stream *stream, int status, const char *text);

#endif
