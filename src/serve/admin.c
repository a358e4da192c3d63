/* Owns the HTTP thread and the questions that it has put to the loop thread.
 *
 * A question belongs to both: the HTTP thread made it and suspends its connection, the loop thread
 * fills in the answer and resumes the connection. Each holds one reference. */
#include "serve/admin.h"

#include "base/log.h"
#include "io/hostport.h"
#include "serve/microhttpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CONNECTIONS = 64, IDLE_SECONDS = 10, CONNECTION_BYTES = 8 * 1024 };

struct admin {
    struct admin_options options;
    const struct microhttpd *http;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    struct question *waiting; /* under lock: whose connections are suspended */
    bool is_stopping;         /* under lock: no further question is put */
};

struct question {
    atomic_uint refs;
    struct admin *admin;
    const struct route *route;
    struct MHD_Connection *connection;
    struct question *next; /* in admin->waiting */
    struct question **place;
    struct post post;
    struct probe_asker asker;
    unsigned code; /* of HTTP; 0: not answered yet */
    char *text;    /* the answer's body, from malloc */
    size_t size;
};

/* One path. */
struct route {
    const char *path;
    const char *type;                       /* of the body */
    void (*ask)(struct question *question); /* loop thread; ends in answer */
};

/* ---- loop thread ---- */

static void unref(struct question *question)
{
    if (atomic_fetch_sub(&question->refs, 1) > 1)
        return;
    free(question->text);
    free(question);
}

/* Takes text, from malloc; NULL without memory. */
static void answer(struct question *question, unsigned code, char *text)
{
    struct admin *admin = question->admin;
    pthread_mutex_lock(&admin->lock);
    bool waits = question->place != NULL;
    if (waits) {
        question->code = text ? code : MHD_HTTP_INTERNAL_SERVER_ERROR;
        question->text = text;
        question->size = text ? strlen(text) : 0;
        *question->place = question->next;
        if (question->next)
            question->next->place = question->place;
        question->place = NULL;
        admin->http->resume_connection(question->connection);
    }
    pthread_mutex_unlock(&admin->lock);
    if (!waits) /* admin_stop was faster */
        free(text);
}

static void on_probed(struct probe_asker *asker, const struct probe_result *result)
{
    struct question *question = container_of(asker, struct question, asker);
    char text[512] = "ok";
    if (result->status != STATUS_OK)
        snprintf(text, sizeof(text), "%s: %s", status_name(result->status), result->message);
    else if (!result->ready)
        snprintf(text, sizeof(text), "not ready");
    answer(question, result->ready ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR, strdup(text));
    unref(question);
}

/* /healthz and /readyz: as livenessprobe judges. */
static void ask_ready(struct question *question)
{
    question->asker.answered = on_probed;
    prober_ask(question->admin->options.prober, &question->asker);
}

/* /livez: the loop thread has come round to this. What the script makes of the world is no reason
 * to start the process again: that is /readyz. */
static void ask_alive(struct question *question)
{
    answer(question, MHD_HTTP_OK, strdup("ok"));
    unref(question);
}

static void ask_metrics(struct question *question)
{
    const struct admin_options *options = &question->admin->options;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        options->write_metrics(options->data, file);
        fclose(file);
    }
    answer(question, MHD_HTTP_OK, text);
    unref(question);
}

static void ask_version(struct question *question)
{
    answer(question, MHD_HTTP_OK,
           strdup("{\"version\":\"" LUACSI_VERSION "\",\"csi\":\"1.12.0\"}\n"));
    unref(question);
}

static const struct route routes[] = {
    {"/healthz", "text/plain; charset=utf-8", ask_ready},
    {"/readyz", "text/plain; charset=utf-8", ask_ready},
    {"/livez", "text/plain; charset=utf-8", ask_alive},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", ask_metrics},
    {"/version", "application/json", ask_version},
};

static void on_post(struct post *post)
{
    struct question *question = container_of(post, struct question, post);
    question->route->ask(question);
}

/* ---- HTTP thread ---- */

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    }
    return NULL;
}

static enum MHD_Result respond(const struct admin *admin, struct MHD_Connection *connection,
                               unsigned code, const char *type, const char *text, size_t size)
{
    const struct microhttpd *http = admin->http;
    struct MHD_Response *response =
        http->create_response_from_buffer(size, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    http->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    http->add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
        http->add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = http->queue_response(connection, code, response);
    http->destroy_response(response);
    return result;
}

static enum MHD_Result refuse(const struct admin *admin, struct MHD_Connection *connection,
                              unsigned code, const char *text)
{
    return respond(admin, connection, code, "text/plain; charset=utf-8", text, strlen(text));
}

/* Puts a question to the loop thread; the connection sleeps until it is answered. */
static enum MHD_Result put(struct admin *admin, struct MHD_Connection *connection,
                           const struct route *route, void **own)
{
    struct question *question = calloc(1, sizeof(*question));
    if (!question)
        return MHD_NO;
    atomic_init(&question->refs, 2);
    question->admin = admin;
    question->route = route;
    question->connection = connection;
    question->post.fn = on_post;
    *own = question;
    pthread_mutex_lock(&admin->lock);
    bool is_stopping = admin->is_stopping;
    if (!is_stopping) {
        question->next = admin->waiting;
        question->place = &admin->waiting;
        if (question->next)
            question->next->place = &question->next;
        admin->waiting = question;
        admin->http->suspend_connection(connection);
        loop_post(admin->options.loop, &question->post);
    }
    pthread_mutex_unlock(&admin->lock);
    if (!is_stopping)
        return MHD_YES;
    unref(question); /* the loop's */
    return refuse(admin, connection, MHD_HTTP_SERVICE_UNAVAILABLE, "the server stops\n");
}

/* Called with *own NULL when the headers of a request are there, and again after the connection was
 * resumed. */
// NOLINTBEGIN(readability-function-size,readability-non-const-parameter): as libmicrohttpd wants it
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **own)
{
    struct admin *admin = data;
    struct question *question = *own;
    (void)version;
    (void)body;
    if (question)
        return respond(admin, connection, question->code, question->route->type,
                       question->text ? question->text : "", question->size);
    if (*body_size > 0 || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        return refuse(admin, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD, please\n");
    const struct route *route = find_route(path);
    if (!route)
        return refuse(admin, connection, MHD_HTTP_NOT_FOUND,
                      "try /healthz, /livez, /readyz, /metrics or /version\n");
    return put(admin, connection, route, own);
}
// NOLINTEND(readability-function-size,readability-non-const-parameter)

static void on_completed(void *data, struct MHD_Connection *connection, void **own,
                         enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)connection;
    (void)code;
    if (*own)
        unref(*own);
    *own = NULL;
}

static void log_http(void *data, const char *format, va_list arguments)
{
    char text[256];
    (void)data;
    vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    log_warning("HTTP", log_str("text", text));
}

/* ---- start and stop ---- */

/* ":9808" is all addresses; names are not resolved: it is our own address. */
static int parse_endpoint(const char *text, struct sockaddr_storage *address, struct err *err)
{
    struct hostport hostport;
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)address;
    char whole[300];
    snprintf(whole, sizeof(whole), "%s%s", text[0] == ':' ? "[::]" : "", text);
    memset(address, 0, sizeof(*address));
    if (strlen(text) < 256 && hostport_parse(&hostport, whole, strlen(whole), 0)) {
        if (inet_pton(AF_INET, hostport.host, &v4->sin_addr) == 1) {
            v4->sin_family = AF_INET;
            v4->sin_port = htons((uint16_t)hostport.port);
            return 0;
        }
        if (inet_pton(AF_INET6, hostport.host, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((uint16_t)hostport.port);
            return 0;
        }
    }
    return err_set(err, STATUS_INVALID_ARGUMENT,
                   "expected ADDRESS:PORT, such as 127.0.0.1:9808 or :9808, got \"%.80s\"", text);
}

int admin_check_endpoint(const char *endpoint, struct err *err)
{
    struct sockaddr_storage address;
    return parse_endpoint(endpoint, &address, err);
}

static struct MHD_Daemon *start_daemon(struct admin *admin, const struct sockaddr_storage *address)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC |
                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (address->ss_family == AF_INET6)
        flags |= MHD_USE_DUAL_STACK;
    return admin->http->start_daemon(
        flags, 0, NULL, NULL, on_request, admin, MHD_OPTION_EXTERNAL_LOGGER, log_http, NULL,
        MHD_OPTION_SOCK_ADDR, (const struct sockaddr *)address, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MOST_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_BYTES, MHD_OPTION_END);
}

struct admin *admin_start(const struct admin_options *options, struct err *err)
{
    struct sockaddr_storage address;
    if (parse_endpoint(options->endpoint, &address, err))
        return NULL;
    const struct microhttpd *http = microhttpd_load(err);
    struct admin *admin = http ? calloc(1, sizeof(*admin)) : NULL;
    if (!admin) {
        if (http)
            err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the HTTP endpoint");
        return NULL;
    }
    admin->options = *options;
    admin->http = http;
    pthread_mutex_init(&admin->lock, NULL);
    errno = 0;
    admin->daemon = start_daemon(admin, &address);
    if (!admin->daemon) {
        err_errno(err, STATUS_UNAVAILABLE, "cannot listen for HTTP on %s", options->endpoint);
        pthread_mutex_destroy(&admin->lock);
        free(admin);
        return NULL;
    }
    return admin;
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    pthread_mutex_lock(&admin->lock);
    admin->is_stopping = true;
    struct question *question = admin->waiting;
    pthread_mutex_unlock(&admin->lock);
    while (question) {
        answer(question, MHD_HTTP_SERVICE_UNAVAILABLE, strdup("the server stops\n"));
        pthread_mutex_lock(&admin->lock);
        question = admin->waiting;
        pthread_mutex_unlock(&admin->lock);
    }
    admin->http->stop_daemon(admin->daemon);
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    pthread_mutex_destroy(&admin->lock);
    free(admin);
}
