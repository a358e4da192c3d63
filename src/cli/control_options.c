/* The rows of --control and what belongs to it. No state. */
#include "cli/control_options.h"

#include "io/endpoint.h"
#include "serve/httpd.h"

/* In the order of enum control_http. */
static const char *const places[] = {"off", "loopback", "any", NULL};

/* Who may connect can replace the script: only a UNIX socket keeps others out. */
static int check_socket(const char *text, struct err *err)
{
    struct endpoint endpoint;
    if (endpoint_parse(&endpoint, text, err))
        return -1;
    return endpoint.path[0]
               ? 0
               : err_set(err, STATUS_INVALID_ARGUMENT,
                         "expected a UNIX socket such as unix:///path, got \"%s\"", text);
}

void control_options_rows(struct control_options *control, struct option rows[CONTROL_OPTIONS])
{
    rows[0] = (struct option){
        .name = "control",
        .value = "SOCKET",
        .help = "Serve luacsi.v1.Control there, for `luacsi ctl` and for tests: unix:///path, not "
                "in the folder of the CSI socket. Only your own user may connect.",
        .type = OPTION_STRING,
        .check = check_socket,
        .to.string = &control->socket,
    };
    rows[1] = (struct option){
        .name = "calls",
        .value = "N",
        .fallback = "10000",
        .help = "How many of the newest calls are kept of each session, at most 16 MiB of them. "
                "For --control.",
        .type = OPTION_INTEGER,
        .min = 1,
        .max = 1000000,
        .to.integer = &control->calls,
    };
    rows[2] = (struct option){
        .name = "sessions",
        .value = "N",
        .fallback = "16",
        .help = "How many sessions there may be besides that of the process. Each may hold as much "
                "as --memory and --calls allow. For --control.",
        .type = OPTION_INTEGER,
        .min = 0,
        .max = 1000,
        .to.integer = &control->sessions,
    };
    rows[3] = (struct option){
        .name = "http-control",
        .value = "WHERE",
        .fallback = "off",
        .help = "Serve luacsi.v1.Control as JSON over HTTP, too: off; loopback, where only this "
                "host can reach the HTTP endpoint; or any. It has no authentication.",
        .type = OPTION_CHOICE,
        .choices = places,
        .to.choice = &control->http,
    };
}

int control_options_check(const struct control_options *control, const char *http, struct err *err)
{
    if (control->http == CONTROL_HTTP_OFF)
        return 0;
    if (!http)
        return err_set(err, STATUS_INVALID_ARGUMENT, "--http-control needs --http-endpoint");
    if (control->http == CONTROL_HTTP_LOOPBACK && !httpd_is_loopback(http))
        return err_set(err, STATUS_INVALID_ARGUMENT,
                       "--http-control: expected an --http-endpoint that only this host can reach, "
                       "such as 127.0.0.1:9808, got %s; --http-control=any lets all of them in",
                       http);
    return 0;
}
