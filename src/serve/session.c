/* Owns the vm that answers, those that it replaced until their last task is done, and the load that
 * may bring the next one. */
#include "serve/session.h"

#include "base/log.h"
#include "csi/catalog.h"
#include "script/prepared.h"
#include "serve/loader.h"
#include "serve/patience.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A vm that was replaced, until what is under way in it is done. */
struct retired {
    struct vm *vm;
    struct session *session;
    struct retired *next;
};

struct session {
    struct session_options options;
    char name[SESSION_NAME];
    struct source *source; /* of vm */
    struct loop *loop;     /* these three from session_start on */
    struct iothread *io;
    struct guard *guard;
    struct vm *vm;           /* NULL before the first load */
    struct vm *fresh;        /* from session_load to session_start */
    struct retired *retired; /* newest first */

    struct loader *loader;          /* NULL: no load is under way */
    struct source *loading;         /* what it loads */
    struct session_change *change;  /* who asked for it; NULL: nobody, or gone since */
    struct session_change *changes; /* that come behind it, oldest first */
    bool counts;                    /* the load under way counts even if nothing has changed */
    bool reload;                    /* asked for since it began */
    bool reload_counts;             /* and that one counts in the same way */
    struct timer patience;          /* set while a load is under way: a script may hang in it */
    void (*ended)(void *data);      /* session_end was called, and a load is still under way */
    void *data;                     /* for ended */
    time_t loaded;                  /* when the script that serves was taken over */
    char last_error[ERR_TEXT];      /* of the last load; empty when it was taken over */
    uint64_t reloads;               /* that were taken over */
    uint64_t failed;                /* that were not */
    time_t last_failed;             /* when; 0: never */
};

struct session *session_new(const struct session_options *options, struct source *source,
                            struct err *err)
{
    struct session *session = calloc(1, sizeof(*session));
    if (!session) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a session");
        return NULL;
    }
    session->options = *options;
    snprintf(session->name, sizeof(session->name), "%s", options->name);
    session->source = source_ref(source);
    return session;
}

int session_load(struct session *session, int exit_code, struct err *err)
{
    struct patience patience = {
        .limit = 2 * session->options.vm.handler_wall,
        .text = "Loading the script is stuck inside one C function, the process ends",
        .exit_code = exit_code,
    };
    struct vm *vm;
    patience_begin(&patience);
    int failed = source_load(session->source, &session->options.vm, &vm, err);
    if (failed && vm)
        vm_free(vm);
    else
        session->fresh = vm;
    patience_end(&patience);
    return failed;
}

/* ---- questions ---- */

const char *session_name(const struct session *session)
{
    return session->name;
}

struct vm *session_vm(const struct session *session)
{
    return session->fresh ? session->fresh : session->vm;
}

bool session_has_file(const struct session *session)
{
    return source_is_file(session->source);
}

struct journal *session_journal(const struct session *session)
{
    return session->options.journal;
}

struct store *session_store(const struct session *session)
{
    return session->options.vm.store;
}

/* ---- taking over ---- */

static void on_idle(void *data)
{
    struct retired *retired = data;
    struct retired **place = &retired->session->retired;
    while (*place != retired)
        place = &(*place)->next;
    *place = retired->next;
    vm_free(retired->vm);
    free(retired);
}

static void retire(struct session *session, struct retired *retired, struct vm *vm)
{
    *retired = (struct retired){.vm = vm, .session = session, .next = session->retired};
    session->retired = retired;
    vm_retire(vm, on_idle, retired);
}

static void answer_with(struct session *session, struct vm *vm)
{
    session->loaded = time(NULL);
    session->last_error[0] = '\0';
    session->vm = vm;
    vm_start(vm, session->loop, session->io, session->guard);
    if (session->options.taken)
        session->options.taken(session->options.data, session);
}

void session_begin(struct session *session, struct loop *loop, struct iothread *io,
                   struct guard *guard)
{
    session->loop = loop;
    session->io = io;
    session->guard = guard;
}

void session_start(struct session *session, struct loop *loop, struct iothread *io,
                   struct guard *guard)
{
    struct vm *lost = session->vm;
    session_begin(session, loop, io, guard);
    answer_with(session, session->fresh);
    session->fresh = NULL;
    if (!lost)
        return;
    vm_abandon(lost);
    for (; session->retired; session->retired = session->retired->next)
        vm_abandon(session->retired->vm);
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

/* False, and the vm is gone, when memory is short. */
static bool replace(struct session *session, struct vm *vm)
{
    struct vm *before = session->vm;
    struct retired *retired = before ? malloc(sizeof(*retired)) : NULL;
    if (before && !retired) {
        vm_free(vm);
        return false;
    }
    const char *script = source_name(session->loading);
    source_unref(session->source);
    session->source = source_ref(session->loading);
    if (!before) {
        answer_with(session, vm);
        return true;
    }
    session->reloads++;
    log_info("Script reloaded", log_str("script", script ? script : "built-in"),
             log_int("seed", vm_seed(vm)),
             log_if("session", session->name[0] ? session->name : NULL));
    warn_of_changes(before, vm);
    answer_with(session, vm);
    retire(session, retired, before);
    return true;
}

/* ---- loading ---- */

static void load_next(struct session *session);

static void keep_the_one_before(struct session *session, const struct err *err)
{
    session->failed++;
    session->last_failed = time(NULL);
    snprintf(session->last_error, sizeof(session->last_error), "%s", err->text);
    log_error("Script not reloaded, the one before goes on", log_str("reason", err->text),
              log_if("session", session->name[0] ? session->name : NULL));
}

/* The load under way is over. err NULL: it went well. */
static void end_load(struct session *session, const struct err *err)
{
    struct session_change *change = session->change;
    bool goes_on = session->vm != NULL; /* else who asked for it gives it up */
    loop_timer_clear(session->loop, &session->patience);
    source_unref(session->loading);
    session->loader = NULL;
    session->loading = NULL;
    session->change = NULL;
    if (err && goes_on)
        keep_the_one_before(session, err);
    if (change)
        change->done(change, err);
    else
        session->reload_counts = session->reload_counts || (err && session->counts);
    if (goes_on)
        load_next(session);
}

static void on_loaded(void *data, struct vm *vm, const struct err *err)
{
    struct session *session = data;
    static const struct err no_memory = {.code = STATUS_RESOURCE_EXHAUSTED, .text = "no memory"};
    if (session->ended) {
        if (vm)
            vm_free(vm);
        session->loader = NULL;
        loop_timer_clear(session->loop, &session->patience);
        session->ended(session->data);
        session_free(session);
        return;
    }
    if (err) {
        if (vm && session->options.refused && session->loading == session->source)
            session->options.refused(session->options.data, session, vm);
        if (vm)
            vm_free(vm);
    } else if (!session->counts && vm_digest(vm) == vm_digest(session->vm)) {
        vm_free(vm); /* a hint that was none: what the script remembers must not be lost for it */
    } else if (!replace(session, vm)) {
        err = &no_memory;
    }
    end_load(session, err);
}

/* A session that has ended is never freed then: the thread that is stuck may use its memory. */
static void on_patience_over(struct timer *timer)
{
    struct session *session = container_of(timer, struct session, patience);
    struct err err;
    loader_abandon(session->loader);
    if (session->ended)
        return;
    err_set(&err, STATUS_DEADLINE_EXCEEDED, "loading it is stuck and was given up");
    end_load(session, &err);
}

/* Starts to load source, whose reference it takes. */
static void load(struct session *session, struct source *source)
{
    struct err err;
    session->loading = source;
    session->loader = loader_start(session->loop, &session->options.vm, source, on_loaded, session);
    if (!session->loader) {
        err_set(&err, STATUS_RESOURCE_EXHAUSTED, "no memory");
        end_load(session, &err);
        return;
    }
    session->patience.fn = on_patience_over;
    loop_timer_set(session->loop, &session->patience, 2 * session->options.vm.handler_wall);
}

/* What the change makes of the source. NULL and err when it makes no sense. */
static struct source *changed_source(const struct session *session,
                                     const struct session_change *change, struct err *err)
{
    switch (change->kind) {
    case SESSION_RELOAD:
        break;
    case SESSION_TEXT:
        return source_with_text(session->source, change->name, change->text, change->size, err);
    case SESSION_FILE:
        return source_with_text(session->source, NULL, NULL, 0, err);
    case SESSION_SETTING:
        return source_with_setting(session->source, change->name, change->text, err);
    }
    return source_ref(session->source);
}

/* The oldest change first; then a reload that nobody waits for. */
static void load_next(struct session *session)
{
    struct session_change *change = session->changes;
    bool goes_on = session->vm != NULL; /* as in end_load */
    struct err err;
    if (session->loader)
        return;
    if (!change) {
        if (!session->reload)
            return;
        session->counts = session->reload_counts;
        session->reload = session->reload_counts = false;
        load(session, source_ref(session->source));
        return;
    }
    session->changes = change->next;
    struct source *source = changed_source(session, change, &err);
    if (!source) {
        change->done(change, &err);
        if (goes_on)
            load_next(session);
        return;
    }
    session->counts = true;
    session->change = change;
    load(session, source);
}

void session_change(struct session *session, struct session_change *change)
{
    struct session_change **last = &session->changes;
    while (*last)
        last = &(*last)->next;
    change->next = NULL;
    *last = change;
    load_next(session);
}

void session_forget(struct session *session, const struct session_change *change)
{
    struct session_change **place = &session->changes;
    if (session->change == change) {
        session->change = NULL;
        return;
    }
    while (*place && *place != change)
        place = &(*place)->next;
    if (*place)
        *place = change->next;
}

void session_reload(struct session *session, bool forced)
{
    session->reload = true;
    session->reload_counts = session->reload_counts || forced;
    load_next(session);
}

/* ---- the end ---- */

static void refuse_changes(struct session *session, int status, const char *message)
{
    struct err err;
    err_set(&err, status, "%s", message);
    if (session->change) { /* nobody waits for the load under way any more */
        session->change->next = session->changes;
        session->changes = session->change;
        session->change = NULL;
    }
    while (session->changes) {
        struct session_change *change = session->changes;
        session->changes = change->next;
        change->done(change, &err);
    }
}

static void end_tasks(struct session *session, int status, const char *message)
{
    if (session->vm)
        vm_cancel_tasks(session->vm, status, message);
    while (session->retired)
        vm_cancel_tasks(session->retired->vm, status, message);
    if (session->vm)
        vm_free(session->vm);
    session->vm = NULL;
}

void session_end(struct session *session, int status, const char *message,
                 void (*ended)(void *data), void *data)
{
    refuse_changes(session, status, message);
    end_tasks(session, status, message);
    if (session->loader) {
        session->ended = ended;
        session->data = data;
        return;
    }
    ended(data);
    session_free(session);
}

void session_stop(struct session *session)
{
    static const char stops[] = "the server stops";
    if (session->loader)
        loader_abandon(session->loader);
    session->loader = NULL;
    if (session->loop) {
        loop_timer_clear(session->loop, &session->patience);
        end_tasks(session, STATUS_UNAVAILABLE, stops);
    }
    if (session_vm(session)) /* it did not start */
        vm_free(session_vm(session));
    session->fresh = session->vm = NULL;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    source_unref(session->loading);
    source_unref(session->source);
    free(session);
}

void session_report(const struct session *session, struct status_report *report)
{
    report->script = source_name(session->source);
    report->loaded = session->loaded;
    report->reloads = (int64_t)session->reloads;
    report->failed_reloads = (int64_t)session->failed;
    report->failed = session->last_failed;
    report->last_error = session->last_error;
}

void session_add_report(const struct session *session, struct status_report *report)
{
    const struct vm_report vm = vm_report(session->vm);
    report->tasks += vm.tasks;
    report->suspended_tasks += vm.suspended;
    report->background_failures += vm.failures;
    report->lua_memory += vm.memory;
    report->handler_cpu += vm.cpu;
    report->checks_up += vm.checks_up;
    report->checks_not_up += vm.checks - vm.checks_up;
}
