/* luacsi record: stands before a driver, and makes a script of what it answers. */
#include "base/path.h"
#include "cli/clock_options.h"
#include "cli/commands.h"
#include "cli/listen_options.h"
#include "cli/log_options.h"
#include "cli/script_options.h"
#include "cli/upstream_option.h"
#include "serve/process.h"

enum { OWN_OPTIONS = 3, ALL_OPTIONS = LISTEN_OPTIONS + OWN_OPTIONS + LOG_OPTIONS };

/* Of a state that runs no script. */
static const int64_t no_time = 1000000000;
enum { LITTLE_MEMORY = 4 * 1024 * 1024 };

struct record {
    struct listen_options listen;
    const char *upstream;
    const char *out;
    char path[PATH_MAX]; /* where that leads to */
    bool times;
    struct log_options log;
};

static void rows(struct record *record, struct option options[ALL_OPTIONS])
{
    listen_options_rows(&record->listen, options);
    options += LISTEN_OPTIONS;
    options[0] = upstream_option(&record->upstream, "The driver that answers; as of --endpoint. "
                                                    "Required.");
    options[1] = (struct option){
        .name = "out",
        .value = "FILE",
        .help = "Where the script goes, at the end; not in the socket's folder. Required.",
        .type = OPTION_STRING,
        .to.string = &record->out,
    };
    options[2] = (struct option){
        .name = "times",
        .help = "Keep how long the answers took; the script takes as long.",
        .type = OPTION_BOOL,
        .to.boolean = &record->times,
    };
    log_options_rows(&record->log, options + OWN_OPTIONS);
}

/* There is no script to have problems. */
static void ignore_problem(void *data, const struct vm_problem *problem)
{
    (void)data;
    (void)problem;
}

static int serve(struct record *record, struct script_options *script)
{
    const struct clock_options clock = {.seed = -1};
    struct process_options options = {
        .record = record->path,
        .record_times = record->times,
        .vm.problem = ignore_problem,
    };
    struct endpoint upstream;
    struct err err;
    script_options_fill(script, &options.vm);
    clock_options_fill(&clock, &options.vm);
    if (listen_options_fill(&record->listen, &options, &err) ||
        upstream_parse(&upstream, record->upstream, options.endpoint, &err) ||
        path_resolve(record->out, record->path, &err))
        return options_fail("record", EXIT_USAGE, err.text);
    options.upstream = &upstream;
    log_options_init(&record->log);
    return process_run(&options, &err) ? options_fail("record", EXIT_ERROR, err.text) : EXIT_OK;
}

static int run(struct record *record)
{
    struct script_options script = {
        .handler_timeout = no_time,
        .handler_cpu = no_time,
        .memory = LITTLE_MEMORY,
    };
    struct err err;
    int exit_code = script_options_open(&script, &err)
                        ? options_fail("record", EXIT_ERROR, err.text)
                        : serve(record, &script);
    script_options_close(&script);
    return exit_code;
}

int command_record(int argc, char **argv)
{
    struct record record = {0};
    struct option options[ALL_OPTIONS];
    rows(&record, options);
    const struct command command = {
        .name = "record",
        .arguments = "",
        .about = "Hands all calls on to the driver at --upstream. At SIGTERM or SIGINT it writes a "
                 "script\n"
                 "that answers as that driver did; `luacsi serve` serves it.\n",
        .notes = "Exit codes: 0 stopped by a signal, and the script is written; 1 the socket "
                 "cannot be bound\n"
                 "or the script cannot be written; 2 wrong usage.\n",
        .options = options,
        .n_options = ALL_OPTIONS,
    };
    struct arguments arguments;
    int exit_code;
    if (!options_parse(&command, argc, argv, &arguments, &exit_code))
        return exit_code;
    if (!record.upstream)
        return options_fail("record", EXIT_USAGE, "--upstream: expected the driver's address");
    if (!record.out)
        return options_fail("record", EXIT_USAGE, "--out: expected the path of a file");
    return run(&record);
}
