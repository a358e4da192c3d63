/* Owns the HTTP thread and the questions that it has put to the loop thread.
 *
 * A question belongs to both: the HTTP thread made it and suspends its connection, the loop thread
 * fills in the answer and resumes the connection. Each holds one reference.
 *
 * On the loop thread each path has a desk. It answers all who wait at once, and at most a hundred
 * times a second: however much is asked over HTTP, calls keep the thread. */
#include "serve/admin.h"

#include "serve/httpd.h"
#include "serve/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_CONNECTIONS = 64, ROUTES = 5 };

static const int64_t desk_pause = 10000000; /* nanoseconds between two answers of a desk */

static const char stops[] = "the server stops\n";

struct question {
    atomic_uint refs;
    struct admin *admin;
    const struct route *route;
    struct MHD_Connection *connection;
    struct question *next; /* in admin->waiting */
    struct question **place;
    struct question *next_asked; /* at its desk */
    struct post post;
    unsigned code; /* of HTTP; 0: not answered yet */
    char *text;    /* the answer's body, from malloc */
    size_t size;
};

/* Loop thread. */
struct desk {
    struct admin *admin;
    struct question *asked;    /* who waits here: the loop's references */
    bool is_busy;              /* the answer is on its way */
    int64_t not_before;        /* loop_now of the next answer */
    struct timer timer;        /* set until then */
    struct probe_asker prober; /* of the paths that ask it */
};

/* One path. */
struct route {
    const char *path;
    const char *type;                  /* of the body */
    void (*answer)(struct desk *desk); /* ends in answer_all */
};

struct admin {
    struct admin_options options;
    struct httpd httpd;
    struct desk desks[ROUTES];
    pthread_mutex_t lock;
    struct question *waiting; /* under lock: whose connections are suspended */
    unsigned n_open;          /* under lock: questions of connections that are not done */
    pthread_cond_t done;      /* n_open has become 0 */
    bool is_stopping;         /* under lock: no further question is put */
};

static void unref(struct question *question)
{
    if (atomic_fetch_sub(&question->refs, 1) > 1)
        return;
    free(question->text);
    free(question);
}

/* ---- loop thread ---- */

/* Copies text; NULL counts as no memory. */
static void answer(struct question *question, unsigned code, const char *text)
{
    struct admin *admin = question->admin;
    char *copy = text ? strdup(text) : NULL;
    pthread_mutex_lock(&admin->lock);
    bool waits = question->place != NULL;
    if (waits) {
        question->code = copy ? code : MHD_HTTP_INTERNAL_SERVER_ERROR;
        question->text = copy;
        question->size = copy ? strlen(copy) : 0;
        *question->place = question->next;
        if (question->next)
            question->next->place = question->place;
        question->place = NULL;
        admin->httpd.http->resume_connection(question->connection);
    }
    pthread_mutex_unlock(&admin->lock);
    if (!waits) /* admin_stop was faster */
        free(copy);
}

static void answer_all(struct desk *desk, unsigned code, const char *text)
{
    struct question *question = desk->asked;
    desk->asked = NULL;
    desk->is_busy = false;
    while (question) {
        struct question *next = question->next_asked;
        answer(question, code, text);
        unref(question);
        question = next;
    }
}

static void on_probed(struct probe_asker *asker, const struct probe_result *result)
{
    char text[512] = "ok";
    if (result->status != STATUS_OK)
        snprintf(text, sizeof(text), "%s: %s", status_name(result->status), result->message);
    else if (!result->ready)
        snprintf(text, sizeof(text), "not ready");
    answer_all(container_of(asker, struct desk, prober),
               result->ready ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR, text);
}

/* /healthz and /readyz: as livenessprobe judges. */
static void answer_ready(struct desk *desk)
{
    desk->prober.answered = on_probed;
    prober_ask(desk->admin->options.prober, &desk->prober);
}

/* /livez: the loop thread has come round to this. What the script makes of the world is no reason
 * to start the process again: that is /readyz. */
static void answer_alive(struct desk *desk)
{
    answer_all(desk, MHD_HTTP_OK, "ok");
}

static void answer_metrics(struct desk *desk)
{
    const struct admin_options *options = &desk->admin->options;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        options->write_metrics(options->data, file);
        fclose(file);
    }
    answer_all(desk, MHD_HTTP_OK, text);
    free(text);
}

static void answer_version(struct desk *desk)
{
    answer_all(desk, MHD_HTTP_OK, "{\"version\":\"" LUACSI_VERSION "\",\"csi\":\"1.12.0\"}\n");
}

static const struct route routes[ROUTES] = {
    {"/healthz", HTTPD_PLAIN, answer_ready},
    {"/readyz", HTTPD_PLAIN, answer_ready},
    {"/livez", HTTPD_PLAIN, answer_alive},
    {"/metrics", METRICS_TYPE, answer_metrics},
    {"/version", "application/json", answer_version},
};

static void open_desk(struct desk *desk)
{
    desk->is_busy = true;
    desk->not_before = loop_now() + desk_pause;
    routes[desk - desk->admin->desks].answer(desk);
}

static void on_pause_over(struct timer *timer)
{
    open_desk(container_of(timer, struct desk, timer));
}

static bool is_stopping(struct admin *admin)
{
    pthread_mutex_lock(&admin->lock);
    bool stopping = admin->is_stopping;
    pthread_mutex_unlock(&admin->lock);
    return stopping;
}

/* A question has come. Who comes while the answer is on its way gets that one. */
static void on_post(struct post *post)
{
    struct question *question = container_of(post, struct question, post);
    struct desk *desk = &question->admin->desks[question->route - routes];
    question->next_asked = desk->asked;
    desk->asked = question;
    if (desk->is_busy || timer_is_set(&desk->timer) || is_stopping(question->admin))
        return;
    int64_t wait = desk->not_before - loop_now();
    desk->timer.fn = on_pause_over;
    if (wait > 0)
        loop_timer_set(desk->admin->options.loop, &desk->timer, wait);
    else
        open_desk(desk);
}

/* ---- HTTP thread ---- */

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < ROUTES; i++) {
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    }
    return NULL;
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
    admin->n_open++;
    bool stopping = admin->is_stopping;
    if (!stopping) {
        question->next = admin->waiting;
        question->place = &admin->waiting;
        if (question->next)
            question->next->place = &question->next;
        admin->waiting = question;
        admin->httpd.http->suspend_connection(connection);
        loop_post(admin->options.loop, &question->post);
    }
    pthread_mutex_unlock(&admin->lock);
    if (!stopping)
        return MHD_YES;
    unref(question); /* the loop's */
    return httpd_respond_text(&admin->httpd, connection, MHD_HTTP_SERVICE_UNAVAILABLE, stops);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path,
                                  void **own)
{
    struct admin *admin = data;
    const struct question *question = *own;
    if (question)
        return httpd_respond(&admin->httpd, connection, question->code, question->route->type,
                             question->text ? question->text : "", question->size);
    const struct route *route = find_route(path);
    if (!route)
        return httpd_respond_text(&admin->httpd, connection, MHD_HTTP_NOT_FOUND,
                                  "try /healthz, /livez, /readyz, /metrics or /version\n");
    return put(admin, connection, route, own);
}

static void on_completed(void *data, void *own)
{
    struct admin *admin = data;
    unref(own);
    pthread_mutex_lock(&admin->lock);
    if (--admin->n_open == 0)
        pthread_cond_signal(&admin->done);
    pthread_mutex_unlock(&admin->lock);
}

/* ---- start and stop ---- */

struct admin *admin_start(const struct admin_options *options, struct err *err)
{
    struct admin *admin = calloc(1, sizeof(*admin));
    if (!admin) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the HTTP endpoint");
        return NULL;
    }
    const struct httpd_options http = {
        .endpoint = options->endpoint,
        .threads = HTTPD_ONE_THREAD,
        .most_connections = MOST_CONNECTIONS,
        .handler = on_request,
        .completed = on_completed,
        .data = admin,
    };
    admin->options = *options;
    for (size_t i = 0; i < ROUTES; i++)
        admin->desks[i].admin = admin;
    pthread_mutex_init(&admin->lock, NULL);
    pthread_cond_init(&admin->done, NULL);
    if (httpd_start(&admin->httpd, &http, err)) {
        admin_free(admin);
        return NULL;
    }
    return admin;
}

/* A question that waits; NULL: none does, and none will. */
static struct question *stop_asking(struct admin *admin)
{
    pthread_mutex_lock(&admin->lock);
    admin->is_stopping = true;
    struct question *question = admin->waiting;
    pthread_mutex_unlock(&admin->lock);
    return question;
}

/* The HTTP thread gets a moment to send what was answered. */
static void linger(struct admin *admin)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_mutex_lock(&admin->lock);
    while (admin->n_open > 0 &&
           pthread_cond_clockwait(&admin->done, &admin->lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&admin->lock);
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    for (struct question *question; (question = stop_asking(admin));)
        answer(question, MHD_HTTP_SERVICE_UNAVAILABLE, stops);
    linger(admin);
    for (size_t i = 0; i < ROUTES; i++)
        loop_timer_clear(admin->options.loop, &admin->desks[i].timer);
    httpd_stop(&admin->httpd);
}

void admin_free(struct admin *admin)
{
    if (!admin)
        return;
    for (size_t i = 0; i < ROUTES; i++)
        answer_all(&admin->desks[i], 0, NULL); /* all were answered by admin_stop */
    pthread_cond_destroy(&admin->done);
    pthread_mutex_destroy(&admin->lock);
    free(admin);
}
