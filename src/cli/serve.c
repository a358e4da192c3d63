/* luacsi serve: the flags of a serving process. */
#include "base/log.h"
#include "cli/address.h"
#include "cli/commands.h"
#include "cli/script_options.h"
#include "serve/process.h"

#include <stdio.h>

struct serve {
    struct script_options script;
    const char *endpoint;
    char address[ADDRESS_TEXT];
    unsigned socket_mode;
    int64_t grace;
    int64_t verbosity;
    int log_format;
};

/* In the order of enum log_format. */
static const char *const log_formats[] = {"text", "json", NULL};

enum { OWN_OPTIONS = 5 };

static void rows(struct serve *serve, struct option options[OWN_OPTIONS + SCRIPT_OPTIONS])
{
    options[0] = address_option(&serve->endpoint);
    options[1] = (struct option){
        .name = "socket-mode",
        .value = "MODE",
        .fallback = "0600",
        .help = "Permissions of the UNIX socket, in octal.",
        .type = OPTION_MODE,
        .to.mode = &serve->socket_mode,
    };
    options[2] = (struct option){
        .name = "grace",
        .value = "DURATION",
        .fallback = "5s",
        .help = "How long calls in flight may take to finish after SIGTERM or SIGINT.",
        .type = OPTION_DURATION,
        .to.integer = &serve->grace,
    };
    options[3] = (struct option){
        .name = "v",
        .value = "LEVEL",
        .fallback = "0",
        .help = "How much to log: 4 each call, 5 each Probe too.",
        .type = OPTION_INTEGER,
        .min = 0,
        .max = 10,
        .to.integer = &serve->verbosity,
    };
    options[4] = (struct option){
        .name = "logging-format",
        .value = "FORMAT",
        .fallback = "text",
        .help = "How log lines on standard error look: text (klog's form) or json.",
        .type = OPTION_CHOICE,
        .choices = log_formats,
        .to.choice = &serve->log_format,
    };
    script_options_rows(&serve->script, options + OWN_OPTIONS);
}

static void log_problem(void *data, const struct vm_problem *problem)
{
    (void)data;
    log_write(problem->severity == VM_ERROR ? LOG_ERROR : LOG_WARNING, problem->file, problem->line,
              problem->text, &(const struct log_field){.kind = LOG_END});
}

static int run(struct serve *serve, const char *script)
{
    struct process_options options = {
        .script = script,
        .mode = serve->socket_mode,
        .grace = serve->grace,
        .vm.problem = log_problem,
    };
    struct endpoint endpoint;
    struct err err;
    script_options_fill(&serve->script, &options.vm);
    if (address_complete(&serve->endpoint, serve->address, true, &err) ||
        endpoint_parse(&endpoint, serve->endpoint, &err))
        return options_fail("serve", EXIT_USAGE, err.text);
    options.endpoint = &endpoint;
    log_init((enum log_format)serve->log_format, (int)serve->verbosity);
    if (process_run(&options, &err))
        return options_fail("serve", EXIT_ERROR, err.text);
    return EXIT_OK;
}

int command_serve(int argc, char **argv)
{
    struct serve serve = {0};
    struct option options[OWN_OPTIONS + SCRIPT_OPTIONS];
    rows(&serve, options);
    const struct command command = {
        .name = "serve",
        .arguments = "[SCRIPT]",
        .max_arguments = 1,
        .about = "Serves the answers of SCRIPT, or a built-in identity, until SIGTERM or SIGINT.\n",
        .notes = "Exit codes: 0 stopped by a signal; 1 the script does not load or the socket "
                 "cannot be\n"
                 "bound; 2 wrong usage.\n",
        .options = options,
        .n_options = OWN_OPTIONS + SCRIPT_OPTIONS,
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    return run(&serve, arguments.count > 0 ? arguments.items[0] : NULL);
}
