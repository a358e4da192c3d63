/* Outbound unary calls: one connection to one endpoint, one call at a time, the calling thread
 * waits. Bytes in, bytes out; no Lua and no messages. A client belongs to one thread. */
#ifndef LUACSI_IO_CLIENT_H
#define LUACSI_IO_CLIENT_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct client;

/* One entry of a call's metadata. The key is lower-case; after a key that ends in "-bin" the value
 * may hold any bytes, else printable ASCII. Borrowed for the call. */
struct client_pair {
    const char *key;
    const char *value;
    size_t value_size; /* bytes */
};

/* What is sent. All borrowed for the call. */
struct client_request {
    const char *path;    /* "/csi.v1.Identity/Probe" */
    const uint8_t *data; /* the serialized message; may be NULL when size is 0 */
    size_t size;         /* bytes */
    const struct client_pair *metadata;
    size_t n_metadata;
    int64_t timeout; /* nanoseconds for the whole call; 0: none */
};

/* What came back: a status and, if that is OK, a message. Free with client_reply_fini. */
struct client_reply {
    int code;      /* enum status; UNKNOWN for a number that gRPC does not have */
    char *message; /* the status text, NUL-terminated; "" for none */
    uint8_t *data; /* the serialized reply, NULL when it is empty */
    size_t size;   /* bytes */
};

/* For a process that runs no server: gRPC's own log lines go nowhere, errors come as struct err. */
void client_quiet_grpc(void);

/* A client of an endpoint (the forms of endpoint_parse); it connects at its first call. NULL and
 * err: STATUS_INVALID_ARGUMENT for a text that is no endpoint; STATUS_RESOURCE_EXHAUSTED. */
struct client *client_prepare(const char *endpoint, struct err *err);

/* Connects to an endpoint (the forms of endpoint_parse) within timeout nanoseconds, and within five
 * seconds at most (also for 0). NULL and err: STATUS_INVALID_ARGUMENT for a text that is no
 * endpoint; STATUS_UNAVAILABLE when nobody answers there, with the endpoint and the system's
 * reason; STATUS_RESOURCE_EXHAUSTED. */
struct client *client_new(const char *endpoint, int64_t timeout, struct err *err);

/* Closes the connection; NULL is fine. */
void client_free(struct client *client);

/* One call. 0 and reply for every status that ended it, also one that gRPC made here (a deadline
 * that passed, a connection lost on the way). -1 and err, and no reply, when it could not begin:
 * STATUS_UNAVAILABLE: unreachable (as client_new); STATUS_INVALID_ARGUMENT: path or metadata that
 * HTTP/2 does not carry.
 * After a reply of STATUS_UNAVAILABLE the next call connects anew: nothing tells a server that says
 * so from a connection that is lost. */
int client_call(struct client *client, const struct client_request *request,
                struct client_reply *reply, struct err *err);

void client_reply_fini(struct client_reply *reply);

#endif
