/* Prints calls and sessions as text. No state; the main thread. */
#include "cli/ctl_print.h"

#include "cli/remote.h"
#include "csi/timestamp.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TIME_WIDTH = 24, TEXT_WIDTH = 400 }; /* the latter of a request or reply */

typedef Google__Protobuf__Timestamp timestamp;

/* width: at least so many columns. */
static void print_time(const timestamp *time, int width)
{
    char text[TIMESTAMP_TEXT];
    int32_t ms = time ? time->nanos / 1000000 * 1000000 : 0;
    bool is_valid = time && timestamp_format(time->seconds, ms, text);
    printf("%-*s", width, is_valid ? text : "");
}

/* Texts come from callers: neither lines nor the terminal may be theirs. */
static void print_line(const char *name, const char *text)
{
    char line[TEXT_WIDTH + 1];
    size_t n = strlen(text);
    if (n == 0)
        return;
    snprintf(line, sizeof(line), "%s", text);
    printf("        %-8s ", name);
    remote_print_text(stdout, line);
    puts(n >= sizeof(line) ? "…" : "");
}

static void print_call(const Luacsi__V1__Call *call)
{
    const char *slash = strrchr(call->method, '/');
    printf("%6" PRId64 "  ", call->sequence);
    print_time(call->time, TIME_WIDTH);
    printf("  %-32s ", slash ? slash + 1 : call->method);
    remote_print_text(stdout, call->status);
    printf("  %.3f ms  %s", (double)call->duration_us / 1000, call->handler);
    if (call->place[0]) {
        putchar(' ');
        remote_print_text(stdout, call->place);
    }
    putchar('\n');
    print_line("request", call->request_json);
    print_line("reply", call->reply_json);
    print_line("message", call->message);
}

void ctl_print_calls(Luacsi__V1__Call *const *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        print_call(calls[i]);
}

static void print_session(const Luacsi__V1__SessionStatus *session)
{
    printf("%-20s ", session->session[0] ? session->session : "(the process)");
    printf("%8" PRId64 " %8" PRId64 " %8" PRId64 " %12" PRId64 "  ", session->calls, session->lost,
           session->reloads, session->lua_memory_bytes);
    remote_print_text(stdout, session->script[0] ? session->script : "built-in");
    putchar('\n');
    print_line("error", session->last_error);
}

void ctl_print_status(const Luacsi__V1__StatusResponse *status)
{
    printf("version  %s\npid      %" PRId64 "\nstarted  ", status->version, status->pid);
    print_time(status->started, 0);
    printf("\nclock    ");
    print_time(status->now, 0);
    printf("%s\nwaiting  %" PRId64 "\n\n", status->is_virtual ? " (virtual)" : "", status->waiting);
    printf("%-20s %8s %8s %8s %12s  %s\n", "SESSION", "CALLS", "LOST", "RELOADS", "LUA BYTES",
           "SCRIPT");
    for (size_t i = 0; i < status->n_sessions; i++)
        print_session(status->sessions[i]);
}
