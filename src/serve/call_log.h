/* What the log tells of a call once it is answered. Loop thread. */
#ifndef LUACSI_SERVE_CALL_LOG_H
#define LUACSI_SERVE_CALL_LOG_H

#include "base/arena.h"
#include "base/log.h"
#include "base/status.h"
#include "csi/catalog.h"
#include "script/codec.h"

/* Everything is borrowed for the call. */
struct call_log {
    const struct method *method;
    const char *id;
    const ProtobufCMessage *request; /* NULL: empty, or it could not be read */
    struct bytes reply;              /* when status is OK */
    int status;                      /* enum status */
    const char *message;             /* of the status */
    struct arena *arena;             /* where the reply may be unpacked */
};

enum {
    CALL_LOG_CALLS = 4,  /* verbosity: each call but Probe, in a line */
    CALL_LOG_BODIES = 5, /* Probe too, which each sidecar asks every few seconds; and what was asked
                            and answered */
};

/* Whether call_log has anything to say of a call that ended in status: ask first. */
static inline bool call_log_wanted(int status)
{
    return status != STATUS_OK || log_v(CALL_LOG_CALLS);
}

/* Errors always; what verbosity asks for. Secrets never. */
void call_log(const struct call_log *call);

#endif
