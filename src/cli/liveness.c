/* luacsi liveness: the flags of a liveness driver. */
#include "serve/liveness.h"

#include "base/log.h"
#include "cli/address.h"
#include "cli/commands.h"
#include "cli/log_options.h"
#include "serve/httpd.h"

#include <string.h>

enum { OWN_OPTIONS = 5 };

static int check_metrics_path(const char *path, struct err *err)
{
    if (path[0] == '/' && strlen(path) < 200 && strcmp(path, "/healthz") != 0)
        return 0;
    return err_set(err, STATUS_INVALID_ARGUMENT,
                   "expected a path such as /metrics, other than /healthz, got \"%.80s\"", path);
}

static int fail_missing(const char *flag, const char *value)
{
    struct err err;
    err_set(&err, STATUS_INVALID_ARGUMENT, "%s: expected a value (%s), got none", flag, value);
    return options_fail("liveness", EXIT_USAGE, err.text);
}

static void rows(struct liveness_options *liveness, struct option options[OWN_OPTIONS])
{
    options[0] = address_option(&liveness->endpoint);
    options[1] = (struct option){
        .name = "polltime",
        .value = "DURATION",
        .fallback = "60s",
        .help = "From one Probe to the next.",
        .type = OPTION_DURATION,
        .to.integer = &liveness->polltime,
    };
    options[2] = (struct option){
        .name = "timeout",
        .value = "DURATION",
        .fallback = "3s",
        .help = "How long a Probe may take.",
        .type = OPTION_DURATION,
        .to.integer = &liveness->timeout,
    };
    options[3] = (struct option){
        .name = "http-endpoint",
        .value = "ADDRESS:PORT",
        .help = "Serve /healthz and the metrics over HTTP there; required.",
        .type = OPTION_STRING,
        .check = httpd_check_endpoint,
        .to.string = &liveness->http,
    };
    options[4] = (struct option){
        .name = "metrics-path",
        .value = "PATH",
        .fallback = "/metrics",
        .help = "Where the metrics are.",
        .type = OPTION_STRING,
        .check = check_metrics_path,
        .to.string = &liveness->metrics_path,
    };
}

static int run(struct liveness_options *liveness, const struct log_options *log)
{
    char address[ADDRESS_TEXT];
    struct err err;
    if (!liveness->http)
        return fail_missing("--http-endpoint", "ADDRESS:PORT");
    if (liveness->polltime == 0 || liveness->timeout == 0)
        return options_fail("liveness", EXIT_USAGE,
                            "--polltime and --timeout: expected more than 0");
    if (address_complete(&liveness->endpoint, address, false, &err))
        return options_fail("liveness", EXIT_USAGE, err.text);
    log_options_init(log);
    liveness_run(liveness, &err);
    return options_fail("liveness", err.code == STATUS_UNAVAILABLE ? EXIT_USAGE : EXIT_ERROR,
                        err.text);
}

int command_liveness(int argc, char **argv)
{
    struct liveness_options liveness = {0};
    struct log_options log;
    struct option options[OWN_OPTIONS + LOG_OPTIONS];
    rows(&liveness, options);
    log_options_rows(&log, options + OWN_OPTIONS);
    const struct command command = {
        .name = "liveness",
        .arguments = "",
        .about =
            "Asks a driver's Probe again and again, on one connection, and tells over HTTP:\n"
            "the metric csi_liveness is 1 or 0; /healthz asks by itself, on a new connection.\n"
            "Logs only when something has changed.\n",
        .notes =
            "Exit codes: 0 stopped by a signal; 1 it cannot start; 2 wrong usage, or the HTTP\n"
            "address is taken.\n",
        .options = options,
        .n_options = OWN_OPTIONS + LOG_OPTIONS,
    };
    struct arguments none;
    int exit_code;
    if (!options_parse(&command, argc, argv, &none, &exit_code))
        return exit_code;
    return run(&liveness, &log);
}
