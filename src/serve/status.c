/* Makes the reply of GetStatus with the generated code: this message is our own, no script sees it.
 */
#include "serve/status.h"

#include "luacsi.pb-c.h"

#include <unistd.h>

typedef Google__Protobuf__Timestamp timestamp;

static char *text(const char *s)
{
    return (char *)(uintptr_t)(s ? s : ""); /* protobuf-c only reads it */
}

int status_reply(const struct status_report *report, struct arena *arena, struct bytes *reply,
                 struct err *err)
{
    timestamp started = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp loaded = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Luacsi__V1__GetStatusResponse message = LUACSI__V1__GET_STATUS_RESPONSE__INIT;
    started.seconds = report->started;
    loaded.seconds = report->loaded;
    message.version = text(LUACSI_VERSION);
    message.pid = getpid();
    message.started = &started;
    message.script = text(report->script);
    message.loaded = &loaded;
    message.reloads = report->reloads;
    message.failed_reloads = report->failed_reloads;
    message.last_error = text(report->last_error);
    message.calls = report->calls;
    message.calls_in_flight = report->calls_in_flight;
    message.tasks = report->tasks;
    message.suspended_tasks = report->suspended_tasks;
    message.abandoned_threads = report->abandoned_threads;
    message.background_failures = report->background_failures;
    message.lua_memory_bytes = report->lua_memory;
    message.registration = text(report->registration);
    message.registration_error = text(report->registration_error);
    message.upstream = text(report->upstream);
    uint8_t *data = arena_alloc(arena, luacsi__v1__get_status_response__get_packed_size(&message));
    if (!data)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the status");
    *reply = (struct bytes){
        .data = data,
        .size = luacsi__v1__get_status_response__pack(&message, data),
    };
    return 0;
}
