/* All sessions: that of the process, without a name, and those that luacsi.v1.Control made. Loop
 * thread. */
#ifndef LUACSI_SERVE_SESSIONS_H
#define LUACSI_SERVE_SESSIONS_H

#include "serve/session.h"

struct sessions;

struct sessions_options {
    struct vm_options vm; /* of each; the store is that of the process's session */
    const char *script;   /* path; NULL: the built-in identity */
    size_t most;          /* with a name, at once */
    size_t calls;         /* that are kept of each; 0: none, there are no journals */
    /* As in session_options. */
    void (*taken)(void *data, struct session *session);
    void (*refused)(void *data, struct session *session, const struct vm *vm);
    void *data;
};

/* With the process's session, yet to be loaded. What options point to is borrowed until
 * sessions_free. NULL and err: RESOURCE_EXHAUSTED. */
struct sessions *sessions_new(const struct sessions_options *options, struct err *err);

/* Loads all of them, as session_load. */
int sessions_load(struct sessions *sessions, int exit_code, struct err *err);

/* As session_start. */
void sessions_start(struct sessions *sessions, struct loop *loop, struct iothread *io,
                    struct guard *guard);

/* The process's. */
struct session *sessions_main(const struct sessions *sessions);

/* The one called name, of n bytes; with none, the process's. NULL: there is none, or it is not yet
 * loaded. */
struct session *sessions_find(const struct sessions *sessions, const char *name, size_t n);

/* Those with a name that have been loaded. */
size_t sessions_count(const struct sessions *sessions);

/* The next one behind session (NULL: the first, which is the process's) that has been loaded; NULL
 * behind the last. */
struct session *sessions_next(const struct sessions *sessions, const struct session *session);

/* Makes one with an empty store, as change says: its script is that of the process, or another
 * text. It is there once change->done says that all is well. ALREADY_EXISTS, RESOURCE_EXHAUSTED
 * when they are too many, INVALID_ARGUMENT when name is no name: letters, digits and "._/-", at
 * most SESSION_NAME - 1. */
struct sessions_creation {
    struct session_change change; /* kind and what belongs to it: SESSION_RELOAD, SESSION_TEXT */
    void (*done)(struct sessions_creation *creation, const struct err *err);
    struct named *named; /* sessions.c's own */
};

void sessions_create(struct sessions *sessions, const char *name,
                     struct sessions_creation *creation);

/* Who asked is gone: done is not called, the session comes to be all the same. */
void sessions_forget(struct sessions_creation *creation);

/* Ends it with what is under way in it. NOT_FOUND: there is none of that name. */
int sessions_end(struct sessions *sessions, const char *name, struct err *err);

/* As session_stop and session_free. */
void sessions_stop(struct sessions *sessions);
void sessions_free(struct sessions *sessions);

#endif
