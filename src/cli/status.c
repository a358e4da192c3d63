/* luacsi status: how a serving luacsi does. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "csi/timestamp.h"
#include "luacsi.pb-c.h"

#include <inttypes.h>

static const struct command command = {
    .name = "status",
    .arguments = "",
    .about =
        "Asks a serving luacsi which script it serves, what became of the last reload, and what "
        "is\n"
        "going on.\n",
    .notes = REMOTE_EXIT_CODES,
};

static void print_text(const char *name, const char *value)
{
    printf("%-20s", name);
    remote_print_text(stdout, value);
    putchar('\n');
}

static void print_number(const char *name, int64_t value)
{
    printf("%-20s%" PRId64 "\n", name, value);
}

static void print_time(const char *name, const Google__Protobuf__Timestamp *time)
{
    char text[TIMESTAMP_TEXT];
    if (time && timestamp_format(time->seconds, time->nanos, text))
        print_text(name, text);
}

static const char *script_name(const Luacsi__V1__GetStatusResponse *status)
{
    return status->script[0] ? status->script : status->upstream[0] ? "none" : "built-in";
}

static void print_status(const ProtobufCMessage *message)
{
    const Luacsi__V1__GetStatusResponse *status = (const Luacsi__V1__GetStatusResponse *)message;
    print_text("version", status->version);
    print_number("pid", status->pid);
    print_time("started", status->started);
    print_text("script", script_name(status));
    if (status->upstream[0])
        print_text("upstream", status->upstream);
    print_time("loaded", status->loaded);
    print_number("reloads", status->reloads);
    print_number("failed reloads", status->failed_reloads);
    if (status->last_error[0])
        print_text("last error", status->last_error);
    print_number("calls", status->calls);
    print_number("calls in flight", status->calls_in_flight);
    print_number("tasks", status->tasks);
    print_number("suspended tasks", status->suspended_tasks);
    print_number("abandoned threads", status->abandoned_threads);
    print_number("background failures", status->background_failures);
    print_number("Lua memory (bytes)", status->lua_memory_bytes);
    if (status->registration[0])
        print_text("registration", status->registration);
    if (status->registration_error[0])
        print_text("registration error", status->registration_error);
}

int command_status(int argc, char **argv)
{
    return remote_show(&command, argc, argv, "luacsi.v1.Host/GetStatus", print_status);
}
