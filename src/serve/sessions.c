/* Owns the list of sessions, and the stores of those with a name. */
#include "serve/sessions.h"

#include "io/store.h"
#include "serve/journal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct named {
    struct named *next; /* of either list */
    struct sessions *sessions;
    struct session *session;
    struct store *store;                /* NULL: of the process's session, which does not own it */
    struct journal *journal;            /* NULL: no calls are kept */
    struct session_change change;       /* its first load */
    struct sessions_creation *for_whom; /* that waits for it; NULL: nobody, or gone since */
    bool is_ready;
};

struct sessions {
    struct sessions_options options;
    struct source *source; /* what a new one begins with */
    struct loop *loop;     /* these three from sessions_start on */
    struct iothread *io;
    struct guard *guard;
    struct named *first;  /* the process's, then those with a name, oldest first */
    struct named *ending; /* for whose last load we wait */
    size_t n_named;       /* in the first list */
};

/* ---- the lists ---- */

static void append(struct sessions *sessions, struct named *named)
{
    struct named **last = &sessions->first;
    while (*last)
        last = &(*last)->next;
    *last = named;
}

static void take_out(struct named **list, const struct named *named)
{
    while (*list != named)
        list = &(*list)->next;
    *list = named->next;
}

/* Also one that is not yet loaded. */
static struct named *find(const struct sessions *sessions, const char *name, size_t n)
{
    struct named *named = sessions->first;
    while (named && (strncmp(session_name(named->session), name, n) != 0 ||
                     session_name(named->session)[n] != '\0'))
        named = named->next;
    return named;
}

static void free_named(struct named *named)
{
    store_free(named->store);
    journal_unref(named->journal);
    free(named);
}

static int no_memory(struct err *err)
{
    return err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for a session");
}

static int fill(struct named *named, const char *name, struct err *err)
{
    const struct sessions_options *all = &named->sessions->options;
    struct session_options options = {
        .name = name,
        .vm = all->vm,
        .taken = all->taken,
        .refused = all->refused,
        .data = all->data,
    };
    if (all->calls > 0 && !(named->journal = journal_new(all->calls)))
        return no_memory(err);
    options.journal = named->journal;
    if (name[0] && !(named->store = store_new(err)))
        return -1;
    if (named->store)
        options.vm.store = named->store;
    named->session = session_new(&options, named->sessions->source, err);
    return named->session ? 0 : -1;
}

static struct named *make(struct sessions *sessions, const char *name, struct err *err)
{
    struct named *named = calloc(1, sizeof(*named));
    if (!named) {
        no_memory(err);
        return NULL;
    }
    named->sessions = sessions;
    if (fill(named, name, err)) {
        free_named(named);
        return NULL;
    }
    return named;
}

struct sessions *sessions_new(const struct sessions_options *options, struct err *err)
{
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions) {
        err_set(err, STATUS_RESOURCE_EXHAUSTED, "no memory for sessions");
        return NULL;
    }
    sessions->options = *options;
    sessions->source = source_new(&options->vm, options->script, err);
    sessions->first = sessions->source ? make(sessions, "", err) : NULL;
    if (!sessions->first) {
        sessions_free(sessions);
        return NULL;
    }
    sessions->first->is_ready = true;
    return sessions;
}

/* ---- all of them ---- */

int sessions_load(struct sessions *sessions, int exit_code, struct err *err)
{
    for (struct named *named = sessions->first; named; named = named->next) {
        if (named->is_ready && session_load(named->session, exit_code, err))
            return -1;
    }
    return 0;
}

void sessions_start(struct sessions *sessions, struct loop *loop, struct iothread *io,
                    struct guard *guard)
{
    sessions->loop = loop;
    sessions->io = io;
    sessions->guard = guard;
    for (struct named *named = sessions->first; named; named = named->next) {
        if (named->is_ready)
            session_start(named->session, loop, io, guard);
        else
            session_begin(named->session, loop, io, guard);
    }
}

struct session *sessions_main(const struct sessions *sessions)
{
    return sessions->first->session;
}

struct session *sessions_find(const struct sessions *sessions, const char *name, size_t n)
{
    const struct named *named = find(sessions, name, n);
    return named && named->is_ready ? named->session : NULL;
}

size_t sessions_count(const struct sessions *sessions)
{
    size_t n = 0;
    for (const struct named *named = sessions->first->next; named; named = named->next)
        n += named->is_ready;
    return n;
}

struct session *sessions_next(const struct sessions *sessions, const struct session *session)
{
    const struct named *named = sessions->first;
    while (session && named->session != session)
        named = named->next;
    named = session ? named->next : named;
    while (named && !named->is_ready)
        named = named->next;
    return named ? named->session : NULL;
}

/* ---- one more, one less ---- */

static bool is_name(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n >= SESSION_NAME)
        return false;
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("._/-", *c))
            return false;
    }
    return true;
}

static int check_new(const struct sessions *sessions, const char *name, struct err *err)
{
    if (!is_name(name))
        return err_set(
            err, STATUS_INVALID_ARGUMENT,
            "expected a session's name of at most %d letters, digits, \".\", \"_\", \"/\" "
            "and \"-\", got \"%.150s\"",
            SESSION_NAME - 1, name);
    if (find(sessions, name, strlen(name)))
        return err_set(err, STATUS_ALREADY_EXISTS, "there is a session \"%s\" already", name);
    if (sessions->n_named == sessions->options.most)
        return err_set(err, STATUS_RESOURCE_EXHAUSTED,
                       "there are %zu sessions, which is all that --sessions allows; end one",
                       sessions->n_named);
    return 0;
}

static void on_ended(void *data)
{
    struct named *named = data;
    take_out(&named->sessions->ending, named);
    free_named(named);
}

static void end(struct named *named, int status, const char *message)
{
    struct sessions *sessions = named->sessions;
    take_out(&sessions->first, named);
    sessions->n_named--;
    named->next = sessions->ending;
    sessions->ending = named;
    if (named->journal)
        journal_close(named->journal);
    session_end(named->session, status, message, on_ended, named);
}

/* The first load of a session is over. */
static void on_created(struct session_change *change, const struct err *err)
{
    struct named *named = container_of(change, struct named, change);
    struct sessions_creation *creation = named->for_whom;
    named->for_whom = NULL;
    named->is_ready = !err;
    if (err)
        end(named, STATUS_ABORTED, "it did not begin");
    if (creation)
        creation->done(creation, err);
}

void sessions_create(struct sessions *sessions, const char *name,
                     struct sessions_creation *creation)
{
    struct err err;
    struct named *named = check_new(sessions, name, &err) ? NULL : make(sessions, name, &err);
    if (!named) {
        creation->done(creation, &err);
        return;
    }
    named->change = creation->change;
    named->change.done = on_created;
    named->for_whom = creation;
    creation->named = named;
    append(sessions, named);
    sessions->n_named++;
    session_begin(named->session, sessions->loop, sessions->io, sessions->guard);
    session_change(named->session, &named->change);
}

void sessions_forget(struct sessions_creation *creation)
{
    creation->named->for_whom = NULL;
}

int sessions_end(struct sessions *sessions, const char *name, struct err *err)
{
    struct named *named = name[0] ? find(sessions, name, strlen(name)) : NULL;
    if (!named || !named->is_ready)
        return err_set(err, STATUS_NOT_FOUND, "there is no session \"%.80s\"", name);
    end(named, STATUS_UNAVAILABLE, "the session has ended");
    return 0;
}

/* ---- the end ---- */

void sessions_stop(struct sessions *sessions)
{
    for (struct named *named = sessions->first; named; named = named->next)
        session_stop(named->session);
    for (struct named *named = sessions->ending; named; named = named->next)
        session_stop(named->session);
}

/* Those whose last load is still under way are left: it uses their memory. */
void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    for (struct named *named = sessions->first, *next; named; named = next) {
        next = named->next;
        session_free(named->session);
        free_named(named);
    }
    source_unref(sessions->source);
    free(sessions);
}
