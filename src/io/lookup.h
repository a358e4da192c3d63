/* From the name of a host to its addresses. I/O thread. */
#ifndef LUACSI_IO_LOOKUP_H
#define LUACSI_IO_LOOKUP_H

#include "base/err.h"
#include "io/iothread.h"

#include <netdb.h>

struct lookup;

/* addresses: at least one; the callee's, who frees them with freeaddrinfo. NULL and err: NOT_FOUND
 * when there is no such name, UNAVAILABLE when no name server answered. */
typedef void lookup_done(void *data, struct addrinfo *addresses, const struct err *err);

/* Calls done when it is known; name servers can take their time. NULL and err:
 * STATUS_RESOURCE_EXHAUSTED. */
struct lookup *lookup_start(struct iothread *io, const char *host, unsigned port, lookup_done *done,
                            void *data, struct err *err);

/* The addresses of a numeric host, or NULL when it is a name; free them with freeaddrinfo. Does not
 * wait for anything. Any thread. */
struct addrinfo *lookup_numeric(const char *host, unsigned port);

/* done is not called; not after done. */
void lookup_cancel(struct lookup *lookup);

#endif
