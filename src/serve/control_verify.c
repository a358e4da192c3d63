/* Answers Verify: counts calls, or looks for an order among them, and says why it is not as
 * expected. No state. */
#include "serve/control_calls.h"
#include "serve/filter.h"
#include "serve/host_message.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MOST_ORDER = 100, MOST_SHOWN = 10 };

typedef Luacsi__V1__VerifyRequest request_message;
typedef Google__Protobuf__Int64Value integer;

/* One question on its way. */
struct verify {
    const request_message *request;
    const struct journal *journal;
    struct arena *arena;
    struct filter filter;
    struct filter *order; /* request->n_order of them */
    size_t n_filters;     /* of these, that are to be given back */
    FILE *reason;         /* what will be told */
    Luacsi__V1__VerifyResponse response;
    struct call_list list;
};

/* The next call behind entry (NULL: the first). */
static const struct journal_entry *next_call(const struct verify *verify,
                                             const struct journal_entry *entry)
{
    return journal_after(verify->journal, entry ? entry->sequence : verify->request->since);
}

/* ---- what came instead ---- */

/* Whether the call tells something: of those that are too many the matching ones; else those of the
 * same method, if there are any. */
static bool is_telling(const struct verify *verify, const struct journal_entry *entry,
                       bool too_many, bool of_method)
{
    if (too_many)
        return filter_matches(&verify->filter, entry);
    return !of_method || entry->method == verify->filter.method;
}

/* The newest that tell something into list. False when memory is short. */
static bool show_calls(struct verify *verify, bool too_many)
{
    const struct journal_entry *shown[MOST_SHOWN];
    const struct journal_entry *entry = NULL;
    size_t n = 0;
    bool of_method = false;
    while (verify->filter.method && (entry = next_call(verify, entry)) != NULL)
        of_method = of_method || entry->method == verify->filter.method;
    for (entry = NULL; (entry = next_call(verify, entry)) != NULL;) {
        if (is_telling(verify, entry, too_many, of_method))
            shown[n++ % MOST_SHOWN] = entry;
    }
    for (size_t i = n > MOST_SHOWN ? n - MOST_SHOWN : 0; i < n; i++) {
        if (!call_list_add(&verify->list, shown[i % MOST_SHOWN], verify->request->session,
                           verify->arena))
            return false;
    }
    if (too_many || n == 0 || verify->request->n_order > 0)
        return true;
    const struct journal_entry *last = shown[(n - 1) % MOST_SHOWN];
    if (!filter_matches(&verify->filter, last)) {
        fprintf(verify->reason, "; call %" PRId64 " ", last->sequence);
        filter_explain(&verify->filter, last, verify->reason);
    }
    return true;
}

static void tell_lost(struct verify *verify)
{
    int64_t lost = verify->response.lost;
    if (lost > 0)
        fprintf(verify->reason, "; %" PRId64 " %s lost, because more came than --calls keeps", lost,
                lost == 1 ? "call was" : "calls were");
}

/* ---- counts ---- */

static bool is_in_range(const request_message *request, int64_t n)
{
    if (request->exactly)
        return n == request->exactly->value;
    if (!request->at_least && !request->at_most)
        return n >= 1;
    return (!request->at_least || n >= request->at_least->value) &&
           (!request->at_most || n <= request->at_most->value);
}

/* Whether those that were lost could have changed it. */
static bool is_certain(const request_message *request)
{
    return !request->exactly && !request->at_most;
}

static void tell_range(const struct verify *verify)
{
    const request_message *request = verify->request;
    const integer *last = request->at_most ? request->at_most : request->exactly;
    int64_t least = request->at_least ? request->at_least->value : 1;
    FILE *file = verify->reason;
    fprintf(file, "expected ");
    if (request->exactly && request->exactly->value == 0)
        fprintf(file, "no ");
    else if (request->exactly)
        fprintf(file, "exactly %" PRId64 " ", request->exactly->value);
    else if (request->at_least || !request->at_most)
        fprintf(file, "at least %" PRId64 " ", least);
    if (request->at_least && request->at_most)
        fprintf(file, "and ");
    if (request->at_most)
        fprintf(file, "at most %" PRId64 " ", request->at_most->value);
    filter_describe(&verify->filter, (last ? last->value : least) == 1, file);
    fprintf(file, ", got %" PRId64, verify->response.matched);
}

/* False when memory is short. */
static bool verify_count(struct verify *verify)
{
    const request_message *request = verify->request;
    const struct journal_entry *entry = NULL;
    int64_t n = 0;
    while ((entry = next_call(verify, entry)) != NULL)
        n += filter_matches(&verify->filter, entry);
    verify->response.matched = n;
    bool fits = is_in_range(request, n);
    verify->response.verified = fits && (verify->response.lost == 0 || is_certain(request));
    if (verify->response.verified)
        return true;
    tell_range(verify);
    bool too_many = !fits && ((request->exactly && n > request->exactly->value) ||
                              (request->at_most && n > request->at_most->value));
    bool shown = fits || show_calls(verify, too_many);
    tell_lost(verify);
    return shown;
}

/* ---- order ---- */

static bool verify_order(struct verify *verify)
{
    const struct journal_entry *entry = NULL;
    int64_t behind = 0;
    size_t found = 0;
    while (found < verify->request->n_order && (entry = next_call(verify, entry)) != NULL) {
        if (!filter_matches(&verify->order[found], entry))
            continue;
        behind = entry->sequence;
        found++;
    }
    verify->response.matched = (int64_t)found;
    verify->response.verified = found == verify->request->n_order;
    if (verify->response.verified)
        return true;
    fprintf(verify->reason, "expected a ");
    filter_describe(&verify->order[found], true, verify->reason);
    if (found > 0)
        fprintf(verify->reason, " behind call %" PRId64, behind);
    fprintf(verify->reason, " (%zu of %zu in the order), got none", found + 1,
            verify->request->n_order);
    bool shown = show_calls(verify, false);
    tell_lost(verify);
    return shown;
}

/* ---- the question ---- */

static int check_range(const integer *value, const char *name, struct err *err)
{
    return value && value->value < 0
               ? err_set(err, STATUS_INVALID_ARGUMENT, "%s: expected 0 or more, got %" PRId64, name,
                         value->value)
               : 0;
}

static int check(const request_message *request, struct err *err)
{
    bool counts = request->exactly || request->at_least || request->at_most;
    if (request->since < 0)
        return err_set(err, STATUS_INVALID_ARGUMENT, "since: expected 0 or more, got %" PRId64,
                       request->since);
    if (check_range(request->exactly, "exactly", err) ||
        check_range(request->at_least, "at_least", err) ||
        check_range(request->at_most, "at_most", err))
        return -1;
    if (request->exactly && (request->at_least || request->at_most))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected exactly, or at_least and at_most, got both");
    if (request->n_order > 0 && (counts || request->filter))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected either an order or a filter and counts, got both");
    if (request->n_order > MOST_ORDER)
        return err_set(err, STATUS_INVALID_ARGUMENT, "order: expected at most %d, got %zu",
                       MOST_ORDER, request->n_order);
    return 0;
}

static int read_filters(struct verify *verify, struct err *err)
{
    const request_message *request = verify->request;
    if (filter_init(&verify->filter, request->filter, verify->arena, err))
        return -1;
    verify->order = arena_alloc(verify->arena, request->n_order * sizeof(*verify->order));
    if (!verify->order)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the question");
    for (; verify->n_filters < request->n_order; verify->n_filters++) {
        size_t i = verify->n_filters;
        if (filter_init(&verify->order[i], request->order[i], verify->arena, err))
            return err_prefix(err, "order[%zu]: ", i + 1);
    }
    return 0;
}

/* Fills the response, with a reason from open_memstream. */
static int find_out(struct verify *verify, char **reason, struct err *err)
{
    size_t size;
    verify->reason = open_memstream(reason, &size);
    if (!verify->reason)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
    bool done = verify->request->n_order > 0 ? verify_order(verify) : verify_count(verify);
    fclose(verify->reason);
    if (!done || !*reason)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
    verify->response.reason = *reason;
    verify->response.calls = verify->list.items;
    verify->response.n_calls = verify->list.n;
    return 0;
}

void control_verify(struct control *control, struct host_call *call)
{
    struct verify verify = {
        .request = (const request_message *)call->request,
        .arena = call->arena,
        .filter.status = -1,
        .response = LUACSI__V1__VERIFY_RESPONSE__INIT,
    };
    struct err err;
    char *reason = NULL;
    const struct session *session = control_session(control, verify.request->session, &err);
    int failed = !session || check(verify.request, &err) || read_filters(&verify, &err);
    if (!failed) {
        verify.journal = session_journal(session);
        verify.response.lost = journal_lost(verify.journal, verify.request->since);
        failed = find_out(&verify, &reason, &err);
    }
    filter_fini(&verify.filter);
    for (size_t i = 0; i < verify.n_filters; i++)
        filter_fini(&verify.order[i]);
    if (failed)
        host_call_fail(call, &err);
    else
        host_message_reply(call, &verify.response.base);
    free(reason);
}
