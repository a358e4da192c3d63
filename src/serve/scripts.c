/* Owns the sessions, and what may bring a new state to all of them: the watch on the files, the
 * watchdog. */
#include "serve/scripts.h"

#include "base/log.h"
#include "csi.pb-c.h"
#include "csi/catalog.h"
#include "csi/message.h"
#include "script/interrupt.h"
#include "script/prepared.h"
#include "serve/watch.h"
#include "serve/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MOST_STUCK = 3,  /* threads given up, then the process ends */
    EXIT_STUCK = 70, /* EX_SOFTWARE of sysexits.h */
    STACK_BYTES = 2 * 1024 * 1024,
};

static const int64_t watchdog_margin = 100000000; /* the hook gets the chance to end it first */

struct scripts {
    struct scripts_options options;
    struct scripts_start start;
    struct sessions *sessions;
    struct watchdog *watchdog;
    struct watch *watch;
    atomic_uint stuck; /* threads given up; the I/O thread counts */
};

/* ---- one that is taken over ---- */

struct upstream *scripts_upstream(const struct scripts *scripts)
{
    return scripts->options.vm.upstream;
}

struct loop *scripts_loop(const struct scripts *scripts)
{
    return scripts->start.loop;
}

static void watch_vm(struct scripts *scripts, const struct vm *vm)
{
    size_t n;
    const char *const *files = vm_files(vm, &n);
    if (scripts->watch)
        watch_files(scripts->watch, files, vm_file_stats(vm), n);
}

static void on_taken(void *data, struct session *session)
{
    struct scripts *scripts = data;
    if (session != sessions_main(scripts->sessions))
        return;
    server_answer_with(scripts->start.server, session_vm(session));
    watch_vm(scripts, session_vm(session));
    scripts->start.changed(scripts->start.data);
}

/* Its mistake may be in a module that it did not have before. */
static void on_refused(void *data, struct session *session, const struct vm *vm)
{
    struct scripts *scripts = data;
    if (session == sessions_main(scripts->sessions))
        watch_vm(scripts, vm);
}

struct scripts *scripts_new(const struct scripts_options *options, struct err *err)
{
    struct scripts *scripts = calloc(1, sizeof(*scripts));
    if (!scripts) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a script");
        return NULL;
    }
    const struct sessions_options sessions = {
        .vm = options->vm,
        .script = options->script,
        .most = options->most_sessions,
        .calls = options->calls,
        .taken = on_taken,
        .refused = on_refused,
        .data = scripts,
    };
    scripts->options = *options;
    scripts->sessions = sessions_new(&sessions, err);
    if (!scripts->sessions || sessions_load(scripts->sessions, EXIT_FAILURE, err)) {
        scripts_free(scripts);
        return NULL;
    }
    return scripts;
}

struct sessions *scripts_sessions(const struct scripts *scripts)
{
    return scripts->sessions;
}

struct vm *scripts_vm(const struct scripts *scripts)
{
    return session_vm(sessions_main(scripts->sessions));
}

void scripts_reload(struct scripts *scripts)
{
    for (struct session *session = NULL;
         (session = sessions_next(scripts->sessions, session)) != NULL;)
        session_reload(session, true);
}

/* A file has changed; a session that is not made of it stays as it is. */
static void on_changed(void *data)
{
    struct scripts *scripts = data;
    for (struct session *session = NULL;
         (session = sessions_next(scripts->sessions, session)) != NULL;)
        session_reload(session, false);
}

/* ---- a thread that is stuck ---- */

/* On the thread that takes the stuck one's place. Whichever vm it is stuck in, the others have lost
 * their thread, too. */
static void *take_over(void *data)
{
    struct scripts *scripts = data;
    struct err err;
    pthread_setname_np(pthread_self(), "luacsi");
    if (sessions_load(scripts->sessions, EXIT_STUCK, &err)) {
        log_error("No fresh state for the script", log_str("reason", err.text));
        _exit(EXIT_STUCK);
    }
    sessions_start(scripts->sessions, scripts->start.loop, scripts->start.io,
                   watchdog_guard(scripts->watchdog));
    scripts->start.go_on(scripts->start.data);
    return NULL;
}

/* On the I/O thread; the loop thread has been given up. */
static void on_stuck(void *data)
{
    struct scripts *scripts = data;
    pthread_t thread;
    pthread_attr_t attributes;
    log_error("A handler is stuck inside one C function; its state is given up",
              log_int("times", atomic_fetch_add(&scripts->stuck, 1) + 1));
    if (atomic_load(&scripts->stuck) >= MOST_STUCK) {
        log_error("Too many threads are stuck, the process ends");
        _exit(EXIT_STUCK);
    }
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, take_over, scripts) != 0)
        _exit(EXIT_STUCK);
    pthread_attr_destroy(&attributes);
}

/* ---- start and stop ---- */

int scripts_start(struct scripts *scripts, const struct scripts_start *start, struct err *err)
{
    scripts->start = *start;
    interrupt_install();
    scripts->watchdog = watchdog_start(start->io, scripts->options.vm.handler_cpu + watchdog_margin,
                                       on_stuck, scripts, err);
    if (!scripts->watchdog)
        return -1;
    struct guard *guard = watchdog_guard(scripts->watchdog);
    if (!guard)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the watchdog");
    if (start->watch && scripts->options.script &&
        !(scripts->watch = watch_start(start->io, start->loop, on_changed, scripts, err)))
        return -1;
    sessions_start(scripts->sessions, start->loop, start->io, guard);
    return 0;
}

void scripts_driver_name(const struct scripts *scripts, char *name, size_t size)
{
    const struct method *method = catalog_method("GetPluginInfo");
    const struct handler *handler = vm_handler(scripts_vm(scripts), method);
    const struct prepared *prepared = handler->prepared;
    struct arena arena;
    struct err err;
    arena_init(&arena, SIZE_MAX);
    const ProtobufCMessage *info =
        prepared && prepared->status == STATUS_OK
            ? message_unpack(method->response->pb, GRPC_SLICE_START_PTR(prepared->bytes),
                             GRPC_SLICE_LENGTH(prepared->bytes), &arena, &err)
            : NULL;
    snprintf(name, size, "%s",
             info ? ((const Csi__V1__GetPluginInfoResponse *)info)->name : "unknown");
    arena_fini(&arena);
}

void scripts_report(const struct scripts *scripts, struct status_report *report)
{
    const struct session *session = NULL;
    while ((session = sessions_next(scripts->sessions, session)) != NULL)
        session_add_report(session, report);
    session_report(sessions_main(scripts->sessions), report);
    report->abandoned_threads = (int64_t)atomic_load(&scripts->stuck);
}

void scripts_stop(struct scripts *scripts)
{
    sessions_stop(scripts->sessions);
    if (!scripts->start.loop)
        return;
    watch_stop(scripts->watch);
    watchdog_stop(scripts->watchdog);
}

void scripts_free(struct scripts *scripts)
{
    if (!scripts)
        return;
    watch_free(scripts->watch);
    watchdog_free(scripts->watchdog);
    sessions_free(scripts->sessions);
    free(scripts);
}
