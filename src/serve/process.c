/* Puts the parts of a serving process together and takes them apart, in one order. The calling
 * thread becomes the loop thread. */
#include "serve/process.h"

#include "base/log.h"
#include "csi/catalog.h"
#include "io/clock.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "io/store_saver.h"
#include "io/trim.h"
#include "io/upstream.h"
#include "serve/admin.h"
#include "serve/confine.h"
#include "serve/control.h"
#include "serve/fixture.h"
#include "serve/health.h"
#include "serve/listener.h"
#include "serve/metrics.h"
#include "serve/outage.h"
#include "serve/places.h"
#include "serve/prober.h"
#include "serve/reflection.h"
#include "serve/registration.h"
#include "serve/scripts.h"
#include "serve/server.h"
#include "serve/side_server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char descriptors[] = "csi.desc";

enum { MOST_HOST_BYTES = 64 * 1024 }; /* of a request that the script does not see */

/* Each part is NULL until it is there. */
struct process {
    const struct process_options *options;
    struct scripts *scripts;
    struct listener *listener;
    struct outage *outage;
    struct loop *loop;
    struct server *server;
    struct side_server *control_server;
    struct control control;
    struct registration *registration;
    unsigned serving; /* of these three, those that have not ended */
    struct iothread *io;
    struct store_saver *saver;
    struct upstream *upstream;
    struct fixture *fixture;
    struct prober *prober;
    struct health *health;
    struct metrics *metrics;
    struct admin *admin;
    char registration_path[PATH_MAX]; /* in the directory for it */
    struct confined confined;
    time_t started;
    bool stopping; /* a signal has come */
};

static void on_connection(void *data, int fd)
{
    struct process *process = data;
    server_add_connection(process->server, fd);
}

static void on_calls_finished(void *data)
{
    struct process *process = data;
    if (--process->serving == 0)
        loop_stop(process->loop);
}

static void shut_down(struct process *process, int64_t grace)
{
    process->serving = (process->server ? 1U : 0U) + (process->control_server ? 1U : 0U) +
                       (process->registration ? 1U : 0U);
    outage_stop(process->outage);
    if (process->registration) /* first: the kubelet is to forget a driver that goes */
        registration_shutdown(process->registration, on_calls_finished, process);
    if (process->listener)
        listener_stop(process->listener);
    if (process->server)
        server_shutdown(process->server, grace, on_calls_finished, process);
    if (process->control_server)
        side_server_shutdown(process->control_server, grace, on_calls_finished, process);
}

/* The first time it lets calls in flight finish, the next time it does not. */
static void end(struct process *process)
{
    if (!process->stopping) {
        process->stopping = true;
        control_stop(&process->control);
        shut_down(process, process->options->grace);
        return;
    }
    server_cancel_calls(process->server);
    if (process->control_server)
        side_server_cancel_calls(process->control_server);
}

/* luacsi.v1.Control asks for it. */
static void on_stop(void *data)
{
    log_info("Stopping", log_str("by", control_service));
    end(data);
}

/* SIGHUP reloads the script, the others end the process. */
static void on_signal(void *data, int number)
{
    struct process *process = data;
    if (!process->server) /* among the last events of the loop, when the parts are taken apart */
        return;
    if (number == SIGHUP) {
        scripts_reload(process->scripts);
        return;
    }
    log_info("Stopping", log_str("signal", strsignal(number)));
    end(process);
}

static int open_state(struct process *process, struct err *err)
{
    const struct process_options *options = process->options;
    if (!options->state)
        return 0;
    process->saver = store_saver_new(options->vm.store, options->state, options->state_reset, err);
    return process->saver ? 0 : -1;
}

static int open_fixture(struct process *process, struct err *err)
{
    if (!process->options->record)
        return 0;
    process->fixture = fixture_new(process->options->record_times, err);
    return process->fixture ? 0 : -1;
}

static void confine(struct process *process)
{
    const struct endpoint *control = process->options->control;
    const struct confine confine = {
        .script = process->options->script,
        .sockets = {process->options->endpoint->path, control ? control->path : "",
                    process->registration_path},
        .file = process->saver ? store_saver_path(process->saver) : process->options->record,
        .upstream = process->options->upstream,
        .perms = process->options->vm.perms,
    };
    confine_self(&confine, &process->confined);
}

static void fill_report(const struct process *process, struct status_report *report)
{
    report->upstream = process->upstream ? upstream_text(process->upstream) : NULL;
    server_report(process->server, report);
    scripts_report(process->scripts, report);
    if (process->registration)
        registration_report(process->registration, report);
}

static void answer_status(const struct process *process, struct host_call *call)
{
    struct status_report report = {.started = process->started};
    struct bytes reply;
    struct err err;
    fill_report(process, &report);
    if (status_reply(&report, call->arena, &reply, &err))
        host_call_fail(call, &err);
    else
        host_call_reply(call, reply);
}

/* luacsi.v1.Host has one method, and so has grpc.health.v1 beside its stream. */
static void answer_as_host(void *data, struct host_call *call)
{
    struct process *process = data;
    if (strcmp(call->method->service, "luacsi.v1.Host") == 0)
        answer_status(process, call);
    else
        health_check(process->health, call);
}

static void vanish(void *data, int64_t duration)
{
    struct process *process = data;
    outage_begin(process->outage, duration);
}

/* The driver's name, for the labels; only a constant one is known without a call. */
static void write_metrics(void *data, FILE *file)
{
    const struct process *process = data;
    struct status_report report = {.started = process->started};
    char name[64];
    fill_report(process, &report);
    scripts_driver_name(process->scripts, name, sizeof(name));
    metrics_write(process->metrics, &report, name, file);
}

/* Whether calls are kept, and sessions may be made. */
static bool has_control(const struct process_options *options)
{
    return options->control || options->http_control;
}

static int start_http(struct process *process, struct err *err)
{
    const struct admin_options options = {
        .endpoint = process->options->http,
        .loop = process->loop,
        .prober = process->prober,
        .control = process->options->http_control ? &process->control : NULL,
        .is_public = process->options->http_public,
        .write_metrics = write_metrics,
        .data = process,
    };
    process->metrics = metrics_new();
    if (!process->metrics)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the HTTP endpoint");
    process->admin = admin_start(&options, err);
    server_count(process->server, process->metrics);
    return process->admin ? 0 : -1;
}

static int start_server(struct process *process, struct err *err)
{
    process->prober = prober_new(process->scripts);
    process->health = health_new(process->prober, process->loop);
    process->outage = outage_new(process->listener, process->loop);
    if (!process->prober || !process->health || !process->outage)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the server");
    const struct server_options options = {
        .loop = process->loop,
        .methods = catalog_methods(),
        .n_methods = CATALOG_SERVED,
        .vm = scripts_vm(process->scripts),
        .sessions = has_control(process->options) ? scripts_sessions(process->scripts) : NULL,
        .max_in_flight = process->options->max_in_flight,
        .upstream = process->upstream,
        .fixture = process->fixture,
        .answer = answer_as_host,
        .vanish = vanish,
        .data = process,
        .most_host_bytes = MOST_HOST_BYTES,
        .streams = {reflection_v1(descriptors), reflection_v1alpha(descriptors),
                    health_watch(process->health)},
    };
    process->server = server_new(&options, err);
    return process->server ? 0 : -1;
}

static int open_control(struct process *process, struct err *err)
{
    const struct endpoint *endpoint = process->options->control;
    const struct side_server_options options = {
        .endpoint = endpoint,
        .mode = S_IRUSR | S_IWUSR,
        .loop = process->loop,
        .service = control_service,
        .descriptors = "control.desc",
        .most_bytes = CONTROL_MOST_BYTES,
        .answer = control_answer,
        .data = &process->control,
    };
    process->control = (struct control){
        .loop = process->loop,
        .sessions = scripts_sessions(process->scripts),
        .started = process->started,
        .stop = on_stop,
        .data = process,
    };
    if (!endpoint)
        return 0;
    process->control_server = side_server_new(&options, err);
    return process->control_server ? 0 : -1;
}

/* Its socket comes when the driver's name is known. */
static int open_registration(struct process *process, struct err *err)
{
    const struct registration_options options = {
        .kubelet_path = process->options->kubelet_path,
        .directory = process->options->registration_dir,
        .scripts = process->scripts,
        .loop = process->loop,
    };
    if (!options.directory)
        return 0;
    process->registration = registration_new(&options, err);
    return process->registration ? 0 : -1;
}

static void go_on(void *data);

static void on_script_changed(void *data)
{
    struct process *process = data;
    if (process->registration)
        registration_renew(process->registration);
}

static int start_scripts(struct process *process, struct err *err)
{
    const struct scripts_start start = {
        .loop = process->loop,
        .io = process->io,
        .server = process->server,
        .watch = process->options->watch,
        .go_on = go_on,
        .changed = on_script_changed,
        .data = process,
    };
    return scripts_start(process->scripts, &start, err);
}

static int start_listening(struct process *process, struct err *err)
{
    iothread_on_signal(process->io, on_signal, process);
    trim_start(process->io);
    if (process->control_server && side_server_start(process->control_server, process->io, err))
        return -1;
    return listener_start(process->listener, process->io, process->loop, on_connection, process,
                          err);
}

static int load_scripts(struct process *process, struct err *err)
{
    const struct process_options *options = process->options;
    if (options->upstream && !(process->upstream = upstream_new(options->upstream, err)))
        return -1;
    struct scripts_options scripts = {
        .script = options->script,
        .most_sessions = options->sessions,
        .calls = has_control(options) ? options->calls : 0,
        .vm = options->vm,
    };
    scripts.vm.upstream = process->upstream;
    scripts.vm.measure_cpu = options->http != NULL;
    process->scripts = scripts_new(&scripts, err);
    return process->scripts ? 0 : -1;
}

/* Signals stay deadly until the script has loaded: one that never ends can be stopped. */
static int start(struct process *process, struct err *err)
{
    const struct process_options *options = process->options;
    if (places_check(options, process->registration_path, err) || open_state(process, err) ||
        open_fixture(process, err))
        return -1;
    confine(process);
    if (catalog_init(err) || load_scripts(process, err))
        return -1;
    iothread_block_signals();
    if (process->saver && store_saver_start(process->saver, err))
        return -1;
    /* whoever sees CSI's socket may use the other one */
    if (!(process->loop = loop_new(err)) || open_control(process, err) ||
        !(process->listener = listener_open(options->endpoint, options->mode, err)))
        return -1;
    if (process->upstream)
        upstream_open(process->upstream);
    if (start_server(process, err) || !(process->io = iothread_start(process->loop, err)))
        return -1;
    if (open_registration(process, err) || start_scripts(process, err) ||
        (options->http && start_http(process, err)))
        return -1;
    return start_listening(process, err);
}

/* Also for a process that did not start: what is not there is left out. */
static void stop(struct process *process)
{
    outage_stop(process->outage);
    if (process->listener)
        listener_stop(process->listener);
    admin_stop(process->admin);
    if (process->scripts)
        scripts_stop(process->scripts);
    prober_stop(process->prober);
    if (process->io)
        iothread_stop(process->io);
    if (process->server)
        server_free(process->server);
    process->server = NULL;
    side_server_close(process->control_server);
    store_saver_stop(process->saver);
    if (process->upstream)
        upstream_close(process->upstream);
    if (process->loop)
        loop_free(process->loop);
    outage_free(process->outage);
    upstream_free(process->upstream);
    listener_free(process->listener);
    side_server_free(process->control_server);
    registration_free(process->registration);
    iothread_free(process->io);
    scripts_free(process->scripts);
    admin_free(process->admin);
    health_free(process->health);
    prober_free(process->prober);
    metrics_free(process->metrics);
    fixture_free(process->fixture);
}

/* On a thread that has taken the place of the calling one, which is stuck for good. */
static void go_on(void *data)
{
    struct process *process = data;
    loop_run(process->loop);
    log_info("Stopped");
    stop(process);
    _exit(0);
}

/* Ends servers that never served: their armed calls come back through the loop. */
static void abandon_servers(struct process *process)
{
    shut_down(process, 0);
    loop_run(process->loop);
}

static int save_recording(const struct process *process, struct err *err)
{
    const struct process_options *options = process->options;
    if (!process->fixture)
        return 0;
    if (fixture_save(process->fixture, options->record, options->upstream->text, err))
        return err_prefix(err, "the recording is lost: ");
    log_info("Recorded", log_str("file", options->record));
    return 0;
}

static const char *script_name(const struct process_options *options)
{
    return options->script ? options->script : options->upstream ? "none" : "built-in";
}

int process_run(const struct process_options *options, struct err *err)
{
    struct process process = {.options = options, .started = time(NULL)};
    int failed = start(&process, err);
    if (failed) {
        if (process.server || process.control_server)
            abandon_servers(&process);
    } else {
        places_warn(options);
        log_info("Serving", log_str("endpoint", options->endpoint->text),
                 log_str("script", script_name(options)),
                 log_if("upstream", options->upstream ? options->upstream->text : NULL),
                 log_int("pid", getpid()), log_int("seed", vm_seed(scripts_vm(process.scripts))),
                 log_if("clock", clock_is_virtual() ? "virtual" : NULL));
        confine_log(&process.confined);
        if (process.registration)
            registration_start(process.registration, process.io);
        loop_run(process.loop);
        failed = save_recording(&process, err);
        log_info("Stopped");
    }
    stop(&process);
    return failed;
}
