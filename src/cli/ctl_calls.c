/* luacsi ctl calls, wait and verify. The main thread. */
#include "base/text.h"
#include "cli/ctl.h"
#include "cli/ctl_print.h"

#include <inttypes.h>
#include <stdio.h>

enum { NS_PER_MS = 1000000, DEFAULT_WAIT_MS = 10000 };

static const int64_t margin = INT64_C(10000000000); /* for the answer of who waits */

/* What --method, --status and --request say; NULL when nothing. */
static json_t *filter_of(const struct ctl *ctl)
{
    json_t *filter = json_object();
    if (ctl->method)
        json_object_set_new(filter, "method", json_string(ctl->method));
    if (ctl->status)
        json_object_set_new(filter, "status", json_string(ctl->status));
    if (ctl->request)
        json_object_set_new(filter, "request_json", json_string(ctl->request));
    if (json_object_size(filter) > 0)
        return filter;
    json_decref(filter);
    return NULL;
}

static void set_integer(json_t *request, const char *name, int64_t value)
{
    if (value != CTL_NOT_GIVEN)
        json_object_set_new(request, name, json_integer(value));
}

static json_t *calls_request(const struct ctl *ctl)
{
    json_t *request = ctl_request(ctl);
    json_t *filter = filter_of(ctl);
    if (filter)
        json_object_set_new(request, "filter", filter);
    set_integer(request, "since", ctl->since);
    set_integer(request, "limit", ctl->limit);
    return request;
}

static void print_lost(int64_t lost)
{
    if (lost > 0)
        printf("%" PRId64 " earlier %s lost, because more came than --calls keeps\n", lost,
               lost == 1 ? "call was" : "calls were");
}

static int show_calls(struct ctl *ctl)
{
    const Luacsi__V1__CallsResponse *reply = (const Luacsi__V1__CallsResponse *)ctl->remote.reply;
    if (ctl->remote.json)
        return remote_print_reply(&ctl->remote);
    print_lost(reply->lost);
    ctl_print_calls(reply->calls, reply->n_calls);
    if (reply->more)
        printf("there are more: --since %" PRId64 "\n", reply->last);
    return EXIT_OK;
}

int ctl_calls(struct ctl *ctl)
{
    int exit_code = ctl_call(ctl, "Calls", calls_request(ctl));
    return exit_code == EXIT_OK ? show_calls(ctl) : exit_code;
}

/* --timeout is how long to wait for the calls; the answer may take a moment more. */
int ctl_wait(struct ctl *ctl)
{
    int64_t count = ctl->count == CTL_NOT_GIVEN ? 1 : ctl->count;
    int64_t ms = ctl->remote.timeout > 0 ? (ctl->remote.timeout + NS_PER_MS - 1) / NS_PER_MS
                                         : DEFAULT_WAIT_MS;
    json_t *request = calls_request(ctl);
    set_integer(request, "at_least", count);
    set_integer(request, "timeout_ms", ms);
    ctl->remote.timeout = ms * NS_PER_MS + margin;
    int exit_code = ctl_call(ctl, "Calls", request);
    if (exit_code != EXIT_OK)
        return exit_code;
    const Luacsi__V1__CallsResponse *reply = (const Luacsi__V1__CallsResponse *)ctl->remote.reply;
    exit_code = show_calls(ctl);
    if (exit_code != EXIT_OK || !reply->timed_out)
        return exit_code;
    fprintf(stderr, "expected %" PRId64 " in time, got %zu\n", count, reply->n_calls);
    return EXIT_ERROR;
}

/* ---- verify ---- */

static json_t *order_of(const struct option_texts *methods)
{
    json_t *order = json_array();
    for (size_t i = 0; i < methods->count; i++)
        json_array_append_new(order, json_pack("{s:s}", "method", methods->items[i]));
    return order;
}

static int show_verdict(struct ctl *ctl)
{
    const Luacsi__V1__VerifyResponse *reply = (const Luacsi__V1__VerifyResponse *)ctl->remote.reply;
    int exit_code = reply->verified ? EXIT_OK : EXIT_ERROR;
    if (ctl->remote.json)
        return remote_print_reply(&ctl->remote) == EXIT_OK ? exit_code : EXIT_ERROR;
    if (reply->verified) {
        puts("as expected");
        return EXIT_OK;
    }
    remote_print_text(stderr, reply->reason);
    putc('\n', stderr);
    ctl_print_calls(reply->calls, reply->n_calls);
    return EXIT_ERROR;
}

int ctl_verify(struct ctl *ctl)
{
    json_t *request = calls_request(ctl);
    if (ctl->never)
        set_integer(request, "exactly", 0);
    else
        set_integer(request, "exactly", ctl->exactly);
    set_integer(request, "at_least", ctl->at_least);
    set_integer(request, "at_most", ctl->at_most);
    if (ctl->order.count > 0)
        json_object_set_new(request, "order", order_of(&ctl->order));
    int exit_code = ctl_call(ctl, "Verify", request);
    return exit_code == EXIT_OK ? show_verdict(ctl) : exit_code;
}
