/* luacsi serve: the flags of a serving process. */
#include "base/log.h"
#include "cli/clock_options.h"
#include "cli/commands.h"
#include "cli/control_options.h"
#include "cli/kubelet_options.h"
#include "cli/listen_options.h"
#include "cli/log_options.h"
#include "cli/script_options.h"
#include "cli/upstream_option.h"
#include "serve/httpd.h"
#include "serve/process.h"

#include <stdio.h>

struct serve {
    struct script_options script;
    struct listen_options listen;
    struct log_options log;
    struct clock_options clock;
    const char *state;
    bool state_reset;
    bool no_watch;
    const char *http;
    const char *upstream;
    struct control_options control;
    struct kubelet_options kubelet;
};

enum {
    OWN_OPTIONS = 5,
    ALL_OPTIONS = LISTEN_OPTIONS + OWN_OPTIONS + KUBELET_OPTIONS + CONTROL_OPTIONS + LOG_OPTIONS +
                  CLOCK_OPTIONS + SCRIPT_OPTIONS,
};

static void rows(struct serve *serve, struct option options[ALL_OPTIONS])
{
    listen_options_rows(&serve->listen, options);
    options += LISTEN_OPTIONS;
    options[0] = (struct option){
        .name = "state",
        .value = "FILE",
        .help = "Keep csi.store in FILE over a restart; not in the socket's folder.",
        .type = OPTION_STRING,
        .to.string = &serve->state,
    };
    options[1] = (struct option){
        .name = "state-reset",
        .help = "When that FILE is corrupt, rename it to FILE.corrupt and begin with an empty "
                "store.",
        .type = OPTION_BOOL,
        .to.boolean = &serve->state_reset,
    };
    options[2] = (struct option){
        .name = "no-watch",
        .help = "Reload the script only at SIGHUP, not when its file changes.",
        .type = OPTION_BOOL,
        .to.boolean = &serve->no_watch,
    };
    options[3] = (struct option){
        .name = "http-endpoint",
        .value = "ADDRESS:PORT",
        .help = "Serve /healthz, /livez, /readyz, /metrics and /version over HTTP there.",
        .type = OPTION_STRING,
        .check = httpd_check_endpoint,
        .to.string = &serve->http,
    };
    options[4] = upstream_option(
        &serve->upstream, "The driver that answers what the script does not; as of --endpoint.");
    options += OWN_OPTIONS;
    kubelet_options_rows(&serve->kubelet, options);
    options += KUBELET_OPTIONS;
    control_options_rows(&serve->control, options);
    options += CONTROL_OPTIONS;
    log_options_rows(&serve->log, options);
    clock_options_rows(&serve->clock, options + LOG_OPTIONS);
    script_options_rows(&serve->script, options + LOG_OPTIONS + CLOCK_OPTIONS);
}

static void log_problem(void *data, const struct vm_problem *problem)
{
    (void)data;
    log_write(problem->severity == VM_ERROR ? LOG_ERROR : LOG_WARNING, problem->file, problem->line,
              problem->text,
              (const struct log_field[]){log_if("id", problem->id), {.kind = LOG_END}});
}

static int serve_script(struct serve *serve, const char *script)
{
    struct process_options options = {
        .script = script,
        .state = serve->state,
        .state_reset = serve->state_reset,
        .watch = !serve->no_watch,
        .calls = (size_t)serve->control.calls,
        .sessions = (size_t)serve->control.sessions,
        .http = serve->http,
        .http_control = serve->control.http != CONTROL_HTTP_OFF,
        .http_public = serve->control.http == CONTROL_HTTP_ANY,
        .kubelet_path = serve->kubelet.path,
        .registration_dir = serve->kubelet.directory,
        .vm.problem = log_problem,
    };
    struct endpoint control, upstream;
    struct err err;
    script_options_fill(&serve->script, &options.vm);
    clock_options_fill(&serve->clock, &options.vm);
    if (listen_options_fill(&serve->listen, &options, &err) ||
        (serve->control.socket && endpoint_parse(&control, serve->control.socket, &err)) ||
        control_options_check(&serve->control, serve->http, &err) ||
        kubelet_options_check(&serve->kubelet, options.endpoint, &err) ||
        (serve->upstream && upstream_parse(&upstream, serve->upstream, options.endpoint, &err)))
        return options_fail("serve", EXIT_USAGE, err.text);
    options.control = serve->control.socket ? &control : NULL;
    options.upstream = serve->upstream ? &upstream : NULL;
    log_options_init(&serve->log);
    clock_options_init(&serve->clock);
    if (process_run(&options, &err) == 0)
        return EXIT_OK;
    bool taken = err.code == STATUS_UNAVAILABLE || err.code == STATUS_ALREADY_EXISTS;
    return options_fail("serve", taken ? EXIT_USAGE : EXIT_ERROR, err.text);
}

static int run(struct serve *serve, const char *script)
{
    struct err err;
    int exit_code = script_options_open(&serve->script, &err)
                        ? options_fail("serve", EXIT_USAGE, err.text)
                        : serve_script(serve, script);
    script_options_close(&serve->script);
    return exit_code;
}

int command_serve(int argc, char **argv)
{
    struct serve serve = {0};
    struct option options[ALL_OPTIONS];
    rows(&serve, options);
    const struct command command = {
        .name = "serve",
        .arguments = "[SCRIPT]",
        .max_arguments = 1,
        .about = "Serves the answers of SCRIPT, of the driver behind it, or a built-in identity, "
                 "until\n"
                 "SIGTERM or SIGINT.\n"
                 "SIGHUP, or saving SCRIPT, makes it take up the changed script.\n",
        .notes = "Exit codes: 0 stopped by a signal; 1 the script does not load or the socket "
                 "cannot be\n"
                 "bound; 2 wrong usage, or an address is taken; 70 too many threads are "
                 "stuck.\n",
        .options = options,
        .n_options = ALL_OPTIONS,
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    return run(&serve, arguments.count > 0 ? arguments.items[0] : NULL);
}
