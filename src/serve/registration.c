/* Owns the offers: the one that stands, and those that are being taken back. An offer is a socket
 * with a server on it, for one name. Loop thread.
 *
 * A kubelet looks at a socket only when it is new. So to be asked again, after another name or a
 * refusal, an offer is taken back and made anew. */
#include "serve/registration.h"

#include "base/log.h"
#include "csi.pb-c.h"
#include "io/endpoint.h"
#include "pluginregistration.pb-c.h"
#include "serve/host_message.h"
#include "serve/inquiry.h"
#include "serve/side_server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t first_pause = 250000000; /* nanoseconds, as of the others */
static const int64_t longest_pause = 60000000000;
static const int64_t most_wall = 3000000000; /* of GetPluginInfo */

enum { NAME = 64, REQUEST_BYTES = 64 * 1024 };

struct offer {
    struct registration *registration;
    struct offer *next; /* in the list of offers */
    struct side_server *side;
    struct endpoint endpoint;
    char name[NAME];    /* of the driver */
    bool is_registered; /* the kubelet says so, as of the next */
    bool is_refused;
    struct post release; /* when the server has ended */
};

struct registration {
    struct registration_options options;
    struct iothread *io; /* NULL before the start */
    struct inquiry inquiry;
    struct offer *offers;  /* all of them */
    struct offer *current; /* the one that stands; NULL: none */
    struct timer retry;
    int64_t pause; /* nanoseconds until the next try; doubled each time */
    bool again;    /* the script has changed while it was asked */
    bool is_stopping;
    char trouble[ERR_TEXT];   /* why there is no registration; empty: nothing is known against it */
    void (*done)(void *data); /* with its data: of registration_shutdown */
    void *data;
};

static void ask(struct registration *registration);

/* ---- the service ---- */

static void try_later(struct registration *registration)
{
    int64_t next = 2 * registration->pause;
    loop_timer_set(registration->options.loop, &registration->retry, registration->pause);
    registration->pause = next < longest_pause ? next : longest_pause;
}

static void answer_info(const struct offer *offer, struct host_call *call)
{
    char *versions[] = {host_message_text("1.0.0")};
    Pluginregistration__PluginInfo info = PLUGINREGISTRATION__PLUGIN_INFO__INIT;
    info.type = host_message_text("CSIPlugin");
    info.name = host_message_text(offer->name);
    info.endpoint = host_message_text(offer->registration->options.kubelet_path);
    info.supported_versions = versions;
    info.n_supported_versions = 1;
    host_message_reply(call, &info.base);
}

static void take_status(struct offer *offer, const Pluginregistration__RegistrationStatus *status)
{
    struct registration *registration = offer->registration;
    offer->is_registered = status->plugin_registered;
    offer->is_refused = !status->plugin_registered;
    if (offer != registration->current) /* it is being taken back */
        return;
    if (offer->is_registered) {
        registration->trouble[0] = '\0';
        registration->pause = first_pause;
        loop_timer_clear(registration->options.loop, &registration->retry);
        log_info("Registered with the kubelet", log_str("driver", offer->name));
        return;
    }
    snprintf(registration->trouble, sizeof(registration->trouble), "%s", status->error);
    log_error("The kubelet refused the driver; it is offered again", log_str("driver", offer->name),
              log_str("reason", status->error));
    try_later(registration);
}

static void answer(void *data, struct host_call *call)
{
    struct offer *offer = data;
    if (strcmp(call->method->name, "GetInfo") == 0) {
        answer_info(offer, call);
        return;
    }
    host_call_reply(call, (struct bytes){0});
    take_status(offer, (const Pluginregistration__RegistrationStatus *)call->request);
}

/* ---- offers ---- */

/* The server may still be on the stack when it says that it has ended; and a connection may be on
 * its way through the loop, before this post. */
static void release(struct post *post)
{
    struct offer *offer = container_of(post, struct offer, release);
    struct registration *registration = offer->registration;
    struct offer **place = &registration->offers;
    while (*place != offer)
        place = &(*place)->next;
    *place = offer->next;
    side_server_close(offer->side);
    side_server_free(offer->side);
    free(offer);
    if (registration->is_stopping && !registration->offers)
        registration->done(registration->data);
}

static void on_ended(void *data)
{
    struct offer *offer = data;
    loop_post(offer->registration->options.loop, &offer->release);
}

static void take_back(struct registration *registration)
{
    struct offer *offer = registration->current;
    registration->current = NULL;
    if (offer)
        side_server_shutdown(offer->side, 0, on_ended, offer);
}

/* A name becomes part of a path; CSI allows no other characters. */
static bool is_name(const char *name)
{
    for (const char *s = name; *s; s++) {
        if (!isalnum((unsigned char)*s) && *s != '-' && *s != '.')
            return false;
    }
    return name[0] && name[0] != '.' && strlen(name) < NAME;
}

static int open_offer(struct offer *offer, struct err *err)
{
    const struct registration_options *options = &offer->registration->options;
    const struct side_server_options side = {
        .endpoint = &offer->endpoint,
        .mode = S_IRUSR | S_IWUSR,
        .loop = options->loop,
        .service = "pluginregistration.Registration",
        .most_bytes = REQUEST_BYTES,
        .answer = answer,
        .data = offer,
    };
    char address[sizeof(offer->endpoint.text)];
    int n = snprintf(address, sizeof(address), "unix://%s/%s-reg.sock", options->directory,
                     offer->name);
    if (n >= (int)sizeof(address))
        return err_set(err, STATUS_INVALID_ARGUMENT, "%s/%s-reg.sock is too long for a socket",
                       options->directory, offer->name);
    if (endpoint_parse(&offer->endpoint, address, err))
        return -1;
    offer->side = side_server_new(&side, err);
    return offer->side ? 0 : -1;
}

/* In the list even if it cannot start: its server has to end in any case. */
static int make_offer(struct registration *registration, const char *name, struct err *err)
{
    struct offer *offer = calloc(1, sizeof(*offer));
    if (!offer)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a registration");
    offer->registration = registration;
    offer->release.fn = release;
    snprintf(offer->name, sizeof(offer->name), "%s", name);
    if (open_offer(offer, err)) {
        free(offer);
        return -1;
    }
    offer->next = registration->offers;
    registration->offers = registration->current = offer;
    if (side_server_start(offer->side, registration->io, err) == 0)
        return 0;
    take_back(registration);
    return -1;
}

/* ---- the name ---- */

static void fail(struct registration *registration, const char *reason)
{
    bool is_news = strcmp(registration->trouble, reason) != 0;
    snprintf(registration->trouble, sizeof(registration->trouble), "%s", reason);
    if (is_news)
        log_error("Cannot offer the driver to the kubelet; it is tried again until it can",
                  log_str("reason", reason));
    try_later(registration);
}

static void offer_name(struct registration *registration, const char *name)
{
    struct err err;
    if (!is_name(name)) {
        err_set(&err, STATUS_INVALID_ARGUMENT, "\"%.80s\" is no name for a driver", name);
        fail(registration, err.text);
        return;
    }
    if (make_offer(registration, name, &err)) {
        fail(registration, err.text);
        return;
    }
    registration->trouble[0] = '\0';
    log_info("Driver is offered to the kubelet", log_str("driver", name),
             log_str("socket", registration->current->endpoint.path));
}

static void take_name(struct registration *registration, const char *name)
{
    const struct offer *before = registration->current;
    if (before && !before->is_refused && strcmp(before->name, name) == 0) {
        registration->trouble[0] = '\0';
        return;
    }
    take_back(registration);
    offer_name(registration, name);
}

static void on_answered(struct inquiry *inquiry, const struct inquiry_answer *answer)
{
    struct registration *registration = container_of(inquiry, struct registration, inquiry);
    struct err err;
    if (registration->is_stopping)
        return;
    if (registration->again) {
        registration->again = false;
        loop_timer_set(registration->options.loop, &registration->retry, 0);
    } else if (answer->reply) {
        take_name(registration, ((const Csi__V1__GetPluginInfoResponse *)answer->reply)->name);
    } else {
        err_set(&err, answer->status, "GetPluginInfo is %s: %s", status_name(answer->status),
                answer->message);
        fail(registration, err.text);
    }
}

static void ask(struct registration *registration)
{
    registration->again = registration->inquiry.is_running;
    if (!registration->again)
        inquiry_run(&registration->inquiry, most_wall);
}

static void on_retry(struct timer *timer)
{
    ask(container_of(timer, struct registration, retry));
}

/* ---- from new to free ---- */

struct registration *registration_new(const struct registration_options *options, struct err *err)
{
    struct registration *registration = calloc(1, sizeof(*registration));
    if (!registration) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a registration");
        return NULL;
    }
    registration->options = *options;
    registration->retry.fn = on_retry;
    registration->pause = first_pause;
    inquiry_init(&registration->inquiry, options->scripts, "GetPluginInfo", "registration",
                 on_answered);
    return registration;
}

void registration_start(struct registration *registration, struct iothread *io)
{
    registration->io = io;
    ask(registration);
}

void registration_renew(struct registration *registration)
{
    if (!registration->io || registration->is_stopping)
        return;
    registration->pause = first_pause;
    ask(registration);
}

void registration_report(const struct registration *registration, struct status_report *report)
{
    const struct offer *current = registration->current;
    report->registration = !current                 ? "waiting"
                           : current->is_registered ? "registered"
                           : current->is_refused    ? "refused"
                                                    : "offered";
    report->is_registered = current && current->is_registered;
    report->registration_error = registration->trouble;
}

void registration_shutdown(struct registration *registration, void (*done)(void *data), void *data)
{
    registration->is_stopping = true;
    registration->done = done;
    registration->data = data;
    loop_timer_clear(registration->options.loop, &registration->retry);
    inquiry_stop(&registration->inquiry);
    take_back(registration);
    if (!registration->offers)
        done(data);
}

void registration_free(struct registration *registration)
{
    free(registration);
}
