/* One call of CSI on its way into the journal of its session. Loop thread. */
#ifndef LUACSI_SERVE_RECORDING_H
#define LUACSI_SERVE_RECORDING_H

#include "base/err.h"
#include "script/vm.h"
#include "serve/journal.h"
#include "serve/sessions.h"

#include <grpc/grpc.h>

/* It lies with the call. All zero: the call is not kept. */
struct recording {
    struct journal *journal; /* a reference; NULL: the call is not kept */
    int64_t time;            /* as in journal_call, as are the others */
    enum journal_handler handler;
    const char *script;
    int line;
};

/* A call has come: finds the session that its metadata names (SESSION_KEY), and begins to keep it
 * there. Returns the session's vm. NULL and err, FAILED_PRECONDITION: there is no such session; the
 * call is kept in that of the process. */
struct vm *recording_begin(struct recording *recording, const struct sessions *sessions,
                           const grpc_metadata_array *metadata, struct err *err);

/* What answers it. script is copied into arena. */
void recording_handler(struct recording *recording, const struct vm *vm,
                       const struct handler *handler, struct arena *arena);

/* Keeps call, of which the recording fills its own part, and ends. */
void recording_end(struct recording *recording, struct journal_call *call);

#define SESSION_KEY "luacsi-session"

#endif
