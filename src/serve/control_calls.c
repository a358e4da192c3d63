/* Answers Calls, at once or when enough have come. A question that waits lies in the arena of its
 * call. */
#include "serve/control_calls.h"

#include "serve/filter.h"
#include "serve/host_message.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_BYTES = 2 * 1024 * 1024, WAIT_MS = 10000 };

static const int64_t most_ms = INT64_C(24) * 3600 * 1000;

typedef Luacsi__V1__Call call_message;
typedef Luacsi__V1__Call__MetadataEntry pair_message;
typedef Google__Protobuf__Timestamp timestamp;

/* ---- one call as a message ---- */

static const char *handler_name(enum journal_handler handler)
{
    static const char *const names[] = {
        [JOURNAL_NONE] = "none",         [JOURNAL_DEFAULT] = "default",
        [JOURNAL_CONSTANT] = "constant", [JOURNAL_FUNCTION] = "function",
        [JOURNAL_UPSTREAM] = "upstream",
    };
    return names[handler];
}

static char *join(struct arena *arena, const char *first, const char *second)
{
    size_t n = strlen(first);
    size_t more = strlen(second);
    char *text = arena_alloc(arena, n + 1 + more + 1);
    if (!text)
        return NULL;
    memcpy(text, first, n);
    text[n] = ',';
    memcpy(text + n + 1, second, more + 1);
    return text;
}

static pair_message *find_pair(pair_message *const *pairs, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(pairs[i]->key, key) == 0)
            return pairs[i];
    }
    return NULL;
}

static bool fill_metadata(call_message *message, const struct journal_entry *entry,
                          struct arena *arena)
{
    pair_message *pairs = arena_alloc(arena, entry->n_metadata * sizeof(*pairs));
    pair_message **list = arena_alloc(arena, entry->n_metadata * sizeof(pair_message *));
    size_t n = 0;
    if (!pairs || !list)
        return false;
    for (size_t i = 0; i < entry->n_metadata; i++) {
        const struct journal_pair *pair = &entry->metadata[i];
        pair_message *before = find_pair(list, n, pair->key);
        if (before) {
            before->value = join(arena, before->value, pair->value);
            if (!before->value)
                return false;
            continue;
        }
        luacsi__v1__call__metadata_entry__init(&pairs[n]);
        pairs[n].key = host_message_text(pair->key);
        pairs[n].value = host_message_text(pair->value);
        list[n] = &pairs[n];
        n++;
    }
    message->metadata = list;
    message->n_metadata = n;
    return true;
}

static call_message *make_message(const struct journal_entry *entry, const char *session,
                                  struct arena *arena)
{
    call_message *message = arena_alloc(arena, sizeof(*message));
    timestamp *time = arena_alloc(arena, sizeof(*time));
    if (!message || !time)
        return NULL;
    google__protobuf__timestamp__init(time);
    time->seconds = entry->time / 1000000000;
    time->nanos = (int32_t)(entry->time % 1000000000);
    luacsi__v1__call__init(message);
    message->sequence = entry->sequence;
    message->time = time;
    message->duration_us = entry->duration / 1000;
    message->method = host_message_text(entry->method->path);
    message->id = host_message_text(entry->id);
    message->request_json = host_message_text(entry->request);
    message->status = host_message_text(status_name(entry->status));
    message->message = host_message_text(entry->message);
    message->reply_json = host_message_text(entry->reply);
    message->handler = host_message_text(handler_name(entry->handler));
    message->place = host_message_text(entry->place);
    message->cut = entry->cut;
    message->session = host_message_text(session);
    return fill_metadata(message, entry, arena) ? message : NULL;
}

bool call_list_add(struct call_list *list, const struct journal_entry *entry, const char *name,
                   struct arena *arena)
{
    if (list->n == list->room) {
        size_t room = list->room > 0 ? 2 * list->room : 16;
        call_message **items = arena_alloc(arena, room * sizeof(call_message *));
        if (!items)
            return false;
        if (list->n > 0)
            memcpy(items, list->items, list->n * sizeof(call_message *));
        list->items = items;
        list->room = room;
    }
    list->items[list->n] = make_message(entry, name, arena);
    if (!list->items[list->n])
        return false;
    list->n++;
    list->bytes += entry->size;
    return true;
}

/* ---- the question ---- */

/* One Calls; it lies in the arena of its call. */
struct control_wait {
    struct control *control;
    struct host_call *call;
    const Luacsi__V1__CallsRequest *request;
    const char *session;     /* its name, of the request */
    struct journal *journal; /* a reference */
    struct filter filter;
    int64_t matched;
    struct journal_watcher watcher; /* while it waits, as what follows */
    struct timer timer;
    struct control_wait *next; /* in control->waiting */
    struct control_wait **place;
};

static void give_up(struct control_wait *wait)
{
    filter_fini(&wait->filter);
    journal_unref(wait->journal);
}

/* Fills the list with what matches, as far as there is room. False when memory is short. */
static bool collect(const struct control_wait *wait, struct call_list *list,
                    Luacsi__V1__CallsResponse *response)
{
    const Luacsi__V1__CallsRequest *request = wait->request;
    const struct journal_entry *entry;
    size_t most = request->limit > 0 ? (size_t)request->limit : SIZE_MAX;
    response->last = request->since;
    while ((entry = journal_after(wait->journal, response->last)) != NULL) {
        if (filter_matches(&wait->filter, entry)) {
            response->more = list->n == most || list->bytes + entry->size > MOST_BYTES;
            if (response->more)
                break;
            if (!call_list_add(list, entry, wait->session, wait->call->arena))
                return false;
        }
        response->last = entry->sequence;
    }
    if (!response->more && response->last < journal_last(wait->journal))
        response->last = journal_last(wait->journal);
    return true;
}

/* Answers, and gives up. */
static void answer(struct control_wait *wait, bool timed_out)
{
    Luacsi__V1__CallsResponse response = LUACSI__V1__CALLS_RESPONSE__INIT;
    struct call_list list = {0};
    response.lost = journal_lost(wait->journal, wait->request->since);
    response.timed_out = timed_out;
    bool collected = collect(wait, &list, &response);
    response.calls = list.items;
    response.n_calls = list.n;
    give_up(wait);
    if (collected)
        host_message_reply(wait->call, &response.base);
    else
        control_no_memory(wait->call);
}

/* ---- waiting ---- */

static void stop_waiting(struct control_wait *wait)
{
    loop_timer_clear(wait->control->loop, &wait->timer);
    *wait->place = wait->next;
    if (wait->next)
        wait->next->place = wait->place;
    wait->control->n_waiting--;
}

static void on_added(struct journal_watcher *watcher, const struct journal_entry *entry)
{
    struct control_wait *wait = container_of(watcher, struct control_wait, watcher);
    if (!filter_matches(&wait->filter, entry) || ++wait->matched < wait->request->at_least)
        return;
    journal_unwatch(watcher);
    stop_waiting(wait);
    answer(wait, false);
}

static void fail(struct control_wait *wait, int code, const char *text)
{
    struct err err;
    err_set(&err, code, "%s", text);
    stop_waiting(wait);
    give_up(wait);
    host_call_fail(wait->call, &err);
}

static void on_closed(struct journal_watcher *watcher)
{
    fail(container_of(watcher, struct control_wait, watcher), STATUS_ABORTED,
         "the session has ended");
}

static void on_time_over(struct timer *timer)
{
    struct control_wait *wait = container_of(timer, struct control_wait, timer);
    journal_unwatch(&wait->watcher);
    stop_waiting(wait);
    answer(wait, true);
}

static void on_cancelled(struct host_call *call)
{
    struct control_wait *wait = call->data;
    journal_unwatch(&wait->watcher);
    stop_waiting(wait);
    give_up(wait);
}

static void start_waiting(struct control_wait *wait)
{
    struct control *control = wait->control;
    int64_t ms = wait->request->timeout_ms > 0 ? wait->request->timeout_ms : WAIT_MS;
    wait->watcher.added = on_added;
    wait->watcher.closed = on_closed;
    wait->timer.fn = on_time_over;
    wait->call->cancelled = on_cancelled;
    wait->call->data = wait;
    journal_watch(wait->journal, &wait->watcher);
    wait->next = control->waiting;
    wait->place = &control->waiting;
    if (wait->next)
        wait->next->place = &wait->next;
    control->waiting = wait;
    control->n_waiting++;
    loop_timer_set(control->loop, &wait->timer, ms * 1000000);
}

void control_stop(struct control *control)
{
    control->is_stopping = true;
    while (control->waiting) {
        struct control_wait *wait = control->waiting;
        journal_unwatch(&wait->watcher);
        fail(wait, STATUS_UNAVAILABLE, "the server stops");
    }
}

/* ---- Calls ---- */

static int check(const Luacsi__V1__CallsRequest *request, struct err *err)
{
    if (request->since < 0 || request->at_least < 0 || request->limit < 0)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "expected since, at_least and limit not to be negative");
    if (request->timeout_ms < 0 || request->timeout_ms > most_ms)
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "timeout_ms: expected 0 to %" PRId64 ", got %" PRId64, most_ms,
                       request->timeout_ms);
    return 0;
}

static int64_t count(const struct control_wait *wait)
{
    const struct journal_entry *entry;
    int64_t n = 0;
    for (int64_t at = wait->request->since; (entry = journal_after(wait->journal, at)) != NULL;
         at = entry->sequence)
        n += filter_matches(&wait->filter, entry);
    return n;
}

void control_calls(struct control *control, struct host_call *call)
{
    const Luacsi__V1__CallsRequest *request = (const Luacsi__V1__CallsRequest *)call->request;
    struct control_wait *wait = arena_alloc(call->arena, sizeof(*wait));
    struct err err;
    if (!wait) {
        control_no_memory(call);
        return;
    }
    *wait = (struct control_wait){
        .control = control, .call = call, .request = request, .session = request->session};
    const struct session *session = control_session(control, request->session, &err);
    if (!session || check(request, &err) ||
        filter_init(&wait->filter, request->filter, call->arena, &err)) {
        host_call_fail(call, &err);
        return;
    }
    wait->journal = journal_ref(session_journal(session));
    wait->matched = request->at_least > 0 ? count(wait) : 0;
    if (wait->matched >= request->at_least || control->is_stopping)
        answer(wait, wait->matched < request->at_least);
    else
        start_waiting(wait);
}
