/* Leads a call to its session, and what became of it into the journal. No state of its own. */
#include "serve/recording.h"

#include "io/clock.h"

#include <string.h>

/* The value of the key; an empty slice when it is not there. */
static grpc_slice session_of(const grpc_metadata_array *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        if (grpc_slice_str_cmp(metadata->metadata[i].key, SESSION_KEY) == 0)
            return metadata->metadata[i].value;
    }
    return grpc_empty_slice();
}

struct vm *recording_begin(struct recording *recording, const struct sessions *sessions,
                           const grpc_metadata_array *metadata, struct err *err)
{
    grpc_slice slice = session_of(metadata);
    const char *name = (const char *)GRPC_SLICE_START_PTR(slice);
    size_t size = GRPC_SLICE_LENGTH(slice);
    struct session *session = sessions_find(sessions, name, size);
    struct session *kept_in = session ? session : sessions_main(sessions);
    *recording = (struct recording){
        .journal = journal_ref(session_journal(kept_in)),
        .time = clock_wall(),
    };
    if (session)
        return session_vm(session);
    err_set(err, STATUS_FAILED_PRECONDITION,
            "there is no session \"%.*s\" (metadata " SESSION_KEY
            "): make it first with `luacsi ctl session new`, or CreateSession",
            size < SESSION_NAME ? (int)size : SESSION_NAME, name);
    return NULL;
}

static enum journal_handler kind_of(const struct handler *handler)
{
    if (handler->kind == HANDLER_NONE)
        return JOURNAL_NONE;
    if (handler->kind == HANDLER_UPSTREAM)
        return JOURNAL_UPSTREAM;
    if (!handler->from_script)
        return JOURNAL_DEFAULT;
    return handler->kind == HANDLER_FUNCTION ? JOURNAL_FUNCTION : JOURNAL_CONSTANT;
}

void recording_handler(struct recording *recording, const struct vm *vm,
                       const struct handler *handler, struct arena *arena)
{
    const char *script = vm_script(vm);
    recording->handler = kind_of(handler);
    recording->line = handler->line;
    recording->script = handler->from_script ? arena_copy(arena, script, strlen(script)) : NULL;
}

void recording_end(struct recording *recording, struct journal_call *call)
{
    call->time = recording->time;
    call->handler = recording->handler;
    call->script = recording->script;
    call->line = recording->line;
    journal_add(recording->journal, call);
    journal_unref(recording->journal);
    *recording = (struct recording){0};
}
