/* One script that answers, and what takes its place: a reload, another text, another setting. The
 * process has one; with luacsi.v1.Control there may be more, each with a name, a Lua state and a
 * store of its own, so that tests do not see each other. Loop thread, where nothing else is said.
 */
#ifndef LUACSI_SERVE_SESSION_H
#define LUACSI_SERVE_SESSION_H

#include "base/err.h"
#include "io/iothread.h"
#include "io/loop.h"
#include "script/vm.h"
#include "serve/source.h"
#include "serve/status.h"

enum { SESSION_NAME = 128 }; /* bytes, with the NUL */

struct journal;
struct session;

struct session_options {
    const char *name;        /* copied; "" for that of the process */
    struct vm_options vm;    /* what it points to is borrowed until session_free; the store, too */
    struct journal *journal; /* where its calls are kept, borrowed as well; NULL: nowhere */
    /* A vm has been taken over, and has begun. NULL: nobody wants to know. */
    void (*taken)(void *data, struct session *session);
    /* The same script, loaded again into vm, cannot be taken over. NULL: nobody wants to know. */
    void (*refused)(void *data, struct session *session, const struct vm *vm);
    void *data;
};

/* With a reference to source, which is yet to be loaded. NULL and err: RESOURCE_EXHAUSTED. */
struct session *session_new(const struct session_options *options, struct source *source,
                            struct err *err);

/* Loads on the calling thread, for which nobody can stand in: when the script is stuck inside one C
 * function, the process ends with exit_code. -1 and err when the script cannot be used. */
int session_load(struct session *session, int exit_code, struct err *err);

/* The calling thread is the loop thread from now on, and what session_load brought answers. What
 * answered before, if anything, has lost its thread, and is abandoned: see vm_abandon. */
void session_start(struct session *session, struct loop *loop, struct iothread *io,
                   struct guard *guard);

/* The same for one that is yet to be loaded, by a change. */
void session_begin(struct session *session, struct loop *loop, struct iothread *io,
                   struct guard *guard);

const char *session_name(const struct session *session);

/* That answers now, or will when it has started; NULL before the first load. */
struct vm *session_vm(const struct session *session);

bool session_has_file(const struct session *session); /* as source_is_file */
struct journal *session_journal(const struct session *session);
struct store *session_store(const struct session *session);

/* ---- changes ---- */

enum session_change_kind {
    SESSION_RELOAD, /* the same in a fresh state */
    SESSION_TEXT,   /* a text in place of the file */
    SESSION_FILE,   /* the file again */
    SESSION_SETTING,
};

/* One change on its way; it lies with who asked for it until done is called. */
struct session_change {
    enum session_change_kind kind;
    const char *name; /* of a text, or of a setting; these three are borrowed until done */
    const char *text; /* of a script, or of a setting */
    size_t size;      /* of a script's text */
    /* err is NULL when it was taken over; else what was before goes on. */
    void (*done)(struct session_change *change, const struct err *err);
    struct session_change *next; /* session.c's own */
};

/* Loads what the change makes of the script, on a thread of its own and behind the changes that
 * were asked for before. done is called later, or at once where it cannot even begin. */
void session_change(struct session *session, struct session_change *change);

/* Who asked is gone: done is not called any more. What has begun goes on. */
void session_forget(struct session *session, const struct session_change *change);

/* Loads the same script again. forced: takes it over even if it is the same as before. */
void session_reload(struct session *session, bool forced);

/* ---- the end ---- */

/* Ends what is under way in it with this status, and gives it up: its memory is freed, at once or
 * when a load has ended. ended(data) is the last that is heard of it. message must outlive the
 * call. */
void session_end(struct session *session, int status, const char *message,
                 void (*ended)(void *data), void *data);

/* No further load, no background work, no tasks; before iothread_stop. Whoever still waits for a
 * change is not told. */
void session_stop(struct session *session);

/* After session_stop, or if it never started. NULL is allowed. */
void session_free(struct session *session);

/* Fills what is known of its script; adds what its Lua state holds and does. */
void session_report(const struct session *session, struct status_report *report);
void session_add_report(const struct session *session, struct status_report *report);

#endif
