/* Makes the reply of GetStatus with the generated code: this message is our own, no script sees it.
 */
#include "serve/status.h"

#include "luacsi.pb-c.h"
#include "serve/host_message.h"

#include <unistd.h>

typedef Google__Protobuf__Timestamp timestamp;

int status_reply(const struct status_report *report, struct arena *arena, struct bytes *reply,
                 struct err *err)
{
    timestamp started = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp loaded = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    Luacsi__V1__GetStatusResponse message = LUACSI__V1__GET_STATUS_RESPONSE__INIT;
    started.seconds = report->started;
    loaded.seconds = report->loaded;
    message.version = host_message_text(LUACSI_VERSION);
    message.pid = getpid();
    message.started = &started;
    message.script = host_message_text(report->script);
    message.loaded = &loaded;
    message.reloads = report->reloads;
    message.failed_reloads = report->failed_reloads;
    message.last_error = host_message_text(report->last_error);
    message.calls = report->calls;
    message.calls_in_flight = report->calls_in_flight;
    message.tasks = report->tasks;
    message.suspended_tasks = report->suspended_tasks;
    message.abandoned_threads = report->abandoned_threads;
    message.background_failures = report->background_failures;
    message.lua_memory_bytes = report->lua_memory;
    message.registration = host_message_text(report->registration);
    message.registration_error = host_message_text(report->registration_error);
    message.upstream = host_message_text(report->upstream);
    return host_message_pack(&message.base, arena, reply, err);
}
