/* Owns the connection over which the driver is polled, and the gauge that tells of it.
 *
 * One thread polls. HTTP has a thread for each connection, and there each /healthz asks the driver
 * on a connection of its own. The thread that came here waits for a signal: nothing is to be put
 * away at the end, so the process ends with whatever is still asked. */
#include "serve/liveness.h"

#include "base/log.h"
#include "base/status.h"
#include "csi.pb-c.h"
#include "io/client.h"
#include "io/loop.h"
#include "serve/httpd.h"
#include "serve/metrics.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 16, REASON_TEXT = ERR_TEXT };

struct liveness {
    const struct liveness_options *options;
    struct httpd httpd;
    struct client *client; /* the polling thread's */
    atomic_bool is_alive;  /* at the last poll; false before the first */
    time_t started;
};

/* ---- one Probe ---- */

/* Whether the bytes of a reply say ready; absent means so. */
static bool is_ready(const struct client_reply *reply, char reason[static REASON_TEXT])
{
    Csi__V1__ProbeResponse *message =
        csi__v1__probe_response__unpack(NULL, reply->size, reply->data);
    bool ready = message && (!message->ready || message->ready->value);
    if (!ready)
        snprintf(reason, REASON_TEXT, "%s", message ? "not ready" : "Probe's reply is garbage");
    if (message)
        csi__v1__probe_response__free_unpacked(message, NULL);
    return ready;
}

/* Calls Probe. Returns the status, or -1 where the call did not begin; ready is set. */
static int ask(struct client *client, int64_t timeout, bool *ready, char reason[static REASON_TEXT])
{
    const struct client_request request = {.path = "/csi.v1.Identity/Probe", .timeout = timeout};
    struct client_reply reply;
    struct err err;
    *ready = false;
    if (client_call(client, &request, &reply, &err)) {
        snprintf(reason, REASON_TEXT, "%s", err.text);
        return -1;
    }
    int status = reply.code;
    if (status == STATUS_OK)
        *ready = is_ready(&reply, reason);
    else
        snprintf(reason, REASON_TEXT, "%s: %.400s", status_name(status), reply.message);
    client_reply_fini(&reply);
    return status;
}

/* ---- polling ---- */

/* UNAVAILABLE may mean that the driver was started again since the last poll: the connection is
 * lost, and the next call makes a new one. */
static bool poll_driver(struct liveness *liveness, char reason[static REASON_TEXT])
{
    bool ready;
    int64_t timeout = liveness->options->timeout;
    if (ask(liveness->client, timeout, &ready, reason) == STATUS_UNAVAILABLE)
        ask(liveness->client, timeout, &ready, reason);
    return ready;
}

static void sleep_until(int64_t then)
{
    const struct timespec ts = {.tv_sec = then / 1000000000, .tv_nsec = then % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) != 0)
        continue;
}

static void *poll_for_ever(void *data)
{
    struct liveness *liveness = data;
    char reason[REASON_TEXT];
    bool was_alive = false;
    for (bool first = true;; first = false) {
        int64_t next = loop_now() + liveness->options->polltime;
        bool alive = poll_driver(liveness, reason);
        atomic_store(&liveness->is_alive, alive);
        if (alive && (first || !was_alive))
            log_info("Driver is alive", log_str("endpoint", liveness->options->endpoint));
        else if (!alive && (first || was_alive))
            log_error("Driver is not alive", log_str("endpoint", liveness->options->endpoint),
                      log_str("reason", reason));
        was_alive = alive;
        sleep_until(next);
    }
    return NULL;
}

/* ---- HTTP: any of its threads ---- */

static enum MHD_Result answer_health(const struct liveness *liveness,
                                     struct MHD_Connection *connection)
{
    const struct liveness_options *options = liveness->options;
    char reason[REASON_TEXT];
    bool ready = false;
    struct err err;
    struct client *client = client_prepare(options->endpoint, &err);
    if (client)
        ask(client, options->timeout, &ready, reason);
    else
        snprintf(reason, sizeof(reason), "%s", err.text);
    client_free(client);
    return httpd_respond_text(&liveness->httpd, connection,
                              ready ? MHD_HTTP_OK : MHD_HTTP_INTERNAL_SERVER_ERROR,
                              ready ? "ok" : reason);
}

static enum MHD_Result answer_metrics(const struct liveness *liveness,
                                      struct MHD_Connection *connection)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        return MHD_NO;
    metrics_write_head(file, "csi_liveness", "gauge", "Whether the driver's Probe succeeds.");
    fprintf(file, "csi_liveness %d\n", atomic_load(&liveness->is_alive));
    metrics_write_process(file, liveness->started);
    fclose(file);
    enum MHD_Result result =
        text ? httpd_respond(&liveness->httpd, connection, MHD_HTTP_OK, METRICS_TYPE, text, size)
             : MHD_NO;
    free(text);
    return result;
}

static enum MHD_Result on_request(void *data, const struct httpd_request *request,
                                  struct httpd_exchange **own)
{
    const struct liveness *liveness = data;
    char help[300];
    (void)own;
    if (strcmp(request->path, "/healthz") == 0)
        return answer_health(liveness, request->connection);
    if (strcmp(request->path, liveness->options->metrics_path) == 0)
        return answer_metrics(liveness, request->connection);
    snprintf(help, sizeof(help), "try /healthz or %.200s\n", liveness->options->metrics_path);
    return httpd_respond_text(&liveness->httpd, request->connection, MHD_HTTP_NOT_FOUND, help);
}

/* ---- start and end ---- */

/* The threads that are started inherit what is blocked. */
static void block_signals(sigset_t *ends)
{
    sigemptyset(ends);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, ends, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int start(struct liveness *liveness, struct err *err)
{
    pthread_t thread;
    const struct liveness_options *options = liveness->options;
    const struct httpd_options http = {
        .endpoint = options->http,
        .threads = HTTPD_THREAD_PER_CONNECTION,
        .most_connections = MOST_CONNECTIONS,
        .handler = on_request,
        .data = liveness,
    };
    if (!(liveness->client = client_prepare(options->endpoint, err)) ||
        httpd_start(&liveness->httpd, &http, err))
        return -1;
    log_info("Polling", log_str("endpoint", options->endpoint), log_str("http", options->http));
    if (pthread_create(&thread, NULL, poll_for_ever, liveness) != 0)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no thread to poll the driver");
    pthread_detach(thread);
    return 0;
}

int liveness_run(const struct liveness_options *options, struct err *err)
{
    struct liveness liveness = {.options = options, .started = time(NULL)};
    sigset_t ends;
    int number = 0;
    client_quiet_grpc();
    block_signals(&ends);
    if (start(&liveness, err)) {
        if (liveness.httpd.daemon)
            httpd_stop(&liveness.httpd);
        client_free(liveness.client);
        return -1;
    }
    sigwait(&ends, &number);
    log_info("Stopped", log_str("signal", strsignal(number)));
    _exit(0);
}
