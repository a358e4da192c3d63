/* Puts the parts of a serving process together and takes them apart, in one order. The calling
 * thread becomes the loop thread. */
#include "serve/process.h"

#include "base/log.h"
#include "csi/catalog.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "serve/listener.h"
#include "serve/server.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Each part is NULL until it is there. */
struct process {
    const struct process_options *options;
    struct vm *vm;
    struct listener *listener;
    struct loop *loop;
    struct server *server;
    struct iothread *io;
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
    loop_stop(process->loop);
}

/* The first signal lets calls in flight finish, the next one does not. */
static void on_signal(void *data, int number)
{
    struct process *process = data;
    log_info("Stopping", log_str("signal", strsignal(number)));
    if (process->stopping) {
        server_cancel_calls(process->server);
        return;
    }
    process->stopping = true;
    listener_stop(process->listener);
    server_shutdown(process->server, process->options->grace, on_calls_finished, process);
}

static bool ends_in_sock(const char *path)
{
    size_t n = strlen(path);
    return n >= 5 && strcmp(path + n - 5, ".sock") == 0;
}

static int load(struct process *process, struct err *err)
{
    if (catalog_init(err))
        return -1;
    process->vm = vm_new(&process->options->vm, err);
    return process->vm ? vm_load(process->vm, process->options->script, err) : -1;
}

/* Signals stay deadly until the script has loaded: one that never ends can be stopped. */
static int start(struct process *process, struct err *err)
{
    const struct process_options *options = process->options;
    if (load(process, err))
        return -1;
    iothread_block_signals();
    if (!(process->listener = listener_open(options->endpoint, options->mode, err)) ||
        !(process->loop = loop_new(err)) ||
        !(process->server = server_new(process->loop, process->vm, err)) ||
        !(process->io = iothread_start(process->loop, err)))
        return -1;
    iothread_on_signal(process->io, on_signal, process);
    return listener_start(process->listener, process->io, process->loop, on_connection, process,
                          err);
}

/* Also for a process that did not start: what is not there is left out. */
static void stop(struct process *process)
{
    if (process->listener)
        listener_stop(process->listener);
    if (process->io)
        iothread_stop(process->io);
    if (process->server)
        server_free(process->server);
    if (process->vm)
        vm_free(process->vm);
    if (process->loop)
        loop_free(process->loop);
    listener_free(process->listener);
    iothread_free(process->io);
}

/* Ends a server that never served: its armed calls come back through the loop. */
static void abandon_server(struct process *process)
{
    server_shutdown(process->server, 0, on_calls_finished, process);
    loop_run(process->loop);
}

int process_run(const struct process_options *options, struct err *err)
{
    struct process process = {.options = options};
    int failed = start(&process, err);
    if (failed) {
        if (process.server)
            abandon_server(&process);
    } else {
        if (options->endpoint->path[0] && !ends_in_sock(options->endpoint->path))
            log_warning("CSI wants the socket's name to end in .sock",
                        log_str("endpoint", options->endpoint->text));
        log_info("Serving", log_str("endpoint", options->endpoint->text),
                 log_str("script", options->script ? options->script : "built-in"),
                 log_int("pid", getpid()));
        loop_run(process.loop);
        log_info("Stopped");
    }
    stop(&process);
    return failed;
}
