/* Connecting to an address, without waiting for it. Loop thread. */
#ifndef LUACSI_IO_DIAL_H
#define LUACSI_IO_DIAL_H

#include "base/err.h"
#include "io/endpoint.h"
#include "io/hostport.h"

#include <stdint.h>

struct dial;
struct iothread;

enum { DIAL_TEXT = HOSTPORT_TEXT + 8 };

/* Whom to call. */
struct dial_target {
    struct endpoint endpoint; /* of a UNIX socket; its path is empty for TCP */
    struct hostport tcp;
    char text[DIAL_TEXT]; /* "unix:///run/csi.sock", "tcp://name:80" */
};

/* Reads "unix:///path", "unix:path", an absolute path, "tcp://host:port" where the host may be a
 * name. Fails with STATUS_INVALID_ARGUMENT. */
int dial_parse(struct dial_target *target, const char *text, struct err *err);

/* Called once, later, unless the operation is cancelled. fd: connected, non-blocking, the callee's
 * from now on. -1 and err: NOT_FOUND for a name or a socket that does not exist, UNAVAILABLE when
 * nobody listens or no address answers, PERMISSION_DENIED, DEADLINE_EXCEEDED. */
typedef void dial_done(void *data, int fd, const struct err *err);

/* Tries the addresses of the target one by one. timeout: nanoseconds for all of it. target is
 * copied. NULL and err: STATUS_RESOURCE_EXHAUSTED. */
struct dial *dial_start(struct iothread *io, const struct dial_target *target, int64_t timeout,
                        dial_done *done, void *data, struct err *err);

/* done is not called; not after done. */
void dial_cancel(struct dial *dial);

#endif
