/* Owns the list of those who watch, and the question that is put for all of them. Loop thread. */
#include "serve/health.h"

#include "csi/catalog.h"
#include "health.pb-c.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_REQUEST = 4096, MOST_WATCHERS = 64, REPLY_BYTES = 16 };

static const int64_t interval = 3000000000;

/* enum ServingStatus, by shorter names. */
enum {
    NOTHING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN,
    SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
    NO_SUCH_SERVICE = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
};

struct health {
    struct prober *prober;
    struct loop *loop;
    struct watcher *watchers;
    struct probe_asker asker; /* for all of them */
    bool is_asking;
    struct timer timer; /* set between two questions */
    int status;         /* what the last answer says; NOTHING before the first */
};

/* One Watch of a service that there is; it lies in the stream's arena. */
struct watcher {
    struct health *health;
    struct stream *stream;
    struct watcher *next; /* in health->watchers */
    struct watcher **place;
    int told;        /* the status sent last */
    bool is_sending; /* it is not out yet */
};

/* One Check; it lies in the call's arena. */
struct check {
    struct health *health;
    struct host_call *call;
    struct probe_asker asker;
};

/* ---- messages ---- */

static bool is_service(const char *name)
{
    const struct method *methods = catalog_methods();
    if (!name[0])
        return true; /* the server as a whole */
    for (int i = 0; i < CATALOG_METHODS; i++) {
        if (strcmp(methods[i].service, name) == 0)
            return true;
    }
    return false;
}

/* The name of the service in a request. */
static const char *service_of(const ProtobufCMessage *request)
{
    return ((const Grpc__Health__V1__HealthCheckRequest *)request)->service;
}

static struct bytes pack(int status, uint8_t buffer[REPLY_BYTES])
{
    Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    reply.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    return (struct bytes){
        .data = buffer,
        .size = grpc__health__v1__health_check_response__pack(&reply, buffer),
    };
}

static int status_of(const struct probe_result *result)
{
    return result->ready ? SERVING : NOT_SERVING;
}

/* ---- Check ---- */

static void on_checked(struct probe_asker *asker, const struct probe_result *result)
{
    struct check *check = container_of(asker, struct check, asker);
    uint8_t buffer[REPLY_BYTES];
    host_call_reply(check->call, pack(status_of(result), buffer));
}

static void on_cancelled(struct host_call *call)
{
    struct check *check = call->data;
    prober_forget(check->health->prober, &check->asker);
}

void health_check(struct health *health, struct host_call *call)
{
    struct err err;
    const char *service = service_of(call->request);
    struct check *check = arena_alloc(call->arena, sizeof(*check));
    if (check && is_service(service)) {
        *check = (struct check){.health = health, .call = call, .asker.answered = on_checked};
        call->cancelled = on_cancelled;
        call->data = check;
        prober_ask(health->prober, &check->asker);
        return;
    }
    if (check)
        err_set(&err, STATUS_NOT_FOUND, "unknown service \"%.100s\"", service);
    else
        err_set(&err, STATUS_RESOURCE_EXHAUSTED, "no memory for a check");
    host_call_fail(call, &err);
}

/* ---- Watch ---- */

static void tell(struct watcher *watcher, int status)
{
    uint8_t buffer[REPLY_BYTES];
    if (watcher->is_sending || watcher->told == status)
        return;
    watcher->told = status;
    watcher->is_sending = true;
    stream_send(watcher->stream, pack(status, buffer));
}

static void on_probed(struct probe_asker *asker, const struct probe_result *result)
{
    struct health *health = container_of(asker, struct health, asker);
    health->is_asking = false;
    health->status = status_of(result);
    for (struct watcher *watcher = health->watchers; watcher; watcher = watcher->next)
        tell(watcher, health->status);
    if (health->watchers)
        loop_timer_set(health->loop, &health->timer, interval);
}

static void ask(struct health *health)
{
    if (health->is_asking)
        return;
    loop_timer_clear(health->loop, &health->timer);
    health->is_asking = true;
    prober_ask(health->prober, &health->asker);
}

static void on_time(struct timer *timer)
{
    ask(container_of(timer, struct health, timer));
}

static void add(struct health *health, struct stream *stream)
{
    struct watcher *watcher = arena_alloc(stream_arena(stream), sizeof(*watcher));
    if (!watcher) {
        stream_end(stream, STATUS_RESOURCE_EXHAUSTED, "no memory for a watch");
        return;
    }
    *watcher = (struct watcher){
        .health = health,
        .stream = stream,
        .next = health->watchers,
        .place = &health->watchers,
        .told = NOTHING,
    };
    if (watcher->next)
        watcher->next->place = &watcher->next;
    health->watchers = watcher;
    stream_set_state(stream, watcher);
    ask(health);
}

static void on_received(struct stream *stream, struct bytes message)
{
    const struct schema *schema = catalog_callable("grpc.health.v1.Health/Watch")->request;
    uint8_t buffer[REPLY_BYTES];
    struct err err;
    const ProtobufCMessage *request =
        codec_unpack(schema, message.data, message.size, stream_arena(stream), &err);
    if (!request)
        stream_end(stream, STATUS_INVALID_ARGUMENT, err.text);
    else if (is_service(service_of(request)))
        add(stream_data(stream), stream);
    else
        stream_send(stream, pack(NO_SUCH_SERVICE, buffer)); /* and it stays open */
}

static void on_sent(struct stream *stream)
{
    struct watcher *watcher = stream_state(stream);
    if (!watcher) /* of no service */
        return;
    watcher->is_sending = false;
    tell(watcher, watcher->health->status);
}

static void on_closed(struct stream *stream)
{
    struct watcher *watcher = stream_state(stream);
    if (!watcher)
        return;
    struct health *health = watcher->health;
    *watcher->place = watcher->next;
    if (watcher->next)
        watcher->next->place = watcher->place;
    if (!health->watchers)
        loop_timer_clear(health->loop, &health->timer);
}

struct stream_method health_watch(struct health *health)
{
    return (struct stream_method){
        .path = "/grpc.health.v1.Health/Watch",
        .is_watch = true,
        .most_bytes = MOST_REQUEST,
        .most_open = MOST_WATCHERS,
        .data = health,
        .received = on_received,
        .sent = on_sent,
        .closed = on_closed,
    };
}

struct health *health_new(struct prober *prober, struct loop *loop)
{
    struct health *health = calloc(1, sizeof(*health));
    if (health)
        *health = (struct health){
            .prober = prober,
            .loop = loop,
            .asker.answered = on_probed,
            .timer.fn = on_time,
        };
    return health;
}

void health_free(struct health *health)
{
    free(health);
}
