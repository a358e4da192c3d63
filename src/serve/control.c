/* Answers the calls of luacsi.v1.Control, but for those that speak of calls. What waits for a
 * script to load lies in the arena of its call. Loop thread. */
#include "serve/control.h"

#include "io/clock.h"
#include "io/loop.h"
#include "io/store.h"
#include "serve/control_calls.h"
#include "serve/host_message.h"

#include <string.h>
#include <unistd.h>

const char control_service[] = "luacsi.v1.Control";

static const char pushed[] = "pushed.lua";

static const int64_t NS_PER_SECOND = 1000000000;
static const int64_t NS_PER_MS = 1000000;

/* ---- what they share ---- */

void control_no_memory(struct host_call *call)
{
    struct err err;
    err_set(&err, STATUS_RESOURCE_EXHAUSTED, "no memory for the answer");
    host_call_fail(call, &err);
}

struct session *control_session(const struct control *control, const char *name, struct err *err)
{
    struct session *session = sessions_find(control->sessions, name, strlen(name));
    if (!session)
        err_set(err, STATUS_NOT_FOUND,
                "there is no session \"%.80s\": make it first with CreateSession", name);
    return session;
}

/* All response messages that say nothing are alike on the wire. */
static void reply_done(struct host_call *call)
{
    host_call_reply(call, (struct bytes){0});
}

static void reply_or_fail(struct host_call *call, const struct err *err)
{
    if (err)
        host_call_fail(call, err);
    else
        reply_done(call);
}

/* ---- what loads a script ---- */

/* A call that waits for a load; it lies in its arena. */
struct loading {
    struct host_call *call;
    struct session *session;
    struct session_change change;
    struct sessions_creation creation;
};

static void on_changed(struct session_change *change, const struct err *err)
{
    reply_or_fail(container_of(change, struct loading, change)->call, err);
}

static void on_change_cancelled(struct host_call *call)
{
    struct loading *loading = call->data;
    session_forget(loading->session, &loading->change);
}

static struct loading *begin_loading(struct host_call *call)
{
    struct loading *loading = arena_alloc(call->arena, sizeof(*loading));
    if (!loading) {
        control_no_memory(call);
        return NULL;
    }
    *loading = (struct loading){.call = call};
    call->data = loading;
    return loading;
}

/* Has the session change; the call is answered when that is done. */
static void change_session(struct control *control, struct host_call *call, const char *session,
                           struct session_change change)
{
    struct err err;
    struct session *found = control_session(control, session, &err);
    if (!found) {
        host_call_fail(call, &err);
        return;
    }
    struct loading *loading = begin_loading(call);
    if (!loading)
        return;
    loading->session = found;
    loading->change = change;
    loading->change.done = on_changed;
    call->cancelled = on_change_cancelled;
    session_change(found, &loading->change);
}

/* A change to a text, named or not. */
static struct session_change text_change(const char *name, const char *text)
{
    return (struct session_change){
        .kind = SESSION_TEXT,
        .name = name[0] ? name : pushed,
        .text = text,
        .size = strlen(text),
    };
}

static void load(struct control *control, struct host_call *call)
{
    const Luacsi__V1__LoadRequest *request = (const Luacsi__V1__LoadRequest *)call->request;
    struct err err;
    if (request->file == (request->script[0] != '\0')) {
        err_set(&err, STATUS_INVALID_ARGUMENT, "expected either script or file, got %s",
                request->file ? "both" : "none");
        host_call_fail(call, &err);
        return;
    }
    change_session(control, call, request->session,
                   request->file ? (struct session_change){.kind = SESSION_FILE}
                                 : text_change(request->name, request->script));
}

static void set_config(struct control *control, struct host_call *call)
{
    const Luacsi__V1__SetConfigRequest *request =
        (const Luacsi__V1__SetConfigRequest *)call->request;
    change_session(control, call, request->session,
                   (struct session_change){
                       .kind = SESSION_SETTING, .name = request->key, .text = request->value});
}

static void reset(struct control *control, struct host_call *call)
{
    const Luacsi__V1__ResetRequest *request = (const Luacsi__V1__ResetRequest *)call->request;
    bool all = !request->calls && !request->store && !request->script;
    struct err err;
    struct session *session = control_session(control, request->session, &err);
    if (!session) {
        host_call_fail(call, &err);
        return;
    }
    if (all || request->store)
        store_clear(session_store(session));
    if (all || request->calls)
        journal_clear(session_journal(session));
    if (all || request->script)
        change_session(control, call, request->session,
                       (struct session_change){.kind = SESSION_RELOAD});
    else
        reply_done(call);
}

/* ---- sessions ---- */

static void on_created(struct sessions_creation *creation, const struct err *err)
{
    reply_or_fail(container_of(creation, struct loading, creation)->call, err);
}

static void on_creation_cancelled(struct host_call *call)
{
    struct loading *loading = call->data;
    sessions_forget(&loading->creation);
}

static void create_session(struct control *control, struct host_call *call)
{
    const Luacsi__V1__CreateSessionRequest *request =
        (const Luacsi__V1__CreateSessionRequest *)call->request;
    struct loading *loading = begin_loading(call);
    if (!loading)
        return;
    loading->creation = (struct sessions_creation){
        .change = request->script[0] ? text_change(request->name, request->script)
                                     : (struct session_change){.kind = SESSION_RELOAD},
        .done = on_created,
    };
    call->cancelled = on_creation_cancelled;
    sessions_create(control->sessions, request->session, &loading->creation);
}

static void end_session(struct control *control, struct host_call *call)
{
    const Luacsi__V1__EndSessionRequest *request =
        (const Luacsi__V1__EndSessionRequest *)call->request;
    struct err err;
    int failed = sessions_end(control->sessions, request->session, &err);
    reply_or_fail(call, failed ? &err : NULL);
}

/* ---- the clock ---- */

typedef Google__Protobuf__Timestamp timestamp;

/* A call that waits until its time has passed; it lies in its arena. */
struct advancing {
    struct host_call *call;
    struct loop *loop;
    struct advance advance;
};

static timestamp now(void)
{
    timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    int64_t wall = clock_wall();
    time.seconds = wall / NS_PER_SECOND;
    time.nanos = (int32_t)(wall % NS_PER_SECOND);
    return time;
}

static void on_advanced(struct advance *advance)
{
    const struct advancing *advancing = container_of(advance, struct advancing, advance);
    Luacsi__V1__AdvanceResponse response = LUACSI__V1__ADVANCE_RESPONSE__INIT;
    timestamp time = now();
    response.now = &time;
    host_message_reply(advancing->call, &response.base);
}

static void on_advance_cancelled(struct host_call *call)
{
    struct advancing *advancing = call->data;
    loop_advance_cancel(advancing->loop, &advancing->advance);
}

static void advance(struct control *control, struct host_call *call)
{
    const Luacsi__V1__AdvanceRequest *request = (const Luacsi__V1__AdvanceRequest *)call->request;
    struct advancing *advancing = arena_alloc(call->arena, sizeof(*advancing));
    struct err err;
    if (!advancing) {
        control_no_memory(call);
        return;
    }
    *advancing = (struct advancing){
        .call = call,
        .loop = control->loop,
        .advance = {.done = on_advanced},
    };
    if (__builtin_mul_overflow(request->milliseconds, NS_PER_MS, &advancing->advance.by))
        advancing->advance.by = INT64_MAX; /* which is beyond what the clock can show */
    call->cancelled = on_advance_cancelled;
    call->data = advancing;
    if (loop_advance(control->loop, &advancing->advance, &err))
        host_call_fail(call, &err);
}

/* ---- the process ---- */

/* loaded: room for it. */
static void fill_status(Luacsi__V1__SessionStatus *status, timestamp *loaded,
                        const struct session *session)
{
    const struct journal *journal = session_journal(session);
    struct status_report report = {0};
    session_report(session, &report);
    session_add_report(session, &report);
    google__protobuf__timestamp__init(loaded);
    loaded->seconds = report.loaded;
    luacsi__v1__session_status__init(status);
    status->session = host_message_text(session_name(session));
    status->script = host_message_text(report.script);
    status->is_pushed = !session_has_file(session);
    status->loaded = loaded;
    status->reloads = report.reloads;
    status->last_error = host_message_text(report.last_error);
    status->calls = (int64_t)journal_count(journal);
    status->last = journal_last(journal);
    status->lost = journal_lost(journal, 0);
    status->lua_memory_bytes = report.lua_memory;
}

static void status(struct control *control, struct host_call *call)
{
    Luacsi__V1__StatusResponse response = LUACSI__V1__STATUS_RESPONSE__INIT;
    timestamp started = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp time = now();
    size_t n = 1 + sessions_count(control->sessions);
    struct {
        Luacsi__V1__SessionStatus status;
        timestamp loaded;
    } *rooms = arena_alloc(call->arena, n * sizeof(*rooms));
    Luacsi__V1__SessionStatus **list = arena_alloc(call->arena, n * sizeof(*list));
    if (!rooms || !list) {
        control_no_memory(call);
        return;
    }
    const struct session *session = NULL;
    while ((session = sessions_next(control->sessions, session)) != NULL) {
        size_t i = response.n_sessions++;
        list[i] = &rooms[i].status;
        fill_status(list[i], &rooms[i].loaded, session);
    }
    started.seconds = control->started;
    response.version = host_message_text(LUACSI_VERSION);
    response.pid = getpid();
    response.started = &started;
    response.sessions = list;
    response.now = &time;
    response.is_virtual = clock_is_virtual();
    response.waiting = (int64_t)control->n_waiting;
    host_message_reply(call, &response.base);
}

static void stop(struct control *control, struct host_call *call)
{
    reply_done(call);
    control->stop(control->data);
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*answer)(struct control *control, struct host_call *call);
} methods[] = {
    {"Calls", control_calls},
    {"Verify", control_verify},
    {"Reset", reset},
    {"Load", load},
    {"SetConfig", set_config},
    {"Advance", advance},
    {"CreateSession", create_session},
    {"EndSession", end_session},
    {"Status", status},
    {"Stop", stop},
};

void control_answer(void *data, struct host_call *call)
{
    size_t i = 0;
    while (strcmp(methods[i].name, call->method->name) != 0)
        i++;
    methods[i].answer(data, call);
}
