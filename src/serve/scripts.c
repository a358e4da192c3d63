/* Owns the vm that answers, and what may replace it: the loader, the watch on the files, the
 * watchdog. */
#include "serve/scripts.h"

#include "base/log.h"
#include "csi.pb-c.h"
#include "csi/catalog.h"
#include "csi/message.h"
#include "script/prepared.h"
#include "serve/loader.h"
#include "serve/patience.h"
#include "serve/watch.h"
#include "serve/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_STUCK = 3,  /* threads given up, then the process ends */
    EXIT_STUCK = 70, /* EX_SOFTWARE of sysexits.h */
    STACK_BYTES = 2 * 1024 * 1024,
};

static const int64_t watchdog_margin = 100000000; /* the hook gets the chance to end it first */

/* A vm that was replaced, until what is under way in it is done. */
struct retired {
    struct vm *vm;
    struct scripts *scripts;
    struct retired *next;
};

struct scripts {
    struct vm_options options;
    const char *path; /* NULL: the built-in identity */
    struct scripts_start start;
    struct vm *vm;
    struct retired *retired; /* newest first */
    struct guard *guard;     /* of the loop thread */
    struct watchdog *watchdog;
    struct watch *watch;
    struct loader *loader; /* NULL: no load is under way */
    bool again;            /* asked for since that load began */
    bool is_forced;        /* the load under way, or the next one, counts even if no file changed */
    struct timer patience; /* set while a load is under way: a script may hang in it for ever */
    atomic_uint stuck;     /* threads given up; the I/O thread counts */
    time_t loaded;         /* when the script that serves was taken over */
    char last_error[ERR_TEXT]; /* of the last reload; empty when it was taken over */
    uint64_t reloads;          /* that were taken over */
    uint64_t failed;           /* that were not */
    time_t last_failed;        /* when; 0: never */
};

/* ---- loading ---- */

/* On the calling thread, for which nobody can stand in: a load that is stuck ends the process. */
static struct vm *load(struct scripts *scripts, int exit_code, struct err *err)
{
    struct patience patience = {
        .limit = 2 * scripts->options.handler_wall,
        .text = "Loading the script is stuck inside one C function, the process ends",
        .exit_code = exit_code,
    };
    patience_begin(&patience);
    struct vm *vm = vm_new(&scripts->options, err);
    if (vm && vm_load(vm, scripts->path, err)) {
        vm_free(vm);
        vm = NULL;
    }
    patience_end(&patience);
    return vm;
}

struct scripts *scripts_new(const struct vm_options *options, const char *path, struct err *err)
{
    struct scripts *scripts = calloc(1, sizeof(*scripts));
    if (!scripts) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a script");
        return NULL;
    }
    scripts->options = *options;
    scripts->path = path;
    scripts->vm = load(scripts, EXIT_FAILURE, err);
    if (!scripts->vm) {
        free(scripts);
        return NULL;
    }
    return scripts;
}

struct vm *scripts_vm(const struct scripts *scripts)
{
    return scripts->vm;
}

static void watch_vm(struct scripts *scripts, const struct vm *vm)
{
    size_t n;
    const char *const *files = vm_files(vm, &n);
    if (scripts->watch)
        watch_files(scripts->watch, files, vm_file_stats(vm), n);
}

/* ---- taking over ---- */

static void on_idle(void *data)
{
    struct retired *retired = data;
    struct retired **place = &retired->scripts->retired;
    while (*place != retired)
        place = &(*place)->next;
    *place = retired->next;
    vm_free(retired->vm);
    free(retired);
}

static void retire(struct scripts *scripts, struct retired *retired, struct vm *vm)
{
    *retired = (struct retired){.vm = vm, .scripts = scripts, .next = scripts->retired};
    scripts->retired = retired;
    vm_retire(vm, on_idle, retired);
}

static void answer_with(struct scripts *scripts, struct vm *vm)
{
    scripts->loaded = time(NULL);
    scripts->last_error[0] = '\0';
    scripts->vm = vm;
    vm_start(vm, scripts->start.loop, scripts->start.io, scripts->guard);
    server_answer_with(scripts->start.server, vm);
    watch_vm(scripts, vm);
    scripts->start.changed(scripts->start.data);
}

/* Clients ask for these once, when they connect. */
static void warn_of_changes(const struct vm *before, const struct vm *after)
{
    static const char *const asked_once[] = {"GetPluginInfo", "GetPluginCapabilities",
                                             "ControllerGetCapabilities", "NodeGetCapabilities",
                                             "GroupControllerGetCapabilities"};
    for (size_t i = 0; i < sizeof(asked_once) / sizeof(asked_once[0]); i++) {
        const struct method *method = catalog_method(asked_once[i]);
        const struct handler *old = vm_handler(before, method);
        const struct handler *new = vm_handler(after, method);
        if (old->kind == HANDLER_PREPARED && new->kind == HANDLER_PREPARED &&
            !grpc_slice_eq(old->prepared->bytes, new->prepared->bytes))
            log_warning("A reply has changed that clients ask for only when they connect",
                        log_str("method", method->name));
    }
}

static void reload(struct scripts *scripts);

static void keep_the_one_before(struct scripts *scripts, const char *reason)
{
    scripts->failed++;
    scripts->last_failed = time(NULL);
    snprintf(scripts->last_error, sizeof(scripts->last_error), "%s", reason);
    log_error("Script not reloaded, the one before goes on", log_str("reason", reason));
}

/* False, and the vm is gone, when memory is short. */
static bool replace(struct scripts *scripts, struct vm *vm)
{
    struct vm *before = scripts->vm;
    struct retired *retired = malloc(sizeof(*retired));
    if (!retired) {
        vm_free(vm);
        return false;
    }
    scripts->is_forced = false;
    scripts->reloads++;
    log_info("Script reloaded", log_str("script", scripts->path), log_int("seed", vm_seed(vm)));
    warn_of_changes(before, vm);
    answer_with(scripts, vm);
    retire(scripts, retired, before);
    return true;
}

static void on_loaded(void *data, struct vm *vm, const struct err *err)
{
    struct scripts *scripts = data;
    scripts->loader = NULL;
    loop_timer_clear(scripts->start.loop, &scripts->patience);
    if (err) {
        keep_the_one_before(scripts, err->text);
        if (vm) {
            watch_vm(scripts, vm);
            vm_free(vm);
        }
    } else if (!scripts->is_forced && vm_digest(vm) == vm_digest(scripts->vm)) {
        vm_free(vm); /* a hint that was none: what the script remembers must not be lost for it */
    } else if (!replace(scripts, vm)) {
        keep_the_one_before(scripts, "no memory");
    }
    if (scripts->again)
        reload(scripts);
}

static void on_patience_over(struct timer *timer)
{
    struct scripts *scripts = container_of(timer, struct scripts, patience);
    loader_abandon(scripts->loader);
    scripts->loader = NULL;
    keep_the_one_before(scripts, "loading it is stuck and was given up");
    if (scripts->again)
        reload(scripts);
}

static void reload(struct scripts *scripts)
{
    scripts->again = scripts->loader != NULL;
    if (scripts->again || !scripts->path)
        return;
    scripts->loader =
        loader_start(scripts->start.loop, &scripts->options, scripts->path, on_loaded, scripts);
    if (!scripts->loader) {
        keep_the_one_before(scripts, "no memory");
        return;
    }
    scripts->patience.fn = on_patience_over;
    loop_timer_set(scripts->start.loop, &scripts->patience, 2 * scripts->options.handler_wall);
}

void scripts_reload(struct scripts *scripts)
{
    scripts->is_forced = true;
    reload(scripts);
}

static void on_changed(void *data)
{
    reload(data);
}

/* ---- a thread that is stuck ---- */

/* On the thread that takes the stuck one's place. Whichever vm it is stuck in, the others have lost
 * their thread, too. */
static void *take_over(void *data)
{
    struct scripts *scripts = data;
    struct vm *lost = scripts->vm;
    struct err err;
    pthread_setname_np(pthread_self(), "luacsi");
    struct vm *vm = load(scripts, EXIT_STUCK, &err);
    if (!vm) {
        log_error("No fresh state for the script", log_str("reason", err.text));
        _exit(EXIT_STUCK);
    }
    scripts->guard = watchdog_guard(scripts->watchdog);
    answer_with(scripts, vm);
    vm_abandon(lost);
    for (; scripts->retired; scripts->retired = scripts->retired->next)
        vm_abandon(scripts->retired->vm);
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
    scripts->watchdog = watchdog_start(start->io, scripts->options.handler_cpu + watchdog_margin,
                                       on_stuck, scripts, err);
    if (!scripts->watchdog)
        return -1;
    scripts->guard = watchdog_guard(scripts->watchdog);
    if (!scripts->guard)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for the watchdog");
    if (start->watch && scripts->path &&
        !(scripts->watch = watch_start(start->io, start->loop, on_changed, scripts, err)))
        return -1;
    answer_with(scripts, scripts->vm);
    return 0;
}

void scripts_driver_name(const struct scripts *scripts, char *name, size_t size)
{
    const struct method *method = catalog_method("GetPluginInfo");
    const struct handler *handler = vm_handler(scripts->vm, method);
    const struct prepared *prepared = handler->prepared;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    const ProtobufCMessage *info =
        prepared && prepared->status == STATUS_OK
            ? message_unpack(method->response->pb, GRPC_SLICE_START_PTR(prepared->bytes),
                             GRPC_SLICE_LENGTH(prepared->bytes), &arena)
            : NULL;
    snprintf(name, size, "%s",
             info ? ((const Csi__V1__GetPluginInfoResponse *)info)->name : "unknown");
    arena_fini(&arena);
}

void scripts_report(const struct scripts *scripts, struct status_report *report)
{
    report->script = scripts->path;
    report->loaded = scripts->loaded;
    report->reloads = (int64_t)scripts->reloads;
    report->failed_reloads = (int64_t)scripts->failed;
    report->failed = scripts->last_failed;
    report->last_error = scripts->last_error;
    report->abandoned_threads = (int64_t)atomic_load(&scripts->stuck);
    const struct vm_report vm = vm_report(scripts->vm);
    report->tasks = vm.tasks;
    report->suspended_tasks = vm.suspended;
    report->background_failures = vm.failures;
    report->lua_memory = vm.memory;
    report->handler_cpu = vm.cpu;
    report->checks_up = vm.checks_up;
    report->checks_not_up = vm.checks - vm.checks_up;
}

void scripts_stop(struct scripts *scripts)
{
    if (scripts->loader)
        loader_abandon(scripts->loader);
    scripts->loader = NULL;
    if (scripts->start.loop) {
        loop_timer_clear(scripts->start.loop, &scripts->patience);
        vm_cancel_tasks(scripts->vm, STATUS_UNAVAILABLE, "the server stops");
        while (scripts->retired)
            vm_cancel_tasks(scripts->retired->vm, STATUS_UNAVAILABLE, "the server stops");
        watch_stop(scripts->watch);
        watchdog_stop(scripts->watchdog);
    }
    vm_free(scripts->vm);
    scripts->vm = NULL;
}

void scripts_free(struct scripts *scripts)
{
    if (!scripts)
        return;
    watch_free(scripts->watch);
    watchdog_free(scripts->watchdog);
    free(scripts);
}
