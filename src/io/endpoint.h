/* Addresses: the text of --endpoint and CSI_ENDPOINT to a socket address. No state; any thread. */
#ifndef LUACSI_IO_ENDPOINT_H
#define LUACSI_IO_ENDPOINT_H

#include "base/err.h"

#include <sys/socket.h>
#include <sys/un.h>

struct endpoint {
    struct sockaddr_storage address;
    socklen_t size; /* of address */
    char path[108]; /* of a UNIX socket, absolute; empty for TCP */
    char host[64];  /* of TCP: a numeric address */
    unsigned port;  /* of TCP */
    char text[160]; /* canonical: "unix:///run/csi.sock", "tcp://127.0.0.1:9000" */
};

/* Accepts "unix:///path", "unix:path", a bare absolute path, "tcp://127.0.0.1:port" and
 * "tcp://[::1]:port". A relative unix path is taken from the working directory. Fails with
 * STATUS_INVALID_ARGUMENT: empty, no known scheme, a path over 107 bytes, a port out of range. */
int endpoint_parse(struct endpoint *endpoint, const char *text, struct err *err);

#endif
