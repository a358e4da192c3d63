/* A call of a method that is the host's own, not the script's: whoever took it from the wire hands
 * it to the service that answers. Loop thread. */
#ifndef LUACSI_SERVE_HOST_CALL_H
#define LUACSI_SERVE_HOST_CALL_H

#include "base/arena.h"
#include "csi/catalog.h"
#include "script/codec.h"

struct host_call {
    const struct method *method;
    const ProtobufCMessage *request; /* of the method's type */
    struct arena *arena;             /* of the call; the request lies in it */
    /* Of who took it, for the two functions below: the answer goes out, the call is over. */
    void (*reply)(struct host_call *call, struct bytes reply);
    void (*fail)(struct host_call *call, const struct err *err);
    /* For who answers later: the client is gone, there must be no answer. To be set before the
     * service's answer returns without one. */
    void (*cancelled)(struct host_call *call);
    void *data; /* of who answers later, for cancelled */
};

/* A service answers each call with one of these, before its function returns or later. The call and
 * its arena may be gone afterwards. */
static inline void host_call_reply(struct host_call *call, struct bytes reply)
{
    call->reply(call, reply);
}

static inline void host_call_fail(struct host_call *call, const struct err *err)
{
    call->fail(call, err);
}

#endif
