/* Owns the rows of --endpoint, --socket-mode, --grace and --max-in-flight. The main thread. */
#include "cli/listen_options.h"

void listen_options_rows(struct listen_options *listen, struct option rows[LISTEN_OPTIONS])
{
    rows[0] = address_option(&listen->address);
    rows[1] = (struct option){
        .name = "socket-mode",
        .value = "MODE",
        .fallback = "0600",
        .help = "Permissions of the UNIX socket, in octal.",
        .type = OPTION_MODE,
        .to.mode = &listen->socket_mode,
    };
    rows[2] = (struct option){
        .name = "grace",
        .value = "DURATION",
        .fallback = "5s",
        .help = "How long calls in flight may take to finish after SIGTERM or SIGINT.",
        .type = OPTION_DURATION,
        .to.integer = &listen->grace,
    };
    rows[3] = (struct option){
        .name = "max-in-flight",
        .value = "N",
        .fallback = "1000",
        .help = "How many calls may be in flight; one more ends in RESOURCE_EXHAUSTED.",
        .type = OPTION_INTEGER,
        .min = 1,
        .max = 1000000,
        .to.integer = &listen->max_in_flight,
    };
}

int listen_options_fill(struct listen_options *listen, struct process_options *options,
                        struct err *err)
{
    if (address_complete(&listen->address, listen->text, true, err) ||
        endpoint_parse(&listen->endpoint, listen->address, err))
        return -1;
    options->endpoint = &listen->endpoint;
    options->mode = listen->socket_mode;
    options->grace = listen->grace;
    options->max_in_flight = (size_t)listen->max_in_flight;
    return 0;
}
