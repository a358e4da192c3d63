/* Owns the HTTP endpoint and its paths.
 *
 * On the loop thread each path has a desk. It answers all who wait at once, and at most a hundred
 * times a second: however much is asked over HTTP, calls keep the thread. */
#include "serve/admin.h"

#include "serve/control_http.h"
#include "serve/metrics.h"
#include "serve/question.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CONNECTIONS = 64, ROUTES = 5 };

static const int64_t desk_pause = 10000000; /* nanoseconds between two answers of a desk */

/* A question that is put at a desk. */
struct visit {
    struct question question;
    struct desk *desk;
    struct visit *next; /* at its desk */
};

/* Loop thread. */
struct desk {
    struct admin *admin;
    struct visit *asked;       /* who waits here: the loop's references */
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
    struct questions questions;
    struct control_http *control; /* NULL: it is not served here */
};

/* ---- loop thread ---- */

static void answer_all(struct desk *desk, unsigned code, const char *text)
{
    struct visit *visit = desk->asked;
    desk->asked = NULL;
    desk->is_busy = false;
    while (visit) {
        struct visit *next = visit->next;
        question_answer(&visit->question, code, text);
        question_unref(&visit->question);
        visit = next;
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

/* A question has come. Who comes while the answer is on its way gets that one. */
static void on_asked(struct question *question)
{
    struct visit *visit = container_of(question, struct visit, question);
    struct desk *desk = visit->desk;
    visit->next = desk->asked;
    desk->asked = visit;
    if (desk->is_busy || timer_is_set(&desk->timer) || questions_stopping(&desk->admin->questions))
        return;
    int64_t wait = desk->not_before - loop_now();
    desk->timer.fn = on_pause_over;
    if (wait > 0)
        loop_timer_set(desk->admin->options.loop, &desk->timer, wait);
    else
        open_desk(desk);
}

static void on_freed(struct question *question)
{
    free(container_of(question, struct visit, question));
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

static enum MHD_Result on_request(void *data, const struct httpd_request *request,
                                  struct httpd_exchange **own)
{
    struct admin *admin = data;
    if (admin->control && control_http_is(request->path))
        return control_http_begin(admin->control, request, own);
    const struct route *route = find_route(request->path);
    if (!route)
        return httpd_respond_text(&admin->httpd, request->connection, MHD_HTTP_NOT_FOUND,
                                  "try /healthz, /livez, /readyz, /metrics or /version\n");
    struct visit *visit = calloc(1, sizeof(*visit));
    if (!visit)
        return MHD_NO;
    visit->desk = &admin->desks[route - routes];
    visit->question = (struct question){.asked = on_asked, .freed = on_freed, .type = route->type};
    question_begin(&visit->question, &admin->questions, request->connection, own);
    return question_put(&visit->question);
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
        .posts = options->control ? CONTROL_HTTP_PREFIX : NULL,
        .handler = on_request,
        .data = admin,
    };
    admin->options = *options;
    for (size_t i = 0; i < ROUTES; i++)
        admin->desks[i].admin = admin;
    questions_init(&admin->questions, &admin->httpd, options->loop);
    if (options->control)
        admin->control = control_http_new(options->control, &admin->questions, options->is_public);
    if (options->control && !admin->control) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the HTTP endpoint");
        admin_free(admin);
        return NULL;
    }
    if (httpd_start(&admin->httpd, &http, err)) {
        admin_free(admin);
        return NULL;
    }
    return admin;
}

void admin_stop(struct admin *admin)
{
    if (!admin)
        return;
    questions_stop(&admin->questions);
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
    control_http_free(admin->control);
    questions_fini(&admin->questions);
    free(admin);
}
